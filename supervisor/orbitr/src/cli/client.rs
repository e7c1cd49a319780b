//! The API, spoken to over the Unix socket or over HTTPS.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_model::Problem;
use reqwest::{Method, RequestBuilder, Response, Url, header, redirect};
use serde_json::Value;

use super::{args::Common, failure::Failure};
use crate::supervise;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take. Checking the whole audit log takes longest.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a stream may be silent: the API says something every 15 s.
const SILENCE: Duration = Duration::from_secs(45);
/// A token is far shorter.
const TOKEN_MAX_BYTES: usize = 4096;

/// One box, as it is reached.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    /// Who is spoken to, for messages.
    who: String,
}

impl Client {
    /// Reads where the box is; connects with the first request.
    pub(crate) fn new(common: &Common) -> Result<Self, Failure> {
        match &common.url {
            Some(url) => Self::over_https(url, common.token_file.as_deref(), common.ca.as_deref()),
            None => Self::over_socket(&common.socket.clone().unwrap_or_else(default_socket)),
        }
    }

    fn over_socket(socket: &Path) -> Result<Self, Failure> {
        let builder = builder().unix_socket(socket.to_path_buf());
        let who = format!("the supervisor does not answer at «{}»", socket.display());
        Ok(Self { http: build(builder)?, base: base("http://box")?, token: None, who })
    }

    fn over_https(url: &str, token_file: Option<&Path>, ca: Option<&Path>) -> Result<Self, Failure> {
        let base = base(url)?;
        if base.scheme() != "https" {
            return Err(Failure::Usage(format!("--url: «{url}» does not begin with https://")));
        }
        let mut builder = builder().https_only(true);
        if let Some(path) = ca {
            let pem = read("--ca", path)?;
            let known = reqwest::Certificate::from_pem(pem.as_bytes())
                .map_err(|_| Failure::Usage(format!("--ca: «{}» is no certificate in PEM", path.display())))?;
            builder = builder.tls_certs_only([known]);
        }
        let who = format!("the box does not answer at {}", base.origin().ascii_serialization());
        Ok(Self { http: build(builder)?, base, token: token(token_file)?, who })
    }

    /// Whether this is the box that we are on.
    pub(crate) fn is_local(&self) -> bool {
        self.base.scheme() == "http"
    }

    /// The address of a page of the box, where it is known.
    pub(super) fn page(&self, path: &str) -> Option<String> {
        (!self.is_local()).then(|| format!("{}{path}", self.base.origin().ascii_serialization()))
    }

    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        let request = self.request(Method::GET, path, query)?;
        self.value(request).await
    }

    pub(crate) async fn post(&self, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        self.send(Method::POST, path, body).await
    }

    /// The same without a body and with a query.
    pub(crate) async fn post_with(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        let request = self.request(Method::POST, path, query)?;
        self.value(request).await
    }

    pub(crate) async fn put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        self.send(Method::DELETE, path, Some(body)).await
    }

    /// An answer that goes on until somebody has enough.
    pub(crate) async fn stream(&self, path: &[&str], query: &[(&str, String)]) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    /// The same for what the pages are told: which parts of the box change.
    pub(crate) async fn changes(&self, topics: &str) -> Result<Response, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| self.stranger())?.clear().push("events");
        url.query_pairs_mut().append_pair("topics", topics);
        let request = self.http.get(url).header(header::ACCEPT, "text/event-stream");
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    /// What a box without its data is asked, by somebody who read its code.
    pub(crate) async fn near(&self, path: &[&str], code: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.request(method, path, &[])?.header(header::AUTHORIZATION, format!("Setup {code}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        self.value(request).await
    }

    /// A file that is sent as it is read; the answer may take as long as that.
    pub(crate) async fn upload(&self, path: &[&str], file: &Path) -> Result<Value, Failure> {
        let wrong = |error: std::io::Error| Failure::Usage(format!("«{}» cannot be read: {error}", file.display()));
        let file = tokio::fs::File::open(file).await.map_err(wrong)?;
        let length = file.metadata().await.map_err(wrong)?.len();
        let pieces = tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024);
        let request = self.request(Method::POST, path, &[])?.header(header::CONTENT_LENGTH, length);
        let request = request.header(header::CONTENT_TYPE, "application/gzip").body(reqwest::Body::wrap_stream(pieces));
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        answer.json().await.map_err(|_| self.stranger())
    }

    async fn send(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.request(method, path, &[])?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.value(request).await
    }

    async fn value(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let answer = request.timeout(ANSWER).send().await.map_err(|error| self.unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(self.refused(answer).await);
        }
        let bytes = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.stranger())
    }

    /// Path segments are data: nothing in them can lead elsewhere.
    fn request(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        let segments = ["api", "v1"].iter().chain(path);
        if path.iter().any(|segment| ["", ".", ".."].contains(segment)) {
            return Err(Failure::Usage(format!("«{}» is no id", path.join("/"))));
        }
        url.path_segments_mut().map_err(|()| self.stranger())?.clear().extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url).header(header::ACCEPT, "application/json");
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn refused(&self, answer: Response) -> Failure {
        let status = answer.status().as_u16();
        match answer.json::<Problem>().await {
            Ok(problem) => problem.into(),
            Err(_) => Problem::new(status, "unexpected-answer", format!("The answer is {status}, without a reason"))
                .then("Is this an Orbitr box, and of about the same version as this program?")
                .into(),
        }
    }

    fn stranger(&self) -> Failure {
        Problem::new(502, "unexpected-answer", "The answer is not what this program understands")
            .then("Is this an Orbitr box, and of about the same version as this program?")
            .into()
    }

    /// Nobody answers, with the innermost reason.
    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut why: &dyn std::error::Error = error;
        while let Some(inner) = why.source() {
            why = inner;
        }
        let mut why = why.to_string();
        if self.is_local() && why.contains("os error 13") {
            why = "only the supervisor's own user and root may use it (try sudo)".to_owned();
        }
        Failure::Unreachable { what: self.who.clone(), why }
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("orbitr/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(redirect::Policy::none())
        .no_proxy()
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Failure> {
    builder.build().map_err(|error| Failure::Local(format!("no connection can be made: {error}")))
}

fn base(text: &str) -> Result<Url, Failure> {
    let base: Url = text.parse().map_err(|_| Failure::Usage(format!("--url: «{text}» is no URL")))?;
    if base.cannot_be_a_base() || !["", "/"].contains(&base.path()) || base.query().is_some() {
        return Err(Failure::Usage(format!("--url: write https://HOST or https://HOST:PORT, not «{text}»")));
    }
    Ok(base)
}

/// Where the control socket is, unless the arguments say otherwise.
pub(crate) fn default_socket() -> PathBuf {
    let given = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("ORBITR_SOCKET")
        .or_else(|| given("ORBITR_STATE_DIR").map(|dir| dir.join("control.sock")))
        .unwrap_or_else(|| supervise::CONTROL_SOCKET.into())
}

/// The token: from the file, or from the environment. Never an argument, which all users could see.
fn token(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let found = match file {
        Some(path) => Some(read("--token-file", path)?),
        None => env::var("ORBITR_TOKEN").ok(),
    };
    let token = found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let fits = |text: &String| text.len() <= TOKEN_MAX_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
    match token {
        Some(token) if !fits(&token) => Err(Failure::Usage("this is no API token".to_owned())),
        token => Ok(token),
    }
}

fn read(flag: &str, path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{flag}: «{}» cannot be read: {error}", path.display())))
}
