//! Asking a disk that may not answer: one that hangs keeps whoever asks it, for ever, in the kernel. So each question has a
//! thread of its own and a limit, and a disk that has not answered is not asked again before it has.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};

/// How long a disk may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Questions without an answer, by what they are about; with whether the answer has come all the same.
static HANGING: Mutex<BTreeMap<PathBuf, Arc<AtomicBool>>> = Mutex::new(BTreeMap::new());

/// What a question about a path on another disk is answered with; none when it takes longer than [`LIMIT`], or when an
/// earlier one about it still does.
pub(crate) async fn ask<T: Send + 'static>(at: &Path, look: impl FnOnce(&Path) -> T + Send + 'static) -> Option<T> {
    ask_within(LIMIT, at, look).await
}

async fn ask_within<T: Send + 'static>(
    limit: Duration,
    at: &Path,
    look: impl FnOnce(&Path) -> T + Send + 'static,
) -> Option<T> {
    if hangs(at) {
        return None;
    }
    let (path, answered) = (at.to_owned(), Arc::new(AtomicBool::new(false)));
    let tell = answered.clone();
    let asked = spawn_blocking(move || {
        let found = look(&path);
        tell.store(true, Ordering::SeqCst);
        found
    });
    let found = timeout(limit, asked).await;
    if found.is_err() {
        hanging(|all| all.insert(at.to_owned(), answered));
    }
    found.ok()?.ok()
}

fn hangs(at: &Path) -> bool {
    hanging(|all| {
        all.retain(|_, answered| !answered.load(Ordering::SeqCst));
        all.contains_key(at)
    })
}

fn hanging<T>(f: impl FnOnce(&mut BTreeMap<PathBuf, Arc<AtomicBool>>) -> T) -> T {
    // No code of ours can panic while it holds the lock; what it guards is whole.
    f(&mut HANGING.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_is_asked_once_until_it_answers() {
        let at = Path::new("/mnt/hangs");
        let (release, held) = mpsc::channel::<()>();
        let hangs = move |_: &Path| held.recv().is_ok();
        assert_eq!(ask_within(Duration::from_millis(50), at, hangs).await, None);
        assert_eq!(ask(at, |_| unreachable!("it is not asked again")).await, None::<()>);
        assert_eq!(ask(Path::new("/mnt/other"), |_| 7).await, Some(7));
        release.send(()).unwrap();
        let answer = async {
            loop {
                if let Some(found) = ask(at, |_| 8).await {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(timeout(LIMIT, answer).await.unwrap(), 8);
    }
}
