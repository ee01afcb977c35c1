//! What has to hold in every state that can be reached.

use stateright::Property;

use crate::protocol::Protocol;
use crate::store::{End, Record, Who, Why};
use crate::world::World;

pub fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always("at most N are live", at_most_n),
        Property::always("ended never becomes live in a store that forgets nothing", ended_stays_ended),
        Property::always("who is put out by the limit yields to a newer one", newest_wins),
        Property::always("a login that was given up ends nobody who came later", late_is_never),
        settled!("one always wins", never_zero),
        settled!("no socket of an ended session outlives a renewal", no_ghost_socket),
        settled!("an acknowledged end is an end", ends_are_kept),
        settled!("an acknowledged login is live or yielded to a newer one", logins_are_kept),
        settled!("the reason of an acknowledged end is kept", reasons_are_kept),
        settled!("who was told to go is out", told_is_out),
        Property::sometimes(SETTLES, |protocol: &Protocol, world: &World| {
            protocol.is_settled(world) && world.generation(protocol.rules.logins.len() as Who - 1).is_some()
        }),
    ]
}

/// What proves that the exploration is not empty.
pub const SETTLES: &str = "all have logged in and nothing is under way";

/// A guarantee that has to hold once every answer is in and every node has replayed and renewed.
macro_rules! settled {
    ($name:literal, $holds:ident) => {
        Property::always($name, |protocol: &Protocol, world: &World| {
            $holds(protocol, world) || !protocol.is_settled(world)
        })
    };
}
use settled;

fn sessions(protocol: &Protocol) -> impl Iterator<Item = Who> {
    0..protocol.rules.logins.len() as Who
}

/// 1.
fn at_most_n(protocol: &Protocol, world: &World) -> bool {
    let users = protocol.rules.logins.iter().map(|login| login.user);
    users.into_iter().all(|user| {
        let live: Vec<Who> = world.store.live_of(&protocol.rules, user).collect();
        let devices: std::collections::BTreeSet<u8> =
            live.iter().map(|who| protocol.rules.logins[usize::from(*who)].device).collect();
        live.len() <= protocol.rules.limit as usize && devices.len() == live.len()
    })
}

/// Invariant 3 of the store.
fn ended_stays_ended(protocol: &Protocol, world: &World) -> bool {
    sessions(protocol).all(|who| !world.ended_here.has(who) || world.store.end_of(who).is_some())
}

/// 3.
fn newest_wins(protocol: &Protocol, world: &World) -> bool {
    sessions(protocol).all(|who| match world.store.record(who) {
        Record::Ended { generation, end: End { why: Why::Takeover(by) | Why::Replaced(by), .. }, .. } => {
            let winner = match world.store.record(by) {
                Record::Live { generation, .. } | Record::Ended { generation, .. } => Some(generation),
                Record::Absent => None,
            };
            // Where the clocks of two primaries differ, two logins may have one generation: who was there stays.
            winner.is_none_or(|winner| {
                winner > generation || !protocol.rules.clocks_agree && winner == generation
            })
        }
        _ => true,
    })
}

/// A packet that arrives late must not seat a ghost.
fn late_is_never(protocol: &Protocol, world: &World) -> bool {
    sessions(protocol).all(|who| match world.store.end_of(who).map(|end| end.why) {
        Some(Why::Takeover(by) | Why::Replaced(by)) => !world.began_after[usize::from(who)].has(by),
        _ => true,
    })
}

/// 3: never zero, unless an administrator wanted so.
fn never_zero(protocol: &Protocol, world: &World) -> bool {
    // Nor where a node died between the end that it replayed and the login that caused it, or where the login that
    // took the seat was given up, is known by what it ended, and was then forgotten.
    let (left, budget) = (&world.left, &protocol.budget);
    if (left.kicks, left.crashes, left.give_ups) != (budget.kicks, budget.crashes, budget.give_ups) {
        return true;
    }
    sessions(protocol).filter(|who| world.generation(*who).is_some() && world.is_remembered(*who)).all(
        |who| {
            world
                .store
                .live_of(&protocol.rules, protocol.rules.logins[usize::from(who)].user)
                .next()
                .is_some()
        },
    )
}

/// 2.
fn no_ghost_socket(_: &Protocol, world: &World) -> bool {
    world.nodes.iter().all(|node| node.sockets.iter().all(|who| world.store.is_live(who)))
}

/// 5, of ends.
fn ends_are_kept(protocol: &Protocol, world: &World) -> bool {
    sessions(protocol).all(|who| world.acknowledged(who).is_none() || world.store.end_of(who).is_some())
}

/// 5, of logins.
fn logins_are_kept(protocol: &Protocol, world: &World) -> bool {
    sessions(protocol).all(|who| {
        let kicked = matches!(world.store.end_of(who), Some(End { why: Why::Kicked, .. }));
        if world.generation(who).is_none() || !world.is_remembered(who) || kicked {
            return true;
        }
        !matches!(world.store.record(who), Record::Absent)
    })
}

/// 4.
fn reasons_are_kept(protocol: &Protocol, world: &World) -> bool {
    // Where times say nothing, neither do they say which end was first.
    !protocol.rules.clocks_agree
        || sessions(protocol).all(|who| {
            let stored = world.store.end_of(who);
            world.acknowledged(who).zip(stored).is_none_or(|(known, stored)| {
                // Or an earlier end that another caller was told of, by a node that has died since.
                known.why == stored.why || stored.at < known.at
            })
        })
}

/// Who was told `force_logout` is not let in again.
fn told_is_out(protocol: &Protocol, world: &World) -> bool {
    sessions(protocol).all(|who| !world.was_told(who) || !world.store.is_live(who))
}
