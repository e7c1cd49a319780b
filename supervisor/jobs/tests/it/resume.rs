//! Crashes and shutdowns: the next start goes on, forwards or backwards, and says so.

use std::time::{Duration, Instant};

use orbitr_jobs::Jobs;
use orbitr_model::{JobState, StepState};
use orbitr_store::Store;

use crate::world::{Act, Bench, Scripted, Signal, When, ends, logs, quick, start, whole_log};

/// Drops the runner where it stands, and starts another one.
async fn crash(bench: Bench) -> Bench {
    let Bench { dir, store, world, asked, jobs } = bench;
    drop(jobs);
    let jobs = start(&store, dir.path(), &world, quick()).await;
    Bench { dir, store, world, asked, jobs }
}

#[tokio::test]
async fn after_a_crash_the_job_goes_on_from_its_step_and_says_so() {
    for when in [When::Before, When::Half, When::After] {
        let mut bench = Bench::new().await;
        let steps = [Scripted::reversible(&[]), Scripted::reversible(&[Act::Crash(when)]), Scripted::reversible(&[])];
        let id = bench.add("a", &steps).await;
        assert!(matches!(bench.asked.recv().await, Some(Signal::Crash)));
        let bench = crash(bench).await;
        let job = bench.jobs.wait(id).await.unwrap();
        assert_eq!((job.state, job.resumed), (JobState::Succeeded, 1));
        assert_eq!(bench.world.order(), ["a/s0", "a/s1", "a/s1", "a/s2"]);
        assert_eq!(bench.world.things().len(), 6);
        let log = bench.log(id).await;
        assert_eq!(log.matches("resumed after a restart of the supervisor").count(), 1, "{log}");
    }
}

#[tokio::test]
async fn after_a_crash_an_undo_goes_on() {
    let mut bench = Bench::new().await;
    let steps = [
        Scripted::reversible(&[]),
        Scripted::reversible(&[]).undo(&[Act::Crash(When::Half)]),
        Scripted::reversible(&[Act::HalfThenFail]),
    ];
    let id = bench.add("a", &steps).await;
    assert!(matches!(bench.asked.recv().await, Some(Signal::Crash)));
    let bench = crash(bench).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!((job.state, job.problem.unwrap().code.as_str()), (JobState::Failed, "test-broken"));
    assert!(bench.world.things().is_empty());
}

#[tokio::test]
async fn a_step_that_takes_the_supervisor_down_five_times_has_failed() {
    let mut bench = Bench::new().await;
    let steps = [Scripted::reversible(&[]), Scripted::reversible(&[Act::Crash(When::Half); 9])];
    let id = bench.add("a", &steps).await;
    for _ in 0..5 {
        assert!(matches!(bench.asked.recv().await, Some(Signal::Crash)));
        bench = crash(bench).await;
    }
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!((job.state, job.problem.unwrap().code.as_str()), (JobState::Failed, "job-step-restarts"));
    assert!(bench.world.things().is_empty());
    assert_eq!(bench.world.tries("a/s1"), 5);
}

#[tokio::test]
async fn a_step_for_good_that_takes_the_supervisor_down_is_begun_again_but_not_at_once() {
    let mut bench = Bench::new().await;
    let id = bench.add("a", &[Scripted::for_good(&[Act::Crash(When::Half); 7])]).await;
    for _ in 0..7 {
        assert!(matches!(bench.asked.recv().await, Some(Signal::Crash)));
        bench = crash(bench).await;
    }
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(bench.log(id).await.matches("it waits for 4 ms").count(), 3);
}

#[tokio::test]
async fn a_park_is_quick_and_the_next_start_goes_on() {
    for act in [Act::Hang, Act::HalfUntilStopped, Act::HalfUntilStoppedThenLie] {
        let bench = Bench::paced(orbitr_jobs::Pace::default()).await;
        let id = bench.add("a", &[Scripted::reversible(&[]), Scripted::reversible(&[act])]).await;
        bench.until(|| bench.world.tries("a/s1") == 1).await;
        let asked = Instant::now();
        bench.jobs.park().await;
        assert!(asked.elapsed() < Duration::from_secs(5), "{act:?}");
        assert_eq!(bench.jobs.active(), 0);
        let parked = bench.jobs.get(id).await.unwrap().unwrap();
        assert_eq!((parked.state, parked.steps[1].state), (JobState::Running, StepState::Running));
        assert_eq!(parked.steps[1].attempts, 0, "a clean stop is no crash");
        let bench = crash(bench).await;
        let job = bench.jobs.wait(id).await.unwrap();
        assert_eq!((job.state, job.resumed), (JobState::Succeeded, 1));
        assert_eq!(bench.world.things().len(), 4);
        assert!(bench.log(id).await.contains("stopped with the supervisor"));
    }
}

#[tokio::test]
async fn what_waits_in_the_queue_is_still_there_after_a_park() {
    let bench = Bench::new().await;
    bench.jobs.park().await;
    let id = bench.add("a", &[Scripted::reversible(&[])]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(bench.world.order().is_empty(), "after a park nothing begins");
    let bench = crash(bench).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!((job.state, job.resumed), (JobState::Succeeded, 0));
}

#[tokio::test]
async fn a_cancel_that_was_asked_for_before_a_crash_is_still_carried_out() {
    let bench = Bench::new().await;
    let id = bench.add("a", &[Scripted::reversible(&[]), Scripted::reversible(&[Act::Hang; 2])]).await;
    bench.until(|| bench.world.tries("a/s1") == 1).await;
    bench.cancel(id).await.unwrap();
    let bench = crash(bench).await;
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Cancelled);
    assert!(bench.world.things().is_empty());
}

#[tokio::test]
async fn an_unfinished_job_of_a_kind_that_is_gone_fails_plainly_and_frees_its_lock() {
    let bench = Bench::new().await;
    let on = |job: orbitr_jobs::NewJob| job.on("blog".parse().unwrap());
    let first = bench.add_job("a", &[Scripted::reversible(&[Act::Hang])], on).await;
    let second = bench.add_job("b", &[Scripted::reversible(&[])], on).await;
    bench.until(|| bench.world.tries("a/s0") == 1).await;
    bench.jobs.park().await;
    let without = Jobs::builder(bench.store.clone(), logs(bench.dir.path())).start().await.unwrap();
    for id in [first, second] {
        let job = without.wait(id).await.unwrap();
        assert_eq!((job.state, job.problem.unwrap().code.as_str()), (JobState::Failed, "job-kind-unknown"));
    }
}

#[tokio::test]
async fn a_job_survives_a_database_that_is_closed_and_opened_again() {
    let mut bench = Bench::new().await;
    let steps = [Scripted::reversible(&[]), Scripted::reversible(&[Act::Crash(When::Half)])];
    let id = bench.add("a", &steps).await;
    assert!(matches!(bench.asked.recv().await, Some(Signal::Crash)));
    let Bench { dir, store, world, asked: _asked, jobs } = bench;
    drop(jobs);
    store.close().await;
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    let jobs = start(&store, dir.path(), &world, quick()).await;
    assert_eq!(jobs.wait(id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(ends(&store).await.len(), 1);
    assert!(whole_log(&jobs, id).await.ends_with("done\n"));
}
