//! The rule by example, and what must hold of any sessions that come back in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{Partition, Timestamp, UserId};
use DeviceClass::{Desktop, Mobile, Tv};
use Reason::{Replaced, Takeover};

fn id(number: u64) -> SessionId {
    let partition = Partition::of(&UserId::parse("user", "user1").unwrap());
    SessionId::new(partition, Timestamp::default(), number.to_be_bytes())
}

fn holder(generation: u64, class: DeviceClass) -> Holder {
    Holder {
        id: id(generation),
        generation: Generation(generation),
        seen_at: Timestamp::default(),
        class,
        same_device: false,
        present: false,
    }
}

/// The session of generation 10, on a desktop.
fn returning(of_class: impl Into<Option<u32>>, in_all: impl Into<Option<u32>>) -> Returning {
    let limits = SeatLimits { of_class: of_class.into(), in_all: in_all.into() };
    Returning { generation: Generation(10), class: Desktop, limits }
}

fn sits(end: &[(u64, Reason)]) -> Readmission {
    Readmission::Sits { end: end.iter().map(|(generation, reason)| (id(*generation), *reason)).collect() }
}

fn yields(to: u64) -> Readmission {
    Readmission::Yields { to: id(to) }
}

#[test]
fn a_free_seat_is_taken_and_nobody_ends() {
    assert_eq!(readmit(&returning(None, 1), &[]), sits(&[]));
    assert_eq!(readmit(&returning(1, None), &[holder(20, Mobile)]), sits(&[]));
    assert_eq!(readmit(&returning(None, 2), &[holder(20, Mobile)]), sits(&[]));
}

#[test]
fn older_ones_end_and_newer_ones_stay() {
    assert_eq!(readmit(&returning(None, 1), &[holder(9, Tv)]), sits(&[(9, Takeover)]));
    assert_eq!(readmit(&returning(None, 1), &[holder(11, Tv)]), yields(11));
    let three = [holder(11, Tv), holder(3, Mobile), holder(7, Desktop)];
    assert_eq!(readmit(&returning(None, 3), &three), sits(&[(3, Takeover)]));
    assert_eq!(readmit(&returning(None, 2), &three), sits(&[(3, Takeover), (7, Takeover)]));
    assert_eq!(readmit(&returning(None, 1), &three), yields(11), "two would not be enough");
}

#[test]
fn of_equal_generations_the_one_that_is_there_stays() {
    assert_eq!(readmit(&returning(None, 1), &[holder(10, Tv)]), yields(10));
    let own = Holder { same_device: true, ..holder(10, Tv) };
    assert_eq!(readmit(&returning(None, 9), &[own]), yields(10));
}

#[test]
fn a_seat_of_its_class_comes_first() {
    let holders = [holder(1, Mobile), holder(9, Desktop)];
    assert_eq!(readmit(&returning(1, 2), &holders), sits(&[(9, Takeover)]));
    let holders = [holder(1, Mobile), holder(11, Desktop), holder(12, Tv)];
    assert_eq!(readmit(&returning(1, 3), &holders), yields(11), "the newest of its class, not of all");
}

#[test]
fn of_one_device_the_highest_generation_stays_and_needs_no_other_seat() {
    let older = Holder { same_device: true, ..holder(9, Tv) };
    let newer = Holder { same_device: true, ..holder(11, Tv) };
    assert_eq!(readmit(&returning(None, 2), &[holder(3, Tv), older]), sits(&[(9, Replaced)]));
    assert_eq!(readmit(&returning(None, 9), &[holder(3, Tv), newer]), yields(11));
}

#[test]
fn it_yields_to_the_newest_whose_login_would_have_ended_it() {
    let holders = [holder(12, Tv), holder(14, Desktop), holder(13, Tv)];
    assert_eq!(readmit(&returning(None, 3), &holders), yields(14));
    assert_eq!(readmit(&returning(1, 4), &holders), yields(14));
    let older = [holder(2, Tv), holder(14, Desktop), holder(13, Tv)];
    assert_eq!(readmit(&returning(None, 3), &older), sits(&[(2, Takeover)]));
}

/// A session as the simulation below keeps it. Its number is its generation.
#[derive(Debug, Clone, Copy)]
struct Known {
    generation: u64,
    device: u8,
    class: DeviceClass,
    limits: SeatLimits,
}

/// A store that only knows live sessions and the rule.
#[derive(Debug, Default)]
struct Live(BTreeMap<u64, Known>);

impl Live {
    fn restore(&mut self, known: &Known) {
        if self.0.contains_key(&known.generation) {
            return;
        }
        let Known { generation, device, class, limits } = *known;
        let holders: Vec<Holder> = self
            .0
            .values()
            .map(|it| Holder { same_device: it.device == device, ..holder(it.generation, it.class) })
            .collect();
        let returning = Returning { generation: Generation(generation), class, limits };
        match readmit(&returning, &holders) {
            Readmission::Yields { to } => {
                let to = self.0.values().find(|it| id(it.generation) == to).expect("it yields to a holder");
                assert!(to.generation > generation, "it yields to a newer one");
            }
            Readmission::Sits { end } => {
                for (ended, reason) in end {
                    let gone = self.0.values().find(|it| id(it.generation) == ended).copied();
                    let gone = gone.expect("only holders end");
                    assert!(gone.generation < generation, "never a higher one");
                    assert_eq!(reason == Replaced, gone.device == device);
                    self.0.remove(&gone.generation);
                }
                self.0.insert(generation, *known);
                assert!(self.0.len() <= limits.in_all.map_or(usize::MAX, |max| max as usize));
                let in_class = self.0.values().filter(|it| it.class == class).count();
                assert!(in_class <= limits.of_class.map_or(usize::MAX, |max| max as usize));
                assert_eq!(self.0.values().filter(|it| it.device == device).count(), 1);
            }
        }
    }

    fn of(order: &[Known]) -> Vec<u64> {
        let mut live = Self::default();
        order.iter().for_each(|known| live.restore(known));
        live.0.into_keys().collect()
    }
}

fn limits() -> impl Strategy<Value = SeatLimits> {
    let max = || prop::option::of(1_u32..5);
    (max(), max())
        .prop_filter("one of the two is set", |(a, b)| a.or(*b).is_some())
        .prop_map(|(of_class, in_all)| SeatLimits { of_class, in_all })
}

const CLASSES: [DeviceClass; 3] = [Desktop, Mobile, Tv];

/// Sessions on eight devices, of which each has a class of its own.
fn sessions() -> impl Strategy<Value = Vec<Known>> {
    prop::collection::vec((0_u8..8, limits()), 0..14).prop_map(|sessions| {
        let known = |(generation, (device, limits)): (u64, (u8, SeatLimits))| Known {
            generation,
            device,
            class: CLASSES[usize::from(device) % 3],
            limits,
        };
        (1..).zip(sessions).map(known).collect()
    })
}

/// The same in another order, some of them twice.
fn in_any_order(sessions: Vec<Known>) -> impl Strategy<Value = (Vec<Known>, Vec<Known>)> {
    let twice = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
    (Just(sessions), twice).prop_flat_map(|(sessions, twice)| {
        let mut order = sessions.clone();
        if !sessions.is_empty() {
            order.extend(twice.iter().map(|index| *index.get(&sessions)));
        }
        (Just(sessions), Just(order).prop_shuffle())
    })
}

/// What a user may have at once: the highest generations that fit, found without the rule.
fn highest_that_fit(sessions: &[Known], limits: SeatLimits) -> Vec<u64> {
    let mut live: Vec<Known> = Vec::new();
    for known in sessions.iter().rev() {
        let of_class = live.iter().filter(|it| it.class == known.class).count();
        let fits = |count: usize, max: Option<u32>| max.is_none_or(|max| count < max as usize);
        if live.iter().all(|it| it.device != known.device)
            && fits(of_class, limits.of_class)
            && fits(live.len(), limits.in_all)
        {
            live.push(*known);
        }
    }
    live.iter().rev().map(|it| it.generation).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_and_however_often_the_highest_that_fit_are_live(
        (sessions, order) in sessions().prop_flat_map(in_any_order),
        limits in limits(),
    ) {
        let same = |list: &[Known]| list.iter().map(|it| Known { limits, ..*it }).collect::<Vec<_>>();
        prop_assert_eq!(Live::of(&same(&order)), highest_that_fit(&same(&sessions), limits));
    }

    #[test]
    fn whatever_the_limits_no_newer_one_ends_and_there_are_never_more_than_the_largest_allows(
        (_, order) in sessions().prop_flat_map(in_any_order),
    ) {
        // `restore` asserts the rest.
        let live = Live::of(&order);
        if let Some(largest) = order.iter().map(|it| it.limits.in_all).max_by_key(|max| max.unwrap_or(u32::MAX)) {
            prop_assert!(live.len() <= largest.map_or(usize::MAX, |max| max as usize));
        }
    }
}
