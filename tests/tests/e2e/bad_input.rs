//! Every operation of the API against input that is wrong in every way: a plain refusal that names the field, and
//! nothing has changed.

use http::Method;
use orbitr_tests::{Answer, Client, Engine, Person, Sample, TestBox, encoded};
use serde_json::{Value, json};

use crate::openapi::{Document, Operation};

/// Names that are none, as they stand in a path.
const ODD: &[&str] = &[
    "..",
    "../..",
    "../../../../etc/passwd",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%2f..",
    "..%5c..",
    "%00",
    "a%00b",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "%e2%80%aexyz",
    "%d7%a9%d7%9c%d7%95%d7%9d",
    "%27%20OR%201%3D1%20--",
    "1;DROP%20TABLE%20app",
    "%3Cscript%3E",
    "%24%7Bjndi%7D",
    "-",
    ".",
    "%20",
    "NULL",
    "-1",
    "%0d%0aX-Header:%20x",
];

struct Setting {
    it: TestBox,
    ada: Person,
    app: String,
    job: String,
    document: Document,
}

impl Setting {
    async fn new() -> Self {
        let mut it = TestBox::new();
        it.extension("web", &Sample::WEB.manifest("web"));
        it.start().await;
        let ada = it.claim().await;
        it.id().await;
        let app = it.app("web");
        let job = ada.browser.install("local/web", &app, json!({})).await;
        let ended = ada.browser.ended(&job).await;
        assert_eq!(ended["state"], "succeeded", "{ended:#}");
        let document = Document(ada.browser.get("/api/v1/openapi.json").await.expect(200));
        Self { it, ada, app, job, document }
    }

    /// Everything that a request could have changed.
    async fn fingerprint(&self) -> Value {
        let mut all = json!({});
        for path in ["apps", "users", "invites", "projects", "jobs", "me/tokens", "box/settings"] {
            all[path] = self.ada.browser.get(&format!("/api/v1/{path}")).await.expect(200);
        }
        for path in ["releases", "secrets"] {
            all[path] = self.ada.browser.get(&format!("/api/v1/apps/{}/{path}", self.app)).await.expect(200);
        }
        let sessions = self.ada.browser.get("/api/v1/me/sessions").await.expect(200);
        all["sessions"] = sessions.as_array().unwrap().iter().map(|session| session["id"].clone()).collect();
        all["things"] = json!(self.it.things().await);
        all["files"] = json!(self.it.app_files());
        all
    }

    /// The value of a path parameter that names something real.
    fn real(&self, name: &str) -> String {
        match name {
            "app" => self.app.clone(),
            "job" => self.job.clone(),
            "user" => self.ada.id.clone(),
            "project" => "home".to_owned(),
            "registry" => "local".to_owned(),
            "extension" => "web".to_owned(),
            _ => "01890000-0000-7000-8000-000000000000".to_owned(),
        }
    }

    /// The path with real values, but for one parameter.
    fn path(&self, operation: &Operation, odd: Option<(&str, &str)>) -> String {
        operation.parameters.iter().fold(operation.path.clone(), |path, name| {
            let value = match odd {
                Some((parameter, value)) if parameter == name => value.to_owned(),
                _ => self.real(name),
            };
            path.replace(&format!("{{{name}}}"), &value)
        })
    }
}

/// A refusal as everybody can read it: 4xx, problem+json, a code.
fn refused(answer: &Answer, what: &str, wrong: &mut Vec<String>) -> bool {
    let fine = answer.status / 100 == 4
        && answer.header("content-type") == "application/problem+json"
        && !answer.code().is_empty()
        && (answer.status != 422 || answer.json()["fields"].as_array().is_some_and(|fields| !fields.is_empty()));
    if !fine {
        wrong.push(format!("{what}: {}: {} {}", answer.asked, answer.status, answer.text()));
    }
    fine
}

fn names(answer: &Answer, field: &str) -> bool {
    let fields = answer.json()["fields"].as_array().cloned().unwrap_or_default();
    fields.iter().any(|one| {
        let text = format!("{} {}", one["field"].as_str().unwrap_or_default(), one["message"]);
        text.contains(field)
    })
}

/// A value of another type than the one that is wanted.
fn other_types(kind: &str) -> Vec<Value> {
    let all = [("string", json!("text")), ("number", json!(4.5)), ("boolean", json!(true)), ("array", json!([[]]))];
    let object = ("object", json!({ "odd": { "odder": 1 } }));
    let same = |name: &str| name == kind || (name == "number" && kind == "integer");
    let mut others: Vec<Value> =
        all.into_iter().chain([object]).filter(|(name, _)| !same(name)).map(|(_, value)| value).collect();
    if kind == "integer" {
        others.extend([json!(4.5), json!(-1), json!(1e300)]);
    }
    others
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_every_operation_are_read_strictly() {
    let _engine = Engine::shared();
    let it = Setting::new().await;
    let (before, mut wrong, mut sent) = (it.fingerprint().await, Vec::new(), 0);
    for operation in it.document.operations() {
        let Some(schema) = &operation.body else { continue };
        let (path, method) = (it.path(&operation, None), operation.method.parse::<Method>().unwrap());
        let mut sample = it.document.sample(schema);
        if let Some(extension) = sample.get_mut("extension") {
            *extension = json!("local/web");
        }
        // Where one is wanted, a version is no more than what it looks like.
        if let Some(version) = sample.get_mut("version").filter(|version| version.is_string()) {
            *version = json!("0.2.0");
        }
        let (members, required) = it.document.members(schema);
        let mut bodies: Vec<(String, Option<String>, Value)> = Vec::new();
        for (name, member) in &members {
            for value in other_types(&it.document.kind(member)) {
                let mut body = sample.clone();
                body[name] = value.clone();
                bodies.push((format!("{name} = {value}"), Some(name.clone()), body));
            }
        }
        for name in &required {
            let mut body = sample.clone();
            body.as_object_mut().unwrap().remove(name);
            bodies.push((format!("no {name}"), Some(name.clone()), body));
        }
        let mut body = sample.clone();
        body["surplus"] = json!(1);
        bodies.push(("one too many".to_owned(), Some("surplus".to_owned()), body));
        for value in other_types("object") {
            bodies.push((format!("body = {value}"), None, value));
        }
        for (what, field, body) in bodies {
            let answer = it.ada.browser.send_json(method.clone(), &path, &body).await;
            sent += 1;
            if refused(&answer, &what, &mut wrong)
                && let Some(field) = field
                && !(answer.status == 422 && names(&answer, &field))
            {
                wrong.push(format!("{what}: {}: {field} is not named: {}", answer.asked, answer.text()));
            }
        }
        sent += not_json(&it.ada.browser, &operation, &path, &mut wrong).await;
        // Announced only: the answer comes before the body, so there is no race with sending it.
        let answer = it.ada.browser.announced(method, &path, 2 << 20).await;
        if refused(&answer, "too long", &mut wrong) && answer.status != 413 {
            wrong.push(format!("too long: {}: {}", answer.asked, answer.status));
        }
    }
    assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sent > 300, "only {sent} were sent");
    assert_eq!(it.fingerprint().await, before, "something has changed");
}

/// Bytes that are no JSON, or too many of them.
async fn not_json(client: &Client, operation: &Operation, path: &str, wrong: &mut Vec<String>) -> usize {
    let method: Method = operation.method.parse().unwrap();
    let json = "application/json";
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let cases: [(&str, &str, Vec<u8>, &[u16]); 7] = [
        ("nothing", json, Vec::new(), &[400, 422]),
        ("cut off", json, b"{\"a\":".to_vec(), &[400, 422]),
        ("bad UTF-8", json, b"{\"a\":\"\xff\xfe\"}".to_vec(), &[400, 422]),
        ("a NUL", json, b"\0".to_vec(), &[400]),
        ("deep", json, deep, &[400, 422]),
        ("a form", "application/x-www-form-urlencoded", b"a=b".to_vec(), &[415]),
        ("two values", json, b"{} {}".to_vec(), &[400, 422]),
    ];
    for (what, kind, body, fitting) in &cases {
        let answer = client.send_raw(method.clone(), path, kind, body.clone()).await;
        if refused(&answer, what, wrong) && !fitting.contains(&answer.status) {
            wrong.push(format!("{what}: {}: {} is not in {fitting:?}", answer.asked, answer.status));
        }
    }
    cases.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_none_open_nothing() {
    let _engine = Engine::shared();
    let it = Setting::new().await;
    let (before, mut wrong, mut sent) = (it.fingerprint().await, Vec::new(), 0);
    let long = "x".repeat(5000);
    for operation in it.document.operations() {
        let body = operation.body.as_ref().map(|schema| it.document.sample(schema).to_string()).unwrap_or_default();
        for name in &operation.parameters {
            for odd in ODD.iter().copied().chain([&*long]) {
                let path = it.path(&operation, Some((name, odd)));
                // Byte for byte: a library would tidy the path up.
                let answer = it.it.raw(&operation.method, &path, body.as_bytes()).await;
                refused(&answer, odd, &mut wrong);
                sent += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(sent > 500, "only {sent} were sent");
    assert_eq!(it.fingerprint().await, before, "something has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_every_operation_are_read_strictly() {
    let _engine = Engine::shared();
    let it = Setting::new().await;
    let (before, mut wrong, mut sent) = (it.fingerprint().await, Vec::new(), 0);
    for operation in it.document.operations().iter().filter(|operation| !operation.query.is_empty()) {
        let path = it.path(operation, None);
        let method: Method = operation.method.parse().unwrap();
        let ask = async |query: String| {
            it.ada.browser.send_raw(method.clone(), &format!("{path}?{query}"), "application/json", "").await
        };
        for (name, schema) in &operation.query {
            let resolved = it.document.resolved(schema);
            let free = it.document.kind(schema) == "string"
                && resolved["enum"].is_null()
                && resolved["format"].is_null()
                && resolved["pattern"].is_null()
                && name != "cursor";
            let mut values = vec!["x".repeat(5000), "\u{202e}\u{5e9}".to_owned(), "' OR 1=1 --".to_owned()];
            values.extend(["", "../..", "\0", "-1", "99999999999999999999", "0x10", "1e3"].map(str::to_owned));
            if name == "limit" || name == "tail" {
                values.extend(["0", "201000"].map(str::to_owned));
            }
            for value in values {
                let answer = ask(format!("{name}={}", encoded(&value))).await;
                sent += 1;
                // Free text finds nothing; it may never be more than that.
                if free && answer.status == 200 {
                    continue;
                }
                if refused(&answer, &value, &mut wrong) && answer.status == 422 && !names(&answer, name) {
                    wrong.push(format!("{}: {name} is not named: {}", answer.asked, answer.text()));
                }
            }
            let bytes = it.it.raw(&operation.method, &format!("{path}?{name}=%ff%fe"), b"").await;
            if bytes.status / 100 == 5 || (!free && bytes.status < 400) {
                wrong.push(format!("{}: {}", bytes.asked, bytes.status));
            }
        }
        let answer = ask("surplus=1".to_owned()).await;
        if refused(&answer, "surplus", &mut wrong) && !names(&answer, "surplus") {
            wrong.push(format!("{}: surplus is not named: {}", answer.asked, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {sent}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(it.fingerprint().await, before, "something has changed");
}
