//! Under which name, and with which words, each metric is told; and that all are there from the start.

use prometheus_client::registry::Unit;

use super::Metrics;
use super::labels::{BRAKES, DAMAGED, JOBS, KindLabel, LOGINS, RENEWALS, RESTORED, ReasonLabel, ResultLabel};
use crate::domain::Reason;

impl Metrics {
    /// Once, for a new node's.
    pub(super) fn name_all(&mut self) {
        self.register();
        self.register_healing();
        self.register_administration();
        self.begin_at_zero();
    }

    /// A count that is there from the start shows its first rise to whoever asks for its rate.
    fn begin_at_zero(&self) {
        for result in LOGINS {
            self.logins.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for reason in Reason::ALL {
            self.ended.get_or_create(&ReasonLabel { reason: reason.as_str() }).inc_by(0);
        }
        for result in RENEWALS {
            self.renewals.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for result in RESTORED {
            self.restored.get_or_create(&ResultLabel { result }).inc_by(0);
        }
        for kind in BRAKES {
            self.brakes.get_or_create(&KindLabel { kind }).inc_by(0);
        }
        for kind in DAMAGED {
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
}
