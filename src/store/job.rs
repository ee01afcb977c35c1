//! Long acts of administrators, which outlive the node that carries them out.
//!
//! A job is one record with a lease: whichever node finds it free goes on where it stands. Its steps may be repeated.

use crate::domain::{NodeId, Role, Timestamp};

use super::{Act, Place};

/// Whose sessions a job ends, of those that were live when it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobTarget {
    Everybody,
    Role(Role),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Running,
    Done,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// UUID v7.
    pub id: uuid::Uuid,
    pub target: JobTarget,
    /// Sessions that are spared: that of the administrator who asks, if any.
    pub spare: Option<crate::domain::SessionId>,
    pub act: Act,
    /// By the store's clock; set by it.
    pub created_at: Timestamp,
    pub state: JobState,
    /// Where it stands; `None`: not begun.
    pub at: Option<Place>,
    /// Sessions looked at, and ended, until now.
    pub seen: u64,
    pub ended: u64,
    /// Live sessions when it was begun: what `seen` is to be held against.
    pub total: u64,
    /// When it was done or cancelled, by the store's clock.
    pub finished_at: Option<Timestamp>,
    /// Who carries it out just now.
    pub node: Option<NodeId>,
}

impl Job {
    /// How many are kept, running and finished together; a further one is refused while all of them run.
    pub const MAX_COUNT: usize = 64;
    /// How long a finished one is kept, in milliseconds.
    pub const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
    /// A node that has not said a word for so long has lost its job, in milliseconds.
    pub const LEASE_MS: u64 = 10_000;
}
