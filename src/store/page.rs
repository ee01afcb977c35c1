//! A walk over the live sessions, page by page.
//!
//! Order: by partition, within one by user and id. Invariant: a session that stands still is on exactly one page of
//! a walk, whatever comes and goes meanwhile.

use crate::domain::{DeviceClass, NodeId, Partition, Record, Role, SessionId, UserId};

/// Which sessions are wanted; all that is set has to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub user: Option<UserId>,
    /// How the user's id begins; at most 128 bytes.
    pub prefix: Option<String>,
    /// Holds the latest connection.
    pub node: Option<NodeId>,
    pub class: Option<DeviceClass>,
    pub role: Option<Role>,
}

/// The last place that a page has looked at: the next one begins behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub partition: Partition,
    /// The last session looked at there; `None`: the partition was looked at to its end.
    pub last: Option<(UserId, SessionId)>,
}

/// One page of a walk.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// With their data.
    pub sessions: Vec<Record>,
    /// Where the next page begins; `None` at the end. A page that has used its time ends early, even empty.
    pub next: Option<Place>,
}
