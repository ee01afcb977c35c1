//! The queue of events on their way to who follows the log.
//!
//! Apart from the notices, so that no eviction waits behind an event or is dropped for one. Owns the bound: an event
//! that finds no room is dropped, and who reads is told so once it has come to the end of what there was; the log has
//! it. Refuses to wait.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::{Event, SessionPresence};

/// Events that may wait: half a second of a busy system.
const QUEUE: usize = 4_096;

/// What a feed brings.
#[derive(Debug)]
pub enum Fed {
    /// Something happened, in whatever partition.
    Event(Event),
    /// How these sessions are connected now. Advice for who looks at a list: one that is lost is not missed.
    Presence(Vec<SessionPresence>),
    /// Events were dropped before this.
    Missed,
}

/// The reading end.
#[derive(Debug)]
pub struct Feed {
    queue: mpsc::Receiver<Fed>,
    missed: Arc<Notify>,
}

impl Feed {
    /// What comes next; `None` when the engine is gone. Nothing is lost where this is cancelled.
    pub async fn recv(&mut self) -> Option<Fed> {
        tokio::select! {
            biased;
            fed = self.queue.recv() => fed,
            () = self.missed.notified() => Some(Fed::Missed),
        }
    }
}

/// The writing end.
#[derive(Debug)]
pub(crate) struct Feeder {
    queue: mpsc::Sender<Fed>,
    missed: Arc<Notify>,
    /// Until somebody takes it.
    feed: Mutex<Option<Feed>>,
}

impl Default for Feeder {
    fn default() -> Self {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let missed = Arc::<Notify>::default();
        let feed = Feed { queue: receiver, missed: Arc::clone(&missed) };
        Self { queue, missed, feed: Mutex::new(Some(feed)) }
    }
}

impl Feeder {
    /// The reading end; once.
    pub(crate) fn feed(&self) -> Option<Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Passes an event on, or remembers that one was not.
    pub(crate) fn tell(&self, event: Event) {
        if self.queue.try_send(Fed::Event(event)).is_err() {
            self.missed.notify_one();
        }
    }

    /// The same for how sessions are connected, which takes no room that an event may need.
    pub(crate) fn tell_presence(&self, presence: impl FnOnce() -> Vec<SessionPresence>) {
        if self.queue.capacity() > QUEUE / 2 {
            drop(self.queue.try_send(Fed::Presence(presence())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::store::EventKind;

    #[tokio::test]
    async fn what_found_no_room_is_told_of_behind_what_did() {
        let feeder = Feeder::default();
        let mut feed = feeder.feed().unwrap();
        assert!(feeder.feed().is_none(), "there is one");
        let event = |ms: usize| Event::new(Timestamp::from_millis(ms as u64), EventKind::Login, None);
        (0..QUEUE + 2).for_each(|ms| feeder.tell(event(ms)));
        for ms in 0..QUEUE {
            assert!(matches!(feed.recv().await, Some(Fed::Event(told)) if told == event(ms)));
        }
        assert!(matches!(feed.recv().await, Some(Fed::Missed)), "both of them at once");
        feeder.tell(event(7));
        assert!(matches!(feed.recv().await, Some(Fed::Event(told)) if told == event(7)));
        drop(feeder);
        assert!(feed.recv().await.is_none());
    }
}
