use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::domain::{Record, SessionId, Timestamp};

/// How many checks are remembered at most; about 60 MB.
const CAPACITY: usize = 100_000;

/// Checks answered from memory, where the operator allowed it (`check_cache`).
///
/// An entry goes when the message of its end arrives or it is too old. A read that was under way when any
/// message arrived is not remembered, so that a stale answer never outlives the message.
pub(super) struct CheckCache {
    ttl: Duration,
    ended: AtomicU64,
    entries: DashMap<SessionId, (Instant, Record)>,
}

/// When a read began, in numbers of ends.
pub(super) struct ReadTicket(u64);

impl CheckCache {
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, ended: AtomicU64::new(0), entries: DashMap::new() }
    }

    /// A live record read at most `ttl` ago and not past its deadline at `now`.
    pub fn get(&self, id: SessionId, now: Timestamp) -> Option<Record> {
        let entry = self.entries.get(&id)?;
        let fresh = entry.0.elapsed() < self.ttl && entry.1.session.lapsed(now).is_none();
        fresh.then(|| entry.1.clone())
    }

    pub fn begin(&self) -> ReadTicket {
        ReadTicket(self.ended.load(Ordering::Acquire))
    }

    /// Remembers a live record whose read began with `ticket` and at `read_at`.
    pub fn put(&self, ticket: &ReadTicket, read_at: Instant, record: &Record) {
        if self.entries.len() >= CAPACITY {
            self.entries.retain(|_, (at, _)| at.elapsed() < self.ttl);
            if self.entries.len() >= CAPACITY {
                return;
            }
        }
        self.entries.insert(record.session.id, (read_at, record.clone()));
        // An end that slipped in between the read and the insertion found nothing to remove.
        if self.ended.load(Ordering::Acquire) != ticket.0 {
            self.entries.remove(&record.session.id);
        }
    }

    pub fn ended(&self, id: SessionId) {
        self.ended.fetch_add(1, Ordering::AcqRel);
        self.entries.remove(&id);
    }
}
