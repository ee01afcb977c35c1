//! The bounded queue of notices to the node, and the promise that a lost one is made up for by a gap.
//!
//! Invariant: whenever a notice did not fit, the node is told of a gap that began before it and ended after it,
//! as soon as there is room; until then the debt is kept here, never in a growing queue.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::store::{Message, Notice};

/// What the node has yet to be told about the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Debt {
    Nothing,
    /// That it is broken.
    Lost,
    /// That it was broken and is whole again.
    LostAndBack,
}

pub(super) struct Notifier {
    notices: mpsc::Sender<Notice>,
    debt: Mutex<Debt>,
}

impl Notifier {
    pub(super) fn new(notices: mpsc::Sender<Notice>) -> Self {
        Self { notices, debt: Mutex::new(Debt::Nothing) }
    }

    /// Passes a message on. Called from a connection's own task: it does not block.
    pub(super) fn message(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.notices.try_send(Notice::Message(message)) {
            let mut debt = self.lock();
            // While the channel is broken, its return will make up for this one too.
            if *debt == Debt::Nothing {
                *debt = Debt::LostAndBack;
            }
        }
    }

    /// Tells that the channel broke, or is whole again.
    pub(super) fn gap(&self, connected: bool) {
        let mut debt = self.lock();
        let sent = *debt == Debt::Nothing && self.notices.try_send(Notice::Gap { connected }).is_ok();
        if !sent {
            *debt = if connected { Debt::LostAndBack } else { Debt::Lost };
        }
    }

    /// Tells that in these partitions writes may be forgotten.
    pub(super) fn failover(&self, partitions: crate::domain::PartitionSet) {
        let _ = self.notices.try_send(Notice::Failover(partitions));
    }

    /// Waits until there is a debt and room to pay it, and pays. Returns never while there is none: something
    /// for a `select!`, called again after every other event.
    pub(super) async fn settle(&self) {
        if *self.lock() == Debt::Nothing {
            return std::future::pending().await;
        }
        // A node that has gone needs no notices.
        let Ok(room) = self.notices.reserve_many(2).await else { return std::future::pending().await };
        let mut debt = self.lock();
        let owed: &[bool] = match *debt {
            Debt::Nothing => &[],
            Debt::Lost => &[false],
            Debt::LostAndBack => &[false, true],
        };
        *debt = Debt::Nothing;
        room.zip(owed).for_each(|(room, connected)| room.send(Notice::Gap { connected: *connected }));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Debt> {
        self.debt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Generation;

    fn message() -> Message {
        Message::Ack { user: "u".to_owned(), generation: Generation(1), node: "0".repeat(16) }
    }

    fn drain(receiver: &mut mpsc::Receiver<Notice>) -> Vec<Option<bool>> {
        let mut seen = Vec::new();
        while let Ok(notice) = receiver.try_recv() {
            seen.push(match notice {
                Notice::Message(_) => None,
                Notice::Gap { connected } => Some(connected),
                Notice::Failover(_) => unreachable!("not sent here"),
            });
        }
        seen
    }

    #[tokio::test]
    async fn a_message_that_did_not_fit_becomes_a_gap_once_there_is_room() {
        let (sender, mut receiver) = mpsc::channel(2);
        let notifier = Notifier::new(sender);
        (0..5).for_each(|_| notifier.message(message()));
        assert_eq!(drain(&mut receiver), [None, None]);
        notifier.settle().await;
        assert_eq!(drain(&mut receiver), [Some(false), Some(true)]);
    }

    #[tokio::test]
    async fn gaps_that_did_not_fit_are_told_as_the_last_of_them_left_things() {
        let (sender, mut receiver) = mpsc::channel(2);
        let notifier = Notifier::new(sender);
        (0..2).for_each(|_| notifier.message(message()));
        [false, true, false].into_iter().for_each(|connected| notifier.gap(connected));
        notifier.message(message());
        drain(&mut receiver);
        notifier.settle().await;
        assert_eq!(drain(&mut receiver), [Some(false)]);
        notifier.gap(true);
        assert_eq!(drain(&mut receiver), [Some(true)]);
    }
}
