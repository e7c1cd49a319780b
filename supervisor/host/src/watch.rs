//! Waiting until something in a folder changes (inotify(7)).

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    path::Path,
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::{Interest, unix::AsyncFd};

/// tokio asks for the number of a descriptor, nix gives the descriptor.
#[derive(Debug)]
struct Events(Inotify);

impl AsRawFd for Events {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Folders that are watched.
#[derive(Debug)]
pub struct Watch {
    inotify: AsyncFd<Events>,
}

impl Watch {
    /// Watches these folders, not what is below them; one that is not there is passed over.
    ///
    /// # Errors
    /// The kernel has no more watches to give.
    pub fn folders<'p>(folders: impl IntoIterator<Item = &'p Path>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        // A file that is written is followed by its rename, or by being closed.
        let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_DELETE;
        for folder in folders {
            match inotify.add_watch(folder, events) {
                Ok(_) | Err(nix::Error::ENOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, which no crate of ours is; Events owns its descriptor"
        )]
        let inotify = AsyncFd::with_interest(Events(inotify), Interest::READABLE)?;
        Ok(Self { inotify })
    }

    /// Waits for a change since the last call. What changed is not told: look again.
    ///
    /// # Errors
    /// The kernel lets go of the watch.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.inotify.readable().await?;
            match ready.get_inner().0.read_events() {
                Ok(_) => return Ok(()),
                Err(nix::Error::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_file_that_is_put_there_is_heard_of() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::folders([dir.path(), Path::new("/nowhere/at/all")]).unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), watch.changed()).await.is_err());
        crate::files::write(&dir.path().join("a"), b"x", 0o600).unwrap();
        tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
    }
}
