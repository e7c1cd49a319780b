//! Room for the box's own changes when apps have filled the disk: signing in, stopping and removing an
//! app are writes, and they must go on working.
//!
//! Three things hold room: free pages inside the database, a write-ahead log that already has its size
//! and begins anew before it outgrows it, and a file that is given up when there is not even room to open.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::Error;

/// Room inside the database and its log: some hundreds of sign-ins and events.
const ROOM_BYTES: i64 = 1024 * 1024;
/// The log begins anew after this many pages of 4 KiB, within [`ROOM_BYTES`].
pub(crate) const LOG_PAGES: u32 = 200;
/// Enough to open a database and grow its log.
const RESERVE_BYTES: usize = 2 * 1024 * 1024;

/// Makes room inside the database and its log. Not being able to is no failure, only less room.
pub(crate) fn make_room(conn: &mut Connection) {
    if let Err(error) = try_make_room(conn) {
        tracing::warn!(%error, "no room could be set aside in the database; the disk may be full");
    }
}

fn try_make_room(conn: &mut Connection) -> Result<(), Error> {
    let tx = conn.transaction()?;
    // The pages of a dropped table stay in the file, free; writing them gives the log its size.
    tx.execute_batch("CREATE TABLE orbitr_room (room BLOB) STRICT")?;
    tx.execute("INSERT INTO orbitr_room VALUES (zeroblob(?1))", [ROOM_BYTES])?;
    tx.execute_batch("DROP TABLE orbitr_room")?;
    tx.commit()?;
    conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(())
}

fn reserve(db: &Path) -> PathBuf {
    db.join("reserve")
}

/// Gives the reserved file up; says whether there was one.
pub(crate) fn give_up_reserve(db: &Path) -> bool {
    fs::remove_file(reserve(db)).is_ok()
}

/// Takes the reserved file again, when there is room for it.
pub(crate) fn take_reserve(db: &Path) {
    let path = reserve(db);
    if fs::metadata(&path).is_ok_and(|file| file.len() >= RESERVE_BYTES as u64) {
        return;
    }
    // Written and not only sized: a file with holes holds no room.
    let opened = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
    let written = opened.and_then(|mut file| file.write_all(&vec![0; RESERVE_BYTES]));
    if let Err(error) = written {
        tracing::warn!(%error, "no room could be reserved; the disk may be full");
        let _ = fs::remove_file(path);
    }
}
