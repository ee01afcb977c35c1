//! Real nodes, real Redis in every topology, real faults, and a model that judges every answer and every socket.
//!
//! The short form: each fault once on each topology where it means something, those of a kind one after the other on one
//! stage; but a change of the primary has a stage of its own, under each policy, for what nodes tell a new one again is
//! all of the last minute, the faults before it included. `scripts/faults` is the long one.

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
mod person;
mod rigs;
mod run;
mod scribe;
#[allow(dead_code, reason = "only the long form keeps what the nodes have logged")]
mod stage;
mod wire;

use std::collections::BTreeSet;

use fault::Fault;
use history::OnFull;
use run::Plan;
use stage::{Stage, Topology};

/// How many runs may be void until one says something.
const MEASUREMENTS: usize = 3;
/// Seeds so far apart have the same policy.
const POLICIES: u64 = 3;

/// Plays the faults one after the other on one stage, under one policy.
async fn survives(topology: Topology, on_full: OnFull, faults: &[Fault]) {
    // The first seed of the policy from there on, so that the long form repeats it.
    let seed = (1 + topology as u64 + faults[0] as u64..).find(|seed| run::on_full(*seed) == on_full);
    let seed = seed.expect("a third of all seeds");
    let mut stage = Stage::set(topology, on_full, 2).await;
    for fault in faults {
        survives_one(&mut stage, Plan { topology, on_full, fault: *fault, seed }).await;
    }
}

async fn survives_one(stage: &mut Stage, mut plan: Plan) {
    for _ in 0..MEASUREMENTS {
        let outcome = run::run(stage, plan).await;
        println!("{outcome}");
        if outcome.broken() > 0 {
            outcome.histories.iter().for_each(|history| println!("{history}"));
        }
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
    ($($module:ident of $topology:ident { $($name:ident: $on_full:ident [$($fault:ident),+ $(,)?]),+ $(,)? })+) => {
        $(mod $module {
            use super::{Fault, OnFull, Topology, survives};
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    survives(Topology::$topology, OnFull::$on_full, &[$(Fault::$fault),+]).await;
                }
            )+
        })+

        const SHORT_FORM: &[(Topology, Fault, OnFull)] =
            &[$($($((Topology::$topology, Fault::$fault, OnFull::$on_full),)+)+)+];
    };
}

short_form! {
    embedded of Embedded {
        nodes: KickOld [Healthy, NodeKilled, NodeDrained, NodePaused],
    }
    single of Single {
        lines: KickOld [Healthy, MessagesLost, Reset, HalfClose, BlackHole, Delay, RepliesLost],
        nodes: DenyNew [NodeKilled, NodeDrained, NodePaused],
        stores: KickOld [StoreRestarted, StoreRestartedEmpty, Flushed],
    }
    sentinel of Sentinel {
        lines: DenyNew [Healthy, MessagesLost, Reset, HalfClose, BlackHole, Delay, RepliesLost],
        nodes: KickOld [NodeKilled, NodeDrained, NodePaused],
        flushed: DenyNew [Flushed],
        primary_killed: KickOld [PrimaryKilled],
        primary_killed_and_newcomers_refused: DenyNew [PrimaryKilled],
        primary_frozen: KickOld [PrimaryFrozen],
        primary_frozen_and_newcomers_refused: DenyNew [PrimaryFrozen],
        writes_forgotten: KickOld [WritesForgotten],
        writes_forgotten_and_newcomers_refused: DenyNew [WritesForgotten],
        planned_failover: KickOld [PlannedFailover],
        planned_failover_and_newcomers_refused: DenyNew [PlannedFailover],
    }
    cluster of Cluster {
        lines: KickOld [Healthy, MessagesLost, Reset, HalfClose, BlackHole, Delay, RepliesLost],
        nodes: DenyNew [NodeKilled, NodeDrained, NodePaused],
        flushed: KickOld [Flushed],
        primary_killed: KickOld [PrimaryKilled],
        primary_killed_and_newcomers_refused: DenyNew [PrimaryKilled],
        primary_frozen: KickOld [PrimaryFrozen],
        primary_frozen_and_newcomers_refused: DenyNew [PrimaryFrozen],
        writes_forgotten: KickOld [WritesForgotten],
        writes_forgotten_and_newcomers_refused: DenyNew [WritesForgotten],
        planned_failover: KickOld [PlannedFailover],
        planned_failover_and_newcomers_refused: DenyNew [PlannedFailover],
        slots: DenyNew [SlotMoved],
    }
}

#[test]
fn the_short_form_has_every_fault_on_every_topology_once() {
    let all = Topology::ALL.into_iter().flat_map(|topology| Fault::ALL.map(|fault| (topology, fault)));
    let all: BTreeSet<_> = all.filter(|(topology, fault)| fault.happens_on(*topology)).collect();
    let short: BTreeSet<_> = SHORT_FORM.iter().map(|(topology, fault, _)| (*topology, *fault)).collect();
    assert_eq!(short, all);
    let deaths = all.iter().filter(|(_, fault)| fault.is_a_death()).count();
    assert_eq!(SHORT_FORM.len(), all.len() + deaths, "a death under each policy, all else once");
}

#[test]
fn the_short_form_changes_primaries_under_either_policy_and_does_all_else_under_each_somewhere() {
    let met = |wanted: OnFull| {
        let met = SHORT_FORM.iter().filter(move |(.., on_full)| *on_full == wanted);
        met.map(|(topology, fault, _)| (*topology, *fault))
    };
    let deaths = |pairs: &mut dyn Iterator<Item = (Topology, Fault)>| {
        pairs.filter(|(_, fault)| fault.is_a_death()).collect::<BTreeSet<_>>()
    };
    assert_eq!(deaths(&mut met(OnFull::KickOld)), deaths(&mut met(OnFull::DenyNew)));
    let faults = |on_full| met(on_full).map(|(_, fault)| fault).collect::<BTreeSet<_>>();
    let only_once = [Fault::StoreRestarted, Fault::StoreRestartedEmpty, Fault::SlotMoved];
    let both = Fault::ALL.into_iter().filter(|fault| !only_once.contains(fault)).collect::<BTreeSet<_>>();
    assert!(faults(OnFull::KickOld).is_superset(&both) && faults(OnFull::DenyNew).is_superset(&both));
}
