//! The connections of this node.
//!
//! Owns: which connection belongs to which session (`registry`), the bounded mailbox of each (`mailbox`), the
//! life of one WebSocket after it was authenticated (`connection`, with `client` and over `socket`), what a
//! client may not do (`refusal`), and one timer for all heartbeats (`wheel`). Refuses to know of the store: it
//! returns facts.
//! Invariants: one task a connection; removal is by connection id, so that a late goodbye never removes a
//! successor; every mailbox and every write is bounded; an evicted connection is told once and cut within
//! 2 s whether it reads or not; no callback of an [`Eviction`] runs under a lock of the hub.

mod client;
mod connection;
mod mailbox;
mod refusal;
mod registry;
pub(crate) mod socket;
#[cfg(test)]
pub(crate) mod testing;
mod wheel;

pub use connection::{Connection, Fact, Postbox};
pub use refusal::Refusal;
pub use registry::{ConnectionId, Hub};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Tombstone;
use crate::protocol::CloseCode;

/// How long a connection that was told to go may stay.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// An ended session, on its way to the sockets that hang on it. When the last socket has been told or has
/// failed, the last clone is dropped, and `on_delivered` runs: that is what a confirmed kick waits for.
pub struct Eviction {
    pub end: Tombstone,
    /// Called by each connection when `force_logout` has been written to its socket.
    pub on_written: Option<Box<dyn Fn() + Send + Sync>>,
    /// Called once, when every connection has been told or is gone.
    pub on_delivered: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl fmt::Debug for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eviction").field("reason", &self.end.reason).finish_non_exhaustive()
    }
}

impl Drop for Eviction {
    fn drop(&mut self) {
        if let Some(on_delivered) = self.on_delivered.take() {
            on_delivered();
        }
    }
}

/// What the node tells one connection. Bounded mailbox; a connection whose mailbox is full is cut.
#[derive(Clone)]
pub enum Command {
    /// The session ended: tell why, close, cut.
    Evict(Arc<Eviction>),
    /// A message for people.
    Notice { level: Arc<str>, text: Arc<str> },
    /// The node goes away: say so at once, close with 1012 after `close_in`.
    Restart { retry_after: Duration, close_in: Duration },
    /// Something that the client asked for was not done; the connection stays.
    Error(Refusal),
    /// Close with this code.
    Close(CloseCode),
    /// The wheel says that it is time for a ping; without a sign of life since the last one, time to go (4408).
    Heartbeat,
}
