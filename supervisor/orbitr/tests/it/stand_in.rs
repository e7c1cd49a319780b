//! A folder that stands in for `/run` of Orbitr OS, and root, who takes requests and answers them.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a machine without a serial number is asked for: the first digits of its id.
pub(crate) const SERIAL: &str = "01234567";

pub(crate) fn machine(state: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    for folder in ["run/orbitr-box/results", "run/orbitr/requests", "run/orbitr-console"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    fs::write(dir.path().join("run/machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    found(dir.path(), state, "virtio");
    dir
}

/// What root leaves of the data partition, on a boot disk of this kind.
pub(crate) fn found(dir: &Path, state: &str, transport: &str) {
    let recorded = (state != "none").then_some("0f410f90-ea92-4bcf-b701-b7503621b14f");
    let facts = json!({"version": 1, "state": state, "reason": null, "problem": null, "recorded": recorded, "open": null,
        "candidates": [], "boot_disk": disk("/dev/sda", transport)});
    put(&dir.join("run/orbitr-box"), "data.json", &facts);
}

pub(crate) fn disk(device: &str, transport: &str) -> Value {
    json!({"device": device, "model": "QEMU", "serial": format!("S-{device}").replace('/', ""), "bytes": 17_179_869_184_u64,
        "transport": transport, "removable": transport == "usb"})
}

/// By rename, as root does it.
fn put(folder: &Path, name: &str, value: &Value) {
    fs::write(folder.join("new"), value.to_string()).unwrap();
    fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

/// How an act goes.
pub(crate) fn report(dir: &Path, act: &str, id: &Value, state: &str, more: &Value) {
    let mut report = json!({"version": 1, "act": act, "id": id, "state": state, "step": "Copying the system", "fraction": null,
        "problem": null, "value": null});
    report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    put(&dir.join("run/orbitr-box/results"), &format!("{act}.json"), &report);
}

/// Waits for the request and takes it.
pub(crate) async fn take(dir: &Path, requests: &str, act: &str) -> Value {
    let path = dir.join(format!("run/{requests}/{act}.json"));
    for _ in 0..200 {
        if let Ok(text) = fs::read(&path) {
            fs::remove_file(&path).unwrap();
            return serde_json::from_slice(&text).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("root was never asked: {}", path.display());
}

/// Waits for the request, and answers it as root does.
pub(crate) async fn root(dir: &Path, requests: &str, act: &str, state: &str, more: &Value) -> Value {
    let request = take(dir, requests, act).await;
    report(dir, act, &request["id"], state, more);
    request
}
