//! What nodes say of themselves, and what the store says of itself.

use crate::domain::{NodeId, Timestamp, UserId};

/// What a node has last said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub node: NodeId,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// JSON of the enforcer's making, at most [`Report::MAX_BYTES`].
    pub body: String,
    /// Samples of its figures, oldest first: JSON each, with when it was taken.
    pub recent: Vec<(Timestamp, String)>,
    /// The same more coarsely, for longer.
    pub coarse: Vec<(Timestamp, String)>,
}

impl Report {
    pub const MAX_BYTES: usize = 4096;
    /// A sample every 10 s, for an hour.
    pub const RECENT: usize = 360;
    /// One every 5 min, for a day.
    pub const COARSE: usize = 288;
    pub const COARSE_EVERY_MS: u64 = 5 * 60 * 1000;
    /// A node that has said nothing for so long is no longer listed, in milliseconds.
    pub const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
}

/// Over which time takeovers are counted: begins at midnight UTC, weeks on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    Day,
    Week,
}

/// How often a user was taken over in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contested {
    pub user: UserId,
    pub takeovers: u64,
}

/// How the store is doing, for the administrator's panel. What an engine does not have is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreStatus {
    /// Such as `Redis 7.0.15 (standalone)`.
    pub description: String,
    /// One for each primary; the embedded engine has one.
    pub servers: Vec<ServerStatus>,
    /// What makes it unfit, and what is risky. Each completes "the store …".
    pub faults: Vec<String>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerStatus {
    /// Its address, or the directory of the embedded store.
    pub name: String,
    pub version: Option<String>,
    pub uptime_s: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// 0: no limit.
    pub memory_max_bytes: Option<u64>,
    /// On disk, for the embedded engine.
    pub disk_bytes: Option<u64>,
    pub clients: Option<u64>,
    pub commands_per_s: Option<u64>,
    /// Of reads of keys, found ones, 0 to 1.
    pub hit_rate: Option<f64>,
    pub keys: Option<u64>,
    pub replicas: Option<u64>,
    /// Of the replica furthest behind.
    pub replication_lag_bytes: Option<u64>,
    /// One round trip just now, in microseconds.
    pub round_trip_us: Option<u64>,
}
