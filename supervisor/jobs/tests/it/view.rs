//! What readers see: lists, filters, ownership, how long it is kept.

use orbitr_jobs::{Belongs, Filter, NewJob, Pace, Visible, belongs, unfinished};
use orbitr_model::{Actor, AppId, JobId, JobState, PageRequest, UserId};

use crate::world::{Act, Bench, Scripted, logs, quick};

fn app(id: &str) -> AppId {
    id.parse().unwrap()
}

fn by(user: UserId) -> impl Fn(NewJob) -> NewJob {
    move |job| NewJob { actor: Actor::User { id: user, name: "ada".parse().unwrap() }, ..job }
}

async fn titles(bench: &Bench, filter: Filter) -> Vec<String> {
    let page = bench.jobs.list(filter, &PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|job| job.title).collect()
}

#[tokio::test]
async fn lists_are_filtered_and_the_newest_come_first() {
    let bench = Bench::new().await;
    let ada = UserId::new();
    let (work, fail) = ([Scripted::reversible(&[])], [Scripted::reversible(&[Act::Fail])]);
    let a = bench.add_job("a", &work, |job| job.on(app("blog"))).await;
    bench.jobs.wait(a).await.unwrap();
    let b = bench.add_job("b", &fail, by(ada)).await;
    bench.jobs.wait(b).await.unwrap();
    let c = bench.add_job("c", &[Scripted::reversible(&[Act::Gate])], |job| job.on(app("shop"))).await;
    bench.until(|| bench.world.tries("c/s0") == 1).await;

    let all = Filter::default;
    assert_eq!(titles(&bench, all()).await, ["Play c", "Play b", "Play a"]);
    assert_eq!(titles(&bench, Filter { app: Some(app("blog")), ..all() }).await, ["Play a"]);
    assert_eq!(titles(&bench, Filter { state: Some(JobState::Failed), ..all() }).await, ["Play b"]);
    assert_eq!(titles(&bench, Filter { active: Some(true), ..all() }).await, ["Play c"]);
    assert_eq!(titles(&bench, Filter { active: Some(false), ..all() }).await, ["Play b", "Play a"]);
    assert_eq!(titles(&bench, Filter { owner: Some(ada), ..all() }).await, ["Play b"]);
    let visible = |apps: &[&str], owner| Filter {
        visible: Some(Visible { apps: apps.iter().map(|id| app(id)).collect(), owner }),
        ..all()
    };
    assert_eq!(titles(&bench, visible(&["shop", "none"], Some(ada))).await, ["Play c", "Play b"]);
    assert_eq!(titles(&bench, visible(&["blog"], None)).await, ["Play a"]);
    assert!(titles(&bench, visible(&[], Some(UserId::new()))).await.is_empty());

    let open = bench.store.read(move |conn| unfinished(conn, None)).await.unwrap();
    assert_eq!(open.iter().map(|job| (job.id, job.state)).collect::<Vec<_>>(), [(c, JobState::Running)]);
    let none = bench.store.read(move |conn| unfinished(conn, Some(&app("blog")))).await.unwrap();
    assert!(none.is_empty());
    let whose = |id| bench.store.read(move |conn| belongs(conn, id));
    assert_eq!(whose(b).await.unwrap(), Some(Belongs { app: None, owner: Some(ada) }));
    assert_eq!(whose(c).await.unwrap(), Some(Belongs { app: Some(app("shop")), owner: None }));
    assert_eq!(whose(JobId::new()).await.unwrap(), None);
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let bench = Bench::new().await;
    for key in ["a", "b", "c", "d", "e"] {
        let id = bench.add(key, &[Scripted::reversible(&[])]).await;
        bench.jobs.wait(id).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut request = PageRequest { cursor: None, limit: 2 };
    loop {
        let page = bench.jobs.list(Filter::default(), &request).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|job| job.title));
        request.cursor = page.next;
        if request.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["Play e", "Play d", "Play c", "Play b", "Play a"]);
    request.cursor = Some("'; DROP TABLE job".into());
    let wrong = bench.jobs.list(Filter::default(), &request).await.unwrap_err();
    assert_eq!(orbitr_model::Problem::from(wrong).status, 422);
}

#[tokio::test]
async fn only_the_newest_ended_jobs_are_kept_with_their_logs() {
    let bench = Bench::paced(Pace { kept: 3, ..quick() }).await;
    let waiting = bench.add("old", &[Scripted::reversible(&[Act::Gate])]).await;
    bench.until(|| bench.world.tries("old/s0") == 1).await;
    for key in ["a", "b", "c", "d", "e"] {
        let id = bench.add(key, &[Scripted::reversible(&[])]).await;
        bench.jobs.wait(id).await.unwrap();
    }
    assert_eq!(titles(&bench, Filter::default()).await, ["Play e", "Play d", "Play c", "Play old"]);
    bench.world.gate.add_permits(1);
    assert_eq!(bench.jobs.wait(waiting).await.unwrap().state, JobState::Succeeded, "what just ended is still there");
    bench.until(|| std::fs::read_dir(logs(bench.dir.path())).unwrap().count() == 4).await;
}

#[tokio::test]
async fn a_log_whose_job_is_forgotten_goes_at_the_next_start() {
    let bench = Bench::new().await;
    let id = bench.add("a", &[Scripted::reversible(&[])]).await;
    bench.jobs.wait(id).await.unwrap();
    bench.jobs.park().await;
    let (orphan, foreign) = (format!("{}.log", JobId::new()), "notes.txt".to_owned());
    for name in [&orphan, &foreign] {
        std::fs::write(logs(bench.dir.path()).join(name), "x").unwrap();
    }
    let _jobs = crate::world::start(&bench.store, bench.dir.path(), &bench.world, quick()).await;
    let exists = |name: &str| logs(bench.dir.path()).join(name).exists();
    assert!(!exists(&orphan) && exists(&foreign) && exists(&format!("{id}.log")));
}
