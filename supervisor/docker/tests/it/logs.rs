//! What containers print.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use orbitr_docker::{ContainerId, Error, LogLine, LogRequest, Source, State, Tail};
use tokio::time::{sleep, timeout};

use crate::bench::{Bench, PATIENCE, bench};

impl Bench {
    async fn ended(&self, script: &str, tty: bool) -> ContainerId {
        let id = self.make_with("notes", script, |body| body.tty = Some(tty)).await;
        self.raw.start_container(id.as_str(), None).await.unwrap();
        self.until(&id, |one| one.state == State::Exited).await;
        id
    }

    async fn log(&self, id: &ContainerId, request: LogRequest) -> Vec<LogLine> {
        self.docker.logs(id, request).await.unwrap().try_collect().await.unwrap()
    }
}

fn texts(lines: &[LogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[tokio::test]
async fn both_outputs_come_apart_with_their_times() {
    bench(|bench| async move {
        let id = bench.ended("echo one; usleep 200000; echo two >&2; usleep 200000; printf '\\nno end'", false).await;
        let lines = bench.log(&id, LogRequest::default()).await;
        assert_eq!(texts(&lines), ["one", "two", "", "no end"]);
        let sources: Vec<_> = lines.iter().map(|line| line.source).collect();
        assert_eq!(sources, [Source::Stdout, Source::Stderr, Source::Stdout, Source::Stdout]);
        assert!(lines.is_sorted_by_key(|line| line.time.unwrap()));
        let only = bench.log(&id, LogRequest { stdout: false, ..LogRequest::default() }).await;
        assert_eq!(texts(&only), ["two"]);
        let last = bench.log(&id, LogRequest { tail: Tail::Lines(1), ..LogRequest::default() }).await;
        assert_eq!(texts(&last), ["no end"]);
        let since = LogRequest { since: lines[1].time, until: lines[2].time, ..LogRequest::default() };
        assert_eq!(texts(&bench.log(&id, since).await), ["two", ""]);
    })
    .await;
}

#[tokio::test]
async fn a_terminals_log_is_read_too() {
    bench(|bench| async move {
        let id = bench.ended("echo one; echo two >&2", true).await;
        let lines = bench.log(&id, LogRequest::default()).await;
        assert_eq!(texts(&lines), ["one", "two"]);
        assert!(lines.iter().all(|line| line.source == Source::Stdout && line.time.is_some()));
    })
    .await;
}

#[tokio::test]
async fn a_line_without_an_end_stays_within_bounds() {
    bench(|bench| async move {
        // a terminal's text does not say where a piece of a line begins, so the longest whole line is shorter there
        for (tty, longest) in [(false, 16384), (true, 16382)] {
            let fill = |length: usize| format!("head -c {length} /dev/zero | tr '\\0' x; echo");
            let script = &format!("{}; echo next; {}", fill(3_000_000), fill(longest));
            let id = bench.ended(script, tty).await;
            let lines = bench.log(&id, LogRequest::default()).await;
            let shape: Vec<_> = lines.iter().map(|line| (line.text.len(), line.cut)).collect();
            assert_eq!(shape, [(16384, true), (4, false), (longest, false)], "terminal: {tty}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_followed_log_goes_on_until_the_container_ends() {
    bench(|bench| async move {
        let id = bench.run("notes", "echo before; sleep 1; for i in 1 2 3; do echo $i; usleep 100000; done").await;
        let request = LogRequest { follow: true, ..LogRequest::default() };
        let lines = timeout(PATIENCE, bench.log(&id, request)).await.expect("it ends");
        assert_eq!(texts(&lines), ["before", "1", "2", "3"]);
    })
    .await;
}

#[tokio::test]
async fn a_log_that_says_nothing_can_be_followed_and_left() {
    bench(|bench| async move {
        let id = bench.run("notes", "sleep 600").await;
        let request = LogRequest { follow: true, tail: Tail::Lines(0), ..LogRequest::default() };
        let mut logs = timeout(Duration::from_secs(5), bench.docker.logs(&id, request)).await.expect("begins").unwrap();
        assert!(timeout(Duration::from_millis(500), logs.next()).await.is_err());
        let open = connections();
        drop(logs);
        for _ in 0..100 {
            if connections() < open {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the connection is still open");
    })
    .await;
}

/// How many sockets this test program has open.
fn connections() -> usize {
    let fds = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = fds.filter_map(|fd| std::fs::read_link(fd.path()).ok());
    links.filter(|to| to.to_string_lossy().starts_with("socket:")).count()
}

#[tokio::test]
async fn a_page_gets_the_last_lines() {
    bench(|bench| async move {
        let id = bench.ended("seq 1 1000", false).await;
        let window = bench.docker.logs_window(&id, 3).await.unwrap();
        assert_eq!(texts(&window), ["998", "999", "1000"]);
        let gone = ContainerId::try_from("0".repeat(64)).unwrap();
        let refused = bench.docker.logs_window(&gone, 3).await;
        assert!(matches!(refused, Err(Error::Gone { .. })), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes_too() {
    bench(|bench| async move {
        let script = "for i in $(seq 1 400); do head -c 16000 /dev/zero | tr '\\0' x; echo; done; echo last";
        let id = bench.ended(script, false).await;
        let window = bench.docker.logs_window(&id, 5000).await.unwrap();
        let bytes: usize = window.iter().map(|line| line.text.len()).sum();
        assert!(bytes <= 4 << 20 && bytes > 3 << 20, "{bytes}");
        assert_eq!(window.last().unwrap().text, "last");
    })
    .await;
}
