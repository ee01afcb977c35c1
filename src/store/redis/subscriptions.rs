//! What the engine holds of its subscriptions.
//!
//! Owns the promise of `Store::subscribe`: it returns when the server that publishes for the channel's slot has
//! confirmed. A caller that waits while the slot moves is answered by the new owner, within the same patience.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::connector::RESPONSE_TIMEOUT;
use super::notifier::Notifier;
use super::wanted::{Outlook, Wanted};
use crate::store::StoreError;

/// How long a subscription may take on a connection that is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection is waited for until this long after it went; then nobody is kept waiting.
const HOPE: Duration = Duration::from_secs(1);

/// The handle; clones are the same.
#[derive(Clone)]
pub(super) struct Subscriptions(Arc<Shared>);

struct Shared {
    wanted: Mutex<Wanted>,
    notifier: Arc<Notifier>,
    /// Changes whenever who waits for a connection should look again.
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
}

impl Subscriptions {
    pub(super) fn new(notifier: Arc<Notifier>) -> Self {
        let wanted = Mutex::new(Wanted::new(Instant::now()));
        Self(Arc::new(Shared { wanted, notifier, state: watch::channel(State::Open).0 }))
    }

    /// Whether messages about everybody arrive just now.
    pub(super) fn is_hearing(&self) -> bool {
        *self.0.state.borrow() == State::Open && self.wanted().is_hearing()
    }

    /// Returns when messages arrive.
    pub(super) async fn subscribe(&self, channel: &[u8]) -> Result<(), StoreError> {
        self.connection_for(channel).await?;
        let Some(waiter) = self.change(|wanted| wanted.want(channel)) else { return Ok(()) };
        match timeout(PATIENCE, waiter).await {
            Ok(Ok(())) => Ok(()),
            // The waiter is dropped here; a subscriber finds it closed and drops the wish.
            _ => unavailable("a subscription was not confirmed in time"),
        }
    }

    pub(super) fn unsubscribe(&self, channel: &[u8]) {
        self.change(|wanted| wanted.forget(channel));
    }

    /// For the subscribers: the one way to change anything, so that the node is told of gaps in their order.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Wanted) -> T) -> T {
        let mut wanted = self.wanted();
        let result = change(&mut wanted);
        if let Some(connected) = wanted.news() {
            self.0.notifier.gap(connected);
        }
        result
    }

    /// For the subscribers: another server, or a connection to one. Those who wait for it look again.
    pub(super) fn look_again(&self) {
        self.0.state.send_modify(|_| ());
    }

    pub(super) fn close(&self) {
        self.0.state.send_replace(State::Closed);
    }

    pub(super) fn notifier(&self) -> &Arc<Notifier> {
        &self.0.notifier
    }

    /// Waits for a connection to the server of that channel, while there is hope.
    async fn connection_for(&self, channel: &[u8]) -> Result<(), StoreError> {
        let mut state = self.0.state.subscribe();
        loop {
            if *state.borrow_and_update() == State::Closed {
                return unavailable("the store is closed");
            }
            let Outlook::Away { since } = self.wanted().outlook(channel) else { return Ok(()) };
            if !matches!(timeout_at(since + HOPE, state.changed()).await, Ok(Ok(()))) {
                return unavailable("there is no connection for messages");
            }
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable<T>(why: &str) -> Result<T, StoreError> {
    Err(StoreError::Unavailable(why.to_owned()))
}

/// A reply must be able to come in before the patience of who waits for it ends.
const _: () = assert!(RESPONSE_TIMEOUT.as_millis() <= PATIENCE.as_millis());
