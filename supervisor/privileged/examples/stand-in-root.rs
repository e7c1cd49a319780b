//! Root's part of a machine of Orbitr OS that is none, for tests that drive the whole product (tests/src/machine.rs): the real
//! acts on Docker's store, over a folder that stands in for /run, with a program that stands in for systemctl.
//!
//!     stand-in-root RUN DOCKER-SOCKET DOCKER-STORE SYSTEMCTL
//!
//! Does what is asked for in RUN/orbitr/requests, as the units would. Says «ready»; at the word `look` on standard input it looks
//! at the store, as the unit does after each start of Docker, and says «looked». Ends with its standard input. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a stand-in for tests may fail loudly"
)]

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf, time::Duration};

use orbitr_model::Act;
use orbitr_privileged::{Places, Run, act};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const ASKED: [Act; 3] = [Act::RebuildDockerStore, Act::RemoveDockerStores, Act::LookAtDockerStore];
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || arguments.next().unwrap();
    let (run, docker, docker_store, systemctl) = (next(), next(), next(), next());
    // Where systemd runs, there is this folder.
    fs::create_dir_all(run.join("systemd/system")).unwrap();
    let places = Places {
        box_run: run.join("orbitr-box"),
        requests: run.join("orbitr/requests"),
        asker: fs::metadata("/proc/self").unwrap().uid(),
        work: run.join("orbitr-work"),
        systemd_run: run.join("systemd"),
        // This Docker runs a containerd of its own, below its own folder.
        containerd_store: run.join("no-containerd"),
        cgroups: run.join("no-cgroups"),
        docker,
        docker_store,
        systemctl,
        ..Places::image()
    };
    println!("ready");
    let (told, mut orders) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
    loop {
        tokio::select! {
            line = orders.recv() => match line.as_deref() {
                Some("look") => {
                    does(Act::LookAtDockerStore, &places).await;
                    println!("looked");
                }
                Some(other) => panic!("nobody knows «{other}»"),
                None => return,
            },
            () = sleep(PAUSE) => {
                for asked in ASKED {
                    if places.requests.join(format!("{asked}.json")).exists() {
                        does(asked, &places).await;
                    }
                }
            }
        }
    }
}

/// One act, to its end; it says in its report how that was.
async fn does(what: Act, places: &Places) {
    let run = Run::new(what, places.clone(), CancellationToken::new(), move |step| eprintln!("{what}: {step}"));
    if let Err(error) = act(what, &run).await {
        eprintln!("{what}: {error}");
    }
}
