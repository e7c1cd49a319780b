//! What is wrong with the box and its apps, why, and what helps: the catalogue of issues.
//!
//! What lives here: the kinds of issues, each in a file of its own (`issues`); when one begins, when it is told, when it is
//! over; dismissing one; the forecast for the disk. What may not: mending anything — a fix is an operation of the room that
//! it belongs to, asked for by a person with that room's permit.
//!
//! A look gathers the facts once and finds purely; events of the store only wake it. The database keeps since when an
//! issue is there and who dismissed it, never whether it is there: that is found anew at each start.

mod disk;
mod error;
mod facts;
mod follow;
mod issues;
mod model;
mod plan;
mod rows;
#[cfg(test)]
mod tests;
mod view;

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use orbitr_access::{
    Caller, Permit,
    action::{DismissAppIssue, DismissIssue, ListIssues},
};
use orbitr_apps::Apps;
use orbitr_machine::Machine;
use orbitr_model::{Actor, AppId, Timestamp, Topic};
use orbitr_store::{Store, time};
use tokio::sync::Mutex;

pub use self::{
    error::Error,
    model::{Evidence, Fix, IssueId, Kind, Severity, Subject},
    view::{Counts, FixView, IssueView},
};
use self::{
    issues::{Findings, Found},
    plan::{Known, due, plan},
};

/// The issues of the box. A handle: clones share everything.
#[derive(Clone)]
pub struct Watch {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    apps: Apps,
    machine: Machine,
    /// What the last look found; none before the first.
    seen: RwLock<Option<Arc<Seen>>>,
    /// One look, or one dismissal, at a time.
    looking: Mutex<()>,
}

/// What a look found, with what the database knows of it.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    known: Vec<Known>,
    found: Vec<Found>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Over the rooms that it looks at. It looks by itself only while [`Watch::follow`] is polled.
    #[must_use]
    pub fn new(store: Store, apps: Apps, machine: Machine) -> Self {
        let inner = Inner { store, apps, machine, seen: RwLock::default(), looking: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// What is wrong, as far as the caller may see it: the worst first, of those that are alike the newest. With those that
    /// were dismissed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list(&self, permit: &Permit<ListIssues>) -> Result<Vec<IssueView>, Error> {
        let seen = self.seen().await?;
        Ok(views(&seen, permit.caller()))
    }

    /// Hides an issue, whatever it is about, until it ends and comes back or gets worse. One that is dismissed already
    /// stays so.
    ///
    /// # Errors
    /// [`Error::Unknown`]; when the database does not answer.
    pub async fn dismiss(&self, permit: &Permit<DismissIssue>, id: &str) -> Result<(), Error> {
        self.hide(id, None, permit.actor(), permit.address()).await
    }

    /// The same for an issue of the app that the permit is for.
    ///
    /// # Errors
    /// As [`Watch::dismiss`]; an issue of anything else is unknown here.
    pub async fn dismiss_of_app(&self, permit: &Permit<DismissAppIssue>, id: &str) -> Result<(), Error> {
        self.hide(id, Some(permit.resource()), permit.actor(), permit.address()).await
    }

    async fn hide(&self, id: &str, of: Option<&AppId>, by: &Actor, from: Option<IpAddr>) -> Result<(), Error> {
        let unknown = || Error::Unknown(id.chars().filter(|c| !c.is_control()).take(300).collect());
        let wanted: IssueId = id.parse().map_err(|_| unknown())?;
        self.seen().await?;
        let _one = self.inner.looking.lock().await;
        let seen = self.last().ok_or_else(unknown)?;
        let known = seen.known.iter().find(|known| known.id == wanted && known.told);
        let known = known.filter(|known| of.is_none_or(|app| known.app.as_ref() == Some(app))).ok_or_else(unknown)?;
        if known.dismissed.is_some() {
            return Ok(());
        }
        let (known, by) = (known.clone(), by.clone());
        let known = self
            .inner
            .store
            .write(move |tx| {
                rows::dismiss(tx, &known, by, from)?;
                rows::known(tx)
            })
            .await?;
        self.remember(Seen { known, found: seen.found.clone() });
        Ok(())
    }

    /// What was found last; looks where nobody has looked so far.
    async fn seen(&self) -> Result<Arc<Seen>, Error> {
        if let Some(seen) = self.last() {
            return Ok(seen);
        }
        self.look().await?;
        Ok(self.last().unwrap_or_default())
    }

    fn last(&self) -> Option<Arc<Seen>> {
        self.inner.seen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what was found; says whether it is other than before.
    fn remember(&self, seen: Seen) -> bool {
        let mut last = self.inner.seen.write().unwrap_or_else(PoisonError::into_inner);
        let other = last.as_deref() != Some(&seen);
        if other {
            *last = Some(Arc::new(seen));
        }
        other
    }

    /// Looks at everything once: what begins, what lasts, what is over. Says when the next one is to be told.
    ///
    /// # Errors
    /// When the database or the apps cannot be read.
    pub(crate) async fn look(&self) -> Result<Option<Timestamp>, Error> {
        let _one = self.inner.looking.lock().await;
        let facts = self.gather(time::now()).await?;
        let findings = issues::find(&facts);
        let mut known = self.inner.store.read(rows::known).await?;
        let steps = plan(&known, &findings, facts.now);
        if !steps.is_empty() {
            let write = move |tx: &mut orbitr_store::Tx<'_>| {
                rows::apply(tx, &steps)?;
                rows::known(tx)
            };
            known = self.inner.store.write(write).await?;
        }
        let next = due(&known, &findings).into_iter().chain(findings.over).min();
        let found = self.with_unclear(findings, &known);
        if self.remember(Seen { known, found }) {
            self.inner.store.notify(Topic::Issues);
        }
        Ok(next)
    }

    /// What was found, and of what nobody can say now what it was when somebody could. Nothing is offered for that meanwhile.
    fn with_unclear(&self, findings: Findings, known: &[Known]) -> Vec<Found> {
        let last = self.last().unwrap_or_default();
        let stays = |found: &&Found| findings.is_unclear(&found.id) && known.iter().any(|known| known.id == found.id);
        let is_new = |found: &&Found| !findings.found.iter().any(|new| new.id == found.id);
        let mut unclear: Vec<Found> = last.found.iter().filter(stays).filter(is_new).cloned().collect();
        unclear.iter_mut().for_each(|found| found.fixes.retain(Fix::only_looks));
        findings.found.into_iter().chain(unclear).collect()
    }
}

/// What one reader sees, in its order.
fn views(seen: &Seen, caller: &Caller) -> Vec<IssueView> {
    let told = seen.known.iter().filter(|known| known.told);
    let with = told.filter_map(|known| Some((known, seen.found.iter().find(|found| found.id == known.id)?)));
    let mut views: Vec<_> = with.filter_map(|(known, found)| IssueView::of(known, found, caller)).collect();
    views.sort_by(|a, b| (b.severity, b.since).cmp(&(a.severity, a.since)).then_with(|| a.id.cmp(&b.id)));
    views
}
