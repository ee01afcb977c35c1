//! Uses that can't wait for their session's turn: by then it would have ended as idle.
//!
//! Owns which sessions; their uses are where all uses are. Refuses to write: the renewal does. Invariant: no more than
//! there are sessions with a connection here, each once.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::SessionId;

#[derive(Default)]
pub(super) struct Urgent {
    sessions: Mutex<BTreeSet<SessionId>>,
    wake: Notify,
}

impl Urgent {
    pub fn add(&self, id: SessionId) {
        self.lock().insert(id);
        self.wake.notify_one();
    }

    /// Waits until there are some.
    pub async fn wait(&self) {
        while self.lock().is_empty() {
            self.wake.notified().await;
        }
    }

    pub fn take(&self) -> BTreeSet<SessionId> {
        mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<SessionId>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
