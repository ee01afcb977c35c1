//! What nodes say of themselves, and what the store says of itself.

use crate::domain::{NodeId, Timestamp, UserId};

/// What a node has last said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub node: NodeId,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// JSON of the enforcer's making, a kilobyte or so.
    pub body: String,
    /// Samples of its figures, oldest first: JSON each, with when it was taken.
    pub recent: Vec<(Timestamp, String)>,
    /// The same more coarsely, for longer.
    pub coarse: Vec<(Timestamp, String)>,
}

impl Report {
    /// A sample every 10 s, for an hour.
    pub const RECENT: usize = 360;
    /// One every 5 min, for a day.
    pub const COARSE: usize = 288;
    pub const COARSE_EVERY_MS: u64 = 5 * 60 * 1000;
    /// How many nodes are remembered, those that spoke last: each start of a node is another one.
    pub const MAX_COUNT: usize = 256;
    /// Of how many of them the samples are read at once: some 100 KB each.
    pub const MAX_SAMPLED: usize = 64;
    /// A node that has said nothing for so long is no longer listed, in milliseconds.
    pub const KEPT_MS: u64 = 24 * 60 * 60 * 1000;
}

/// Over which time takeovers are counted: begins at midnight UTC, weeks on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    Day,
    Week,
}

impl Period {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;

    /// The number of the period at `now`: days since 1970-01-01, or weeks since Monday 1969-12-29.
    pub(crate) fn number(self, now: Timestamp) -> u64 {
        let day = now.as_millis() / Self::DAY_MS;
        match self {
            Self::Day => day,
            // 1970-01-01 was a Thursday.
            Self::Week => (day + 3) / 7,
        }
    }

    /// When the running period began.
    pub fn since(self, now: Timestamp) -> Timestamp {
        let day = match self {
            Self::Day => self.number(now),
            Self::Week => (self.number(now) * 7).saturating_sub(3),
        };
        Timestamp::from_millis(day * Self::DAY_MS)
    }

    /// Its name in a key: `d<day>` or `w<week>`.
    pub(crate) fn name(self, now: Timestamp) -> String {
        let letter = match self {
            Self::Day => 'd',
            Self::Week => 'w',
        };
        format!("{letter}{}", self.number(now))
    }
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
    /// Reads of keys since it started.
    pub reads: Option<u64>,
    /// Of these, found ones, 0 to 1.
    pub hit_rate: Option<f64>,
    pub keys: Option<u64>,
    pub replicas: Option<u64>,
    /// Of the replica furthest behind.
    pub replication_lag_bytes: Option<u64>,
    /// One round trip just now, in microseconds.
    pub round_trip_us: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_and_weeks_on_monday() {
        // Sunday 2026-11-22, 23:59:59.999, and Monday.
        let sunday = Timestamp::from_millis(1_795_391_999_999);
        let monday = sunday.plus_millis(1);
        assert_eq!(sunday.to_string(), "2026-11-22T23:59:59.999Z");
        assert_eq!(Period::Day.since(sunday).to_string(), "2026-11-22T00:00:00.000Z");
        assert_eq!(Period::Week.since(sunday).to_string(), "2026-11-16T00:00:00.000Z");
        assert_eq!((Period::Day.since(monday), Period::Week.since(monday)), (monday, monday));
        assert_eq!(Period::Day.number(monday), Period::Day.number(sunday) + 1);
        assert_eq!(Period::Week.number(monday), Period::Week.number(sunday) + 1);
        assert_eq!(Period::Week.since(Timestamp::default()), Timestamp::default());
        // A Saturday.
        let now: Timestamp = serde_json::from_value("2026-11-21T14:23:00Z".into()).unwrap();
        assert_eq!(Period::Day.since(now).to_string(), "2026-11-21T00:00:00.000Z");
        assert_eq!(Period::Week.since(now).to_string(), "2026-11-16T00:00:00.000Z");
        let monday = Period::Week.since(now);
        assert_eq!(Period::Week.since(monday), monday);
    }
}
