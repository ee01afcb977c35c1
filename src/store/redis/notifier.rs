//! The bounded queue of notices to the node, and the promise that none is lost silently.
//!
//! Invariant: whenever a message did not fit, the node is told of a gap that began before it and ended after it;
//! a failover that did not fit is told later, together with those that came after it. Both as soon as there is
//! room; until then the debt is kept here, never in a growing queue.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::domain::PartitionSet;
use crate::store::feed::Feeder;
use crate::store::{Event, Feed, Message, Notice, SessionPresence};

pub(super) struct Notifier {
    notices: mpsc::Sender<Notice>,
    feeder: Feeder,
    owed: Mutex<Owed>,
    in_debt: Notify,
}

/// What the node should know and what it was told: the difference is what it is owed.
#[derive(Default)]
struct Owed {
    /// Messages may be getting lost just now.
    broken: bool,
    told_broken: bool,
    /// Messages may have been lost while the node believed in a whole channel.
    missed: bool,
    /// Where the store may have forgotten something.
    failover: PartitionSet,
}

impl Owed {
    fn is_something(&self) -> bool {
        self.missed || self.broken != self.told_broken || !self.failover.is_empty()
    }

    /// Takes the notice that is due first.
    fn take(&mut self) -> Option<Notice> {
        if !self.told_broken && (self.missed || self.broken) {
            (self.told_broken, self.missed) = (true, false);
            return Some(Notice::Gap { connected: false });
        }
        if self.told_broken && !self.broken {
            self.told_broken = false;
            return Some(Notice::Gap { connected: true });
        }
        let failover = std::mem::take(&mut self.failover);
        (!failover.is_empty()).then_some(Notice::Failover(failover))
    }

    /// From here to the next word of a whole channel the node knows that it may miss something.
    fn miss(&mut self) {
        self.missed = !self.told_broken;
    }
}

impl Notifier {
    pub(super) fn new(notices: mpsc::Sender<Notice>) -> Self {
        Self { notices, feeder: Feeder::default(), owed: Mutex::default(), in_debt: Notify::new() }
    }

    /// Passes a message on. Called from a connection's own task: it does not block.
    pub(super) fn message(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.notices.try_send(Notice::Message(message)) {
            self.owe(Owed::miss);
        }
    }

    /// The same for an event of a feed, which has a queue of its own.
    pub(super) fn event(&self, event: Event) {
        self.feeder.tell(event);
    }

    /// The same for how sessions are connected.
    pub(super) fn presence(&self, presence: Vec<SessionPresence>) {
        self.feeder.tell_presence(|| presence);
    }

    /// The reading end of that queue; once.
    pub(super) fn feed(&self) -> Option<Feed> {
        self.feeder.feed()
    }

    /// Tells that messages may get lost from now on, or do not any more.
    pub(super) fn gap(&self, connected: bool) {
        self.owe(|owed| {
            owed.broken = !connected;
            if owed.broken {
                owed.miss();
            }
        });
    }

    /// Tells that the store may have forgotten acknowledged writes of these partitions.
    pub(super) fn failover(&self, partitions: PartitionSet) {
        self.owe(|owed| owed.failover.extend(&partitions));
    }

    /// Pays what did not fit, as soon as there is room; for ever.
    pub(super) async fn pay_debts(&self) {
        loop {
            self.in_debt.notified().await;
            while self.owed().is_something() {
                // A node that has gone needs no notices.
                let Ok(room) = self.notices.reserve().await else { return };
                if let Some(notice) = self.owed().take() {
                    room.send(notice);
                }
            }
        }
    }

    /// Adds to what is owed, and pays at once as far as there is room.
    fn owe(&self, add: impl FnOnce(&mut Owed)) {
        let mut owed = self.owed();
        add(&mut owed);
        while owed.is_something() {
            let Ok(room) = self.notices.try_reserve() else { return self.in_debt.notify_one() };
            if let Some(notice) = owed.take() {
                room.send(notice);
            }
        }
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::domain::{Generation, Partition, Timestamp};
    use crate::store::EventKind;

    #[derive(Debug, PartialEq)]
    enum Seen {
        Message,
        Lost,
        Back,
        Failover(usize),
    }

    fn message() -> Message {
        Message::Ack { user: "u".to_owned(), generation: Generation(1), node: "0".repeat(16) }
    }

    fn some(from: usize, count: usize) -> PartitionSet {
        Partition::all().skip(from).take(count).collect()
    }

    fn seen(notice: &Notice) -> Seen {
        match notice {
            Notice::Message(_) => Seen::Message,
            Notice::Gap { connected: false } => Seen::Lost,
            Notice::Gap { connected: true } => Seen::Back,
            Notice::Failover(partitions) => Seen::Failover(partitions.iter().count()),
        }
    }

    /// What a node that reads everything sees, while debts are being paid.
    async fn read(notifier: &Notifier, receiver: &mut mpsc::Receiver<Notice>, count: usize) -> Vec<Seen> {
        let read = async {
            let mut all = Vec::new();
            while all.len() < count {
                all.push(seen(&receiver.recv().await.unwrap()));
            }
            all
        };
        let read = tokio::select! {
            all = timeout(Duration::from_secs(10), read) => all.unwrap(),
            () = notifier.pay_debts() => panic!("debts are paid for ever"),
        };
        assert!(receiver.try_recv().is_err(), "and nothing else");
        read
    }

    #[tokio::test]
    async fn a_message_that_did_not_fit_becomes_a_gap_once_there_is_room() {
        let (sender, mut receiver) = mpsc::channel(2);
        let notifier = Notifier::new(sender);
        (0..5).for_each(|_| notifier.message(message()));
        assert_eq!(
            read(&notifier, &mut receiver, 4).await,
            [Seen::Message, Seen::Message, Seen::Lost, Seen::Back]
        );
    }

    /// A busy feed is nothing that an eviction has to wait behind, or is dropped for.
    #[tokio::test]
    async fn events_take_no_room_of_messages() {
        let (sender, mut receiver) = mpsc::channel(2);
        let notifier = Notifier::new(sender);
        for _ in 0..10_000 {
            notifier.event(Event::new(Timestamp::default(), EventKind::Login, None));
        }
        (0..2).for_each(|_| notifier.message(message()));
        assert_eq!(read(&notifier, &mut receiver, 2).await, [Seen::Message, Seen::Message]);
    }

    #[tokio::test]
    async fn a_debt_is_paid_without_another_event() {
        let (sender, mut receiver) = mpsc::channel(1);
        let notifier = Notifier::new(sender);
        notifier.message(message());
        notifier.failover(some(0, 1));
        assert_eq!(read(&notifier, &mut receiver, 2).await, [Seen::Message, Seen::Failover(1)]);
    }

    #[tokio::test]
    async fn gaps_that_did_not_fit_are_told_as_the_last_of_them_left_things() {
        let (sender, mut receiver) = mpsc::channel(2);
        let notifier = Notifier::new(sender);
        (0..2).for_each(|_| notifier.message(message()));
        [false, true, false].into_iter().for_each(|connected| notifier.gap(connected));
        notifier.message(message());
        assert_eq!(read(&notifier, &mut receiver, 3).await, [Seen::Message, Seen::Message, Seen::Lost]);
        notifier.gap(true);
        assert_eq!(read(&notifier, &mut receiver, 1).await, [Seen::Back]);
    }

    #[tokio::test]
    async fn a_message_that_did_not_fit_while_the_channel_is_broken_does_not_declare_it_whole() {
        let (sender, mut receiver) = mpsc::channel(2);
        let notifier = Notifier::new(sender);
        notifier.gap(false);
        (0..3).for_each(|_| notifier.message(message()));
        assert_eq!(read(&notifier, &mut receiver, 2).await, [Seen::Lost, Seen::Message]);
        notifier.gap(true);
        assert_eq!(read(&notifier, &mut receiver, 1).await, [Seen::Back]);
    }

    #[tokio::test]
    async fn a_gap_that_came_and_went_while_there_was_no_room_is_told() {
        let (sender, mut receiver) = mpsc::channel(1);
        let notifier = Notifier::new(sender);
        notifier.message(message());
        [false, true].into_iter().for_each(|connected| notifier.gap(connected));
        assert_eq!(read(&notifier, &mut receiver, 3).await, [Seen::Message, Seen::Lost, Seen::Back]);
    }

    #[tokio::test]
    async fn failovers_that_did_not_fit_are_told_as_one() {
        let (sender, mut receiver) = mpsc::channel(1);
        let notifier = Notifier::new(sender);
        notifier.failover(some(0, 3));
        notifier.failover(some(0, 5));
        notifier.failover(some(3, 7));
        assert_eq!(read(&notifier, &mut receiver, 2).await, [Seen::Failover(3), Seen::Failover(10)]);
    }
}
