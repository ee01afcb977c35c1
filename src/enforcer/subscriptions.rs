//! Whose messages this node needs: one subscription a user, however many hold it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::UserId;
use crate::store::{Store, StoreError};

/// Which users' channels this node needs, and how often.
///
/// The count and the order of `unsubscribe` calls are decided under one lock; together with the store's promise
/// that `unsubscribe` takes its place at once, a channel that somebody holds is never left unsubscribed.
pub(super) struct Subscriptions {
    store: Arc<dyn Store>,
    held: Mutex<HashMap<UserId, u32>>,
}

/// The right to hear of a user; given back on drop.
pub(super) struct Hold {
    subscriptions: Arc<Subscriptions>,
    user: UserId,
}

impl Subscriptions {
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, held: Mutex::default() })
    }

    /// From when it returns until the hold is dropped, messages about `user` arrive.
    ///
    /// # Errors
    /// The store's: nothing is held then.
    pub async fn hold(self: &Arc<Self>, user: &UserId) -> Result<Hold, StoreError> {
        *self.lock().entry(user.clone()).or_default() += 1;
        let hold = Hold { subscriptions: Arc::clone(self), user: user.clone() };
        self.store.subscribe(user).await?;
        Ok(hold)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.subscriptions.lock();
        if let Some(count) = held.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.user);
                self.subscriptions.store.unsubscribe(&self.user);
            }
        }
    }
}
