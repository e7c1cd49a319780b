//! Docker's store: found damaged, set aside with every step cut, and removed. Docker itself is a socket that answers; the whole
//! with a real engine is in tests/tests/e2e/docker_store.rs.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
};

use orbitr_model::{Act, DockerStoreFacts};
use orbitr_privileged::Error;
use serde_json::json;

use crate::disk::{GIB, Machine};

const IMAGE: &str = "image/overlay2/imagedb/content/sha256/0f41";
const LAYER: &str = "image/overlay2/layerdb/sha256/ab12";
const CONTAINER: &str = "containers/c0ffee";

fn put(store: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = store.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// A store as Docker leaves it, with a named volume, and containerd's.
fn machine() -> Machine {
    let machine = Machine::new(GIB);
    put(
        &machine.places.docker_store,
        &[
            (IMAGE, "{\"os\": \"linux\"}"),
            ("image/overlay2/repositories.json", "{\"Repositories\": {}}"),
            ("image/overlay2/layerdb/sha256/ab12/diff", "sha256:ab12"),
            ("image/overlay2/layerdb/sha256/ab12/size", "7"),
            ("image/overlay2/layerdb/sha256/ab12/cache-id", "99aa"),
            ("image/overlay2/layerdb/mounts/c0ffee/mount-id", "99bb"),
            ("overlay2/99aa/diff/bin/sh", "sh"),
            ("overlay2/99bb/diff/tmp/x", "x"),
            ("containers/c0ffee/config.v2.json", "{\"ID\": \"c0ffee\"}"),
            ("containers/c0ffee/hostconfig.json", "{}"),
            ("network/files/local-kv.db", "bolt"),
            ("volumes/metadata.db", "bolt"),
            ("volumes/shop_db/_data/row", "one"),
        ],
    );
    put(&machine.places.containerd_store, &[("io.containerd.metadata.v1.bolt/meta.db", "bolt")]);
    fs::set_permissions(&machine.places.docker_store, fs::Permissions::from_mode(0o710)).unwrap();
    let listener = UnixListener::bind(&machine.places.docker).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
        }
    });
    machine
}

async fn look(machine: &Machine) -> DockerStoreFacts {
    machine.act(Act::LookAtDockerStore).await.unwrap();
    serde_json::from_slice(&fs::read(machine.places.box_run.join("docker-store.json")).unwrap()).unwrap()
}

fn ask(machine: &Machine, key: &str) {
    machine.ask(Act::RebuildDockerStore, &json!({"version": 1, "id": "r", "key": key}));
}

/// Every file below a folder, by its path there.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|below| Path::new(&entry.file_name()).join(below)));
        } else {
            found.insert(entry.file_name().into());
        }
    }
    found
}

#[tokio::test]
async fn a_store_that_is_whole_is_not_called_damaged_and_each_damage_is_named() {
    let machine = machine();
    let store = machine.places.docker_store.clone();
    let facts = look(&machine).await;
    assert!(facts.damage.is_empty() && facts.complete && !facts.unfinished && facts.aside.is_empty(), "{facts:?}");

    // What Docker is only writing or removing is nobody's damage.
    put(
        &store,
        &[("containers/.tmp-c0ffee/config.v2.json", ""), ("image/overlay2/layerdb/sha256/ab-1-removing/size", "")],
    );
    assert!(look(&machine).await.damage.is_empty());

    let database = machine.places.containerd_store.join("io.containerd.metadata.v1.bolt/meta.db");
    for (path, bytes, what) in [
        (store.join(IMAGE), vec![0; 300], "zeros"),
        (store.join("image/overlay2/repositories.json"), Vec::new(), "empty"),
        (store.join(LAYER).join("diff"), vec![0; 71], "zeros"),
        (store.join(CONTAINER).join("config.v2.json"), b"{\"ID\": ".to_vec(), "cut off"),
        (store.join("network/files/local-kv.db"), vec![0; 32768], "zeros"),
        (database, vec![0; 32768], "zeros"),
    ] {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let damage = look(&machine).await.damage;
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert_eq!(damage[0].file, path.to_string_lossy());
        assert!(damage[0].what.contains(what), "{damage:?}");
        fs::write(&path, whole).unwrap();
    }
    fs::remove_dir_all(store.join("overlay2/99aa")).unwrap();
    let damage = look(&machine).await.damage;
    assert!(damage.len() == 1 && damage[0].what.contains("overlay2/99aa is gone"), "{damage:?}");
}

#[tokio::test]
async fn a_rebuild_keeps_everything_wherever_it_is_cut_off() {
    // How many steps there are is what the first run without a cut says.
    for cut in 1..40 {
        let machine = machine();
        let (docker, containerd) = (machine.places.docker_store.clone(), machine.places.containerd_store.clone());
        let before = (files(&docker), files(&containerd));
        ask(&machine, "k");
        let done = machine.act_cut(Act::RebuildDockerStore, cut).await;
        if let Err(error) = &done {
            assert!(matches!(error, Error::Stopped), "{cut}: {error}");
            // Docker's units do not start while half of the store is in its place.
            let (marked, ended) = (docker.join(".orbitr-rebuild").exists(), !look(&machine).await.aside.is_empty());
            let moved = files(&docker).iter().any(|path| is_aside(path));
            assert!(!moved || marked || ended, "{cut}");
            assert_eq!(look(&machine).await.unfinished, docker.join(".orbitr-rebuild").exists(), "{cut}");
            ask(&machine, "k");
            machine.act(Act::RebuildDockerStore).await.unwrap();
        }
        let facts = look(&machine).await;
        assert_eq!(facts.aside.len(), 1, "{cut}: {facts:?}");
        let name = &facts.aside[0].name;
        assert!(facts.aside[0].at.is_some() && !facts.unfinished && facts.damage.is_empty());
        // Everything is still there, and only the volumes are where they were.
        let back = |store: &Path| -> BTreeSet<PathBuf> {
            let all = files(store).into_iter().map(|path| path.strip_prefix(name).map(Path::to_owned).unwrap_or(path));
            all.filter(|path| path != Path::new("orbitr.json")).collect()
        };
        assert_eq!((back(&docker), back(&containerd)), before, "{cut}");
        assert_eq!(fs::read_to_string(docker.join("volumes/shop_db/_data/row")).unwrap(), "one");
        let left: Vec<_> = fs::read_dir(&docker).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{cut}: {left:?}");
        assert_eq!(docker.metadata().unwrap().permissions().mode() & 0o777, 0o710);
        // Asked once more for the same rebuild, nothing is set aside again.
        put(&docker, &[("image/overlay2/repositories.json", "{}")]);
        ask(&machine, "k");
        machine.act(Act::RebuildDockerStore).await.unwrap();
        assert!(docker.join("image").exists() && look(&machine).await.aside.len() == 1, "{cut}");
        if done.is_ok() {
            assert!(cut > 8, "so few steps: {cut}");
            return;
        }
    }
    panic!("the rebuild does not end");
}

fn is_aside(path: &Path) -> bool {
    path.to_string_lossy().starts_with("set-aside-")
}

#[tokio::test]
async fn what_docker_knows_of_the_volumes_goes_where_it_is_damaged_and_the_volumes_stay() {
    let machine = machine();
    let docker = machine.places.docker_store.clone();
    fs::write(docker.join("volumes/metadata.db"), vec![0; 32768]).unwrap();
    ask(&machine, "k");
    machine.act(Act::RebuildDockerStore).await.unwrap();
    assert!(!docker.join("volumes/metadata.db").exists());
    let name = &look(&machine).await.aside[0].name;
    assert!(docker.join(name).join("volumes/metadata.db").exists());
    assert_eq!(fs::read_to_string(docker.join("volumes/shop_db/_data/row")).unwrap(), "one");
}

#[tokio::test]
async fn stores_that_were_set_aside_stay_until_they_are_named() {
    let machine = machine();
    let docker = machine.places.docker_store.clone();
    for key in ["first", "second"] {
        put(&docker, &[("image/overlay2/repositories.json", "{}")]);
        ask(&machine, key);
        machine.act(Act::RebuildDockerStore).await.unwrap();
    }
    let aside = look(&machine).await.aside;
    assert_eq!(aside.len(), 2);
    assert!(aside[0].bytes > aside[1].bytes, "{aside:?}");

    let remove = |names: &[&str]| {
        machine.ask(Act::RemoveDockerStores, &json!({"version": 1, "id": "x", "names": names}));
    };
    for wrong in ["volumes", "../orbitr", "set-aside-/../volumes", ""] {
        remove(&[wrong]);
        assert!(matches!(machine.act(Act::RemoveDockerStores).await, Err(Error::Request(_))), "{wrong}");
    }
    assert!(docker.join("volumes/shop_db/_data/row").exists());
    // Cut off before it begins, and asked for again.
    for cut in [1, usize::MAX] {
        remove(&[&aside[0].name]);
        assert_eq!(machine.act_cut(Act::RemoveDockerStores, cut).await.is_ok(), cut > 1);
    }
    let left = look(&machine).await.aside;
    assert_eq!(left.iter().map(|one| &one.name).collect::<Vec<_>>(), [&aside[1].name]);
    assert!(!machine.places.containerd_store.join(&aside[0].name).exists());
}

#[tokio::test]
async fn a_docker_that_does_not_come_up_is_told_and_nothing_is_lost() {
    let machine = machine();
    fs::remove_file(&machine.places.docker).unwrap();
    let (stop, run) = (tokio_util::sync::CancellationToken::new(), machine.places.clone());
    let ended = stop.clone();
    ask(&machine, "k");
    let act = tokio::spawn(async move {
        let run = orbitr_privileged::Run::new(Act::RebuildDockerStore, run, stop, |_| ());
        orbitr_privileged::act(Act::RebuildDockerStore, &run).await
    });
    while !machine.places.box_run.join("results/rebuild-docker-store.json").exists()
        || machine.report(Act::RebuildDockerStore).step != "Waiting until Docker answers"
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    ended.cancel();
    assert!(act.await.unwrap().is_err());
    let facts = look(&machine).await;
    assert!(facts.aside.len() == 1 && !facts.unfinished, "{facts:?}");
}
