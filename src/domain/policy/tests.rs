//! The rule by example, and against a model that is too plain to be wrong.

use proptest::prelude::*;

use super::*;
use crate::domain::{Partition, UserId};
use DeviceClass::{Desktop, Mobile, Tv};
use OnFull::{Choose, DenyNew, KickOld};
use Reason::{Replaced, Takeover};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const GHOST_AFTER_MS: u64 = 60_000;

/// The id of the session with that generation.
fn id(generation: u64) -> SessionId {
    let partition = Partition::of(&UserId::parse("user", "user1").unwrap());
    SessionId::new(partition, Timestamp::default(), generation.to_be_bytes())
}

/// A session that was seen just now, so that it is nobody's ghost.
fn holder(generation: u64, class: DeviceClass) -> Holder {
    Holder {
        id: id(generation),
        generation: Generation(generation),
        seen_at: NOW,
        class,
        same_device: false,
        present: true,
    }
}

/// One that has been unseen for `ms` and is connected nowhere.
fn absent(generation: u64, class: DeviceClass, ms: u64) -> Holder {
    Holder { seen_at: NOW.minus_millis(ms), present: false, ..holder(generation, class) }
}

fn limits(of_class: impl Into<Option<u32>>, in_all: impl Into<Option<u32>>) -> SeatLimits {
    SeatLimits { of_class: of_class.into(), in_all: in_all.into() }
}

/// A login on a desktop.
fn question(limits: SeatLimits, on_full: OnFull) -> Question<'static> {
    let victim = Victim::Oldest;
    Question {
        class: Desktop,
        limits,
        on_full,
        victim,
        replace: &[],
        now: NOW,
        ghost_after_ms: GHOST_AFTER_MS,
    }
}

fn seat(end: &[(u64, Reason)]) -> Decision {
    Decision::Seat { end: end.iter().map(|(generation, reason)| (id(*generation), *reason)).collect() }
}

fn full(holders: &[u64]) -> Decision {
    Decision::Full { holders: holders.iter().map(|generation| id(*generation)).collect() }
}

#[test]
fn a_free_seat_is_taken_whatever_on_full_says() {
    for on_full in [KickOld, DenyNew, Choose] {
        assert_eq!(decide(&question(limits(None, 1), on_full), &[]), seat(&[]));
        assert_eq!(decide(&question(limits(1, None), on_full), &[holder(1, Mobile)]), seat(&[]));
        assert_eq!(decide(&question(limits(None, 2), on_full), &[holder(1, Mobile)]), seat(&[]));
    }
}

#[test]
fn the_oldest_go_first_and_no_more_of_them_than_needed() {
    let holders = [holder(3, Desktop), holder(1, Mobile), holder(2, Tv)];
    assert_eq!(decide(&question(limits(None, 3), KickOld), &holders), seat(&[(1, Takeover)]));
    let all = seat(&[(1, Takeover), (2, Takeover), (3, Takeover)]);
    assert_eq!(decide(&question(limits(None, 1), KickOld), &holders), all, "a limit that was lowered");
}

#[test]
fn a_seat_of_the_class_is_taken_before_one_of_another() {
    let holders = [holder(1, Mobile), holder(2, Desktop), holder(3, Tv)];
    let cases = [
        // One end helps both limits, if it is one of the class.
        (limits(1, 3), &[(2, Takeover)][..]),
        // Both limits are short by themselves: the class first, then the oldest of the rest.
        (limits(1, 2), &[(1, Takeover), (2, Takeover)]),
        (limits(2, 3), &[(1, Takeover)]),
    ];
    for (limits, end) in cases {
        assert_eq!(decide(&question(limits, KickOld), &holders), seat(end), "{limits:?}");
    }
}

#[test]
fn under_victim_idle_the_longest_unseen_goes_and_of_equals_the_oldest() {
    let holders = [absent(1, Desktop, 10), absent(2, Desktop, 30), absent(3, Desktop, 30)];
    let ask = |in_all| Question { victim: Victim::Idle, ..question(limits(None, in_all), KickOld) };
    assert_eq!(decide(&ask(3), &holders), seat(&[(2, Takeover)]));
    assert_eq!(decide(&ask(2), &holders), seat(&[(2, Takeover), (3, Takeover)]));
    assert_eq!(decide(&ask(1), &holders), seat(&[(1, Takeover), (2, Takeover), (3, Takeover)]));
}

#[test]
fn the_same_device_gives_its_own_seat_and_no_other() {
    let own = Holder { same_device: true, ..holder(2, Desktop) };
    for on_full in [KickOld, DenyNew, Choose] {
        let decision = decide(&question(limits(None, 2), on_full), &[holder(1, Desktop), own.clone()]);
        assert_eq!(decision, seat(&[(2, Replaced)]), "{on_full:?}");
    }
}

#[test]
fn deny_new_refuses_and_names_the_holders_in_the_way() {
    let holders = [holder(2, Desktop), holder(1, Mobile)];
    assert_eq!(decide(&question(limits(None, 2), DenyNew), &holders), full(&[1, 2]));
    assert_eq!(decide(&question(limits(1, 3), DenyNew), &holders), full(&[2]), "the phone is not in the way");
    assert_eq!(decide(&question(limits(1, 1), DenyNew), &holders), full(&[1, 2]));
}

#[test]
fn a_refusal_ends_not_even_the_same_device() {
    let own = Holder { same_device: true, ..holder(1, Desktop) };
    let holders = [own, holder(2, Desktop), holder(3, Desktop)];
    assert_eq!(decide(&question(limits(None, 2), DenyNew), &holders), full(&[2, 3]));
}

#[test]
fn a_ghost_is_absent_and_unseen_for_exactly_ghost_after_or_longer() {
    let cases = [
        (absent(1, Desktop, GHOST_AFTER_MS), true),
        (absent(1, Desktop, GHOST_AFTER_MS - 1), false),
        (Holder { present: true, ..absent(1, Desktop, GHOST_AFTER_MS * 10) }, false),
        // Seen in the future: another clock's word is no ghost.
        (Holder { seen_at: NOW.plus_millis(1), present: false, ..holder(1, Desktop) }, false),
    ];
    for (holder, ghost) in cases {
        for on_full in [DenyNew, Choose] {
            let expected = if ghost { seat(&[(1, Takeover)]) } else { full(&[1]) };
            let decision = decide(&question(limits(None, 1), on_full), std::slice::from_ref(&holder));
            assert_eq!(decision, expected, "{holder:?}");
        }
    }
}

#[test]
fn ghosts_in_another_class_do_not_free_a_seat_in_this_one() {
    let holders = [absent(1, Mobile, GHOST_AFTER_MS), holder(2, Desktop)];
    assert_eq!(decide(&question(limits(1, 5), DenyNew), &holders), full(&[2]));
}

#[test]
fn choose_ends_what_was_picked_even_more_than_needed_or_nothing() {
    let holders = [holder(1, Desktop), holder(2, Desktop), holder(3, Mobile)];
    let ask = |replace: &[SessionId], in_all| {
        decide(&Question { replace, ..question(limits(None, in_all), Choose) }, &holders)
    };
    let (first, third, foreign) = (id(1), id(3), id(99));
    assert_eq!(ask(&[], 3), full(&[1, 2, 3]));
    assert_eq!(ask(&[third], 3), seat(&[(3, Takeover)]));
    assert_eq!(ask(&[third, first], 3), seat(&[(1, Takeover), (3, Takeover)]));
    assert_eq!(ask(&[foreign], 3), full(&[1, 2, 3]));
    assert_eq!(ask(&[first], 2), full(&[1, 2, 3]), "short by one more");
    let replace = [first];
    let kicking = Question { replace: &replace, ..question(limits(None, 4), KickOld) };
    assert_eq!(decide(&kicking, &holders), seat(&[]), "picking is for choose");
}

/// One at a time: as long as a limit is broken, the first in the victim's order that may go and would help goes.
fn plain(question: &Question<'_>, holders: &[Holder]) -> Option<Vec<(u64, SessionId, Reason)>> {
    let mut left: Vec<&Holder> = holders.iter().collect();
    let mut gone = Vec::new();
    let mut send_off = |left: &mut Vec<&Holder>, at: usize, reason| {
        let holder = left.remove(at);
        gone.push((holder.generation.0, holder.id, reason));
    };
    left.sort_by_key(|holder| match question.victim {
        Victim::Oldest => (0, holder.generation),
        Victim::Idle => (holder.seen_at.as_millis(), holder.generation),
    });
    while let Some(at) = left.iter().position(|holder| holder.same_device) {
        send_off(&mut left, at, Replaced);
    }
    if question.on_full == Choose {
        while let Some(at) = left.iter().position(|holder| question.replace.contains(&holder.id)) {
            send_off(&mut left, at, Takeover);
        }
    }
    loop {
        let short = shortage(question, &left);
        if short == (0, 0) {
            gone.sort_unstable();
            return Some(gone);
        }
        let at = left.iter().position(|holder| {
            let ghost =
                !holder.present && question.now >= holder.seen_at.plus_millis(question.ghost_after_ms);
            (question.on_full == KickOld || ghost) && (short.0 == 0 || holder.class == question.class)
        })?;
        send_off(&mut left, at, Takeover);
    }
}

/// Seats missing for one more: in the class, in all.
fn shortage(question: &Question<'_>, left: &[&Holder]) -> (u32, u32) {
    let in_class = left.iter().filter(|holder| holder.class == question.class).count();
    let over = |count: usize, max: Option<u32>| match max {
        Some(max) => (u32::try_from(count).unwrap() + 1).saturating_sub(max),
        None => 0,
    };
    (over(in_class, question.limits.of_class), over(left.len(), question.limits.in_all))
}

#[derive(Debug, Clone)]
struct Case {
    holders: Vec<Holder>,
    limits: SeatLimits,
    on_full: OnFull,
    victim: Victim,
    replace: Vec<SessionId>,
}

fn case() -> impl Strategy<Value = Case> {
    let class = prop::sample::select(vec![Desktop, Mobile, Tv]);
    // Few different times, so that equals and both sides of the edge come up often.
    let unseen = prop::sample::select(vec![0, GHOST_AFTER_MS - 1, GHOST_AFTER_MS, 2 * GHOST_AFTER_MS]);
    let same_device = prop::bool::weighted(0.15);
    let holder = (class, unseen, same_device, any::<bool>()).prop_map(|(class, ms, same_device, present)| {
        Holder { same_device, present, ..absent(0, class, ms) }
    });
    let holders = prop::collection::vec(holder, 0..9).prop_map(|mut holders| {
        for (generation, holder) in (1..).zip(&mut holders) {
            (holder.id, holder.generation) = (id(generation), Generation(generation));
        }
        holders
    });
    let max = || prop::option::of(1_u32..5);
    let limits = (max(), max()).prop_filter("one of the two is set", |(a, b)| a.or(*b).is_some());
    let on_full = prop::sample::select(vec![KickOld, DenyNew, Choose]);
    let victim = prop::sample::select(vec![Victim::Oldest, Victim::Idle]);
    let replace = prop::collection::vec((1_u64..12).prop_map(id), 0..5);
    (holders.prop_shuffle(), limits, on_full, victim, replace).prop_map(
        |(holders, (of_class, in_all), on_full, victim, replace)| Case {
            holders,
            limits: SeatLimits { of_class, in_all },
            on_full,
            victim,
            replace,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_decision_is_that_of_the_plain_model(case in case()) {
        let question = Question {
            victim: case.victim,
            replace: &case.replace,
            ..question(case.limits, case.on_full)
        };
        match (decide(&question, &case.holders), plain(&question, &case.holders)) {
            (Decision::Seat { end }, Some(gone)) => {
                let gone: Vec<_> = gone.into_iter().map(|(_, id, reason)| (id, reason)).collect();
                prop_assert_eq!(end, gone);
            }
            (Decision::Full { holders }, None) => {
                prop_assert_ne!(case.on_full, KickOld, "kicking always finds a seat");
                // In the way is whose end alone would bring the newcomer closer to a seat.
                let standing: Vec<_> = case.holders.iter().filter(|holder| !holder.same_device).collect();
                let missing = |left: &[&Holder]| {
                    let (in_class, in_all) = shortage(&question, left);
                    in_class.max(in_all)
                };
                let mut in_the_way: Vec<_> = standing.iter().filter(|holder| {
                    let without: Vec<_> =
                        standing.iter().copied().filter(|other| other.id != holder.id).collect();
                    missing(&without) < missing(&standing)
                }).collect();
                in_the_way.sort_by_key(|holder| holder.generation);
                prop_assert_eq!(holders, in_the_way.iter().map(|holder| holder.id).collect::<Vec<_>>());
            }
            (decision, model) => prop_assert!(false, "{decision:?}, but the model says {model:?}"),
        }
    }
}
