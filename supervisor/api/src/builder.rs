//! One declaration makes the route, its permit and its documentation.

use axum::handler::Handler;
use orbitr_access::{Action, action::ActionInfo, gate::Routes};

use crate::{Rooms, openapi::Operation};

/// The API as it is put together.
pub(crate) struct Builder {
    pub(crate) routes: Routes<Rooms>,
    /// What is served, with a sentence each: who may.
    pub(crate) operations: Vec<(Operation, String)>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { routes: Routes::new(), operations: Vec::new() }
    }

    /// An operation that needs an action.
    pub(crate) fn on<A, H, T>(mut self, action: A, operation: Operation, handler: H) -> Self
    where
        A: Action,
        H: Handler<T, Rooms>,
        T: 'static,
    {
        self.routes = self.routes.route(operation.method().clone(), action, operation.path(), handler);
        self.operations.push((operation, who(&ActionInfo::of::<A>())));
        self
    }

    /// An operation for everybody, also before the box is claimed.
    pub(crate) fn always<H, T>(mut self, why: &'static str, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Rooms>,
        T: 'static,
    {
        self.routes = self.routes.always(operation.method().clone(), operation.path(), why, handler);
        self.operations.push((operation, format!("For everybody: {why}.")));
        self
    }

    /// An operation for everybody, once the box is claimed.
    pub(crate) fn public<H, T>(mut self, why: &'static str, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Rooms>,
        T: 'static,
    {
        self.routes = self.routes.public(operation.method().clone(), operation.path(), why, handler);
        self.operations.push((operation, format!("For everybody once the box is claimed: {why}.")));
        self
    }
}

/// Who may call it, as a sentence.
fn who(action: &ActionInfo) -> String {
    let on = match action.resource_kind {
        "box" => String::new(),
        kind => format!(" on the {kind}"),
    };
    let person = if action.person_only { " Only for a person who has signed in, not for a token." } else { "" };
    format!("Needs `{}`: the level «{}»{on}.{person}", action.name, action.level.as_str())
}
