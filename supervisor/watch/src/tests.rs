use std::path::Path;

use jiff::SignedDuration;
use orbitr_model::{Actor, Timestamp, deed};
use orbitr_store::{Store, events};

use crate::{
    Error,
    disk::{KEPT, Sample},
    model::Severity,
    plan::{Known, Step},
    rows,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn issue(id: &str, told: bool) -> Known {
    let id: crate::IssueId = id.parse().unwrap();
    let app = match &id.subject {
        crate::Subject::App(app) => Some(app.clone()),
        _ => None,
    };
    Known {
        id,
        app,
        about: "Shop".to_owned(),
        title: "Shop is down".to_owned(),
        severity: Severity::Bad,
        since: at(100),
        told,
        dismissed: None,
    }
}

async fn apply(store: &Store, steps: Vec<Step>) {
    store.write(move |tx| rows::apply(tx, &steps)).await.unwrap();
}

async fn known(store: &Store) -> Vec<Known> {
    store.read(rows::known).await.unwrap()
}

async fn history(store: &Store) -> Vec<(String, String)> {
    let read = |conn: &rusqlite::Connection| {
        let mut all = Vec::new();
        for action in [deed::ISSUE_FOUND, deed::ISSUE_DISMISSED, deed::ISSUE_ENDED] {
            all.extend(events::since(conn, action, Timestamp::UNIX_EPOCH)?);
        }
        all.sort_by_key(|event| event.id);
        Ok::<_, Error>(all.into_iter().map(|event| (event.action, event.subject.kind)).collect())
    };
    store.read(read).await.unwrap()
}

async fn reopened(store: Store, dir: &Path) -> Store {
    store.close().await;
    Store::open(dir).await.unwrap()
}

#[tokio::test]
async fn an_issue_keeps_its_beginning_and_its_dismissal_over_a_restart_and_history_tells_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let down = issue("app-down.shop", true);
    apply(&store, vec![Step::Keep { issue: down.clone(), told_now: true }]).await;
    let store = reopened(store, dir.path()).await;
    assert_eq!(known(&store).await, std::slice::from_ref(&down));

    let one = down.clone();
    store.write(move |tx| rows::dismiss(tx, &one, Actor::Local { uid: 0 }, None)).await.unwrap();
    let store = reopened(store, dir.path()).await;
    let kept = known(&store).await;
    assert!(kept[0].dismissed.is_some() && kept[0].since == at(100));

    apply(&store, vec![Step::End(kept[0].clone())]).await;
    assert_eq!(known(&store).await, []);
    let told = history(&store).await;
    let told: Vec<(&str, &str)> = told.iter().map(|(action, kind)| (action.as_str(), kind.as_str())).collect();
    assert_eq!(told, [("issue.found", "app"), ("issue.dismissed", "app"), ("issue.ended", "app")]);
}

#[tokio::test]
async fn what_did_not_last_is_no_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let short = issue("docker-down.box", false);
    apply(&store, vec![Step::Keep { issue: short.clone(), told_now: false }]).await;
    apply(&store, vec![Step::End(short)]).await;
    assert_eq!(history(&store).await, []);
    let unit = issue("unit-failed.docker.service", true);
    apply(&store, vec![Step::Keep { issue: unit, told_now: true }]).await;
    assert_eq!(history(&store).await, [("issue.found".to_owned(), "unit".to_owned())]);
}

#[tokio::test]
async fn samples_of_the_disk_are_forgotten_when_they_are_old_or_of_another_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let keep = async |at: Timestamp| {
        store.write(move |tx| rows::keep_sample(tx, Sample { at, used: 1, total: 2 })).await.unwrap();
    };
    let (start, week) = (at(1_000_000), KEPT);
    keep(start).await;
    keep(start + SignedDuration::from_mins(15)).await;
    keep(start + week + SignedDuration::from_mins(10)).await;
    let all = || store.read(|conn| rows::samples(conn, Timestamp::MAX));
    assert_eq!(all().await.unwrap().len(), 2, "the first is more than a week old");
    keep(start + SignedDuration::from_mins(20)).await;
    let left = all().await.unwrap();
    assert_eq!(left.last().unwrap().at, start + SignedDuration::from_mins(20), "the clock was set back");
}
