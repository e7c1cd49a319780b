//! The journal, read by the real journalctl from files that systemd itself has written.

use std::{path::Path, time::Duration};

use orbitr_host::{
    exec::Command,
    journal::{Error, Followed, Journal, Query, Start},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const WRITERS: [&str; 2] = ["/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"];
const FIRST_US: i64 = 1_763_800_000_000_000;
const BOOTS: [&str; 2] = ["11111111111111111111111111111111", "22222222222222222222222222222222"];

/// 300 entries over two boots, a second apart, in the journal's export format: every third is docker's, every tenth is an
/// error, one has bytes that are no text, one is too long.
fn export() -> Vec<u8> {
    let mut all = Vec::new();
    for n in 0..300u32 {
        let (unit, priority) = (if n % 3 == 0 { "docker" } else { "ssh" }, if n % 10 == 0 { 3 } else { 6 });
        let boot = BOOTS[usize::from(n >= 150)];
        let at = FIRST_US + i64::from(n) * 1_000_000;
        let fields = format!(
            "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={boot}\n_SYSTEMD_UNIT={unit}.service\n\
             PRIORITY={priority}\nSYSLOG_IDENTIFIER={unit}d\n_PID={n}\n",
            u64::from(n % 150) * 1_000_000 + 1
        );
        all.extend_from_slice(fields.as_bytes());
        let message = match n {
            7 => [b"odd \xff\xfe bytes".as_slice(), b""].concat(),
            8 => vec![b'x'; 10_000],
            _ => format!("line {n} says Größe (a.b*c)").into_bytes(),
        };
        all.extend_from_slice(b"MESSAGE\n");
        all.extend_from_slice(&u64::try_from(message.len()).unwrap().to_le_bytes());
        all.extend_from_slice(&message);
        all.extend_from_slice(b"\n\n");
    }
    all
}

/// A folder with that journal; none where systemd's own writer is not installed.
async fn journal() -> Option<(TempDir, Journal)> {
    let dir = tempfile::tempdir().unwrap();
    let Some(writer) = WRITERS.iter().find(|writer| Path::new(writer).exists()) else {
        eprintln!("left out: systemd-journal-remote, which writes the files, is not installed");
        return None;
    };
    write(writer, dir.path(), "a", export()).await;
    let journal = Journal::of_folder("journalctl", dir.path());
    Some((dir, journal))
}

async fn write(writer: &str, dir: &Path, name: &str, entries: Vec<u8>) {
    let file = dir.join(format!("{name}.journal"));
    let command = Command::new(writer).arg("-o").arg(file).arg("-").stdin(entries);
    command.run(&CancellationToken::new()).await.unwrap().success().unwrap();
}

fn numbers(entries: &[orbitr_host::journal::Entry]) -> Vec<u32> {
    entries.iter().map(|entry| entry.process.unwrap()).collect()
}

#[tokio::test]
async fn a_window_pages_backwards_and_forwards_without_a_gap() {
    let Some((_dir, journal)) = journal().await else { return };
    let cancel = CancellationToken::new();
    let look = async |from: Start| {
        let query = Query { from, lines: 70, ..Query::default() };
        journal.window(&query, &cancel).await.unwrap()
    };
    let mut seen = Vec::new();
    let mut from = Start::End;
    loop {
        let window = look(from).await;
        assert_eq!(window.unreadable, 0);
        seen.splice(0..0, numbers(&window.entries));
        if !window.more {
            break;
        }
        from = Start::Before(window.entries[0].cursor.parse().unwrap());
    }
    assert_eq!(seen, (0..300).collect::<Vec<_>>());
    let mut seen = Vec::new();
    let mut from = Start::Beginning;
    loop {
        let window = look(from).await;
        seen.extend(numbers(&window.entries));
        if !window.more {
            break;
        }
        from = Start::After(window.entries.last().unwrap().cursor.parse().unwrap());
    }
    assert_eq!(seen, (0..300).collect::<Vec<_>>());
    let window = look(Start::Moment(FIRST_US + 290_000_000)).await;
    assert_eq!((numbers(&window.entries), window.more), ((290..300).collect(), false));
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let Some((_dir, journal)) = journal().await else { return };
    let cancel = CancellationToken::new();
    let look = async |query: Query| numbers(&journal.window(&query, &cancel).await.unwrap().entries);
    let unit = Some("docker.service".parse().unwrap());
    let docker = look(Query { unit: unit.clone(), lines: 1000, ..Query::default() }).await;
    assert_eq!(docker, (0..300).step_by(3).collect::<Vec<_>>());
    let urgent = look(Query { priority: Some(3), lines: 1000, ..Query::default() }).await;
    assert_eq!(urgent, (0..300).step_by(10).collect::<Vec<_>>());
    let both = look(Query { unit, priority: Some(4), lines: 1000, ..Query::default() }).await;
    assert_eq!(both, (0..300).step_by(30).collect::<Vec<_>>());
    let boots = journal.boots(&cancel).await.unwrap();
    assert_eq!(boots.iter().map(|boot| boot.boot_id.as_str()).collect::<Vec<_>>(), BOOTS);
    let first = look(Query { boot: Some(BOOTS[0].parse().unwrap()), lines: 1000, ..Query::default() }).await;
    assert_eq!(first, (0..150).collect::<Vec<_>>());
    let text = |text: &str| Query { text: Some(text.to_owned()), lines: 2, ..Query::default() };
    assert_eq!(look(text("LINE 29")).await, [298, 299], "the newest come first, in the order of time");
    assert_eq!(look(text("größe (a.b*c)")).await, [298, 299], "as it is, not as a pattern");
    assert!(look(text("gr.ße")).await.is_empty());
    assert!(look(text("nowhere to be found")).await.is_empty());
}

#[tokio::test]
async fn bytes_that_are_no_text_and_long_messages_are_still_entries() {
    let Some((_dir, journal)) = journal().await else { return };
    let query = Query { from: Start::Beginning, lines: 10, ..Query::default() };
    let window = journal.window(&query, &CancellationToken::new()).await.unwrap();
    assert_eq!(window.entries[7].message, "odd \u{fffd}\u{fffd} bytes");
    assert!(window.entries[8].message.starts_with("(a message"), "{:?}", window.entries[8]);
    let entry = &window.entries[0];
    assert_eq!((entry.unit.as_deref(), entry.identifier.as_str()), (Some("docker.service"), "dockerd"));
    assert_eq!((entry.priority, entry.at_us, entry.boot.as_str()), (3, FIRST_US, BOOTS[0]));
}

#[tokio::test]
async fn following_goes_on_from_a_cursor_and_ends_with_its_reader() {
    let Some((dir, journal)) = journal().await else { return };
    let cancel = CancellationToken::new();
    let query = Query { lines: 1, ..Query::default() };
    let last = journal.window(&query, &cancel).await.unwrap().entries[0].cursor.clone();
    let before = Query { from: Start::End, lines: 5, ..Query::default() };
    let five = journal.window(&before, &cancel).await.unwrap().entries;
    let query = Query { from: Start::After(five[0].cursor.parse().unwrap()), ..Query::default() };
    let (tell, mut told) = Journal::channel();
    let following = {
        let (journal, cancel) = (journal.clone(), cancel.clone());
        tokio::spawn(async move { journal.follow(&query, tell, &cancel).await })
    };
    for _ in 0..4 {
        let next = tokio::time::timeout(Duration::from_secs(10), told.recv()).await.unwrap();
        assert!(matches!(next, Some(Followed::Entry(_))), "{next:?}");
    }
    // What is written from now on comes by itself.
    let more = format!(
        "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP=900000000\n_BOOT_ID={}\n_PID=999\nMESSAGE=new\n\n",
        FIRST_US + 400_000_000,
        BOOTS[1]
    );
    let writer = WRITERS.iter().find(|writer| Path::new(writer).exists()).unwrap();
    write(writer, dir.path(), "a", more.into_bytes()).await;
    let next = tokio::time::timeout(Duration::from_secs(10), told.recv()).await.unwrap().unwrap();
    let Followed::Entry(entry) = next else { panic!("{next:?}") };
    assert_eq!((entry.message.as_str(), entry.cursor != last), ("new", true));
    drop(told);
    tokio::time::timeout(Duration::from_secs(10), following).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_machine_without_a_journal_says_so() {
    let cancel = CancellationToken::new();
    let missing = Journal::of_folder("/nonexistent/journalctl", "/");
    assert!(matches!(missing.window(&Query::default(), &cancel).await, Err(Error::NotInstalled)));
    if !Path::new("/usr/bin/journalctl").exists() {
        eprintln!("left out: journalctl is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let empty = Journal::of_folder("journalctl", dir.path());
    let window = empty.window(&Query::default(), &cancel).await.unwrap();
    assert!(window.entries.is_empty() && !window.more);
    assert!(empty.boots(&cancel).await.unwrap().is_empty());
}
