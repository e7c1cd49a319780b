//! `save-support`: onto a stick. A loop device is one where its entry below the disks hangs at a USB bus.

use std::{
    fs,
    path::{Path, PathBuf},
};

use orbitr_model::{Act, ActState, ReadUpdateRequest, SaveSupportRequest};
use orbitr_privileged::Error;
use serde_json::json;
use tokio::{io::AsyncReadExt, net::UnixListener};

use crate::disk::{GIB, Machine, TestDisk, sh};

const MIB: u64 = 1 << 20;
const BUNDLE: &[u8] = b"a whole bundle";

fn must(program: &str, args: &[&str]) {
    sh(program, args).unwrap_or_else(|error| panic!("{program}: {error}"));
}

/// What the kernel says of a disk, as if it hung at a USB bus.
fn hang_at_usb(machine: &Machine, name: &str) {
    let link = machine.dir.path().join("block").join(name);
    let place = machine.dir.path().join("usb1").join(name);
    fs::create_dir_all(&place).unwrap();
    let real = Path::new("/sys/block").join(name);
    let keep = |from: &Path, to: &Path, file: &str| {
        if let Ok(text) = fs::read(from.join(file)) {
            fs::write(to.join(file), text).unwrap();
        }
    };
    for file in ["size", "ro", "removable", "dev"] {
        keep(&real, &place, file);
    }
    for entry in fs::read_dir(&real).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.join("partition").exists() {
            let part = place.join(entry.file_name().unwrap());
            fs::create_dir_all(&part).unwrap();
            for file in ["partition", "size", "dev"] {
                keep(&entry, &part, file);
            }
        }
    }
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(place, link).unwrap();
}

/// Plugs in a stick with these partitions: GPT type and file system, of 128 MiB each; none is one without a table.
fn plug(machine: &mut Machine, name: &str, parts: &[(&str, &str)]) -> String {
    let file = machine.dir.path().join(name);
    fs::File::create(&file).unwrap().set_len(400 * MIB).unwrap();
    let mut table = String::from("label: gpt\n");
    for (kind, _) in parts {
        table.push_str(&format!("size=128M, type={kind}\n"));
    }
    let script = machine.dir.path().join(format!("{name}.table"));
    fs::write(&script, table).unwrap();
    if !parts.is_empty() {
        let (script, file) = (script.to_str().unwrap(), file.to_str().unwrap());
        must("sh", &["-c", &format!("sfdisk --quiet {file} <{script}")]);
    }
    let disk = TestDisk::attach(file);
    for (number, (_, kind)) in (1..).zip(parts) {
        format(&disk.part(number), kind);
    }
    let device = disk.device.clone();
    machine.plug(disk);
    hang_at_usb(machine, device.strip_prefix("/dev/").unwrap());
    device
}

fn format(device: &str, kind: &str) {
    match kind {
        "ext4" => must("mkfs.ext4", &["-q", "-F", "-L", "PHOTOS", device]),
        "btrfs" => must("mkfs.btrfs", &["-q", "-f", device]),
        "vfat" => must("mkfs.vfat", &["-n", "PHOTOS", device]),
        "swap" => must("mkswap", &[device]),
        _ => {}
    }
}

const DATA: &str = "linux";

/// Asks for it as the menu does.
async fn save(machine: &Machine, cut: usize) -> Result<(), Error> {
    let folder = &machine.places.console_requests;
    fs::write(folder.join(SaveSupportRequest::BUNDLE), BUNDLE).unwrap();
    fs::write(folder.join("save-support.json"), json!({"version": 1, "id": "s"}).to_string()).unwrap();
    machine.act_cut(Act::SaveSupport, cut).await
}

/// Something with what is on a stick.
fn inside<T>(machine: &Machine, device: &str, look: impl FnOnce(&Path) -> T) -> T {
    let top = machine.dir.path().join("inside");
    fs::create_dir_all(&top).unwrap();
    must("mount", &[device, top.to_str().unwrap()]);
    let done = look(&top);
    must("umount", &[top.to_str().unwrap()]);
    done
}

fn bundles(top: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(top).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = all.filter(|path| path.to_str().unwrap().ends_with(".tar.gz")).collect();
    found.sort();
    found
}

/// Nothing is left lying about, and the stick may be pulled out.
fn let_go(machine: &Machine, device: &str) {
    assert!(!fs::read_to_string("/proc/self/mounts").unwrap().contains(device), "{device} is still mounted");
    assert!(fs::read_dir(&machine.places.console_requests).unwrap().next().is_none());
}

fn code(machine: &Machine) -> String {
    machine.report(Act::SaveSupport).problem.unwrap().code
}

#[tokio::test]
async fn the_bundle_is_put_beside_what_is_on_the_stick() {
    let known = fs::read_to_string("/proc/filesystems").unwrap();
    for kind in ["ext4", "btrfs", "vfat"] {
        if kind == "vfat" && !known.contains("vfat") {
            eprintln!("this kernel has no vfat: not looked at");
            continue;
        }
        let mut machine = Machine::new(GIB);
        let stick = plug(&mut machine, "stick", &[(DATA, kind)]);
        let part = format!("{stick}p1");
        inside(&machine, &part, |top| fs::write(top.join("holiday.jpg"), "a photo").unwrap());
        for _ in 0..3 {
            save(&machine, usize::MAX).await.unwrap();
            let_go(&machine, &stick);
        }
        let report = machine.report(Act::SaveSupport);
        let value = report.value.unwrap();
        assert_eq!((report.state, report.fraction, &report.id[..]), (ActState::Done, Some(1.0), "s"));
        assert_eq!((&value["device"], &value["bytes"]), (&json!(part), &json!(BUNDLE.len())));
        inside(&machine, &part, |top| {
            let found = bundles(top);
            assert_eq!(found.len(), 3, "{kind}: each is another file");
            assert!(found.iter().all(|file| fs::read(file).unwrap() == BUNDLE));
            assert!(top.join(value["file"].as_str().unwrap()).exists());
            assert_eq!(fs::read_to_string(top.join("holiday.jpg")).unwrap(), "a photo");
        });
    }
}

#[tokio::test]
async fn a_stick_without_a_partition_table_will_do() {
    let mut machine = Machine::new(GIB);
    let stick = plug(&mut machine, "stick", &[]);
    format(&stick, "ext4");
    save(&machine, usize::MAX).await.unwrap();
    let_go(&machine, &stick);
    let value = machine.report(Act::SaveSupport).value.unwrap();
    assert!(value["stick"].as_str().unwrap().contains("«PHOTOS»"), "{value}");
    assert_eq!(inside(&machine, &stick, |top| bundles(top).len()), 1);
}

#[tokio::test]
async fn the_disk_that_runs_is_no_stick_even_where_it_hangs_at_usb() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    format(&machine.disks[0].part(1), "ext4");
    hang_at_usb(&machine, machine.disks[0].name());
    assert!(matches!(save(&machine, usize::MAX).await, Err(Error::NoStick)));
    assert_eq!(code(&machine), "stick-missing");
    assert!(machine.report(Act::SaveSupport).problem.unwrap().fix.contains("Plug one in"));
    let_go(&machine, &machine.disks[0].device);
}

#[tokio::test]
async fn a_disk_that_is_no_stick_is_left_alone() {
    let mut machine = Machine::new(GIB);
    let file = machine.dir.path().join("second");
    fs::File::create(&file).unwrap().set_len(128 * MIB).unwrap();
    let disk = TestDisk::attach(file);
    format(&disk.device, "ext4");
    machine.plug(disk);
    assert!(matches!(save(&machine, usize::MAX).await, Err(Error::NoStick)));
}

#[tokio::test]
async fn what_a_system_starts_from_and_what_nobody_can_write_to_are_left_alone_and_said() {
    let mut machine = Machine::new(GIB);
    let esp = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    let ours = "4d1e513e-77f6-48fa-9e3d-a004057c625a";
    let stick = plug(&mut machine, "stick", &[(esp, "ext4"), (ours, "btrfs"), (DATA, "swap")]);
    let Err(Error::UnfitStick(why)) = save(&machine, usize::MAX).await else { panic!("it was written to") };
    assert_eq!(why.matches("a system starts from it").count(), 2, "{why}");
    assert!(why.contains(&format!("({stick}p3): it is formatted with swap")), "{why}");
    assert_eq!(code(&machine), "stick-unfit");
    let_go(&machine, &stick);
    // Beside them, one that will do.
    format(&format!("{stick}p3"), "ext4");
    save(&machine, usize::MAX).await.unwrap();
    assert_eq!(inside(&machine, &format!("{stick}p3"), |top| bundles(top).len()), 1);
    for number in [1, 2] {
        assert_eq!(inside(&machine, &format!("{stick}p{number}"), |top| bundles(top).len()), 0);
    }
}

#[tokio::test]
async fn of_two_sticks_neither_is_chosen_and_both_are_named() {
    let mut machine = Machine::new(GIB);
    let sticks = ["one", "two"].map(|name| plug(&mut machine, name, &[(DATA, "ext4")]));
    let Err(Error::ManySticks(which)) = save(&machine, usize::MAX).await else { panic!("one was chosen") };
    for stick in &sticks {
        assert!(which.contains(&format!("{stick}p1 «PHOTOS»")), "{which}");
        assert_eq!(inside(&machine, &format!("{stick}p1"), |top| bundles(top).len()), 0);
    }
    assert_eq!(code(&machine), "stick-ambiguous");
    machine.unplug(1);
    save(&machine, usize::MAX).await.unwrap();
}

#[tokio::test]
async fn a_full_stick_and_a_locked_one_are_said_and_keep_what_they_have() {
    let mut machine = Machine::new(GIB);
    let stick = plug(&mut machine, "stick", &[(DATA, "ext4")]);
    let part = format!("{stick}p1");
    inside(&machine, &part, |top| {
        let _ = sh("dd", &["if=/dev/zero", &format!("of={}", top.join("film").display()), "bs=1M"]);
    });
    assert!(matches!(save(&machine, usize::MAX).await, Err(Error::StickFull { .. })));
    assert_eq!(code(&machine), "stick-full");
    let_go(&machine, &stick);
    inside(&machine, &part, |top| {
        assert!(bundles(top).is_empty());
        fs::remove_file(top.join("film")).unwrap();
    });
    must("blockdev", &["--setro", &stick]);
    hang_at_usb(&machine, stick.strip_prefix("/dev/").unwrap());
    let done = save(&machine, usize::MAX).await;
    // The kernel would keep the lock for the next one that gets this loop device.
    must("blockdev", &["--setrw", &stick]);
    assert!(matches!(done, Err(Error::StickReadOnly(_))), "{done:?}");
    assert_eq!(code(&machine), "stick-read-only");
}

#[tokio::test]
async fn wherever_it_is_stopped_the_stick_is_let_go_and_holds_no_half_bundle() {
    let mut machine = Machine::new(GIB);
    let stick = plug(&mut machine, "stick", &[(DATA, "ext4")]);
    let part = format!("{stick}p1");
    let mut cut = 1;
    while save(&machine, cut).await.is_err() {
        let_go(&machine, &stick);
        assert_eq!(code(&machine), "act-stopped");
        assert_eq!(inside(&machine, &part, |top| bundles(top).len()), 0, "stopped at step {cut}");
        cut += 1;
    }
    assert_eq!(cut, 5, "so many steps there are");
}

#[tokio::test]
async fn only_the_menu_may_ask_and_only_for_its_own_bundle() {
    let mut machine = Machine::new(GIB);
    let stick = plug(&mut machine, "stick", &[(DATA, "ext4")]);
    let folder = machine.places.console_requests.clone();
    let (request, bundle) = (folder.join("save-support.json"), folder.join(SaveSupportRequest::BUNDLE));
    let asked = json!({"version": 1, "id": "s"});
    let refused = async |why: &str| match machine.act(Act::SaveSupport).await {
        Err(Error::Request(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("{other:?}"),
    };
    // The supervisor's folder is not even looked into.
    machine.ask(Act::SaveSupport, &asked);
    fs::write(&bundle, BUNDLE).unwrap();
    refused("nobody asked").await;
    fs::remove_file(&bundle).unwrap();

    fs::write(&request, asked.to_string()).unwrap();
    refused("there is no bundle").await;

    fs::write(&request, asked.to_string()).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", &bundle).unwrap();
    refused("the bundle").await;
    assert!(Path::new("/etc/shadow").exists() && !bundle.is_symlink());

    fs::write(&request, asked.to_string()).unwrap();
    fs::write(&bundle, BUNDLE).unwrap();
    std::os::unix::fs::chown(&bundle, Some(65534), None).unwrap();
    refused("belongs to somebody else").await;

    fs::write(&request, asked.to_string()).unwrap();
    fs::File::create(&bundle).unwrap().set_len(SaveSupportRequest::MOST_BYTES + 1).unwrap();
    refused("too long").await;

    fs::write(&request, json!({"version": 1, "id": "s", "device": "/dev/sda1"}).to_string()).unwrap();
    fs::write(&bundle, BUNDLE).unwrap();
    refused("wrong at").await;
    assert_eq!(inside(&machine, &format!("{stick}p1"), |top| bundles(top).len()), 0);
}

/// Asks for the update on the stick as the supervisor does, and takes so many bytes of it.
async fn read_update(machine: &Machine, most: usize) -> (Result<(), Error>, Vec<u8>) {
    let socket = machine.places.requests.join(ReadUpdateRequest::SOCKET);
    let _ = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    machine.ask(Act::ReadUpdate, &json!({"version": 1, "id": "r"}));
    let taken = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut all, mut piece) = (Vec::new(), vec![0; 4096]);
        while all.len() < most {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                read => all.extend(&piece[..read]),
            }
        }
        all
    };
    let mut act = std::pin::pin!(machine.act(Act::ReadUpdate));
    tokio::select! {
        done = &mut act => (done, Vec::new()),
        all = taken => (act.await, all),
    }
}

#[tokio::test]
async fn the_newest_update_on_the_stick_is_handed_over_and_nothing_on_it_is_changed() {
    let mut machine = Machine::new(GIB);
    let stick = plug(&mut machine, "stick", &[(DATA, "ext4")]);
    let part = format!("{stick}p1");
    let newest = b"another tar".repeat(90_000);
    inside(&machine, &part, |top| {
        fs::write(top.join("holiday.jpg"), "a photo").unwrap();
        fs::write(top.join("orbitr-0.9.0.update"), "an older tar").unwrap();
        fs::write(top.join("orbitr-0.10.0.update"), &newest).unwrap();
        fs::create_dir(top.join("orbitr-0.12.0.update")).unwrap();
        std::os::unix::fs::symlink("/etc/shadow", top.join("orbitr-0.11.0.update")).unwrap();
    });
    let (done, taken) = read_update(&machine, usize::MAX).await;
    done.unwrap();
    assert!(taken == newest, "{} bytes came", taken.len());
    let value = machine.report(Act::ReadUpdate).value.unwrap();
    assert_eq!((&value["version"], &value["bytes"]), (&json!("0.10.0"), &json!(newest.len())));
    let_go(&machine, &stick);

    // One that is refused in the middle.
    let (done, _) = read_update(&machine, 5_000).await;
    assert!(matches!(done, Err(Error::Request(why)) if why.contains("does not take it")));
    let_go(&machine, &stick);

    inside(&machine, &part, |top| {
        for name in ["orbitr-0.9.0.update", "orbitr-0.10.0.update"] {
            fs::remove_file(top.join(name)).unwrap();
        }
        assert_eq!(fs::read_dir(top).unwrap().count(), 4, "the photo, what is no file, and what ext4 brings");
    });
    let (done, _) = read_update(&machine, usize::MAX).await;
    assert!(matches!(done, Err(Error::NoUpdateOnStick(_))));
    assert_eq!(machine.report(Act::ReadUpdate).problem.unwrap().code, "stick-without-update");
    let_go(&machine, &stick);
}
