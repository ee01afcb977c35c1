//! Real nodes, real Redis in every topology, real faults, and a model that judges every answer and every socket.
//!
//! The short form: each fault once on each topology where it means something, those of a kind one after the other on one
//! stage; but a change of the primary has a stage of its own, for what nodes tell a new one again is all of the last
//! minute, the faults before it included. `scripts/faults` is the long one.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other test targets, of which none uses everything")]
mod support;

mod caller;
mod deafness;
mod device;
mod fault;
mod fence;
mod history;
mod judge;
mod lag;
mod person;
mod rigs;
mod run;
mod scribe;
#[allow(dead_code, reason = "only the long form keeps what the nodes have logged")]
mod stage;
mod wire;

use std::collections::BTreeSet;

use fault::Fault;
use run::Plan;
use stage::{Stage, Topology};

/// How many runs may be void until one says something.
const MEASUREMENTS: usize = 3;
/// Seeds so far apart have the same policy.
const POLICIES: u64 = 3;

/// Plays the faults one after the other on one stage. The policy goes by the first of them and the topology, so that
/// some refuse newcomers and the others put the oldest out.
async fn survives(topology: Topology, faults: &[Fault]) {
    let seed = 1 + topology as u64 + faults[0] as u64;
    let on_full = run::on_full(seed);
    let mut stage = Stage::set(topology, on_full, 2).await;
    for fault in faults {
        survives_one(&mut stage, Plan { topology, on_full, fault: *fault, seed }).await;
    }
}

async fn survives_one(stage: &mut Stage, mut plan: Plan) {
    for _ in 0..MEASUREMENTS {
        let outcome = run::run(stage, plan).await;
        println!("{outcome}");
        assert_eq!(outcome.broken(), 0, "{outcome}");
        stage.mend().await;
        if !outcome.is_void() {
            return;
        }
        plan.seed += POLICIES;
    }
    panic!("the machine was too busy {MEASUREMENTS} times to tell whether {:?} is survived", plan.fault);
}

macro_rules! short_form {
    ($($module:ident of $topology:ident { $($name:ident: [$($fault:ident),+ $(,)?]),+ $(,)? })+) => {
        $(mod $module {
            use super::{Fault, Topology, survives};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    survives(Topology::$topology, &[$(Fault::$fault),+]).await;
                }
            )+
        })+

        const SHORT_FORM: &[(Topology, Fault)] = &[$($($((Topology::$topology, Fault::$fault),)+)+)+];
    };
}

short_form! {
    embedded of Embedded {
        nodes: [Healthy, NodeKilled, NodeDrained, NodePaused],
    }
    single of Single {
        lines: [Healthy, MessagesLost, Reset, HalfClose, BlackHole, Delay, RepliesLost],
        nodes: [NodeKilled, NodeDrained, NodePaused],
        stores: [StoreRestarted, StoreRestartedEmpty, Flushed],
    }
    sentinel of Sentinel {
        lines: [Healthy, MessagesLost, Reset, HalfClose, BlackHole, Delay, RepliesLost],
        nodes: [NodeKilled, NodeDrained, NodePaused],
        flushed: [Flushed],
        primary_killed: [PrimaryKilled],
        primary_frozen: [PrimaryFrozen],
        writes_forgotten: [WritesForgotten],
        planned_failover: [PlannedFailover],
    }
    cluster of Cluster {
        lines: [Healthy, MessagesLost, Reset, HalfClose, BlackHole, Delay, RepliesLost],
        nodes: [NodeKilled, NodeDrained, NodePaused],
        flushed: [Flushed],
        primary_killed: [PrimaryKilled],
        primary_frozen: [PrimaryFrozen],
        writes_forgotten: [WritesForgotten],
        planned_failover: [PlannedFailover],
        slots: [SlotMoved],
    }
}

#[test]
fn the_short_form_has_every_fault_on_every_topology_once() {
    let short: BTreeSet<_> = SHORT_FORM.iter().copied().collect();
    let all = Topology::ALL.into_iter().flat_map(|topology| Fault::ALL.map(|fault| (topology, fault)));
    assert_eq!(short, all.filter(|(topology, fault)| fault.happens_on(*topology)).collect());
    assert_eq!(short.len(), SHORT_FORM.len());
}
