//! The sure route to an eviction: the periodic check of every session that this node holds, which needs no message.
//!
//! Owns the rhythm and the batches; what it finds goes the way of a message. Invariant: a use or a goodbye that was
//! taken along is written, or kept for the next renewal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Enforcer, millis};
use crate::domain::{Partition, Presence, SessionId};
use crate::hub::Command;
use crate::protocol::CloseCode;
use crate::store::Renewal;

/// A renewal interval is cut into this many slots at most; each partition has its own.
const MAX_SLOTS: u32 = 64;
/// A slot is never shorter than this.
const MIN_SLOT: Duration = Duration::from_millis(20);
/// Sessions in one store call, so that no call holds the store for long.
const BATCH: usize = 128;
/// Store calls under way at once.
const CONCURRENT: usize = 8;
/// Over how long the check of all sessions after a gap is spread.
const RECONCILE_OVER: Duration = Duration::from_secs(1);

type Batches = BTreeMap<Partition, Vec<Renewal>>;

/// What a look around has found, each session once.
#[derive(Default)]
struct Found(HashMap<SessionId, Renewal>);

impl Found {
    fn renewal(&mut self, id: SessionId) -> &mut Renewal {
        self.0.entry(id).or_insert(Renewal { id, seen_ago_ms: None, presence: None })
    }

    /// Of two words about a session's connections the later one counts.
    fn held(&mut self, id: SessionId, presence: Presence) {
        let known = &mut self.renewal(id).presence;
        if known.is_none_or(|known| known.sequence < presence.sequence) {
            *known = Some(presence);
        }
    }

    fn into_batches(self) -> Batches {
        let mut batches = Batches::new();
        for renewal in self.0.into_values() {
            batches.entry(renewal.id.partition()).or_default().push(renewal);
        }
        batches
    }
}

impl Enforcer {
    /// Renews until `shutdown`: every partition once each interval, each in its own slot, so that a lost
    /// message costs at most one interval and the store sees an even trickle.
    pub async fn run_renewal(self: Arc<Self>, shutdown: CancellationToken) {
        let every = self.config.renew_every(self.seats.ghost_after);
        let slots = slots_of(every);
        let mut ticks = tokio::time::interval_at(
            // Nodes that start together should not renew together.
            Instant::now() + self.chance.up_to(every / slots),
            every / slots,
        );
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for slot in (0..slots).cycle() {
            if shutdown.run_until_cancelled(ticks.tick()).await.is_none() {
                return;
            }
            if slot == 0 {
                self.check_on_store().await;
            }
            let batches = self.collect(in_slot(slot, slots));
            self.renew(batches).await;
        }
    }

    /// Checks every session after each gap until `shutdown`, one check at a time. However often the channel comes and
    /// goes meanwhile, one more check follows, begun after the last of the gaps: a store that is in trouble is not
    /// asked by more and more of them at once.
    pub async fn run_reconciliation(self: Arc<Self>, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(self.gap_is_over.notified()).await.is_some() {
            self.reconcile(&shutdown).await;
        }
    }

    /// Checks every session of this node now: messages may have been lost. Given up at `shutdown` between two slots,
    /// and not within one: the uses that it took along would be lost, and the last flush could not write them.
    async fn reconcile(&self, shutdown: &CancellationToken) {
        let start = Instant::now();
        let slots = slots_of(RECONCILE_OVER);
        // A shift of a random slot, so that the nodes of a cluster do not walk in step.
        let first = self.chance.bytes::<1>()[0];
        for slot in 0..slots {
            if shutdown.is_cancelled() {
                return;
            }
            let slot = (slot + u32::from(first)) % slots;
            let batches = self.collect(in_slot(slot, slots));
            if !batches.is_empty() {
                self.renew(batches).await;
                shutdown.run_until_cancelled(tokio::time::sleep(RECONCILE_OVER / slots)).await;
            }
        }
        self.metrics.reconcile_seconds.observe(start.elapsed().as_secs_f64());
    }

    /// Writes what is not yet written: uses and goodbyes of the last interval. For the end of a node.
    pub async fn flush(&self) {
        self.renew(self.collect(|_| true)).await;
    }

    /// Writes the use of one session, if a renewal has not taken it along by now.
    pub(super) async fn renew_use(&self, id: SessionId) {
        let Some(at) = self.touched.remove(id) else { return };
        let used = Renewal { id, seen_ago_ms: Some(millis(at.elapsed())), presence: None };
        self.renew_batch(id.partition(), &[used]).await;
    }

    /// Writes the goodbye of a client that fell silent, as seen when it was last known there.
    pub(super) async fn renew_vanished(&self, id: SessionId, presence: Presence) {
        let seen_ago_ms = Some(millis(2 * self.config.heartbeat));
        self.renew_batch(id.partition(), &[Renewal { id, seen_ago_ms, presence: Some(presence) }]).await;
    }

    /// What there is to renew in the partitions that `wanted` takes. Each session once, although one may leave or
    /// be used while this looks around: of two entries in one store call the second would undo the first.
    pub(super) fn collect(&self, wanted: impl Fn(Partition) -> bool) -> Batches {
        let mut found = Found::default();
        for (id, presence) in self.hub.sessions(|id| wanted(id.partition())) {
            self.departed.remove_if(id, |left| left.sequence <= presence.sequence);
            found.held(id, presence);
        }
        for partition in Partition::all().filter(|partition| wanted(*partition)) {
            for (id, presence) in self.departed.copy(partition) {
                found.held(id, presence);
            }
            for (id, at) in self.touched.take(partition) {
                found.renewal(id).seen_ago_ms = Some(millis(at.elapsed()));
            }
        }
        found.into_batches()
    }

    async fn renew(&self, batches: Batches) {
        let mut calls = Vec::with_capacity(batches.len());
        for (partition, sessions) in &batches {
            calls.extend(sessions.chunks(BATCH).map(|batch| (*partition, batch)));
        }
        stream::iter(calls)
            .for_each_concurrent(CONCURRENT, |(partition, batch)| self.renew_batch(partition, batch))
            .await;
    }

    async fn renew_batch(&self, partition: Partition, batch: &[Renewal]) {
        let call = self.store.renew(self.node, partition, batch, self.ghost_after_ms());
        match self.metrics.store_call("renew", call).await {
            Ok(renewed) => {
                self.metrics.renewal("ok");
                for renewal in batch {
                    if let Some(presence) = renewal.presence {
                        self.departed.remove_if(renewal.id, |left| left.sequence <= presence.sequence);
                    }
                }
                for record in renewed.ended {
                    if let Some(end) = record.end {
                        self.on_found_ended(record.session.id, end);
                    }
                }
                for id in renewed.missing {
                    tracing::warn!(session = %id, "the store has lost a session");
                    self.forget(id);
                    self.hub.send(id, &Command::Close(CloseCode::UNKNOWN_TOKEN));
                }
            }
            Err(error) => {
                self.metrics.renewal("failed");
                tracing::debug!(%partition, %error, "a renewal failed; the next one repeats it");
                self.put_back(batch);
            }
        }
    }

    /// Uses that were not written are kept for the next renewal.
    fn put_back(&self, batch: &[Renewal]) {
        for renewal in batch {
            let Some(ago) = renewal.seen_ago_ms else { continue };
            if let Some(at) = Instant::now().checked_sub(Duration::from_millis(ago)) {
                self.touched.insert(renewal.id, at, |_| false);
            }
        }
    }

    /// Reads the store's clock, once an interval, and notes how long the store has been silent.
    async fn check_on_store(&self) {
        match self.read_clock().await {
            Ok(()) => self.silence.heard(&self.metrics),
            Err(error) => self.silence.unheard(&self.metrics, &error),
        }
    }
}

/// Whether a partition is looked at in `slot` of `slots`.
fn in_slot(slot: u32, slots: u32) -> impl Fn(Partition) -> bool {
    move |partition| u32::from(partition.index()) % slots == slot
}

fn slots_of(interval: Duration) -> u32 {
    let most = interval.as_millis() / MIN_SLOT.as_millis();
    u32::try_from(most).unwrap_or(MAX_SLOTS).clamp(1, MAX_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_neither_too_many_nor_too_short() {
        for (interval_ms, slots) in [(1, 1), (20, 1), (100, 5), (15_000, 64)] {
            assert_eq!(slots_of(Duration::from_millis(interval_ms)), slots);
        }
    }
}
