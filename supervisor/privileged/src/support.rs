//! `support`: facts that only root can read, as files for the supervisor's support bundle. No secrets: what these programs
//! print holds none, and the supervisor redacts it once more.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    time::Duration,
};

use orbitr_host::{exec::Command, files};
use serde_json::{Value, json};

use crate::{Error, Run};

const WHAT: &str = "Gathering facts for support";
const LIMIT: Duration = Duration::from_secs(30);
/// The most that is kept of one program's words.
const MOST: usize = 512 * 1024;

/// What is asked, and the file that the answer goes into.
const QUESTIONS: [(&str, &str, &[&str]); 11] = [
    ("kernel-log.txt", "dmesg", &["--ctime"]),
    ("disks.txt", "lsblk", &["--output", "NAME,SIZE,TYPE,FSTYPE,MOUNTPOINTS,MODEL,TRAN,RO"]),
    ("mounts.txt", "findmnt", &["--list", "--real"]),
    ("boot.txt", "bootctl", &["--no-pager", "status"]),
    ("failed-units.txt", "systemctl", &["--no-pager", "--failed"]),
    ("boot-times.txt", "systemd-analyze", &["--no-pager", "blame"]),
    ("btrfs.txt", "btrfs", &["filesystem", "usage", "/var/lib/orbitr"]),
    ("btrfs-errors.txt", "btrfs", &["device", "stats", "/var/lib/orbitr"]),
    ("verity.txt", "veritysetup", &["status", "root"]),
    ("firewall.txt", "nft", &["list", "ruleset"]),
    ("links.txt", "networkctl", &["--no-pager", "list"]),
];

pub(crate) async fn support(run: &Run) -> Result<Option<Value>, Error> {
    let folder = run.places.box_run.join("support");
    // What an earlier run left is of another day.
    files::remove(&folder)
        .and_then(|()| files::make_dir(&folder, 0o750))
        .and_then(|()| chown(&folder, None, Some(run.places.readers)))
        .map_err(Error::io(WHAT))?;
    let mut written = Vec::new();
    for (file, program, args) in QUESTIONS {
        run.step(&format!("Gathering {file}"))?;
        let text = ask(run, program, args).await?;
        put(run, &folder, file, &text)?;
        written.push(file.to_owned());
    }
    for disk in run.places.blocks.disks().map_err(Error::io(WHAT))? {
        let device = disk.device.to_string_lossy().into_owned();
        run.step(&format!("Asking {device} how it is"))?;
        let file = format!("smart-{}.txt", disk.name);
        let text = ask(run, "smartctl", &["--all", &device]).await?;
        put(run, &folder, &file, &text)?;
        written.push(file);
    }
    Ok(Some(json!({ "files": written })))
}

/// What a program says; that it does not is worth knowing, too.
async fn ask(run: &Run, program: &str, args: &[&str]) -> Result<String, Error> {
    let command = Command::new(program).args(args).limit(LIMIT).capture(MOST);
    match command.run(&run.cancel).await {
        Ok(output) => Ok(format!("{}{}\n({program}: {})\n", output.stdout_text(), output.stderr_text(), output.status)),
        Err(orbitr_host::exec::Error::Cancelled { .. }) => Err(Error::Stopped),
        Err(error) => Ok(format!("({error})\n")),
    }
}

fn put(run: &Run, folder: &Path, file: &str, text: &str) -> Result<(), Error> {
    let path = folder.join(file);
    fs::write(&path, text)
        .and_then(|()| chown(&path, None, Some(run.places.readers)))
        .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o640)))
        .map_err(Error::io(WHAT))
}
