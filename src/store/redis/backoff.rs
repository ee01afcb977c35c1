//! How long to wait before trying again: full jitter, so that a thousand nodes do not come back at once.

use std::sync::Arc;
use std::time::Duration;

use crate::chance::Chance;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// A connection that lasted so long was one. A server that greets and hangs up is not: it would be greeted some forty
/// times a second by every node.
const LASTED: Duration = Duration::from_secs(1);

/// Up to 50 ms at first, doubling to at most a second, for ever: a store that is away is waited for.
pub(super) struct Backoff {
    chance: Arc<Chance>,
    longest: Duration,
    bound: Duration,
}

impl Backoff {
    pub(super) fn new(chance: Arc<Chance>) -> Self {
        Self { chance, longest: FIRST, bound: LONGEST }
    }

    /// The same with pauses of at most `bound`: for what is asked of few and wanted by all.
    pub(super) fn within(self, bound: Duration) -> Self {
        Self { bound, ..self }
    }

    pub(super) fn next(&mut self) -> Duration {
        let wait = self.chance.up_to(self.longest);
        self.longest = (self.longest * 2).min(self.bound);
        wait
    }

    /// A connection was lost that had lasted so long: after a good one the pauses start over.
    pub(super) fn lost_after(&mut self, lasted: Duration) {
        if lasted >= LASTED {
            self.reset();
        }
    }

    pub(super) fn reset(&mut self) {
        self.longest = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_and_start_over() {
        let mut backoff = Backoff::new(Arc::new(Chance::seeded(1)));
        for tries in 0..50 {
            let bound = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
            assert!(backoff.next() <= bound, "try {tries}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn only_a_connection_that_lasted_has_the_waits_start_over() {
        let mut backoff = Backoff::new(Arc::new(Chance::seeded(1)));
        for _ in 0..10 {
            backoff.next();
        }
        backoff.lost_after(LASTED - Duration::from_millis(1));
        assert_eq!(backoff.longest, LONGEST);
        backoff.lost_after(LASTED);
        assert_eq!(backoff.longest, FIRST);
    }
}
