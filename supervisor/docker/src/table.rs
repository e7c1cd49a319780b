//! Our containers, in memory, as the engine last described them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::container::{Container, ContainerId};

pub(crate) struct Table {
    rows: Mutex<BTreeMap<ContainerId, Arc<Container>>>,
    generation: watch::Sender<u64>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Mutex::default(), generation: watch::Sender::new(0) }
    }

    /// Counts up by one with every change.
    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Those of which `wanted` is true, by name.
    pub(crate) fn having(&self, wanted: impl Fn(&Container) -> bool) -> Vec<Arc<Container>> {
        let mut rows: Vec<_> = self.locked(|rows| rows.values().filter(|row| wanted(row)).cloned().collect());
        rows.sort_by(|a: &Arc<Container>, b| a.name.cmp(&b.name));
        rows
    }

    pub(crate) fn get(&self, id: &ContainerId) -> Option<Arc<Container>> {
        self.locked(|rows| rows.get(id).cloned())
    }

    pub(crate) fn refill(&self, containers: Vec<Container>) {
        let fresh = containers.into_iter().map(|row| (row.id().clone(), Arc::new(row))).collect();
        self.locked(|rows| *rows = fresh);
        self.changed();
    }

    pub(crate) fn put(&self, container: Container) {
        let id = container.id().clone();
        let before = self.locked(|rows| rows.insert(id, Arc::new(container.clone())));
        if before.as_deref() != Some(&container) {
            self.changed();
        }
    }

    pub(crate) fn remove(&self, id: &ContainerId) {
        if self.locked(|rows| rows.remove(id)).is_some() {
            self.changed();
        }
    }

    pub(crate) fn changed(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    fn locked<T>(&self, f: impl FnOnce(&mut BTreeMap<ContainerId, Arc<Container>>) -> T) -> T {
        // No code of ours can panic while it holds the lock; a poisoned table is still a whole one.
        f(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
