//! What follows when messages may have been lost or the store may have forgotten: one task that checks and heals.
//!
//! After a gap every session of this node is checked. After a failover the node first tells the store again who was
//! enabled, and then what its journal says of the partitions concerned and the store does not know (ends, then who is
//! disabled, then logins by generation), at once, for until then an ended session may be accepted; then it renews all
//! its sessions there, spread over a second, and restores those that are missing. When every node has had the time to do
//! the same, who is disabled is said a last time, as settled: whoever came in before the store knew it again goes.
//!
//! Nodes heal without asking each other, and that is right because `Store::restore` commutes in what the
//! guarantees speak of: ended wins over live, of two that can't both sit the higher generation stays, and neither
//! verdict can be taken back. So whatever is told, when, how often, and by whom, in the end every acknowledged end
//! is an end, no seat is taken twice, and a newer login has the seat rather than an older one. One thing depends on
//! the order: a login told before the end that made room for it takes the room of the oldest. That is why a node
//! tells ends first; between nodes nothing prevents it.
//!
//! Invariants: one pass at a time; what a pass could not do is done by the next, for as long as the node runs; a check
//! does not keep a heal waiting; nothing that may have to be told again is dropped before it was.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use super::here::Recalled;
use super::renewal::{Slot, slots_of};
use super::repairs::{Work, without};
use crate::domain::{Partition, PartitionSet, SessionId};
use crate::store::StoreError;

/// Partitions of which the store is told at once, each in its order.
const TOLD_AT_ONCE: usize = 16;
/// How long it is tried to say who was enabled, where some part of the store is away: some calls that are not answered.
const ENABLED_WITHIN: Duration = Duration::from_secs(5);
/// Over how long the check of all sessions is spread.
const CHECK_OVER: Duration = Duration::from_secs(1);
/// The longest pause before what failed is tried again; the pause is anything up to it.
const RETRY_WITHIN: Duration = Duration::from_secs(2);
const FIRST_RETRY_WITHIN: Duration = Duration::from_millis(100);
/// Other nodes need one renewal interval to heal, and this for the way.
const DOUBT_MARGIN: Duration = Duration::from_secs(1);

impl Enforcer {
    /// Messages may have been lost in all partitions.
    pub(super) fn check_all(&self) {
        self.repairs.check(&PartitionSet::ALL);
    }

    /// The store may have forgotten acknowledged writes.
    pub(super) fn on_failover(&self, partitions: &PartitionSet) {
        let count = partitions.iter().count();
        tracing::warn!(
            partitions = count,
            "the store may have forgotten; telling it again what this node remembers"
        );
        self.metrics.failovers.inc();
        // Before the journal is read: see `on_answered`.
        self.failovers.fetch_add(1, Ordering::AcqRel);
        self.heal(partitions);
    }

    /// How often the store may have forgotten until now.
    pub(super) fn failovers_so_far(&self) -> u64 {
        self.failovers.load(Ordering::Acquire)
    }

    /// The store's answer to a call that began after `before` failovers is in the journal. If there was another one
    /// meanwhile, who answered may be gone, and the journal may have been told without it: it is told again.
    pub(super) fn on_answered(&self, partition: Partition, before: u64) {
        if self.failovers_so_far() != before {
            self.heal(&[partition].into_iter().collect());
        }
    }

    fn heal(&self, partitions: &PartitionSet) {
        let doubt = self.config.renew_every(self.seats.ghost_after) + DOUBT_MARGIN;
        self.repairs.heal(partitions, doubt, || {
            partitions.iter().for_each(|partition| self.journal.keep(partition));
        });
    }

    /// A session was missing that this node knew live. Who has forgotten one acknowledged write has forgotten others,
    /// of which no renewal speaks; the engine may find that out later, and for partitions alone.
    pub(super) fn on_missing(&self, partition: Partition) {
        if !self.is_doubtful(partition) {
            self.on_failover(&PartitionSet::ALL);
        }
    }

    /// Whether a session that the store does not know may be one that it has forgotten and that some node is about
    /// to restore: within one renewal interval of a failover, and for as long as this node could not heal it.
    pub(super) fn is_doubtful(&self, partition: Partition) -> bool {
        self.repairs.is_doubtful(partition)
    }

    /// Whether a token may be called unknown. `is_missing`: the store has no record of its session, which may be because
    /// it was emptied just now and nobody has noticed yet. Then this is where it is noticed: by a session that this
    /// node holds, or by asking the store whether it is the one that the node knew. Only unknown tokens pay for it.
    ///
    /// # Errors
    /// That the session may be one that was forgotten, which some node is about to restore; and the store's.
    pub(super) async fn may_call_unknown(&self, id: SessionId, is_missing: bool) -> Result<(), StoreError> {
        let partition = id.partition();
        if self.is_doubtful(partition) {
            return Err(in_doubt());
        }
        if !is_missing {
            return Ok(());
        }
        if matches!(self.here.recall(id), Ok(Recalled::Live(..))) {
            // One that could not be restored is missing for a reason that is known.
            if !self.here.was_refused(id) {
                self.on_missing(partition);
            }
            return Err(in_doubt());
        }
        let remembers = self.metrics.store_call("remembers", self.store.remembers(partition)).await?;
        // It may have been told meanwhile.
        if remembers && !self.is_doubtful(partition) { Ok(()) } else { Err(in_doubt()) }
    }

    /// Checks after each gap and heals after each failover until `shutdown`. However many come meanwhile, one more
    /// pass follows, begun after the last of them: a store that is in trouble is not asked by more and more of them
    /// at once.
    pub async fn run_repairs(self: Arc<Self>, shutdown: CancellationToken) {
        let mut within = FIRST_RETRY_WITHIN;
        while let Some(work) = shutdown.run_until_cancelled(self.repairs.next()).await {
            if self.repair(&work, &shutdown).await {
                within = FIRST_RETRY_WITHIN;
                continue;
            }
            let pause = self.chance.up_to(within);
            within = (within * 2).min(RETRY_WITHIN);
            // Unless there is news.
            let woken = timeout(pause, self.repairs.news());
            shutdown.run_until_cancelled(woken).await;
        }
    }

    /// One pass; answers whether everything was done. At `shutdown` it is given up between two steps, and not
    /// within one: the uses that a renewal took along would be lost, and the last flush could not write them.
    async fn repair(&self, work: &Work, shutdown: &CancellationToken) -> bool {
        let start = Instant::now();
        let (restored, failovers) = (self.metrics.restored_so_far(), self.failovers_so_far());
        self.enable_all_again(&work.forgotten, shutdown).await;
        let (facts, unhealed) = self.replay_all(&work.forgotten, shutdown).await;
        let mut check = work.unchecked;
        check.extend(&without(&work.forgotten, &unhealed));
        let failed = self.renew_all_in(&check, failovers, shutdown).await;
        let mut left = Work { since: work.since, ..Work::default() };
        left.forgotten =
            work.forgotten.iter().filter(|it| unhealed.contains(*it) || failed.contains(*it)).collect();
        left.unchecked = without(&failed, &left.forgotten);
        left.unsettled = self.settle_all(&work.unsettled, shutdown).await;
        self.repairs.put_back(&left, |left| {
            // Not what another failover has struck meanwhile.
            without(&work.forgotten, &left.forgotten).iter().for_each(|it| self.journal.release(it));
            without(&work.unsettled, &left.unsettled).iter().for_each(|it| self.journal.settled(it));
        });
        if !work.unchecked.is_empty() {
            self.metrics.reconcile_seconds.observe(start.elapsed().as_secs_f64());
        }
        if !work.forgotten.is_empty() {
            let partitions = work.forgotten.iter().count();
            let left = left.forgotten.iter().count();
            let took = work.since.unwrap_or(start).elapsed();
            let sessions = self.metrics.restored_so_far() - restored;
            tracing::info!(
                partitions,
                left,
                facts,
                sessions,
                took_ms = took.as_millis(),
                "told the store again"
            );
            if left == 0 {
                self.metrics.heal_seconds.observe(took.as_secs_f64());
            }
        }
        left.is_empty()
    }

    /// Says who was enabled, before all else and everywhere: it ends nobody and is little, all else may take long, and
    /// another node that knows of an older disabling waits only so long before it takes that for the last word. A part of
    /// the store that is away does not keep the others from being told, but for so long. What can't be said now is said
    /// again with the rest.
    pub(super) async fn enable_all_again(&self, partitions: &PartitionSet, shutdown: &CancellationToken) {
        let begun = Instant::now();
        let has_failed = AtomicBool::new(false);
        stream::iter(partitions.iter())
            .for_each_concurrent(TOLD_AT_ONCE, async |partition| {
                let is_late = has_failed.load(Ordering::Relaxed) && begun.elapsed() >= ENABLED_WITHIN;
                if is_late || shutdown.is_cancelled() {
                    return;
                }
                if let Err(error) = self.enable_again(partition).await {
                    has_failed.store(true, Ordering::Relaxed);
                    tracing::debug!(%partition, %error, "who was enabled is said again later");
                }
            })
            .await;
    }

    /// Replays the journal of some partitions; answers how many facts, and where it failed.
    async fn replay_all(
        &self,
        partitions: &PartitionSet,
        shutdown: &CancellationToken,
    ) -> (usize, PartitionSet) {
        let told = Mutex::new((0, PartitionSet::default()));
        stream::iter(partitions.iter())
            .for_each_concurrent(TOLD_AT_ONCE, async |partition| {
                let replayed = self.replay(partition, shutdown).await;
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                match replayed {
                    Ok(facts) => told.0 += facts,
                    Err(error) => {
                        tracing::debug!(%partition, %error, "a replay failed and will be repeated");
                        told.1.insert(partition);
                    }
                }
            })
            .await;
        told.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says as settled who was disabled in some partitions; answers where that failed.
    async fn settle_all(&self, partitions: &PartitionSet, shutdown: &CancellationToken) -> PartitionSet {
        let mut failed = PartitionSet::default();
        for partition in partitions.iter() {
            if shutdown.is_cancelled() || self.settle_disablings(partition).await.is_err() {
                failed.insert(partition);
            }
        }
        failed
    }

    /// Renews every session of this node in some partitions now; answers where it failed, or was given up because there
    /// was another failover than those `known`: what the store has forgotten then is told first.
    pub(super) async fn renew_all_in(
        &self,
        partitions: &PartitionSet,
        known: u64,
        shutdown: &CancellationToken,
    ) -> PartitionSet {
        let slots = slots_of(CHECK_OVER);
        // A shift of a random slot, so that the nodes of a cluster do not walk in step.
        let first = u32::from(self.chance.bytes::<1>()[0]);
        let mut failed = PartitionSet::default();
        for slot in 0..slots {
            if shutdown.is_cancelled() {
                break;
            }
            let slot = Slot::of(slot + first, slots);
            if self.failovers_so_far() != known {
                failed.extend(&slot.partitions().filter(|it| partitions.contains(*it)).collect());
                continue;
            }
            let batches = self.collect(slot, |partition| partitions.contains(partition));
            if !batches.is_empty() {
                failed.extend(&self.renew(batches).await);
                shutdown.run_until_cancelled(tokio::time::sleep(CHECK_OVER / slots)).await;
            }
        }
        failed
    }
}

/// Why a token that the store does not know is not called unknown.
pub(super) fn in_doubt() -> StoreError {
    StoreError::Unavailable("it has forgotten sessions and is told of them again".to_owned())
}
