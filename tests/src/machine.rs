//! A machine of Orbitr OS that is none: a folder stands in for /run, and systemd and its fellows are a fake on a bus of their
//! own (supervisor/host/examples/fake-systemd.rs).

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
};

use tempfile::TempDir;

use crate::{TestBox, test_box::program};

const OPEN: &str = r#"{"version": 1, "state": "open", "reason": null, "problem": null, "open": null, "candidates": [],
    "recorded": "0f410f90-ea92-4bcf-b701-b7503621b14f", "boot_disk": null}"#;

/// The machine; gone when this is dropped.
#[derive(Debug)]
pub struct Machine {
    run: TempDir,
    systemd: Child,
    orders: Option<ChildStdin>,
}

impl Machine {
    /// One whose data partition is open.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn started() -> Self {
        let run = tempfile::Builder::new().prefix("orbitr-run-").tempdir_in("/var/tmp").unwrap();
        for folder in ["orbitr-box/results", "orbitr/requests"] {
            fs::create_dir_all(run.path().join(folder)).unwrap();
        }
        fs::write(run.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        fs::write(run.path().join("orbitr-box/data.json"), OPEN).unwrap();
        let fake = program().with_file_name("examples/fake-systemd");
        let mut command = Command::new(&fake);
        command.arg(run.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut systemd = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", fake.display()));
        let mut said = String::new();
        BufReader::new(systemd.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "ready");
        let orders = systemd.stdin.take();
        Self { run, systemd, orders }
    }

    /// Has a box run on it, from its next start on.
    pub fn under(&self, it: &mut TestBox) {
        let run = self.run.path().display();
        it.flag("--stand-in", &run.to_string());
        it.variable("DBUS_SYSTEM_BUS_ADDRESS", Some(&format!("unix:path={run}/bus")));
    }

    /// What happens to it by itself: `unit NAME STATE RESULT`, `synchronised yes|no`.
    ///
    /// # Panics
    /// When it is gone.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.systemd.wait();
    }
}
