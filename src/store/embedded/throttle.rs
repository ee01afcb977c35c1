//! The buckets of `Store::throttle`, in memory: a restart forgives.
//!
//! A bucket is one number, the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371): it is
//! in debt while that lies in the future, and not worth keeping once it has passed. Invariant: never more than
//! [`MAX_BUCKETS`], whatever keys are asked for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// About 10 MB of keys. An attacker with more addresses than that is not stopped by counting them.
const MAX_BUCKETS: usize = 100_000;

#[derive(Default)]
pub(super) struct Throttle {
    buckets: Mutex<HashMap<String, u64>>,
}

impl Throttle {
    /// See `Store::throttle`. A `cost` of 0 asks whether one unit would be allowed and takes none.
    pub(super) fn count(&self, key: &str, burst: u32, period_ms: u64, cost: u32, now_us: u64) -> Option<u64> {
        let period_us = period_ms.saturating_mul(1000);
        let capacity_us = period_us.saturating_mul(u64::from(burst));
        let asked_us = period_us.saturating_mul(u64::from(cost.max(1)));

        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        // No bucket is in debt by more than it holds, but one from before a clock was set back may look so.
        let most = now_us.saturating_add(capacity_us);
        let known = buckets.get(key).copied().unwrap_or(0);
        if known > most {
            // Kept, or it would be as full again at every later moment until the clock is where it was.
            buckets.insert(key.to_owned(), most);
        }
        let arrival = known.clamp(now_us, most);
        let after = arrival.saturating_add(asked_us);
        let allowed_at = after.saturating_sub(capacity_us);
        if allowed_at > now_us {
            return Some((allowed_at - now_us).div_ceil(1000));
        }
        if cost > 0 {
            if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(key) {
                make_room(&mut buckets, now_us);
            }
            buckets.insert(key.to_owned(), after);
        }
        None
    }
}

/// Drops the buckets that are full again; if most are not, also the half with the least debt, so that the cost
/// of making room is spread over many calls.
fn make_room(buckets: &mut HashMap<String, u64>, now_us: u64) {
    buckets.retain(|_, arrival| *arrival > now_us);
    if buckets.len() > MAX_BUCKETS / 2 {
        let mut debts: Vec<u64> = buckets.values().copied().collect();
        let middle = debts.len() / 2;
        let (_, median, _) = debts.select_nth_unstable(middle);
        let median = *median;
        buckets.retain(|_, arrival| *arrival > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000_000;

    #[test]
    fn a_clock_that_was_set_back_blocks_for_one_unit_and_not_for_an_hour() {
        let throttle = Throttle::default();
        while throttle.count("a", 3, 1000, 1, NOW).is_none() {}
        let earlier = NOW - 3_600_000_000;
        assert_eq!(throttle.count("a", 3, 1000, 1, earlier), Some(1000));
        assert_eq!(throttle.count("a", 3, 1000, 1, earlier + 1_000_000), None);
    }

    #[test]
    fn a_burst_is_allowed_and_then_one_unit_a_period() {
        let throttle = Throttle::default();
        for _ in 0..3 {
            assert_eq!(throttle.count("a", 3, 1000, 1, NOW), None);
        }
        assert_eq!(throttle.count("a", 3, 1000, 1, NOW), Some(1000));
        assert_eq!(throttle.count("a", 3, 1000, 1, NOW + 999_000), Some(1));
        assert_eq!(throttle.count("a", 3, 1000, 1, NOW + 1_000_000), None);
        assert_eq!(throttle.count("b", 3, 1000, 1, NOW), None, "buckets are apart");
    }

    #[test]
    fn looking_takes_nothing() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            assert_eq!(throttle.count("a", 1, 1000, 0, NOW), None);
        }
        assert_eq!(throttle.count("a", 1, 1000, 1, NOW), None);
        assert_eq!(throttle.count("a", 1, 1000, 0, NOW), Some(1000));
    }

    #[test]
    fn a_flood_of_keys_does_not_grow_it_past_its_bound() {
        let throttle = Throttle::default();
        for number in 0..MAX_BUCKETS as u64 + 10 {
            throttle.count(&number.to_string(), 10, 60_000, 1, NOW + number);
        }
        assert!(throttle.buckets.lock().unwrap().len() <= MAX_BUCKETS);
    }
}
