//! SSH: off until somebody turns it on, and never without a key.

use orbitr_access::{
    Permit, TheBox,
    action::{ChangeSsh, ViewMachine},
    testing,
};
use orbitr_host::testing::FakeSystemd;
use orbitr_machine::{ChangeSshAccess, Machine};
use orbitr_model::{Actor, Problem};
use orbitr_store::Store;
use serde_json::json;

use crate::{host::with, network::OnImage};

/// Made with `ssh-keygen -t ed25519`, for this test alone; the private half was thrown away.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOgHgY5+IMj8DyNQG0JQWfnxKFB+4DpoWlrAbiQE54c ada@desk";
/// What `ssh-keygen -l` says of it.
const FINGERPRINT: &str = "SHA256:lp4aeid2ny4+ZLARTrjQpwWV5LwgOj3hntjaIljyB/U";

fn may() -> Permit<ChangeSsh> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

fn look() -> Permit<ViewMachine> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

fn set(enabled: bool, keys: &[&str]) -> ChangeSshAccess {
    ChangeSshAccess { enabled, keys: keys.iter().map(|key| (*key).to_owned()).collect() }
}

#[tokio::test]
async fn ssh_goes_on_with_a_key_and_off_again() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    let ssh = room.machine.ssh(&look()).await.unwrap();
    assert!(ssh.available && !ssh.enabled && ssh.keys.is_empty());
    let problem = Problem::from(room.machine.change_ssh(&may(), &set(true, &["", "  "])).await.unwrap_err());
    assert!(problem.message_for("keys").unwrap().contains("Without a key"), "{problem:?}");

    room.machine.change_ssh(&may(), &set(true, &[KEY, "", KEY])).await.unwrap();
    let ssh = room.machine.ssh(&look()).await.unwrap();
    assert_eq!((ssh.enabled, ssh.running, ssh.keys.len()), (true, Some(true), 1), "the same key once");
    let key = &ssh.keys[0];
    assert_eq!(
        (key.kind.as_str(), key.comment.as_str(), key.fingerprint.as_str()),
        ("ssh-ed25519", "ada@desk", FINGERPRINT)
    );
    assert_eq!(room.written()["ssh"], json!({ "enabled": true, "keys": [KEY] }));
    let (action, _, detail) = room.history().await.pop().unwrap();
    assert_eq!(
        (action.as_str(), &detail["ssh"], &detail["keys"][0]),
        ("ssh.change", &json!("on"), &json!(ssh.keys[0].fingerprint))
    );

    room.machine.change_ssh(&may(), &set(false, &[KEY])).await.unwrap();
    assert_eq!(room.written()["ssh"]["enabled"], false);
    room.machine.change_ssh(&may(), &set(false, &[KEY])).await.unwrap();
    assert_eq!(room.history().await.len(), 2, "what is the same already is no change");
}

#[tokio::test]
async fn what_is_no_key_is_refused_with_its_reason() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    let cut = &KEY[..60];
    let other_kind = KEY.replacen("ssh-ed25519", "ssh-rsa", 1);
    let options = format!("command=\"sh\" {KEY}");
    let second_line = format!("{KEY}\nssh-rsa AAAA");
    for (line, why) in [
        ("nonsense", "begins with none of"),
        (cut, "not whole"),
        (&other_kind, "not whole"),
        (&options, "Options are not taken"),
        (&second_line, "one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAP", "begins with none of"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDL6l6l", "not whole"),
    ] {
        let refused = room.machine.change_ssh(&may(), &set(true, &[KEY, line])).await;
        let problem = Problem::from(refused.unwrap_err());
        let said = problem.message_for("keys").unwrap();
        assert!(said.starts_with("Key 2: ") && said.contains(why), "{line}: {said}");
    }
    assert!(room.history().await.is_empty());
}

#[tokio::test]
async fn in_hosted_mode_ssh_is_somebody_elses() {
    let fake = FakeSystemd::start().await;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let machine = Machine::open_with(store, dir.path().to_owned(), "1.2.3", with(&fake)).await.unwrap();
    let ssh = machine.ssh(&look()).await.unwrap();
    assert!(!ssh.available && ssh.reason.contains("hosted mode") && ssh.running == Some(true));
    let problem = Problem::from(machine.change_ssh(&may(), &set(true, &[KEY])).await.unwrap_err());
    assert_eq!((problem.status, problem.code.as_str()), (409, "not-here"));
}
