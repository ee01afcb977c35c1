//! What this node knows of the clock of each partition's primary.
//!
//! Owns readings: how far a primary's clock is ahead of this node's monotonic one, learned from every answer that says
//! what the time was. Refuses to be sure: a script was run somewhere between sending it and reading its answer, so a
//! reading is an interval. What is kept is its lower end, the highest of them that no later answer contradicts; so
//! that, but for a clock that has just gone back, a moment here is never taken for a later one there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Partition, Timestamp};

/// After this long the latest reading of any partition is the better guess: most of them have one primary, and a
/// partition in which the node has sessions is read anew with each renewal.
const FRESH: Duration = Duration::from_secs(60);

pub(super) struct Clocks {
    start: Instant,
    known: Mutex<Known>,
}

/// 16 KiB.
struct Known {
    of: Box<[Reading]>,
    latest: Reading,
}

/// All in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    /// What the primary's clock said, or less, when the node's said 0. From 1970 on: 0 is no reading.
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
        let of = vec![Reading::default(); usize::from(Partition::COUNT)].into();
        Self { start, known: Mutex::new(Known { of, latest: Reading::default() }) }
    }

    /// The primary's clock was at `now` sometime between `sent` and `received`. Without a partition: some primary's.
    pub(super) fn learn(
        &self,
        partition: Option<Partition>,
        now: Timestamp,
        sent: Instant,
        received: Instant,
    ) {
        let low = now.as_millis().saturating_sub(self.millis(received));
        // A millisecond on either side for what was rounded off.
        let high = (now.as_millis() + 2).saturating_sub(self.millis(sent));
        let at = self.millis(received);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.latest.learn(low, high, at);
        if let Some(partition) = partition {
            known.of[usize::from(partition.index())].learn(low, high, at);
        }
    }

    /// What the primary's clock says at `then`, or less: 0 while nothing is known.
    pub(super) fn at(&self, partition: Partition, then: Instant) -> Timestamp {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, latest) = (known.of[usize::from(partition.index())], known.latest);
        let is_stale =
            latest.at.saturating_sub(own.at) > u64::try_from(FRESH.as_millis()).unwrap_or(u64::MAX);
        let reading = if own.ahead == 0 || is_stale { latest } else { own };
        if reading.ahead == 0 {
            return Timestamp::default();
        }
        Timestamp::from_millis(reading.ahead.saturating_add(self.millis(then)))
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn partitions() -> [Partition; 2] {
        let mut all = Partition::all();
        [all.next().unwrap(), all.next().unwrap()]
    }

    fn store(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + ms)
    }

    #[test]
    fn while_nothing_is_known_every_call_is_late() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        assert_eq!(clocks.at(partitions()[0], start + 3_000 * MS), Timestamp::default());
    }

    #[test]
    fn the_highest_lower_bound_is_kept_and_is_the_first_guess_of_others() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        let [one, other] = partitions();
        // The store's clock is at 500 when this one is at 0; the first answer takes 100 ms to come.
        clocks.learn(Some(one), store(510), start, start + 110 * MS);
        assert_eq!(clocks.at(one, start + 1_000 * MS), store(1_400));
        clocks.learn(Some(one), store(711), start + 210 * MS, start + 212 * MS);
        assert_eq!(clocks.at(one, start + 1_000 * MS), store(1_499));
        // A slow one teaches nothing.
        clocks.learn(Some(one), store(1_500), start + 300 * MS, start + 2_000 * MS);
        assert_eq!(clocks.at(one, start + 1_000 * MS), store(1_499));
        assert_eq!(clocks.at(other, start + 1_000 * MS), store(1_499));
    }

    #[test]
    fn a_clock_that_jumped_is_known_with_the_next_answer() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        let [one, _] = partitions();
        let hour = 3_600_000;
        for jump in [0, hour, 0, 5 * hour] {
            clocks.learn(Some(one), store(jump + 20), start + 20 * MS, start + 20 * MS);
            assert_eq!(clocks.at(one, start + 30 * MS), store(jump + 30));
        }
    }

    #[test]
    fn a_partition_that_was_not_heard_of_for_long_goes_by_the_latest_of_others() {
        let start = Instant::now();
        let clocks = Clocks::new(start);
        let [one, other] = partitions();
        clocks.learn(Some(one), store(1_000_000), start, start);
        clocks.learn(Some(other), store(60_000), start + 60_000 * MS, start + 60_000 * MS);
        assert_eq!(clocks.at(one, start), store(1_000_000), "clocks of two primaries may differ");
        clocks.learn(Some(other), store(60_001), start + 60_001 * MS, start + 60_001 * MS);
        assert_eq!(clocks.at(one, start), store(0));
    }
}
