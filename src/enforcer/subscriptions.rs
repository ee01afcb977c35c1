//! Whose messages this node needs: one subscription a user, however many hold it, and for a while after the last of them.
//!
//! Owns when a channel is given back. Whoever leaves is mostly back at once: a page is loaded again, a network changes,
//! and the device that puts another one out often connects to the same node. So a channel is kept for [`LINGER`] after
//! its last holder: the next one waits for nobody, and the store is not asked twice. Invariants: a channel that somebody
//! holds is never left unsubscribed; at most [`MAX_LINGERING`] are kept without a holder.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::UserId;
use crate::store::{Store, StoreError};

/// How long a channel is kept when nobody holds it any more.
pub(super) const LINGER: Duration = Duration::from_secs(10);
/// Each costs the store some 230 bytes. Past that the one that was left first goes before its time.
pub(super) const MAX_LINGERING: usize = 10_000;

/// Which users' channels this node needs, and how often.
///
/// The count and the order of `unsubscribe` calls are decided under one lock; together with the store's promise
/// that `unsubscribe` takes its place at once, a channel that somebody holds is never left unsubscribed.
pub(super) struct Subscriptions {
    store: Arc<dyn Store>,
    channels: Mutex<Channels>,
}

#[derive(Default)]
struct Channels {
    of: HashMap<UserId, Channel>,
    /// Who was left, in the order of it; those who were held again since count no more.
    left: VecDeque<Leaving>,
    leavings: u64,
}

#[derive(Default)]
struct Channel {
    holders: u32,
    /// The store has confirmed it once.
    is_heard: bool,
    /// The number of the last time that it was left.
    leaving: u64,
}

struct Leaving {
    number: u64,
    at: Instant,
    user: UserId,
}

/// The right to hear of a user; given back on drop.
pub(super) struct Hold {
    subscriptions: Arc<Subscriptions>,
    user: UserId,
}

impl Subscriptions {
    pub fn new(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { store, channels: Mutex::default() })
    }

    /// From when it returns until the hold is dropped, messages about `user` arrive.
    ///
    /// # Errors
    /// The store's: nothing is held then.
    pub async fn hold(self: &Arc<Self>, user: &UserId) -> Result<Hold, StoreError> {
        self.lock().of.entry(user.clone()).or_default().holders += 1;
        let hold = Hold { subscriptions: Arc::clone(self), user: user.clone() };
        // Also of a channel that lingers: whether it is heard just now only the store knows.
        self.store.subscribe(user).await?;
        if let Some(channel) = self.lock().of.get_mut(user) {
            channel.is_heard = true;
        }
        Ok(hold)
    }

    /// Gives back what nobody has held for [`LINGER`]. To be called now and then.
    pub fn let_go(&self) {
        let now = Instant::now();
        let mut channels = self.lock();
        while channels.left.front().is_some_and(|first| now - first.at >= LINGER) {
            self.give_back_first(&mut channels);
        }
    }

    /// How many users somebody holds.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.lock().of.values().filter(|channel| channel.holders > 0).count()
    }

    fn give_back_first(&self, channels: &mut Channels) {
        let Some(Leaving { number, user, .. }) = channels.left.pop_front() else { return };
        let is_left = |channel: &Channel| channel.holders == 0 && channel.leaving == number;
        if channels.of.get(&user).is_some_and(is_left) {
            channels.of.remove(&user);
            self.store.unsubscribe(&user);
        }
    }

    /// No code that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut channels = self.subscriptions.lock();
        let number = channels.leavings + 1;
        let Some(channel) = channels.of.get_mut(&self.user) else { return };
        channel.holders = channel.holders.saturating_sub(1);
        if channel.holders > 0 {
            return;
        }
        if !channel.is_heard {
            channels.of.remove(&self.user);
            self.subscriptions.store.unsubscribe(&self.user);
            return;
        }
        channel.leaving = number;
        channels.leavings = number;
        channels.left.push_back(Leaving { number, at: Instant::now(), user: self.user.clone() });
        if channels.left.len() > MAX_LINGERING {
            self.subscriptions.give_back_first(&mut channels);
        }
    }
}
