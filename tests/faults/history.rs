//! What the clients of one user did and saw, in the harness's own time: all that the judge knows.

use std::collections::BTreeSet;
use std::fmt;

/// Microseconds since the run began, by the one clock of the harness.
pub type Us = u64;
/// A session's public id.
pub type Id = String;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    KickOld,
    DenyNew,
}

/// Everything about one user.
#[derive(Debug, Clone)]
pub struct History {
    pub user: String,
    pub seats: usize,
    pub on_full: OnFull,
    /// In the order in which they ended.
    pub calls: Vec<Call>,
    pub sockets: Vec<SocketLife>,
}

/// One HTTP call.
#[derive(Debug, Clone)]
pub struct Call {
    pub began: Us,
    pub ended: Us,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Login { device: String, saw: LoginSeen },
    End { how: How, saw: EndSeen },
    Enable { saw: EndSeen },
    Check { session: Id, saw: CheckSeen },
    List { saw: ListSeen },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginSeen {
    Seated {
        id: Id,
        user: String,
        generation: u64,
        replaced: Vec<Id>,
        confirmed: bool,
    },
    /// The seats are full: those who hold them.
    Full(Vec<Id>),
    Disabled,
    /// Whether it counts is not known.
    Failed(Failure),
}

/// What ends sessions other than a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    Kick(Id),
    KickAll,
    Logout(Id),
    Disable,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndSeen {
    /// Done. Those that it ended, where the answer says so.
    Done(Option<Vec<Id>>),
    /// Told that the session of the caller has ended before.
    Ended(Tombstone),
    /// Told that there was never such a session.
    Unknown,
    /// Whether it counts is not known.
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckSeen {
    Live {
        id: Id,
        user: String,
    },
    Ended(Tombstone),
    /// 401 `invalid-token`.
    Unknown,
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSeen {
    Sessions { ids: Vec<Id>, users: BTreeSet<String> },
    Failed(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    pub reason: String,
    pub by: Option<Id>,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// An honest "can't say": 503.
    Unavailable,
    /// No answer: cut, or too late.
    NoAnswer,
    /// The node could not be connected to: nothing was asked.
    NotSent,
    /// An answer that nobody promised.
    Odd(String),
}

/// One WebSocket, from the attempt to its end.
#[derive(Debug, Clone)]
pub struct SocketLife {
    pub session: Id,
    pub opened: Us,
    pub heard: Vec<(Us, Heard)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Welcome {
        id: Id,
        user: String,
    },
    Out(Tombstone),
    /// `restarting`.
    Restarting,
    /// An `error` with this code.
    Error(String),
    Closed(u16),
    /// The connection ended without a close frame.
    Cut,
    /// The handshake was refused, with this status (0: no connection).
    Refused(u16),
    /// The client itself has closed.
    Left,
    Odd(String),
}

impl SocketLife {
    pub fn welcomed(&self) -> Option<Us> {
        self.heard.iter().find(|(_, heard)| matches!(heard, Heard::Welcome { .. })).map(|(at, _)| *at)
    }

    /// When and how the device was told that it is out.
    pub fn out(&self) -> Option<(Us, &Tombstone)> {
        self.heard.iter().find_map(|(at, heard)| match heard {
            Heard::Out(tombstone) => Some((*at, tombstone)),
            _ => None,
        })
    }

    /// When the connection was over, by whoever's doing.
    pub fn over(&self) -> Option<Us> {
        let over =
            |heard: &Heard| matches!(heard, Heard::Closed(_) | Heard::Cut | Heard::Refused(_) | Heard::Left);
        self.heard.iter().find(|(_, heard)| over(heard)).map(|(at, _)| *at)
    }
}

impl fmt::Display for History {
    /// In the order of time: a line for each call, and for each thing that a socket heard.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls =
            self.calls.iter().map(|call| (call.began, format!("until {} {:?}", call.ended, call.what)));
        let sockets = self.sockets.iter().enumerate().flat_map(|(number, socket)| {
            let opened = (socket.opened, format!("socket {number} of {} opens", socket.session));
            let heard =
                socket.heard.iter().map(move |(at, heard)| (*at, format!("socket {number} {heard:?}")));
            std::iter::once(opened).chain(heard)
        });
        let mut lines: Vec<_> = calls.chain(sockets).collect();
        lines.sort();
        writeln!(f, "{}: {} seats, {:?}", self.user, self.seats, self.on_full)?;
        lines.iter().try_for_each(|(at, line)| writeln!(f, "{at:>9} {line}"))
    }
}
