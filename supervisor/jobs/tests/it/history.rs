//! What a job did is history too.

use orbitr_model::{Actor, AppId};
use orbitr_store::Outcome;

use crate::world::{Act, Bench, Scripted, history};

#[tokio::test]
async fn each_end_is_one_line_of_history() {
    let bench = Bench::new().await;
    let app: AppId = "blog".parse().unwrap();
    let on = |job: orbitr_jobs::NewJob| job.on("blog".parse().unwrap());
    let good = bench.add_job("a", &[Scripted::reversible(&[])], on).await;
    bench.jobs.wait(good).await.unwrap();
    let bad = bench.add("b", &[Scripted::reversible(&[Act::Fail])]).await;
    bench.jobs.wait(bad).await.unwrap();
    let cancelled = bench.add("c", &[Scripted::reversible(&[Act::Hang])]).await;
    bench.until(|| bench.world.tries("c/s0") == 1).await;
    bench.cancel(cancelled).await.unwrap();
    bench.jobs.wait(cancelled).await.unwrap();

    let events = history(&bench.store, "job").await;
    let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["job.succeeded", "job.failed", "job.cancel", "job.cancelled"]);
    assert!(events.iter().all(|event| event.actor == Actor::Local { uid: 0 }));
    assert_eq!((events[0].subject.kind.as_str(), events[0].subject.id.as_str()), ("app", app.as_str()));
    assert_eq!(events[1].subject.kind, "box");
    assert_eq!(events[1].outcome, Outcome::Failed);
    let detail = &events[1].detail;
    assert_eq!(detail["job"], bad.to_string());
    assert_eq!(
        (&detail["kind"], &detail["step"], &detail["code"]),
        (&"test.play".into(), &"s0".into(), &"test-broken".into())
    );
}
