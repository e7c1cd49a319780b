//! Everybody's accounts, in the hands of an admin.

use jiff::SignedDuration;
use orbitr_access::{
    ChangePassword, Error, NewToken, SignedIn, TheBox,
    action::{ChangeOwnAccount, ChangeOwnPassword, ListApps, ManagePeople, OwnAccount, SignOut, ViewPeople},
};
use orbitr_model::{Level, Problem, Role, UserId};

use crate::testbox::{PASSWORD, Person, TestBox, bearer, secret};

async fn token(boxed: &TestBox, person: &Person) -> orbitr_access::Secret {
    let new = NewToken { label: "script".parse().unwrap(), level: Level::View, days: 30, only: None };
    let permit = boxed.permit::<ChangeOwnAccount>(person, TheBox).await;
    boxed.access.create_token(&permit, new).await.unwrap().secret
}

#[tokio::test]
async fn the_last_admin_can_be_neither_demoted_nor_disabled_nor_deleted() {
    let (boxed, ada) = TestBox::claimed().await;
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    let access = &boxed.access;
    let all_refused = async || {
        for role in [Role::User, Role::Viewer] {
            assert!(matches!(access.set_role(&permit, ada.id, role).await, Err(Error::LastAdmin)));
        }
        assert!(matches!(access.disable_user(&permit, ada.id).await, Err(Error::LastAdmin)));
        assert!(matches!(access.delete_user(&permit, ada.id).await, Err(Error::LastAdmin)));
    };
    all_refused().await;
    // A disabled admin is nobody to rely on.
    let ben = boxed.person(&ada, "ben", Role::Admin).await;
    access.disable_user(&permit, ben.id).await.unwrap();
    all_refused().await;
    access.enable_user(&permit, ben.id).await.unwrap();
    access.set_role(&permit, ada.id, Role::User).await.unwrap();
    let ben = boxed.signed_in("ben", PASSWORD).await;
    let permit = boxed.permit::<ManagePeople>(&ben, TheBox).await;
    assert!(matches!(access.delete_user(&permit, ben.id).await, Err(Error::LastAdmin)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_who_demote_each_other_at_the_same_moment_leave_one() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::Admin).await;
    let (by_ada, by_ben) =
        (boxed.permit::<ManagePeople>(&ada, TheBox).await, boxed.permit::<ManagePeople>(&ben, TheBox).await);
    let (one, two) = tokio::join!(
        boxed.access.set_role(&by_ada, ben.id, Role::User),
        boxed.access.set_role(&by_ben, ada.id, Role::User),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once_and_everywhere() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    let token = token(&boxed, &ben).await;
    let live = boxed.caller(&ben).await.unwrap();
    assert!(boxed.who(bearer(&token)).await.is_some());

    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    let user = boxed.access.disable_user(&permit, ben.id).await.unwrap();
    assert!(user.disabled_at.is_some());
    assert!(boxed.caller(&ben).await.is_none());
    assert!(boxed.who(bearer(&token)).await.is_none());
    assert!(boxed.access.refresh(&live).await.unwrap().is_none());
    assert!(matches!(boxed.sign_in("ben", PASSWORD, "192.0.2.7").await, Err(Error::AccountDisabled)));
    let wrong = boxed.sign_in("ben", "not the password", "192.0.2.7").await;
    assert!(matches!(wrong, Err(Error::WrongCredentials)), "only the password's owner learns that it is disabled");

    boxed.access.enable_user(&permit, ben.id).await.unwrap();
    assert!(boxed.who(bearer(&token)).await.is_none(), "what was ended does not come back");
    boxed.signed_in("ben", PASSWORD).await;
    assert_eq!(boxed.said("user.disable").await, ["ok by ada to ben"]);
}

#[tokio::test]
async fn a_new_role_counts_at_once_and_ends_the_sessions() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::Admin).await;
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    boxed.access.set_role(&permit, ben.id, Role::Viewer).await.unwrap();
    assert!(boxed.caller(&ben).await.is_none());
    let ben = boxed.signed_in("ben", PASSWORD).await;
    let caller = boxed.caller(&ben).await.unwrap();
    assert_eq!((caller.role(), caller.cap()), (Role::Viewer, Level::View));
    assert_eq!(boxed.status::<ViewPeople>(&caller, TheBox).await, 403);
    assert!(!caller.may::<ViewPeople>(&TheBox) && caller.may::<ListApps>(&TheBox));
}

#[tokio::test]
async fn a_one_time_password_opens_nothing_but_the_change_of_it() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::Admin).await;
    let script = token(&boxed, &ben).await;
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    let one_time = boxed.access.reset_password(&permit, ben.id).await.unwrap();
    assert!(boxed.caller(&ben).await.is_none(), "its sessions are over");
    assert!(boxed.who(bearer(&script)).await.is_none(), "its tokens are gone");
    assert!(matches!(boxed.sign_in("ben", PASSWORD, "192.0.2.7").await, Err(Error::WrongCredentials)));

    let ben = boxed.signed_in("ben", one_time.password.expose()).await;
    assert!(ben.session.must_change_password);
    let caller = boxed.caller(&ben).await.unwrap();
    assert_eq!(boxed.status::<ListApps>(&caller, TheBox).await, 403);
    assert_eq!(boxed.status::<ManagePeople>(&caller, TheBox).await, 403);
    assert_eq!(boxed.status::<ChangeOwnAccount>(&caller, TheBox).await, 403);
    assert_eq!(boxed.status::<OwnAccount>(&caller, TheBox).await, 200);
    assert_eq!(boxed.status::<SignOut>(&caller, TheBox).await, 200);

    let change = ChangePassword { current_password: one_time.password, new_password: secret("my own password") };
    let permit = boxed.permit::<ChangeOwnPassword>(&ben, TheBox).await;
    boxed.access.change_password(&permit, change).await.unwrap();
    let caller = boxed.caller(&ben).await.unwrap();
    assert_eq!(boxed.status::<ManagePeople>(&caller, TheBox).await, 200);
}

#[tokio::test]
async fn a_one_time_password_works_for_seven_days() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    let one_time = boxed.access.reset_password(&permit, ben.id).await.unwrap();
    boxed.pass(SignedDuration::from_hours(7 * 24));
    let late = boxed.sign_in("ben", one_time.password.expose(), "192.0.2.7").await;
    assert!(matches!(late, Err(Error::OneTimePasswordExpired)));
}

#[tokio::test]
async fn on_the_box_itself_a_lost_owner_always_gets_back_in() {
    let (boxed, ada) = TestBox::claimed().await;
    let other = boxed.person(&ada, "ben", Role::Admin).await;
    let permit = boxed.permit::<ManagePeople>(&other, TheBox).await;
    boxed.access.disable_user(&permit, ada.id).await.unwrap();
    for n in 0..8 {
        let _ = boxed.sign_in("ada", "forgotten for good", &format!("192.0.2.{n}")).await;
    }
    let name = "ada".parse().unwrap();
    let remote = boxed.access.reset_local(&permit, &name).await;
    assert!(matches!(remote, Err(Error::NotOnTheBox)));

    let root = boxed.local(0).await.unwrap();
    let permit = boxed.access.permit::<ManagePeople>(&root, TheBox).await.unwrap();
    let one_time = boxed.access.reset_local(&permit, &name).await.unwrap();
    let signed_in = boxed.sign_in("ada", one_time.password.expose(), "198.51.100.1").await;
    assert!(matches!(signed_in, Ok(SignedIn::Done(_))), "{signed_in:?}");
    assert_eq!(boxed.said("user.reset-on-the-box").await, ["ok by local user 0 to ada"]);
    let nobody = boxed.access.reset_local(&permit, &"nobody".parse().unwrap()).await;
    assert_eq!(Problem::from(nobody.unwrap_err()).code, "user-not-found");
}

#[tokio::test]
async fn a_deleted_account_leaves_its_name_in_history_and_nothing_else() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    boxed.install("notes", boxed.home()).await;
    boxed.grant_app(&ada, &ben, "notes", Some(Level::Manage)).await;
    let script = token(&boxed, &ben).await;
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    boxed.access.delete_user(&permit, ben.id).await.unwrap();
    assert!(boxed.caller(&ben).await.is_none());
    assert!(boxed.who(bearer(&script)).await.is_none());
    let view = boxed.permit::<ViewPeople>(&ada, TheBox).await;
    assert_eq!(boxed.access.users(&view).await.unwrap().len(), 1);
    assert_eq!(boxed.said("user.delete").await, ["ok by ada to ben"]);
    for missing in [ben.id, UserId::new()] {
        assert!(matches!(boxed.access.user(&view, missing).await, Err(Error::NoUser(_))));
        assert!(matches!(boxed.access.delete_user(&permit, missing).await, Err(Error::NoUser(_))));
    }
    // The name is free again, and the new account has nothing of the old one.
    let again = boxed.person(&ada, "ben", Role::User).await;
    assert!(boxed.access.grants_of(&view, again.id).await.unwrap().is_empty());
}
