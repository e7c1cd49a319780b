//! How this crate writes history: every act that changes who may.

use orbitr_model::{Actor, UserId, Username};
use orbitr_store::{NewEvent, Outcome, Subject};
use serde_json::Value;

use crate::{Action, Permit, gate::Client};

/// Something that was done with a permit.
pub(crate) fn done<A: Action>(permit: &Permit<A>, action: &'static str, subject: Subject, detail: Value) -> NewEvent {
    NewEvent { actor: permit.actor().clone(), action, subject, outcome: Outcome::Ok, detail, address: permit.address() }
}

/// Something at a public door, by somebody who has just proved who they are, or has not.
pub(crate) fn at_the_door(
    who: Option<(UserId, &Username)>,
    client: &Client,
    action: &'static str,
    outcome: Outcome,
    detail: Value,
) -> NewEvent {
    let subject = match who {
        Some((id, name)) => user(id, name),
        // The name that was typed stays out: it may be a password in the wrong field.
        None => Subject::new("user", "", ""),
    };
    let actor = match who {
        Some((id, name)) if outcome == Outcome::Ok => Actor::User { id, name: name.clone() },
        _ => Actor::Anonymous,
    };
    NewEvent { actor, action, subject, outcome, detail, address: client.address }
}

/// An account as the subject of an event.
pub(crate) fn user(id: UserId, name: &Username) -> Subject {
    Subject::new("user", id, name)
}
