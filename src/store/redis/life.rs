//! Which server answers for which partition, and whether it remembers what the one before was told.
//!
//! Owns the comparison, and nothing that talks to a server. Invariant: a partition is suspected exactly once for
//! each change of its life, and never when it is seen for the first time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Partition, PartitionSet};

/// What one server knows, for as long as it forgets nothing: a restart, a promotion and an emptied database each
/// begin another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Life {
    /// The process and its history: both ids of INFO. A promotion keeps the one and changes the other.
    pub run: String,
    /// Gone when the database is emptied. `None` while there is none, on a server without slots or a full one.
    pub mark: Option<Mark>,
}

/// A key with a value that nobody else would choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub key: Vec<u8>,
    pub value: String,
}

impl Life {
    /// Whether it is the life that `before` was. The mark may be another one meanwhile, as its slot may have moved.
    fn continues(&self, before: &Self) -> bool {
        let marked = match (&self.mark, &before.mark) {
            (Some(mark), Some(before)) => mark.key != before.key || mark.value == before.value,
            _ => true,
        };
        self.run == before.run && marked
    }
}

/// A change that was told not so long ago may still be on its way through the node.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// The life that answered last for each partition.
pub(super) struct Lives(Mutex<Box<[Known]>>);

#[derive(Clone, Default)]
struct Known {
    life: Option<Arc<Life>>,
    /// When it was last another one than before.
    changed: Option<Instant>,
}

impl Default for Lives {
    fn default() -> Self {
        Self(Mutex::new(vec![Known::default(); usize::from(Partition::COUNT)].into()))
    }
}

impl Lives {
    /// Takes note of who answers now (`None`: nobody) and says for which partitions that is somebody who may
    /// have forgotten.
    pub(super) fn observe(&self, answers: impl Fn(Partition) -> Option<Arc<Life>>) -> PartitionSet {
        let mut suspected = PartitionSet::default();
        let mut lives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, known) in Partition::all().zip(&mut *lives) {
            let Some(now) = answers(partition) else { continue };
            if let Some(before) = &known.life
                && !Arc::ptr_eq(&now, before)
                && !now.continues(before)
            {
                suspected.insert(partition);
                known.changed = Some(Instant::now());
            }
            known.life = Some(now);
        }
        suspected
    }

    /// Whether `life` is the one that the node knows to answer for a partition, and has known for long enough to have
    /// acted on it.
    pub(super) fn is_known(&self, partition: Partition, life: &Life) -> bool {
        let lives = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lives.get(usize::from(partition.index())).is_none_or(|known| {
            known.changed.is_none_or(|changed| changed.elapsed() > ON_ITS_WAY)
                && known.life.as_ref().is_none_or(|known| life.continues(known))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(run: &str, mark: Option<(&str, &str)>) -> Arc<Life> {
        let mark = mark.map(|(key, value)| Mark { key: key.into(), value: value.to_owned() });
        Arc::new(Life { run: run.to_owned(), mark })
    }

    fn observe(lives: &Lives, life: &Arc<Life>) -> PartitionSet {
        lives.observe(|_| Some(Arc::clone(life)))
    }

    #[test]
    fn a_life_is_over_with_its_run_or_its_mark() {
        let first = life("a", Some(("k", "1")));
        for (next, goes_on) in [
            (life("a", Some(("k", "1"))), true),
            (life("a", None), true),
            (life("a", Some(("other", "2"))), true),
            (life("a", Some(("k", "2"))), false),
            (life("b", Some(("k", "1"))), false),
            (life("b", None), false),
        ] {
            let lives = Lives::default();
            assert!(observe(&lives, &first).is_empty(), "the first contact is no change");
            assert!(lives.observe(|_| None).is_empty(), "nobody is no change either");
            let expected = if goes_on { PartitionSet::default() } else { PartitionSet::ALL };
            assert_eq!(observe(&lives, &next), expected, "{next:?}");
            assert!(observe(&lives, &next).is_empty(), "told once");
        }
    }

    #[test]
    fn only_the_partitions_that_changed_hands_are_suspected() {
        let (a, b) = (life("a", None), life("b", None));
        let lives = Lives::default();
        observe(&lives, &a);
        let low = |partition: Partition| partition.index() < 10;
        let suspected = lives.observe(|partition| Some(Arc::clone(if low(partition) { &b } else { &a })));
        assert_eq!(suspected, Partition::all().filter(|partition| low(*partition)).collect());
        assert_eq!(observe(&lives, &a), suspected, "back is a change too");
    }
}
