//! A claimed box with real rooms, spoken to in process as its own root does over the Unix socket.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, Method, StatusCode, header};
use orbitr_access::{
    Access, NewAccount, Secret,
    gate::{Client, Gate, PeerUid},
};
use orbitr_api::{Api, Rooms, api};
use orbitr_apps::{BoxFacts, Prepared};
use orbitr_catalog::Catalog;
use orbitr_docker::{Config, Docker};
use orbitr_jobs::{Jobs, Kind, NewJob, Outcome, Step, StepContext, StepError, enqueue};
use orbitr_machine::{Machine, Outside};
use orbitr_model::{Actor, JobId};
use orbitr_store::{Store, Tx};
use orbitr_watch::Watch;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) struct TestBox {
    pub(crate) api: Api,
    rooms: Rooms,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 8 << 20).await.unwrap();
        Self { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The fields that a refusal names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let problem = self.json();
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let fields = problem["fields"].as_array().cloned().unwrap_or_default();
        fields.iter().map(|field| field["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// Writes lines to its log.
struct Talk;

impl Kind for Talk {
    const NAME: &'static str = "test.talk";
    type Args = usize;

    fn steps(&self, _: &usize) -> Vec<Step> {
        let limit = Duration::from_secs(30);
        vec![Step { name: "talk", title: "Talk".to_owned(), limit, reversible: true }]
    }

    async fn run(&self, _: &str, cx: &StepContext, lines: &usize) -> Result<(), StepError> {
        (0..*lines).for_each(|n| cx.log(&format!("line {n} {}", "x".repeat(100))));
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &usize) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, _: &mut Tx<'_>, _: &usize, _: &Outcome) -> Result<(), orbitr_store::Error> {
        Ok(())
    }
}

impl TestBox {
    pub(crate) async fn claimed() -> Self {
        Self::on(Outside::this_machine()).await
    }

    /// The same on another machine.
    pub(crate) async fn on(outside: Outside) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let access = Access::open(store.clone(), 991).await.unwrap();
        let machine = Machine::open_with(store.clone(), dir.path().to_owned(), "0.0.0", outside).await.unwrap();
        let docker = Docker::new(Config {
            socket: dir.path().join("no-docker.sock"),
            box_id: machine.box_id(),
            docker_bin: "docker".into(),
            compose_bin: None,
        });
        let facts = || BoxFacts { host_name: "atlas".to_owned(), time_zone: "UTC".to_owned() };
        let prepared = Prepared::new(store.clone(), docker, dir.path().join("apps"), Arc::new(facts));
        let jobs = prepared.kinds(Jobs::builder(store.clone(), dir.path().join("logs"))).kind(Talk);
        let jobs = jobs.start().await.unwrap();
        let apps = prepared.open(jobs.clone(), Catalog::official());

        let code = access.new_setup_code().await.unwrap().unwrap();
        let claim = NewAccount {
            code,
            username: "ada".to_owned(),
            display_name: None,
            password: Secret::new("a password of mine"),
        };
        access.claim(claim, &Client::default()).await.unwrap();
        let watch = Watch::new(store.clone(), apps.clone(), machine.clone());
        let rooms = Rooms { access: access.clone(), apps, jobs, machine, watch, store };
        Self { api: api(rooms.clone(), &Gate::new(access), "0.0.0"), rooms, _dir: dir }
    }

    /// Sends a request as the box's own root.
    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        let mut request: Request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(PeerUid(0));
        Answer::of(self.api.router.clone().oneshot(request).await.unwrap()).await
    }

    /// Sends a request as somebody in the network.
    pub(crate) async fn send_as_nobody(&self, request: http::request::Builder, body: impl Into<Body>) -> Answer {
        let request: Request = request.body(body.into()).unwrap();
        Answer::of(self.api.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path), Body::empty()).await
    }

    pub(crate) async fn json(&self, method: Method, path: &str, body: &str) -> Answer {
        self.send(json(method, path), body.to_owned()).await
    }

    /// A job that wrote so many lines and has ended.
    pub(crate) async fn talk(&self, lines: usize) -> JobId {
        let job = NewJob::of::<Talk>(&lines, "Talk", Actor::Box).unwrap();
        let id = self.rooms.store.write(move |tx| enqueue(tx, job)).await.unwrap();
        self.rooms.jobs.wait(id).await.unwrap();
        id
    }

    /// Everything that the table of idempotency keys holds, as text.
    pub(crate) async fn kept(&self) -> String {
        let read = self.rooms.store.read(|conn| {
            let mut rows = conn.prepare("SELECT COALESCE(CAST(body AS TEXT), '') FROM idempotency")?;
            let rows = rows.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok::<_, orbitr_store::Error>(rows.join("\n"))
        });
        read.await.unwrap()
    }
}

pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(format!("/api/v1{path}"))
}

pub(crate) fn json(method: Method, path: &str) -> http::request::Builder {
    request(method, path).header(header::CONTENT_TYPE, "application/json")
}
