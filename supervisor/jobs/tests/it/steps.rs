//! What happens to the steps of a job, forwards and backwards.

use std::time::Duration;

use orbitr_jobs::{Job, Pace};
use orbitr_model::{JobState, StepState};

use crate::world::{Act, Bench, Scripted, quick};

fn states(job: &Job) -> Vec<StepState> {
    job.steps.iter().map(|step| step.state).collect()
}

#[tokio::test]
async fn a_job_does_its_steps_in_order_and_succeeds() {
    let bench = Bench::new().await;
    let id = bench.add("a", &[Scripted::reversible(&[]), Scripted::for_good(&[]), Scripted::reversible(&[])]).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(states(&job), [StepState::Done; 3]);
    assert_eq!(bench.world.order(), ["a/s0", "a/s1", "a/s2"]);
    assert_eq!(bench.world.things().len(), 6);
    assert_eq!(bench.ends().await, [("a".into(), "succeeded".into())]);
    assert!(job.queued <= job.started.unwrap() && job.started <= job.ended);
    assert!(job.steps.iter().all(|step| step.attempts == 1 && step.started <= step.ended && step.ended.is_some()));
}

#[tokio::test]
async fn a_job_without_steps_succeeds() {
    let bench = Bench::new().await;
    let id = bench.add("a", &[]).await;
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test]
async fn a_failing_step_is_undone_with_all_before_it_last_one_first() {
    let bench = Bench::new().await;
    let steps = [Scripted::reversible(&[]), Scripted::reversible(&[Act::HalfThenFail]), Scripted::reversible(&[])];
    let id = bench.add("a", &steps).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(states(&job), [StepState::Undone, StepState::Undone, StepState::Pending]);
    assert_eq!(job.problem.unwrap().code, "test-broken");
    assert_eq!(job.failed_step.as_deref(), Some("s1"));
    assert!(bench.world.things().is_empty());
    assert_eq!(bench.ends().await, [("a".into(), "failed".into())]);
    let log = bench.log(id).await;
    let (one, zero) = (log.find("taking back: Step s1").unwrap(), log.find("taking back: Step s0").unwrap());
    assert!(one < zero, "{log}");
}

#[tokio::test]
async fn an_error_that_waiting_helps_against_is_tried_again_five_times_in_all() {
    let bench = Bench::new().await;
    let helped = bench.add("a", &[Scripted::reversible(&[Act::FailForNow; 4])]).await;
    let job = bench.jobs.wait(helped).await.unwrap();
    assert_eq!((job.state, job.steps[0].attempts), (JobState::Succeeded, 5));
    let not = bench.add("b", &[Scripted::reversible(&[Act::FailForNow; 5])]).await;
    let job = bench.jobs.wait(not).await.unwrap();
    assert_eq!((job.state, job.steps[0].attempts), (JobState::Failed, 5));
    assert_eq!(job.problem.unwrap().code, "test-busy");
}

#[tokio::test]
async fn after_a_step_for_good_began_errors_are_tried_again_until_they_are_gone() {
    let bench = Bench::new().await;
    let steps =
        [Scripted::reversible(&[]), Scripted::for_good(&[Act::Fail; 8]), Scripted::reversible(&[Act::Panic; 7])];
    let id = bench.add("a", &steps).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded);
    assert_eq!(bench.world.things().len(), 6);
    assert_eq!((job.steps[1].attempts, job.steps[2].attempts), (9, 8));
}

#[tokio::test]
async fn while_it_waits_for_the_next_try_the_reason_is_shown() {
    let bench = Bench::paced(Pace { first_wait: Duration::from_secs(8), ..Pace::default() }).await;
    let id = bench.add("a", &[Scripted::for_good(&[Act::Fail])]).await;
    loop {
        let job = bench.jobs.get(id).await.unwrap().unwrap();
        if !job.message.is_empty() {
            assert_eq!(job.message, "It is broken. Trying again in 8 seconds.");
            assert_eq!((job.state, bench.jobs.active()), (JobState::Running, 1));
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_step_that_passes_its_limit_fails_even_if_it_does_not_listen_or_lies() {
    for act in [Act::Hang, Act::HalfUntilStopped, Act::HalfUntilStoppedThenLie] {
        let bench = Bench::new().await;
        bench.jobs.park().await;
        let play = crate::world::Play { world: bench.world.clone(), limit: Duration::from_millis(30) };
        let builder = orbitr_jobs::Jobs::builder(bench.store.clone(), crate::world::logs(bench.dir.path()));
        let jobs = builder.kind(play).pace(quick()).start().await.unwrap();
        let id = bench.add("a", &[Scripted::reversible(&[]), Scripted::reversible(&[act])]).await;
        let job = jobs.wait(id).await.unwrap();
        assert_eq!(job.state, JobState::Failed, "{act:?}");
        assert_eq!(job.problem.unwrap().code, "job-step-time-limit");
        assert!(bench.world.things().is_empty());
    }
}

#[tokio::test]
async fn a_step_that_panics_has_failed() {
    let bench = Bench::new().await;
    let id = bench.add("a", &[Scripted::reversible(&[]), Scripted::reversible(&[Act::Panic])]).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!((job.state, job.problem.unwrap().code.as_str()), (JobState::Failed, "internal"));
    assert!(bench.world.things().is_empty());
}

#[tokio::test]
async fn an_undo_that_fails_is_tried_again() {
    let bench = Bench::new().await;
    let steps = [
        Scripted::reversible(&[]).undo(&[Act::Fail, Act::Panic, Act::HalfThenFail]),
        Scripted::reversible(&[Act::Fail]),
    ];
    let id = bench.add("a", &steps).await;
    assert_eq!(bench.jobs.wait(id).await.unwrap().state, JobState::Failed);
    assert!(bench.world.things().is_empty());
    assert_eq!(bench.world.tries("a/s0/undo"), 4);
}

#[tokio::test]
async fn an_undo_that_never_works_ends_the_job_after_twenty_tries_and_both_reasons_are_told() {
    let bench = Bench::new().await;
    let steps = [
        Scripted::reversible(&[]),
        Scripted::reversible(&[]).undo(&[Act::FailForNow; 30]),
        Scripted::reversible(&[Act::Fail]),
    ];
    let id = bench.add("a", &steps).await;
    let job = bench.jobs.wait(id).await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(states(&job), [StepState::Done, StepState::Failed, StepState::Undone]);
    assert_eq!(bench.world.tries("a/s1/undo"), 20);
    assert_eq!(bench.ends().await, [("a".into(), "failed, not undone".into())]);
    let problem = job.problem.unwrap();
    assert_eq!(problem.code, "job-undo-failed");
    assert!(problem.detail.contains("It is broken") && problem.detail.contains("It is busy"), "{problem}");
}

#[tokio::test]
async fn an_undo_is_given_up_when_its_time_is_over() {
    let bench = Bench::paced(Pace { undo_time: Duration::from_millis(1), ..quick() }).await;
    let steps = [Scripted::reversible(&[]).undo(&[Act::Fail; 30]), Scripted::reversible(&[Act::Fail])];
    let id = bench.add("a", &steps).await;
    assert_eq!(bench.jobs.wait(id).await.unwrap().problem.unwrap().code, "job-undo-failed");
    assert!(bench.world.tries("a/s0/undo") < 20);
}
