//! The WebSocket protocol `hotseat.v1`, as `docs/protocol.md` tells it.
//!
//! ```text
//! client                                    server
//!   | -- auth, or a credential in the handshake → |
//!   | ← welcome ------------------------------- - |
//!   | -- ping / activity / logout ------------- → |
//!   | ← pong / notice / restarting ------------ - |
//!   | ← force_logout, then nothing but close -- - |
//! ```
//!
//! | close | constant | reconnect |
//! | --- | --- | --- |
//! | 4401 | `UNKNOWN_TOKEN` | no |
//! | 4403 | `KICKED` | no |
//! | 4408 | `SILENT` | yes |
//! | 4409 | `TAKEN_OVER` | no |
//! | 4410 | `EXPIRED` | no |
//! | 4412 | `REPLACED` | once, with the current cookie |
//! | 4429 | `TOO_MANY` | yes, later |
//! | 4440 | `LOGGED_OUT` | no |
//! | 1008, 1009 | `NOT_THE_PROTOCOL`, `TOO_LONG` | no |
//! | 1012, 1013 | `RESTARTING`, `STORE_LOST` | yes, with full-jitter backoff |

use serde::{Deserialize, Serialize};

use crate::domain::{By, Reason, Timestamp, Tombstone};

/// The subprotocol; a client that offers none gets the same.
pub const SUBPROTOCOL: &str = "hotseat.v1";
/// A second subprotocol of this prefix carries the token: `bearer.hs1.…`.
pub const BEARER_SUBPROTOCOL: &str = "bearer.";
/// The longest message that a client may send, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// How many messages a client may send in a minute.
pub const MAX_MESSAGES_PER_MINUTE: u32 = 100;

/// A close code (RFC 6455, 7.4) of Hotseat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    pub const UNKNOWN_TOKEN: Self = Self(4401);
    pub const KICKED: Self = Self(4403);
    pub const SILENT: Self = Self(4408);
    pub const TAKEN_OVER: Self = Self(4409);
    pub const EXPIRED: Self = Self(4410);
    pub const REPLACED: Self = Self(4412);
    pub const TOO_MANY: Self = Self(4429);
    pub const LOGGED_OUT: Self = Self(4440);
    pub const NOT_THE_PROTOCOL: Self = Self(1008);
    pub const TOO_LONG: Self = Self(1009);
    pub const RESTARTING: Self = Self(1012);
    pub const STORE_LOST: Self = Self(1013);

    /// The code that a session ended for `reason` is closed with.
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::Takeover => Self::TAKEN_OVER,
            Reason::Replaced => Self::REPLACED,
            Reason::Kicked | Reason::Disabled => Self::KICKED,
            Reason::Expired | Reason::Idle => Self::EXPIRED,
            Reason::Logout => Self::LOGGED_OUT,
        }
    }
}

/// What the client sends. Unknown members are ignored, an unknown type is not the protocol.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    Auth {
        token: String,
    },
    Ping,
    /// A person did something.
    Activity,
    Logout,
}

/// What the server sends.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a, S: Serialize> {
    Welcome {
        session: &'a S,
        server_time: Timestamp,
        heartbeat_s: u64,
    },
    ForceLogout {
        reason: Reason,
        at: Timestamp,
        by: Option<&'a By>,
        /// For people who read logs; clients go by `reason`.
        message: &'a str,
        /// Always false: a new login is needed.
        reconnect: bool,
    },
    Notice {
        level: &'a str,
        text: &'a str,
    },
    Restarting {
        retry_after_ms: u64,
    },
    Error {
        code: &'a str,
    },
    Pong,
}

impl<'a> ServerMessage<'a, ()> {
    /// What an ended session is told.
    pub fn force_logout(end: &'a Tombstone) -> Self {
        Self::ForceLogout {
            reason: end.reason,
            at: end.at,
            by: end.by.as_ref(),
            message: explain(end.reason),
            reconnect: false,
        }
    }
}

impl<S: Serialize> ServerMessage<'_, S> {
    /// The text frame. Serializing these types cannot fail.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One English sentence for people; programs go by the reason.
pub const fn explain(reason: Reason) -> &'static str {
    match reason {
        Reason::Takeover => "Another device signed in and took this seat.",
        Reason::Replaced => "This device signed in again; a newer session replaced this one.",
        Reason::Kicked => "This session was ended by an administrator.",
        Reason::Disabled => "This account was disabled.",
        Reason::Expired => "This session reached its end.",
        Reason::Idle => "This session was not used for too long.",
        Reason::Logout => "This session was signed out.",
    }
}

#[cfg(test)]
mod tests;
