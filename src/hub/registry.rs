use std::sync::Arc;
use std::time::Duration;

use super::{Command, Connection, Eviction};
use crate::domain::{NodeId, Presence, SessionId, UserId};

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

pub struct Hub;

#[allow(unused_variables)]
impl Hub {
    pub fn new(node: NodeId, heartbeat: Duration) -> Arc<Self> {
        unimplemented!()
    }

    /// Adds a connection of `session`.
    pub fn register(self: &Arc<Self>, session: SessionId, user: &UserId) -> Registered {
        unimplemented!()
    }

    /// Removes this connection and no other; `None` if it is gone already.
    pub fn remove(&self, session: SessionId, connection: ConnectionId) -> Option<Removed> {
        unimplemented!()
    }

    /// Hands the eviction to every connection of the session; answers how many. They leave the registry by
    /// their own `remove`.
    pub fn evict(&self, session: SessionId, eviction: &Arc<Eviction>) -> usize {
        unimplemented!()
    }

    /// Sends a command to every connection of a session; answers how many.
    pub fn send(&self, session: SessionId, command: &Command) -> usize {
        unimplemented!()
    }

    /// Sends to every connection what `command` makes for it.
    pub fn send_all(&self, command: impl FnMut() -> Command) {
        unimplemented!()
    }

    /// The sessions with connections here, with what the node holds of each. A snapshot.
    pub fn sessions(&self) -> Vec<(SessionId, Presence)> {
        unimplemented!()
    }

    /// The user of a session that has a connection here.
    pub fn user_of(&self, session: SessionId) -> Option<UserId> {
        unimplemented!()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        unimplemented!()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
