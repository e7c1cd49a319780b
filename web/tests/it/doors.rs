//! Headers, preferences and messages: what goes round every page.

use axum::{
    Form, Router,
    body::Body,
    middleware::from_fn,
    response::Response,
    routing::{get, post},
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use maud::{Markup, html};
use orbitr_model::{Problem, Timestamp};
use orbitr_web::{
    csp::{self, Nonce},
    flash::{self, Flash, Waiting},
    prefs::{self, PrefsForm},
    shell::{self, PageCx},
};
use tower::ServiceExt as _;

async fn show(nonce: Nonce, Waiting(flash): Waiting) -> Markup {
    let mut cx = PageCx::new(nonce, "/", Timestamp::UNIX_EPOCH);
    cx.flash = flash;
    shell::page(&cx, "Test", html! { h1 { "Test" } })
}

async fn change() -> Response {
    Flash::good("It is done").undo("/undo").redirect("/")
}

async fn fail(nonce: Nonce) -> Response {
    let cx = PageCx::new(nonce, "/fail", Timestamp::UNIX_EPOCH);
    shell::error_page(&cx, &Problem::new(429, "too-many-tries", "Too many tries").retry_after(30))
}

async fn remember(Form(form): Form<PrefsForm>) -> Response {
    prefs::apply(&form)
}

async fn ask(request: http::request::Builder, body: &str) -> Response {
    let app: Router = Router::new()
        .route("/", get(show))
        .route("/change", post(change))
        .route("/fail", get(fail))
        .route(prefs::ROUTE, post(remember))
        .layer(from_fn(flash::take))
        .layer(from_fn(csp::headers));
    app.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

async fn text(answer: Response) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn cookie(answer: &Response) -> String {
    let whole = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    whole.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_carries_the_nonce_that_its_headers_allow_and_is_kept_by_nobody() {
    let answer = ask(Request::get("/"), "").await;
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(!answer.headers().contains_key(header::STRICT_TRANSPORT_SECURITY));
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let page = text(answer).await;
    assert!(page.contains(&format!(r#"<script nonce="{nonce}" src="/assets/"#)));
    assert!(page.contains(&format!(r#"hx-nonce="{nonce}""#)));
}

#[tokio::test]
async fn a_message_survives_one_redirect_and_is_shown_once() {
    let changed = ask(Request::post("/change"), "").await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    let kept = cookie(&changed);

    // A part of a page fetched meanwhile leaves it alone.
    let part = Request::get("/").header(header::COOKIE, &kept).header("hx-request-type", "partial");
    let part = ask(part, "").await;
    assert!(!part.headers().contains_key(header::SET_COOKIE));
    assert!(!text(part).await.contains("It is done"));

    let shown = ask(Request::get("/").header(header::COOKIE, &kept), "").await;
    assert_eq!(cookie(&shown), "orbitr-flash=");
    let page = text(shown).await;
    assert!(page.contains("It is done") && page.contains(r#"action="/undo""#));
}

#[tokio::test]
async fn a_message_that_was_tampered_with_leads_nowhere_else() {
    let evil = r#"{"tone":"good","text":"x","action":{"label":"Go","href":"https://evil.example/","post":true}}"#;
    let kept = format!("orbitr-flash={}", data_encoding::BASE64URL_NOPAD.encode(evil.as_bytes()));
    let page = text(ask(Request::get("/").header(header::COOKIE, kept), "").await).await;
    assert!(!page.contains("evil.example"));
}

#[tokio::test]
async fn a_theme_is_kept_by_the_browser_and_the_way_back_stays_on_this_box() {
    let form =
        |body| ask(Request::post(prefs::ROUTE).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"), body);
    let dark = form("theme=dark&back=%2Fapps%3Fq%3Dx").await;
    assert_eq!(dark.headers()[header::LOCATION], "/apps?q=x");
    assert_eq!(cookie(&dark), "orbitr-theme=dark");
    let evil = form("theme=dark&back=%2F%2Fevil.example").await;
    assert_eq!(evil.headers()[header::LOCATION], "/");
    assert_eq!(form("theme=pink").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_error_is_a_page_with_a_reason_and_a_code() {
    let answer = ask(Request::get("/fail"), "").await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers()[header::RETRY_AFTER], "30");
    let page = text(answer).await;
    assert!(page.contains("<h1>Too many tries</h1>") && page.contains("too-many-tries") && page.contains("30 seconds"));
}
