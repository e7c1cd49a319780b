//! Signing in with name and password, and what wrong ones cost.

use jiff::SignedDuration;
use orbitr_access::{Error, SignedIn};
use orbitr_model::{Problem, Role};

use crate::testbox::{PASSWORD, TestBox, browser, secret};

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_the_same_answer() {
    let (boxed, _) = TestBox::claimed().await;
    let answers = [
        boxed.sign_in("ada", "not the password", "192.0.2.66").await.unwrap_err(),
        boxed.sign_in("nobody", PASSWORD, "192.0.2.67").await.unwrap_err(),
        boxed.sign_in("../../etc/passwd\0", PASSWORD, "192.0.2.68").await.unwrap_err(),
    ];
    let problems: Vec<_> = answers.into_iter().map(Problem::from).collect();
    assert!(problems.iter().all(|problem| *problem == problems[0]), "{problems:#?}");
    assert_eq!((problems[0].status, problems[0].code.as_str()), (401, "wrong-credentials"));
}

#[tokio::test]
async fn history_names_only_accounts_that_exist() {
    let (boxed, _) = TestBox::claimed().await;
    boxed.sign_in("ada", "not the password", "192.0.2.66").await.unwrap_err();
    boxed.sign_in("my-secret-typed-as-a-name", PASSWORD, "192.0.2.67").await.unwrap_err();
    boxed.signed_in("ada", PASSWORD).await;
    assert_eq!(
        boxed.said("account.sign-in").await,
        ["ok by ada to ada", "failed by somebody to ", "failed by somebody to ada"]
    );
    assert!(!boxed.has_on_disk("my-secret-typed-as-a-name").await);
}

#[tokio::test]
async fn the_fifth_wrong_password_closes_the_account_from_everywhere() {
    let (boxed, _) = TestBox::claimed().await;
    for n in 0..5 {
        let tried = boxed.sign_in("ada", "not the password", &format!("192.0.2.{n}")).await;
        assert!(matches!(tried, Err(Error::WrongCredentials)), "{n}");
    }
    let tried = boxed.sign_in("ada", PASSWORD, "198.51.100.1").await;
    assert!(matches!(tried, Err(Error::TooManyTries { wait: 5 })), "{tried:?}");
    boxed.pass(SignedDuration::from_secs(4));
    let problem = Problem::from(boxed.sign_in("ada", PASSWORD, "198.51.100.1").await.unwrap_err());
    assert_eq!((problem.status, problem.retry_after), (429, Some(1)));
    boxed.pass(SignedDuration::from_secs(1));
    assert!(boxed.sign_in("ada", PASSWORD, "198.51.100.1").await.is_ok());
    // Coming in forgets the account's wrong tries.
    assert!(matches!(boxed.sign_in("ada", "wrong again", "198.51.100.1").await, Err(Error::WrongCredentials)));
    assert!(boxed.sign_in("ada", PASSWORD, "198.51.100.1").await.is_ok());
}

#[tokio::test]
async fn a_door_closes_for_names_that_do_not_exist_too() {
    let (boxed, _) = TestBox::claimed().await;
    for n in 0..5 {
        boxed.sign_in("nobody", "not the password", &format!("192.0.2.{n}")).await.unwrap_err();
    }
    let tried = boxed.sign_in("nobody", PASSWORD, "198.51.100.1").await;
    assert!(matches!(tried, Err(Error::TooManyTries { wait: 5 })));
}

#[tokio::test]
async fn five_wrong_tries_from_one_address_close_it_for_every_name_and_over_a_restart() {
    let (boxed, admin) = TestBox::claimed().await;
    boxed.person(&admin, "ben", Role::User).await;
    for name in ["ann", "bob", "cid", "dan", "eve"] {
        boxed.sign_in(name, "not the password", "192.0.2.66").await.unwrap_err();
    }
    let boxed = boxed.restart().await;
    assert!(matches!(boxed.sign_in("ben", PASSWORD, "192.0.2.66").await, Err(Error::TooManyTries { .. })));
    assert!(boxed.sign_in("ben", PASSWORD, "192.0.2.67").await.is_ok(), "others are not locked out");
    boxed.pass(SignedDuration::from_secs(5));
    assert!(boxed.sign_in("ben", PASSWORD, "192.0.2.66").await.is_ok());
    // One's own account is no way to try others without end: the address is not forgiven.
    boxed.sign_in("fay", "not the password", "192.0.2.66").await.unwrap_err();
    assert!(matches!(boxed.sign_in("ben", PASSWORD, "192.0.2.66").await, Err(Error::TooManyTries { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tries_at_the_same_moment_are_many_tries() {
    let (boxed, _) = TestBox::claimed().await;
    let tries = (0..12).map(|n| {
        let access = boxed.access.clone();
        tokio::spawn(async move {
            let sign_in =
                orbitr_access::SignIn { username: "ada".into(), password: secret(&format!("guess number {n}")) };
            access.sign_in(sign_in, &browser("192.0.2.66")).await
        })
    });
    let mut looked_at = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Err(Error::WrongCredentials) => looked_at += 1,
            Err(Error::TooManyTries { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn no_wait_is_longer_than_a_quarter_of_an_hour() {
    let (boxed, _) = TestBox::claimed().await;
    let mut waits = Vec::new();
    for n in 0..30 {
        match boxed.sign_in("ada", "not the password", &format!("192.0.2.{n}")).await {
            Err(Error::WrongCredentials) => {}
            Err(Error::TooManyTries { wait }) => {
                waits.push(wait);
                boxed.pass(SignedDuration::from_secs(i64::try_from(wait).unwrap()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900]);
    assert!(boxed.sign_in("ada", PASSWORD, "198.51.100.1").await.is_ok(), "and then the owner comes in");
}

#[tokio::test]
async fn a_sign_in_always_makes_a_new_session_and_ends_the_one_the_browser_had() {
    let (boxed, admin) = TestBox::claimed().await;
    let mut client = browser("192.0.2.1");
    // A value that somebody planted in the browser before.
    client.session = Some(secret("planted-by-somebody-else-000000000000000000"));
    let sign_in = || orbitr_access::SignIn { username: "ada".into(), password: secret(PASSWORD) };
    let SignedIn::Done(fresh) = boxed.access.sign_in(sign_in(), &client).await.unwrap() else { panic!() };
    assert_ne!(Some(&fresh.secret), client.session.as_ref());

    client.session = Some(admin.session.secret.clone());
    let SignedIn::Done(next) = boxed.access.sign_in(sign_in(), &client).await.unwrap() else { panic!() };
    assert_ne!(next.secret, admin.session.secret);
    assert!(boxed.caller(&admin).await.is_none(), "the session from before is over");
}
