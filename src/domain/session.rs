//! A session, how it ends, and what is told of it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Device, FieldError, Generation, NodeId, SessionId, Timestamp, TokenHash, UserId};

/// A role of a session: 1 to 64 characters, none of them a control character, a comma or a space, so that a
/// list of roles fits one header.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Role(String);

impl Role {
    /// How many roles a session may have.
    pub const MAX_COUNT: usize = 16;
    pub const MAX_CHARS: usize = 64;

    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let right = !text.is_empty()
            && text.chars().count() <= Self::MAX_CHARS
            && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',');
        right.then(|| Self(text.to_owned())).ok_or_else(|| {
            FieldError::new("roles", "must each have 1 to 64 characters, no space and no comma")
        })
    }

    /// A role read back from the store, which only holds valid ones.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Reason {
    /// A newer login took the seat.
    Takeover = 1,
    /// The same device logged in again.
    Replaced = 2,
    /// An administrator or an API key ended it.
    Kicked = 3,
    /// The user was disabled.
    Disabled = 4,
    /// It reached its absolute end.
    Expired = 5,
    /// It was unseen for `idle_ttl`.
    Idle = 6,
    /// It logged out, or another session of its user logged it out.
    Logout = 7,
}

impl Reason {
    pub const ALL: [Self; 7] = [
        Self::Takeover,
        Self::Replaced,
        Self::Kicked,
        Self::Disabled,
        Self::Expired,
        Self::Idle,
        Self::Logout,
    ];

    /// The number that stands in a stored record; 0 there means live.
    pub const fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Takeover => "takeover",
            Self::Replaced => "replaced",
            Self::Kicked => "kicked",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Logout => "logout",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| FieldError::new("reason", "must be a reason"))
    }
}

/// By whom a session was ended, as the ended device is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct By {
    /// The newer session for `takeover` and `replaced`, the asking one for `logout`.
    #[schema(value_type = uuid::Uuid)]
    pub session_id: SessionId,
    pub device: Device,
    /// As `notice_ip` says: whole, masked, or null.
    pub ip: Option<String>,
}

/// The record of why a session ended, kept 7 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tombstone {
    pub reason: Reason,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub by: Option<By>,
}

impl Tombstone {
    /// How long a tombstone is kept, in milliseconds.
    pub const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;
}

/// How many connections of a session one node holds.
///
/// `sequence` rises with every change on that node, so that a late message never undoes a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    pub node: NodeId,
    pub count: u16,
    /// Below 2^48.
    pub sequence: u64,
}

/// One login on one device, as the store knows it, without its `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub generation: Generation,
    pub token_hash: TokenHash,
    pub device: Device,
    /// In short form; see [`super::UserAgent`].
    pub user_agent: String,
    pub ip: Option<IpAddr>,
    pub roles: Vec<Role>,
    pub created_at: Timestamp,
    /// The last HTTP use, connect, disconnect or `activity` message.
    pub seen_at: Timestamp,
    /// When it ends whatever it does.
    pub absolute_at: Timestamp,
    /// How long it may stay unseen, in milliseconds.
    pub idle_ttl_ms: u64,
    /// By node; the node of the latest connection last. Nodes that no longer renew still stand here.
    pub presence: Vec<Presence>,
}

impl Session {
    /// How many connections a session may have over all nodes.
    pub const MAX_CONNECTIONS: u16 = 16;

    /// When it ends if nobody uses it: `expires_at` in the API.
    pub fn deadline(&self) -> Timestamp {
        self.absolute_at.min(self.seen_at.plus_millis(self.idle_ttl_ms))
    }

    /// Why it is over at `now` by its deadline alone, if it is.
    pub fn lapsed(&self, now: Timestamp) -> Option<Reason> {
        if self.absolute_at <= now {
            Some(Reason::Expired)
        } else {
            (self.deadline() <= now).then_some(Reason::Idle)
        }
    }
}

/// What the store answers about a session id: the session, live or ended.
///
/// `end` is set for an ended session, and by the engine also for one whose deadline has passed but that
/// nobody has swept yet: for every reader it is over (reason `expired` or `idle`, at its deadline).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub session: Session,
    pub end: Option<Tombstone>,
    /// JSON text of at most 4 KiB; always `None` where the operation says that it does not read it.
    pub data: Option<String>,
    /// Connections on the nodes that are renewing.
    pub connections: u32,
    /// The renewing nodes that hold them, that of the latest connection last.
    pub nodes: Vec<NodeId>,
}

impl Record {
    pub fn is_live(&self) -> bool {
        self.end.is_none()
    }

    /// The node of the latest connection, if it is renewing and still holds one.
    pub fn node(&self) -> Option<NodeId> {
        self.nodes.last().copied()
    }
}
