//! What has to hold once people have stopped and all faults are over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::flaw::Flaw;
use super::plan::{GHOST_AFTER, Plan, RENEW};
use super::tally::Tally;
use super::world::World;
use crate::domain::{NodeId, SessionId};
use crate::protocol::CloseCode;

/// What one seed came to.
pub(super) struct Verdict {
    pub violations: Vec<String>,
    /// What the store did in each millisecond, if it was written down.
    pub trace: BTreeMap<u128, BTreeSet<String>>,
    pub judged: usize,
    /// What went wrong.
    pub tally: Tally,
}

/// Runs one seed, in paused time of its own.
pub(super) fn run(seed: u64, flaw: Flaw) -> Verdict {
    play(seed, flaw, false)
}

/// The same, and writes down what the store did.
pub(super) fn run_traced(seed: u64, flaw: Flaw) -> Verdict {
    play(seed, flaw, true)
}

fn play(seed: u64, flaw: Flaw, is_traced: bool) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let world = World::new(seed, Plan::of(seed), flaw, is_traced);
        let start = Instant::now();
        world.live().await;
        judge_sockets(&world, start);
        judge_tokens(&world).await;
        judge_users(&world);
        judge_leaks(&world).await;
        let mut judge = world.judge();
        let mut violations = world.server.violations();
        violations.append(&mut judge.violations);
        let (trace, tally) = (world.server.trace(), world.server.tally());
        Verdict { violations, trace, judged: judge.judged, tally }
    })
}

/// Every client of an ended session was told in time, and nobody else was put out.
fn judge_sockets(world: &World, start: Instant) {
    let trouble = {
        let events = &world.plan().events;
        let at = |event: Option<&(u64, _)>| event.map(|(at, _)| start + Duration::from_millis(*at));
        at(events.first()).zip(at(events.last()))
    };
    let clients = world.clients();
    let mut judge = world.judge();
    for socket in clients.iter() {
        let id = socket.session;
        let (told, closed) = World::farewell(&socket.client);
        if let Some((at, end)) = &told {
            judge.put_out(*at, id, end);
            if closed.is_some_and(|(_, code)| code != CloseCode::of(end.reason)) {
                judge.accuse(format!("{id} was told {} and closed with {closed:?}", end.reason));
            }
        } else if let Some((_, code)) = closed
            && !socket.left
        {
            judge.accuse(format!("{id} was closed with {code:?} and not told why"));
        }
        let Some(ended) = judge.sessions.get(&id).and_then(|known| {
            let certain = known
                .ends
                .iter()
                .filter(|end| !judge.may_be_forgotten(end.answered, end.through, Instant::now()));
            certain.map(|end| end.answered).min()
        }) else {
            continue;
        };
        let by = judge.out_by(ended, trouble);
        let went = told.as_ref().map(|(at, _)| *at);
        if !socket.left && went.is_none_or(|went| went > by) {
            let late = went.map(|went| went - ended);
            judge.accuse(format!("{id} ended and its client was told {late:?} later"));
        }
    }
}

/// Each token is worth the same on every node.
async fn judge_tokens(world: &Arc<World>) {
    let ids: Vec<SessionId> = world.judge().sessions.keys().copied().collect();
    for (node, _) in world.nodes.iter().enumerate().filter(|(_, node)| !node.stop.is_cancelled()) {
        for id in &ids {
            world.check(node, *id).await;
        }
    }
}

/// Seats and presence, as the store has them.
fn judge_users(world: &World) {
    let ttl = u64::try_from(GHOST_AFTER.as_millis()).unwrap_or(u64::MAX);
    for user in world.users() {
        let live = world.server.sessions_of(&user, ttl);
        world.judge().conclude(&user, &live);
        for record in &live {
            let id = record.session.id;
            let here: Vec<NodeId> = world
                .clients()
                .iter()
                .filter(|socket| {
                    socket.session == id && socket.client.heard().closed.is_none() && !socket.left
                })
                .map(|socket| world.nodes[socket.node].id)
                .collect();
            let nodes: BTreeSet<NodeId> = here.iter().copied().collect();
            if record.connections as usize != here.len()
                || record.nodes.iter().copied().collect::<BTreeSet<_>>() != nodes
            {
                let stored = (record.connections, &record.nodes);
                world.judge().accuse(format!("{id} has clients on {here:?}, and the store says {stored:?}"));
            }
        }
        let ids: BTreeSet<SessionId> = live.iter().map(|record| record.session.id).collect();
        let mut judge = world.judge();
        for socket in world.clients().iter().filter(|socket| !socket.left) {
            let is_of_user = judge.sessions.get(&socket.session).is_some_and(|known| known.user == user);
            if is_of_user && !ids.contains(&socket.session) && socket.client.heard().closed.is_none() {
                judge.accuse(format!("{} is not live and has a client", socket.session));
            }
        }
    }
}

/// When all clients have gone, nothing is left of them on any node.
async fn judge_leaks(world: &World) {
    world.clients().iter().for_each(|socket| socket.client.leave());
    sleep(RENEW + world.plan().out_within_calm()).await;
    for (number, node) in world.nodes.iter().enumerate().filter(|(_, node)| !node.stop.is_cancelled()) {
        let enforcer = &node.enforcer;
        let left = [
            ("connections", node.hub.len()),
            ("sessions held", enforcer.here.len()),
            ("goodbyes", enforcer.departed.len()),
            ("uses", enforcer.touched.len()),
            // Those that linger are let go of later, as `tests/lingering.rs` shows.
            ("channels", enforcer.subscriptions.held()),
        ];
        for (what, count) in left.into_iter().filter(|(_, count)| *count > 0) {
            world.judge().accuse(format!("node {number} is left with {count} {what}"));
        }
    }
    for user in world.users() {
        let live = world.server.sessions_of(&user, 1 << 40);
        for record in live.iter().filter(|record| record.connections > 0) {
            let alive =
                |node: &NodeId| world.nodes.iter().any(|it| it.id == *node && !it.stop.is_cancelled());
            if record.nodes.iter().any(alive) {
                world
                    .judge()
                    .accuse(format!("{} is left with {} connections", record.session.id, record.connections));
            }
        }
    }
}
