//! A newer version that needs of another app what nobody was asked for: refused with what to do, wherever it is asked for.

use http::Method;
use orbitr_tests::{Engine, Sample};
use serde_json::{Value, json};

use super::{House, SHELF};
use crate::shop::Shop;

/// The sample with a requirement.
fn needs(require: &str) -> String {
    let web = Sample::WEB.manifest("web");
    web.replace("NOTE: \"", "DATABASE_URL: \"${BIND_DB_URL}\", NOTE: \"")
        .replace("  permissions: []\n", &format!("  permissions: []\n  requires: {{db: {{{require}}}}}\n"))
}

/// The plan of an update and the order of it say the same.
fn says(plan: &Value, refused: &Value, words: &[&str]) {
    let (plan, refused) = (plan["obstacles"].to_string(), refused.to_string());
    for word in words {
        assert!(plan.contains(word) && refused.contains(word), "{word}: {plan}\n{refused}");
    }
}

impl Shop {
    async fn cannot_be_updated(&self, words: &[&str]) {
        let plan = self.get("/update").await;
        let path = format!("/api/v1/apps/{}/update", self.app);
        let refused = self.ada.browser.post(&path, &json!({})).await.expect(409);
        says(&plan, &refused, words);
        let jobs = self.ada.browser.get("/api/v1/jobs?active=true").await.expect(200);
        assert_eq!(jobs["items"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_needs_another_app_is_refused_with_what_to_do_about_it() {
    let _engine = Engine::shared();
    let mut shop = Shop::open(&Sample::WEB.manifest("web")).await;
    let what = ["needs PostgreSQL, which this app was installed without", "as another app"];
    shop.publish("2", &needs("capability: postgres")).await;
    shop.cannot_be_updated(&what).await;
    shop.runs("1", "one", "after what was refused").await;

    // One that only some answers need.
    shop.done("inputs", json!({ "inputs": { "note": "many" } })).await;
    let some = needs("capability: postgres, when: \"input.note == many\"");
    shop.publish("3", &some).await;
    shop.cannot_be_updated(&what).await;
    shop.done("inputs", json!({ "inputs": { "note": "few" } })).await;
    assert_eq!(shop.get("/update").await["obstacles"], json!([]));
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    shop.runs("3", "one", "with the answers that do not need it").await;
    let many = json!({ "inputs": { "note": "many" } });
    let path = format!("/api/v1/apps/{}/inputs", shop.app);
    let refused = shop.ada.browser.send_json(Method::PATCH, &path, &many).await.expect(409);
    assert!(refused.to_string().contains("needs PostgreSQL with these answers"), "{refused}");
    shop.runs("3", "one", "after the answers that need it").await;

    // An optional one asks nobody.
    shop.publish("4", &needs("capability: postgres, optional: true")).await;
    assert_eq!(shop.done("update", json!({})).await["state"], "succeeded");
    shop.runs("4", "one", "with what it can do without").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_its_database_does_not_fit_is_refused_with_what_to_do_about_it() {
    let _engine = Engine::shared();
    let mut house = House::open().await;
    house.with_lines(&["one"]).await;
    let newer = |version: &str| SHELF.replace("version: \"1\"", &format!("version: \"{version}\""));
    let server = house.server.clone();
    let other = newer("3")
        .replace("capability: postgres", "capability: mysql")
        .replace(">=14 <19", ">=5")
        .replace("values: {host: own, port: 5432, ", "values: {host: own, port: 3306, ");
    for (manifest, words) in [
        (
            newer("2").replace(">=14 <19", ">=18"),
            ["needs PostgreSQL >=18", server.as_str(), "gives 17.9: bring that app"],
        ),
        (other, ["needs MySQL where this one has PostgreSQL", "as another app", "this one goes on"]),
    ] {
        house.it.extension("shelf", &manifest);
        house.restart().await;
        let plan = house.get(&house.shelf, "/update").await;
        let path = format!("/api/v1/apps/{}/update", house.shelf);
        let refused = house.ada.browser.post(&path, &json!({})).await.expect(409);
        says(&plan, &refused, &words);
        assert_eq!(house.lines(&house.shelf).await, ["one"]);
    }
    house.it.extension("shelf", &newer("4").replace(">=14 <19", ">=17"));
    house.restart().await;
    let job = house.done(&house.shelf, "update", json!({})).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(house.lines(&house.shelf).await, ["one"]);
}
