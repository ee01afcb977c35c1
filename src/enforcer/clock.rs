//! The store's clock as a node knows it. Decides nothing that two nodes have to agree on.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::domain::Timestamp;

/// How far two readings may differ beyond what their round trips explain, before the store's clock was set or is
/// another server's: more than clocks of machines drift apart in the minute for which a reading is kept.
const DRIFT_US: u64 = 100_000;
/// Nothing that is measured by this clock takes so long: the store's clock was set, and this node has yet to learn it.
const LONGEST_US: u64 = 60_000_000;

/// What this node knows of the store's clock: a reading, and how long ago it was by the monotonic clock.
///
/// Used to show times and to measure takeovers. Nothing is decided by it but whether a cached check is past
/// its deadline, whether a use has to be written before the next renewal, and whether a word about a disabled user
/// is too old to be said again. Before the first reading it stands at the epoch.
#[derive(Default)]
pub(super) struct StoreClock(Mutex<Option<Reading>>);

#[derive(Clone, Copy)]
struct Reading {
    store_us: u64,
    at: Instant,
    round_trip_us: u64,
}

impl Reading {
    fn at(&self, now: Instant) -> u64 {
        let since = u64::try_from(now.duration_since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.store_us.saturating_add(since)
    }

    /// Whether a later reading can be one of the same clock.
    fn agrees_with(&self, later: &Self) -> bool {
        let apart = self.at(later.at).abs_diff(later.store_us);
        apart <= self.round_trip_us / 2 + later.round_trip_us / 2 + DRIFT_US
    }
}

impl StoreClock {
    /// Takes the store's answer to a question sent at `sent` and answered at `received`: read half-way.
    ///
    /// A reading is kept until one with a shorter round trip comes, it is a minute old, or the new one shows that it
    /// is true no longer.
    pub fn learn(&self, store_us: u64, sent: Instant, received: Instant) {
        let round_trip = received - sent;
        let new = Reading {
            store_us,
            at: sent + round_trip / 2,
            round_trip_us: u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX),
        };
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let better = known.is_none_or(|old| {
            old.round_trip_us >= new.round_trip_us
                || (received - old.at).as_secs() >= 60
                || !old.agrees_with(&new)
        });
        if better {
            *known = Some(new);
        }
    }

    pub fn now_us(&self) -> u64 {
        let known = *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.map_or(0, |reading| reading.at(Instant::now()))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_us() / 1000)
    }

    /// How long ago something was that the store dated; `None` where nobody can say: nothing was read yet, it lies further
    /// ahead than the reading can be wrong, or further back than anything takes. What lies ahead by less is just now.
    pub fn micros_since(&self, then_us: u64) -> Option<u64> {
        let reading = (*self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))?;
        let now_us = reading.at(Instant::now());
        if then_us > now_us.saturating_add(reading.round_trip_us / 2 + DRIFT_US) {
            return None;
        }
        Some(now_us.saturating_sub(then_us)).filter(|took| *took <= LONGEST_US)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn runs_on_from_the_best_reading() {
        let clock = StoreClock::default();
        assert_eq!(clock.now_us(), 0);
        let sent = Instant::now();
        tokio::time::advance(Duration::from_micros(200)).await;
        clock.learn(1_000_000, sent, Instant::now());
        assert_eq!(clock.now_us(), 1_000_100, "read half-way through the round trip");
        let sent = Instant::now();
        tokio::time::advance(Duration::from_secs(2)).await;
        clock.learn(2_000_100, sent, Instant::now());
        assert_eq!(clock.now_us(), 2_000_100 + 1_000_000, "a slow answer tells less than the old one");
    }

    /// What a takeover took is no less than nothing and no more than it can, whatever the store's clock does.
    #[tokio::test(start_paused = true)]
    async fn a_time_that_nobody_can_tell_is_not_told() {
        let clock = StoreClock::default();
        assert_eq!(clock.micros_since(0), None, "nothing was read yet");
        let (sent, second) = (Instant::now(), 1_000_000);
        tokio::time::advance(Duration::from_micros(400)).await;
        clock.learn(100 * second, sent, Instant::now());
        let now_us = clock.now_us();
        assert_eq!(clock.micros_since(now_us - 700), Some(700));
        assert_eq!(clock.micros_since(now_us + 150), Some(0), "the reading is that much off");
        assert_eq!(clock.micros_since(now_us + second), None, "the store's clock was set forward");
        assert_eq!(clock.micros_since(now_us - 61 * second), None, "or back");
    }

    /// Set by somebody, or another server's after a failover: the good old reading is wrong now, by an hour.
    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_is_believed_though_it_answered_slowly() {
        let clock = StoreClock::default();
        clock.learn(10_000_000_000, Instant::now(), Instant::now());
        for store_us in [13_600_000_000, 6_400_000_000] {
            let sent = Instant::now();
            tokio::time::advance(Duration::from_millis(20)).await;
            clock.learn(store_us, sent, Instant::now());
            assert_eq!(clock.now_us(), store_us + 10_000, "read half-way through the round trip");
        }
    }
}
