//! The network and SSH over the API: what is refused and by which name, and a trial from its begin to its end.

use http::Method;
use orbitr_host::testing::FakeSystemd;
use orbitr_machine::Outside;
use serde_json::json;

use crate::testbox::TestBox;

const MAC: &str = "52:54:00:12:34:56";

async fn on_the_image() -> (FakeSystemd, TestBox) {
    let fake = FakeSystemd::start().await;
    let test = TestBox::on(Outside { image: true, bus: fake.bus(), ..Outside::this_machine() }).await;
    (fake, test)
}

#[tokio::test]
async fn what_is_wrong_with_a_setting_is_refused_by_name() {
    let (_fake, test) = on_the_image().await;
    let fixed =
        |address: &str, gateway: &str| json!({"card": MAC, "method": "static", "address": address, "gateway": gateway});
    for (body, fields) in [
        (json!({}), vec!["body"]),
        (json!({"card": MAC, "method": "bootp"}), vec!["method"]),
        (json!({"card": 7, "method": "dhcp"}), vec!["card"]),
        (json!({"card": MAC, "method": "dhcp", "mtu": 9000}), vec!["mtu"]),
        (json!({"card": MAC, "method": "dhcp", "dns": "1.1.1.1"}), vec!["dns"]),
        (json!({"card": "eth0", "method": "dhcp"}), vec!["card"]),
        (json!({"card": MAC, "method": "static"}), vec!["address"]),
        (json!({"card": MAC, "method": "dhcp", "dns": ["x"]}), vec!["dns"]),
        (fixed("192.168.1.20", ""), vec!["address"]),
        (fixed("192.168.1.255/24", ""), vec!["address"]),
        (fixed("192.168.1.20/24", "10.0.0.1"), vec!["gateway"]),
        (fixed("x", "y"), vec!["address", "gateway"]),
    ] {
        let answer = test.json(Method::PUT, "/box/network", &body.to_string()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.fields()),
            (422, fields.iter().map(ToString::to_string).collect()),
            "{body}"
        );
    }
    for (body, field) in [
        (json!({"enabled": true, "keys": []}), "keys"),
        (json!({"enabled": true, "keys": ["nonsense"]}), "keys"),
        (json!({"enabled": "yes", "keys": []}), "enabled"),
        (json!({"enabled": true, "keys": [], "port": 22}), "port"),
    ] {
        let answer = test.json(Method::PUT, "/box/ssh", &body.to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.fields()), (422, vec![field.to_owned()]), "{body}");
    }
    let change = test.get("/box/network").await.json()["change"].clone();
    assert!(change["available"] == true && change["trial"].is_null() && change["last"].is_null(), "{change}");
}

#[tokio::test]
async fn a_trial_is_shown_refuses_another_and_can_be_taken_back() {
    let (_fake, test) = on_the_image().await;
    let body = json!({"card": MAC, "method": "static", "address": "192.168.1.30/24", "gateway": "192.168.1.1", "dns": ["192.168.1.1"]});
    let put = async || test.json(Method::PUT, "/box/network", &body.to_string()).await;
    let answer = put().await;
    let trial = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &trial["name"], &trial["applied"]),
        (202, &json!("eth0"), &json!(false)),
        "{answer:?}"
    );
    assert_eq!(
        (&trial["to"]["ipv4"]["address"], &trial["from"]["ipv4"]["method"]),
        (&json!("192.168.1.30"), &json!("dhcp"))
    );
    let shown = test.get("/box/network").await.json()["change"].clone();
    assert_eq!((&shown["trial"]["to"], &shown["cards"][0]["ipv4"]), (&trial["to"], &trial["to"]["ipv4"]));
    let again = put().await;
    assert_eq!((again.status.as_u16(), &again.json()["code"]), (409, &json!("network-pending")));
    // Nobody follows this box, so the machine never has it.
    let early = test.json(Method::POST, "/box/network/confirm", "").await;
    assert_eq!((early.status.as_u16(), &early.json()["code"]), (409, &json!("not-applied-yet")));
    assert_eq!(test.json(Method::POST, "/box/network/revert", "").await.status, 204);
    assert_eq!(test.get("/box/network").await.json()["change"]["last"]["end"], "taken-back");
    assert_eq!(test.json(Method::POST, "/box/network/revert", "").await.json()["code"], "nothing-tried");
}

#[tokio::test]
async fn in_hosted_mode_the_answer_says_why_not() {
    let test = TestBox::on(Outside { image: false, ..Outside::this_machine() }).await;
    let body = json!({"card": MAC, "method": "dhcp"}).to_string();
    for (method, path, body) in [
        (Method::PUT, "/box/network", body.as_str()),
        (Method::POST, "/box/network/confirm", ""),
        (Method::POST, "/box/network/revert", ""),
        (Method::PUT, "/box/ssh", r#"{"enabled": false, "keys": []}"#),
    ] {
        let answer = test.json(method, path, body).await;
        let problem = answer.json();
        assert_eq!((answer.status.as_u16(), &problem["code"]), (409, &json!("not-here")), "{path}");
        assert!(problem["detail"].as_str().unwrap().contains("hosted mode"), "{problem}");
    }
    assert_eq!(test.get("/box/ssh").await.json()["available"], false);
}
