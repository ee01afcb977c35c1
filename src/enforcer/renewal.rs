//! The sure route to an eviction: the periodic check of every session that this node holds, which needs no message.
//!
//! Owns the rhythm and the batches; what it finds goes the way of a message. Invariant: a use or a goodbye that was
//! taken along is written, or kept for the next renewal.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::due::{Batches, Due, Found, calls};
use super::{CONCURRENT, Enforcer};
use crate::domain::{Partition, PartitionSet, Presence, SessionId};
use crate::store::StoreError;

/// A renewal interval is cut into this many slots at most; each partition has its own.
const MAX_SLOTS: u32 = 64;
/// A slot is never shorter than this.
const MIN_SLOT: Duration = Duration::from_millis(20);

/// When the next slot has its turn.
///
/// A busy machine makes each turn a little late, and there are many in an interval: they are counted from when they were
/// due, not from when they came, or the interval would grow by the sum.
struct Rhythm {
    next: Instant,
    step: Duration,
    /// A whole interval.
    round: Duration,
}

impl Rhythm {
    fn from(first: Instant, step: Duration, slots: u32) -> Self {
        Self { next: first, step, round: step * slots }
    }

    /// After a stop that was longer than an interval one round is owed, not one for each that was missed.
    fn take_turn(&mut self, now: Instant) {
        self.next = (self.next + self.step).max(now.checked_sub(self.round).unwrap_or(now));
    }
}

/// What a renewal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Turn {
    Slot(u32),
    /// Uses of sessions that could end as idle before it is the turn of their slot.
    Urgent,
}

impl Enforcer {
    /// Renews until `shutdown`: every partition once each interval, each in its own slot, so that a lost
    /// message costs at most one interval and the store sees an even trickle.
    ///
    /// A slot does not wait for those before it: a part of the store that hangs must not keep the others from being
    /// renewed. One that is still waiting when it is its turn again is passed over, so there are never more of them
    /// under way than slots. Uses that can't wait for their slot go between them, all that there are at a time.
    pub async fn run_renewal(self: Arc<Self>, shutdown: CancellationToken) {
        let every = self.config.renew_every(self.seats.ghost_after);
        let slots = slots_of(every);
        // Nodes that start together should not renew together.
        let mut rhythm =
            Rhythm::from(Instant::now() + self.chance.up_to(every / slots), every / slots, slots);
        let mut waiting = HashSet::new();
        let mut rounds = FuturesUnordered::new();
        let mut slot_numbers = (0..slots).cycle();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(turn) = rounds.next() => {
                    waiting.remove(&turn);
                }
                () = tokio::time::sleep_until(rhythm.next) => {
                    rhythm.take_turn(Instant::now());
                    self.subscriptions.let_go();
                    let turn = Turn::Slot(slot_numbers.next().unwrap_or_default());
                    if waiting.insert(turn) {
                        rounds.push(self.take_turn(turn, slots));
                    }
                }
                () = self.urgent.wait(), if !waiting.contains(&Turn::Urgent) => {
                    waiting.insert(Turn::Urgent);
                    rounds.push(self.take_turn(Turn::Urgent, slots));
                }
            }
        }
        // What they took along is written, or put back for the last flush.
        while rounds.next().await.is_some() {}
    }

    /// Does what it is the turn of; answers that.
    async fn take_turn(&self, turn: Turn, slots: u32) -> Turn {
        match turn {
            Turn::Slot(slot) => self.renew_slot(slot, slots).await,
            Turn::Urgent => self.renew_urgent().await,
        }
        turn
    }

    /// Writes the uses that can't wait for their slot.
    async fn renew_urgent(&self) {
        let mut found = Found::default();
        for id in self.urgent.take() {
            // Unless a renewal has taken it along by now.
            if let Some(at) = self.touched.remove(id) {
                found.used(id, at);
            }
        }
        self.renew(found.into_batches()).await;
    }

    /// Renews the partitions of one slot.
    async fn renew_slot(&self, slot: u32, slots: u32) {
        let mine = Slot::of(slot, slots);
        let mut batches = self.collect(mine, |_| true);
        for partition in mine.partitions() {
            if self.journal.wants_answer(partition) {
                batches.entry(partition).or_default();
            }
        }
        let renewing = self.renew(batches);
        if slot == 0 {
            self.tell_of_lost();
            // Beside it: the clock is every primary's, and one that hangs must not keep the others from being renewed.
            tokio::join!(renewing, self.check_on_store());
        } else {
            renewing.await;
        }
    }

    /// Writes what is not yet written: uses and goodbyes of the last interval. For the end of a node.
    pub async fn flush(&self) {
        self.renew(self.collect(Slot::ALL, |_| true)).await;
    }

    /// Writes the use of one session, if a renewal has not taken it along by now. It stays noted until it is written:
    /// whoever waits for this may hang up.
    pub(super) async fn renew_use(&self, id: SessionId) {
        let Some(at) = self.touched.with(id, |at| *at) else { return };
        let used = Due { used_at: Some(at), ..Due::of(id) };
        // A failure was told.
        if self.renew_batch(id.partition(), &[used]).await.is_ok() {
            self.touched.remove_if(id, |noted| *noted == at);
        }
    }

    /// Writes the goodbye of a client that fell silent, as seen when it was last known there.
    pub(super) async fn renew_vanished(&self, id: SessionId, presence: Presence) {
        let gone = Due {
            used_at: Instant::now().checked_sub(2 * self.config.heartbeat),
            presence: Some(presence),
            id,
        };
        // A failure was told, and the goodbye is kept for the next renewal.
        let _ = self.renew_batch(id.partition(), &[gone]).await;
    }

    /// What there is to renew in the partitions of a slot that `wanted` takes. Each session once, although one may leave or
    /// be used while this looks around: of two entries in one store call the second would undo the first.
    pub(super) fn collect(&self, slot: Slot, wanted: impl Fn(Partition) -> bool) -> Batches {
        let mut found = Found::default();
        for (id, presence) in self.hub.sessions(|id| slot.has(id.partition()) && wanted(id.partition())) {
            self.departed.remove_if(id, |left| left.sequence <= presence.sequence);
            found.held(id, presence);
        }
        for partition in slot.partitions().filter(|partition| wanted(*partition)) {
            for (id, presence) in self.departed.copy(partition) {
                found.held(id, presence);
            }
            for (id, at) in self.touched.take(partition) {
                found.used(id, at);
            }
        }
        found.into_batches()
    }

    /// Renews; answers the partitions where the store could not be asked.
    pub(super) async fn renew(&self, batches: Batches) -> PartitionSet {
        let failed = Mutex::new(PartitionSet::default());
        stream::iter(calls(&batches))
            .for_each_concurrent(CONCURRENT, async |(partition, batch)| {
                if self.renew_batch(partition, batch).await.is_err() {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).insert(partition);
                }
            })
            .await;
        failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews sessions of one partition, restores those that the store has forgotten, and renews these again: what
    /// was restored has no connections yet.
    async fn renew_batch(&self, partition: Partition, batch: &[Due]) -> Result<(), StoreError> {
        let missing = self.renew_once(partition, batch).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let restoring = self.restore_missing(&missing).await;
        let live = restoring.inspect_err(|error| {
            tracing::debug!(%partition, %error, "what the store has lost is restored with the next renewal");
            self.put_back(batch);
        })?;
        let again: Vec<_> = batch.iter().filter(|due| live.contains(&due.id)).copied().collect();
        if !again.is_empty() {
            // Lost again already: restored with the next renewal.
            self.renew_once(partition, &again).await?;
        }
        Ok(())
    }

    /// One renewal; answers who is missing.
    async fn renew_once(&self, partition: Partition, batch: &[Due]) -> Result<Vec<SessionId>, StoreError> {
        let renewals: Vec<_> = batch.iter().map(Due::renewal).collect();
        let call = self.store.renew(self.node, partition, &renewals, self.ghost_after_ms());
        let renewed = self.metrics.store_call("renew", call).await.inspect_err(|error| {
            self.metrics.renewal("failed");
            tracing::debug!(%partition, %error, "a renewal failed; the next one repeats it");
            self.put_back(batch);
        })?;
        self.metrics.renewal("ok");
        self.chronicle.renewed(renewed.now);
        self.journal.answered(partition);
        for record in &renewed.ended {
            if self.on_found_ended(record) > 0 {
                self.metrics.found_by_renewal.inc();
            }
        }
        for id in &renewed.damaged {
            self.on_damaged(*id);
        }
        let unknown: HashSet<_> = renewed.missing.iter().chain(&renewed.damaged).collect();
        // A goodbye that a store heard which has forgotten the session is none: an earlier word may come after it, once
        // the session is there again.
        let is_doubtful = self.is_doubtful(partition);
        let heard = |id: &SessionId| !(is_doubtful && unknown.contains(id));
        for renewal in renewals.iter().filter(|renewal| heard(&renewal.id)) {
            if let Some(presence) = renewal.presence {
                self.departed.remove_if(renewal.id, |left| left.sequence <= presence.sequence);
            }
        }
        // Those that ended are told so by now.
        for renewal in renewals.iter().filter(|renewal| !unknown.contains(&renewal.id)) {
            self.here.renewed(renewal.id, renewed.now, renewal.seen_ago_ms);
        }
        Ok(renewed.missing)
    }

    /// Uses that were not written are kept for the next renewal.
    fn put_back(&self, batch: &[Due]) {
        for due in batch {
            if let Some(at) = due.used_at {
                self.touched.insert(due.id, at, |_| false);
            }
        }
    }

    /// Reads the store's clock, once an interval, and notes how long the store has been silent.
    async fn check_on_store(&self) {
        match self.read_clock().await {
            Ok(()) => {
                // A node without sessions has nothing to renew, and would look as if it did not.
                self.chronicle.renewed(self.now());
                self.silence.heard(&self.metrics);
            }
            Err(error) => self.silence.unheard(&self.metrics, &error),
        }
    }
}

/// The partitions that are looked at together: every so many, beginning with one of the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    first: u16,
    of: u16,
}

impl Slot {
    pub(super) const ALL: Self = Self { first: 0, of: 1 };

    /// The slot of that number, of so many (at least one, at most as many as there are partitions).
    pub(super) fn of(number: u32, of: u32) -> Self {
        let of = u16::try_from(of.max(1)).unwrap_or(Partition::COUNT).min(Partition::COUNT);
        Self { first: u16::try_from(number % u32::from(of)).unwrap_or_default(), of }
    }

    fn has(self, partition: Partition) -> bool {
        partition.index() % self.of == self.first
    }

    pub(super) fn partitions(self) -> impl Iterator<Item = Partition> {
        Partition::every(self.of, self.first)
    }
}

pub(super) fn slots_of(interval: Duration) -> u32 {
    let most = interval.as_millis() / MIN_SLOT.as_millis();
    u32::try_from(most).unwrap_or(MAX_SLOTS).clamp(1, MAX_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// Each turn came 7 ms late once, and an interval of a second took a third more.
    #[test]
    fn late_turns_do_not_add_up() {
        let start = Instant::now();
        let (mut rhythm, mut now) = (Rhythm::from(start, STEP, 50), start);
        for _ in 0..500 {
            now = now.max(rhythm.next) + Duration::from_millis(7);
            rhythm.take_turn(now);
        }
        assert_eq!(now - start, STEP * 499 + Duration::from_millis(7));
    }

    #[test]
    fn after_a_long_sleep_one_round_is_owed_and_not_one_for_each_interval() {
        let mut rhythm = Rhythm::from(Instant::now(), STEP, 50);
        let woken = Instant::now() + Duration::from_secs(3600);
        let mut turns = 0;
        while rhythm.next <= woken {
            rhythm.take_turn(woken);
            turns += 1;
        }
        // The one that was due, and those of the last interval, the first and the last moment of it included.
        assert_eq!(turns, 1 + 51);
    }

    #[test]
    fn every_partition_is_in_exactly_one_slot() {
        for slots in [1, 5, 64] {
            let mut seen: Vec<_> = (0..slots).flat_map(|slot| Slot::of(slot, slots).partitions()).collect();
            assert!((0..slots).all(|slot| {
                let slot = Slot::of(slot, slots);
                Partition::all().filter(|partition| slot.has(*partition)).eq(slot.partitions())
            }));
            seen.sort_unstable();
            assert!(Partition::all().eq(seen), "{slots} slots");
        }
    }

    #[test]
    fn slots_are_neither_too_many_nor_too_short() {
        for (interval_ms, slots) in [(1, 1), (20, 1), (100, 5), (15_000, 64)] {
            assert_eq!(slots_of(Duration::from_millis(interval_ms)), slots);
        }
    }
}
