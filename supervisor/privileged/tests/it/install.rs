//! `install`: onto a second disk.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
};

use orbitr_model::{Act, ActState};
use orbitr_privileged::Error;
use serde_json::json;

use crate::disk::{GIB, Machine, TestDisk, sh};

/// A machine that runs from its first disk, with something in its slot, and a second disk.
fn stick(second: impl FnOnce(&std::path::Path)) -> Machine {
    let mut machine = Machine::new(GIB);
    for (number, label) in [("2", "orbitr_1.2"), ("3", "orbitr_1.2_verity")] {
        let disk = &machine.disks[0].device;
        sh("sfdisk", &["-q", "--no-reread", "--no-tell-kernel", "--part-label", disk, number, label]).unwrap();
    }
    let table = machine.disks[0].table();
    let parts = table["partitiontable"]["partitions"].as_array().unwrap();
    let id = |n: usize| parts[n]["uuid"].as_str().unwrap().replace('-', "").to_lowercase();
    fs::write(&machine.places.cmdline, format!("quiet roothash={}{}\n", id(1), id(2))).unwrap();
    for (number, letter) in [(2, b'r'), (3, b'v')] {
        let mut file = fs::OpenOptions::new().write(true).open(machine.disks[0].part(number)).unwrap();
        file.seek(SeekFrom::Start(5 << 20)).unwrap();
        file.write_all(&vec![letter; 1 << 20]).unwrap();
        file.sync_all().unwrap();
    }
    for (path, text) in [
        ("EFI/BOOT/BOOTX64.EFI", "boot"),
        ("EFI/Linux/orbitr_1.2+2-1.efi", "kernel"),
        ("orbitr/machine-id", "of this machine"),
    ] {
        let path = machine.places.esp.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let file = machine.dir.path().join("second");
    fs::File::create(&file).unwrap().set_len(2 * GIB).unwrap();
    second(&file);
    machine.plug(TestDisk::attach(file));
    machine
}

async fn install(machine: &Machine, serial: &str, cut: usize) -> Result<(), Error> {
    machine.ask(Act::Install, &json!({"version": 1, "id": "i", "disk": machine.disks[1].device, "serial": serial}));
    machine.act_cut(Act::Install, cut).await
}

fn check(machine: &Machine) {
    let disk = &machine.disks[1];
    let table = disk.table();
    let parts = table["partitiontable"]["partitions"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["orbitr-esp", "orbitr_1.2", "orbitr_1.2_verity", "_empty", "_empty"]);
    let first = machine.disks[0].table();
    for n in [1, 2] {
        assert_eq!(parts[n]["uuid"], first["partitiontable"]["partitions"][n]["uuid"], "the kernel looks for these");
    }
    assert_ne!(parts[0]["uuid"], first["partitiontable"]["partitions"][0]["uuid"]);
    for number in [2, 3] {
        sh("cmp", &[&machine.disks[0].part(number), &disk.part(number)]).unwrap();
    }
    let top = machine.dir.path().join("inside");
    fs::create_dir_all(&top).unwrap();
    sh("mount", &["-o", "ro", &disk.part(1), top.to_str().unwrap()]).unwrap();
    assert_eq!(fs::read_to_string(top.join("EFI/Linux/orbitr_1.2+3.efi")).unwrap(), "kernel");
    assert!(!top.join("orbitr").exists(), "it becomes a machine of its own");
    sh("umount", &[top.to_str().unwrap()]).unwrap();
}

#[tokio::test]
async fn an_empty_disk_gets_the_whole_system() {
    let machine = stick(|_| {});
    install(&machine, "", usize::MAX).await.unwrap();
    check(&machine);
    let report = machine.report(Act::Install);
    assert_eq!((report.state, report.fraction), (ActState::Done, Some(1.0)));
    assert_eq!(report.value.unwrap()["resumed"], false);
}

#[tokio::test]
async fn a_disk_with_anything_on_it_needs_its_serial_number() {
    let machine = stick(|file| {
        sh("mkfs.ext4", &["-q", "-F", file.to_str().unwrap()]).unwrap();
    });
    assert!(matches!(install(&machine, "WRONG", usize::MAX).await, Err(Error::Serial(_))));
    assert_eq!(machine.report(Act::Install).problem.unwrap().code, "serial-wrong");
    assert!(sh("blkid", &["-p", &machine.disks[1].device]).unwrap().contains("ext4"), "nothing was changed");
}

#[tokio::test]
async fn the_disk_that_runs_and_disks_that_are_not_there_are_refused() {
    let machine = stick(|_| {});
    for (disk, code) in
        [(machine.disks[0].device.clone(), "disk-unfit"), ("/dev/../dev/sdz".to_owned(), "disk-not-found")]
    {
        machine.ask(Act::Install, &json!({"version": 1, "id": "i", "disk": disk, "serial": ""}));
        assert!(machine.act(Act::Install).await.is_err());
        assert_eq!(machine.report(Act::Install).problem.unwrap().code, code);
    }
}

/// Whether the second disk has a partition under an identifier by which the kernel looks for the system.
fn is_taken_for_the_system(machine: &Machine) -> bool {
    let cmdline = fs::read_to_string(&machine.places.cmdline).unwrap();
    let Ok(table) = sh("sfdisk", &["--json", &machine.disks[1].device]) else { return false };
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let parts = table["partitiontable"]["partitions"].as_array().cloned().unwrap_or_default();
    parts.iter().any(|part| cmdline.contains(&part["uuid"].as_str().unwrap().replace('-', "").to_lowercase()))
}

#[tokio::test]
async fn a_disk_that_was_cut_off_while_it_got_its_names_is_made_anew() {
    let machine = stick(|_| {});
    install(&machine, "", usize::MAX).await.unwrap();
    let disk = machine.disks[1].device.clone();
    sh("sfdisk", &["-q", "--part-label", &disk, "1", "orbitr-installing"]).unwrap();
    // cut off again right after it was partitioned: nothing of it may pass for the system by then
    let done = install(&machine, "", 3).await;
    assert!(done.is_err());
    assert!(!is_taken_for_the_system(&machine));
    install(&machine, "", usize::MAX).await.unwrap();
    check(&machine);
}

#[tokio::test]
async fn an_installation_that_was_cut_off_goes_on_without_asking_again() {
    for cut in 2..9 {
        let machine = stick(|_| {});
        let done = install(&machine, "", cut).await;
        let _ = sh("umount", &[machine.places.work.join("esp").to_str().unwrap()]);
        if done.is_ok() {
            return;
        }
        assert!(!is_taken_for_the_system(&machine), "cut at {cut}: the stick could start from the half copy");
        install(&machine, "", usize::MAX).await.unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        check(&machine);
        let resumed = machine.report(Act::Install).value.unwrap()["resumed"].clone();
        assert_eq!(resumed, cut > 2, "cut at {cut}");
    }
}
