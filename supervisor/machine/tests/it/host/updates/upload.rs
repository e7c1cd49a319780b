//! An update as one file.

use super::{world::Files, *};

async fn bring(room: &Room, bytes: &[u8], piece: usize) -> Result<orbitr_machine::Offer, String> {
    let said = |error: Error| code(error).1;
    let mut upload = room.machine.upload_update(&update()).await.map_err(said)?;
    for piece in bytes.chunks(piece) {
        upload.write(piece).await.map_err(said)?;
    }
    room.machine.uploaded_update(&update(), upload).await.map_err(said)
}

#[tokio::test]
async fn an_update_in_one_file_needs_no_network() {
    let world = World::new().await;
    let room = world.room().await;
    let tar = set(&world.signer, &["0.2.0"], &json!({})).await.tar();
    for piece in [333, tar.len()] {
        let offer = bring(&room, &tar, piece).await.unwrap();
        assert!(offer.ready && offer.uploaded && offer.version == version("0.2.0"));
        assert_eq!(kept(&room), ["0.2.0"]);
    }
    assert_eq!(updates(&room).await.offer.unwrap().version, version("0.2.0"));
    assert_eq!(room.did(deed::BOX_UPDATE_UPLOAD).await.subject.name, "0.2.0");
    assert_eq!(install(&room, &InstallUpdate::default()).await, None);
    assert_eq!((world.was_asked(), kept(&room)), (1, Vec::new()));
}

#[tokio::test]
async fn a_file_that_is_no_update_leaves_nothing() {
    let world = World::new().await;
    let room = world.room().await;
    let good = set(&world.signer, &["0.2.0"], &json!({})).await;
    let changed = |change: &dyn Fn(&mut Files)| {
        let mut files = good.clone();
        change(&mut files);
        files.tar()
    };
    let whole = good.tar();
    let mut behind = whole.clone();
    behind.extend(b"more");
    let foreign = set(&Signer::new().await, &["0.2.0"], &json!({})).await.tar();
    let older = set(&world.signer, &["0.1.0"], &json!({})).await.tar();
    let large = set(&world.signer, &["0.2.0"], &json!({"/files/1/bytes": 1_u64 << 40})).await.tar();
    for (what, bytes, code) in [
        ("nothing", Vec::new(), "update-set-odd"),
        ("no archive", vec![7; 100_000], "update-set-odd"),
        ("cut off", whole[..whole.len() / 2].to_vec(), "update-set-odd"),
        ("more behind it", behind, "update-set-odd"),
        ("another key", foreign, "update-not-signed"),
        ("an older version", older, "update-unfit"),
        ("larger than its place", large, "update-unfit"),
        ("tampered", changed(&|files| files.get_mut(".root.")[5] ^= 1), "update-damaged"),
        ("longer", changed(&|files| files.get_mut(".root.").push(1)), "update-set-odd"),
        ("another order", changed(&|files| files.0.swap(3, 4)), "update-set-odd"),
        ("a path", changed(&|files| files.0[3].0 = "../../orbitr.db".to_owned()), "update-set-odd"),
        ("one more", changed(&|files| files.0.push(("more".to_owned(), b"x".to_vec()))), "update-set-odd"),
        ("one less", changed(&|files| drop(files.0.pop())), "update-set-odd"),
    ] {
        assert_eq!(bring(&room, &bytes, 50_000).await.unwrap_err(), code, "{what}");
        assert_eq!(kept(&room), Vec::<String>::new(), "{what}");
    }
    assert!(updates(&room).await.offer.is_none() && room.history().await.is_empty());
    assert!(!room.dir.path().parent().unwrap().join("orbitr.db").exists());
}

#[tokio::test]
async fn one_is_brought_at_a_time() {
    let world = World::new().await;
    let room = world.room().await;
    let first = room.machine.upload_update(&update()).await.unwrap();
    assert_eq!(code(room.machine.upload_update(&update()).await.unwrap_err()), (409, "update-at-work".into()));
    assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-at-work"));
    drop(first);
    room.machine.upload_update(&update()).await.unwrap();
}

/// Has it read from the stick; the code of what went wrong.
async fn read_stick(room: &Room) -> Option<String> {
    let job = room.machine.read_update(&update()).await.unwrap().job;
    room.jobs.wait(job).await.unwrap().problem.map(|problem| problem.code)
}

#[tokio::test]
async fn an_update_comes_from_a_stick_and_is_judged_like_any_other() {
    let world = World::new().await;
    let room = world.room().await;
    assert_eq!(read_stick(&room).await.as_deref(), Some("program-failed"), "why there is none, root says");
    let good = set(&world.signer, &["0.2.0"], &json!({})).await;
    let mut tampered = good.clone();
    tampered.get_mut(".root.")[5] ^= 1;
    let foreign = set(&Signer::new().await, &["0.2.0"], &json!({})).await;
    let whole = good.tar();
    for (what, bytes, code) in [
        ("tampered", tampered.tar(), "update-damaged"),
        ("another key", foreign.tar(), "update-not-signed"),
        ("cut off", whole[..whole.len() / 2].to_vec(), "update-set-odd"),
        ("no archive", vec![7; 300_000], "update-set-odd"),
    ] {
        world.plug_in(&bytes);
        assert_eq!(read_stick(&room).await.as_deref(), Some(code), "{what}");
        assert_eq!(kept(&room), Vec::<String>::new(), "{what}");
    }
    assert!(room.history().await.iter().all(|event| event.action != deed::BOX_UPDATE_UPLOAD));

    world.plug_in(&whole);
    assert_eq!(read_stick(&room).await, None);
    let event = room.did(deed::BOX_UPDATE_UPLOAD).await;
    assert_eq!((event.subject.name.as_str(), &event.detail["from"]), ("0.2.0", &json!("stick")));
    let offer = updates(&room).await.offer.unwrap();
    assert!(offer.ready && offer.uploaded && offer.version == version("0.2.0"));
    assert_eq!(install(&room, &InstallUpdate::default()).await, None);
}
