//! The acts that have no disk of their own.

use std::{fs, os::unix::fs::PermissionsExt};

use orbitr_model::Act;
use orbitr_privileged::Error;
use serde_json::json;

use crate::disk::{GIB, Machine};

#[tokio::test]
async fn settings_are_applied_below_run_and_go_when_they_go() {
    let machine = Machine::new(GIB);
    let (run, root) = (machine.places.systemd_run.clone(), machine.places.box_run.clone());
    machine.act(Act::ApplySettings).await.unwrap();
    assert!(fs::read_link(root.join("localtime")).unwrap().ends_with("Etc/UTC"));

    let file = machine.places.state.join("box.json");
    let wanted = json!({"version": 1, "time_zone": "Europe/Berlin", "ntp_servers": ["ntp.example.org"],
        "network": [{"mac": "52:54:00:aa:bb:01", "ipv4": {"method": "dhcp"}}],
        "ssh": {"enabled": true, "keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "nonsense"]}});
    fs::write(&file, wanted.to_string()).unwrap();
    machine.act(Act::ApplySettings).await.unwrap();
    assert!(fs::read_link(root.join("localtime")).unwrap().ends_with("Europe/Berlin"));
    let network = run.join("network/10-orbitr-525400aabb01.network");
    assert!(network.exists() && run.join("timesyncd.conf.d/50-orbitr.conf").exists());
    let keys = root.join("ssh/authorized_keys");
    assert_eq!(keys.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&keys).unwrap().lines().count(), 2);
    assert_eq!(machine.report(Act::ApplySettings).value.unwrap()["ignored"], json!(["ssh.keys[1]: no public key"]));

    fs::write(run.join("network/20-somebodys.network"), "").unwrap();
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    machine.act(Act::ApplySettings).await.unwrap();
    assert!(!network.exists() && run.join("network/20-somebodys.network").exists());
    assert_eq!(fs::read_to_string(keys).unwrap(), "");
}

#[tokio::test]
async fn a_factory_reset_needs_the_serial_number_and_erases_at_the_next_start_only() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    fs::write(machine.places.dmi.join("product_serial"), "SN-42\n").unwrap();
    let ask = |serial: &str| machine.ask(Act::FactoryReset, &json!({"version": 1, "id": "f", "serial": serial}));
    ask("01234567");
    assert!(matches!(machine.act(Act::FactoryReset).await, Err(Error::Serial(_))));
    assert!(!machine.places.esp.join("orbitr/reset").exists());
    ask("SN-42");
    machine.act(Act::FactoryReset).await.unwrap();
    assert_eq!(machine.disks[0].data_partitions().len(), 1, "not yet");
    machine.reboot();
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!(machine.facts().reason, Some(orbitr_model::DataReason::ResetDone));
    assert!(machine.disks[0].data_partitions().is_empty());
}

#[tokio::test]
async fn a_machine_without_a_serial_number_has_the_first_digits_of_its_id() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    fs::write(machine.places.dmi.join("product_serial"), "To Be Filled By O.E.M.\n").unwrap();
    machine.ask(Act::FactoryReset, &json!({"version": 1, "id": "f", "serial": "01234567"}));
    machine.act(Act::FactoryReset).await.unwrap();
}

#[tokio::test]
async fn whoever_stands_in_front_of_the_box_may_ask_for_a_reset_and_for_nothing_else() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    let at_the_box = |act: Act, request: &serde_json::Value| {
        let path = machine.places.console_requests.join(format!("{act}.json"));
        fs::write(&path, request.to_string()).unwrap();
        path
    };
    // A file of somebody else in the menu's folder is not the menu's.
    let path = at_the_box(Act::FactoryReset, &json!({"version": 1, "id": "c", "serial": "01234567"}));
    std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
    assert!(matches!(machine.act(Act::FactoryReset).await, Err(Error::Request(_))));
    assert!(!path.exists() && !machine.places.esp.join("orbitr/reset").exists());
    // The supervisor's own, asked at the same time, is gone with the one that counts.
    machine.ask(Act::FactoryReset, &json!({"version": 1, "id": "f", "serial": "wrong"}));
    at_the_box(Act::FactoryReset, &json!({"version": 1, "id": "c", "serial": "01234567"}));
    machine.act(Act::FactoryReset).await.unwrap();
    assert_eq!(machine.report(Act::FactoryReset).id, "c");
    assert!(machine.places.esp.join("orbitr/reset").exists());
    assert!(fs::read_dir(&machine.places.requests).unwrap().next().is_none());

    let path = at_the_box(Act::Install, &json!({"version": 1, "id": "c", "disk": "/dev/null", "serial": ""}));
    assert!(matches!(machine.act(Act::Install).await, Err(Error::Request(why)) if why == "nobody asked"));
    assert!(path.exists(), "it is not even looked at");
}

#[tokio::test]
async fn dockers_store_is_made_anew_and_everything_else_stays() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    let device = machine.disks[0].part(6);
    machine.inside(&device, |top| {
        fs::write(top.join("@docker/image"), "broken").unwrap();
        fs::write(top.join("@orbitr/db"), "precious").unwrap();
        crate::disk::sh("btrfs", &["subvolume", "create", top.join("@docker/layer").to_str().unwrap()]).unwrap();
    });
    // Once cut off after the rename, once whole.
    for cut in [3, usize::MAX] {
        let done = machine.act_cut(Act::ResetDocker, cut).await;
        assert_eq!(done.is_ok(), cut == usize::MAX, "{done:?}");
        let _ = crate::disk::sh("umount", &[machine.places.work.join("top").to_str().unwrap()]);
    }
    machine.inside(&device, |top| {
        let mut names: Vec<_> = fs::read_dir(top).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["@containerd", "@docker", "@log", "@orbitr", "@system", "@systemd", "orbitr-data.json"]);
        assert!(fs::read_dir(top.join("@docker")).unwrap().next().is_none());
        assert_eq!(fs::read_to_string(top.join("@orbitr/db")).unwrap(), "precious");
    });
}

#[tokio::test]
async fn facts_for_support_are_for_the_supervisor_alone() {
    let machine = Machine::new(GIB);
    machine.act(Act::Support).await.unwrap();
    let folder = machine.places.box_run.join("support");
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o750);
    let kernel = folder.join("kernel-log.txt");
    assert_eq!(kernel.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::read_to_string(folder.join("disks.txt")).unwrap().contains("NAME"));
    assert!(folder.join(format!("smart-{}.txt", machine.disks[0].name())).exists());
}
