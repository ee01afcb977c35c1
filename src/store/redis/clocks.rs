//! What this node knows of the clock of each primary.
//!
//! Owns readings: how far a primary's clock is ahead of this node's monotonic one, learned from every answer that says
//! what the time was. Those of a Cluster's primaries are kept apart: what one says is no guess at another. Refuses to be
//! sure: a script was run somewhere between sending it and reading its answer, so a reading is an interval. What is kept
//! is its lower end, the highest of them that no later answer contradicts; so that, but for a clock that has just gone
//! back, a moment here is never taken for a later one there.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::layout::Address;
use crate::domain::Timestamp;

/// Every primary is asked for the time once each renewal; who was not heard of for so long is none any more.
const KEPT: Duration = Duration::from_secs(3600);

pub(super) struct Clocks {
    start: Instant,
    /// One for each primary of the last hour.
    known: Mutex<HashMap<Address, Reading>>,
}

/// All in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    /// What the primary's clock said, or less, when the node's said 0.
    ahead: u64,
    /// When that was last confirmed, by the node's clock.
    at: u64,
}

impl Reading {
    /// Takes in that the offset lies from `low` to `high`.
    fn learn(&mut self, low: u64, high: u64, at: u64) {
        // Less than what was known means that the clock went back, more that it went forward or that the way was short.
        self.ahead = if high < self.ahead { low } else { self.ahead.max(low) };
        self.at = at;
    }
}

impl Clocks {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, known: Mutex::default() }
    }

    /// The primary's clock was at `now` sometime between `sent` and `received`.
    pub(super) fn learn(&self, primary: &Address, now: Timestamp, sent: Instant, received: Instant) {
        let low = now.as_millis().saturating_sub(self.millis(received));
        // A millisecond on either side for what was rounded off.
        let high = (now.as_millis() + 2).saturating_sub(self.millis(sent));
        let at = self.millis(received);
        let mut known = self.lock();
        if let Some(reading) = known.get_mut(primary) {
            reading.learn(low, high, at);
            return;
        }
        let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
        known.retain(|_, reading| at.saturating_sub(reading.at) < kept);
        known.entry(primary.clone()).or_default().learn(low, high, at);
    }

    /// What the primary's clock says at `then`, or less: 0 while nothing is known of it.
    pub(super) fn at(&self, primary: &Address, then: Instant) -> Timestamp {
        self.lock().get(primary).map_or(Timestamp::default(), |reading| {
            Timestamp::from_millis(reading.ahead.saturating_add(self.millis(then)))
        })
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Reading>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn primary(port: u16) -> Address {
        Address { host: "h".to_owned(), port }
    }

    fn store(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + ms)
    }

    #[test]
    fn while_nothing_is_known_every_call_is_late() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        assert_eq!(clocks.at(&primary(1), start + 3_000 * MS), Timestamp::default());
    }

    #[test]
    fn the_highest_lower_bound_is_kept() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        let one = primary(1);
        // The store's clock is at 500 when this one is at 0; the first answer takes 100 ms to come.
        clocks.learn(&one, store(510), start, start + 110 * MS);
        assert_eq!(clocks.at(&one, start + 1_000 * MS), store(1_400));
        clocks.learn(&one, store(711), start + 210 * MS, start + 212 * MS);
        assert_eq!(clocks.at(&one, start + 1_000 * MS), store(1_499));
        // A slow one teaches nothing.
        clocks.learn(&one, store(1_500), start + 300 * MS, start + 2_000 * MS);
        assert_eq!(clocks.at(&one, start + 1_000 * MS), store(1_499));
    }

    /// What one said was the first guess at all: a call that hung at a primary whose clock was behind was carried out
    /// long after its caller had given up.
    #[test]
    fn the_clocks_of_two_primaries_are_kept_apart() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        let (ahead, behind) = (primary(1), primary(2));
        clocks.learn(&ahead, store(3_600_000), start, start);
        assert_eq!(clocks.at(&behind, start), Timestamp::default());
        clocks.learn(&behind, store(0), start, start);
        clocks.learn(&ahead, store(3_600_010), start + 10 * MS, start + 10 * MS);
        assert_eq!(clocks.at(&behind, start + 20 * MS), store(20));
        assert_eq!(clocks.at(&ahead, start + 20 * MS), store(3_600_020));
    }

    #[test]
    fn a_clock_that_jumped_is_known_with_the_next_answer() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        let one = primary(1);
        let hour = 3_600_000;
        for jump in [0, hour, 0, 5 * hour] {
            clocks.learn(&one, store(jump + 20), start + 20 * MS, start + 20 * MS);
            assert_eq!(clocks.at(&one, start + 30 * MS), store(jump + 30));
        }
    }

    #[test]
    fn who_is_no_primary_any_more_is_forgotten() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        clocks.learn(&primary(1), store(0), start, start);
        clocks.learn(&primary(2), store(0), start + KEPT - MS, start + KEPT - MS);
        assert_ne!(clocks.at(&primary(1), start), Timestamp::default());
        clocks.learn(&primary(3), store(0), start + KEPT, start + KEPT);
        assert_eq!(clocks.at(&primary(1), start), Timestamp::default());
        assert_ne!(clocks.at(&primary(2), start), Timestamp::default());
    }
}
