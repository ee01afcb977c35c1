//! Real nodes, real Redis in every topology, real faults, and a model that judges every answer and every socket.
//!
//! The short form: faults that keep the primary, on each topology where they mean something, once. `scripts/faults` is
//! the long one, and has those that change the primary too: an election takes as long as it takes, many of them half an
//! hour.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other test targets, of which none uses everything")]
mod support;

mod caller;
mod device;
mod fault;
mod history;
mod judge;
mod lag;
mod person;
mod rigs;
mod run;
mod scribe;
#[allow(dead_code, reason = "only the long form uses a stage more than once")]
mod stage;
mod wire;

use std::collections::BTreeSet;

use fault::Fault;
use run::Plan;
use stage::{Stage, Topology};

/// Another seed for each, so that some refuse newcomers and the others put the oldest out.
fn plan(topology: Topology, fault: Fault) -> Plan {
    let seed = 1 + topology as u64 + fault as u64;
    Plan { topology, on_full: run::on_full(seed), fault, seed }
}

async fn survives(topology: Topology, fault: Fault) {
    let plan = plan(topology, fault);
    let mut stage = Stage::set(topology, plan.on_full, 2).await;
    let outcome = run::run(&mut stage, plan).await;
    assert_eq!(outcome.broken(), 0, "{outcome}");
}

macro_rules! short_form {
    ($($module:ident of $topology:ident { $($name:ident: $fault:ident),+ $(,)? })+) => {
        $(mod $module {
            use super::{Fault, Topology, survives};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    survives(Topology::$topology, Fault::$fault).await;
                }
            )+
        })+

        const SHORT_FORM: &[(Topology, Fault)] = &[$($((Topology::$topology, Fault::$fault),)+)+];
    };
}

short_form! {
    embedded of Embedded {
        healthy: Healthy,
        node_killed: NodeKilled,
        node_drained: NodeDrained,
        node_paused: NodePaused,
    }
    single of Single {
        healthy: Healthy,
        messages_lost: MessagesLost,
        reset: Reset,
        half_close: HalfClose,
        black_hole: BlackHole,
        delay: Delay,
        replies_lost: RepliesLost,
        node_killed: NodeKilled,
        node_drained: NodeDrained,
        node_paused: NodePaused,
        store_restarted: StoreRestarted,
        store_restarted_empty: StoreRestartedEmpty,
        flushed: Flushed,
    }
    sentinel of Sentinel {
        healthy: Healthy,
        messages_lost: MessagesLost,
        reset: Reset,
        half_close: HalfClose,
        black_hole: BlackHole,
        delay: Delay,
        replies_lost: RepliesLost,
        node_killed: NodeKilled,
        node_drained: NodeDrained,
        node_paused: NodePaused,
        flushed: Flushed,
    }
    cluster of Cluster {
        healthy: Healthy,
        messages_lost: MessagesLost,
        reset: Reset,
        half_close: HalfClose,
        black_hole: BlackHole,
        delay: Delay,
        replies_lost: RepliesLost,
        node_killed: NodeKilled,
        node_drained: NodeDrained,
        node_paused: NodePaused,
        flushed: Flushed,
        slot_moved: SlotMoved,
    }
}

/// Whether another server takes the writes afterwards.
fn changes_the_primary(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::PrimaryKilled | Fault::PrimaryFrozen | Fault::WritesForgotten | Fault::PlannedFailover
    )
}

#[test]
fn the_short_form_has_every_fault_that_keeps_the_primary_once() {
    let short: BTreeSet<_> = SHORT_FORM.iter().copied().collect();
    let all = Topology::ALL.into_iter().flat_map(|topology| Fault::ALL.map(|fault| (topology, fault)));
    let wanted = all.filter(|(topology, fault)| fault.happens_on(*topology) && !changes_the_primary(*fault));
    assert_eq!(short, wanted.collect());
    assert_eq!(short.len(), SHORT_FORM.len());
}
