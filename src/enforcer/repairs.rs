//! What is still to be healed and to be checked, and where the store's "never seen" is not to be believed.
//!
//! Invariant: what comes while a pass is under way is there for the next one, and what a pass gives back is not lost.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::domain::{Partition, PartitionSet};

/// What is to be done, and what is in doubt until then.
#[derive(Default)]
pub(super) struct Repairs {
    state: Mutex<State>,
    wake: Notify,
}

/// What one pass is to do.
#[derive(Default, Clone, Copy)]
pub(super) struct Work {
    /// Partitions of which the store may have forgotten something.
    pub forgotten: PartitionSet,
    /// Partitions whose sessions are to be checked, for messages may have been lost.
    pub unchecked: PartitionSet,
    /// The first failover that is not yet healed.
    pub since: Option<Instant>,
}

#[derive(Default)]
struct State {
    work: Work,
    /// What a pass has taken and not yet healed.
    underway: PartitionSet,
    /// Other nodes may still be healing these.
    doubtful: PartitionSet,
    doubtful_until: Option<Instant>,
}

impl Work {
    pub fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.unchecked.is_empty()
    }
}

impl Repairs {
    pub fn check(&self, partitions: &PartitionSet) {
        self.lock().work.unchecked.extend(partitions);
        self.wake.notify_one();
    }

    /// The store may have forgotten, and what it does not know is in doubt for so long. `noted` runs in the same step.
    pub fn heal(&self, partitions: &PartitionSet, doubt: Duration, noted: impl FnOnce()) {
        let now = Instant::now();
        let mut state = self.lock();
        state.work.forgotten.extend(partitions);
        state.work.since.get_or_insert(now);
        if state.doubtful_until.is_none_or(|until| until <= now) {
            state.doubtful = PartitionSet::default();
        }
        state.doubtful.extend(partitions);
        state.doubtful_until = Some(now + doubt);
        noted();
        drop(state);
        self.wake.notify_one();
    }

    /// Waits until there is something to do, and takes it.
    pub async fn next(&self) -> Work {
        loop {
            if let Some(work) = self.take() {
                return work;
            }
            self.news().await;
        }
    }

    fn take(&self) -> Option<Work> {
        let mut state = self.lock();
        if state.work.is_empty() {
            return None;
        }
        let work = mem::take(&mut state.work);
        state.underway = work.forgotten;
        Some(work)
    }

    /// Waits until something is added; returns at once if something was since the last look.
    pub async fn news(&self) {
        self.wake.notified().await;
    }

    /// A pass is over: gives back what it could not do. `healed` runs in the same step, with what is still to be
    /// healed, by this pass or by what came meanwhile.
    pub fn put_back(&self, left: &Work, healed: impl FnOnce(&PartitionSet)) {
        let mut state = self.lock();
        state.underway = PartitionSet::default();
        state.work.forgotten.extend(&left.forgotten);
        state.work.unchecked.extend(&left.unchecked);
        if !left.forgotten.is_empty() {
            state.work.since = left.since;
        }
        healed(&state.work.forgotten);
    }

    /// Whether what the store does not know of a partition may be what it has forgotten.
    pub fn is_doubtful(&self, partition: Partition) -> bool {
        let state = self.lock();
        let is_recent = state.doubtful_until.is_some_and(|until| Instant::now() < until);
        state.work.forgotten.contains(partition)
            || state.underway.contains(partition)
            || (is_recent && state.doubtful.contains(partition))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const DOUBT: Duration = Duration::from_secs(16);

    fn some() -> PartitionSet {
        Partition::all().take(3).collect()
    }

    fn first() -> Partition {
        Partition::all().next().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_during_a_pass_is_not_taken_for_healed_by_it() {
        let repairs = Repairs::default();
        repairs.heal(&some(), DOUBT, || ());
        let work = repairs.next().await;
        assert_eq!(work.forgotten, some());
        repairs.heal(&[first()].into_iter().collect(), DOUBT, || ());
        let mut to_heal = PartitionSet::default();
        repairs.put_back(&Work::default(), |left| to_heal = *left);
        assert_eq!(to_heal.iter().collect::<Vec<_>>(), [first()]);
        assert_eq!(repairs.next().await.forgotten, to_heal);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_done_is_there_again_with_the_time_since_when() {
        let repairs = Repairs::default();
        repairs.heal(&some(), DOUBT, || ());
        let work = repairs.next().await;
        advance(Duration::from_secs(60)).await;
        assert!(repairs.is_doubtful(first()), "as long as it is under way");
        repairs.put_back(&work, |_| ());
        assert!(repairs.is_doubtful(first()), "or waits for its turn");
        assert_eq!(repairs.next().await.since, work.since);
        repairs.put_back(&Work::default(), |_| ());
        assert!(!repairs.is_doubtful(first()));
    }

    #[tokio::test(start_paused = true)]
    async fn doubt_ends_a_while_after_the_last_failover_of_a_partition() {
        let repairs = Repairs::default();
        repairs.heal(&some(), DOUBT, || ());
        let _ = repairs.next().await;
        repairs.put_back(&Work::default(), |_| ());
        assert!(repairs.is_doubtful(first()), "other nodes may not have healed it yet");
        assert!(!repairs.is_doubtful(Partition::all().last().unwrap()));
        advance(DOUBT).await;
        assert!(!repairs.is_doubtful(first()));
    }
}
