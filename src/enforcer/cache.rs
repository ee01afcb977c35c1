//! Checks answered from memory, where the operator allowed it (`check_cache`).
//!
//! Owns a bounded number of live records. Refuses to remember ends, unknown tokens and data. Invariant: no answer
//! outlives the message of its end, nor `check_cache` where that message is lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::domain::{Record, SessionId, Timestamp};

/// How many checks are remembered at most; about 60 MB.
const CAPACITY: usize = 100_000;
/// A full cache looks for entries that are too old this often in each `ttl`, and not with every check.
const CLEARANCES: u32 = 4;

/// What was found live lately. An entry goes when the message of its end arrives or it is too old. A read that
/// was under way when any message arrived is not remembered, so that a stale answer never outlives the
/// message.
pub struct CheckCache {
    ttl: Duration,
    capacity: usize,
    ended: AtomicU64,
    /// When a full cache last looked for entries that are too old.
    cleared: Mutex<Option<Instant>>,
    entries: DashMap<SessionId, (Instant, Arc<Record>)>,
}

/// When a read began, in numbers of ends.
pub struct ReadTicket(u64);

impl CheckCache {
    pub fn new(ttl: Duration) -> Self {
        Self::with_capacity(ttl, CAPACITY)
    }

    fn with_capacity(ttl: Duration, capacity: usize) -> Self {
        Self { ttl, capacity, ended: AtomicU64::new(0), cleared: Mutex::default(), entries: DashMap::new() }
    }

    /// A live record read at most `ttl` ago and not past its deadline at `now`.
    pub fn get(&self, id: SessionId, now: Timestamp) -> Option<Arc<Record>> {
        let entry = self.entries.get(&id)?;
        let fresh = entry.0.elapsed() < self.ttl && entry.1.session.lapsed(now).is_none();
        fresh.then(|| Arc::clone(&entry.1))
    }

    pub fn begin(&self) -> ReadTicket {
        ReadTicket(self.ended.load(Ordering::Acquire))
    }

    /// Remembers a live record whose read began with `ticket` and at `read_at`.
    pub fn put(&self, ticket: &ReadTicket, read_at: Instant, record: &Arc<Record>) {
        if self.entries.len() >= self.capacity && !self.make_room() {
            return;
        }
        self.entries.insert(record.session.id, (read_at, Arc::clone(record)));
        // An end that slipped in between the read and the insertion found nothing to remove.
        if self.ended.load(Ordering::Acquire) != ticket.0 {
            self.entries.remove(&record.session.id);
        }
    }

    /// Whether there is room after all, for entries that were too old have gone. Walks all of them, so it does so
    /// now and then only, and one caller at a time: the others are answered by the store, as without a cache.
    fn make_room(&self) -> bool {
        let Ok(mut cleared) = self.cleared.try_lock() else { return false };
        if cleared.is_some_and(|at| at.elapsed() < self.ttl / CLEARANCES) {
            return false;
        }
        *cleared = Some(Instant::now());
        self.entries.retain(|_, (at, _)| at.elapsed() < self.ttl);
        self.entries.len() < self.capacity
    }

    pub fn ended(&self, id: SessionId) {
        self.ended.fetch_add(1, Ordering::AcqRel);
        self.entries.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Device, DeviceClass, DeviceId, Generation, Partition, Session, TokenHash, UserId};

    const TTL: Duration = Duration::from_secs(60);

    fn record(number: u8) -> Arc<Record> {
        let user = UserId::parse("user", "u").unwrap();
        let session = Session {
            id: SessionId::new(Partition::of(&user), Timestamp::from_millis(1), [number; 8]),
            user,
            generation: Generation(1),
            token_hash: TokenHash([number; 32]),
            device: Device { id: DeviceId::of_cookie("d"), name: String::new(), class: DeviceClass::Tv },
            user_agent: String::new(),
            ip: None,
            roles: Vec::new(),
            created_at: Timestamp::from_millis(1),
            seen_at: Timestamp::from_millis(1),
            absolute_at: Timestamp::from_millis(1_000),
            idle_ttl_ms: 1_000,
            presence: Vec::new(),
        };
        Arc::new(Record { session, end: None, data: None, connections: 0, nodes: Vec::new() })
    }

    /// Puts the record as it was read just now; answers whether it is remembered.
    fn remembers(cache: &CheckCache, number: u8) -> bool {
        let record = record(number);
        cache.put(&cache.begin(), Instant::now(), &record);
        cache.get(record.session.id, Timestamp::from_millis(1)).is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_cache_lets_go_of_what_is_too_old_now_and_then() {
        let cache = CheckCache::with_capacity(TTL, 2);
        assert!(remembers(&cache, 1));
        tokio::time::advance(TTL * 3 / 4).await;
        assert!(remembers(&cache, 2));
        assert!(!remembers(&cache, 3), "it is full of entries that are good");
        tokio::time::advance(TTL / 4).await;
        assert!(remembers(&cache, 3), "the first is too old and has made room");
        assert!(!remembers(&cache, 4), "it has just looked");
        assert_eq!(cache.entries.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_an_end_overtook_is_not_remembered() {
        let cache = CheckCache::new(TTL);
        let (ticket, record) = (cache.begin(), record(1));
        cache.ended(record.session.id);
        cache.put(&ticket, Instant::now(), &record);
        assert!(cache.get(record.session.id, Timestamp::from_millis(1)).is_none());
    }
}
