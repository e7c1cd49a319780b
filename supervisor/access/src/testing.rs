//! Permits for tests of other crates, which are about what an operation does and not about who may. Behind
//! the feature `testing`, which the product does not have.

use std::{collections::BTreeMap, net::IpAddr};

use orbitr_model::{Actor, AppId, Level, ProjectId, Role};

use crate::{Action, Caller, Permit, caller::Inner, reach::Reach};

/// A permit of somebody who reaches everything.
#[must_use]
pub fn permit<A: Action>(actor: Actor, resource: A::Resource) -> Permit<A> {
    Permit::new(caller(actor), resource)
}

/// A permit of somebody who reaches everything, and came over the network from there.
#[must_use]
pub fn permit_from<A: Action>(actor: Actor, resource: A::Resource, address: IpAddr) -> Permit<A> {
    let reach = Reach::for_test(Level::Administer, None);
    let inner =
        Inner { actor, role: Role::Admin, reach, session: None, address: Some(address), one_time_password: false };
    Permit::new(Caller::new(inner), resource)
}

/// A permit of somebody who sees only these apps and projects.
#[must_use]
pub fn permit_seeing<A: Action>(
    actor: Actor,
    resource: A::Resource,
    apps: BTreeMap<AppId, Level>,
    projects: BTreeMap<ProjectId, Level>,
) -> Permit<A> {
    Permit::new(caller_seeing(actor, apps, projects), resource)
}

/// Somebody who reaches everything.
#[must_use]
pub fn caller(actor: Actor) -> Caller {
    make(actor, Role::Admin, Reach::for_test(Level::Administer, None))
}

/// Somebody who sees only these apps and projects.
#[must_use]
pub fn caller_seeing(actor: Actor, apps: BTreeMap<AppId, Level>, projects: BTreeMap<ProjectId, Level>) -> Caller {
    make(actor, Role::User, Reach::for_test(Level::Manage, Some((apps, projects))))
}

fn make(actor: Actor, role: Role, reach: Reach) -> Caller {
    Caller::new(Inner { actor, role, reach, session: None, address: None, one_time_password: false })
}
