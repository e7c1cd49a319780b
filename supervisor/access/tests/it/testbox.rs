//! A box with a real database in a directory of its own, and a clock that only the test moves.

use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Extension, Router, body::Body, extract::Request, response::Response};
use http::{Method, StatusCode, header};
use jiff::SignedDuration;
use orbitr_access::{
    Access, Action, Caller, NewAccount, NewInvite, NewSession, Permit, Secret, SignIn, SignedIn, TheBox,
    action::OwnAccount,
    gate::{Client, Gate, PeerAddress, PeerUid, Routes},
};
use orbitr_model::{Actor, AppId, JobId, Level, PageRequest, ProjectId, Role, Timestamp, UserId};
use orbitr_store::{
    Store,
    events::{self, Event, Filter},
};
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "a password of mine";
pub(crate) const OWN_UID: u32 = 991;

pub(crate) struct TestBox {
    dir: Option<tempfile::TempDir>,
    pub(crate) store: Store,
    pub(crate) access: Access,
    clock: Arc<AtomicI64>,
}

/// Somebody with an account and a session.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) session: NewSession,
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text)
}

pub(crate) fn app(id: &str) -> AppId {
    id.parse().unwrap()
}

/// A browser at an address.
pub(crate) fn browser(address: &str) -> Client {
    Client { address: Some(address.parse().unwrap()), user_agent: "a browser".to_owned(), session: None }
}

impl TestBox {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(1_790_000_000_000));
        let (store, access) = Self::open(dir.path().to_owned(), &clock).await;
        Self { dir: Some(dir), store, access, clock }
    }

    async fn open(dir: PathBuf, clock: &Arc<AtomicI64>) -> (Store, Access) {
        let store = Store::open(&dir).await.unwrap();
        let clock = Arc::clone(clock);
        let now = move || Timestamp::from_millisecond(clock.load(Ordering::SeqCst)).unwrap();
        let access = Access::open_at(store.clone(), OWN_UID, Arc::new(now)).await.unwrap();
        (store, access)
    }

    /// A box that was claimed, and its first admin.
    pub(crate) async fn claimed() -> (Self, Person) {
        let this = Self::new().await;
        let code = this.access.new_setup_code().await.unwrap().unwrap();
        let session = this.access.claim(claim(&code, "ada"), &browser("192.0.2.1")).await.unwrap();
        (this, Person { id: session.user, session })
    }

    /// Stops the supervisor and starts it again.
    pub(crate) async fn restart(self) -> Self {
        let Self { dir, store, access, clock } = self;
        store.close().await;
        drop((store, access));
        let (store, access) = Self::open(dir.as_ref().unwrap().path().to_owned(), &clock).await;
        Self { dir, store, access, clock }
    }

    pub(crate) fn pass(&self, time: SignedDuration) {
        self.clock.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    /// Somebody new, through an invite of this admin.
    pub(crate) async fn person(&self, admin: &Person, name: &str, role: Role) -> Person {
        let permit = self.permit(admin, TheBox).await;
        let invite = NewInvite { role, note: name.parse().unwrap(), grants: Vec::new() };
        let code = self.access.create_invite(&permit, invite).await.unwrap().code;
        let accept = orbitr_access::NewAccount {
            code,
            username: name.to_owned(),
            display_name: None,
            password: secret(PASSWORD),
        };
        let session = self.access.accept_invite(accept, &browser("192.0.2.2")).await.unwrap();
        Person { id: session.user, session }
    }

    /// Who a browser with this session is.
    pub(crate) async fn caller(&self, person: &Person) -> Option<Caller> {
        self.who(cookie(&person.session)).await
    }

    /// Who sends a request with these headers.
    pub(crate) async fn who(&self, request: http::request::Builder) -> Option<Caller> {
        let request = request.method(Method::GET).uri("/me").body(Body::empty()).unwrap();
        let response = self.me().oneshot(request).await.unwrap();
        response.extensions().get::<Caller>().cloned()
    }

    /// Somebody on the box itself.
    pub(crate) async fn local(&self, uid: u32) -> Option<Caller> {
        self.who(http::Request::builder().extension(PeerUid(uid))).await
    }

    fn me(&self) -> Router {
        Routes::new()
            .get(OwnAccount, "/me", async |caller: Caller| Extension(caller))
            .into_router(&Gate::new(self.access.clone()))
    }

    /// A permit that is expected to be given.
    pub(crate) async fn permit<A: Action>(&self, person: &Person, resource: A::Resource) -> Permit<A> {
        let caller = self.caller(person).await.expect("the session is good");
        self.access.permit::<A>(&caller, resource).await.expect("the permit is given")
    }

    /// The status that a refused permit answers with; 200 for one that is given.
    pub(crate) async fn status<A: Action>(&self, caller: &Caller, resource: A::Resource) -> u16 {
        match self.access.permit::<A>(caller, resource).await {
            Ok(_) => 200,
            Err(denied) => orbitr_model::Problem::from(denied).status,
        }
    }

    pub(crate) fn home(&self) -> ProjectId {
        self.access.home().unwrap()
    }

    /// An app in a project, as the room that installs it does.
    pub(crate) async fn install(&self, id: &str, project: ProjectId) {
        let id = app(id);
        let add = move |tx: &mut orbitr_store::Tx<'_>| orbitr_access::scope::add_app(tx, &id, &project);
        self.store.write(add).await.unwrap();
    }

    pub(crate) async fn uninstall(&self, id: &str) {
        let id = app(id);
        self.store.write(move |tx| orbitr_access::scope::remove_app(tx, &id)).await.unwrap();
    }

    /// A second project; there is no operation for that yet.
    pub(crate) async fn project(&self, name: &'static str) -> ProjectId {
        let id = ProjectId::new();
        let add = move |tx: &mut orbitr_store::Tx<'_>| {
            tx.execute("INSERT INTO project (id, name, built_in) VALUES (?1, ?2, 0)", [id.to_string().as_str(), name])?;
            Ok::<_, orbitr_store::Error>(())
        };
        self.store.write(add).await.unwrap();
        id
    }

    pub(crate) async fn job(&self, actor: Actor, on: Option<&str>) -> JobId {
        let job = orbitr_jobs::NewJob {
            kind: "test.nothing",
            args: serde_json::json!({}),
            title: "Nothing".to_owned(),
            actor,
            app: on.map(app),
            also: None,
            lock: None,
        };
        self.store.write(move |tx| orbitr_jobs::enqueue(tx, job)).await.unwrap()
    }

    pub(crate) async fn grant_app(&self, admin: &Person, user: &Person, id: &str, level: Option<Level>) {
        let on = orbitr_access::GrantOn::App { app: app(id) };
        let permit = self.permit(admin, TheBox).await;
        self.access.set_grant(&permit, user.id, orbitr_access::SetGrant { on, level }).await.unwrap();
    }

    pub(crate) async fn grant_project(&self, admin: &Person, user: &Person, project: ProjectId, level: Option<Level>) {
        let on = orbitr_access::GrantOn::Project { project };
        let permit = self.permit(admin, TheBox).await;
        self.access.set_grant(&permit, user.id, orbitr_access::SetGrant { on, level }).await.unwrap();
    }

    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: &str,
    ) -> Result<SignedIn, orbitr_access::Error> {
        let sign_in = SignIn { username: name.to_owned(), password: secret(password) };
        self.access.sign_in(sign_in, &browser(address)).await
    }

    /// Signs somebody without a second step in.
    pub(crate) async fn signed_in(&self, name: &str, password: &str) -> Person {
        match self.sign_in(name, password, "192.0.2.9").await.unwrap() {
            SignedIn::Done(session) => Person { id: session.user, session },
            SignedIn::NeedsSecondStep(_) => panic!("a second step was asked for"),
        }
    }

    /// History, the newest first.
    pub(crate) async fn history(&self, filter: Filter) -> Vec<Event> {
        let page = PageRequest { cursor: None, limit: 200 };
        self.store.read(move |conn| events::page(conn, &filter, &page)).await.unwrap().items
    }

    /// What history says of one action, the newest first: how it ended, who did it, to what.
    pub(crate) async fn said(&self, action: &str) -> Vec<String> {
        let filter = Filter { action: Some(action.to_owned()), ..Filter::default() };
        let line = |event: Event| format!("{} by {} to {}", event.outcome.as_str(), event.actor, event.subject.name);
        self.history(filter).await.into_iter().map(line).collect()
    }

    /// Whether a secret is anywhere in the files of the database, as it is.
    pub(crate) async fn has_on_disk(&self, text: &str) -> bool {
        let path = self.store.path().to_owned();
        let wal = PathBuf::from(format!("{}-wal", path.display()));
        [path, wal]
            .into_iter()
            .filter_map(|file| std::fs::read(file).ok())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

/// What a first admin types.
pub(crate) fn claim(code: &Secret, name: &str) -> NewAccount {
    NewAccount { code: code.clone(), username: name.to_owned(), display_name: None, password: secret(PASSWORD) }
}

/// A request with a session, as a browser sends it.
pub(crate) fn cookie(session: &NewSession) -> http::request::Builder {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    http::Request::builder()
        .header(header::COOKIE, format!("theme=dark; __Host-orbitr={}", session.secret.expose()))
        .extension(PeerAddress((address, 4711).into()))
}

/// A request with a token, as a program sends it.
pub(crate) fn bearer(token: &Secret) -> http::request::Builder {
    http::Request::builder().header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
}

/// What a router answers.
pub(crate) async fn send(router: &Router, request: Request) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

pub(crate) async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn ok(response: &Response) -> bool {
    response.status() == StatusCode::OK
}
