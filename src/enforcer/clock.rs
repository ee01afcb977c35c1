//! The store's clock as a node knows it. Decides nothing that two nodes have to agree on.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::domain::Timestamp;

/// What this node knows of the store's clock: a reading, and how long ago it was by the monotonic clock.
///
/// Used to show times and to measure takeovers. Nothing is decided by it but whether a cached check is past
/// its deadline, and whether a use has to be written before the next renewal. Before the first reading it stands at the epoch.
#[derive(Default)]
pub(super) struct StoreClock(Mutex<Option<Reading>>);

#[derive(Clone, Copy)]
struct Reading {
    store_us: u64,
    at: Instant,
    round_trip_us: u64,
}

impl StoreClock {
    /// Takes the store's answer to a question sent at `sent` and answered at `received`: read half-way.
    ///
    /// A reading is kept until one with a shorter round trip comes or it is a minute old.
    pub fn learn(&self, store_us: u64, sent: Instant, received: Instant) {
        let round_trip = received - sent;
        let new = Reading {
            store_us,
            at: sent + round_trip / 2,
            round_trip_us: u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX),
        };
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let better = known
            .is_none_or(|old| old.round_trip_us >= new.round_trip_us || (received - old.at).as_secs() >= 60);
        if better {
            *known = Some(new);
        }
    }

    pub fn now_us(&self) -> u64 {
        let known = *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.map_or(0, |reading| {
            let since = u64::try_from(reading.at.elapsed().as_micros()).unwrap_or(u64::MAX);
            reading.store_us.saturating_add(since)
        })
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_us() / 1000)
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
        clock.learn(99, sent, Instant::now());
        assert_eq!(clock.now_us(), 3_000_100, "a slow answer tells less than the old one");
    }
}
