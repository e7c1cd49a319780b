//! Cancelling is real: what runs stops, what was done is undone.

use std::time::{Duration, Instant};

use orbitr_model::{JobId, JobState};

use crate::world::{Act, Bench, Scripted, history};

#[tokio::test]
async fn a_cancelled_job_is_undone() {
    for act in [Act::Hang, Act::HalfUntilStopped, Act::HalfUntilStoppedThenLie] {
        let bench = Bench::new().await;
        let id = bench.add("a", &[Scripted::reversible(&[]), Scripted::reversible(&[act])]).await;
        bench.until(|| bench.world.things().contains(&"a/s1.first".to_owned())).await;
        let asked = Instant::now();
        bench.cancel(id).await.unwrap();
        let job = bench.jobs.wait(id).await.unwrap();
        assert_eq!(job.state, JobState::Cancelled, "{act:?}");
        assert_eq!(job.problem, None);
        assert!(bench.world.things().is_empty());
        assert!(asked.elapsed() < Duration::from_secs(10), "the limit of 20 s is not waited for");
        assert_eq!(bench.ends().await, [("a".into(), "cancelled".into())]);
    }
}

#[tokio::test]
async fn a_job_that_has_not_begun_is_cancelled_at_once() {
    let bench = Bench::new().await;
    let first = bench.add_job("a", &[Scripted::reversible(&[Act::Gate])], |job| job.lock("one")).await;
    let second = bench.add_job("b", &[Scripted::reversible(&[])], |job| job.lock("one")).await;
    bench.cancel(second).await.unwrap();
    assert_eq!(bench.jobs.get(second).await.unwrap().unwrap().state, JobState::Cancelled);
    bench.world.gate.add_permits(1);
    assert_eq!(bench.jobs.wait(first).await.unwrap().state, JobState::Succeeded);
    assert_eq!(bench.world.order(), ["a/s0"]);
    assert_eq!(bench.ends().await, [("b".into(), "cancelled".into()), ("a".into(), "succeeded".into())]);
}

#[tokio::test]
async fn a_cancel_ends_the_wait_for_the_next_try() {
    let pace = orbitr_jobs::Pace { first_wait: Duration::from_secs(60), ..Default::default() };
    let bench = Bench::paced(pace).await;
    let id = bench.add("a", &[Scripted::reversible(&[Act::FailForNow])]).await;
    while bench.jobs.get(id).await.unwrap().unwrap().message.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.cancel(id).await.unwrap();
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Cancelled);
}

#[tokio::test]
async fn a_cancel_is_refused_in_plain_words_once_it_cannot_be_undone() {
    let bench = Bench::new().await;
    let id = bench.add("a", &[Scripted::for_good(&[Act::Gate]), Scripted::reversible(&[])]).await;
    bench.until(|| bench.world.order().len() == 1).await;
    let refused = bench.cancel(id).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (409, "job-past-cancel"));
    bench.world.gate.add_permits(1);
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(bench.cancel(id).await.unwrap_err().code, "job-ended");
    assert_eq!(bench.cancel(JobId::new()).await.unwrap_err().code, "job-not-found");
    assert!(history(&bench.store, "job.cancel").await.is_empty(), "what was refused is not history");
}

#[tokio::test]
async fn a_job_that_is_being_undone_cannot_be_cancelled() {
    let bench = Bench::new().await;
    let steps = [Scripted::reversible(&[]).undo(&[Act::Gate]), Scripted::reversible(&[Act::Fail])];
    let id = bench.add("a", &steps).await;
    bench.until(|| bench.world.tries("a/s0/undo") == 1).await;
    assert_eq!(bench.cancel(id).await.unwrap_err().code, "job-being-undone");
    bench.world.gate.add_permits(1);
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Failed);
}

#[tokio::test]
async fn cancelling_twice_is_cancelling_once() {
    let bench = Bench::new().await;
    let steps = [Scripted::reversible(&[]).undo(&[Act::Gate]), Scripted::reversible(&[Act::Hang])];
    let id = bench.add("a", &steps).await;
    bench.until(|| bench.world.tries("a/s1") == 1).await;
    bench.cancel(id).await.unwrap();
    bench.cancel(id).await.unwrap();
    assert!(bench.jobs.get(id).await.unwrap().unwrap().cancelling);
    bench.until(|| bench.world.tries("a/s0/undo") == 1).await;
    bench.cancel(id).await.unwrap();
    bench.world.gate.add_permits(1);
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Cancelled);
    assert_eq!(history(&bench.store, "job.cancel").await.len(), 1);
}
