//! What a node counts, for Prometheus. One registry a node, so that a process can run several.
//!
//! Owns the counters and what counts them; their names are in `names`, what they are told apart by in `labels`, and what
//! is the process's and not the node's in `process`.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::domain::Reason;
use crate::store::{Census, StoreError};

mod labels;
mod names;
mod process;
#[cfg(test)]
mod tests;

use labels::{CallLabel, CallNameLabel, KindLabel, RESTORED, ReasonLabel, ResultLabel};

/// Seconds, from 50 µs to 10 s: a takeover takes well under a millisecond, a lost reply some seconds.
const SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.5,
    10.0,
];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// The counters of one node. All fields are cheap to clone and to bump.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    process: Registry,
    pub connections: Gauge,
    /// Live sessions in the whole store, as last counted for the active-session view or by the sweeper.
    sessions: Gauge<i64, std::sync::atomic::AtomicI64>,
    logins: Family<ResultLabel, Counter>,
    ended: Family<ReasonLabel, Counter>,
    /// From the store's decision to the end of the write to the older device's socket.
    pub takeover_seconds: Histogram,
    renewals: Family<ResultLabel, Counter>,
    pub found_by_renewal: Counter,
    pub damaged: Counter,
    pub sweeps: Counter,
    pub swept: Counter,
    store_calls: Family<CallLabel, Counter>,
    store_seconds: Family<CallNameLabel, Histogram, fn() -> Histogram>,
    pub pubsub_gaps: Counter,
    pub pubsub_connected: Gauge,
    pub reconcile_seconds: Histogram,
    pub failovers: Counter,
    restored: Family<ResultLabel, Counter>,
    pub heal_seconds: Histogram,
    /// What the node remembers of what the store acknowledged lately.
    pub journal_facts: Gauge,
    pub journal_dropped: Counter,
    pub unconfirmed: Counter,
    brakes: Family<KindLabel, Counter>,
    /// 1 while connections are kept out because the store is away.
    pub fenced: Gauge,
    /// Since the store was first found to take no writes, as looked at once a renewal interval; 0 while it does.
    pub store_silence_seconds: Gauge<f64, AtomicU64>,
    /// Who watches the log live, through this node.
    pub watchers: Gauge,
    pub watcher_skipped: Counter,
    /// Failed logins that the log was too slow for.
    pub failures_dropped: Counter,
    damaged_entries: Family<KindLabel, Counter>,
    pub jobs_running: Gauge,
    jobs: Family<ResultLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("hotseat"),
            process: process::registry(),
            connections: Gauge::default(),
            sessions: Gauge::default(),
            logins: Family::default(),
            ended: Family::default(),
            takeover_seconds: seconds(),
            renewals: Family::default(),
            found_by_renewal: Counter::default(),
            damaged: Counter::default(),
            sweeps: Counter::default(),
            swept: Counter::default(),
            store_calls: Family::default(),
            store_seconds: Family::new_with_constructor(seconds as fn() -> Histogram),
            pubsub_gaps: Counter::default(),
            pubsub_connected: Gauge::default(),
            reconcile_seconds: seconds(),
            failovers: Counter::default(),
            restored: Family::default(),
            heal_seconds: seconds(),
            journal_facts: Gauge::default(),
            journal_dropped: Counter::default(),
            unconfirmed: Counter::default(),
            brakes: Family::default(),
            fenced: Gauge::default(),
            store_silence_seconds: Gauge::default(),
            watchers: Gauge::default(),
            watcher_skipped: Counter::default(),
            failures_dropped: Counter::default(),
            damaged_entries: Family::default(),
            jobs_running: Gauge::default(),
            jobs: Family::default(),
        };
        metrics.name_all();
        metrics
    }

    /// Something was refused; one of [`labels::BRAKES`].
    pub fn braked(&self, kind: &'static str) {
        self.brakes.get_or_create(&KindLabel { kind }).inc();
    }

    /// So many entries can't be read; answers how many could not before.
    pub fn damaged_entries(&self, kind: &'static str, count: u64) -> u64 {
        self.damaged_entries.get_or_create(&KindLabel { kind }).inc_by(count)
    }

    /// A job of which this node is no longer in charge.
    pub fn job(&self, result: &'static str) {
        self.jobs.get_or_create(&ResultLabel { result }).inc();
    }

    /// Logins that this node has seated.
    pub fn seated_so_far(&self) -> u64 {
        self.logins.get_or_create(&ResultLabel { result: "seated" }).get()
    }

    /// Sessions that ended through this node.
    pub fn ended_so_far(&self, reason: Reason) -> u64 {
        self.ended.get_or_create(&ReasonLabel { reason: reason.as_str() }).get()
    }

    /// So many sessions are live in the whole store; those that the count has ended count as swept.
    pub fn counted(&self, census: &Census) {
        self.sessions.set(i64::try_from(census.count).unwrap_or(i64::MAX));
        self.swept.inc_by(census.swept);
    }

    pub fn login(&self, result: &'static str) {
        self.logins.get_or_create(&ResultLabel { result }).inc();
    }

    pub fn ended(&self, reason: Reason) {
        self.ended.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc();
    }

    /// One of [`RESTORED`].
    pub fn restored(&self, result: &'static str) {
        self.restored.get_or_create(&ResultLabel { result }).inc();
    }

    /// How many sessions a store that had forgotten them was told of, so far.
    pub fn restored_so_far(&self) -> u64 {
        let of = |result| self.restored.get_or_create(&ResultLabel { result }).get();
        RESTORED.into_iter().map(of).sum()
    }

    pub fn renewal(&self, result: &'static str) {
        self.renewals.get_or_create(&ResultLabel { result }).inc();
    }

    /// Runs a store call and counts its result and time.
    pub async fn store_call<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let start = tokio::time::Instant::now();
        let outcome = work.await;
        let result = match &outcome {
            Ok(_) => "ok",
            Err(StoreError::Unavailable(_)) => "unavailable",
            Err(StoreError::OutcomeUnknown(_)) => "unknown",
            Err(StoreError::Corrupt(_)) => "corrupt",
        };
        self.store_calls.get_or_create(&CallLabel { call, result }).inc();
        self.store_seconds.get_or_create(&CallNameLabel { call }).observe(start.elapsed().as_secs_f64());
        outcome
    }

    /// The text exposition (OpenMetrics 1.0). Blocks for a moment: the system is asked about the process.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &self.process))
            .and_then(|()| encode_eof(&mut text));
        text
    }
}
