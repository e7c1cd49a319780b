//! Who one is, and how one proves it.

use http::Method;
use orbitr_tests::{ADMIN, Client, Engine, PASSWORD, TestBox, Who};
use serde_json::{Value, json};

use crate::{chain, totp};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_supervisor() {
    let _engine = Engine::shared();
    let mut it = TestBox::started().await;
    let ada = it.claim().await;
    let before = ada.browser.get("/api/v1/me").await.expect(200);
    it.kill();
    it.start().await;
    assert_eq!(ada.browser.get("/api/v1/me").await.expect(200)["actor"], before["actor"]);
    assert_eq!(it.setup_code(), None, "a claimed box prints no code");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_code_works_once_and_is_another_at_each_start() {
    let _engine = Engine::shared();
    let mut it = TestBox::started().await;
    let claim = |code: &str| json!({ "code": code, "username": ADMIN, "password": PASSWORD });
    let first = it.setup_code().unwrap();
    it.kill();
    it.start().await;
    let second = it.setup_code().unwrap();
    assert_ne!(first, second);
    let anonymous = it.anonymous();
    let refused = anonymous.post("/api/v1/claim", &claim(&first)).await;
    assert_eq!(refused.status / 100, 4, "{}", refused.text());
    it.claim().await;
    for code in [&first, &second] {
        let again = anonymous.post("/api/v1/claim", &claim(code)).await;
        assert_eq!(again.status, 409, "{}", again.text());
    }
    it.kill();
    it.start().await;
    assert_eq!(anonymous.post("/api/v1/claim", &claim(&second)).await.status, 409);
    assert_eq!(it.local().get("/api/v1/users").await.expect(200).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_the_setup_code_is_slowed_down() {
    let _engine = Engine::shared();
    let it = TestBox::started().await;
    let wrong = json!({ "code": "AAAA-AAAA", "username": ADMIN, "password": PASSWORD });
    let closed = until_closed(&it.anonymous(), "/api/v1/claim", &wrong).await;
    assert!(closed <= 8, "{closed} tries");
    // The right code does not help while the door is closed.
    let right = json!({ "code": it.setup_code().unwrap(), "username": ADMIN, "password": PASSWORD });
    assert_eq!(it.anonymous().post("/api/v1/claim", &right).await.status, 429);
}

/// How many tries it takes until the answer is «wait»; it says for how long.
async fn until_closed(client: &Client, path: &str, wrong: &Value) -> u32 {
    for tries in 1..20 {
        let answer = client.post(path, wrong).await;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").parse().expect("Retry-After in seconds");
            assert!((1..=900).contains(&wait), "{wait}");
            assert_eq!(answer.json()["retry_after"], wait);
            return tries;
        }
        assert_eq!(answer.status / 100, 4, "{}", answer.text());
    }
    panic!("nobody is ever told to wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_down_and_a_restart_does_not_help() {
    let _engine = Engine::shared();
    let mut it = TestBox::started().await;
    it.claim().await;
    let anonymous = it.anonymous();
    let wrong = json!({ "username": ADMIN, "password": "not the password at all" });
    let tries = until_closed(&anonymous, "/api/v1/session", &wrong).await;
    assert!(tries <= 8, "{tries} tries");
    let right = json!({ "username": ADMIN, "password": PASSWORD });
    assert_eq!(anonymous.post("/api/v1/session", &right).await.status, 429);
    it.kill();
    it.start().await;
    assert_eq!(anonymous.post("/api/v1/session", &right).await.status, 429);
    // Nobody learns from the answer whether there is such an account.
    let unknown = json!({ "username": "nobody", "password": "not the password at all" });
    let answer = anonymous.post("/api/v1/session", &unknown).await;
    assert!([401, 429].contains(&answer.status), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_somebody_planted_is_never_signed_in() {
    let _engine = Engine::shared();
    let it = TestBox::started().await;
    let ada = it.claim().await;
    let planted = "__Host-orbitr=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let victim = it.anonymous().with(Who::Session(planted.clone()));
    let body = json!({ "username": ADMIN, "password": PASSWORD });
    let answer = victim.post("/api/v1/session", &body).await;
    answer.expect(201);
    let given = answer.session().unwrap();
    assert_ne!(given, planted);
    assert_eq!(victim.get("/api/v1/me").await.status, 401, "the planted session stays nobody's");

    // Signing in again in the same browser gives a new session and ends the old one.
    let Who::Session(old) = &ada.browser.who else { unreachable!() };
    let answer = ada.browser.post("/api/v1/session", &body).await;
    answer.expect(201);
    assert_ne!(&answer.session().unwrap(), old);
    assert_eq!(ada.browser.get("/api/v1/me").await.status, 401, "the old session has ended");
    let cookie = answer.header("set-cookie");
    for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_can_send_a_change() {
    let _engine = Engine::shared();
    let it = TestBox::started().await;
    let ada = it.claim().await;
    let origin = ada.browser.origin().to_owned();
    let plain = origin.replace("https", "http");
    let foreign: &[&[(&str, &str)]] = &[
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", &origin)],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", &plain)],
        &[("referer", &origin)],
        &[],
    ];
    let mut walked = 0;
    for route in it.routes() {
        if route.is_safe() {
            continue;
        }
        let browser = it.apart(&ada.browser);
        for headers in foreign {
            let mut request = browser.bare(route.method.parse().unwrap(), &route.path_with(|_| "none".to_owned()));
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let answer = Client::send(request.header("content-type", "application/json").body("{}")).await;
            assert_eq!(answer.status, 403, "{} {headers:?}: {}", answer.asked, answer.text());
            if route.path.starts_with("/api/") {
                assert_eq!(answer.code(), "cross-site-request", "{}", answer.asked);
            }
        }
        walked += 1;
    }
    assert!(walked > 30, "{walked} unsafe routes");
    // A program with a token is no browser.
    let token = ada.token("administer", None).await;
    token.send_json(Method::PATCH, "/api/v1/box/settings", &json!({ "name": "Attic" })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_it_is_for_until_its_day() {
    let _engine = Engine::shared();
    let mut it = TestBox::started().await;
    let ada = it.claim().await;
    let (view, all) = (ada.token("view", None).await, ada.token("administer", None).await);
    let rename = json!({ "name": "Attic" });
    view.get("/api/v1/box").await.expect(200);
    view.send_json(Method::PATCH, "/api/v1/box/settings", &rename).await.expect(403);
    view.get("/api/v1/users").await.expect(403);
    all.send_json(Method::PATCH, "/api/v1/box/settings", &rename).await.expect(200);
    // What would outlive it is closed to it: tokens, passwords, the second step.
    let new = json!({ "label": "child", "level": "view", "days": 1 });
    assert_eq!(all.post("/api/v1/me/tokens", &new).await.code(), "person-only");
    // Only in the header: an address is kept in logs and histories.
    let Who::Token(secret) = &all.who else { unreachable!() };
    for query in [format!("access_token={secret}"), format!("token={secret}")] {
        assert_eq!(it.anonymous().get(&format!("/api/v1/me?{query}")).await.status, 401);
    }
    for wrong in [secret.to_uppercase(), format!("{secret}x"), secret[..secret.len() - 1].to_owned(), String::new()] {
        assert_eq!(it.anonymous().with(Who::Token(wrong)).get("/api/v1/me").await.status, 401);
    }
    let list = ada.browser.get("/api/v1/me/tokens").await.expect(200);
    let viewing = list.as_array().unwrap().iter().find(|token| token["level"] == "view").unwrap();
    let path = format!("/api/v1/me/tokens/{}", viewing["id"].as_str().unwrap());
    ada.browser.delete(&path).await.expect(204);
    view.get("/api/v1/box").await.expect(401);

    it.stop().await;
    it.sql(|db| {
        let changed = db.execute("UPDATE token SET expires_at = expires_at - 90000000", []).unwrap();
        assert_eq!(changed, 1);
    });
    it.start().await;
    all.get("/api/v1/box").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_step_is_asked_for_and_each_code_works_once() {
    let _engine = Engine::shared();
    let it = TestBox::started().await;
    let ada = it.claim().await;
    let setup = ada.browser.post("/api/v1/me/second-step", &json!({})).await.expect(200);
    let secret = setup["secret"].as_str().unwrap();
    let now = totp::step();
    let confirm = |code: String| json!({ "code": code });
    let wrong = ada.browser.send_json(Method::PUT, "/api/v1/me/second-step", &confirm("000000".into())).await;
    assert_eq!(wrong.status / 100, 4, "{}", wrong.text());
    let code = totp::code(secret, now);
    let made = ada.browser.send_json(Method::PUT, "/api/v1/me/second-step", &confirm(code.clone())).await.expect(200);
    let recovery = made["codes"].as_array().unwrap().clone();
    assert_eq!(recovery.len(), 10);

    let anonymous = it.anonymous();
    let challenge = async || {
        let body = json!({ "username": ADMIN, "password": PASSWORD });
        let answer = anonymous.post("/api/v1/session", &body).await;
        assert_eq!(answer.session(), None, "not signed in yet");
        answer.expect(202)["challenge"].as_str().unwrap().to_owned()
    };
    let step = async |challenge: &str, code: &str| {
        anonymous.post("/api/v1/session/second-step", &json!({ "challenge": challenge, "code": code })).await
    };
    let first = challenge().await;
    assert_eq!(step(&first, &code).await.status / 100, 4, "the code that turned it on is used up");
    let next = totp::code(secret, now + 1);
    let answer = step(&first, &next).await;
    answer.expect(201);
    assert!(answer.session().is_some());
    assert_eq!(step(&first, &next).await.status / 100, 4, "the challenge is used up");
    let second = challenge().await;
    assert_eq!(step(&second, &next).await.status / 100, 4, "the code is used up");
    let spare = recovery[0].as_str().unwrap();
    step(&second, spare).await.expect(201);
    let third = challenge().await;
    assert_eq!(step(&third, spare).await.status / 100, 4, "the recovery code is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_that_was_changed_by_hand_is_found() {
    let _engine = Engine::shared();
    let mut it = TestBox::started().await;
    let ada = it.claim().await;
    for name in ["One", "Two", "Three", "Four"] {
        ada.browser.send_json(Method::PATCH, "/api/v1/box/settings", &json!({ "name": name })).await.expect(200);
    }
    let whole = ada.browser.get("/api/v1/audit/verify").await.expect(200);
    assert_eq!(whole["chain"], "whole", "{whole}");
    assert!(whole["count"].as_i64().unwrap() >= 5, "{whole}");
    it.stop().await;
    let untouched = std::fs::read(it.database()).unwrap();
    for (what, sql) in chain::TAMPERING {
        it.put_back(&untouched);
        it.sql(|db| db.execute_batch(sql).unwrap_or_else(|error| panic!("{what}: {error}")));
        it.start().await;
        let found = it.local().get("/api/v1/audit/verify").await.expect(200);
        assert_eq!(found["chain"], "broken", "{what}: {found}");
        assert!(!found["why"].as_str().unwrap().is_empty(), "{what}: {found}");
        it.stop().await;
    }
    it.put_back(&untouched);
    it.start().await;
    assert_eq!(it.local().get("/api/v1/audit/verify").await.expect(200)["chain"], "whole");
}
