//! The second step: codes of an app, recovery codes.

use jiff::SignedDuration;
use orbitr_access::{
    Challenge, ConfirmSecondStep, Error, RecoveryCodes, SecondStep, Secret, SignedIn, TheBox, TurnOffSecondStep,
    action::{ChangeOwnAccount, ManagePeople, OwnAccount},
};
use orbitr_model::{Role, Timestamp};
use totp_rs::{Builder, Secret as TotpSecret};

use crate::testbox::{PASSWORD, Person, TestBox, browser, secret};

/// What an app shows at this moment.
fn app_code(secret: &Secret, at: Timestamp) -> Secret {
    let secret = TotpSecret::try_from_base32(secret.expose()).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    Secret::new(totp.generate(u64::try_from(at.as_second()).unwrap()).to_string())
}

/// Turns the second step on; the secret that the app has, and the recovery codes.
async fn turn_on(boxed: &TestBox, person: &Person) -> (Secret, RecoveryCodes) {
    let permit = boxed.permit::<ChangeOwnAccount>(person, TheBox).await;
    let setup = boxed.access.begin_second_step(&permit, "Box: one").await.unwrap();
    assert!(setup.uri.expose().starts_with("otpauth://totp/Box"), "{:?}", setup.uri.expose());
    assert!(setup.qr_svg.expose().starts_with("<svg"));
    let confirm = ConfirmSecondStep { code: app_code(&setup.secret, boxed.now()) };
    let codes = boxed.access.confirm_second_step(&permit, confirm).await.unwrap();
    boxed.pass(SignedDuration::from_secs(60));
    (setup.secret, codes)
}

async fn challenged(boxed: &TestBox) -> Challenge {
    match boxed.sign_in("ada", PASSWORD, "192.0.2.1").await.unwrap() {
        SignedIn::NeedsSecondStep(challenge) => challenge,
        SignedIn::Done(_) => panic!("no second step was asked for"),
    }
}

async fn answer(boxed: &TestBox, challenge: &Challenge, code: &Secret) -> Result<(), Error> {
    let step = SecondStep { challenge: challenge.challenge.clone(), code: code.clone() };
    boxed.access.second_step(step, &browser("192.0.2.1")).await.map(|_| ())
}

#[tokio::test]
async fn a_code_of_the_app_signs_in_and_works_once() {
    let (boxed, admin) = TestBox::claimed().await;
    let (app, _) = turn_on(&boxed, &admin).await;
    let code = app_code(&app, boxed.now());
    answer(&boxed, &challenged(&boxed).await, &code).await.unwrap();
    let replayed = answer(&boxed, &challenged(&boxed).await, &code).await;
    assert!(matches!(replayed, Err(Error::WrongCode)));
    boxed.pass(SignedDuration::from_secs(30));
    answer(&boxed, &challenged(&boxed).await, &app_code(&app, boxed.now())).await.unwrap();
}

#[tokio::test]
async fn the_code_that_turned_it_on_is_used_up() {
    let (boxed, admin) = TestBox::claimed().await;
    let permit = boxed.permit::<ChangeOwnAccount>(&admin, TheBox).await;
    let setup = boxed.access.begin_second_step(&permit, "Box").await.unwrap();
    let code = app_code(&setup.secret, boxed.now());
    boxed.access.confirm_second_step(&permit, ConfirmSecondStep { code: code.clone() }).await.unwrap();
    assert!(matches!(answer(&boxed, &challenged(&boxed).await, &code).await, Err(Error::WrongCode)));
}

#[tokio::test]
async fn a_code_counts_one_step_early_and_late_and_no_further() {
    let (boxed, admin) = TestBox::claimed().await;
    let (app, _) = turn_on(&boxed, &admin).await;
    for (seconds, right) in [(-60, false), (60, false), (-30, true), (0, true), (30, true)] {
        let at = boxed.now() + SignedDuration::from_secs(seconds);
        let answered = answer(&boxed, &challenged(&boxed).await, &app_code(&app, at)).await;
        assert_eq!(answered.is_ok(), right, "{seconds} seconds: {answered:?}");
    }
    // After a later step, an earlier one that was never used no longer counts.
    boxed.pass(SignedDuration::from_secs(30));
    let earlier = app_code(&app, boxed.now());
    let later = app_code(&app, boxed.now() + SignedDuration::from_secs(30));
    answer(&boxed, &challenged(&boxed).await, &later).await.unwrap();
    assert!(matches!(answer(&boxed, &challenged(&boxed).await, &earlier).await, Err(Error::WrongCode)));
}

#[tokio::test]
async fn each_recovery_code_works_once_however_it_is_typed() {
    let (boxed, admin) = TestBox::claimed().await;
    let (_, codes) = turn_on(&boxed, &admin).await;
    assert_eq!(codes.codes.len(), 10);
    let first = secret(&codes.codes[0].expose().to_lowercase().replace('-', " "));
    answer(&boxed, &challenged(&boxed).await, &first).await.unwrap();
    assert!(matches!(answer(&boxed, &challenged(&boxed).await, &codes.codes[0]).await, Err(Error::WrongCode)));
    answer(&boxed, &challenged(&boxed).await, &codes.codes[1]).await.unwrap();
    let me = boxed.access.me(&boxed.permit::<OwnAccount>(&admin, TheBox).await).await.unwrap();
    assert_eq!(me.recovery_codes_left, 8);
    assert!(!boxed.has_on_disk(codes.codes[2].expose()).await);
}

#[tokio::test]
async fn fresh_recovery_codes_replace_the_old_ones() {
    let (boxed, admin) = TestBox::claimed().await;
    let (_, old) = turn_on(&boxed, &admin).await;
    let permit = boxed.permit::<ChangeOwnAccount>(&admin, TheBox).await;
    let new = boxed.access.new_recovery_codes(&permit).await.unwrap();
    assert!(matches!(answer(&boxed, &challenged(&boxed).await, &old.codes[0]).await, Err(Error::WrongCode)));
    answer(&boxed, &challenged(&boxed).await, &new.codes[0]).await.unwrap();
}

#[tokio::test]
async fn the_password_alone_is_no_way_to_try_codes_without_end() {
    let (boxed, admin) = TestBox::claimed().await;
    turn_on(&boxed, &admin).await;
    for _ in 0..5 {
        // Each with a right password before it, which must not forgive the wrong code.
        let tried = answer(&boxed, &challenged(&boxed).await, &secret("000000")).await;
        assert!(matches!(tried, Err(Error::WrongCode)));
    }
    assert!(matches!(boxed.sign_in("ada", PASSWORD, "198.51.100.1").await, Err(Error::TooManyTries { .. })));
}

#[tokio::test]
async fn a_challenge_ends_after_five_minutes_five_tries_or_one_success() {
    let (boxed, admin) = TestBox::claimed().await;
    let (app, codes) = turn_on(&boxed, &admin).await;
    let challenge = challenged(&boxed).await;
    boxed.pass(SignedDuration::from_mins(5));
    let late = answer(&boxed, &challenge, &app_code(&app, boxed.now())).await;
    assert!(matches!(late, Err(Error::ChallengeGone)));

    let challenge = challenged(&boxed).await;
    answer(&boxed, &challenge, &codes.codes[0]).await.unwrap();
    assert!(matches!(answer(&boxed, &challenge, &codes.codes[1]).await, Err(Error::ChallengeGone)));

    let challenge = challenged(&boxed).await;
    for _ in 0..5 {
        boxed.pass(SignedDuration::from_secs(20));
        answer(&boxed, &challenge, &secret("000000")).await.unwrap_err();
    }
    boxed.pass(SignedDuration::from_secs(20));
    assert!(matches!(answer(&boxed, &challenge, &codes.codes[1]).await, Err(Error::ChallengeGone)));
    assert!(matches!(
        answer(&boxed, &Challenge { challenge: secret("made up"), ..challenge }, &codes.codes[1]).await,
        Err(Error::ChallengeGone)
    ));
}

#[tokio::test]
async fn turning_it_off_asks_for_the_password() {
    let (boxed, admin) = TestBox::claimed().await;
    turn_on(&boxed, &admin).await;
    let permit = boxed.permit::<ChangeOwnAccount>(&admin, TheBox).await;
    let off = |password: &str| TurnOffSecondStep { current_password: secret(password) };
    let wrong = boxed.access.turn_off_second_step(&permit, off("not the password")).await;
    assert!(matches!(wrong, Err(Error::WrongPassword)));
    boxed.access.turn_off_second_step(&permit, off(PASSWORD)).await.unwrap();
    boxed.signed_in("ada", PASSWORD).await;
    let again = boxed.access.turn_off_second_step(&permit, off(PASSWORD)).await;
    assert!(matches!(again, Err(Error::TotpOff)));
}

#[tokio::test]
async fn it_is_off_until_the_first_code_is_right_and_cannot_be_set_up_over_itself() {
    let (boxed, admin) = TestBox::claimed().await;
    let permit = boxed.permit::<ChangeOwnAccount>(&admin, TheBox).await;
    let early = boxed.access.confirm_second_step(&permit, ConfirmSecondStep { code: secret("000000") }).await;
    assert!(matches!(early, Err(Error::TotpNotBegun)));
    boxed.access.begin_second_step(&permit, "Box").await.unwrap();
    let wrong = boxed.access.confirm_second_step(&permit, ConfirmSecondStep { code: secret("12345x") }).await;
    assert!(matches!(wrong, Err(Error::WrongCode)));
    boxed.signed_in("ada", PASSWORD).await;
    turn_on(&boxed, &admin).await;
    assert!(matches!(boxed.access.begin_second_step(&permit, "Box").await, Err(Error::TotpOn)));
}

#[tokio::test]
async fn an_admin_takes_it_off_for_somebody_who_lost_the_phone() {
    let (boxed, admin) = TestBox::claimed().await;
    let ben = boxed.person(&admin, "ben", Role::User).await;
    turn_on(&boxed, &ben).await;
    let manage = boxed.permit::<ManagePeople>(&admin, TheBox).await;
    let user = boxed.access.turn_off_second_step_of(&manage, ben.id).await.unwrap();
    assert!(!user.second_step);
    boxed.signed_in("ben", PASSWORD).await;
    assert_eq!(boxed.said("user.second-step-off").await, ["ok by ada to ben"]);
}
