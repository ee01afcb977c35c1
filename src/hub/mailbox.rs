//! What a connection has still to be told.
//!
//! Owns one bounded queue a connection, written by anybody, read by its task. Refuses to wait: who finds it
//! full closes it, and the connection is cut. Invariants: an eviction goes before everything and nothing goes
//! after it; an idle mailbox holds no memory of its own (a tokio channel would hold a block of 32 slots);
//! commands are dropped outside the lock, because the last clone of an eviction runs a callback.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Command, ConnectionId, Eviction};

/// How many commands may wait. Notices are rare and a write is bounded by 2 s, so more than a few waiting mean
/// a client that does not read.
const CAPACITY: usize = 8;

pub(super) struct Mailbox {
    pub(super) id: ConnectionId,
    mail: Mutex<Mail>,
}

struct Mail {
    open: bool,
    heartbeat: bool,
    eviction: Option<Arc<Eviction>>,
    queue: VecDeque<Command>,
    reader: Option<Waker>,
}

impl Mailbox {
    pub(super) fn new(id: ConnectionId) -> Self {
        let mail =
            Mail { open: true, heartbeat: false, eviction: None, queue: VecDeque::new(), reader: None };
        Self { id, mail: Mutex::new(mail) }
    }

    /// Takes a command for the connection; `false` if the connection will not see it, because it is gone, is
    /// being put out already, or is cut here and now for not having read the last ones.
    pub(super) fn post(&self, command: Command) -> bool {
        let mut dropped = VecDeque::new();
        let mut mail = self.lock();
        if !mail.open || mail.eviction.is_some() {
            // `command` is a parameter and thus outlives the guard.
            return false;
        }
        let taken = match command {
            Command::Heartbeat => {
                mail.heartbeat = true;
                true
            }
            Command::Evict(eviction) => {
                mail.eviction = Some(eviction);
                mem::swap(&mut dropped, &mut mail.queue);
                true
            }
            command if mail.queue.len() < CAPACITY => {
                mail.queue.push_back(command);
                true
            }
            command => {
                mail.open = false;
                mem::swap(&mut dropped, &mut mail.queue);
                dropped.push_back(command);
                false
            }
        };
        let reader = mail.reader.take();
        drop(mail);
        if let Some(reader) = reader {
            reader.wake();
        }
        taken
    }

    /// The next command but heartbeats; `None` once the mailbox is closed: nothing more may be sent then.
    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Command>> {
        self.poll(cx, |mail| {
            if !mail.open {
                return Some(None);
            }
            let eviction = mail.eviction.take().map(Command::Evict);
            eviction.or_else(|| mail.queue.pop_front()).map(Some)
        })
    }

    /// Ready when a heartbeat is due. Apart from `poll_recv`, so that the reader can look at its socket between.
    pub(super) fn poll_heartbeat(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll(cx, |mail| mem::take(&mut mail.heartbeat).then_some(()))
    }

    /// A heartbeat that came already is none.
    pub(super) fn skip_heartbeat(&self) {
        self.lock().heartbeat = false;
    }

    /// Whether the connection is there to be told anything.
    pub(super) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Nothing is taken any more, and what waits is dropped.
    pub(super) fn close(&self) {
        let mut mail = self.lock();
        mail.open = false;
        let dropped = (mail.eviction.take(), mem::take(&mut mail.queue));
        drop(mail);
        drop(dropped);
    }

    fn poll<T>(&self, cx: &mut Context<'_>, ready: impl FnOnce(&mut Mail) -> Option<T>) -> Poll<T> {
        let mut mail = self.lock();
        if let Some(found) = ready(&mut mail) {
            return Poll::Ready(found);
        }
        if !mail.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            mail.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Told, eviction, is_due, next, notice};
    use super::*;

    fn mailbox() -> Mailbox {
        Mailbox::new(ConnectionId(1))
    }

    #[test]
    fn an_eviction_goes_before_what_waited() {
        let mailbox = mailbox();
        let told = Told::default();
        assert!(mailbox.post(notice("one")));
        assert!(mailbox.post(Command::Evict(eviction(&told))));
        assert!(!mailbox.post(notice("two")));
        assert!(matches!(next(&mailbox), Some(Some(Command::Evict(_)))));
        assert!(next(&mailbox).is_none(), "nothing may follow an eviction");
    }

    #[test]
    fn the_second_eviction_counts_as_told_at_once() {
        let mailbox = mailbox();
        let (first, second) = (Told::default(), Told::default());
        assert!(mailbox.post(Command::Evict(eviction(&first))));
        assert!(!mailbox.post(Command::Evict(eviction(&second))));
        assert_eq!((first.delivered(), second.delivered()), (0, 1));
        mailbox.close();
        assert_eq!((first.delivered(), second.delivered()), (1, 1));
    }

    #[test]
    fn a_full_mailbox_closes_instead_of_waiting() {
        let mailbox = mailbox();
        for _ in 0..CAPACITY {
            assert!(mailbox.post(notice("again")));
        }
        assert!(!mailbox.post(notice("one too many")));
        assert!(matches!(next(&mailbox), Some(None)));
        assert!(!mailbox.post(Command::Heartbeat));
    }

    #[test]
    fn heartbeats_never_fill_the_mailbox() {
        let mailbox = mailbox();
        for _ in 0..100 {
            assert!(mailbox.post(Command::Heartbeat));
        }
        assert!(next(&mailbox).is_none());
        assert!(is_due(&mailbox));
        assert!(!is_due(&mailbox));
    }

    #[test]
    fn an_idle_mailbox_is_small() {
        assert!(size_of::<Mailbox>() <= 96, "{}", size_of::<Mailbox>());
    }
}
