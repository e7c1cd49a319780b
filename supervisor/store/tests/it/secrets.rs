use std::{fs, os::unix::fs::PermissionsExt};

use orbitr_model::{Actor, PageRequest, RecoveryReason};
use orbitr_store::{
    Error, SecretText, Store,
    events::{self, Filter},
};
use proptest::prelude::*;

use crate::support::{Box, write_events};

pub(crate) async fn set(store: &Store, name: &str, value: &str) -> Result<(), Error> {
    let (secrets, name, value) = (store.secrets().clone(), name.to_owned(), value.to_owned());
    store.write(move |tx| secrets.set(tx, &name, &value)).await
}

pub(crate) async fn get(store: &Store, name: &str) -> Result<Option<SecretText>, Error> {
    let (secrets, name) = (store.secrets().clone(), name.to_owned());
    store.read(move |conn| secrets.get(conn, &name)).await
}

async fn actions(store: &Store) -> Vec<String> {
    let page = store.read(|conn| events::page(conn, &Filter::default(), &PageRequest::default())).await.unwrap();
    page.items.into_iter().map(|event| event.action).collect()
}

fn key_files(the_box: &Box) -> usize {
    fs::read_dir(the_box.dir()).unwrap().filter(|e| e.as_ref().unwrap().path().extension().is_some()).count()
}

fn text(secret: &str) -> Option<SecretText> {
    Some(SecretText::new(secret.to_owned()))
}

#[tokio::test]
async fn a_secret_is_kept_replaced_and_forgotten() {
    let the_box = Box::new();
    let store = the_box.open().await;
    assert_eq!(get(&store, "app/notes/password").await.unwrap(), None);
    set(&store, "app/notes/password", "correct horse").await.unwrap();
    set(&store, "app/notes/other", "battery staple").await.unwrap();
    set(&store, "app/notes2/password", "not this one").await.unwrap();
    assert_eq!(get(&store, "app/notes/password").await.unwrap(), text("correct horse"));
    let secrets = store.secrets().clone();
    let names = store.read(move |conn| secrets.names(conn, "app/notes/")).await.unwrap();
    assert_eq!(names, ["app/notes/other", "app/notes/password"]);
    set(&store, "app/notes/password", "another horse").await.unwrap();
    assert_eq!(get(&store, "app/notes/password").await.unwrap(), text("another horse"));
    let secrets = store.secrets().clone();
    let (one, more) = store
        .write(move |tx| {
            Ok::<_, Error>((secrets.remove(tx, "app/notes/other")?, secrets.remove_prefix(tx, "app/notes/")?))
        })
        .await
        .unwrap();
    assert_eq!((one, more), (true, 1));
    assert_eq!(get(&store, "app/notes/password").await.unwrap(), None);
    assert_eq!(get(&store, "app/notes2/password").await.unwrap(), text("not this one"));
}

#[tokio::test]
async fn a_secret_is_nowhere_in_the_files_in_the_clear_and_not_in_debug_output() {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "app/notes/password", "a-very-visible-secret").await.unwrap();
    let shown = format!("{:?} {:?}", store.secrets(), get(&store, "app/notes/password").await.unwrap());
    assert!(!shown.contains("visible"), "{shown}");
    for file in fs::read_dir(the_box.dir().join("db")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_file() {
            let bytes = fs::read(&file).unwrap();
            assert!(!bytes.windows(7).any(|part| part == b"visible"), "{}", file.display());
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
        }
    }
    assert_eq!(fs::metadata(the_box.key()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_sealed_secret_opens_only_under_its_own_name() {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "a", "first secret").await.unwrap();
    set(&store, "b", "second secret").await.unwrap();
    the_box
        .raw()
        .execute_batch(
            "UPDATE secret SET nonce = (SELECT nonce FROM secret WHERE name = 'a'),
                 sealed = (SELECT sealed FROM secret WHERE name = 'a') WHERE name = 'b'",
        )
        .unwrap();
    assert!(matches!(get(&store, "b").await, Err(Error::SecretUnreadable { name }) if name == "b"));
    assert_eq!(get(&store, "a").await.unwrap(), text("first secret"));
}

#[tokio::test]
async fn a_secret_without_a_sensible_name_is_refused() {
    let the_box = Box::new();
    let store = the_box.open().await;
    for name in ["", "a\nb", "\u{0}check", &"x".repeat(201)] {
        assert!(matches!(set(&store, name, "value").await, Err(Error::SecretName)), "{name:?}");
    }
}

#[tokio::test]
async fn after_a_rotation_everything_still_opens_and_history_is_whole() {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "a", "first secret").await.unwrap();
    write_events(&store, 3).await;
    let old = fs::read(the_box.key()).unwrap();
    store.secrets().rotate_key(Actor::Box, None).await.unwrap();
    assert_ne!(fs::read(the_box.key()).unwrap(), old);
    assert_eq!(get(&store, "a").await.unwrap(), text("first secret"));
    set(&store, "b", "second secret").await.unwrap();
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 4);
    store.close().await;

    let store = the_box.open().await;
    assert_eq!(get(&store, "a").await.unwrap(), text("first secret"));
    assert_eq!(get(&store, "b").await.unwrap(), text("second secret"));
    write_events(&store, 1).await;
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 5);
    assert_eq!(actions(&store).await[1], "box.key-rotated");
    // No kept copy needs the old key, so it is gone.
    assert_eq!(key_files(&the_box), 1);
}

#[tokio::test]
async fn a_rotation_that_fails_changes_nothing() {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "a", "first secret").await.unwrap();
    set(&store, "b", "second secret").await.unwrap();
    let key = fs::read(the_box.key()).unwrap();
    the_box.raw().execute("UPDATE secret SET sealed = x'00' WHERE name = 'b'", []).unwrap();
    let refused = store.secrets().rotate_key(Actor::Box, None).await;
    assert!(matches!(refused, Err(Error::SecretUnreadable { name }) if name == "b"));
    assert_eq!(get(&store, "a").await.unwrap(), text("first secret"));
    set(&store, "b", "third secret").await.unwrap();
    store.close().await;

    assert_eq!(fs::read(the_box.key()).unwrap(), key);
    let store = the_box.open().await;
    assert_eq!(get(&store, "a").await.unwrap(), text("first secret"));
    assert_eq!(get(&store, "b").await.unwrap(), text("third secret"));
    assert_eq!(actions(&store).await, ["box.database-repaired"], "of what this test took away");
    assert_eq!(key_files(&the_box), 1, "the key that nothing was sealed with is gone");
}

#[tokio::test]
async fn the_redactor_knows_all_secrets_after_a_restart() {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "a", "first secret").await.unwrap();
    assert_eq!(store.redactor().redact("is first secret"), "is «secret»");
    store.close().await;
    assert_eq!(the_box.open().await.redactor().redact("is first secret"), "is «secret»");
}

#[tokio::test]
async fn a_key_that_others_could_read_is_closed_and_history_says_so() {
    let the_box = Box::new();
    the_box.open().await.close().await;
    fs::set_permissions(the_box.key(), fs::Permissions::from_mode(0o644)).unwrap();
    let store = the_box.open().await;
    assert_eq!(fs::metadata(the_box.key()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(actions(&store).await, ["box.key-closed"]);
}

#[tokio::test]
async fn without_its_key_a_database_with_secrets_needs_recovery() {
    let the_box = Box::new();
    let store = the_box.open().await;
    set(&store, "a", "first secret").await.unwrap();
    store.close().await;
    let key = fs::read(the_box.key()).unwrap();

    fs::remove_file(the_box.key()).unwrap();
    assert!(matches!(the_box.refusal().await, RecoveryReason::KeyMismatch { detail } if detail.contains("missing")));
    assert!(!the_box.key().exists(), "looking must not make a key");
    fs::write(the_box.key(), [7; 32]).unwrap();
    assert!(matches!(the_box.refusal().await, RecoveryReason::KeyMismatch { detail } if detail.contains("another")));
    fs::write(the_box.key(), [7; 31]).unwrap();
    assert!(matches!(the_box.refusal().await, RecoveryReason::KeyMismatch { detail } if detail.contains("32 bytes")));

    fs::write(the_box.key(), key).unwrap();
    assert_eq!(get(&the_box.open().await, "a").await.unwrap(), text("first secret"));
}

#[tokio::test]
async fn without_its_key_a_database_without_secrets_gets_a_new_one() {
    let the_box = Box::new();
    let store = the_box.open().await;
    write_events(&store, 2).await;
    store.close().await;
    fs::remove_file(the_box.key()).unwrap();
    let store = the_box.open().await;
    assert_eq!(actions(&store).await[0], "box.key-replaced");
    assert_eq!(store.read(events::verify).await.unwrap().unwrap().count, 3);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_text_survives_sealing_rotation_and_a_restart(values in proptest::collection::vec(any::<String>(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let the_box = Box::new();
            let store = the_box.open().await;
            for (number, value) in values.iter().enumerate() {
                set(&store, &format!("s/{number}"), value).await.unwrap();
            }
            store.secrets().rotate_key(Actor::Box, None).await.unwrap();
            store.close().await;
            let store = the_box.open().await;
            for (number, value) in values.iter().enumerate() {
                prop_assert_eq!(get(&store, &format!("s/{number}")).await.unwrap(), text(value));
            }
            Ok(())
        })?;
    }
}
