//! What is still to be healed, to be checked and to be settled, and where the store's "never seen" is not to be believed.
//!
//! Invariant: what comes while a pass is under way is there for the next one, and what a pass gives back is not lost.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

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
    /// Partitions that every node has had the time to heal: who was disabled before that is now out for good.
    pub unsettled: PartitionSet,
    /// The first failover that is not yet healed.
    pub since: Option<Instant>,
}

#[derive(Default)]
struct State {
    work: Work,
    /// What a pass has taken and not yet healed.
    underway: PartitionSet,
    /// Until when other nodes may still be healing it. By partition: a slot of a Cluster that moves every few seconds must
    /// not keep the others in doubt for ever.
    doubtful_until: BTreeMap<Partition, Instant>,
    /// And so may those that have more to tell than this one, which was longer at it than anybody should be.
    slow_until: BTreeMap<Partition, Instant>,
    /// What has been struck since the first failover that is not yet healed.
    struck: PartitionSet,
    /// Of these the disablings are to be said as settled, each once its doubt is over.
    unsettled: PartitionSet,
}

impl State {
    fn is_recent(&self, partition: Partition, now: Instant) -> bool {
        self.doubtful_until.get(&partition).is_some_and(|until| now < *until)
    }

    /// Whether other nodes may still be healing it.
    fn is_in_doubt(&self, partition: Partition, now: Instant) -> bool {
        self.is_recent(partition, now) || self.slow_until.get(&partition).is_some_and(|until| now < *until)
    }
}

impl Work {
    pub fn is_empty(&self) -> bool {
        self.forgotten.is_empty() && self.unchecked.is_empty() && self.unsettled.is_empty()
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
        state.struck.extend(partitions);
        state.unsettled.extend(partitions);
        state.doubtful_until.extend(partitions.iter().map(|partition| (partition, now + doubt)));
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
            match self.settles_at() {
                // Whichever comes first.
                Some(at) => drop(timeout_at(at, self.news()).await),
                None => self.news().await,
            }
        }
    }

    fn take(&self) -> Option<Work> {
        let mut state = self.lock();
        let now = Instant::now();
        state.doubtful_until.retain(|_, until| now < *until);
        state.slow_until.retain(|_, until| now < *until);
        let over = state.unsettled.iter().filter(|it| !state.is_recent(*it, now)).collect();
        state.work.unsettled = without(&over, &state.work.forgotten);
        state.unsettled = without(&state.unsettled, &state.work.unsettled);
        if state.work.is_empty() {
            return None;
        }
        let work = mem::take(&mut state.work);
        state.underway = work.forgotten;
        Some(work)
    }

    /// When there will be something to settle, if nothing comes before that.
    fn settles_at(&self) -> Option<Instant> {
        let state = self.lock();
        let until = |partition| state.doubtful_until.get(&partition).copied();
        state.unsettled.iter().map(|partition| until(partition).unwrap_or_else(Instant::now)).min()
    }

    /// Waits until something is added; returns at once if something was since the last look.
    pub async fn news(&self) {
        self.wake.notified().await;
    }

    /// A pass is over: gives back what it could not do. `done` runs in the same step, with what is still to be done,
    /// because this pass could not or because it came meanwhile.
    pub fn put_back(&self, left: &Work, done: impl FnOnce(&Work)) {
        let mut state = self.lock();
        state.underway = PartitionSet::default();
        state.work.forgotten.extend(&left.forgotten);
        state.work.unchecked.extend(&left.unchecked);
        state.unsettled.extend(&left.unsettled);
        if !left.forgotten.is_empty() {
            state.work.since = left.since;
        } else if let Some(since) = left.since {
            // Nodes have about the same to tell; twice the time is for those that have more.
            let until = Instant::now() + since.elapsed();
            let later = state.work.forgotten;
            let struck = mem::replace(&mut state.struck, later);
            for partition in struck.iter() {
                let slow = state.slow_until.entry(partition).or_insert(until);
                *slow = until.max(*slow);
            }
        }
        done(&Work { unsettled: state.unsettled, ..state.work });
    }

    /// Whether what the store does not know of a partition may be what it has forgotten.
    pub fn is_doubtful(&self, partition: Partition) -> bool {
        let state = self.lock();
        state.work.forgotten.contains(partition)
            || state.underway.contains(partition)
            || state.is_in_doubt(partition, Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in `some` and not in `others`.
pub(super) fn without(some: &PartitionSet, others: &PartitionSet) -> PartitionSet {
    some.iter().filter(|partition| !others.contains(*partition)).collect()
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
        repairs.put_back(&Work::default(), |left| to_heal = left.forgotten);
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

    /// A token is not called unknown because another node, which holds its session, has even more to tell.
    #[tokio::test(start_paused = true)]
    async fn who_was_long_at_healing_leaves_others_as_long_again() {
        let repairs = Repairs::default();
        repairs.heal(&some(), DOUBT, || ());
        let work = repairs.next().await;
        advance(3 * DOUBT).await;
        repairs.put_back(&Work { since: work.since, ..Work::default() }, |_| ());
        advance(3 * DOUBT - Duration::from_secs(1)).await;
        assert!(repairs.is_doubtful(first()));
        assert!(!repairs.is_doubtful(Partition::all().last().unwrap()));
        advance(Duration::from_secs(1)).await;
        assert!(!repairs.is_doubtful(first()));
    }

    /// One moment was for all: each failover of one prolonged the doubt about all others, and a slot that was moved every
    /// ten seconds kept unknown tokens at 503 and disablings unsettled for as long as that went on.
    #[tokio::test(start_paused = true)]
    async fn failovers_elsewhere_prolong_no_doubt() {
        let repairs = Repairs::default();
        let heal = async |partition: Partition| {
            repairs.heal(&[partition].into_iter().collect(), DOUBT, || ());
            let work = repairs.next().await;
            repairs.put_back(&Work::default(), |_| ());
            work.unsettled
        };
        let (elsewhere, begun) = (Partition::all().last().unwrap(), Instant::now());
        heal(first()).await;
        let mut settled = Vec::new();
        for _ in 0..6 {
            advance(DOUBT / 2).await;
            settled.extend(heal(elsewhere).await.iter());
            assert!(repairs.is_doubtful(elsewhere));
            assert_eq!(repairs.is_doubtful(first()), begun.elapsed() < DOUBT);
        }
        assert_eq!(settled, [first()], "once, and not the one that is in doubt again");
        let last = begun.elapsed();
        assert_eq!(repairs.next().await.unsettled.iter().collect::<Vec<_>>(), [elsewhere]);
        assert_eq!(begun.elapsed(), last + DOUBT);
        assert!(!repairs.is_doubtful(first()) && repairs.lock().doubtful_until.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_healed_is_settled_when_the_doubt_is_over_until_that_has_been_done() {
        let repairs = Repairs::default();
        let begun = Instant::now();
        repairs.heal(&some(), DOUBT, || ());
        let work = repairs.next().await;
        assert!(work.unsettled.is_empty());
        repairs.put_back(&Work::default(), |left| assert_eq!(left.unsettled, some()));
        // Another failover, which this node could not heal at first.
        advance(DOUBT / 2).await;
        let one = [first()].into_iter().collect();
        repairs.heal(&one, DOUBT, || ());
        let work = repairs.next().await;
        advance(DOUBT).await;
        repairs.put_back(&work, |_| ());
        let work = repairs.next().await;
        assert_eq!((work.forgotten, work.unsettled), (one, without(&some(), &one)));
        repairs.put_back(&Work { unsettled: work.unsettled, ..Work::default() }, |_| ());
        let work = repairs.next().await;
        assert_eq!((work.forgotten.is_empty(), work.unsettled), (true, some()));
        repairs.put_back(&Work::default(), |left| assert!(left.is_empty()));
        assert_eq!(begun.elapsed(), DOUBT * 3 / 2);
        assert!(tokio::time::timeout(DOUBT * 9, repairs.next()).await.is_err(), "once is enough");
    }
}
