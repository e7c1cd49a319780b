//! Every action × every kind of caller × own and foreign things, through the gate.

use axum::body::Body;
use http::request::Builder;
use orbitr_access::{
    NewToken, Secret, TheBox, TokenLimits,
    action::{self, ChangeOwnAccount, ManagePeople},
    gate::{Gate, PeerUid, RouteInfo, Routes},
};
use orbitr_model::{Actor, JobId, Level, ProjectId, Role};

use crate::testbox::{Person, TestBox, app, bearer, cookie, send};

/// One GET and one POST route for each action, so that a new action cannot be forgotten here.
fn routes() -> Routes {
    macro_rules! walk {
        ($($action:ident $path:literal)*) => {
            Routes::new()$(
                .get(action::$action, concat!("/", stringify!($action), $path), async || ())
                .post(action::$action, concat!("/", stringify!($action), $path), async || ())
            )*
        };
    }
    walk! {
        ViewBox "" ChangeBox "" ViewMachine "" ChangeNetwork "" ChangeSsh "" PowerBox "" ResetBox "" RestartUnit "" UpdateBox ""
        RebuildDockerStore "" ViewJournal "" MakeSupportBundle ""
        OwnAccount "" ChangeOwnAccount "" ChangeOwnPassword "" SignOut "" ViewPeople ""
        ManagePeople "" ViewAudit "" ListEvents "" ListProjects "" ViewProject "/{project}" InstallApp "/{project}"
        ViewCatalog "" ListApps "" ViewApp "/{app}" OperateApp "/{app}" RevealAppSecrets "/{app}" ChangeApp "/{app}"
        RemoveApp "/{app}" ListJobs "" ViewJob "/{job}" CancelJob "/{job}" ListIssues "" DismissIssue ""
        DismissAppIssue "/{app}" ViewArchives "/{project}" ManageArchives "/{project}" InstallUnknown ""
        ExportApp "/{app}" CloneApp "/{app}"
    }
}

enum Credential {
    Nobody,
    Local(u32),
    Session(Person),
    Token(Secret),
}

impl Credential {
    fn request(&self) -> Builder {
        match self {
            Self::Nobody => http::Request::builder().header("sec-fetch-site", "same-origin"),
            Self::Local(uid) => http::Request::builder().extension(PeerUid(*uid)),
            Self::Session(person) => cookie(&person.session).header("sec-fetch-site", "same-origin"),
            Self::Token(token) => bearer(token),
        }
    }
}

/// A caller, and by hand what they are meant to reach.
struct Walker {
    name: &'static str,
    credential: Credential,
    known: bool,
    person: bool,
    one_time: bool,
    on_box: Level,
    /// On the app «own» and the job on it; none when that is not to be seen.
    own: Option<Level>,
    own_project: Option<Level>,
    /// On the app «foreign» and the job on it.
    foreign: Option<Level>,
    foreign_project: Option<Level>,
}

impl Walker {
    fn new(name: &'static str, credential: Credential, on_box: Level) -> Self {
        let person = matches!(credential, Credential::Session(_));
        Self {
            name,
            credential,
            known: true,
            person,
            one_time: false,
            on_box,
            own: None,
            own_project: None,
            foreign: None,
            foreign_project: None,
        }
    }

    fn everything(name: &'static str, credential: Credential, level: Level) -> Self {
        let all = Some(level);
        Self { own: all, own_project: all, foreign: all, foreign_project: all, ..Self::new(name, credential, level) }
    }

    fn nobody(name: &'static str, credential: Credential) -> Self {
        Self { known: false, ..Self::new(name, credential, Level::View) }
    }

    /// What a route must answer, worked out from its line in the table alone.
    fn expected(&self, route: &RouteInfo, own: bool) -> u16 {
        if !self.known {
            return 401;
        }
        let level = match (route.resource_kind.unwrap(), own) {
            ("box", _) => Some(self.on_box),
            ("project", true) => self.own_project,
            ("project", false) => self.foreign_project,
            (_, true) => self.own,
            (_, false) => self.foreign,
        };
        let Some(level) = level else { return 404 };
        let refused = (self.one_time && !route.with_one_time_password)
            || (route.person_only && !self.person)
            || level < route.level.unwrap();
        if refused { 403 } else { 200 }
    }
}

struct Things {
    own_project: ProjectId,
    foreign_project: ProjectId,
    own_job: JobId,
    foreign_job: JobId,
}

impl Things {
    fn path(&self, path: &str, own: bool) -> String {
        let (app, project, job) = if own {
            ("own", self.own_project, self.own_job)
        } else {
            ("foreign", self.foreign_project, self.foreign_job)
        };
        path.replace("{app}", app).replace("{project}", &project.to_string()).replace("{job}", &job.to_string())
    }
}

async fn things(boxed: &TestBox) -> Things {
    let (own_project, foreign_project) = (boxed.home(), boxed.project("Foreign").await);
    boxed.install("own", own_project).await;
    boxed.install("foreign", foreign_project).await;
    Things {
        own_project,
        foreign_project,
        own_job: boxed.job(Actor::Box, Some("own")).await,
        foreign_job: boxed.job(Actor::Box, Some("foreign")).await,
    }
}

async fn token(boxed: &TestBox, of: &Person, level: Level, only: Option<TokenLimits>) -> Credential {
    let new = NewToken { label: "t".parse().unwrap(), level, days: 1, only };
    let permit = boxed.permit::<ChangeOwnAccount>(of, TheBox).await;
    Credential::Token(boxed.access.create_token(&permit, new).await.unwrap().secret)
}

async fn people(boxed: &TestBox, ada: &Person) -> Vec<Walker> {
    use Credential::Session;
    use Level::{Administer, Manage, Operate, View};
    let mut walkers = vec![
        Walker::nobody("nobody", Credential::Nobody),
        Walker::nobody("another Unix user", Credential::Local(1000)),
        Walker::nobody("a made-up token", Credential::Token(Secret::new("orb_made-up"))),
        Walker::everything("root", Credential::Local(0), Administer),
        Walker::everything("an admin", Session(ada.clone()), Administer),
        Walker::new("a user without grants", Session(boxed.person(ada, "none", Role::User).await), View),
    ];
    for (name, level) in [("sees", View), ("runs", Operate), ("owns", Manage)] {
        let person = boxed.person(ada, name, Role::User).await;
        boxed.grant_app(ada, &person, "own", Some(level)).await;
        walkers.push(Walker { own: Some(level), ..Walker::new(name, Session(person), View) });
    }
    let person = boxed.person(ada, "project", Role::User).await;
    boxed.grant_project(ada, &person, boxed.home(), Some(Manage)).await;
    let both = Some(Manage);
    walkers.push(Walker { own: both, own_project: both, ..Walker::new("a project's owner", Session(person), View) });
    let viewer = boxed.person(ada, "viewer", Role::Viewer).await;
    boxed.grant_project(ada, &viewer, boxed.home(), Some(Manage)).await;
    let seen = Some(View);
    walkers.push(Walker { own: seen, own_project: seen, ..Walker::new("a viewer", Session(viewer), View) });

    let gone = boxed.person(ada, "gone", Role::Admin).await;
    let manage = boxed.permit::<ManagePeople>(ada, TheBox).await;
    boxed.access.disable_user(&manage, gone.id).await.unwrap();
    walkers.push(Walker::nobody("a disabled admin", Session(gone)));
    let reset = boxed.person(ada, "reset", Role::Admin).await;
    let one_time = boxed.access.reset_password(&manage, reset.id).await.unwrap().password;
    let reset = boxed.signed_in("reset", one_time.expose()).await;
    let walker = Walker::everything("an admin with a one-time password", Session(reset), Administer);
    walkers.push(Walker { one_time: true, ..walker });
    walkers
}

async fn tokens(boxed: &TestBox, ada: &Person) -> Vec<Walker> {
    use Level::{Administer, Manage, Operate, View};
    let mut walkers = Vec::new();
    for level in [View, Operate, Manage, Administer] {
        let credential = token(boxed, ada, level, None).await;
        walkers.push(Walker::everything("an admin's token", credential, level));
    }
    let only_app = TokenLimits { apps: [app("own")].into(), ..TokenLimits::default() };
    let only_project = TokenLimits { projects: [boxed.home()].into(), ..TokenLimits::default() };
    let credential = token(boxed, ada, Operate, Some(only_app.clone())).await;
    walkers.push(Walker { own: Some(Operate), ..Walker::new("an admin's token for one app", credential, View) });
    let credential = token(boxed, ada, Manage, Some(only_project)).await;
    let both = Some(Manage);
    let walker = Walker::new("an admin's token for one project", credential, View);
    walkers.push(Walker { own: both, own_project: both, ..walker });

    let user = boxed.person(ada, "tokens", Role::User).await;
    boxed.grant_app(ada, &user, "own", Some(Operate)).await;
    boxed.grant_app(ada, &user, "foreign", Some(View)).await;
    let credential = token(boxed, &user, Manage, None).await;
    let walker = Walker::new("a user's token", credential, View);
    walkers.push(Walker { own: Some(Operate), foreign: Some(View), ..walker });
    let credential = token(boxed, &user, Manage, Some(only_app)).await;
    walkers.push(Walker { own: Some(Operate), ..Walker::new("a user's token for one app", credential, View) });
    walkers
}

#[tokio::test]
async fn every_route_answers_every_caller_as_the_table_says() {
    let (boxed, ada) = TestBox::claimed().await;
    let things = things(&boxed).await;
    let mut walkers = people(&boxed, &ada).await;
    walkers.extend(tokens(&boxed, &ada).await);
    let routes = routes();
    let table = routes.table().to_vec();
    for info in action::ALL {
        assert!(table.iter().any(|route| route.action == Some(info.name)), "{} is not walked", info.name);
    }
    let router = routes.into_router(&Gate::new(boxed.access.clone()));
    let mut wrong = Vec::new();
    for walker in &walkers {
        for route in &table {
            for own in [true, false] {
                let request = walker.credential.request().method(&route.method).uri(things.path(&route.path, own));
                let got = send(&router, request.body(Body::empty()).unwrap()).await.status().as_u16();
                let expected = walker.expected(route, own);
                if got != expected {
                    wrong.push(format!(
                        "{} {} {} own={own}: {got}, not {expected}",
                        walker.name, route.method, route.path
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
