//! The support bundle: what somebody who helps needs to see, in one file. No secrets, no data of apps: every text goes
//! through the redactor, and what is not listed here is not in it.

mod archive;

use std::{fmt::Display, path::Path, time::Duration};

use orbitr_access::{Permit, action::MakeSupportBundle};
use orbitr_host::dbus::JobResult;
use orbitr_jobs::{Filter, Jobs};
use orbitr_model::{PageRequest, deed};
use orbitr_store::{NewEvent, Outcome, Subject, time};
use serde::Serialize;
use serde_json::{Value, json};

use self::archive::Archive;
use crate::{Error, JournalQuery, Machine};

/// The jobs whose logs are in it, the newest.
const JOBS: u32 = 30;
/// Of each job's log, the end.
const LOG_BYTES: usize = 128 * 1024;
/// Of each file that root left for us.
const FILE_BYTES: u64 = 1024 * 1024;
/// The most of those files.
const FILES: usize = 50;
/// The image's unit that leaves them, see overlays/image; and its limit.
const UNIT: &str = "orbitr-support.service";
const UNIT_LIMIT: Duration = Duration::from_secs(60);
/// Parts of the journal: a name, a unit, how urgent, how many lines.
const JOURNAL: [(&str, Option<&str>, Option<&str>, usize); 3] = [
    ("journal/orbitr.txt", Some("orbitr.service"), None, 3000),
    ("journal/docker.txt", Some("docker.service"), None, 1000),
    ("journal/warnings.txt", None, Some("warning"), 3000),
];

/// What a bundle is about, for whoever opens it.
const README: &str = "\
A support bundle of an Orbitr box.

about.json      versions of Orbitr, the system and the kernel
figures.json    processor, memory and disk at that moment
issues.json     what the box itself finds wrong
units.json      what systemd runs, and how it is doing
power.json, time.json, network.json   the machine's state
docker.json     whether Docker answers, and the apps' containers
jobs.json       the last jobs; jobs/ has the end of their logs
journal/        the last lines of the machine's journal
system/         what only root can read (Orbitr OS only)

Passwords and keys that the box knows are replaced by «secret». Apps' data, inputs and logs are not in it.
A file NAME.error.txt says why a part is missing.
";

/// A bundle, ready to be handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What to call the file.
    pub file_name: String,
    /// A compressed tar archive.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("file_name", &self.file_name).field("bytes", &self.bytes.len()).finish()
    }
}

/// The parts as they are collected: a part that fails is a file that says why.
struct Parts<'a> {
    machine: &'a Machine,
    files: Vec<(String, String)>,
}

impl Parts<'_> {
    fn text(&mut self, name: &str, text: &str) {
        let clean = self.machine.inner.store.redactor().redact(text).into_owned();
        self.files.push((name.to_owned(), clean));
    }

    fn json<T: Serialize, E: Display>(&mut self, name: &str, value: Result<T, E>) {
        let value = value.map_err(|error| error.to_string());
        match value.and_then(|value| serde_json::to_string_pretty(&value).map_err(|error| error.to_string())) {
            Ok(text) => self.text(name, &text),
            Err(error) => self.text(&format!("{name}.error.txt"), &error),
        }
    }
}

impl Machine {
    /// Makes a support bundle. `docker` is what the room of apps says about the engine and its containers. That a bundle was
    /// made is written to history.
    ///
    /// # Errors
    /// As the database, or when there is no memory for it; a part that cannot be had is no error.
    pub async fn support_bundle(
        &self,
        permit: &Permit<MakeSupportBundle>,
        jobs: &Jobs,
        docker: Value,
    ) -> Result<Bundle, Error> {
        let now = time::now();
        let event = NewEvent {
            actor: permit.actor().clone(),
            action: deed::BOX_SUPPORT_BUNDLE,
            subject: Subject::the_box(),
            outcome: Outcome::Ok,
            detail: json!({}),
            address: permit.address(),
        };
        self.inner.store.write(move |tx| Ok::<_, Error>(tx.event(event).map(drop)?)).await?;
        let mut parts = Parts { machine: self, files: Vec::new() };
        parts.text("README.txt", README);
        self.state(&mut parts, docker).await;
        self.jobs(&mut parts, jobs).await;
        for (name, unit, priority, lines) in JOURNAL {
            let text = |word: Option<&str>| word.map(str::to_owned);
            let query = JournalQuery { unit: text(unit), priority: text(priority), ..JournalQuery::default() };
            match self.journal_text(&query, lines).await {
                Ok(text) => parts.text(name, &text),
                Err(error) => parts.text(&format!("{name}.error.txt"), &why(&error)),
            }
        }
        self.left_by_root(&mut parts).await;
        let folder = format!("orbitr-support-{}", now.strftime("%Y%m%d-%H%M%S"));
        let files = parts.files;
        let (inside, file_name) = (folder.clone(), format!("{folder}.tar.gz"));
        let bytes = tokio::task::spawn_blocking(move || {
            let mut archive = Archive::new(&inside, now);
            for (name, text) in files {
                archive.add(&name, text.as_bytes())?;
            }
            archive.finish()
        });
        let bytes =
            bytes.await.map_err(|error| Error::Host(error.into()))?.map_err(|error| Error::Host(error.into()))?;
        Ok(Bundle { file_name, bytes })
    }

    async fn state(&self, parts: &mut Parts<'_>, docker: Value) {
        parts.json("docker.json", Ok::<_, Error>(docker));
        parts.json("about.json", self.take_about().await);
        parts.json("figures.json", self.take_figures().await);
        parts.json("units.json", self.list_units().await);
        parts.json("issues.json", self.find_issues().await);
        parts.json("power.json", self.look_at_power().await);
        parts.json("time.json", self.look_at_time().await);
        parts.json("network.json", self.look_at_network().await);
    }

    async fn jobs(&self, parts: &mut Parts<'_>, jobs: &Jobs) {
        let page = PageRequest { cursor: None, limit: JOBS };
        let found = jobs.list(Filter::default(), &page).await;
        let ids: Vec<_> = found.iter().flat_map(|page| page.items.iter().map(|job| job.id)).collect();
        parts.json("jobs.json", found.map(|page| page.items));
        for id in ids {
            // The end of a log is where the reason stands.
            let Ok(first) = jobs.log(id, 0, orbitr_jobs::LOG_MAX_BYTES as usize).await else { continue };
            let text = &first.text;
            let cut = text.len().saturating_sub(LOG_BYTES);
            let cut = (cut..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
            parts.text(&format!("jobs/{id}.log"), text.get(cut..).unwrap_or_default());
        }
    }

    /// What a unit of the image leaves in a folder for us.
    async fn left_by_root(&self, parts: &mut Parts<'_>) {
        if !self.outside().image {
            return;
        }
        match self.outside().bus.start_unit(UNIT, UNIT_LIMIT).await {
            Ok(JobResult::Done) => {}
            Ok(JobResult::NotDone(word)) => parts.text("system.error.txt", &format!("{UNIT} ended with «{word}»")),
            Err(error) => parts.text("system.error.txt", &why(&error)),
        }
        let dir = self.outside().support_dir.clone();
        let files = tokio::task::spawn_blocking(move || read_files(&dir)).await.unwrap_or_default();
        for (name, text) in files {
            parts.text(&format!("system/{name}"), &text);
        }
    }
}

fn read_files(dir: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|name| name.len() <= 60)?;
        let mut text = Vec::new();
        let file = std::fs::File::open(entry.path()).ok()?;
        std::io::Read::read_to_end(&mut std::io::Read::take(file, FILE_BYTES), &mut text).ok()?;
        Some((name, String::from_utf8_lossy(&text).into_owned()))
    };
    let mut all: Vec<_> = files.filter_map(read).take(FILES).collect();
    all.sort();
    all
}

/// An error with what caused it.
fn why(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        text.push_str(&format!(": {cause}"));
        inner = cause.source();
    }
    text
}
