//! A machine of Orbitr OS that is none, for tests which are no Rust programs (tests/browser): systemd and its fellows on a bus
//! of their own.
//!
//!     fake-systemd FOLDER
//!
//! The bus is at FOLDER/bus; what is done to the machine is written to FOLDER/done, a line each. Says «ready», and ends with
//! its standard input, whose lines say what happens to the machine by itself: `unit NAME STATE RESULT`, `synchronised yes|no`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a stand-in for tests may fail loudly"
)]

use std::{path::PathBuf, time::Duration};

use orbitr_host::testing::{FakeSystemd, FakeUnit};
use tokio::{task::spawn_blocking, time::sleep};

/// Of the image's own units the one that settings need; the acts of root are the tests' to do.
const APPLY: &str = "orbitr-apply-settings.service";

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let machine = FakeSystemd::start().await;
    {
        let mut state = machine.state();
        let idle = FakeUnit { active: "inactive".to_owned(), ..state.units["ssh.service"].clone() };
        // As on a new box.
        state.units.insert("ssh.service".to_owned(), FakeUnit { sub: "dead".to_owned(), ..idle.clone() });
        state.units.insert(APPLY.to_owned(), idle);
        // What the machine is called by is the tests' to say.
        state.serial.clear();
    }
    let bus = machine.on_a_bus(&folder).await;
    println!("ready");
    let (told, mut happens) = tokio::sync::mpsc::unbounded_channel();
    let ended =
        spawn_blocking(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    let mut written = 0;
    while !ended.is_finished() {
        sleep(Duration::from_millis(100)).await;
        while let Ok(line) = happens.try_recv() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["unit", name, active, result] => machine.unit_becomes(name, active, result).await,
                ["synchronised", word] => machine.state().synchronised = word == "yes",
                _ => panic!("nobody knows «{line}»"),
            }
        }
        let done = machine.done();
        if done.len() != written {
            written = done.len();
            std::fs::write(folder.join("done"), done.join("\n")).unwrap();
        }
    }
    drop(bus);
}
