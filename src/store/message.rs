//! What travels on a user's channel, as JSON, between nodes of one version or the next:
//! `{"op":"ended","user":…,"generation":…,"at_us":…,"by":…,"confirm":true,"sessions":[["<id>","takeover",<ms>],…]}`
//! (`confirm` only where it is true) and
//! `{"op":"ack","user":…,"generation":…,"node":…}`. Unknown members are ignored, an unknown `op` too.

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
}
