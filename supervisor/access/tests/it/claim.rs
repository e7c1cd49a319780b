//! Claiming the box.

use jiff::SignedDuration;
use orbitr_access::{Error, SignedIn, TheBox, action::OwnAccount};
use orbitr_model::{Problem, Role};

use crate::testbox::{PASSWORD, TestBox, browser, claim, secret};

#[tokio::test]
async fn whoever_has_the_code_becomes_the_first_admin_and_is_signed_in() {
    let (boxed, admin) = TestBox::claimed().await;
    let me = boxed.access.me(&boxed.permit::<OwnAccount>(&admin, TheBox).await).await.unwrap();
    assert_eq!((me.role, me.user.unwrap().username.to_string()), (Role::Admin, "ada".to_owned()));
    assert!(boxed.access.is_claimed());
    assert_eq!(boxed.said("box.claim").await, ["ok by ada to ada"]);
    assert!(matches!(boxed.sign_in("Ada ", PASSWORD, "192.0.2.3").await, Ok(SignedIn::Done(_))));
}

#[tokio::test]
async fn a_claimed_box_stays_claimed_over_a_restart_and_prints_no_code() {
    let (boxed, admin) = TestBox::claimed().await;
    let home = boxed.home();
    let boxed = boxed.restart().await;
    assert!(boxed.access.is_claimed());
    assert_eq!(boxed.access.home(), Some(home));
    assert_eq!(boxed.access.new_setup_code().await.unwrap(), None);
    assert!(boxed.caller(&admin).await.is_some(), "the session goes on");
}

#[tokio::test]
async fn the_code_is_read_as_people_type_it() {
    let boxed = TestBox::new().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    assert_eq!(code.expose().len(), 9);
    let typed = secret(&format!(" {} ", code.expose().to_lowercase().replace('-', " ")));
    boxed.access.check_setup_code(&typed, &browser("192.0.2.1")).await.unwrap();
    boxed.access.claim(claim(&typed, "ada"), &browser("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn a_code_works_once() {
    let boxed = TestBox::new().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    boxed.access.claim(claim(&code, "ada"), &browser("192.0.2.1")).await.unwrap();
    let again = boxed.access.claim(claim(&code, "eve"), &browser("192.0.2.66")).await;
    assert!(matches!(again, Err(Error::AlreadyClaimed)));
    let check = boxed.access.check_setup_code(&code, &browser("192.0.2.66")).await;
    assert!(matches!(check, Err(Error::AlreadyClaimed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_claims_at_the_same_moment_one_wins() {
    let boxed = TestBox::new().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    let (one, two) = (browser("192.0.2.1"), browser("192.0.2.2"));
    let (one, two) =
        tokio::join!(boxed.access.claim(claim(&code, "ada"), &one), boxed.access.claim(claim(&code, "eve"), &two),);
    assert_eq!([one.is_ok(), two.is_ok()].into_iter().filter(|won| *won).count(), 1, "{one:?} {two:?}");
    let lost = one.and(two).unwrap_err();
    assert!(matches!(lost, Error::AlreadyClaimed), "{lost:?}");
    assert_eq!(boxed.said("box.claim").await.len(), 1);
}

#[tokio::test]
async fn a_restart_makes_a_new_code_and_the_old_one_is_worth_nothing() {
    let boxed = TestBox::new().await;
    let old = boxed.access.new_setup_code().await.unwrap().unwrap();
    let boxed = boxed.restart().await;
    let new = boxed.access.new_setup_code().await.unwrap().unwrap();
    assert_ne!(old, new);
    let tried = boxed.access.claim(claim(&old, "eve"), &browser("192.0.2.66")).await;
    assert!(matches!(tried, Err(Error::WrongSetupCode)));
    boxed.access.claim(claim(&new, "ada"), &browser("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn five_wrong_codes_close_the_door_of_their_address_only_and_over_a_restart() {
    let boxed = TestBox::new().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    let eve = browser("2001:db8::66");
    for _ in 0..5 {
        let tried = boxed.access.check_setup_code(&secret("0000-0000"), &eve).await;
        assert!(matches!(tried, Err(Error::WrongSetupCode)));
    }
    let tried = boxed.access.check_setup_code(&code, &eve).await;
    assert!(matches!(tried, Err(Error::TooManyTries { wait: 5 })), "the right one is not even looked at: {tried:?}");
    let neighbour = boxed.access.check_setup_code(&code, &browser("2001:db8::ffff:1")).await;
    assert!(matches!(neighbour, Err(Error::TooManyTries { .. })), "the /64 is one address");

    let boxed = boxed.restart().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    assert!(matches!(boxed.access.claim(claim(&code, "eve"), &eve).await, Err(Error::TooManyTries { .. })));
    boxed.access.check_setup_code(&code, &browser("192.0.2.1")).await.unwrap();
    boxed.pass(SignedDuration::from_secs(5));
    boxed.access.check_setup_code(&code, &eve).await.unwrap();
    assert_eq!(boxed.said("box.claim").await.len(), 5);
}

#[tokio::test]
async fn everything_that_is_wrong_with_the_account_is_said_at_once_and_uses_nothing_up() {
    let boxed = TestBox::new().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    let mut wrong = claim(&code, "Ada Lovelace");
    wrong.display_name = Some("a\nb".to_owned());
    wrong.password = secret("short");
    let problem = Problem::from(boxed.access.claim(wrong, &browser("192.0.2.1")).await.unwrap_err());
    let fields: Vec<_> = problem.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!((problem.status, fields), (422, vec!["username", "display_name", "password"]));
    assert!(!boxed.access.is_claimed());
    boxed.access.claim(claim(&code, "ada"), &browser("192.0.2.1")).await.unwrap();
}

#[tokio::test]
async fn neither_code_nor_password_is_on_the_disk() {
    let boxed = TestBox::new().await;
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    assert!(!boxed.has_on_disk(code.expose()).await);
    let session = boxed.access.claim(claim(&code, "ada"), &browser("192.0.2.1")).await.unwrap();
    assert!(!boxed.has_on_disk(PASSWORD).await);
    assert!(!boxed.has_on_disk(session.secret.expose()).await);
    assert!(boxed.has_on_disk("$argon2id$").await, "or this test looks in the wrong place");
}

#[tokio::test]
async fn before_the_claim_nobody_signs_in() {
    let boxed = TestBox::new().await;
    assert!(matches!(boxed.sign_in("ada", PASSWORD, "192.0.2.1").await, Err(Error::NotClaimed)));
}
