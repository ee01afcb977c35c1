//! What is known of the subscriptions at one server.
//!
//! Invariant: `held` is what the server has confirmed on the connection that there is, in the order of its pushes;
//! a channel is parked or marked, never both.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Channel;

pub(super) struct Server {
    /// The connection that there is, by its number, or since when there is none.
    pub connection: Result<u64, Instant>,
    /// Takes the messages of some slot.
    pub owns_slots: bool,
    /// Everything wanted was confirmed once since the connection was made.
    pub caught_up: bool,
    /// Wakes the subscriber.
    pub changed: Arc<Notify>,
    held: HashSet<Channel>,
    /// Asked to be unsubscribed, and not heard of since.
    leaving: HashSet<Channel>,
    /// To be looked at: the wish may differ from what is held.
    marked: HashSet<Channel>,
    /// Refused or taken away, so that asking again has to wait a little.
    parked: HashSet<Channel>,
}

impl Server {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            connection: Err(now),
            owns_slots: false,
            caught_up: false,
            changed: Arc::default(),
            held: HashSet::new(),
            leaving: HashSet::new(),
            marked: HashSet::new(),
            parked: HashSet::new(),
        }
    }

    /// Nothing is subscribed any more, and nothing is to be done about it.
    pub(super) fn disconnect(&mut self, now: Instant) {
        let (owns_slots, changed) = (self.owns_slots, Arc::clone(&self.changed));
        *self = Self { owns_slots, changed, ..Self::new(now) };
    }

    pub(super) fn holds(&self, channel: &Channel) -> bool {
        self.held.contains(channel)
    }

    /// To be looked at; soon, if it is parked.
    pub(super) fn mark(&mut self, channel: &Channel) {
        if !self.parked.contains(channel) && self.marked.insert(Arc::clone(channel)) {
            self.changed.notify_one();
        }
    }

    /// To be looked at after a pause.
    pub(super) fn park(&mut self, channel: &Channel) {
        self.marked.remove(channel);
        self.parked.insert(Arc::clone(channel));
        self.changed.notify_one();
    }

    /// Nothing is to be done about it any more.
    pub(super) fn spare(&mut self, channel: &Channel) {
        self.marked.remove(channel);
        self.parked.remove(channel);
    }

    /// The pause is over for at most `most` of the parked: of many that are refused for long, some show whether
    /// they still are.
    pub(super) fn retry(&mut self, most: usize) {
        let some: Vec<Channel> = self.parked.iter().take(most).cloned().collect();
        for channel in some {
            self.parked.remove(&channel);
            self.mark(&channel);
        }
    }

    pub(super) fn next_marked(&mut self, most: usize) -> Vec<Channel> {
        let some: Vec<Channel> = self.marked.iter().take(most).cloned().collect();
        for channel in &some {
            self.marked.remove(channel);
        }
        some
    }

    pub(super) fn has_marked(&self) -> bool {
        !self.marked.is_empty()
    }

    pub(super) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// From now on what comes on this channel is not promised to anybody.
    pub(super) fn leave(&mut self, channel: &Channel) {
        if let Some(channel) = self.held.take(channel) {
            self.leaving.insert(channel);
        }
    }

    /// The server was asked and said nothing of it: it is still subscribed. Whether that was so.
    pub(super) fn stayed(&mut self, channel: &Channel) -> bool {
        self.leaving.take(channel).is_some_and(|channel| self.held.insert(channel))
    }

    pub(super) fn subscribed(&mut self, channel: &Channel) {
        self.held.insert(Arc::clone(channel));
    }

    /// Whether nobody had asked for it.
    pub(super) fn unsubscribed(&mut self, channel: &Channel) -> bool {
        !self.leaving.remove(channel) && self.held.remove(channel)
    }
}
