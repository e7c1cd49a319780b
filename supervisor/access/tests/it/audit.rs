//! The audit log.

use futures_util::TryStreamExt;
use orbitr_access::{
    NewToken, TheBox, TokenLimits,
    action::{ChangeOwnAccount, ListEvents, ViewAudit},
};
use orbitr_model::{Level, PageRequest, Role};
use orbitr_store::{
    NewEvent, Subject,
    events::{Event, Filter},
};

use crate::testbox::{TestBox, app, bearer};

/// So many lines about these apps, in turn.
async fn lines(boxed: &TestBox, apps: &'static [&'static str], count: usize) {
    let write = move |tx: &mut orbitr_store::Tx<'_>| {
        for id in apps.iter().cycle().take(count) {
            tx.event(NewEvent::by_the_box("app.start", Subject::new("app", id, id), serde_json::json!({})))?;
        }
        Ok::<_, orbitr_store::Error>(())
    };
    boxed.store.write(write).await.unwrap();
}

#[tokio::test]
async fn others_see_only_what_is_about_their_apps_or_by_themselves() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    boxed.install("notes", boxed.home()).await;
    boxed.install("mail", boxed.home()).await;
    boxed.grant_app(&ada, &ben, "notes", Some(Level::View)).await;
    lines(&boxed, &["notes", "mail"], 500).await;
    let permit = boxed.permit::<ListEvents>(&ben, TheBox).await;
    let (mut cursor, mut seen): (_, Vec<Event>) = (None, Vec::new());
    for _ in 0..20 {
        let page = PageRequest { cursor, limit: 30 };
        let page = boxed.access.events(&permit, Filter::default(), page).await.unwrap();
        assert!(page.items.len() <= 30);
        seen.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(cursor, None);
    let about_notes = seen.iter().filter(|event| event.subject.id == "notes" && event.action == "app.start").count();
    assert_eq!(about_notes, 250, "none twice, none left out");
    let by_ben = seen.iter().filter(|event| event.actor.to_string() == "ben").count();
    assert_eq!(by_ben, 1, "the invite that ben accepted");
    assert_eq!(seen.len(), 251);

    let only = TokenLimits { apps: [app("notes")].into(), ..TokenLimits::default() };
    let new = NewToken { label: "script".parse().unwrap(), level: Level::View, days: 1, only: Some(only) };
    let permit = boxed.permit::<ChangeOwnAccount>(&ben, TheBox).await;
    let token = boxed.access.create_token(&permit, new).await.unwrap().secret;
    let script = boxed.who(bearer(&token)).await.unwrap();
    let permit = boxed.access.permit::<ListEvents>(&script, TheBox).await.unwrap();
    let page = PageRequest { cursor: None, limit: 200 };
    let seen = boxed.access.events(&permit, Filter::default(), page).await.unwrap().items;
    assert!(seen.iter().all(|event| event.subject.id == "notes"), "a token for one app reads about that app only");

    let permit = boxed.permit::<ListEvents>(&ada, TheBox).await;
    let page = boxed.access.events(&permit, Filter::default(), PageRequest { cursor: None, limit: 200 }).await.unwrap();
    assert_eq!(page.items.len(), 200);
}

#[tokio::test]
async fn the_whole_log_is_for_admins() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    let ben = boxed.caller(&ben).await.unwrap();
    assert_eq!(boxed.status::<ViewAudit>(&ben, TheBox).await, 403);
    let permit = boxed.permit::<ViewAudit>(&ada, TheBox).await;
    let page = boxed.access.audit(&permit, Filter::default(), PageRequest::default()).await.unwrap();
    let actions: Vec<_> = page.items.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["audit.view", "invite.accept", "invite.create", "box.claim"]);
}

#[tokio::test]
async fn an_export_is_all_of_it_in_order_and_is_itself_in_it() {
    let (boxed, ada) = TestBox::claimed().await;
    lines(&boxed, &["notes"], 2500).await;
    let permit = boxed.permit::<ViewAudit>(&ada, TheBox).await;
    let parts: Vec<String> =
        boxed.access.export_audit(&permit, Filter::default()).await.unwrap().try_collect().await.unwrap();
    assert_eq!(parts.len(), 3);
    let events: Vec<Event> = parts.concat().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<_> = events.iter().map(|event| event.id.0).collect();
    assert_eq!(ids, (1..=2502).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap().action, "audit.export");
}

#[tokio::test]
async fn a_line_that_was_changed_by_hand_is_found() {
    let (boxed, ada) = TestBox::claimed().await;
    let permit = boxed.permit::<ViewAudit>(&ada, TheBox).await;
    lines(&boxed, &["notes"], 10).await;
    assert_eq!(boxed.access.verify_audit(&permit).await.unwrap().unwrap().count, 11);
    let tamper = |tx: &mut orbitr_store::Tx<'_>| {
        let triggers: Vec<String> = tx
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'event'")?
            .query_map([], |found| found.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for trigger in triggers {
            tx.execute_batch(&format!("DROP TRIGGER {trigger}"))?;
        }
        tx.execute("UPDATE event SET subject_id = 'mail' WHERE id = 5", [])?;
        Ok::<_, orbitr_store::Error>(())
    };
    boxed.store.write(tamper).await.unwrap();
    assert_eq!(boxed.access.verify_audit(&permit).await.unwrap().unwrap_err().at.0, 5);
}
