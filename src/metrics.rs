//! What a node counts, for Prometheus. One registry a node, so that a process can run several.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::Reason;
use crate::store::{Census, StoreError};

mod process;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabel {
    call: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallNameLabel {
    call: &'static str,
}

/// Seconds, from 50 µs to 10 s: a takeover takes well under a millisecond, a lost reply some seconds.
const SECONDS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.5,
    10.0,
];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// What can become of a login.
const LOGINS: [&str; 7] = ["seated", "full", "disabled", "unavailable", "wrong", "braked", "overloaded"];
/// What a brake can refuse.
const BRAKES: [&str; 2] = ["login", "api_key"];
/// How a node can leave a job.
const JOBS: [&str; 5] = ["done", "stopped", "left", "put_off", "failed"];
/// What can become of a session that is told again.
const RESTORED: [&str; 4] = ["live", "ended", "yielded", "too_old"];

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
        metrics.register();
        metrics.register_healing();
        metrics.register_administration();
        metrics.begin_at_zero();
        metrics
    }

    /// A count that is there from the start shows its first rise to whoever asks for its rate.
    fn begin_at_zero(&self) {
        for result in LOGINS {
            self.logins.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for reason in Reason::ALL {
            self.ended.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc_by(0);
        }
        for result in ["ok", "failed"] {
            self.renewals.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for result in RESTORED {
            self.restored.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for kind in BRAKES {
            self.brakes.get_or_create(&KindLabel { kind }).inc_by(0);
        }
        for kind in ["event", "job"] {
            self.damaged_entries.get_or_create(&KindLabel { kind }).inc_by(0);
        }
        for result in JOBS {
            self.jobs.get_or_create(&ResultLabel { result }).inc_by(0);
        }
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "WebSockets on this node", self.connections.clone());
        registry.register("sessions", "Live sessions in the store, as last counted", self.sessions.clone());
        registry.register("logins", "Logins by result", self.logins.clone());
        registry.register(
            "sessions_ended",
            "Sessions ended through this node, by reason",
            self.ended.clone(),
        );
        registry.register_with_unit(
            "takeover",
            "From the store's decision to the write to the older device's socket",
            Unit::Seconds,
            self.takeover_seconds.clone(),
        );
        registry.register("renewals", "Renewal batches by result", self.renewals.clone());
        registry.register(
            "found_by_renewal",
            "Ended sessions whose message never came and that a renewal found",
            self.found_by_renewal.clone(),
        );
        registry.register(
            "records_damaged",
            "Times that a renewal met a session's record that can't be read",
            self.damaged.clone(),
        );
        registry.register("sweeps", "Rounds of the sweeper over all partitions", self.sweeps.clone());
        registry.register(
            "swept",
            "Sessions past their deadline that the sweeper, or a count of all, has ended",
            self.swept.clone(),
        );
        registry.register("store_calls", "Store calls by call and result", self.store_calls.clone());
        registry.register_with_unit(
            "store_call",
            "Time of store calls",
            Unit::Seconds,
            self.store_seconds.clone(),
        );
        registry.register("pubsub_gaps", "Times that messages may have been lost", self.pubsub_gaps.clone());
        registry.register("pubsub_connected", "1 while messages arrive", self.pubsub_connected.clone());
        registry.register_with_unit(
            "reconcile",
            "Time to check all sessions after a gap",
            Unit::Seconds,
            self.reconcile_seconds.clone(),
        );
        registry.register(
            "kicks_unconfirmed",
            "Confirmations that did not come in time",
            self.unconfirmed.clone(),
        );
        registry.register(
            "brakes",
            "Refusals by a brake: logins after too many failures, calls beyond an API key's rate",
            self.brakes.clone(),
        );
        registry.register(
            "fenced",
            "1 while connections are kept out because the store is away",
            self.fenced.clone(),
        );
        registry.register_with_unit(
            "store_silence",
            "Since the store was found to take no writes, 0 while it does",
            Unit::Seconds,
            self.store_silence_seconds.clone(),
        );
    }

    fn register_healing(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "failovers",
            "Times that the store may have forgotten what it had acknowledged",
            self.failovers.clone(),
        );
        registry.register(
            "sessions_restored",
            "Sessions told again to a store that had forgotten them, by what became of them",
            self.restored.clone(),
        );
        registry.register_with_unit(
            "heal",
            "Time from a failover to the end of its healing by this node",
            Unit::Seconds,
            self.heal_seconds.clone(),
        );
        registry.register(
            "journal_facts",
            "Logins and ends that this node would tell a store again that has forgotten them",
            self.journal_facts.clone(),
        );
        registry.register(
            "journal_dropped",
            "Logins and ends dropped from the journal before their time for want of room",
            self.journal_dropped.clone(),
        );
    }

    fn register_administration(&mut self) {
        let registry = &mut self.registry;
        registry.register("watchers", "Administrators' live streams on this node", self.watchers.clone());
        registry.register(
            "watcher_skipped",
            "Events that were summed up for a watcher and not sent one by one",
            self.watcher_skipped.clone(),
        );
        registry.register(
            "failed_logins_dropped",
            "Failed logins that are not in the log because the store was too slow for them",
            self.failures_dropped.clone(),
        );
        registry.register(
            "entries_damaged",
            "Times that an event or a job was passed over because it can't be read",
            self.damaged_entries.clone(),
        );
        registry.register("jobs_running", "Jobs that this node is at", self.jobs_running.clone());
        registry.register("jobs", "Jobs that this node was at, by how it left them", self.jobs.clone());
    }

    /// Something was refused; one of [`BRAKES`].
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_counted_is_shown_under_its_name() {
        let metrics = Metrics::new();
        metrics.login("seated");
        metrics.ended(Reason::Takeover);
        metrics.restored("yielded");
        let lost =
            metrics.store_call::<()>("login", async { Err(StoreError::OutcomeUnknown(String::new())) });
        assert!(lost.await.is_err());
        let text = metrics.encode();
        for line in [
            "hotseat_logins_total{result=\"seated\"} 1",
            "hotseat_sessions_ended_total{reason=\"takeover\"} 1",
            "hotseat_store_calls_total{call=\"login\",result=\"unknown\"} 1",
            "hotseat_takeover_seconds_count 0",
            "hotseat_pubsub_gaps_total 0",
            "hotseat_brakes_total{kind=\"api_key\"} 0",
            "hotseat_entries_damaged_total{kind=\"event\"} 0",
            "hotseat_failovers_total 0",
            "hotseat_sessions_restored_total{result=\"yielded\"} 1",
            "hotseat_heal_seconds_count 0",
            "hotseat_journal_facts 0",
            "hotseat_journal_dropped_total 0",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
    }
    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_is_told_of_under_the_usual_names() {
        let text = Metrics::new().encode();
        for name in [
            "process_resident_memory_bytes",
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            "process_open_fds",
            "process_max_fds",
        ] {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value: f64 = value.unwrap_or_else(|| panic!("{name} is missing in {text}")).parse().unwrap();
            assert!(value >= 0.0, "{name} {value}");
        }
        // The EOF stands once, at the end.
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    }
}
