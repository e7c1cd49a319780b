//! One's own account.

use orbitr_access::{
    ChangePassword, ChangeProfile, Error, TheBox,
    action::{ChangeOwnAccount, ChangeOwnPassword, OwnAccount},
};
use orbitr_model::{Actor, Problem, Role};

use crate::testbox::{PASSWORD, TestBox, secret};

fn change(current: &str, new: &str) -> ChangePassword {
    ChangePassword { current_password: secret(current), new_password: secret(new) }
}

#[tokio::test]
async fn a_new_password_ends_every_other_session_and_not_this_one() {
    let (boxed, admin) = TestBox::claimed().await;
    let other = boxed.signed_in("ada", PASSWORD).await;
    let permit = boxed.permit::<ChangeOwnPassword>(&admin, TheBox).await;
    boxed.access.change_password(&permit, change(PASSWORD, "another password")).await.unwrap();
    assert!(boxed.caller(&admin).await.is_some());
    assert!(boxed.caller(&other).await.is_none());
    assert!(matches!(boxed.sign_in("ada", PASSWORD, "192.0.2.7").await, Err(Error::WrongCredentials)));
    boxed.signed_in("ada", "another password").await;
}

#[tokio::test]
async fn a_stolen_session_is_no_way_to_find_the_password_out() {
    let (boxed, admin) = TestBox::claimed().await;
    let permit = boxed.permit::<ChangeOwnPassword>(&admin, TheBox).await;
    for _ in 0..5 {
        let tried = boxed.access.change_password(&permit, change("a wrong guess", "another password")).await;
        assert!(matches!(tried, Err(Error::WrongPassword)));
    }
    let tried = boxed.access.change_password(&permit, change(PASSWORD, "another password")).await;
    assert!(matches!(tried, Err(Error::TooManyTries { .. })));
    assert_eq!(boxed.said("account.confirm-password").await, ["failed by ada to ada"; 5]);
}

#[tokio::test]
async fn a_password_has_to_be_a_good_one() {
    let (boxed, admin) = TestBox::claimed().await;
    let permit = boxed.permit::<ChangeOwnPassword>(&admin, TheBox).await;
    for new in ["short", "password123", PASSWORD, &"long ".repeat(60)] {
        let problem: Problem = boxed.access.change_password(&permit, change(PASSWORD, new)).await.unwrap_err().into();
        assert!(problem.message_for("new_password").is_some(), "{new}: {problem:?}");
    }
    boxed.signed_in("ada", PASSWORD).await;
}

#[tokio::test]
async fn people_change_what_they_are_called() {
    let (boxed, admin) = TestBox::claimed().await;
    let permit = boxed.permit::<ChangeOwnAccount>(&admin, TheBox).await;
    let called = ChangeProfile { display_name: "Ada Lovelace".parse().unwrap() };
    let user = boxed.access.change_profile(&permit, called).await.unwrap();
    assert_eq!(user.display_name.as_str(), "Ada Lovelace");
    assert_eq!(boxed.said("account.profile").await, ["ok by ada to ada"]);
}

#[tokio::test]
async fn root_on_the_box_is_an_admin_without_an_account() {
    let (boxed, _) = TestBox::claimed().await;
    let root = boxed.local(0).await.unwrap();
    let me = boxed.access.me(&boxed.access.permit::<OwnAccount>(&root, TheBox).await.unwrap()).await.unwrap();
    assert_eq!((me.actor, me.role, me.user), (Actor::Local { uid: 0 }, Role::Admin, None));
    assert_eq!(boxed.status::<ChangeOwnAccount>(&root, TheBox).await, 403);
    assert!(boxed.local(crate::testbox::OWN_UID).await.is_some(), "the supervisor's own user is as good");
    assert!(boxed.local(1000).await.is_none(), "nobody else is");
    boxed.access.let_console_in(1000);
    let console = boxed.local(1000).await.unwrap();
    assert_eq!(console.actor(), &Actor::Local { uid: 1000 }, "history can tell the console from root");
    assert!(boxed.local(1001).await.is_none(), "nobody else is");
    boxed.access.let_console_in(1001);
    assert!(boxed.local(1001).await.is_none(), "a box has one console");
}
