//! The pages of the network and of SSH, over a box on Orbitr OS whose systemd is a fake: what stands there, what is refused
//! beside its field, and that the answer to a change needs no second request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use orbitr_access::{
    Access, NewAccount, Secret,
    gate::{Client, LocalAddress, PeerUid},
};
use orbitr_apps::{BoxFacts, Prepared};
use orbitr_catalog::Catalog;
use orbitr_docker::{Config, Docker};
use orbitr_host::testing::FakeSystemd;
use orbitr_jobs::Jobs;
use orbitr_machine::{Machine, Outside};
use orbitr_store::Store;
use orbitr_watch::Watch;
use orbitr_web::{Certificates, Hub, Site};
use tower::ServiceExt as _;

const MAC: &str = "52:54:00:12:34:56";
const UNIT: &str = "orbitr-apply-settings.service";

/// A page as a browser gets it.
struct Page {
    status: StatusCode,
    headers: http::HeaderMap,
    text: String,
}

struct Pages {
    router: axum::Router,
    _dir: tempfile::TempDir,
    _fake: FakeSystemd,
    following: tokio::task::JoinHandle<()>,
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Pages {
    async fn of(image: bool) -> Self {
        let (fake, dir) = (FakeSystemd::start().await, tempfile::tempdir().unwrap());
        let unit = fake.state().units["ssh.service"].clone();
        fake.state().units.insert(UNIT.to_owned(), unit);
        let store = Store::open(dir.path()).await.unwrap();
        let access = Access::open(store.clone(), 991).await.unwrap();
        let outside = Outside { image, bus: fake.bus(), ..Outside::this_machine() };
        let machine = Machine::open_with(store.clone(), dir.path().to_owned(), "0.0.0", outside).await.unwrap();
        let docker = Docker::new(Config {
            socket: dir.path().join("no-docker.sock"),
            box_id: machine.box_id(),
            docker_bin: "docker".into(),
            compose_bin: None,
        });
        let facts = || BoxFacts { host_name: "atlas".to_owned(), time_zone: "UTC".to_owned() };
        let prepared = Prepared::new(store.clone(), docker, dir.path().join("apps"), Arc::new(facts));
        let jobs = prepared.kinds(Jobs::builder(store.clone(), dir.path().join("logs"))).start().await.unwrap();
        let apps = prepared.open(jobs.clone(), Catalog::official());
        let code = access.new_setup_code().await.unwrap().unwrap();
        let password = Secret::new("a password of mine");
        let claim = NewAccount { code, username: "ada".to_owned(), display_name: None, password };
        access.claim(claim, &Client::default()).await.unwrap();
        let gate = orbitr_web::gate(access.clone());
        let follower = machine.clone();
        let watch = Watch::new(store.clone(), apps.clone(), machine.clone());
        let site = Site {
            access,
            apps,
            jobs,
            machine,
            watch,
            hub: Hub::start(&store),
            certificates: Arc::new(Certificates { authority: String::new(), pem: String::new() }),
            reference: Arc::new(|| bytes::Bytes::from_static(b"{}")),
            version: "0.0.0",
        };
        let following = tokio::spawn(async move { match follower.follow().await {} });
        Self { router: orbitr_web::serve(site, &gate).router, _dir: dir, _fake: fake, following }
    }

    async fn ask(&self, request: http::request::Builder, form: &str) -> Page {
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header(header::HOST, "192.168.1.20:8443").header("sec-fetch-site", "same-origin");
        let mut request = request.body(Body::from(form.to_owned())).unwrap();
        request.extensions_mut().insert(PeerUid(0));
        request.extensions_mut().insert(LocalAddress(SocketAddr::from(([127, 0, 0, 1], 8443))));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Page { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str) -> Page {
        self.ask(Request::get(path), "").await
    }

    async fn post(&self, path: &str, form: &str) -> Page {
        self.ask(Request::post(path), form).await
    }

    /// The page of the network once it says this.
    async fn until_it_says(&self, words: &str) -> Page {
        for _ in 0..500 {
            let page = self.get("/system/network").await;
            if page.text.contains(words) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it never says «{words}»");
    }
}

#[tokio::test]
async fn a_card_is_set_confirmed_and_shown_without_a_script() {
    let pages = Pages::of(true).await;
    let list = pages.get("/system/network").await;
    let card = format!("/system/network/cards/{MAC}");
    assert!(list.status == 200 && list.text.contains(&card) && list.text.contains("eth1"), "{}", list.text);
    let form = pages.get(&card).await;
    assert!(form.text.contains("Fixed address") && form.text.contains("value=\"192.168.1.20/24\""), "what it has now");
    assert_eq!(pages.get("/system/network/cards/52:54:00:00:00:00").await.status, 404);

    let wrong = pages.post(&card, "method=static&address=192.168.1.30%2F24&gateway=10.0.0.1&dns=x").await;
    assert_eq!(wrong.status, 422);
    for words in [
        "The gateway is not in the network of 192.168.1.30/24",
        "Each is the address of a name server",
        "value=\"192.168.1.30/24\"",
    ] {
        assert!(wrong.text.contains(words), "{words}");
    }

    let dns = "192.168.1.1%0D%0A192.168.1.2";
    let tried =
        pages.post(&card, &format!("method=static&address=192.168.1.30%2F24&gateway=192.168.1.1&dns={dns}")).await;
    assert_eq!(tried.status, 200, "the answer is the page itself");
    assert!(tried.text.contains("https://192.168.1.30:8443/system/network"), "the port stays");
    assert!(tried.text.contains("Unless you confirm it") && tried.text.contains("data-until"));
    assert!(!tried.text.contains("Keep it"), "there is nothing to keep yet");
    assert!(!looks_again(&tried), "the old address may be gone by then");

    let page = pages.until_it_says("Keep it").await;
    assert!(looks_again(&pages.get(&card).await), "without a script, where nobody can type");
    assert!(page.text.contains("DNS 192.168.1.1 192.168.1.2") && !page.text.contains(&card), "no second change");
    let kept = pages.post("/system/network/confirm", "").await;
    assert_eq!(
        (kept.status, &kept.headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/system/network".parse().unwrap())
    );
    let after = pages.get("/system/network").await;
    assert!(after.text.contains("192.168.1.30/24, gateway 192.168.1.1") && !after.text.contains("Keep it"));
}

/// Whether a browser loads the page again by itself: with a script never, without one after a while.
fn looks_again(page: &Page) -> bool {
    assert!(!page.headers.contains_key("refresh"), "a header does not ask whether there is a script");
    let plain = page.text.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>");
    assert_eq!(plain, page.text.contains("http-equiv"), "{}", page.text);
    plain
}

#[tokio::test]
async fn a_page_with_a_form_is_never_loaded_again_under_somebodys_hands() {
    let pages = Pages::of(true).await;
    let card = format!("/system/network/cards/{MAC}");
    assert!(!looks_again(&pages.get("/system/network").await) && !looks_again(&pages.get(&card).await));
    pages.post(&card, "method=static&address=192.168.1.30%2F24").await;
    let page = pages.until_it_says("Keep it").await;
    assert!(page.text.contains("name=\"host_name\"") && !looks_again(&page), "half a host name may stand there");
    assert!(page.text.contains("Look again"), "without a script somebody looks by hand");
    let card = pages.get(&card).await;
    assert!(looks_again(&card) && !card.text.contains("name=\"address\""));
    // What follows the box by itself has no field in it.
    for part in ["/system/network/trial", "/system/network/state"] {
        let part = pages.get(part).await;
        assert!(
            part.status == 200 && !part.text.contains("<input") && !part.text.contains("<textarea"),
            "{}",
            part.text
        );
    }
}

#[tokio::test]
async fn what_is_taken_back_says_so() {
    let pages = Pages::of(true).await;
    let tried = pages.post(&format!("/system/network/cards/{MAC}"), "method=static&address=192.168.1.30%2F24").await;
    assert_eq!(tried.status, 200);
    assert_eq!(pages.post("/system/network/revert", "").await.status, 303);
    let page = pages.until_it_says("the old setting is back").await;
    assert!(page.text.contains("It was taken back."));
    let again = pages.post("/system/network/revert", "").await;
    assert_eq!(again.status, 303, "pressed twice, it says so and no more");
}

#[tokio::test]
async fn ssh_is_turned_on_with_a_key_and_never_without() {
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqMvSMG1B2vS4s0vJ0vJ6fE2h3Vd5c1WJqj3mYbQ0aA";
    let pages = Pages::of(true).await;
    let page = pages.get("/system/ssh").await;
    assert!(
        page.status == 200 && page.text.contains("root shell") && page.text.contains("Without a key SSH stays off")
    );
    let without = pages.post("/system/ssh", "enabled=on&keys=").await;
    assert!(without.status == 422 && without.text.contains("Without a key nobody could come in"));
    let form = format!("enabled=on&keys={}", KEY.replace(' ', "+").replace('/', "%2F"));
    assert_eq!(pages.post("/system/ssh", &form).await.status, 303);
    let page = pages.get("/system/ssh").await;
    assert!(page.text.contains("SHA256:") && page.text.contains("ssh root@"), "{}", page.text);
}

#[tokio::test]
async fn in_hosted_mode_both_pages_say_whose_it_is() {
    let pages = Pages::of(false).await;
    for path in ["/system/network", "/system/ssh"] {
        let page = pages.get(path).await;
        assert!(page.status == 200 && page.text.contains("whoever looks after this Linux"), "{path}");
        assert!(!page.text.contains("/system/network/cards/") && !page.text.contains("name=\"keys\""), "{path}");
    }
    assert_eq!(pages.get(&format!("/system/network/cards/{MAC}")).await.status, 409);
    assert_eq!(pages.post("/system/ssh", "enabled=on&keys=").await.status, 409);
}
