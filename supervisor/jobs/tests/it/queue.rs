//! Which jobs run when.

use std::time::Duration;

use orbitr_jobs::{NewJob, enqueue};
use orbitr_model::{Actor, JobState};
use orbitr_store as store;

use crate::world::{Act, Bench, Play, Script, Scripted};

#[tokio::test]
async fn jobs_with_one_lock_run_one_at_a_time_first_come_first_served() {
    let bench = Bench::new().await;
    let steps = [Scripted::reversible(&[Act::Gate]), Scripted::reversible(&[])];
    let mut ids = Vec::new();
    for key in ["a", "b", "c", "d"] {
        ids.push(bench.add_job(key, &steps, |job| job.on("blog".parse().unwrap())).await);
    }
    for (nth, id) in ids.iter().enumerate() {
        bench.until(|| bench.world.order().len() == nth * 2 + 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(bench.world.order().len(), nth * 2 + 1, "nobody else may begin");
        bench.world.gate.add_permits(1);
        assert_eq!(bench.jobs.wait(*id).await.unwrap().state, JobState::Succeeded);
    }
    assert_eq!(bench.world.order(), ["a/s0", "a/s1", "b/s0", "b/s1", "c/s0", "c/s1", "d/s0", "d/s1"]);
}

#[tokio::test]
async fn four_jobs_do_work_at_once_and_no_more() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for key in ["a", "b", "c", "d", "e", "f"] {
        ids.push(bench.add(key, &[Scripted::reversible(&[Act::Gate])]).await);
    }
    bench.until(|| bench.world.order().len() == 4).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!((bench.world.order().len(), bench.jobs.active()), (4, 4));
    bench.world.gate.add_permits(6);
    for id in ids {
        assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Succeeded);
    }
    bench.until(|| bench.jobs.active() == 0).await;
}

#[tokio::test]
async fn a_job_that_waits_for_its_next_try_keeps_no_other_from_working() {
    let bench = Bench::paced(orbitr_jobs::Pace { first_wait: Duration::from_secs(60), ..Default::default() }).await;
    for key in ["a", "b", "c", "d"] {
        bench.add(key, &[Scripted::reversible(&[Act::GateThenFailForNow])]).await;
    }
    bench.until(|| bench.world.order().len() == 4).await;
    let last = bench.add("e", &[Scripted::reversible(&[])]).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(bench.world.order().len(), 4);
    bench.world.gate.add_permits(1);
    let job = tokio::time::timeout(Duration::from_secs(10), bench.jobs.wait(last)).await.expect("it gets the place");
    assert_eq!(job.unwrap().state, JobState::Succeeded);
    bench.until(|| bench.jobs.active() == 4).await;
}

#[tokio::test]
async fn a_job_whose_lock_is_taken_keeps_no_other_from_beginning() {
    let bench = Bench::new().await;
    let holder = bench.add_job("a", &[Scripted::reversible(&[Act::Gate])], |job| job.lock("one")).await;
    let waiting = bench.add_job("b", &[Scripted::reversible(&[])], |job| job.lock("one")).await;
    let other = bench.add_job("c", &[Scripted::reversible(&[])], |job| job.lock("two")).await;
    let free = bench.add("d", &[Scripted::reversible(&[])]).await;
    for id in [other, free] {
        assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Succeeded);
    }
    assert_eq!(bench.jobs.get(waiting).await.unwrap().unwrap().state, JobState::Queued);
    bench.world.gate.add_permits(1);
    for id in [holder, waiting] {
        assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Succeeded);
    }
}

#[tokio::test]
async fn a_job_whose_transaction_is_rolled_back_was_never_there() {
    let bench = Bench::new().await;
    let script = Script { key: "a".into(), steps: vec![Scripted::reversible(&[])] };
    let job = NewJob::of::<Play>(&script, "Play a", Actor::Box).unwrap();
    let rolled_back: Result<(), orbitr_jobs::Error> = bench
        .store
        .write(move |tx| {
            enqueue(tx, job)?;
            Err(store::Error::Closed.into())
        })
        .await;
    assert!(rolled_back.is_err());
    bench.jobs.wake();
    let after = bench.add("b", &[Scripted::reversible(&[])]).await;
    bench.jobs.wait(after).await.unwrap();
    assert_eq!(bench.world.order(), ["b/s0"]);
}

#[tokio::test]
async fn a_kind_that_nobody_knows_fails_plainly() {
    let bench = Bench::new().await;
    let job = NewJob {
        kind: "gone.kind",
        args: serde_json::json!({}),
        title: "Do what nobody can".into(),
        actor: Actor::Box,
        app: None,
        also: None,
        lock: None,
    };
    let id = crate::world::add(&bench.store, job).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!((job.state, job.problem.unwrap().code.as_str()), (JobState::Failed, "job-kind-unknown"));
}

#[tokio::test]
async fn arguments_that_cannot_be_read_any_more_fail_plainly() {
    let bench = Bench::new().await;
    let job = NewJob {
        kind: "test.play",
        args: serde_json::json!({ "from": "an older release" }),
        title: "Play".into(),
        actor: Actor::Box,
        app: None,
        also: None,
        lock: None,
    };
    let id = crate::world::add(&bench.store, job).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!((job.state, job.problem.unwrap().code.as_str()), (JobState::Failed, "job-arguments-unreadable"));
}

#[tokio::test]
async fn two_kinds_of_one_name_are_a_defect_that_shows_at_the_start() {
    let bench = Bench::new().await;
    let play = || Play { world: bench.world.clone(), limit: Duration::from_secs(1) };
    let builder = orbitr_jobs::Jobs::builder(bench.store.clone(), bench.dir.path().join("other"));
    let started = builder.kind(play()).kind(play()).start().await;
    assert!(matches!(started, Err(orbitr_jobs::Error::KindTwice("test.play"))));
}
