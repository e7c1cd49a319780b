//! A disk that apps have filled, on a real file system with a real limit. Shows nothing where the
//! test may not mount one.
#![allow(clippy::disallowed_methods, reason = "mounting in a test; the crate for processes lies above this one")]

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use orbitr_store::{Error, Store, events};

use crate::support::event;

struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(dir.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }

    fn dir(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// Takes every last byte, as a runaway app would.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.dir().join("filler")).unwrap();
        for size in [65536, 4096, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn sign_in(store: &Store) -> Result<(), Error> {
    store
        .write(|tx| {
            let sql = "INSERT INTO setting (key, value) VALUES (?1, hex(randomblob(300)))";
            tx.execute(sql, [events::verify(tx)?.map(|whole| whole.count).unwrap_or(-1).to_string()])?;
            tx.event(event("user.sign-in"))?;
            Ok(())
        })
        .await
}

async fn reserved(disk: &SmallDisk) {
    let until = Instant::now() + Duration::from_secs(10);
    while fs::metadata(disk.dir().join("db/reserve")).map_or(0, |file| file.len()) < 2 * 1024 * 1024 {
        assert!(Instant::now() < until, "nothing was reserved");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_box_on_a_full_disk_still_starts_and_takes_changes() {
    let Some(disk) = SmallDisk::mount("16m") else {
        return;
    };
    let store = Store::open(&disk.dir()).await.unwrap();
    reserved(&disk).await;
    disk.fill();
    for number in 0..200 {
        sign_in(&store).await.unwrap_or_else(|error| panic!("sign-in {number}: {error:?}"));
    }
    store.close().await;
    disk.fill();
    let store = Store::open(&disk.dir()).await.unwrap();
    sign_in(&store).await.unwrap();
    disk.fill();
    for number in 0..50 {
        sign_in(&store).await.unwrap_or_else(|error| panic!("second sign-in {number}: {error:?}"));
    }
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 251);
    // What truly does not fit is refused, and the next small change is taken.
    let large: Result<usize, Error> = store
        .write(|tx| Ok(tx.execute("INSERT INTO setting (key, value) VALUES ('large', hex(randomblob(6000000)))", [])?))
        .await;
    assert!(matches!(large, Err(Error::DiskFull)), "{large:?}");
    sign_in(&store).await.unwrap();
    store.close().await;
}
