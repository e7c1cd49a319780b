//! The audit log: the whole of history for admins, and the part of it that others may see.

use std::collections::VecDeque;

use futures_util::{Stream, stream};
use orbitr_model::{AppId, EventId, Page, PageRequest, deed};
use orbitr_store::events::{self, Broken, Event, Filter, Verified};
use orbitr_store::{Store, Subject};
use serde_json::json;

use crate::{
    Access, Permit, Visible,
    action::{ListEvents, ViewAudit},
    error::Error,
    history,
};

/// For somebody who sees only some of it, at most this many lines are looked through for one page.
const LOOKED_THROUGH: usize = 2000;

impl Access {
    /// A page of the audit log, the newest first.
    ///
    /// # Errors
    /// As the database; a wrong cursor is a wrong field.
    pub async fn audit(&self, _: &Permit<ViewAudit>, filter: Filter, page: PageRequest) -> Result<Page<Event>, Error> {
        self.store().read(move |conn| Ok(events::page(conn, &filter, &page)?)).await
    }

    /// Whether the log is what was written: every hash, the numbering, the sealed end. A broken chain is
    /// the inner error. Takes about a second for half a million events.
    ///
    /// # Errors
    /// As the database.
    pub async fn verify_audit(&self, _: &Permit<ViewAudit>) -> Result<Result<Verified, Broken>, Error> {
        self.store().read(|conn| Ok(events::verify(conn)?)).await
    }

    /// The log as lines of JSON, the oldest first, part by part: a reader that is slow holds nothing. That
    /// it was exported is itself written down.
    ///
    /// # Errors
    /// As the database, at once or in the stream.
    pub async fn export_audit(
        &self,
        permit: &Permit<ViewAudit>,
        filter: Filter,
    ) -> Result<impl Stream<Item = Result<String, Error>> + Send + use<>, Error> {
        let permit = permit.clone();
        let noted = json!({ "filter": filter });
        self.store()
            .write(move |tx| {
                tx.event(history::done(&permit, deed::AUDIT_EXPORT, Subject::the_box(), noted))?;
                Ok::<_, Error>(())
            })
            .await?;
        Ok(parts(self.store().clone(), filter))
    }

    /// What somebody may see of history, the newest first: an admin all of it, others what is about apps
    /// that they see, and what they did themselves. A page may have fewer items than asked for and still a
    /// next one.
    ///
    /// # Errors
    /// As the database; a wrong cursor is a wrong field.
    pub async fn events(
        &self,
        permit: &Permit<ListEvents>,
        filter: Filter,
        page: PageRequest,
    ) -> Result<Page<Event>, Error> {
        let visible = permit.visible();
        // A token for some apps is no way to read what its owner did to others.
        let user = permit.caller().user().filter(|_| permit.caller().reach().knows_own_jobs());
        self.store()
            .read(move |conn| {
                if visible == Visible::All {
                    return Ok(events::page(conn, &filter, &page)?);
                }
                let wanted = page.limit() as usize;
                let mut ask = PageRequest { cursor: page.cursor.clone(), limit: 200 };
                let (mut items, mut looked) = (Vec::with_capacity(wanted), 0);
                loop {
                    let found = events::page(conn, &filter, &ask)?;
                    looked += found.items.len();
                    let mut left = VecDeque::from(found.items);
                    while let Some(event) = left.pop_front() {
                        if !may_see(&event, &visible, user) {
                            continue;
                        }
                        let id = event.id;
                        items.push(event);
                        if items.len() == wanted {
                            let more = !left.is_empty() || found.next.is_some();
                            return Ok(Page { items, next: more.then(|| id.to_string()) });
                        }
                    }
                    match found.next {
                        Some(next) if looked < LOOKED_THROUGH => ask.cursor = Some(next),
                        next => return Ok(Page { items, next }),
                    }
                }
            })
            .await
    }
}

fn may_see(event: &Event, visible: &Visible, user: Option<orbitr_model::UserId>) -> bool {
    let on_app =
        event.subject.kind == "app" && event.subject.id.parse::<AppId>().is_ok_and(|app| visible.has_app(&app));
    on_app || (user.is_some() && event.actor.user() == user)
}

fn parts(store: Store, filter: Filter) -> impl Stream<Item = Result<String, Error>> + Send {
    // What comes next: a part after an event, or nothing any more.
    stream::try_unfold(Some(None::<EventId>), move |next| {
        let (store, filter) = (store.clone(), filter.clone());
        async move {
            let Some(after) = next else { return Ok(None) };
            let part = store.read(move |conn| Ok::<_, Error>(events::export(conn, &filter, after)?)).await?;
            Ok(Some((part.lines, part.next.map(Some))))
        }
    })
}
