//! API tokens.

use jiff::SignedDuration;
use orbitr_access::{
    Error, NewToken, NewTokenSecret, TheBox, TokenLimits,
    action::{
        ChangeApp, ChangeBox, ChangeOwnAccount, InstallApp, ListApps, ManagePeople, OperateApp, OwnAccount, ViewApp,
        ViewPeople,
    },
};
use orbitr_model::{Level, Problem, ProjectId, Role, TokenId};

use crate::testbox::{Person, TestBox, app, bearer, secret};

fn wanted(level: Level, only: Option<TokenLimits>) -> NewToken {
    NewToken { label: "script".parse().unwrap(), level, days: 30, only }
}

fn only_app(id: &str) -> Option<TokenLimits> {
    Some(TokenLimits { apps: [app(id)].into(), ..TokenLimits::default() })
}

async fn make(boxed: &TestBox, person: &Person, new: NewToken) -> Result<NewTokenSecret, Error> {
    let permit = boxed.permit::<ChangeOwnAccount>(person, TheBox).await;
    boxed.access.create_token(&permit, new).await
}

#[tokio::test]
async fn a_token_does_what_its_level_says_and_no_more() {
    let (boxed, ada) = TestBox::claimed().await;
    boxed.install("notes", boxed.home()).await;
    for (level, expected) in [
        (Level::View, [200, 403, 403, 403]),
        (Level::Operate, [200, 200, 403, 403]),
        (Level::Manage, [200, 200, 200, 403]),
        (Level::Administer, [200, 200, 200, 200]),
    ] {
        let token = make(&boxed, &ada, wanted(level, None)).await.unwrap();
        let caller = boxed.who(bearer(&token.secret)).await.unwrap();
        let got = [
            boxed.status::<ViewApp>(&caller, app("notes")).await,
            boxed.status::<OperateApp>(&caller, app("notes")).await,
            boxed.status::<ChangeApp>(&caller, app("notes")).await,
            boxed.status::<ChangeBox>(&caller, TheBox).await,
        ];
        assert_eq!(got, expected, "{level:?}");
        assert_eq!(boxed.status::<OwnAccount>(&caller, TheBox).await, 200);
        assert_eq!(boxed.status::<ChangeOwnAccount>(&caller, TheBox).await, 403, "no token makes tokens");
    }
}

#[tokio::test]
async fn a_token_for_one_app_knows_of_no_other_and_never_administers_the_box() {
    let (boxed, ada) = TestBox::claimed().await;
    boxed.install("notes", boxed.home()).await;
    boxed.install("mail", boxed.home()).await;
    let token = make(&boxed, &ada, wanted(Level::Manage, only_app("notes"))).await.unwrap();
    let caller = boxed.who(bearer(&token.secret)).await.unwrap();
    assert_eq!(boxed.status::<ChangeApp>(&caller, app("notes")).await, 200);
    assert_eq!(boxed.status::<ViewApp>(&caller, app("mail")).await, 404);
    assert_eq!(boxed.status::<InstallApp>(&caller, boxed.home()).await, 404);
    assert_eq!(boxed.status::<ViewPeople>(&caller, TheBox).await, 403);
    assert_eq!(boxed.status::<ListApps>(&caller, TheBox).await, 200);
    assert_eq!(caller.visible().apps(), Some(vec![app("notes")]));
    let refused = make(&boxed, &ada, wanted(Level::Administer, only_app("notes"))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));

    // The app goes, and comes back under the same name: the token is not for that one.
    boxed.uninstall("notes").await;
    let caller = boxed.who(bearer(&token.secret)).await.unwrap();
    assert_eq!(caller.visible().apps(), Some(Vec::new()));
    boxed.install("notes", boxed.home()).await;
    let caller = boxed.who(bearer(&token.secret)).await.unwrap();
    assert_eq!(boxed.status::<ViewApp>(&caller, app("notes")).await, 404);
}

#[tokio::test]
async fn a_token_never_reaches_further_than_its_owner() {
    let (boxed, ada) = TestBox::claimed().await;
    boxed.install("notes", boxed.home()).await;
    boxed.install("mail", boxed.home()).await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    boxed.grant_app(&ada, &ben, "notes", Some(Level::Operate)).await;
    let refused = make(&boxed, &ben, wanted(Level::Administer, None)).await.unwrap_err();
    assert!(Problem::from(refused).message_for("level").is_some());
    let hidden = make(&boxed, &ben, wanted(Level::View, only_app("mail"))).await.unwrap_err();
    let missing = make(&boxed, &ben, wanted(Level::View, only_app("none"))).await.unwrap_err();
    let said = |error: Error| Problem::from(error).message_for("only.apps").unwrap().replace("mail", "none");
    assert_eq!(said(hidden), said(missing), "what cannot be seen is answered like what is not there");

    let token = make(&boxed, &ben, wanted(Level::Manage, None)).await.unwrap();
    let caller = boxed.who(bearer(&token.secret)).await.unwrap();
    assert_eq!(boxed.status::<OperateApp>(&caller, app("notes")).await, 200);
    assert_eq!(boxed.status::<ChangeApp>(&caller, app("notes")).await, 403);
    assert_eq!(boxed.status::<ViewApp>(&caller, app("mail")).await, 404);
    boxed.grant_app(&ada, &ben, "notes", None).await;
    let caller = boxed.who(bearer(&token.secret)).await.unwrap();
    assert_eq!(boxed.status::<ViewApp>(&caller, app("notes")).await, 404, "with the grant goes the token's reach");
}

#[tokio::test]
async fn every_token_expires_within_a_year() {
    let (boxed, ada) = TestBox::claimed().await;
    for days in [0, 366, u32::MAX] {
        let refused = make(&boxed, &ada, NewToken { days, ..wanted(Level::View, None) }).await.unwrap_err();
        assert!(Problem::from(refused).message_for("days").is_some(), "{days}");
    }
    let token = make(&boxed, &ada, NewToken { days: 1, ..wanted(Level::View, None) }).await.unwrap();
    boxed.pass(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    let caller = boxed.who(bearer(&token.secret)).await.unwrap();
    boxed.pass(SignedDuration::from_secs(1));
    assert!(boxed.who(bearer(&token.secret)).await.is_none());
    assert!(boxed.access.refresh(&caller).await.unwrap().is_none());
    let permit = boxed.permit::<OwnAccount>(&ada, TheBox).await;
    assert!(boxed.access.my_tokens(&permit).await.unwrap()[0].expired);
}

#[tokio::test]
async fn a_token_shows_when_and_where_it_was_used_but_never_itself() {
    let (boxed, ada) = TestBox::claimed().await;
    let made = make(&boxed, &ada, wanted(Level::View, None)).await.unwrap();
    assert!(made.secret.expose().starts_with("orb_"));
    assert!(made.secret.expose().starts_with(&made.token.hint));
    assert_eq!(made.token.last_used_at, None);
    boxed.who(bearer(&made.secret)).await.unwrap();
    let permit = boxed.permit::<OwnAccount>(&ada, TheBox).await;
    assert_eq!(boxed.access.my_tokens(&permit).await.unwrap()[0].last_used_at, Some(boxed.now()));
    assert!(!boxed.has_on_disk(made.secret.expose()).await);
    assert!(!format!("{made:?}").contains(made.secret.expose()));
    let detail = boxed.history(orbitr_store::events::Filter::default()).await;
    assert!(!serde_json::to_string(&detail).unwrap().contains(made.secret.expose()));
}

#[tokio::test]
async fn people_revoke_their_own_tokens_and_an_admin_anybodys() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    let (one, two) = (
        make(&boxed, &ben, wanted(Level::View, None)).await.unwrap(),
        make(&boxed, &ben, wanted(Level::View, None)).await.unwrap(),
    );
    let adas = make(&boxed, &ada, wanted(Level::View, None)).await.unwrap();
    let permit = boxed.permit::<ChangeOwnAccount>(&ben, TheBox).await;
    for foreign in [adas.token.id, TokenId::new()] {
        assert!(matches!(boxed.access.revoke_my_token(&permit, foreign).await, Err(Error::NoToken(_))));
    }
    boxed.access.revoke_my_token(&permit, one.token.id).await.unwrap();
    assert!(boxed.who(bearer(&one.secret)).await.is_none());
    let manage = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    assert!(matches!(boxed.access.revoke_token_of(&manage, ada.id, two.token.id).await, Err(Error::NoToken(_))));
    boxed.access.revoke_token_of(&manage, ben.id, two.token.id).await.unwrap();
    assert!(boxed.who(bearer(&two.secret)).await.is_none());
    assert!(boxed.who(bearer(&adas.secret)).await.is_some());
    let view = boxed.permit::<ViewPeople>(&ada, TheBox).await;
    assert!(boxed.access.tokens_of(&view, ben.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_limit_has_to_name_something_that_is_there() {
    let (boxed, ada) = TestBox::claimed().await;
    let unknown = TokenLimits { projects: [ProjectId::new()].into(), ..TokenLimits::default() };
    for only in [TokenLimits::default(), unknown, only_app("none").unwrap()] {
        let refused = make(&boxed, &ada, wanted(Level::View, Some(only))).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    assert!(boxed.who(bearer(&secret("orb_made-up"))).await.is_none());
}
