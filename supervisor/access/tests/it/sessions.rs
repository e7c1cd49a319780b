//! Sessions: how they end.

use jiff::SignedDuration;
use orbitr_access::{
    Error, TheBox,
    action::{ChangeOwnAccount, ManagePeople, OwnAccount, SignOut, ViewPeople},
};
use orbitr_model::{Role, SessionId};

use crate::testbox::{PASSWORD, TestBox, browser};

#[tokio::test]
async fn a_session_ends_after_seven_days_without_use() {
    let (boxed, admin) = TestBox::claimed().await;
    boxed.pass(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    assert!(boxed.caller(&admin).await.is_some());
    boxed.pass(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    assert!(boxed.caller(&admin).await.is_some(), "use moved the end");
    boxed.pass(SignedDuration::from_hours(7 * 24));
    assert!(boxed.caller(&admin).await.is_none());
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_much_it_is_used() {
    let (boxed, admin) = TestBox::claimed().await;
    for _ in 0..29 {
        boxed.pass(SignedDuration::from_hours(24));
        assert!(boxed.caller(&admin).await.is_some());
    }
    boxed.pass(SignedDuration::from_hours(24));
    assert!(boxed.caller(&admin).await.is_none());
}

#[tokio::test]
async fn last_use_is_written_at_most_once_a_minute() {
    let (boxed, admin) = TestBox::claimed().await;
    let used = async || {
        let permit = boxed.permit::<OwnAccount>(&admin, TheBox).await;
        boxed.access.my_sessions(&permit).await.unwrap()[0].last_used_at
    };
    let begun = boxed.now();
    boxed.pass(SignedDuration::from_secs(59));
    assert_eq!(used().await, begun);
    boxed.pass(SignedDuration::from_secs(1));
    assert_eq!(used().await, boxed.now());
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_no_others() {
    let (boxed, admin) = TestBox::claimed().await;
    let ben = boxed.person(&admin, "ben", Role::User).await;
    let second = boxed.signed_in("ben", PASSWORD).await;
    let sessions = boxed.access.my_sessions(&boxed.permit::<OwnAccount>(&ben, TheBox).await).await.unwrap();
    let (current, other): (Vec<_>, Vec<_>) = sessions.iter().partition(|session| session.current);
    assert_eq!((current.len(), current[0].id, other.len(), other[0].id), (1, ben.session.id, 1, second.session.id));
    assert_eq!((current[0].address, current[0].user_agent.as_str()), (browser("192.0.2.2").address, "a browser"));

    let change = boxed.permit::<ChangeOwnAccount>(&ben, TheBox).await;
    for foreign in [admin.session.id, SessionId::new()] {
        let tried = boxed.access.end_my_session(&change, foreign).await;
        assert!(matches!(tried, Err(Error::NoSession(_))));
    }
    assert!(boxed.caller(&admin).await.is_some());
    boxed.access.end_my_session(&change, second.session.id).await.unwrap();
    assert!(boxed.caller(&second).await.is_none());

    let third = boxed.signed_in("ben", PASSWORD).await;
    assert_eq!(boxed.access.end_my_other_sessions(&change).await.unwrap(), 1);
    assert!(boxed.caller(&third).await.is_none());
    assert!(boxed.caller(&ben).await.is_some());
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let (boxed, admin) = TestBox::claimed().await;
    let caller = boxed.caller(&admin).await.unwrap();
    boxed.access.sign_out(&boxed.permit::<SignOut>(&admin, TheBox).await).await.unwrap();
    assert!(boxed.caller(&admin).await.is_none());
    assert!(boxed.access.refresh(&caller).await.unwrap().is_none(), "what is live hears of it too");
    assert_eq!(boxed.said("account.sign-out").await, ["ok by ada to ada"]);
}

#[tokio::test]
async fn an_admin_sees_and_ends_everything_of_a_person() {
    let (boxed, admin) = TestBox::claimed().await;
    let ben = boxed.person(&admin, "ben", Role::User).await;
    let view = boxed.permit::<ViewPeople>(&admin, TheBox).await;
    assert_eq!(boxed.access.sessions_of(&view, ben.id).await.unwrap().len(), 1);
    let manage = boxed.permit::<ManagePeople>(&admin, TheBox).await;
    assert_eq!(boxed.access.end_sessions_of(&manage, ben.id).await.unwrap(), 1);
    assert!(boxed.caller(&ben).await.is_none());
    assert!(boxed.caller(&admin).await.is_some());
}

#[tokio::test]
async fn an_admin_ends_one_session_of_a_person_and_no_other() {
    let (boxed, admin) = TestBox::claimed().await;
    let ben = boxed.person(&admin, "ben", Role::User).await;
    let second = boxed.signed_in("ben", PASSWORD).await;
    let manage = boxed.permit::<ManagePeople>(&admin, TheBox).await;
    // Neither a session of somebody else nor one that there is not.
    for foreign in [admin.session.id, SessionId::new()] {
        let tried = boxed.access.end_session_of(&manage, ben.id, foreign).await;
        assert!(matches!(tried, Err(Error::NoSession(_))));
    }
    boxed.access.end_session_of(&manage, ben.id, second.session.id).await.unwrap();
    assert!(boxed.caller(&second).await.is_none());
    assert!(boxed.caller(&ben).await.is_some() && boxed.caller(&admin).await.is_some());
    assert_eq!(boxed.said("user.end-session").await, ["ok by ada to ben"]);
    let gone = boxed.access.end_session_of(&manage, ben.id, second.session.id).await;
    assert!(matches!(gone, Err(Error::NoSession(_))));
}

#[tokio::test]
async fn one_account_has_at_most_fifty_sessions() {
    let (boxed, admin) = TestBox::claimed().await;
    let (user, used) = (admin.id.to_string(), boxed.now().as_millisecond() + 1000);
    // Forty-nine more sign-ins, without their hashing.
    let many = move |tx: &mut orbitr_store::Tx<'_>| {
        for n in 0..49_u8 {
            let (id, hash) = (SessionId::new().to_string(), [n; 32]);
            tx.execute(
                "INSERT INTO session (id, hash, user_id, created_at, last_used_at, user_agent) VALUES (?1, ?2, ?3, ?4, ?4, '')",
                rusqlite::params![id, hash, user, used],
            )?;
        }
        Ok::<_, orbitr_store::Error>(())
    };
    boxed.store.write(many).await.unwrap();
    assert!(boxed.caller(&admin).await.is_some());
    boxed.pass(SignedDuration::from_secs(2));
    let last = boxed.signed_in("ada", PASSWORD).await;
    assert!(boxed.caller(&admin).await.is_none(), "the one not used longest gave way");
    let sessions = boxed.access.my_sessions(&boxed.permit::<OwnAccount>(&last, TheBox).await).await.unwrap();
    assert_eq!(sessions.len(), 50);
}
