//! How the API speaks HTTP.

use http::{Method, StatusCode};
use orbitr_host::testing::FakeSystemd;
use orbitr_machine::Outside;
use serde_json::{Value, json};

use crate::testbox::{TestBox, json as with_json, request};

#[tokio::test]
async fn the_status_says_how_the_box_is_doing() {
    let test = TestBox::claimed().await;
    let answer = test.get("/status").await;
    let status = answer.json();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (&status["version"], &status["mode"], &status["active_jobs"]),
        (&json!("0.0.0"), &json!("degraded"), &json!(0))
    );
    assert_eq!(status["docker"]["up"], false);
    assert_eq!(status["apps"], json!({}));
    assert_eq!(test.send_as_nobody(request(Method::GET, "/health"), "").await.json(), json!({ "status": "ok" }));
    assert_eq!(test.send_as_nobody(request(Method::GET, "/status"), "").await.status, 401);
}

#[tokio::test]
async fn the_status_says_when_the_clock_cannot_be_right() {
    let fake = FakeSystemd::start().await;
    let built = |text: &str| text.parse().unwrap();
    let right = Outside { bus: fake.bus(), built: built("2020-01-01T00:00:00Z"), ..Outside::this_machine() };
    let status = TestBox::on(right.clone()).await.get("/status").await.json();
    assert_eq!(status["clock"], json!({ "verdict": "plausible" }));
    let test = TestBox::on(Outside { built: built("2100-01-01T00:00:00Z"), ..right }).await;
    let status = test.get("/status").await.json();
    assert_eq!(
        (&status["clock"]["verdict"], &status["clock"]["at_least"]),
        (&json!("behind"), &json!("2100-01-01T00:00:00Z"))
    );
    assert!(status["clock"]["why"].as_str().unwrap().contains("1 Jan 2100"), "{status}");
    let document = test.get("/openapi.json").await.json();
    let required = document["components"]["schemas"]["Status"]["required"].as_array().unwrap();
    assert!(required.contains(&json!("clock")), "{required:?}");
}

#[tokio::test]
async fn nothing_is_kept_on_the_way_but_the_document() {
    let test = TestBox::claimed().await;
    for path in ["/status", "/apps", "/nothing", "/apps/none"] {
        assert_eq!(test.get(path).await.header("cache-control"), "no-store", "{path}");
    }
    let document = test.get("/openapi.json").await;
    assert_eq!(document.header("cache-control"), "no-cache");
    assert_eq!(document.json()["openapi"], "3.1.0");
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_problem() {
    let test = TestBox::claimed().await;
    for path in
        ["/nothing", "/apps/Not..An..Id", "/apps/%2e%2e%2fetc", "/apps/%ff", "/users/%ff", "/users/x", "/jobs/1"]
    {
        let answer = test.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
    }
    let wrong = test.json(Method::PUT, "/apps", "{}").await;
    assert_eq!(
        (wrong.status, wrong.header("content-type")),
        (StatusCode::METHOD_NOT_ALLOWED, "application/problem+json")
    );
    assert!(wrong.header("allow").contains("GET"), "{wrong:?}");
    let head = test.send(request(Method::HEAD, "/apps"), "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn a_body_that_is_not_right_is_refused_by_name() {
    let test = TestBox::claimed().await;
    let install = "/projects/home/apps";
    let status = async |body: &str| test.json(Method::POST, install, body).await.status.as_u16();
    assert_eq!(status("{").await, 400);
    assert_eq!(status(&format!("\"{}\"", "x".repeat(2 << 20))).await, 413);
    let plain = test.send(request(Method::POST, install).header("content-type", "text/plain"), "{}").await;
    assert_eq!(plain.status, 415);
    let fields = async |body: &str| test.json(Method::POST, install, body).await.fields();
    assert_eq!(fields(r#"{"extension":7}"#).await, ["extension"]);
    assert_eq!(fields(r#"{"extension":"../x"}"#).await, ["extension"]);
    assert_eq!(fields(r#"{"extension":"official/nginx","odd":1}"#).await, ["odd"]);
    assert_eq!(fields("{}").await.len(), 1);
    assert_eq!(test.get("/apps").await.json(), json!([]));
}

#[tokio::test]
async fn a_query_that_is_not_right_is_refused_by_name() {
    let test = TestBox::claimed().await;
    for path in ["/jobs", "/events", "/audit"] {
        for (query, field) in [
            ("cursor=nonsense", "cursor"),
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("odd=1", "odd"),
        ] {
            let answer = test.get(&format!("{path}?{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.fields()), (422, vec![field.to_owned()]), "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let test = TestBox::claimed().await;
    for _ in 0..3 {
        test.talk(1).await;
    }
    let mut seen = Vec::new();
    let mut query = "/jobs?limit=2".to_owned();
    loop {
        let page = test.get(&query).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|job| job["id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("/jobs?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted_by(|a, b| a > b), "the newest first: {seen:?}");
}

#[tokio::test]
async fn a_long_log_is_read_part_by_part() {
    let test = TestBox::claimed().await;
    let job = test.talk(4000).await;
    let (mut text, mut from, mut parts) = (String::new(), 0, 0);
    loop {
        let part = test.get(&format!("/jobs/{job}/log?from={from}")).await.json();
        text.push_str(part["text"].as_str().unwrap());
        parts += 1;
        let next = part["next"].as_u64().unwrap();
        if part["ended"] == true {
            break;
        }
        assert!(next >= from);
        if next == from {
            // all that there is, and the job is about to end
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        from = next;
    }
    assert!(parts > 1);
    assert_eq!(text.lines().filter(|line| line.contains(" xxx")).count(), 4000);
    assert_eq!(test.get(&format!("/jobs/{job}/log?from=-1")).await.fields(), ["from"]);
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    let test = TestBox::claimed().await;
    let invite =
        |body: &Value| (with_json(Method::POST, "/invites").header("idempotency-key", "one"), body.to_string());
    let body = json!({ "role": "user", "note": "Bob" });
    let send = async |body: &Value| {
        let (request, body) = invite(body);
        test.send(request, body).await
    };
    let first = send(&body).await;
    assert_eq!(first.status, 201, "{first:?}");
    let code = first.json()["code"].as_str().unwrap().to_owned();
    // An answer with a secret is shown once; doing it again would make a second secret.
    assert_eq!(send(&body).await.status, 409);
    assert!(!test.kept().await.contains(&code));
    assert_eq!(send(&json!({ "role": "admin", "note": "Bob" })).await.fields(), ["Idempotency-Key"]);
    assert_eq!(test.get("/invites").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_job_that_was_started_with_a_key_is_told_again() {
    let test = TestBox::claimed().await;
    let body = json!({ "extension": "official/nginx" }).to_string();
    let send = async |key: &str| {
        let request = with_json(Method::POST, "/projects/home/apps").header("idempotency-key", key);
        test.send(request, body.clone()).await
    };
    let (first, again) = (send("k").await, send("k").await);
    assert_eq!(first.status, 202, "{first:?}");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    assert_eq!(again.header("location"), first.header("location"));
    let stranger = with_json(Method::POST, "/projects/home/apps").header("idempotency-key", "k");
    assert_eq!(test.send_as_nobody(stranger, body.clone()).await.status, 401, "another caller's answer is not told");
}

#[tokio::test]
async fn a_refusal_is_not_kept_for_its_key() {
    let test = TestBox::claimed().await;
    let request = || with_json(Method::POST, "/projects/home/apps").header("idempotency-key", "r");
    assert_eq!(test.send(request(), r#"{"extension":"official/nothing"}"#).await.status.as_u16() / 100, 4);
    assert_eq!(test.send(request(), r#"{"extension":"official/nginx"}"#).await.status, 202);
}

#[tokio::test]
async fn conditions_hold_for_what_the_caller_saw() {
    let test = TestBox::claimed().await;
    let path = "/box/settings";
    let tag = test.get(path).await.header("etag").to_owned();
    let known = test.send(request(Method::GET, path).header("if-none-match", &tag), "").await;
    assert_eq!((known.status.as_u16(), known.text.as_str(), known.header("etag")), (304, "", tag.as_str()));
    let change = async |name: &str| {
        let request = with_json(Method::PATCH, path).header("if-match", &tag);
        test.send(request, json!({ "name": name }).to_string()).await.status.as_u16()
    };
    assert_eq!(change("Atlas").await, 200);
    assert_eq!(change("Other").await, 412);
    assert_eq!(test.get(path).await.json()["name"], "Atlas");
}

#[tokio::test]
async fn an_owner_who_cannot_get_in_is_helped_on_the_box() {
    let test = TestBox::claimed().await;
    let made = test.json(Method::POST, "/users/reset-on-the-box", r#"{"username":"ada"}"#).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(made.json()["password"].as_str().unwrap().len() > 10);
    let missing = test.json(Method::POST, "/users/reset-on-the-box", r#"{"username":"nobody"}"#).await;
    assert_eq!(missing.status, 404);
    let nobody = with_json(Method::POST, "/users/reset-on-the-box");
    assert_eq!(test.send_as_nobody(nobody, r#"{"username":"ada"}"#).await.status, 401);
}
