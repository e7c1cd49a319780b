//! Somebody who talks to a box: over HTTPS with a session, a token or nothing, or over its socket.

use std::{path::Path, time::Duration};

use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method};
use reqwest::{Body, RequestBuilder};
use serde_json::Value;

use crate::{eventually, job_of};

/// No answer may take longer.
const LIMIT: Duration = Duration::from_secs(10);
/// No job of a test takes longer.
const JOB_LIMIT: Duration = Duration::from_secs(120);

/// What somebody shows.
#[derive(Clone, Debug)]
pub enum Who {
    /// Nothing.
    Nobody,
    /// The cookie of a session, as a browser sends it: name and value.
    Session(String),
    /// An API token.
    Token(String),
    /// Nothing, over the socket: the kernel says who it is.
    Local,
}

/// Somebody who talks to a box.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// What it shows.
    pub who: Who,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What was asked, for messages.
    pub asked: String,
}

impl Answer {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// One header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The problem's stable code, or nothing.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The JSON body of an answer that must have this status.
    ///
    /// # Panics
    /// When it has another one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self.json()
    }

    /// The session cookie that it sets, as it is sent back.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next());
        pairs.find(|pair| pair.starts_with("__Host-orbitr=")).map(str::to_owned)
    }
}

impl Client {
    /// Over HTTPS, trusting only the box's own authority; redirects are not followed.
    pub(crate) fn https(port: u16, authority: &[u8]) -> Self {
        let root = reqwest::Certificate::from_pem(authority).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LIMIT)
            .build()
            .unwrap();
        Self { http, base: format!("https://127.0.0.1:{port}"), who: Who::Nobody }
    }

    /// Over the control socket.
    pub(crate) fn local(socket: &Path) -> Self {
        let http = reqwest::Client::builder()
            .unix_socket(socket)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LIMIT)
            .build()
            .unwrap();
        Self { http, base: "http://localhost".to_owned(), who: Who::Local }
    }

    /// The same connection with something else to show.
    #[must_use]
    pub fn with(&self, who: Who) -> Self {
        Self { who, ..self.clone() }
    }

    /// The box's origin as a browser would name it.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.base
    }

    /// A request with what it shows, and nothing a browser adds.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.who {
            Who::Nobody | Who::Local => request,
            Who::Session(cookie) => request.header("cookie", cookie),
            Who::Token(token) => request.bearer_auth(token),
        }
    }

    /// A request as the box's own pages or a program send it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.bare(method, path);
        match self.who {
            Who::Session(_) | Who::Nobody => request.header("origin", self.origin()),
            Who::Token(_) | Who::Local => request,
        }
    }

    /// Sends it; the error says what went wrong below HTTP.
    ///
    /// # Errors
    /// No answer, or not within 10 s.
    pub async fn try_send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let (http, request) = request.build_split();
        let request = request?;
        let asked = format!("{} {}", request.method(), request.url());
        let answer = http.execute(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        // A stream of events has no end to wait for.
        let endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if endless { Vec::new() } else { answer.bytes().await?.to_vec() };
        Ok(Answer { status, headers, body, asked })
    }

    /// Sends it.
    ///
    /// # Panics
    /// When there is no answer within 10 s.
    pub async fn send(request: RequestBuilder) -> Answer {
        Self::try_send(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        Self::send(self.request(Method::GET, path)).await
    }

    /// Any method, with a JSON body.
    pub async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        Self::send(self.request(method, path).json(body)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::POST, path, body).await
    }

    /// DELETE without a body.
    pub async fn delete(&self, path: &str) -> Answer {
        Self::send(self.request(Method::DELETE, path)).await
    }

    /// Any method with bytes as they are.
    pub async fn send_raw(&self, method: Method, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        Self::send(self.request(method, path).header("content-type", kind).body(body)).await
    }

    /// Announces a JSON body of so many bytes, sends one of them, and waits for the answer.
    pub async fn announced(&self, method: Method, path: &str, length: usize) -> Answer {
        let first = stream::once(async { Ok::<_, std::io::Error>("{") });
        let body = Body::wrap_stream(first.chain(stream::pending()));
        let request = self.request(method, path).header("content-type", "application/json");
        Self::send(request.header("content-length", length).body(body)).await
    }

    /// Waits until a job has ended, and returns it.
    pub async fn ended(&self, job: &str) -> Value {
        eventually("the end of a job", JOB_LIMIT, async || {
            let job = self.get(&format!("/api/v1/jobs/{job}")).await.expect(200);
            (!job["ended"].is_null()).then_some(job)
        })
        .await
    }

    /// Waits until no job is left to do.
    pub async fn settled(&self) {
        eventually("the end of all jobs", JOB_LIMIT, async || {
            let jobs = self.get("/api/v1/jobs?active=true").await.expect(200);
            jobs["items"].as_array().is_some_and(Vec::is_empty).then_some(())
        })
        .await;
    }

    /// Asks for an app of the store, and returns the job that installs it.
    pub async fn install(&self, extension: &str, app: &str, inputs: Value) -> String {
        let request = serde_json::json!({ "extension": extension, "app": app, "inputs": inputs });
        job_of(&self.post("/api/v1/projects/home/apps", &request).await.expect(202))
    }

    /// Installs an app and waits until it is there.
    ///
    /// # Panics
    /// When it does not succeed.
    pub async fn installed(&self, extension: &str, app: &str, inputs: Value) {
        let job = self.install(extension, app, inputs).await;
        let job = self.ended(&job).await;
        assert_eq!(job["state"], "succeeded", "installing {app}: {job:#}");
    }

    /// Asks for the removal of an app, and returns the job that does it.
    pub async fn remove(&self, app: &str, data: &str) -> String {
        let request = serde_json::json!({ "data": data, "confirm": app });
        job_of(&self.send_json(Method::DELETE, &format!("/api/v1/apps/{app}"), &request).await.expect(202))
    }
}
