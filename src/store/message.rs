//! What travels on a user's channel, as JSON, between nodes of one version or the next:
//! `{"op":"ended","user":…,"generation":…,"at_us":…,"by":…,"confirm":true,"sessions":[["<id>","takeover",<ms>],…]}`
//! (`confirm` only where it is true) and
//! `{"op":"ack","user":…,"generation":…,"node":…}` and
//! `{"op":"notice","to":{"user":…}|{"role":…}|"everybody","level":…,"text":…}`. Unknown members are ignored, an unknown `op` too.

use serde::{Deserialize, Serialize};

use crate::domain::{By, Generation, Reason, SessionId};

/// A session that ended, why, and when by its tombstone, in milliseconds since the epoch: for a lapsed one that
/// is its deadline, which may be long before somebody noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession(pub SessionId, pub Reason, pub u64);

/// Sessions of one user that ended in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub user: String,
    /// Of the login that ended them; for other causes the highest generation of the user's partition.
    pub generation: Generation,
    /// The store's clock when it decided, in microseconds since the epoch.
    pub at_us: u64,
    pub by: Option<By>,
    /// The login waits for the nodes to acknowledge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
    pub sessions: Vec<EndedSession>,
}

/// A message on a user's channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Message {
    Ended(Ended),
    /// The node (16 hexadecimal digits) has put out all its connections that the login ended.
    Ack {
        user: String,
        generation: Generation,
        node: String,
    },
    /// For devices that are connected: on a user's channel, or on the one that every node holds.
    Notice(Notification),
}

impl Message {
    /// On whose channel it travels; `None`: on that of every node.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Ended(ended) => Some(&ended.user),
            Self::Ack { user, .. } => Some(user),
            Self::Notice(notification) => notification.to.user(),
        }
    }
}

/// To whom a notification goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    User(String),
    Role(String),
    Everybody,
}

impl Audience {
    /// The user, if it is one.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(user),
            Self::Role(_) | Self::Everybody => None,
        }
    }
}

/// How it is meant, for whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warning,
    Critical,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A text for the people at the devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    pub to: Audience,
    pub level: Level,
    /// At most [`Notification::MAX_CHARS`] characters.
    pub text: String,
}

impl Notification {
    pub const MAX_CHARS: usize = 512;
}
