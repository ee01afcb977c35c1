//! What each part of the design is for: left out, a guarantee falls. That the exploration finds it proves that it bites.

use stateright::{Checker, HasDiscoveries, Model};

use crate::guarantees::{self, SETTLES};
use crate::protocol::{Design, Protocol};
use crate::world::Budget;
use crate::{CALM, THREE, TWO, histories};

/// What some history violates where a part of the design is missing: each is named by a test below.
const VIOLATED: [&str; 10] = [
    "at most N are live",
    "ended never becomes live in a store that forgets nothing",
    "who is put out by the limit yields to a newer one",
    "a login that was given up ends nobody who came later",
    "one always wins",
    "no socket of an ended session outlives a renewal",
    "an acknowledged end is an end",
    "an acknowledged login is live or yielded to a newer one",
    "the reason of an acknowledged end is kept",
    "who was told to go is out",
];

#[test]
fn every_guarantee_is_one_that_can_be_violated() {
    let named: Vec<_> = guarantees::all().iter().map(|guarantee| guarantee.name).collect();
    let bites: Vec<_> = named.into_iter().filter(|name| *name != SETTLES).collect();
    assert_eq!(bites, VIOLATED);
}

/// Explores until `guarantee` is violated.
fn breaks(mut protocol: Protocol, design: Design, guarantee: &'static str) {
    assert!(VIOLATED.contains(&guarantee), "{guarantee} is no guarantee");
    protocol.design = design;
    let found = HasDiscoveries::AnyOf([guarantee].into());
    let checker = protocol.checker().finish_when(found).spawn_bfs().join();
    let actions = checker.assert_any_discovery(guarantee).into_actions();
    println!("{guarantee}: {} states, {actions:?}", checker.unique_state_count());
}

#[test]
fn a_late_login_would_end_a_newer_session() {
    let design = Design { refuses_late_logins: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { slow_calls: 1, give_ups: 1, ..CALM });
    breaks(protocol, design, "a login that was given up ends nobody who came later");
}

#[test]
fn without_renewals_a_lost_message_would_leave_a_socket() {
    let design = Design { renews: false, ..Design::WHOLE };
    breaks(histories(&TWO, 1, CALM), design, "no socket of an ended session outlives a renewal");
}

#[test]
fn without_restoring_a_failover_would_undo_ends_and_logins() {
    let design = Design { restores: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, ..CALM });
    breaks(protocol.clone(), design, "an acknowledged end is an end");
    breaks(protocol, design, "an acknowledged login is live or yielded to a newer one");
}

#[test]
fn an_answer_that_comes_after_the_heal_would_be_forgotten() {
    let design = Design { replays_stragglers: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, kicks: 1, slow_calls: 1, ..CALM });
    breaks(protocol.clone(), design, "an acknowledged end is an end");
    breaks(protocol, design, "an acknowledged login is live or yielded to a newer one");
}

/// The node that asked for the end has died with the primary; the one that put the socket out has not.
#[test]
fn who_was_told_to_go_could_come_back() {
    let design = Design { remembers_what_it_told: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, crashes: 1, kicks: 1, ..CALM });
    breaks(protocol, design, "who was told to go is out");
}

/// The call that ended it was given up, so that nobody replays it.
#[test]
fn a_message_that_comes_after_the_heal_would_put_out_who_is_live() {
    let design =
        Design { messages_go_before_the_notice: false, remembers_what_it_told: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, slow_calls: 1, give_ups: 1, ..CALM });
    breaks(protocol, design, "who was told to go is out");
}

/// A login ended another one that was still on its way back to its caller; the failover forgot both, and that other
/// one was sent again. Each then knew itself put out by the other.
#[test]
fn two_logins_could_put_each_other_out() {
    let design = Design { ends_know_their_generation: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, slow_calls: 2, lost_answers: 1, ..CALM });
    breaks(protocol, design, "one always wins");
}

/// Told first "kicked", later "taken over", because a newer login came back before the kick did.
#[test]
fn a_reason_could_change_if_the_tombstone_that_is_there_stayed() {
    let design = Design { earlier_end_stays: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, kicks: 1, ..CALM });
    breaks(protocol, design, "the reason of an acknowledged end is kept");
}

#[test]
fn restoring_without_generations_would_let_the_older_win() {
    let design = Design { goes_by_generation: false, ..Design::WHOLE };
    let protocol = histories(&THREE, 1, Budget { failovers: 1, ..CALM });
    breaks(protocol, design, "who is put out by the limit yields to a newer one");
}

/// The seat of who was forgotten was given away meanwhile.
#[test]
fn restoring_without_counting_seats_would_seat_one_too_many() {
    let design = Design { counts_seats: false, ..Design::WHOLE };
    breaks(histories(&TWO, 1, Budget { failovers: 1, ..CALM }), design, "at most N are live");
}

/// The node that seated it has not heard that it has ended.
#[test]
fn the_word_that_a_session_was_live_would_undo_its_end() {
    let design = Design { ended_is_final: false, ..Design::WHOLE };
    let protocol = histories(&TWO, 1, Budget { failovers: 1, ..CALM });
    breaks(protocol, design, "ended never becomes live in a store that forgets nothing");
}

/// Restoring is commutative: nothing but the time that it takes goes by the order.
#[test]
fn the_order_of_a_journal_makes_no_difference() {
    let mut protocol = histories(&TWO, 1, Budget { failovers: 1, kicks: 1, ..CALM });
    protocol.design = Design { ends_first: false, ..Design::WHOLE };
    crate::holds(protocol);
}
