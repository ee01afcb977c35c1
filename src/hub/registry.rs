//! Which connection belongs to which session, and how many there are.
//!
//! Invariants: removal is by connection id; counts and sequences of a session change together, under its shard's lock;
//! nothing is posted to under that lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::mailbox::Mailbox;
use super::wheel::{self, Wheel};
use super::{Command, Connection, Eviction};
use crate::domain::{NodeId, Presence, SessionId};

/// One WebSocket of this node; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// A connection that has just been added.
pub struct Registered {
    pub connection: Connection,
    /// What the node holds of the session now, this connection included.
    pub presence: Presence,
}

/// What is left when a connection has been removed.
pub struct Removed {
    pub presence: Presence,
}

/// All connections of this node, by session.
pub struct Hub {
    node: NodeId,
    sessions: DashMap<SessionId, Tabs>,
    wheel: Arc<Wheel>,
    connections: AtomicUsize,
    next_id: AtomicU64,
    /// Of [`Presence`]. One for the node and not one a session: a session that comes back must go on where its
    /// last goodbye ended, and nothing is remembered of sessions that are gone.
    sequence: AtomicU64,
}

/// The connections of one session. Never empty.
struct Tabs {
    mailboxes: Vec<Arc<Mailbox>>,
    /// Of the last change.
    sequence: u64,
}

impl Hub {
    /// An empty hub, with its wheel turning on the current tokio runtime until the hub is dropped.
    pub fn new(node: NodeId, heartbeat: Duration) -> Arc<Self> {
        let wheel = Arc::new(Wheel::new());
        tokio::spawn(wheel::turn(Arc::downgrade(&wheel), heartbeat));
        Arc::new(Self {
            node,
            sessions: DashMap::new(),
            wheel,
            connections: AtomicUsize::new(0),
            next_id: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
        })
    }

    /// Adds a connection of `session`.
    pub fn register(&self, session: SessionId) -> Registered {
        let id = ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let mailbox = Arc::new(Mailbox::new(id));
        let presence = {
            let mut tabs = self.sessions.entry(session).or_insert_with(|| Tabs {
                // Most sessions have one connection; the default growth would reserve for four.
                mailboxes: Vec::with_capacity(1),
                sequence: 0,
            });
            tabs.mailboxes.push(Arc::clone(&mailbox));
            self.changed(&mut tabs)
        };
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.wheel.add(&mailbox);
        Registered { connection: Connection::new(session, mailbox), presence }
    }

    /// Removes this connection and no other; `None` if it is gone already.
    pub fn remove(&self, session: SessionId, connection: ConnectionId) -> Option<Removed> {
        let Entry::Occupied(mut entry) = self.sessions.entry(session) else { return None };
        let tabs = entry.get_mut();
        let at = tabs.mailboxes.iter().position(|mailbox| mailbox.id == connection)?;
        let removed = tabs.mailboxes.swap_remove(at);
        let presence = self.changed(tabs);
        if presence.count == 0 {
            entry.remove();
        } else {
            drop(entry);
        }
        self.connections.fetch_sub(1, Ordering::Relaxed);
        // Outside the shard's lock: what still waited may hold the last clone of an eviction.
        removed.close();
        Some(Removed { presence })
    }

    /// Hands the eviction to every connection of the session; answers how many took it. Those that are being
    /// put out already do not. They leave the registry by their own `remove`.
    pub fn evict(&self, session: SessionId, eviction: &Arc<Eviction>) -> usize {
        self.send(session, &Command::Evict(Arc::clone(eviction)))
    }

    /// Sends a command to every connection of a session; answers how many took it.
    pub fn send(&self, session: SessionId, command: &Command) -> usize {
        // A copy, because posting can drop commands and must not do so under the shard's lock.
        let mailboxes = self.sessions.get(&session).map(|tabs| tabs.mailboxes.clone()).unwrap_or_default();
        mailboxes.iter().filter(|mailbox| mailbox.post(command.clone())).count()
    }

    /// Sends to every connection what `command` makes for it.
    pub fn send_all(&self, mut command: impl FnMut() -> Command) {
        let mut mailboxes = Vec::with_capacity(self.len());
        for tabs in &self.sessions {
            mailboxes.extend(tabs.mailboxes.iter().cloned());
        }
        for mailbox in mailboxes {
            mailbox.post(command());
        }
    }

    /// The sessions with connections here that `wanted` takes, with what the node holds of each. A snapshot; its
    /// sequences are those of the last changes, so that who has heard of a change already finds nothing new.
    pub fn sessions(&self, wanted: impl Fn(SessionId) -> bool) -> Vec<(SessionId, Presence)> {
        let here = self.sessions.iter().filter(|tabs| wanted(*tabs.key()));
        here.map(|tabs| (*tabs.key(), self.presence(&tabs))).collect()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many sessions have a connection.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers a change. The caller holds the shard's lock, so that a session's counts and sequences agree.
    fn changed(&self, tabs: &mut Tabs) -> Presence {
        tabs.sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        self.presence(tabs)
    }

    fn presence(&self, tabs: &Tabs) -> Presence {
        let count = u16::try_from(tabs.mailboxes.len()).unwrap_or(u16::MAX);
        Presence { node: self.node, count, sequence: tabs.sequence }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NODE, notice, session};
    use super::*;

    #[tokio::test]
    async fn a_late_goodbye_does_not_remove_the_successor() {
        let hub = Hub::new(NODE, Duration::from_secs(30));
        let old = hub.register(session(1));
        let new = hub.register(session(1));
        assert_eq!((old.presence.count, new.presence.count), (1, 2));
        let left = hub.remove(session(1), old.connection.id).unwrap();
        assert_eq!(left.presence.count, 1);
        assert!(hub.remove(session(1), old.connection.id).is_none(), "a goodbye counts once");
        assert_eq!(hub.len(), 1);
        assert_eq!(hub.send(session(1), &notice("you are there")), 1);
        assert_eq!(hub.remove(session(1), new.connection.id).unwrap().presence.count, 0);
        assert!(hub.sessions(|_| true).is_empty());
    }

    #[tokio::test]
    async fn presence_is_numbered_upwards_even_when_a_session_comes_back() {
        let hub = Hub::new(NODE, Duration::from_secs(30));
        let first = hub.register(session(1));
        let last = hub.remove(session(1), first.connection.id).unwrap();
        let again = hub.register(session(1));
        assert!(first.presence.sequence < last.presence.sequence);
        assert!(last.presence.sequence < again.presence.sequence);
        assert_eq!(hub.sessions(|_| true), [(session(1), again.presence)]);
        assert!(hub.sessions(|id| id != session(1)).is_empty());
    }

    #[tokio::test]
    async fn a_command_for_one_session_leaves_the_others_alone() {
        let hub = Hub::new(NODE, Duration::from_secs(30));
        let _first = hub.register(session(1));
        let _tab = hub.register(session(1));
        let _other = hub.register(session(2));
        assert_eq!(hub.send(session(1), &notice("for two")), 2);
        assert_eq!(hub.send(session(3), &notice("for nobody")), 0);
        let mut made = 0;
        hub.send_all(|| {
            made += 1;
            notice("for all")
        });
        assert_eq!(made, 3);
    }
}
