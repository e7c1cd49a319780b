//! Routes that cannot be written down without saying who may use them.

use std::convert::Infallible;

use axum::{
    Router,
    handler::Handler,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;
use orbitr_model::Level;

use super::{Gate, guard};
use crate::{
    Action,
    action::ActionInfo,
    resource::{Resource, TheBox},
};

/// When a public route is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Always, while nobody has claimed the box too: setup itself, the health check, styles and scripts.
    Always,
    /// Only once the box is claimed: sign-in, accepting an invite.
    OnceClaimed,
}

/// One route, as tests and documents list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// Its method; GET answers HEAD too.
    pub method: Method,
    /// Its whole path with its parameters in braces.
    pub path: String,
    /// Its action's name; none when it is public.
    pub action: Option<&'static str>,
    /// How deep its action reaches; none when it is public.
    pub level: Option<Level>,
    /// The kind of thing that its action is about, which is the path parameter that names it (`box` has
    /// none); none when it is public.
    pub resource_kind: Option<&'static str>,
    /// Only a person who has signed in may use it: no token, not the box's own root.
    pub person_only: bool,
    /// Open to somebody whose password must be changed first.
    pub with_one_time_password: bool,
    /// Why it needs nobody to be signed in; none when it has an action.
    pub public_reason: Option<&'static str>,
    /// When a public route is open; none when it has an action.
    pub open: Option<Open>,
}

type Build<S> = Box<dyn FnOnce(&Gate) -> MethodRouter<S, Infallible> + Send>;

/// A list of routes. Each one names the action that it needs, or why it needs none; there is no third
/// way to write a route down.
///
/// The gate reads the resource from the path parameter called after its kind: an action on an app needs
/// `{app}` in its path. `home` stands for the built-in project.
pub struct Routes<S = ()> {
    table: Vec<RouteInfo>,
    build: Vec<Build<S>>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { table: Vec::new(), build: Vec::new() }
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident: $method:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name<A, H, T>(self, action: A, path: &str, handler: H) -> Self
        where
            A: Action,
            H: Handler<T, S>,
            T: 'static,
        {
            self.route(Method::$method, action, path, handler)
        }
    )*};
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    methods! {
        /// A GET route, which answers HEAD too; for example `.get(ViewApp, "/apps/{app}", show)`.
        get: GET;
        /// A POST route.
        post: POST;
        /// A PUT route.
        put: PUT;
        /// A PATCH route.
        patch: PATCH;
        /// A DELETE route.
        delete: DELETE;
    }

    /// A route of any method.
    ///
    /// # Panics
    /// When the path has no parameter for the action's resource, or the method is not one of the nine of
    /// HTTP: a route table that is wrong must not start.
    #[must_use]
    pub fn route<A, H, T>(mut self, method: Method, _: A, path: &str, handler: H) -> Self
    where
        A: Action,
        H: Handler<T, S>,
        T: 'static,
    {
        let action = ActionInfo::of::<A>();
        let kind = action.resource_kind;
        assert!(
            kind == TheBox::KIND || path.contains(&format!("{{{kind}}}")),
            "route {method} {path} needs {{{kind}}} for {}",
            action.name
        );
        let filter = filter(&method);
        self.table.push(RouteInfo {
            method,
            path: path.to_owned(),
            action: Some(action.name),
            level: Some(action.level),
            resource_kind: Some(kind),
            person_only: action.person_only,
            with_one_time_password: action.with_one_time_password,
            public_reason: None,
            open: None,
        });
        self.build.push(Box::new(move |gate| {
            on(filter, handler).route_layer(from_fn_with_state(gate.clone(), guard::with_permit::<A>))
        }));
        self
    }

    /// A route for everybody, once the box is claimed; `why` says why nobody needs to be signed in.
    /// Unsafe methods still have to come from our own pages.
    ///
    /// # Panics
    /// As [`Routes::route`].
    #[must_use]
    pub fn public<H, T>(self, method: Method, path: &str, why: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.without_action(method, path, why, Open::OnceClaimed, handler)
    }

    /// A route for everybody, while the box is not claimed yet too: setup itself and what its pages need.
    ///
    /// # Panics
    /// As [`Routes::route`].
    #[must_use]
    pub fn always<H, T>(self, method: Method, path: &str, why: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.without_action(method, path, why, Open::Always, handler)
    }

    fn without_action<H, T>(mut self, method: Method, path: &str, why: &'static str, open: Open, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = filter(&method);
        self.table.push(RouteInfo {
            method,
            path: path.to_owned(),
            action: None,
            level: None,
            resource_kind: None,
            person_only: false,
            with_one_time_password: true,
            public_reason: Some(why),
            open: Some(open),
        });
        self.build.push(Box::new(move |gate| {
            on(filter, handler).route_layer(from_fn_with_state((gate.clone(), open), guard::public))
        }));
        self
    }

    /// Adds the routes of another list under a prefix such as `/api/v1`.
    #[must_use]
    pub fn nest(mut self, prefix: &str, other: Self) -> Self {
        self.table.extend(other.table.into_iter().map(|mut info| {
            info.path = join(prefix, &info.path);
            info
        }));
        self.build.extend(other.build);
        self
    }

    /// Adds the routes of another list.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        self.nest("", other)
    }

    /// Every route, in the order in which they were added.
    #[must_use]
    pub fn table(&self) -> &[RouteInfo] {
        &self.table
    }

    /// The routes behind the gate.
    ///
    /// # Panics
    /// When two routes have the same method and path.
    pub fn into_router(self, gate: &Gate) -> Router<S> {
        self.table
            .into_iter()
            .zip(self.build)
            .fold(Router::new(), |router, (info, build)| router.route(&info.path, build(gate)))
    }
}

/// `/api/v1` and `/` are `/api/v1`, as one writes it.
fn join(prefix: &str, path: &str) -> String {
    let prefix = prefix.trim_end_matches('/');
    if path == "/" && !prefix.is_empty() { prefix.to_owned() } else { format!("{prefix}{path}") }
}

#[expect(clippy::panic, reason = "a route table that is wrong must not start")]
fn filter(method: &Method) -> MethodFilter {
    MethodFilter::try_from(method.clone()).unwrap_or_else(|_| panic!("no route can have the method {method}"))
}

impl<S> std::fmt::Debug for Routes<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.table).finish()
    }
}
