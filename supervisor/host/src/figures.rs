//! Figures of the machine: what it does at this moment. Taken only when somebody looks.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::statvfs::statvfs;
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, Networks, RefreshKind, System};
use tokio::sync::Mutex;

/// A sample younger than this is handed to the next one who asks.
const FRESH: Duration = Duration::from_secs(1);
/// A span over which the processors' work is measured when the last look was too long ago.
const SPAN: Duration = Duration::from_millis(250);
/// A look longer ago than this says nothing about now.
const STALE: Duration = Duration::from_secs(30);

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel's files cannot be read.
    #[error("the machine's figures cannot be read: {0}")]
    Unreadable(String),
}

/// The machine at one moment. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How busy all processors together were lately, 0 to 100 per cent.
    pub cpu: f32,
    /// How many processors there are.
    pub cores: usize,
    /// The load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Working memory.
    pub memory: Used,
    /// Swap space; a total of 0 when there is none.
    pub swap: Used,
    /// The file system that holds the state folder.
    pub disk: Used,
    /// Seconds since the machine started.
    pub uptime: u64,
    /// Bytes received since the machine started, over the interfaces that lead out of it.
    pub received: u64,
    /// Bytes sent since the machine started, over the interfaces that lead out of it.
    pub sent: u64,
}

/// How much of something is taken, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Used {
    /// All of it.
    pub total: u64,
    /// What can still be had; for memory this counts what the kernel would give back, for a disk what is
    /// not reserved for root.
    pub available: u64,
}

impl Used {
    /// What is taken.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.total.saturating_sub(self.available)
    }
}

/// Takes the figures. Clones share one: many who look at the same time cost one look.
#[derive(Clone)]
pub struct Sampler {
    state_dir: PathBuf,
    inner: Arc<Mutex<Option<Inner>>>,
}

struct Inner {
    system: System,
    looked: Instant,
    last: Option<(Instant, Figures)>,
}

impl Sampler {
    /// For the machine, with the disk that holds `state_dir`.
    #[must_use]
    pub fn new(state_dir: PathBuf) -> Self {
        Self { state_dir, inner: Arc::default() }
    }

    /// The figures now, at most one second old. The first look after a while takes a quarter of a second:
    /// how busy the processors are shows only over a span.
    ///
    /// # Errors
    /// The kernel's files cannot be read.
    pub async fn sample(&self) -> Result<Figures, Error> {
        let state_dir = self.state_dir.clone();
        let mut inner = self.inner.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || look(&mut inner, &state_dir))
            .await
            .map_err(|error| Error::Unreadable(error.to_string()))?
    }
}

fn look(inner: &mut Option<Inner>, state_dir: &Path) -> Result<Figures, Error> {
    let known = match inner {
        Some(known) => known,
        None => inner.insert(Inner { system: system()?, looked: Instant::now(), last: None }),
    };
    if let Some((taken, figures)) = &known.last
        && taken.elapsed() < FRESH
    {
        return Ok(figures.clone());
    }
    if known.last.is_none() || known.looked.elapsed() > STALE {
        known.system.refresh_cpu_usage();
        std::thread::sleep(SPAN);
    }
    known.system.refresh_cpu_usage();
    known.system.refresh_memory();
    known.looked = Instant::now();
    let figures = read(&known.system, state_dir)?;
    known.last = Some((Instant::now(), figures.clone()));
    Ok(figures)
}

fn system() -> Result<System, Error> {
    let kinds = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing().with_usage())
        .with_memory(MemoryRefreshKind::everything());
    System::new_with_specifics(kinds).map_err(unreadable)
}

fn read(system: &System, state_dir: &Path) -> Result<Figures, Error> {
    let load = System::load_average().map_err(unreadable)?;
    let (received, sent) = traffic()?;
    Ok(Figures {
        cpu: system.global_cpu_usage().clamp(0.0, 100.0),
        cores: system.cpus().len(),
        load: [load.one, load.five, load.fifteen],
        memory: Used { total: system.total_memory(), available: system.available_memory() },
        swap: Used { total: system.total_swap(), available: system.free_swap() },
        disk: disk(state_dir)?,
        uptime: System::uptime().map_err(unreadable)?,
        received,
        sent,
    })
}

/// The file system that holds a folder.
///
/// # Errors
/// The folder is not there or its file system does not answer.
pub fn disk(folder: &Path) -> Result<Used, Error> {
    let stat = statvfs(folder).map_err(unreadable)?;
    let unit = stat.fragment_size();
    // What root may still write does not count as used: the supervisor and its apps are not root.
    let taken = stat.blocks().saturating_sub(stat.blocks_free());
    let available = stat.blocks_available();
    Ok(Used { total: (taken + available).saturating_mul(unit), available: available.saturating_mul(unit) })
}

/// Where the kernel tells of memory.
pub const MEMORY: &str = "/proc/meminfo";

/// How much memory can still be had, in bytes, by the kernel's own estimate (proc(5), `MemAvailable`); none where it gives none.
#[must_use]
pub fn available_memory(file: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

fn traffic() -> Result<(u64, u64), Error> {
    let networks = Networks::new_with_refreshed_list().map_err(unreadable)?;
    let net = Path::new("/sys/class/net");
    let outside = networks.iter().filter(|(name, _)| {
        // A bridge or a VLAN counts what its card has counted already.
        net.join(name).join("device").exists()
    });
    let sums = outside.fold((0u64, 0u64), |(received, sent), (_, data)| {
        (received.saturating_add(data.total_received()), sent.saturating_add(data.total_transmitted()))
    });
    Ok(sums)
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_memory_that_can_be_had_is_read() {
        assert!(available_memory(Path::new(MEMORY)).unwrap() > 0);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("meminfo");
        for (text, bytes) in [
            ("MemTotal: 900 kB\nMemAvailable:     512 kB\n", Some(512 << 10)),
            ("MemTotal: 900 kB\n", None),
            ("MemAvailable: 18446744073709551615 kB\n", None),
            ("MemAvailable: much kB\n", None),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(available_memory(&file), bytes, "{text}");
        }
    }
}
