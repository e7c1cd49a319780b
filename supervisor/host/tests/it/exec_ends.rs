//! How programs end: whatever the reason, nothing of them is left.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use orbitr_host::exec::{Command, Error, Exit};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A script that writes the ids of its processes to `pids`, ignores being asked to end if it is told to,
/// and waits for a grandchild that would sleep for an hour.
fn family(dir: &Path, stubborn: bool) -> Command {
    let trap = if stubborn { "trap '' TERM; " } else { "" };
    let script = format!("{trap}sleep 3600 & echo $$ $! >pids.new; mv pids.new pids; wait; wait; sleep 3600");
    Command::new("sh").args(["-c", &script]).dir(dir)
}

async fn pids(dir: &Path) -> Vec<u32> {
    for _ in 0..200 {
        if let Ok(text) = std::fs::read_to_string(dir.join("pids")) {
            return text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("the family did not start");
}

/// Whether a process still does anything; one that is dead and not yet collected does not.
fn lives(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !matches!(stat.rsplit(')').next().unwrap().split_whitespace().next(), Some("Z" | "X")),
        Err(_) => false,
    }
}

async fn all_dead(pids: &[u32]) -> bool {
    for _ in 0..80 {
        if !pids.iter().any(|pid| lives(*pid)) {
            return true;
        }
        sleep(Duration::from_millis(25)).await;
    }
    false
}

#[tokio::test]
async fn a_cancelled_program_is_gone_with_its_children() {
    for stubborn in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let cancel = CancellationToken::new();
        let command = family(dir.path(), stubborn).grace(Duration::from_millis(300)).limit(Duration::from_secs(60));
        let running = tokio::spawn({
            let cancel = cancel.clone();
            async move { command.run(&cancel).await }
        });
        let family = pids(dir.path()).await;
        assert!(family.iter().all(|pid| lives(*pid)));
        cancel.cancel();
        let ended = running.await.unwrap();
        assert!(matches!(ended, Err(Error::Cancelled { .. })), "{ended:?}");
        assert!(all_dead(&family).await, "stubborn: {stubborn}");
    }
}

#[tokio::test]
async fn a_program_past_its_limit_is_gone_with_its_children_and_its_last_words_kept() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sleep 3600 & echo $$ $! >pids; echo waiting for the moon >&2; wait";
    let command = Command::new("sh").args(["-c", script]).dir(dir.path()).limit(Duration::from_millis(500));
    let began = Instant::now();
    let ended = command.run(&CancellationToken::new()).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    let Err(Error::TimedOut { stderr, .. }) = ended else { panic!("{ended:?}") };
    assert_eq!(stderr, "waiting for the moon");
    assert!(all_dead(&pids(dir.path()).await).await);
}

#[tokio::test]
async fn a_program_whose_caller_goes_away_is_gone_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let command = family(dir.path(), true).limit(Duration::from_secs(60));
    let running = tokio::spawn(async move { command.run(&CancellationToken::new()).await });
    let family = pids(dir.path()).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert!(all_dead(&family).await);
}

#[tokio::test]
async fn a_stray_child_that_holds_the_output_open_does_not_hold_us_up() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sleep 3600 & echo $! >pids; echo done";
    let began = Instant::now();
    let output = Command::new("sh").args(["-c", script]).dir(dir.path()).run(&CancellationToken::new()).await.unwrap();
    assert_eq!((output.status, output.stdout_text().as_ref()), (Exit::Code(0), "done\n"));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(all_dead(&pids(dir.path()).await).await);
}

#[tokio::test]
async fn a_program_may_say_its_last_words_when_it_is_asked_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'head -c 300000 /dev/zero; echo bye >last; exit 0' TERM; echo $$ >pids; sleep 3600 & wait";
    let cancel = CancellationToken::new();
    let command = Command::new("sh").args(["-c", script]).dir(dir.path());
    let running = tokio::spawn({
        let cancel = cancel.clone();
        async move { command.run(&cancel).await }
    });
    pids(dir.path()).await;
    cancel.cancel();
    assert!(running.await.unwrap().is_err());
    assert_eq!(std::fs::read_to_string(dir.path().join("last")).unwrap(), "bye\n");
}

#[tokio::test]
async fn nothing_is_started_for_a_caller_who_has_cancelled_already() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    let ended = Command::new("touch").arg("made").dir(dir.path()).run(&cancel).await;
    assert!(matches!(ended, Err(Error::Cancelled { .. })));
    assert!(!dir.path().join("made").exists());
}

#[tokio::test]
async fn a_program_killed_by_a_signal_says_so() {
    let output = Command::new("sh").args(["-c", "kill -9 $$"]).run(&CancellationToken::new()).await.unwrap();
    assert_eq!(output.status, Exit::Signal(9));
}
