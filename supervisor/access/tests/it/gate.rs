//! The gate: credentials, origins, setup mode, and how it refuses.

use axum::{Router, body::Body, response::IntoResponse};
use http::{Method, StatusCode, header, request::Builder};
use orbitr_access::{
    Caller, NewToken, Permit, TheBox,
    action::{self, ChangeBox, ChangeOwnAccount, InstallApp, ListApps, ManagePeople, ViewApp, ViewBox},
    gate::{
        Client, Gate, Open, PeerAddress, PeerUid, Refusal, Routes, SESSION_COOKIE, no_session_cookie, session_cookie,
    },
};
use orbitr_model::{Level, Problem, Role};

use crate::testbox::{Person, TestBox, bearer, cookie, ok, send, text};

fn routes() -> Routes {
    let api = Routes::new()
        .get(ViewBox, "/", async || "the box")
        .post(ChangeBox, "/change", async || "changed")
        .get(ViewApp, "/apps/{app}", async |permit: Permit<ViewApp>| permit.resource().to_string())
        .post(InstallApp, "/projects/{project}/apps", async |permit: Permit<InstallApp>| permit.resource().to_string())
        .public(Method::POST, "/sign-in", "nobody is signed in yet", async || "signed in");
    Routes::new()
        .get(ListApps, "/apps", async |caller: Caller| caller.actor().to_string())
        .get(ViewBox, "/wrong", async |_: Permit<ChangeBox>| "never")
        .public(Method::GET, "/hello", "for everybody", async |caller: Option<Caller>| {
            caller.map_or("stranger".to_owned(), |caller| caller.actor().to_string())
        })
        .public(Method::GET, "/only-known", "the handler wants to know", async |caller: Caller| {
            caller.actor().to_string()
        })
        .always(Method::GET, "/setup", "the box has no accounts yet", async || "setup")
        .always(Method::POST, "/setup", "the box has no accounts yet", async |client: Client| {
            format!("{:?} {}", client.address, client.user_agent)
        })
        .nest("/api/v1", api)
}

fn router(boxed: &TestBox) -> Router {
    let gate = Gate::new(boxed.access.clone()).pages(|refusal, parts| match refusal {
        Refusal::NotClaimed => (StatusCode::SEE_OTHER, [(header::LOCATION, "/setup")]).into_response(),
        Refusal::SignInNeeded => {
            let next = format!("/sign-in?next={}", parts.uri.path());
            (StatusCode::SEE_OTHER, [(header::LOCATION, next)]).into_response()
        }
        other => (StatusCode::FORBIDDEN, other.problem().title).into_response(),
    });
    routes().into_router(&gate)
}

async fn status(router: &Router, request: Builder, method: &str, path: &str) -> u16 {
    send(router, request.method(method).uri(path).body(Body::empty()).unwrap()).await.status().as_u16()
}

async fn problem(router: &Router, request: Builder, method: &str, path: &str) -> Problem {
    let response = send(router, request.method(method).uri(path).body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    let status = response.status().as_u16();
    let problem: Problem = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!(problem.status, status);
    problem
}

fn anybody() -> Builder {
    http::Request::builder()
}

/// A browser on one of our own pages.
fn ours(person: &Person) -> Builder {
    cookie(&person.session).header("sec-fetch-site", "same-origin")
}

#[tokio::test]
async fn until_the_box_is_claimed_only_setup_is_open() {
    let boxed = TestBox::new().await;
    let router = router(&boxed);
    assert_eq!(status(&router, anybody(), "GET", "/setup").await, 200);
    let root = || anybody().extension(PeerUid(0));
    for (request, path) in [(anybody(), "/api/v1"), (root(), "/api/v1"), (anybody(), "/api/v1/apps/notes")] {
        let problem = problem(&router, request, "GET", path).await;
        assert_eq!((problem.status, problem.code.as_str()), (409, "not-claimed"));
    }
    assert_eq!(problem(&router, anybody(), "POST", "/api/v1/sign-in").await.code, "not-claimed");
    // A box that no network gives an address to is set at its own screen, or nobody could ever claim it.
    let network = Routes::new()
        .get(action::ViewMachine, "/api/v1/network", async || ())
        .post(action::ChangeNetwork, "/api/v1/network", async || ())
        .post(action::ChangeSsh, "/api/v1/ssh", async || ())
        .into_router(&Gate::new(boxed.access.clone()));
    for (request, method, path, expected) in [
        (root(), "GET", "/api/v1/network", 200),
        (root(), "POST", "/api/v1/network", 200),
        (anybody(), "GET", "/api/v1/network", 409),
        (anybody(), "POST", "/api/v1/network", 409),
        (anybody().extension(PeerUid(1000)), "POST", "/api/v1/network", 401),
        (root(), "POST", "/api/v1/ssh", 409),
    ] {
        assert_eq!(status(&network, request, method, path).await, expected, "{method} {path}");
    }
    for path in ["/apps", "/hello"] {
        let response = send(&router, anybody().uri(path).body(Body::empty()).unwrap()).await;
        assert_eq!(response.headers()[header::LOCATION], "/setup", "{path}");
    }
    let code = boxed.access.new_setup_code().await.unwrap().unwrap();
    let client = crate::testbox::browser("192.0.2.1");
    boxed.access.claim(crate::testbox::claim(&code, "ada"), &client).await.unwrap();
    assert_eq!(status(&router, anybody(), "GET", "/hello").await, 200);
    assert_eq!(problem(&router, anybody(), "GET", "/api/v1").await.code, "sign-in-needed");
}

#[tokio::test]
async fn a_page_sends_strangers_to_sign_in_and_the_api_says_401() {
    let (boxed, _) = TestBox::claimed().await;
    let router = router(&boxed);
    let response = send(&router, anybody().uri("/apps?page=2").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()[header::LOCATION], "/sign-in?next=/apps");
    let response = send(&router, anybody().uri("/api/v1").body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn a_change_with_a_cookie_has_to_come_from_our_own_pages() {
    let (boxed, ada) = TestBox::claimed().await;
    let router = router(&boxed);
    let with = |headers: &[(&str, &str)]| {
        headers.iter().fold(cookie(&ada.session), |request, (name, value)| request.header(*name, *value))
    };
    for (headers, expected) in [
        (&[("sec-fetch-site", "same-origin")][..], 200),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "none")], 403),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://box.local"), ("host", "box.local")], 403),
        (&[("origin", "https://box.local"), ("host", "box.local")], 200),
        (&[("origin", "https://evil.test"), ("host", "box.local")], 403),
        (&[("origin", "http://box.local"), ("host", "box.local")], 403),
        (&[("origin", "null"), ("host", "box.local")], 403),
        (&[("host", "box.local")], 403),
        (&[], 403),
    ] {
        assert_eq!(status(&router, with(headers), "POST", "/api/v1/change").await, expected, "{headers:?}");
    }
    let refused = problem(&router, with(&[]), "POST", "/api/v1/change").await;
    assert_eq!(refused.code, "cross-site-request");
    assert_eq!(
        status(&router, with(&[("sec-fetch-site", "cross-site")]), "GET", "/api/v1").await,
        200,
        "a link is fine"
    );
}

#[tokio::test]
async fn sign_in_and_setup_have_to_come_from_our_own_pages_too() {
    let (boxed, _) = TestBox::claimed().await;
    let router = router(&boxed);
    for path in ["/api/v1/sign-in", "/setup"] {
        assert_eq!(status(&router, anybody(), "POST", path).await, 403);
        assert_eq!(status(&router, anybody().header("sec-fetch-site", "cross-site"), "POST", path).await, 403);
        assert_eq!(status(&router, anybody().header("sec-fetch-site", "same-origin"), "POST", path).await, 200);
        assert_eq!(status(&router, anybody().extension(PeerUid(1000)), "POST", path).await, 200, "no browser is there");
    }
}

#[tokio::test]
async fn a_token_needs_no_origin_because_no_browser_sends_it_by_itself() {
    let (boxed, ada) = TestBox::claimed().await;
    let router = router(&boxed);
    let new = NewToken { label: "script".parse().unwrap(), level: Level::Administer, days: 1, only: None };
    let permit = boxed.permit::<ChangeOwnAccount>(&ada, TheBox).await;
    let token = boxed.access.create_token(&permit, new).await.unwrap().secret;
    assert_eq!(status(&router, bearer(&token), "POST", "/api/v1/change").await, 200);
    let spelled = anybody().header(header::AUTHORIZATION, format!("bearer  {} ", token.expose()));
    assert_eq!(status(&router, spelled, "POST", "/api/v1/change").await, 200);

    // Nowhere but in that header.
    let t = token.expose();
    for path in [
        format!("/api/v1?access_token={t}"),
        format!("/api/v1?token={t}"),
        format!("/api/v1?authorization=Bearer%20{t}"),
    ] {
        assert_eq!(status(&router, anybody(), "GET", &path).await, 401, "{path}");
    }
    for value in
        [t.to_owned(), format!("Basic {t}"), format!("Bearer{t}"), "Bearer ".to_owned(), format!("Bearer x{t}")]
    {
        let request = anybody().header(header::AUTHORIZATION, &value);
        assert_eq!(status(&router, request, "GET", "/api/v1").await, 401, "{value}");
    }
    let as_cookie = anybody().header(header::COOKIE, format!("{SESSION_COOKIE}={t}"));
    assert_eq!(status(&router, as_cookie, "GET", "/api/v1").await, 401, "a token is no session");
    let as_token = anybody().header(header::AUTHORIZATION, format!("Bearer {}", ada.session.secret.expose()));
    assert_eq!(status(&router, as_token, "GET", "/api/v1").await, 401, "and a session is no token");
    let bad_beside_good = ours(&ada).header(header::AUTHORIZATION, "Bearer orb_wrong");
    assert_eq!(status(&router, bad_beside_good, "GET", "/api/v1").await, 401, "what is said on purpose counts");
}

#[tokio::test]
async fn on_the_unix_socket_the_kernel_says_who_it_is_and_no_header_does() {
    let (boxed, _) = TestBox::claimed().await;
    let router = router(&boxed);
    let peer = |uid| anybody().extension(PeerUid(uid));
    for (uid, expected) in [(0, 200), (crate::testbox::OWN_UID, 200), (1000, 401), (u32::MAX, 401)] {
        assert_eq!(status(&router, peer(uid), "POST", "/api/v1/change").await, expected, "{uid}");
    }
    let said = anybody().header("x-peer-uid", "0").header("x-forwarded-for", "127.0.0.1");
    assert_eq!(status(&router, said, "GET", "/api/v1").await, 401);
}

#[tokio::test]
async fn the_resource_is_read_from_the_path_and_from_nowhere_else() {
    let (boxed, ada) = TestBox::claimed().await;
    let router = router(&boxed);
    boxed.install("notes", boxed.home()).await;
    let get = |path: &str| ours(&ada).method("GET").uri(path).body(Body::empty()).unwrap();
    let response = send(&router, get("/api/v1/apps/notes?app=mail")).await;
    assert!(ok(&response));
    assert_eq!(text(response).await, "notes");
    for name in ["Notes", "..%2f..%2fetc", "%00", "%ff%fe", "a", "nothing", &"n".repeat(5000)] {
        let refused = problem(&router, ours(&ada), "GET", &format!("/api/v1/apps/{name}")).await;
        assert_eq!((refused.status, refused.code.as_str()), (404, "app-not-found"), "{name}");
        assert!(refused.title.len() < 200);
    }
    let response =
        send(&router, ours(&ada).method("POST").uri("/api/v1/projects/home/apps").body(Body::empty()).unwrap()).await;
    assert_eq!(text(response).await, boxed.home().to_string(), "«home» is the built-in project");
}

#[tokio::test]
async fn head_is_guarded_like_get_and_other_methods_are_not_there() {
    let (boxed, ada) = TestBox::claimed().await;
    let router = router(&boxed);
    assert_eq!(status(&router, anybody(), "HEAD", "/api/v1").await, 401);
    assert_eq!(status(&router, ours(&ada), "HEAD", "/api/v1").await, 200);
    assert_eq!(status(&router, ours(&ada), "DELETE", "/api/v1").await, 405);
    assert_eq!(status(&router, ours(&ada), "GET", "/api/v1/nothing").await, 404);
}

#[tokio::test]
async fn a_public_route_knows_who_is_signed_in_if_anybody_is() {
    let (boxed, ada) = TestBox::claimed().await;
    let router = router(&boxed);
    let hello =
        async |request: Builder| text(send(&router, request.uri("/hello").body(Body::empty()).unwrap()).await).await;
    assert_eq!(hello(anybody()).await, "stranger");
    assert_eq!(hello(cookie(&ada.session)).await, "ada");
    assert_eq!(hello(anybody().header(header::COOKIE, format!("{SESSION_COOKIE}=made-up"))).await, "stranger");
    assert_eq!(status(&router, anybody(), "GET", "/only-known").await, 303);
    assert_eq!(status(&router, ours(&ada), "GET", "/only-known").await, 200);
}

#[tokio::test]
async fn a_handler_that_asks_for_another_permit_than_its_route_never_runs() {
    let (boxed, ada) = TestBox::claimed().await;
    let router = router(&boxed);
    let response = send(&router, ours(&ada).uri("/wrong").body(Body::empty()).unwrap()).await;
    assert_eq!(text(response).await, "Something in Orbitr failed");
}

#[tokio::test]
async fn what_is_told_about_the_browser_is_bounded() {
    let (boxed, _) = TestBox::claimed().await;
    let router = router(&boxed);
    let request = anybody()
        .method("POST")
        .uri("/setup")
        .header("sec-fetch-site", "same-origin")
        .header(header::USER_AGENT, "x".repeat(10_000))
        .header("x-forwarded-for", "203.0.113.1")
        .extension(PeerAddress("[::ffff:192.0.2.7]:4711".parse().unwrap()));
    let told = text(send(&router, request.body(Body::empty()).unwrap()).await).await;
    assert_eq!(told, format!("Some(192.0.2.7) {}", "x".repeat(200)));
}

#[tokio::test]
async fn the_cookie_is_one_that_only_this_box_and_no_script_can_touch() {
    let (_, ada) = TestBox::claimed().await;
    let set = session_cookie(&ada.session);
    assert!(set.is_sensitive());
    let secret = ada.session.secret.expose();
    assert_eq!(
        set.to_str().unwrap(),
        format!("__Host-orbitr={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000")
    );
    let gone = no_session_cookie();
    assert_eq!(gone.to_str().unwrap(), "__Host-orbitr=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
}

#[tokio::test]
async fn the_table_says_of_every_route_who_may_use_it() {
    let routes = routes();
    assert_eq!(routes.table().len(), 11);
    for route in routes.table() {
        assert_ne!(route.action.is_some(), route.public_reason.is_some(), "{route:?}");
    }
    let install = routes.table().iter().find(|route| route.path == "/api/v1/projects/{project}/apps").unwrap();
    assert_eq!((install.action, install.level), (Some("app.install"), Some(Level::Manage)));
    assert_eq!((install.resource_kind, &install.method), (Some("project"), &Method::POST));
    assert_eq!(routes.table().iter().find(|route| route.path == "/setup").unwrap().open, Some(Open::Always));
    assert!(routes.table().iter().any(|route| route.path == "/api/v1"), "a nested «/» is the prefix itself");
}

#[tokio::test]
#[should_panic(expected = "needs {app} for app.view")]
async fn a_route_without_its_resource_in_the_path_does_not_start() {
    let _ = Routes::<()>::new().get(ViewApp, "/apps/{id}", async || ());
}

#[tokio::test]
async fn a_permit_is_for_one_person_at_one_moment() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::Admin).await;
    let router = router(&boxed);
    assert_eq!(status(&router, ours(&ben), "POST", "/api/v1/change").await, 200);
    let permit = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    boxed.access.set_role(&permit, ben.id, Role::User).await.unwrap();
    assert_eq!(status(&router, ours(&ben), "POST", "/api/v1/change").await, 401);
}
