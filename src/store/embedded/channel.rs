//! The channel of each user, inside the process.
//!
//! Owns who is subscribed and the queues to the node, one for messages and one for events. Messages arrive here after
//! their commit. Refuses to wait: when their queue is full, messages are dropped and the node is told of a gap, which
//! makes it check all its sessions; invariant: a message about a subscribed user is delivered or covered by a gap told
//! later.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::domain::UserId;
use crate::store::feed::Feeder;
use crate::store::{Event, Feed, Message, NOTICE_QUEUE, Notice, SessionPresence};

pub(super) struct Channel {
    notices: mpsc::Sender<Notice>,
    feeder: Feeder,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    subscribed: HashSet<String>,
    /// Somebody wants to hear of every event.
    follows: bool,
    gap: Gap,
}

#[derive(Default, PartialEq, Eq)]
enum Gap {
    #[default]
    Whole,
    /// Messages are being dropped, the node does not know it yet.
    Lost,
    /// The node knows that it lost messages, but not yet that the channel is whole again.
    Told,
}

impl Channel {
    pub(super) fn new() -> (Self, mpsc::Receiver<Notice>) {
        let (notices, receiver) = mpsc::channel(NOTICE_QUEUE);
        (Self { notices, feeder: Feeder::default(), inner: Mutex::default() }, receiver)
    }

    pub(super) fn subscribe(&self, user: &UserId) {
        self.lock().subscribed.insert(user.as_str().to_owned());
    }

    pub(super) fn unsubscribe(&self, user: &UserId) {
        self.lock().subscribed.remove(user.as_str());
    }

    pub(super) fn deliver(&self, message: Message) {
        let mut inner = self.lock();
        if message.user().is_some_and(|user| !inner.subscribed.contains(user)) {
            return;
        }
        self.tell_gap(&mut inner);
        if inner.gap != Gap::Whole || self.notices.try_send(Notice::Message(message)).is_err() {
            inner.gap = Gap::Lost;
        }
    }

    /// From now on events are told, or no longer.
    pub(super) fn follow(&self, follows: bool) {
        self.lock().follows = follows;
    }

    /// Tells of an event, if anybody wants to hear of them.
    pub(super) fn tell(&self, event: Event) {
        if self.lock().follows {
            self.feeder.tell(event);
        }
    }

    /// Tells how sessions are connected, if anybody wants to hear of it.
    pub(super) fn tell_presence(&self, presence: impl FnOnce() -> Vec<SessionPresence>) {
        if self.lock().follows {
            self.feeder.tell_presence(presence);
        }
    }

    /// The reading end of the queue of events; once.
    pub(super) fn feed(&self) -> Option<Feed> {
        self.feeder.feed()
    }

    /// Messages of a batch whose outcome nobody knows were not sent; what they would have told may have happened.
    pub(super) fn lose(&self) {
        self.lock().gap = Gap::Lost;
        self.mend();
    }

    /// Tells the node of a gap as soon as its queue has room again. Called with every message and every second.
    pub(super) fn mend(&self) {
        self.tell_gap(&mut self.lock());
    }

    fn tell_gap(&self, inner: &mut Inner) {
        if inner.gap == Gap::Lost && self.notices.try_send(Notice::Gap { connected: false }).is_ok() {
            inner.gap = Gap::Told;
        }
        if inner.gap == Gap::Told && self.notices.try_send(Notice::Gap { connected: true }).is_ok() {
            inner.gap = Gap::Whole;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is held, and a set of names can't be left half-written.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Generation;

    fn ack(generation: u64) -> Message {
        Message::Ack { user: "user1".to_owned(), generation: Generation(generation), node: "0".repeat(16) }
    }

    #[test]
    fn a_full_queue_becomes_a_gap_that_is_told_once_there_is_room() {
        let (channel, mut notices) = Channel::new();
        channel.subscribe(&UserId::parse("user", "user1").unwrap());
        for number in 0..=NOTICE_QUEUE as u64 {
            channel.deliver(ack(number));
        }
        channel.mend();
        for number in 0..NOTICE_QUEUE as u64 {
            let got = notices.try_recv().unwrap();
            assert!(
                matches!(got, Notice::Message(Message::Ack { generation, .. }) if generation.0 == number)
            );
        }
        assert!(notices.try_recv().is_err(), "the last message was dropped");

        channel.mend();
        assert!(matches!(notices.try_recv().unwrap(), Notice::Gap { connected: false }));
        assert!(matches!(notices.try_recv().unwrap(), Notice::Gap { connected: true }));
        channel.deliver(ack(7));
        assert!(matches!(notices.try_recv().unwrap(), Notice::Message(_)));
    }

    #[test]
    fn nobody_hears_of_users_that_they_did_not_ask_for() {
        let (channel, mut notices) = Channel::new();
        let user = UserId::parse("user", "user1").unwrap();
        channel.deliver(ack(1));
        channel.subscribe(&user);
        channel.unsubscribe(&user);
        channel.deliver(ack(2));
        assert!(notices.try_recv().is_err());
    }
}
