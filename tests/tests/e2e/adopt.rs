//! A Compose project that ran before the box was there becomes one of its apps: the same rows, the same ports, the same
//! passwords; and it is what it was where that fails.

use std::{fs, path::Path, process::Command, time::Duration};

use orbitr_tests::{Engine, Person, TestBox, eventually, job_of};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shop::ABORTED;

const PASSWORD: &str = "quite-a-s3cret-word";

/// A web server with pages in a volume, in a folder and in a file, and a database whose data only its image names.
const SHOP: &str = r#"services:
  web:
    image: orbitr-test/web:1.0.0
    container_name: NAME-web
    restart: always
    depends_on: [db]
    ports: ["PORT:80"]
    environment:
      DB_PASSWORD: ${PASSWORD}
      DB_URL: postgres://app:${PASSWORD}@db/app
      PRICE: 5$$
    volumes: ["pages:/www/pages", "./site:/www/site", "./motd.txt:/www/motd.txt:ro"]
  db:
    image: postgres:17.9
    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: "${PASSWORD}"}
volumes: {pages: {}}
"#;

/// A server that works only where somebody has put a file into its container.
const FRAGILE: &str = r#"services:
  web:
    image: orbitr-test/web:1.0.0
    entrypoint: [sh, -c, "[ -e /first ] || exit 3; exec httpd -f -p 80 -h /www"]
    ports: ["PORT:80"]
    volumes: ["pages:/www/pages"]
volumes: {pages: {}}
"#;

pub(crate) struct Old {
    folder: TempDir,
    pub(crate) name: String,
    port: u16,
}

impl Old {
    /// A project in a folder of its own, not yet up.
    pub(crate) fn new(it: &mut TestBox, text: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("orbitr-old-").tempdir_in("/var/tmp").unwrap();
        let name = it.app("old");
        let port = name.rsplit('-').next().unwrap().parse::<u16>().unwrap() - 12_000;
        let text = text.replace("PORT", &port.to_string()).replace("NAME", &name);
        fs::write(folder.path().join("compose.yaml"), text).unwrap();
        fs::write(folder.path().join(".env"), format!("PASSWORD={PASSWORD}\n")).unwrap();
        fs::create_dir(folder.path().join("site")).unwrap();
        fs::write(folder.path().join("site/index.html"), "the site\n").unwrap();
        fs::write(folder.path().join("motd.txt"), "costs $5\n").unwrap();
        Self { folder, name, port }
    }

    pub(crate) fn compose(&self, arguments: &[&str]) {
        let plugin = Engine::compose().unwrap_or_else(|| "docker-compose".into());
        let mut command = Command::new(plugin);
        command.current_dir(self.folder.path()).env("DOCKER_HOST", format!("unix://{}", Engine::socket().display()));
        let said = command.args(["--project-name", &self.name]).args(arguments).output().unwrap();
        assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    }

    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    pub(crate) fn containers(&self) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let mine = Engine::docker(&["ps", "--all", "--filter", &label, "--format", "{{.Names}} {{.State}}"]);
        let mut mine: Vec<String> = mine.lines().map(str::to_owned).collect();
        mine.sort_unstable();
        mine
    }

    async fn page(&self, path: &str) -> Option<String> {
        let answer = reqwest::get(format!("http://127.0.0.1:{}/{path}", self.port)).await.ok()?;
        if answer.status() == 200 { answer.text().await.ok() } else { None }
    }

    pub(crate) async fn answers(&self, path: &str) -> String {
        eventually(path, Duration::from_secs(60), async || self.page(path).await).await
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        self.compose(&["down", "--volumes", "--timeout", "0"]);
        let volume = format!("{}_pages", self.name);
        let _ = Engine::succeeds(&["volume", "rm", "--force", &volume]);
    }
}

async fn open() -> (TestBox, Person) {
    let mut it = TestBox::new();
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    (it, ada)
}

fn sql(container: &str, statement: &str) -> String {
    let uri = format!("postgres://app:{PASSWORD}@127.0.0.1/app");
    Engine::docker(&["exec", container, "psql", &uri, "-Atc", statement])
}

const SUM: &str = "SELECT count(*) || ' ' || md5(string_agg(id || line, ',' ORDER BY id)) FROM lines";

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_project_becomes_an_app_with_its_rows_pages_ports_and_passwords() {
    let _engine = Engine::shared();
    let (mut it, ada) = open().await;
    let old = Old::new(&mut it, SHOP);
    old.compose(&["up", "--detach"]);
    Engine::docker(&["exec", &format!("{}-web", old.name), "sh", "-c", "echo one > /www/pages/row"]);
    let db = old.container("db");
    eventually("the database", Duration::from_secs(60), async || {
        Engine::succeeds(&["exec", &db, "pg_isready", "-h", "127.0.0.1", "-U", "app"]).then_some(())
    })
    .await;
    sql(&db, "CREATE TABLE lines AS SELECT id, md5(id::text) AS line FROM generate_series(1, 5000) AS id");
    let sum = sql(&db, SUM);

    let listed = ada.browser.get("/api/v1/box/compose-projects").await.expect(200);
    let mine = listed.as_array().unwrap().iter().find(|one| one["name"] == old.name.as_str()).unwrap();
    assert_eq!(mine["folder"], old.folder.path().to_str().unwrap());
    assert_eq!(mine["services"][1]["ports"], json!([old.port]));

    let request = json!({ "compose_project": old.name });
    let plan = ada.browser.post("/api/v1/box/compose-projects/plan", &request).await.expect(200);
    assert_eq!(plan["obstacles"], json!([]), "{plan:#}");
    assert!(!plan.to_string().contains(PASSWORD), "{plan:#}");
    assert_eq!(plan["data"].as_object().unwrap().len(), 3, "{plan:#}");
    assert_eq!(old.answers("pages/row").await, "one\n", "a plan changes nothing");

    let job = job_of(&ada.browser.post("/api/v1/projects/home/adopt", &request).await.expect(202));
    let ended = ada.browser.ended(&job).await;
    assert_eq!(ended["state"], "succeeded", "{ended:#}");
    let app = ended["app"].as_str().unwrap();
    assert_eq!(old.answers("pages/row").await, "one\n");
    assert_eq!(old.answers("site/index.html").await, "the site\n");
    assert_eq!(old.answers("motd.txt").await, "costs $5\n");
    let db = format!("orbitr-{app}-db-1");
    eventually("the rows", Duration::from_secs(30), async || {
        Engine::succeeds(&["exec", &db, "pg_isready", "-h", "127.0.0.1", "-U", "app"]).then_some(())
    })
    .await;
    assert_eq!(sql(&db, SUM), sum);
    let environment = Engine::docker(&["exec", &format!("orbitr-{app}-web-1"), "env"]);
    for line in [format!("DB_URL=postgres://app:{PASSWORD}@db/app"), "PRICE=5$".to_owned()] {
        assert!(environment.lines().any(|said| said == line), "{line}: {environment}");
    }

    // what it was is gone, but for its data and its files
    assert_eq!(old.containers(), Vec::<String>::new());
    assert!(Engine::succeeds(&["volume", "inspect", &format!("{}_pages", old.name)]));
    assert_eq!(fs::read_to_string(old.folder.path().join("motd.txt")).unwrap(), "costs $5\n");
    let shown = ada.browser.get(&format!("/api/v1/apps/{app}")).await.expect(200);
    assert_eq!(shown["status"]["state"], "running");
    assert_eq!(shown["endpoints"][0]["port"], old.port);
    let manifest = fs::read_to_string(it.state().join("apps").join(app).join("current/compose.yaml")).unwrap();
    assert!(!manifest.contains(PASSWORD), "{manifest}");
    let again = ada.browser.post("/api/v1/projects/home/adopt", &request).await.expect(422);
    assert_eq!(again["fields"][0]["field"], "compose_project", "{again:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_over_is_said_and_left_alone() {
    let _engine = Engine::shared();
    let (mut it, ada) = open().await;
    let old = Old::new(&mut it, SHOP);
    old.compose(&["up", "--detach"]);
    old.answers("index.html").await;
    let before = old.containers();
    let adopt = async |extra: Value, status: u16| {
        let mut request = json!({ "compose_project": old.name });
        request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        ada.browser.post("/api/v1/projects/home/adopt", &request).await.expect(status)
    };
    let wrong = adopt(json!({ "compose": "services: [\n" }), 422).await;
    assert_eq!(wrong["fields"][0]["field"], "compose", "{wrong:#}");
    let built = adopt(json!({ "compose": "services: {web: {build: .}}\n" }), 409).await;
    assert_eq!(built["code"], "project-not-adoptable");
    let secret =
        "services: {web: {image: \"orbitr-test/web:1.0.0\", secrets: [x]}}\nsecrets: {x: {file: ./motd.txt}}\n";
    assert_eq!(adopt(json!({ "compose": secret }), 409).await["code"], "project-not-adoptable");
    let nfs = "services: {web: {image: \"orbitr-test/web:1.0.0\", volumes: [\"far:/x\"]}}\nvolumes: {far: {driver_opts: {type: nfs, o: addr=10.0.0.1, device: \":/x\"}}}\n";
    assert_eq!(adopt(json!({ "compose": nfs }), 409).await["code"], "project-not-adoptable");
    assert_eq!(adopt(json!({ "compose_project": "nobody" }), 422).await["fields"][0]["field"], "compose_project");

    // only an admin: what it may do on the box is what its text says
    let olga = it.invite(&ada, "olga", "user", json!([])).await;
    olga.browser.get("/api/v1/box/compose-projects").await.expect(403);
    olga.browser.post("/api/v1/projects/home/adopt", &json!({ "compose_project": old.name })).await.expect(404);
    assert_eq!(old.containers(), before);
    assert!(old.page("index.html").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_of_taking_over_the_app_is_whole() {
    let _engine = Engine::shared();
    let (mut it, ada) = open().await;
    let steps = ["pull", "stop", "copy", "prepare", "start", "probe", "activate", "retire"];
    for (step, when) in steps.iter().flat_map(|step| ["before", "after"].map(|when| (step, when))) {
        let point = format!("app.adopt/{step}/{when}");
        let old = Old::new(&mut it, &FRAGILE.replace("[ -e /first ] || exit 3; ", ""));
        old.compose(&["up", "--detach"]);
        Engine::docker(&["exec", &old.container("web"), "sh", "-c", "echo one > /www/pages/row"]);
        let app = it.app(&format!("new-{step}-{when}"));
        it.abort_at(&point);
        it.kill();
        it.start().await;
        let request = json!({ "compose_project": old.name, "app": app });
        let job = job_of(&ada.browser.post("/api/v1/projects/home/adopt", &request).await.expect(202));
        assert_eq!(it.ended().await, ABORTED, "{point}");
        it.start().await;
        let ended = ada.browser.ended(&job).await;
        assert_eq!(ended["state"], "succeeded", "{point}: {ended:#}");
        assert_eq!(old.answers("pages/row").await, "one\n", "{point}");
        assert_eq!(old.containers(), Vec::<String>::new(), "{point}");
        let body = json!({ "data": "delete", "confirm": app });
        let gone = ada.browser.send_json(http::Method::DELETE, &format!("/api/v1/apps/{app}"), &body).await.expect(202);
        ada.browser.ended(&job_of(&gone)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_every_step_back_the_project_runs_as_it_did() {
    let _engine = Engine::shared();
    let (mut it, ada) = open().await;
    let old = Old::new(&mut it, FRAGILE);
    old.compose(&["create"]);
    let first = old.folder.path().join("first");
    fs::write(&first, "").unwrap();
    Engine::docker(&["cp", path(&first), &format!("{}:/first", old.container("web"))]);
    old.compose(&["start"]);
    Engine::docker(&["exec", &old.container("web"), "sh", "-c", "echo one > /www/pages/row"]);
    let steps = ["probe", "start", "prepare", "copy", "stop", "pull"];
    for (step, when) in steps.iter().flat_map(|step| ["undo-before", "undo-after"].map(|when| (step, when))) {
        let point = format!("app.adopt/{step}/{when}");
        let app = it.app(&format!("new-{step}-{when}"));
        it.abort_at(&point);
        it.kill();
        it.start().await;
        let request = json!({ "compose_project": old.name, "app": app });
        let job = job_of(&ada.browser.post("/api/v1/projects/home/adopt", &request).await.expect(202));
        assert_eq!(it.ended().await, ABORTED, "{point}");
        it.start().await;
        let ended = ada.browser.ended(&job).await;
        assert_eq!(ended["state"], "failed", "{point}: {ended:#}");
        assert_eq!(old.answers("pages/row").await, "one\n", "{point}");
        assert_eq!(old.containers(), [format!("{} running", old.container("web"))], "{point}");
        assert_eq!(it.things().await, Vec::<String>::new(), "{point}");
        assert_eq!(it.app_files(), Vec::<String>::new(), "{point}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
