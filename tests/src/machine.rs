//! A machine of Orbitr OS that is none: a folder stands in for /run, and systemd and its fellows are a fake on a bus of their
//! own (supervisor/host/examples/fake-systemd.rs).

use std::{
    env,
    fs::{self, Permissions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Engine, TestBox, test_box::program};

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

    /// Gives it a root that does the real acts on Docker's store: for units, a program stands in that stops and starts the
    /// testbed's engine. Nobody else may use the engine meanwhile.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn root(&self, engine: &Engine) -> Root {
        let systemctl = self.run.path().join("systemctl");
        let variables = ["PATH", "HOME", "ORBITR_TESTBED"];
        let variables = variables.map(|name| format!("export {name}='{}'", env::var(name).unwrap_or_default()));
        let control = engine.controller();
        // Of the units that are named together, docker.service is the engine; it has its containerd with it.
        let script = format!(
            "#!/bin/sh\n{}\ncase \"$1 $*\" in\n\
             stop\\ *docker.service*) exec '{control}' stop ;;\n\
             start\\ *docker.service*) exec '{control}' start ;;\nesac\n",
            variables.join("\n"),
        );
        fs::write(&systemctl, script).unwrap();
        fs::set_permissions(&systemctl, Permissions::from_mode(0o755)).unwrap();
        let program = program().with_file_name("examples/stand-in-root");
        let mut command = Command::new(&program);
        command.arg(self.run.path()).arg(Engine::socket()).arg(engine.store()).arg(&systemctl);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = spawned.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = BufReader::new(process.stdout.take().unwrap());
        let orders = process.stdin.take();
        let mut root = Root { process, orders, said };
        root.says("ready");
        root
    }

    /// Has a box run on it, from its next start on.
    pub fn under(&self, it: &mut TestBox) {
        let run = self.run.path().display();
        it.flag("--stand-in", &run.to_string());
        it.variable("DBUS_SYSTEM_BUS_ADDRESS", Some(&format!("unix:path={run}/bus")));
    }

    /// Which versions of the system it has, as root tells (`updates.json`).
    ///
    /// # Panics
    /// When it is gone.
    pub fn versions(&self, facts: &Value) {
        let path = self.run.path().join("orbitr-box/updates.json");
        fs::write(path.with_extension("new"), facts.to_string()).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
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

/// Root on that machine; gone when this is dropped.
#[derive(Debug)]
pub struct Root {
    process: Child,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Root {
    /// Has it look at Docker's store, as its unit does after each start of Docker.
    ///
    /// # Panics
    /// When it is gone.
    pub fn look(&mut self) {
        writeln!(self.orders.as_mut().unwrap(), "look").unwrap();
        self.says("looked");
    }

    fn says(&mut self, word: &str) {
        let mut said = String::new();
        self.said.read_line(&mut said).unwrap();
        assert_eq!(said.trim(), word);
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.process.wait();
    }
}
