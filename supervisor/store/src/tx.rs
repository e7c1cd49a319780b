//! One write transaction.

use std::{fmt, ops::Deref};

use orbitr_model::{EventId, Timestamp, Topic};
use rusqlite::{Connection, Transaction};

use crate::{Error, NewEvent, Redactor, events};

/// A write transaction that is open: SQL through `Deref`, history, and which topics changed. It is
/// committed when the closure given to [`crate::Store::write`] returns `Ok`, and otherwise rolled back.
pub struct Tx<'a> {
    inner: Transaction<'a>,
    redactor: &'a Redactor,
    now: Timestamp,
    changed: Vec<Topic>,
}

impl<'a> Tx<'a> {
    pub(crate) const fn new(inner: Transaction<'a>, redactor: &'a Redactor, now: Timestamp) -> Self {
        Self { inner, redactor, now, changed: Vec::new() }
    }

    /// Notes that `topic` changed; readers hear of it after the commit, once.
    pub fn changed(&mut self, topic: Topic) {
        if !self.changed.contains(&topic) {
            self.changed.push(topic);
        }
    }

    /// Adds a line to history, and notes [`Topic::Events`].
    ///
    /// # Errors
    /// [`Error::EventDetail`] when the detail is not an object or too large; otherwise as the database.
    pub fn event(&mut self, event: NewEvent) -> Result<EventId, Error> {
        let id = events::insert(&self.inner, event, self.now, self.redactor)?;
        self.changed(Topic::Events);
        Ok(id)
    }

    /// The moment of this transaction, in milliseconds; the same for all that it writes.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn commit(self) -> Result<Vec<Topic>, Error> {
        self.inner.commit()?;
        Ok(self.changed)
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.inner
    }
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("now", &self.now).field("changed", &self.changed).finish_non_exhaustive()
    }
}
