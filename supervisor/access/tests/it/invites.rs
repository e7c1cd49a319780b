//! Invites.

use jiff::SignedDuration;
use orbitr_access::{
    Error, Grant, GrantOn, NewAccount, NewInvite, NewInviteLink, Secret, TheBox,
    action::{ManagePeople, ViewPeople},
};
use orbitr_model::{Level, Problem, Role};

use crate::testbox::{PASSWORD, Person, TestBox, app, browser, secret};

async fn invite(boxed: &TestBox, admin: &Person, grants: Vec<Grant>) -> NewInviteLink {
    let permit = boxed.permit::<ManagePeople>(admin, TheBox).await;
    let new = NewInvite { role: Role::User, note: "for Ben".parse().unwrap(), grants };
    boxed.access.create_invite(&permit, new).await.unwrap()
}

fn accept(code: &Secret, name: &str) -> NewAccount {
    NewAccount { code: code.clone(), username: name.to_owned(), display_name: None, password: secret(PASSWORD) }
}

#[tokio::test]
async fn an_invite_makes_one_account_with_its_role_and_grants() {
    let (boxed, ada) = TestBox::claimed().await;
    boxed.install("notes", boxed.home()).await;
    let on_notes = Grant { on: GrantOn::App { app: app("notes") }, level: Level::Operate };
    let on_gone = Grant { on: GrantOn::App { app: app("gone") }, level: Level::Operate };
    let link = invite(&boxed, &ada, vec![on_notes.clone(), on_gone]).await;
    assert_eq!(boxed.access.open_invite(&link.code).await.unwrap().role, Role::User);
    let session = boxed.access.accept_invite(accept(&link.code, "ben"), &browser("192.0.2.2")).await.unwrap();
    let view = boxed.permit::<ViewPeople>(&ada, TheBox).await;
    let user = boxed.access.user(&view, session.user).await.unwrap();
    assert_eq!((user.username.as_str(), user.role), ("ben", Role::User));
    assert_eq!(boxed.access.grants_of(&view, session.user).await.unwrap(), [on_notes]);
    assert_eq!(boxed.said("invite.accept").await, ["ok by ben to ben"]);

    let again = boxed.access.accept_invite(accept(&link.code, "eve"), &browser("192.0.2.66")).await;
    assert!(matches!(again, Err(Error::InviteGone)));
    assert!(!boxed.has_on_disk(link.code.expose()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_accept_at_the_same_moment_one_gets_in() {
    let (boxed, ada) = TestBox::claimed().await;
    let link = invite(&boxed, &ada, Vec::new()).await;
    let (one, two) = (browser("192.0.2.1"), browser("192.0.2.2"));
    let (one, two) = tokio::join!(
        boxed.access.accept_invite(accept(&link.code, "ben"), &one),
        boxed.access.accept_invite(accept(&link.code, "eve"), &two),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn an_invite_ends_after_seven_days_or_when_it_is_withdrawn() {
    let (boxed, ada) = TestBox::claimed().await;
    let (old, withdrawn) = (invite(&boxed, &ada, Vec::new()).await, invite(&boxed, &ada, Vec::new()).await);
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    boxed.access.revoke_invite(&permit, withdrawn.invite.id).await.unwrap();
    assert!(matches!(boxed.access.revoke_invite(&permit, withdrawn.invite.id).await, Err(Error::NoInvite(_))));
    boxed.pass(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    boxed.access.open_invite(&old.code).await.unwrap();
    boxed.pass(SignedDuration::from_secs(1));
    for code in [&old.code, &withdrawn.code, &secret("made up")] {
        let tried = boxed.access.accept_invite(accept(code, "ben"), &browser("192.0.2.2")).await;
        assert_eq!(Problem::from(tried.unwrap_err()).code, "invite-gone");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_leaves_the_invite_open() {
    let (boxed, ada) = TestBox::claimed().await;
    let link = invite(&boxed, &ada, Vec::new()).await;
    let taken = boxed.access.accept_invite(accept(&link.code, "ada"), &browser("192.0.2.2")).await.unwrap_err();
    let problem = Problem::from(taken);
    assert_eq!((problem.status, problem.code.as_str()), (409, "name-taken"));
    assert!(problem.message_for("username").is_some());
    boxed.access.accept_invite(accept(&link.code, "ben"), &browser("192.0.2.2")).await.unwrap();
    let view = boxed.permit::<ViewPeople>(&ada, TheBox).await;
    assert!(boxed.access.invites(&view).await.unwrap().is_empty());
}

#[tokio::test]
async fn no_invite_brings_along_what_no_grant_can_be() {
    let (boxed, ada) = TestBox::claimed().await;
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    let grant = Grant { on: GrantOn::Project { project: boxed.home() }, level: Level::Administer };
    let new = NewInvite { role: Role::User, note: "Ben".parse().unwrap(), grants: vec![grant] };
    assert!(matches!(boxed.access.create_invite(&permit, new).await, Err(Error::Invalid(_))));
}
