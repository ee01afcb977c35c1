//! Why a client is turned away: one table of words and close codes.

use crate::protocol::CloseCode;

/// Why the node turns a client away, itself at fault or not. Told as `{"type":"error","code":…}`, then closed.
///
/// | code | close |
/// | --- | --- |
/// | `malformed-message`, `binary-message` | 1008 |
/// | `not-authenticated`, `already-authenticated` | 1008 |
/// | `message-too-long` | 1009 |
/// | `too-many-messages`, `too-many-connections` | 4429 |
/// | `invalid-token` | 4401 |
/// | `auth-timeout` | 4408 |
/// | `store-unavailable` | 1013 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not JSON, an unknown type, a broken frame, or text that is not UTF-8.
    Malformed,
    /// The protocol has no binary messages.
    Binary,
    /// Something else came before `auth`.
    NotAuthenticated,
    /// `auth` on a connection that is authenticated.
    AlreadyAuthenticated,
    /// Beyond [`MAX_MESSAGE_BYTES`](crate::protocol::MAX_MESSAGE_BYTES).
    TooLong,
    /// Beyond [`MAX_MESSAGES_PER_MINUTE`](crate::protocol::MAX_MESSAGES_PER_MINUTE).
    TooManyMessages,
    /// The session has all the connections that it may have.
    TooManyConnections,
    InvalidToken,
    /// No `auth` in time.
    AuthTimeout,
    StoreUnavailable,
}

impl Refusal {
    /// The word that clients go by.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed-message",
            Self::Binary => "binary-message",
            Self::NotAuthenticated => "not-authenticated",
            Self::AlreadyAuthenticated => "already-authenticated",
            Self::TooLong => "message-too-long",
            Self::TooManyMessages => "too-many-messages",
            Self::TooManyConnections => "too-many-connections",
            Self::InvalidToken => "invalid-token",
            Self::AuthTimeout => "auth-timeout",
            Self::StoreUnavailable => "store-unavailable",
        }
    }

    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Malformed | Self::Binary | Self::NotAuthenticated | Self::AlreadyAuthenticated => {
                CloseCode::NOT_THE_PROTOCOL
            }
            Self::TooLong => CloseCode::TOO_LONG,
            Self::TooManyMessages | Self::TooManyConnections => CloseCode::TOO_MANY,
            Self::InvalidToken => CloseCode::UNKNOWN_TOKEN,
            Self::AuthTimeout => CloseCode::SILENT,
            Self::StoreUnavailable => CloseCode::STORE_LOST,
        }
    }
}
