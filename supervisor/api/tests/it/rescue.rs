//! Safe mode and factory reset over the API.

use http::{Method, StatusCode};
use serde_json::json;

use crate::testbox::{TestBox, request};

#[tokio::test]
async fn a_switch_that_is_neither_on_nor_off_is_refused_by_name() {
    let test = TestBox::claimed().await;
    let set = async |body: &str| test.json(Method::PUT, "/box/safe-mode", body).await;
    for (body, field) in [("{}", "body"), (r#"{"on":"yes"}"#, "on"), (r#"{"on":true,"now":1}"#, "now")] {
        assert_eq!(set(body).await.fields(), [field], "{body}");
    }
    assert_eq!(set("").await.status, 400);
    assert_eq!(test.get("/box/safe-mode").await.json(), json!({ "on": false, "jobs": [] }));
    assert_eq!(set(r#"{"on":true}"#).await.json(), json!({ "on": true, "jobs": [] }));
    assert_eq!(test.get("/status").await.json()["safe_mode"], true);
    let refused = test.json(Method::POST, "/projects/home/apps", r#"{"extension":"official/nginx"}"#).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("safe-mode")));
    set(r#"{"on":true}"#).await;
    let told = test.get("/audit").await.json()["items"].as_array().unwrap().clone();
    let turned = told.iter().filter(|event| event["action"] == "box.safe-mode-on").count();
    assert_eq!(turned, 1, "what is so already makes no history");
    assert_eq!(set(r#"{"on":false}"#).await.json(), json!({ "on": false, "jobs": [] }));
}

#[tokio::test]
async fn a_reset_without_a_serial_number_is_refused_and_so_is_one_in_hosted_mode() {
    let test = TestBox::claimed().await;
    let reset = async |body: &str| test.json(Method::POST, "/box/factory-reset", body).await;
    for (body, field) in [("{}", "body"), (r#"{"serial":7}"#, "serial"), (r#"{"serial":"x","sure":true}"#, "sure")] {
        assert_eq!(reset(body).await.fields(), [field], "{body}");
    }
    let refused = reset(r#"{"serial":"SN-42"}"#).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("not-here")));
    let state = test.get("/box/factory-reset").await.json();
    assert_eq!((&state["available"], &state["serial"]), (&json!(false), &json!(null)));
    assert!(state["reason"].as_str().unwrap().contains("hosted mode"));
    for (method, path) in [(Method::POST, "/box/factory-reset"), (Method::PUT, "/box/safe-mode")] {
        assert_eq!(test.send_as_nobody(request(method, path), "{}").await.status, 401);
    }
}
