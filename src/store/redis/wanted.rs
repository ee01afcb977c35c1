//! Which channels the node wants, and what is still to be done about it.
//!
//! Owns the wish; the subscriber makes it true. Level-triggered: whatever happened in between, a channel that is
//! marked is brought to what is wanted now. Invariant: a channel is confirmed only while the server of the
//! current connection has confirmed it.

use std::collections::{HashMap, HashSet};

use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct Wanted {
    channels: HashMap<Vec<u8>, Channel>,
    /// Channels whose state at the server may differ from the wish.
    marked: HashSet<Vec<u8>>,
}

#[derive(Default)]
struct Channel {
    /// Subscribed at the server, on the connection that there is now.
    confirmed: bool,
    /// Somebody was told once that it is subscribed: it stays wanted through a loss of the connection.
    promised: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

/// What a round of the subscriber is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub subscribe: Vec<Vec<u8>>,
    pub unsubscribe: Vec<Vec<u8>>,
}

impl Wanted {
    /// Wants a channel. `None`: it is subscribed already; else what to wait for.
    pub(super) fn want(&mut self, channel: Vec<u8>) -> Option<oneshot::Receiver<()>> {
        let entry = self.channels.entry(channel.clone()).or_default();
        if entry.confirmed {
            return None;
        }
        let (done, waiter) = oneshot::channel();
        entry.waiting.retain(|waiting| !waiting.is_closed());
        entry.waiting.push(done);
        self.marked.insert(channel);
        Some(waiter)
    }

    /// Wants a channel no longer.
    pub(super) fn forget(&mut self, channel: Vec<u8>) {
        if self.channels.remove(&channel).is_some() {
            self.marked.insert(channel);
        }
    }

    /// At most `most` of the channels to look at, sorted by what is to be done. A channel that nobody waits for
    /// any more, and that nobody was promised, is dropped.
    pub(super) fn take(&mut self, most: usize) -> Work {
        let mut work = Work::default();
        let batch: Vec<Vec<u8>> = self.marked.iter().take(most).cloned().collect();
        for channel in batch {
            self.marked.remove(&channel);
            match self.channels.get(&channel) {
                Some(entry) if entry.confirmed => {}
                Some(entry) if entry.promised || entry.waiting.iter().any(|waiting| !waiting.is_closed()) => {
                    work.subscribe.push(channel);
                }
                _ => {
                    self.channels.remove(&channel);
                    work.unsubscribe.push(channel);
                }
            }
        }
        work
    }

    /// The server has confirmed these.
    pub(super) fn confirm(&mut self, channels: &[Vec<u8>]) {
        for channel in channels {
            // Forgotten meanwhile: it is marked, and the next round unsubscribes it.
            let Some(entry) = self.channels.get_mut(channel) else { continue };
            entry.confirmed = true;
            for waiting in entry.waiting.drain(..) {
                entry.promised |= waiting.send(()).is_ok();
            }
            if !entry.promised {
                // Everybody who asked has given up while the server was asked.
                entry.confirmed = false;
                self.marked.insert(channel.clone());
            }
        }
    }

    /// The connection is gone and with it every subscription: all that is wanted is to be done again.
    pub(super) fn lose_all(&mut self) {
        self.channels.values_mut().for_each(|entry| entry.confirmed = false);
        self.marked = self.channels.keys().cloned().collect();
    }

    pub(super) fn has_work(&self) -> bool {
        !self.marked.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Vec<u8> {
        b"c".to_vec()
    }

    #[test]
    fn a_channel_is_subscribed_once_and_then_known() {
        let mut wanted = Wanted::default();
        let mut waiter = wanted.want(channel()).unwrap();
        assert_eq!(wanted.take(10).subscribe, [channel()]);
        wanted.confirm(&[channel()]);
        waiter.try_recv().unwrap();
        assert!(wanted.want(channel()).is_none());
        assert!(!wanted.has_work());
    }

    #[test]
    fn a_channel_forgotten_while_the_server_was_asked_is_unsubscribed() {
        let mut wanted = Wanted::default();
        let _waiter = wanted.want(channel());
        wanted.take(10);
        wanted.forget(channel());
        wanted.confirm(&[channel()]);
        assert_eq!(wanted.take(10).unsubscribe, [channel()]);
    }

    #[test]
    fn what_nobody_waits_for_any_more_leaves_nothing_behind() {
        let mut wanted = Wanted::default();
        drop(wanted.want(channel()));
        assert_eq!(wanted.take(10).unsubscribe, [channel()]);
        let waiter = wanted.want(channel());
        wanted.take(10);
        drop(waiter);
        wanted.confirm(&[channel()]);
        assert_eq!(wanted.take(10).unsubscribe, [channel()]);
        assert!(wanted.channels.is_empty());
    }

    #[test]
    fn a_lost_connection_brings_back_what_was_promised() {
        let mut wanted = Wanted::default();
        let _waiter = wanted.want(channel());
        wanted.take(10);
        wanted.confirm(&[channel()]);
        wanted.lose_all();
        assert!(wanted.want(channel()).is_some(), "not confirmed on the new connection");
        assert_eq!(wanted.take(10).subscribe, [channel()]);
    }
}
