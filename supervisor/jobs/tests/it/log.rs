//! Logs and progress: bounded, private, without secrets, and live.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use orbitr_jobs::{Jobs, Kind, LOG_MAX_BYTES, NewJob, Outcome, Step, StepContext, StepError};
use orbitr_model::{Actor, JobId, JobState, Timestamp, Topic};
use orbitr_store::{self as store, Store, Tx};
use tokio::sync::{Semaphore, broadcast::error::TryRecvError};

use crate::world::{add, logs, quick, whole_log};

/// What a step says: its closure gets the context.
type Speech = Arc<dyn Fn(&StepContext) + Send + Sync>;

/// A kind with two steps that say something, and wait at the gate in between.
struct Talk {
    speech: Speech,
    gate: Arc<Semaphore>,
    left_behind: Arc<Mutex<Option<StepContext>>>,
}

impl Kind for Talk {
    const NAME: &'static str = "test.talk";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        let limit = Duration::from_secs(60);
        ["talk", "rest"].map(|name| Step { name, title: name.into(), limit, reversible: true }).to_vec()
    }

    async fn run(&self, step: &str, cx: &StepContext, (): &()) -> Result<(), StepError> {
        if step == "talk" {
            (self.speech)(cx);
            *self.left_behind.lock().unwrap() = Some(cx.clone());
        } else if let Some(old) = self.left_behind.lock().unwrap().take() {
            old.progress(Some(0.9), "from a step that is over");
        }
        self.gate.acquire().await.unwrap().forget();
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, _: &mut Tx<'_>, (): &(), _: &Outcome) -> Result<(), store::Error> {
        Ok(())
    }
}

struct Talking {
    dir: tempfile::TempDir,
    store: Store,
    jobs: Jobs,
    gate: Arc<Semaphore>,
    id: JobId,
}

async fn talk(prepare: impl FnOnce(&Store), speech: impl Fn(&StepContext) + Send + Sync + 'static) -> Talking {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    prepare(&store);
    let gate = Arc::new(Semaphore::new(0));
    let kind = Talk { speech: Arc::new(speech), gate: gate.clone(), left_behind: Arc::default() };
    let jobs = Jobs::builder(store.clone(), logs(dir.path())).kind(kind).pace(quick()).start().await.unwrap();
    let id = add(&store, NewJob::of::<Talk>(&(), "Talk", Actor::Box).unwrap()).await;
    Talking { dir, store, jobs, gate, id }
}

impl Talking {
    async fn to_the_end(&self) -> String {
        self.gate.add_permits(2);
        assert_eq!(self.jobs.wait(self.id).await.unwrap().state, JobState::Succeeded);
        whole_log(&self.jobs, self.id).await
    }

    fn file(&self) -> std::path::PathBuf {
        logs(self.dir.path()).join(format!("{}.log", self.id))
    }
}

#[tokio::test]
async fn every_line_is_stamped_and_plain() {
    let talking = talk(|_| (), |cx| cx.log("one\ntwo\r\n\n\u{1b}[32mgreen\u{1b}[0m\tbell\u{7}")).await;
    let log = talking.to_the_end().await;
    let mut texts = Vec::new();
    for line in log.lines() {
        let (stamp, text) = line.split_once(' ').unwrap();
        assert!(stamp.parse::<Timestamp>().is_ok() && stamp.len() == "2026-11-22T09:58:00.123Z".len(), "{line}");
        texts.push(text);
    }
    assert_eq!(
        texts,
        [
            "Talk (test.talk), wanted by the box",
            "step 1 of 2: talk",
            "one",
            "two",
            "green bell",
            "step 2 of 2: rest",
            "done"
        ]
    );
}

#[tokio::test]
async fn a_known_secret_never_reaches_the_log_the_progress_or_the_database() {
    let secret = "correct-horse-battery";
    let speech = move |cx: &StepContext| {
        cx.log(&format!("password={secret}"));
        cx.log(&format!("pass\u{1b}[1mword={}\u{1b}[0m{}", &secret[..7], &secret[7..]));
        cx.progress(None, format!("uses {secret}"));
    };
    let talking = talk(|store| store.redactor().add(secret), speech).await;
    while talking.jobs.get(talking.id).await.unwrap().unwrap().message.is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(talking.jobs.get(talking.id).await.unwrap().unwrap().message, "uses «secret»");
    let log = talking.to_the_end().await;
    assert_eq!(log.matches("password=«secret»").count(), 2, "{log}");
    assert!(!fs::read_to_string(talking.file()).unwrap().contains(secret));
}

#[tokio::test]
async fn the_folder_and_the_logs_are_for_the_supervisor_only() {
    let talking = talk(|_| (), |cx| cx.log("hello")).await;
    talking.to_the_end().await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&logs(talking.dir.path())), mode(&talking.file())), (0o700, 0o600));
}

#[tokio::test]
async fn a_log_is_bounded_says_so_and_still_tells_the_end() {
    let line = "x".repeat(20_000);
    let talking = talk(|_| (), move |cx| (0..1000).for_each(|_| cx.log(&line))).await;
    let log = talking.to_the_end().await;
    assert!(log.len() as u64 <= LOG_MAX_BYTES && log.len() as u64 > LOG_MAX_BYTES / 2, "{}", log.len());
    assert_eq!(log.matches("this log is full").count(), 1);
    assert!(log.ends_with("done\n"));
    assert!(log.lines().all(|line| line.len() < 9000));
}

#[tokio::test]
async fn a_log_is_read_in_pieces_of_whole_lines() {
    let talking = talk(|_| (), |cx| (0..3000).for_each(|n| cx.log(&format!("line {n} «ünïcode»")))).await;
    let whole = talking.to_the_end().await;
    let (mut pieces, mut from) = (Vec::new(), 0);
    loop {
        let chunk = talking.jobs.log(talking.id, from, 1).await.unwrap();
        assert!(chunk.text.ends_with('\n') && chunk.text.len() <= 16 * 1024);
        assert_eq!(chunk.next, from + chunk.text.len() as u64);
        from = chunk.next;
        pieces.push(chunk.text);
        if chunk.ended {
            break;
        }
    }
    assert!(pieces.len() > 3);
    assert_eq!(pieces.concat(), whole);
    let at_once = talking.jobs.log(talking.id, 0, usize::MAX).await.unwrap();
    assert!(at_once.ended && at_once.text == whole);
    assert!(talking.jobs.log(talking.id, from + 1000, 1).await.unwrap().text.is_empty());
    assert!(matches!(talking.jobs.log(JobId::new(), 0, 1).await, Err(orbitr_jobs::Error::Unknown(_))));
}

#[tokio::test]
async fn a_reader_who_looks_only_when_told_sees_the_whole_log_and_its_end() {
    let talking = talk(|_| (), |cx| cx.log("hello")).await;
    let mut changes = talking.store.changes();
    talking.gate.add_permits(2);
    let (mut text, mut from) = (String::new(), 0);
    loop {
        let chunk = talking.jobs.log(talking.id, from, 0).await.unwrap();
        text.push_str(&chunk.text);
        from = chunk.next;
        if chunk.ended {
            break;
        }
        while changes.recv().await.unwrap() != Topic::Job(talking.id) {}
    }
    assert!(text.contains("hello") && text.ends_with("done\n"), "{text}");
}

#[tokio::test]
async fn a_line_that_a_crash_cut_short_is_not_continued() {
    let talking = talk(|_| (), |cx| cx.log("before")).await;
    while !fs::read_to_string(talking.file()).is_ok_and(|log| log.contains("before")) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    talking.jobs.park().await;
    fs::File::options().append(true).open(talking.file()).unwrap().write_all(b"2026-11-22T09:5").unwrap();
    let kind = Talk { speech: Arc::new(|_| ()), gate: talking.gate.clone(), left_behind: Arc::default() };
    let builder = Jobs::builder(talking.store.clone(), logs(talking.dir.path())).kind(kind);
    let jobs = builder.start().await.unwrap();
    talking.gate.add_permits(2);
    jobs.wait(talking.id).await.unwrap();
    let log = whole_log(&jobs, talking.id).await;
    assert!(log.contains("\n2026-11-22T09:5\n"), "{log}");
    assert!(log.contains("Z resumed after a restart of the supervisor\n"), "{log}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_does_not_stop_the_job() {
    let talking = talk(|_| (), |cx| cx.log("hello")).await;
    talking.to_the_end().await;
    fs::remove_dir_all(logs(talking.dir.path())).unwrap();
    let second = add(&talking.store, NewJob::of::<Talk>(&(), "Talk", Actor::Box).unwrap()).await;
    talking.gate.add_permits(2);
    assert_eq!(talking.jobs.wait(second).await.unwrap().state, JobState::Succeeded);
    assert_eq!(whole_log(&talking.jobs, second).await, "");
}

#[tokio::test]
async fn progress_is_live_at_most_ten_times_a_second_and_the_last_one_is_shown() {
    let speech = |cx: &StepContext| {
        let cx = cx.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                cx.progress(Some(f64::from(n) / 199.0), format!("layer {n}"));
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    };
    let began = tokio::time::Instant::now();
    let talking = talk(|_| (), speech).await;
    let mut changes = talking.store.changes();
    loop {
        let job = talking.jobs.get(talking.id).await.unwrap().unwrap();
        if job.progress == Some(1.0) {
            assert_eq!(job.message, "layer 199");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    let mut heard = 0;
    loop {
        match changes.try_recv() {
            Ok(topic) => heard += u128::from(topic == Topic::Job(talking.id)),
            Err(TryRecvError::Empty) => break,
            Err(error) => panic!("{error}"),
        }
    }
    // Besides the progress: the rows of beginning the job and its step.
    assert!((2..=began.elapsed().as_millis() / 100 + 5).contains(&heard), "{heard}");
}

#[tokio::test]
async fn progress_belongs_to_its_step_and_stays_within_its_bounds() {
    let talking = talk(|_| (), |cx| cx.progress(Some(7.5), "too\nfar ".repeat(100))).await;
    loop {
        let job = talking.jobs.get(talking.id).await.unwrap().unwrap();
        if job.progress.is_some() {
            assert_eq!(job.progress, Some(1.0));
            assert!(job.message.len() <= 300 && !job.message.contains('\n'));
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    talking.gate.add_permits(1);
    loop {
        let job = talking.jobs.get(talking.id).await.unwrap().unwrap();
        if job.steps[1].started.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let job = talking.jobs.get(talking.id).await.unwrap().unwrap();
            assert_eq!((job.progress, job.message.as_str()), (None, ""));
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let log = talking.to_the_end().await;
    assert!(log.ends_with("done\n"));
}
