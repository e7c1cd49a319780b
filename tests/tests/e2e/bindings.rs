//! A web app that keeps its lines in a PostgreSQL of the same box: made for it, changed under it, and gone with it.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use orbitr_tests::{Engine, Person, TestBox, eventually, job_of};
use serde_json::{Value, json};

use crate::shop::ABORTED;

mod gossip;
mod needs;
mod providers;
mod versions;

/// What the shelf's database is called.
fn login(app: &str) -> String {
    app.replace('-', "_")
}

/// The extension of the web app.
const SHELF: &str = include_str!("../../src/shelf.yaml");

struct House {
    it: TestBox,
    ada: Person,
    shelf: String,
    server: String,
}

impl House {
    /// A box with a PostgreSQL, and the shelf in its store.
    async fn open() -> Self {
        Self::with("official/postgresql", &[("shelf", SHELF)]).await
    }

    /// A box with a server made of an extension, and these extensions in its store.
    async fn with(kind: &str, extensions: &[(&str, &str)]) -> Self {
        let mut it = TestBox::new();
        for (id, text) in extensions {
            it.extension(id, text);
        }
        it.start().await;
        let ada = it.claim().await;
        it.id().await;
        let (shelf, server) = (it.app("shelf"), it.app("server"));
        let house = Self { it, ada, shelf, server };
        // a port of its own: boxes beside each other would all reach for 5432
        let inputs = json!({ "port": house.port() + 1 });
        house.ada.browser.installed(kind, &house.server, inputs).await;
        house
    }

    /// The port that its extension prefers.
    fn port(&self) -> u16 {
        self.shelf.rsplit('-').next().unwrap().parse::<u16>().unwrap() - 12_000
    }

    async fn install(&self, app: &str, binding: Value) -> Value {
        self.install_of("local/shelf", app, binding).await
    }

    async fn install_of(&self, extension: &str, app: &str, binding: Value) -> Value {
        let request = json!({ "extension": extension, "app": app, "bindings": { "db": binding } });
        let job = job_of(&self.ada.browser.post("/api/v1/projects/home/apps", &request).await.expect(202));
        self.ada.browser.ended(&job).await
    }

    /// The shelf, with these lines in it.
    async fn with_lines(&self, lines: &[&str]) {
        let job = self.install(&self.shelf, json!({ "from": "existing", "app": self.server })).await;
        assert_eq!(job["state"], "succeeded", "{job:#}");
        for line in lines {
            self.add(&self.shelf, line).await;
        }
        assert_eq!(self.lines(&self.shelf).await, lines);
    }

    async fn get(&self, app: &str, path: &str) -> Value {
        self.ada.browser.get(&format!("/api/v1/apps/{app}{path}")).await.expect(200)
    }

    async fn done(&self, app: &str, what: &str, body: Value) -> Value {
        let job = job_of(&self.ada.browser.post(&format!("/api/v1/apps/{app}/{what}"), &body).await.expect(202));
        self.ada.browser.ended(&job).await
    }

    async fn ask(&self, app: &str, query: &str) -> Option<String> {
        let port = self.get(app, "").await["endpoints"][0]["port"].as_u64()?;
        let url = format!("http://127.0.0.1:{port}/cgi-bin/lines{query}");
        let answer = reqwest::get(&url).await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        answer.text().await.ok()
    }

    async fn add(&self, app: &str, line: &str) {
        assert!(self.ask(app, &format!("?add={line}")).await.is_some(), "«{line}» is added");
    }

    /// What it shows as soon as it answers.
    async fn lines(&self, app: &str) -> Vec<String> {
        let text = eventually("the shelf answers", Duration::from_secs(60), async || self.ask(app, "").await).await;
        text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
    }

    /// A statement at the server, as its owner.
    fn sql(&self, statement: &str) -> String {
        let container = format!("orbitr-{}-db-1", self.server);
        Engine::docker(&["exec", &container, "psql", "-U", "app", "-d", "app", "-Atc", statement])
    }

    fn databases(&self) -> Vec<String> {
        let all = self.sql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1");
        all.lines().map(str::to_owned).filter(|name| name != "app" && name != "postgres").collect()
    }

    async fn restart(&mut self) {
        self.it.kill();
        self.it.start().await;
    }

    /// The password in the shelf's variables.
    fn password(&self) -> String {
        self.set(&self.shelf, "BIND_DB_PASSWORD")
    }

    /// A variable of an app.
    fn set(&self, app: &str, name: &str) -> String {
        let current = self.it.state().join("apps").join(app).join("current/.env");
        let text = std::fs::read_to_string(current).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}='"))).unwrap();
        line.trim_end_matches('\'').to_owned()
    }

    /// The one last dump that the server keeps.
    fn dump(&self) -> std::path::PathBuf {
        let dumps = self.it.state().join("apps").join(&self.server).join("dumps");
        let names: Vec<_> = std::fs::read_dir(&dumps).unwrap().map(|it| it.unwrap().path()).collect();
        let [dump] = &names[..] else { panic!("{names:?}") };
        dump.clone()
    }

    /// The server is changed by these answers.
    async fn change_server(&self, inputs: Value) {
        let path = format!("/api/v1/apps/{}/inputs", self.server);
        let change = json!({ "inputs": inputs });
        let job = job_of(&self.ada.browser.send_json(Method::PATCH, &path, &change).await.expect(202));
        let changed = self.ada.browser.ended(&job).await;
        assert_eq!(changed["state"], "succeeded", "{changed:#}");
        self.ada.browser.settled().await;
    }

    /// The server runs an earlier release again.
    async fn roll_server_back(&self, release: u64, data: &str) {
        let back = self.done(&self.server, "roll-back", json!({ "release": release, "data": data })).await;
        assert_eq!(back["state"], "succeeded", "{back:#}");
        self.ada.browser.settled().await;
    }

    /// The shelf gets another password; the one before.
    async fn rotate(&self) -> String {
        let before = self.password();
        let rotated = self.done(&self.shelf, "bindings/db/password", json!({})).await;
        assert_eq!(rotated["state"], "succeeded", "{rotated:#}");
        assert_ne!(self.password(), before);
        before
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_gets_a_database_of_its_own_and_nobody_else_enters_it() {
    let _engine = Engine::shared();
    let mut house = House::open().await;
    house.with_lines(&["one", "two"]).await;
    assert_eq!(house.databases(), [login(&house.shelf)]);

    let shown = house.get(&house.shelf, "").await;
    assert_eq!(shown["bindings"][0]["app"], house.server.as_str());
    assert_eq!(shown["bindings"][0]["label"], "Database");
    assert_eq!(shown["bindings"][0]["login"], login(&house.shelf));
    let server = house.get(&house.server, "").await;
    assert_eq!(server["dependants"][0]["app"], house.shelf.as_str());
    assert_eq!(server["provides"], json!(["postgres"]));

    // a second one has a place of its own, which the first cannot enter
    let other = house.it.app("other");
    let job = house.install(&other, json!({ "from": "managed" })).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(
        house.get(&other, "").await["bindings"][0]["app"],
        house.server.as_str(),
        "the box chose the one there is"
    );
    house.add(&other, "theirs").await;
    assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);
    let web = format!("orbitr-{}-web-1", house.shelf);
    let entered = format!("psql \"${{DATABASE_URL%/*}}/{}\" -c 'SELECT 1'", login(&other));
    assert!(!Engine::succeeds(&["exec", &web, "sh", "-c", &entered]), "one app entered another's database");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_is_updated_rolled_back_and_gives_another_password_and_no_line_is_lost() {
    let _engine = Engine::shared();
    let house = House::open().await;
    house.with_lines(&["one"]).await;

    // a change of the provider, with the shelf on it
    house.change_server(json!({ "memory": "400Mi" })).await;
    house.add(&house.shelf, "two").await;

    // the provider runs its first release again, with the data of now
    house.roll_server_back(1, "now").await;
    assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);

    // another password: the old one is of no use any more
    let before = house.rotate().await;
    assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);
    let web = format!("orbitr-{}-web-1", house.shelf);
    let old = format!(
        "PGPASSWORD={before} psql -h {}.orbitr.internal -U {1} -d {1} -c 'SELECT 1'",
        house.server,
        login(&house.shelf)
    );
    assert!(!Engine::succeeds(&["exec", &web, "sh", "-c", &old]), "the old password still opens the database");

    // and the second one with the data of then, which knows the old password only
    house.add(&house.shelf, "three").await;
    house.roll_server_back(2, "then").await;
    assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_need_cannot_go_and_what_is_gone_leaves_a_last_dump() {
    let _engine = Engine::shared();
    let house = House::open().await;
    house.with_lines(&["one", "two"]).await;
    let remove = json!({ "data": "delete", "confirm": house.server });
    let refused = house.ada.browser.send_json(Method::DELETE, &format!("/api/v1/apps/{}", house.server), &remove).await;
    let refused = refused.expect(409);
    assert_eq!(refused["code"], "app-needed");
    assert!(refused["detail"].as_str().unwrap().contains("Shelf"), "{refused:#}");
    assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);

    // removed with its data kept, it finds its lines again
    let job = house.ada.browser.remove(&house.shelf, "keep").await;
    assert_eq!(house.ada.browser.ended(&job).await["state"], "succeeded");
    assert_eq!(house.databases(), [login(&house.shelf)]);
    let request = json!({ "extension": "local/shelf", "app": house.shelf });
    let job = job_of(&house.ada.browser.post("/api/v1/projects/home/apps", &request).await.expect(202));
    let job = house.ada.browser.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(house.lines(&house.shelf).await, ["one", "two"]);

    // with its data, the database goes, and what was in it is kept as a file that psql reads
    let job = house.ada.browser.remove(&house.shelf, "delete").await;
    let job = house.ada.browser.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(house.databases(), Vec::<String>::new());
    assert_eq!(house.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE '%shelf%'").trim(), "0");
    let text = std::fs::read_to_string(house.dump()).unwrap();
    assert!(text.contains("COPY public.line (word) FROM stdin;\none\ntwo\n"), "{text}");

    let job = house.ada.browser.remove(&house.server, "delete").await;
    assert_eq!(house.ada.browser.ended(&job).await["state"], "succeeded");
    assert_eq!(house.it.things().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_comes_from_where_it_is_chosen_from() {
    let _engine = Engine::shared();
    let mut house = House::open().await;
    let wrong = [
        (json!({ "from": "existing", "app": "nobody" }), "bindings.db.app"),
        (json!({ "from": "existing" }), "bindings.db.app"),
        (json!({ "from": "none" }), "bindings.db.from"),
        (json!({ "from": "external", "values": { "host": "db.example", "colour": "red" } }), "bindings.db.colour"),
        (json!({ "from": "external", "values": { "port": "99999" } }), "bindings.db.port"),
    ];
    for (binding, field) in wrong {
        let request = json!({ "extension": "local/shelf", "app": house.shelf, "bindings": { "db": binding } });
        let refused = house.ada.browser.post("/api/v1/projects/home/apps", &request).await.expect(422);
        let fields: Vec<_> =
            refused["fields"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
        assert!(fields.contains(&field), "{request}: {fields:?}");
    }

    // its own copy
    let own = house.it.app("own");
    let job = house.install(&own, json!({ "from": "bundled" })).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    house.add(&own, "mine").await;
    assert_eq!(house.databases(), Vec::<String>::new());

    // outside the box: a server that this box knows nothing of, on the machine's own network
    let far = house.it.app("far");
    let port = house.port() + 40;
    let set = ["-e", "POSTGRES_USER=far", "-e", "POSTGRES_DB=far", "-e", "POSTGRES_PASSWORD=p@ss/word"];
    let run = ["run", "--detach", "--rm", "--network", "host", "--name", &far];
    Engine::docker(&[&run[..], &set, &["postgres:17.9", "postgres", "-p", &port.to_string()]].concat());
    let gateway = "{{(index .IPAM.Config 0).Gateway}}";
    let network = format!("orbitr-{}_default", house.server);
    let gateway = Engine::docker(&["network", "inspect", &network, "--format", gateway]);
    let values: BTreeMap<_, _> = [
        ("host", gateway.trim().to_owned()),
        ("port", port.to_string()),
        ("name", "far".to_owned()),
        ("user", "far".to_owned()),
        ("password", "p@ss/word".to_owned()),
    ]
    .into();
    let job = house.install(&far, json!({ "from": "external", "values": values })).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    house.add(&far, "there").await;
    assert_eq!(house.lines(&far).await, ["there"]);
    assert!(!house.get(&far, "").await.to_string().contains("p@ss"), "a password is in the open");

    // all of it survives the end of the box's program
    house.restart().await;
    assert_eq!(house.lines(&own).await, ["mine"]);
    assert_eq!(house.lines(&far).await, ["there"]);
    Engine::docker(&["rm", "--force", &far]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_provider_the_box_installs_one_and_where_that_fails_nothing_is_left() {
    let _engine = Engine::shared();
    let mut it = TestBox::new();
    it.extension("shelf", SHELF);
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    let request = json!({ "extension": "local/shelf", "app": it.app("shelf") });
    let job = job_of(&ada.browser.post("/api/v1/projects/home/apps", &request).await.expect(202));
    let job = ada.browser.ended(&job).await;
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let apps = ada.browser.get("/api/v1/apps").await.expect(200);
    let extensions: Vec<_> = apps.as_array().unwrap().iter().map(|app| app["extension"].as_str().unwrap()).collect();
    assert_eq!(extensions, ["official/postgresql", "local/shelf"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_a_new_password_the_app_and_its_database_agree() {
    let _engine = Engine::shared();
    let mut house = House::open().await;
    house.with_lines(&["one"]).await;
    for point in
        ["password", "start", "probe"].iter().flat_map(|step| [format!("{step}/before"), format!("{step}/after")])
    {
        house.it.abort_at(&format!("app.rotate/{point}"));
        house.restart().await;
        let path = format!("/api/v1/apps/{}/bindings/db/password", house.shelf);
        let job = job_of(&house.ada.browser.post(&path, &json!({})).await.expect(202));
        assert_eq!(house.it.ended().await, ABORTED, "{point}");
        house.it.variable("ORBITR_ABORT_AT", None);
        house.it.start().await;
        let ended = house.ada.browser.ended(&job).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
        assert_eq!(house.lines(&house.shelf).await, ["one"], "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_end_before_what_they_need_start_after_it_and_wait_for_it_meanwhile() {
    let _engine = Engine::shared();
    let house = House::open().await;
    house.with_lines(&["one"]).await;
    let (shelf, server) = (&house.shelf, &house.server);
    let state = async |app: &str| house.get(app, "").await["status"]["state"].as_str().unwrap().to_owned();
    let on_shelf = json!([{ "on": { "kind": "app", "app": shelf }, "level": "operate" }]);
    let olga = house.it.invite(&house.ada, "olga", "user", on_shelf).await;

    // the server alone: the shelf goes on, says why it does not work, and is not restarted for it
    house.done(server, "stop", json!({})).await;
    eventually("the shelf knows what it waits for", Duration::from_secs(90), async || {
        let shown = house.get(shelf, "").await;
        let reason = shown["status"]["reason"].as_str().unwrap();
        (reason == "it needs another app: PostgreSQL is stopped" && shown["care"].is_null()).then_some(())
    })
    .await;
    let audit = house.ada.browser.get("/api/v1/audit?action=app.heal&limit=10").await.expect(200);
    assert_eq!(audit["items"], json!([]), "nothing was tried that cannot help");

    // whoever may not start the server cannot start the shelf without it
    house.done(shelf, "stop", json!({})).await;
    let refused = olga.browser.post(&format!("/api/v1/apps/{shelf}/start"), &json!({})).await.expect(409);
    assert_eq!(refused["code"], "app-needs-stopped");
    assert!(refused["detail"].as_str().unwrap().contains("PostgreSQL"), "{refused:#}");
    assert_eq!((state(shelf).await, state(server).await), ("stopped".to_owned(), "stopped".to_owned()));

    // whoever may starts both with one press
    assert_eq!(house.done(shelf, "start", json!({})).await["state"], "succeeded");
    assert_eq!(state(server).await, "running");
    assert_eq!(house.lines(shelf).await, ["one"]);

    // and stops both: the shelf before the server
    assert_eq!(house.done(server, "stop?dependants=true", json!({})).await["state"], "succeeded");
    assert_eq!((state(shelf).await, state(server).await), ("stopped".to_owned(), "stopped".to_owned()));
    let jobs = house.ada.browser.get("/api/v1/jobs?limit=2").await.expect(200);
    let ended = |at: usize| (jobs["items"][at]["app"].as_str().unwrap(), jobs["items"][at]["ended"].as_str().unwrap());
    let (last, first) = (ended(0), ended(1));
    assert_eq!((first.0, last.0), (shelf.as_str(), server.as_str()));
    assert!(first.1 <= last.1, "{first:?} {last:?}");
}
