//! The protocol of logins, kicks, messages, renewals and restoring, explored whole.
//!
//! `store` decides by the rules of `domain`, `world` is what there is, `protocol` what may happen, `steps` what it does,
//! `guarantees` what has to hold. A history has two nodes, some logins of one or two users, perhaps a kick, and faults within a budget:
//! answers that come late or never, messages that are lost, logins given up, a node that dies, a failover to a replica
//! that lags by any number of writes, an emptied store. Every order of these is tried.

mod guarantees;
mod left_out;
mod protocol;
mod steps;
mod store;
mod world;

use std::time::Instant;

use hotseat::domain::OnFull;
use protocol::{Design, Protocol};
use stateright::{Checker, Model};
use store::{Login, Rules};
use world::Budget;

const CALM: Budget =
    Budget { kicks: 0, failovers: 0, crashes: 0, slow_calls: 0, lost_answers: 0, give_ups: 0 };

/// Logins of these users and devices, with `limit` seats each.
fn histories(logins: &[(u8, u8)], limit: u32, budget: Budget) -> Protocol {
    Protocol {
        rules: Rules {
            logins: logins.iter().map(|&(user, device)| Login { user, device }).collect(),
            limit,
            on_full: OnFull::KickOld,
            clocks_agree: true,
        },
        budget,
        may_be_emptied: false,
        design: Design::WHOLE,
    }
}

const TWO: [(u8, u8); 2] = [(0, 0), (0, 1)];
const THREE: [(u8, u8); 3] = [(0, 0), (0, 1), (0, 2)];
/// The second of them logs in between.
const TWO_USERS: [(u8, u8); 3] = [(0, 0), (1, 1), (0, 2)];
/// Two users, each of whom takes over itself.
const BOTH_TWICE: [(u8, u8); 4] = [(0, 0), (1, 1), (0, 2), (1, 3)];

/// Explores all of it; every guarantee holds in every state.
fn holds(protocol: Protocol) {
    let start = Instant::now();
    let checker = protocol.checker().spawn_bfs().join();
    for (name, path) in checker.discoveries() {
        if name != guarantees::SETTLES {
            let last = path.last_state().clone();
            panic!("violated: {name}\n{last:#?}\nafter {:#?}", path.into_actions());
        }
    }
    checker.assert_properties();
    println!(
        "{} states, {} steps deep, {:?}",
        checker.unique_state_count(),
        checker.max_depth(),
        start.elapsed()
    );
}

#[test]
fn any_number_of_messages_may_be_lost() {
    holds(histories(&THREE, 1, Budget { kicks: 1, ..CALM }));
    holds(histories(&THREE, 2, Budget { kicks: 1, ..CALM }));
}

#[test]
fn answers_may_be_late_or_lost_and_logins_given_up() {
    holds(histories(&THREE, 1, Budget { slow_calls: 2, lost_answers: 1, give_ups: 1, ..CALM }));
}

#[test]
fn a_node_may_die() {
    holds(histories(&THREE, 1, Budget { slow_calls: 1, crashes: 1, kicks: 1, ..CALM }));
}

#[test]
fn the_same_device_may_come_again() {
    holds(histories(&[(0, 0), (0, 1), (0, 0)], 1, Budget { failovers: 1, ..CALM }));
}

#[test]
fn a_failover_may_forget_any_tail() {
    holds(histories(&THREE, 1, Budget { failovers: 1, ..CALM }));
}

#[test]
fn a_failover_may_forget_any_tail_where_there_are_two_seats() {
    holds(histories(&THREE, 2, Budget { failovers: 1, ..CALM }));
}

#[test]
fn a_failover_may_come_between_a_call_and_its_answer() {
    holds(histories(&TWO, 1, Budget { failovers: 1, kicks: 1, slow_calls: 1, ..CALM }));
}

#[test]
fn a_failover_may_meet_answers_that_are_lost() {
    holds(histories(&TWO, 1, Budget { failovers: 1, slow_calls: 2, lost_answers: 1, give_ups: 1, ..CALM }));
}

#[test]
fn a_failover_may_take_a_node_with_it() {
    holds(histories(&TWO, 1, Budget { failovers: 1, kicks: 1, crashes: 1, ..CALM }));
}

#[test]
fn a_failover_may_follow_another() {
    holds(histories(&TWO, 1, Budget { failovers: 2, kicks: 1, ..CALM }));
}

#[test]
fn a_store_may_be_emptied() {
    let mut protocol = histories(&TWO, 1, Budget { failovers: 1, kicks: 1, slow_calls: 1, ..CALM });
    protocol.may_be_emptied = true;
    holds(protocol);
}

#[test]
fn two_users_do_not_get_in_each_others_way() {
    holds(histories(&TWO_USERS, 1, Budget { failovers: 1, ..CALM }));
}

#[test]
fn two_users_may_both_be_taken_over_and_one_be_kicked() {
    holds(histories(&BOTH_TWICE, 1, Budget { kicks: 1, ..CALM }));
}

#[test]
fn a_failover_may_take_a_node_of_two_users_with_it() {
    holds(histories(&TWO_USERS, 1, Budget { failovers: 1, crashes: 1, ..CALM }));
}

#[test]
fn answers_to_two_users_may_be_late_or_lost_and_a_node_may_die() {
    holds(histories(
        &TWO_USERS,
        1,
        Budget { slow_calls: 2, lost_answers: 1, give_ups: 1, crashes: 1, ..CALM },
    ));
}

#[test]
fn the_limit_holds_where_the_clock_says_nothing() {
    let mut protocol = histories(&THREE, 1, Budget { failovers: 1, ..CALM });
    protocol.rules.clocks_agree = false;
    holds(protocol);
}

#[test]
fn a_newcomer_may_be_refused() {
    let mut protocol = histories(&THREE, 1, Budget { failovers: 1, kicks: 1, ..CALM });
    protocol.rules.on_full = OnFull::DenyNew;
    holds(protocol);
}
