//! Every route × everybody × one's own and a foreign resource. What is expected is worked out here, from the rules as
//! they are written for people, and not from the code that enforces them.

use std::time::Duration;

use http::Method;
use orbitr_tests::{ADMIN, Answer, Client, Engine, PASSWORD, Person, Route, Sample, TestBox, Who, eventually};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    View,
    Operate,
    Manage,
    Administer,
}

impl Level {
    fn read(text: &str) -> Self {
        match text {
            "view" => Self::View,
            "operate" => Self::Operate,
            "manage" => Self::Manage,
            "administer" => Self::Administer,
            other => panic!("{other} is no level"),
        }
    }
}

/// Somebody who tries every door.
struct Walker {
    called: &'static str,
    client: Client,
    /// The account to sign in with again, for those with a session.
    name: Option<&'static str>,
    /// Nothing for somebody who shows nothing.
    may: Option<May>,
}

/// What somebody may, in the words of the rules.
#[derive(Clone, Copy, Debug)]
struct May {
    /// An admin reaches everything; others only what they were granted.
    admin: bool,
    /// Never more than this: a viewer only looks, a token has a scope.
    cap: Level,
    /// The grant on app A.
    on_a: Option<Level>,
    /// A token that is held to app A.
    only_a: bool,
    /// Signed in as a person.
    person: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// The door is open; what is behind it may say no for its own reasons.
    Open,
    /// Sign in first.
    SignIn,
    /// There is no such thing, as far as this one can know.
    Hidden,
    /// It is there, and this one may not.
    Forbidden,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    A,
    B,
}

fn expected(route: &Route, walker: &Walker, thing: Thing) -> Expected {
    if route.public_reason.is_some() {
        return Expected::Open;
    }
    let Some(may) = walker.may else { return Expected::SignIn };
    if route.person_only && !may.person {
        return Expected::Forbidden;
    }
    let all = may.admin && !may.only_a;
    let reach = match route.resource_kind.as_deref().unwrap() {
        // Everybody who is somebody looks at the box; only an admin without limits does more.
        "box" => Some(if all { may.cap } else { Level::View }),
        // The walk's jobs were started by the admin, on A and on B.
        "app" | "job" => match thing {
            _ if all => Some(may.cap),
            Thing::A => {
                if may.admin {
                    Some(may.cap)
                } else {
                    may.on_a.map(|grant| grant.min(may.cap))
                }
            }
            Thing::B => None,
        },
        // Nobody but the admin was given the project.
        "project" => all.then_some(may.cap),
        other => panic!("{other}: the walk does not know this kind of thing"),
    };
    match reach {
        None => Expected::Hidden,
        Some(reach) if reach < Level::read(route.level.as_deref().unwrap()) => Expected::Forbidden,
        Some(_) => Expected::Open,
    }
}

fn seen(route: &Route, answer: &Answer) -> Option<Expected> {
    let refusals = ["not-allowed", "person-only", "cross-site-request", "password-change-needed"];
    let kind = route.resource_kind.as_deref().unwrap_or_default();
    let is_redirect = matches!(answer.status, 302 | 303 | 307);
    // Who is signed out is sent to the same page as who was never signed in, but with the cookie taken away.
    let to_door = answer.header("location").split('?').next() == Some("/sign-in") && answer.session().is_none();
    if route.public_reason.is_none() && (answer.status == 401 || (is_redirect && to_door)) {
        return Some(Expected::SignIn);
    }
    match answer.status {
        403 if route.public_reason.is_none() => Some(Expected::Forbidden),
        403 if refusals.contains(&&*answer.code()) => Some(Expected::Forbidden),
        404 if kind != "box" && route.public_reason.is_none() => {
            // Pages have no code; an API's answer says what is missing.
            let missing = answer.code();
            (missing.is_empty() || missing == format!("{kind}-not-found"))
                .then_some(Expected::Hidden)
                .or(Some(Expected::Open))
        }
        500.. => None,
        _ => Some(Expected::Open),
    }
}

const ROOT: &str = "root on the box";

struct Walk {
    it: TestBox,
    apps: [String; 2],
    jobs: [String; 2],
    endpoint: String,
}

impl Walk {
    fn path(&self, route: &Route, thing: Thing) -> String {
        let n = usize::from(thing == Thing::B);
        route.path_with(|name| match name {
            "app" => self.apps[n].clone(),
            "job" => self.jobs[n].clone(),
            "project" => "home".to_owned(),
            "endpoint" => self.endpoint.clone(),
            "registry" => "local".to_owned(),
            "extension" => "web".to_owned(),
            "release" | "snapshot" => "1".to_owned(),
            // One that could be there, and is not.
            "issue" => "app-down.nowhere".to_owned(),
            // Accounts, tokens, sessions, invites: none that exists, so that nothing is lost on the way.
            _ => "01890000-0000-7000-8000-000000000000".to_owned(),
        })
    }

    async fn knock(&self, route: &Route, walker: &Walker, thing: Thing) -> Answer {
        let request = walker.client.request(route.method.parse::<Method>().unwrap(), &self.path(route, thing));
        // What changes something is sent nothing that it could work with, nor take for a wrong password.
        let kind = if route.path.starts_with("/api/") { "application/json" } else { "text/plain" };
        let request = if route.is_safe() { request } else { request.header("content-type", kind).body("") };
        Client::send(request).await
    }
}

async fn walkers(it: &TestBox, ada: &Person, a: &str) -> Vec<Walker> {
    let grant = |level: &str| json!([{ "on": { "kind": "app", "app": a }, "level": level }]);
    let mut all = Vec::new();
    let mut add = |called, client: &Client, name, may| {
        all.push(Walker { called, client: client.clone(), name, may });
    };
    let admin = May { admin: true, cap: Level::Administer, on_a: None, only_a: false, person: true };
    add("nobody", &it.anonymous(), None, None);
    add("an expired or made-up token", &it.anonymous().with(Who::Token("orb_made-up".into())), None, None);
    add("the admin", &ada.browser, Some(ADMIN), Some(admin));
    let person = |cap, on_a| May { admin: false, cap, on_a, only_a: false, person: true };
    let viewer = it.invite(ada, "vera", "viewer", json!([])).await;
    add("a viewer without grants", &viewer.browser, Some("vera"), Some(person(Level::View, None)));
    let viewer = it.invite(ada, "viola", "viewer", grant("manage")).await;
    add("a viewer of A", &viewer.browser, Some("viola"), Some(person(Level::View, Some(Level::Manage))));
    let user = it.invite(ada, "olga", "user", grant("operate")).await;
    add("an operator of A", &user.browser, Some("olga"), Some(person(Level::Manage, Some(Level::Operate))));
    let user = it.invite(ada, "maya", "user", grant("manage")).await;
    add("a manager of A", &user.browser, Some("maya"), Some(person(Level::Manage, Some(Level::Manage))));
    for (called, text, cap) in [
        ("a manager's token to view", "view", Level::View),
        ("a manager's token to operate", "operate", Level::Operate),
        ("a manager's token to manage", "manage", Level::Manage),
    ] {
        let may = May { person: false, ..person(cap, Some(Level::Manage)) };
        add(called, &user.token(text, None).await, None, Some(may));
    }
    for (called, text, cap) in [
        ("an admin's token to view", "view", Level::View),
        ("an admin's token to manage", "manage", Level::Manage),
        ("an admin's token to administer", "administer", Level::Administer),
    ] {
        add(called, &ada.token(text, None).await, None, Some(May { cap, person: false, ..admin }));
    }
    for (called, text, cap) in
        [("an admin's token for A only", "manage", Level::Manage), ("to operate A only", "operate", Level::Operate)]
    {
        let may = May { cap, person: false, only_a: true, ..admin };
        add(called, &ada.token(text, Some(&[a])).await, None, Some(may));
    }
    add(ROOT, &it.local(), None, Some(May { person: false, ..admin }));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_those_it_is_for_and_to_nobody_else() {
    let _engine = Engine::shared();
    let mut it = TestBox::new();
    it.extension("web", &Sample::WEB.manifest("web"));
    it.start().await;
    let ada = it.claim().await;
    it.id().await;
    let apps = [it.app("a"), it.app("b")];
    let jobs = [
        ada.browser.install("local/web", &apps[0], json!({})).await,
        ada.browser.install("local/web", &apps[1], json!({})).await,
    ];
    ada.browser.settled().await;
    let mut all = walkers(&it, &ada, &apps[0]).await;
    let shown = ada.browser.get(&format!("/api/v1/apps/{}", apps[0])).await.expect(200);
    let endpoint = shown["endpoints"][0]["name"].as_str().unwrap().to_owned();
    let walk = Walk { it, apps, jobs, endpoint };
    let routes = walk.it.routes();
    assert!(routes.iter().filter(|route| route.action.is_some()).count() > 50, "the whole table");
    let (mut wrong, mut knocks) = (Vec::new(), 0);
    for route in &routes {
        assert_ne!(route.action.is_some(), route.public_reason.is_some(), "{route:?}: an action, or a reason for none");
        for walker in &mut all {
            let things: &[Thing] = if matches!(route.resource_kind.as_deref(), Some("app" | "job")) {
                &[Thing::A, Thing::B]
            } else {
                &[Thing::A]
            };
            for thing in things {
                let wanted = expected(route, walker, *thing);
                let mut answer = walk.knock(route, walker, *thing).await;
                if let (Expected::Open, Some(Expected::SignIn), Some(name)) =
                    (wanted, seen(route, &answer), walker.name)
                {
                    // An open door behind which the session ended, such as «sign out». Once more with a fresh one.
                    walker.client = walk.it.sign_in(name, PASSWORD).await.browser;
                    answer = walk.knock(route, walker, *thing).await;
                }
                knocks += 1;
                let got = seen(route, &answer);
                // Root is nobody with an account: what is about one's own is empty for it, or says so.
                let own = walker.called == ROOT && route.action.as_deref() == Some("account.view");
                if got != Some(wanted) && !(own && got == Some(Expected::Forbidden)) {
                    let called = walker.called;
                    let text: String = answer.text().chars().take(200).collect();
                    wrong.push(format!(
                        "{} {} {thing:?}: {called}: {wanted:?} expected, {got:?} seen ({} {text})",
                        route.method, route.path, answer.status,
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {knocks}:\n{}", wrong.len(), wrong.join("\n"));
    println!("{} routes, {knocks} knocks", routes.len());
    eventually("the end of what was started", Duration::from_secs(120), async || {
        let jobs = walk.it.local().get("/api/v1/jobs?active=true").await.expect(200);
        jobs["items"].as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
}

/// What the console needs on a box that nobody could claim yet: a network, and a look at what is wrong.
const AT_THE_BOX: [&str; 2] = ["machine.view", "network.change"];

#[tokio::test(flavor = "multi_thread")]
async fn before_the_claim_every_door_but_the_setup_is_closed() {
    let _engine = Engine::shared();
    let it = TestBox::started().await;
    for route in it.routes().iter().filter(|route| route.action.is_some()) {
        let path = route.path_with(|_| "none".to_owned());
        let at_the_box = route.action.as_deref().is_some_and(|action| AT_THE_BOX.contains(&action));
        let mut clients = vec![it.anonymous(), it.anonymous().with(Who::Token("orb_made-up".into()))];
        if !at_the_box {
            clients.push(it.local());
        }
        for client in clients {
            let request = client.request(route.method.parse().unwrap(), &path);
            let answer = Client::send(request).await;
            let to_setup = matches!(answer.status, 302 | 303 | 307) && answer.header("location").starts_with("/setup");
            assert!(to_setup || answer.status / 100 == 4, "{}: {} {}", answer.asked, answer.status, answer.text());
        }
    }
}
