use super::ConnectionId;
use crate::domain::{SessionId, UserId};

/// What a connection reports to whoever runs it.
#[derive(Debug, PartialEq, Eq)]
pub enum Fact {
    /// A person did something.
    Activity,
    /// The client logs out: end the session; the eviction comes back as a command.
    Logout,
    /// The socket is closed or cut. Nothing follows.
    Closed,
}

/// One registered connection: its identity and its mailbox.
pub struct Connection {
    pub id: ConnectionId,
    pub session: SessionId,
    pub user: UserId,
}
