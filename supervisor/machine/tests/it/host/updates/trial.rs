//! What waits while it is not decided which version stays, and what somebody is told who goes back.

use orbitr_access::action::ChangeBox;
use orbitr_machine::OlderState;

use super::*;

fn versions(blessed: bool, gate: &Value) -> Value {
    let one = |version: &str, slot: &str, blessed: bool| {
        json!({"version": version, "slot": slot, "tries_left": null, "tries_done": null, "blessed": blessed,
            "running": version == "0.2.0"})
    };
    json!({"running": "0.2.0", "installed": [one("0.2.0", "b", blessed), one("0.1.0", "a", true)], "gate": gate})
}

fn gate(state: &str, counted: bool) -> Value {
    json!({"state": state, "counted": counted, "deadline_s": 600, "tiers": []})
}

async fn rotate(room: &Room) -> Option<String> {
    let permit: Permit<ChangeBox> = testing::permit(Actor::Local { uid: 0 }, TheBox);
    room.machine.rotate_key(&permit).await.err().map(|error| code(error).1)
}

#[tokio::test]
async fn the_key_of_the_box_stays_until_it_is_decided_which_version_does() {
    let world = World::new().await;
    world.facts(&versions(false, &gate("watching", true)));
    let room = world.room().await;
    assert_eq!(rotate(&room).await.as_deref(), Some("version-on-trial"));
    assert_eq!(room.machine.on_trial().await, Some(version("0.2.0")));
    world.facts(&versions(false, &gate("passed", true)));
    assert_eq!((room.machine.on_trial().await, rotate(&room).await), (None, None));
    // a box that has nothing to go back to
    world.facts(&versions(false, &gate("failed", false)));
    assert_eq!((room.machine.on_trial().await, rotate(&room).await), (None, None));

    let mut waiting = versions(true, &gate("passed", true));
    waiting["running"] = json!("0.1.0");
    for (at, running) in [(0, false), (1, true)] {
        waiting["installed"][at]["running"] = json!(running);
    }
    world.facts(&waiting);
    assert_eq!(room.machine.on_trial().await, None);
    assert_eq!(rotate(&room).await.as_deref(), Some("version-on-trial"), "it waits for its first start");
}

#[tokio::test]
async fn whoever_goes_back_is_told_from_when_the_database_of_that_version_is() {
    let world = World::new().await;
    world.facts(&versions(true, &gate("passed", true)));
    let room = world.room().await;
    let opens = async || {
        let read = |conn: &rusqlite::Connection| {
            let sql = "SELECT group_concat(value) FROM setting WHERE key = 'updates.opens'";
            Ok::<_, orbitr_store::Error>(conn.query_row(sql, [], |row| row.get::<_, Option<String>>(0))?)
        };
        room.store.read(read).await.unwrap().unwrap_or_default()
    };
    room.until(async || opens().await.contains("0.2.0")).await;
    assert!(updates(&room).await.older_states.is_empty());

    // Both know what the one before wrote down while it ran.
    let sql = "UPDATE setting SET value = replace(value, '[', '[{\"version\": \"0.1.0\", \"schema\": 3}, ') WHERE key = 'updates.opens'";
    room.store.write(move |tx| Ok::<_, orbitr_store::Error>(tx.execute_batch(sql)?)).await.unwrap();
    let since = room.store.read(|conn| orbitr_store::schema::since(conn, 4)).await.unwrap().unwrap();
    let found = updates(&room).await.older_states;
    assert_eq!(found, [OlderState { version: version("0.1.0"), until: since }]);

    // Nothing is said of one that is not on the disk any more.
    let mut alone = versions(true, &gate("passed", true));
    alone["installed"].as_array_mut().unwrap().pop();
    world.facts(&alone);
    assert!(updates(&room).await.older_states.is_empty());
}
