//! Restoring by many at once, and that every engine readmits as `domain::readmit` does.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::task::JoinSet;

use super::support::{Bench, GHOST_AFTER_MS, by, forgotten, ids, in_all, restoring, user};
use crate::chance::Chance;
use crate::domain::{
    DeviceClass, DeviceId, Generation, Holder, Readmission, Reason, Record, Returning, SeatLimits, SessionId,
    Timestamp, Tombstone, UserId, readmit,
};
use crate::store::{Restore, Restored, Store};

/// Restores one after the other through one handle, what yields as ended by the one that it yields to; answers how
/// many times it did.
async fn heal(store: Arc<dyn Store>, restores: Vec<Restore>) -> usize {
    let mut yielded = 0;
    for restore in restores {
        if let Restored::Yields(winner) = store.restore(&restore).await.unwrap() {
            yielded += 1;
            let record = restore.image.record().unwrap();
            let at = winner.session.created_at;
            let end = Tombstone { reason: Reason::Takeover, at, by: Some(by(&winner)) };
            let known = restoring(&Record { end: Some(end), ..record }, restore.limits, restore.live_at);
            let restored = store.restore(&known).await.unwrap();
            assert!(matches!(restored, Restored::Ended(_)), "{restored:?}");
        }
    }
    yielded
}

fn shuffled<T>(mut list: Vec<T>, chance: &Chance) -> Vec<T> {
    for last in (1..list.len()).rev() {
        let other = u64::from_be_bytes(chance.bytes()) % (last as u64 + 1);
        list.swap(last, usize::try_from(other).unwrap());
    }
    list
}

/// Each half of them by two tasks a handle, in no order.
pub(crate) async fn two_thousand_restored_from_two_nodes_leave_the_three_newest(bench: &mut Bench) {
    let (user, now) = (user("user1"), bench.now().await);
    let records: Vec<Record> = (1..=2_000).map(|generation| forgotten(now, &user, generation)).collect();
    let restores = records.iter().map(|record| restoring(record, in_all(3), now)).collect();
    let mut shares: [Vec<Restore>; 4] = Default::default();
    for (number, restore) in shuffled(restores, &Chance::system()).into_iter().enumerate() {
        shares[number % 4].push(restore);
    }
    let mut nodes = JoinSet::new();
    for (number, share) in shares.into_iter().enumerate() {
        let store = if number % 2 == 0 { &bench.store } else { bench.second() };
        nodes.spawn(heal(Arc::clone(store), share));
    }
    nodes.join_all().await;

    let newest: Vec<SessionId> = records.iter().rev().take(3).map(|record| record.session.id).collect();
    assert_eq!(ids(&bench.sessions_of(&user).await), newest);
    assert_eq!(bench.store.census(10, GHOST_AFTER_MS).await.unwrap().count, 3);
    for record in records.iter().rev().skip(3).step_by(97) {
        let end = bench.get(record.session.id).await.end.expect("it has ended");
        assert_eq!(end.reason, Reason::Takeover);
        assert!(end.by.is_some(), "by whom is told");
    }
}

/// Both know the same; neither knows of the other.
pub(crate) async fn two_nodes_restoring_the_same_in_different_orders_agree(bench: &mut Bench) {
    let now = bench.now().await;
    let chance = Chance::system();
    for round in 0..10 {
        let user = user(&format!("user{round}"));
        let records: Vec<Record> = (1..=30).map(|generation| forgotten(now, &user, generation)).collect();
        let restores: Vec<Restore> = records.iter().map(|record| restoring(record, in_all(4), now)).collect();
        let first = tokio::spawn(heal(Arc::clone(&bench.store), shuffled(restores.clone(), &chance)));
        let second = tokio::spawn(heal(Arc::clone(bench.second()), shuffled(restores, &chance)));
        let _ = (first.await.unwrap(), second.await.unwrap());
        let newest: Vec<SessionId> = records.iter().rev().take(4).map(|record| record.session.id).collect();
        assert_eq!(ids(&bench.sessions_of(&user).await), newest);
        for record in &records[..26] {
            assert_eq!(bench.get(record.session.id).await.end.unwrap().reason, Reason::Takeover);
        }
    }
}

/// One node knows of ends of which the other has not heard.
pub(crate) async fn whoever_comes_first_what_one_node_knows_as_ended_is_not_live_in_the_end(
    bench: &mut Bench,
) {
    let now = bench.now().await;
    let chance = Chance::system();
    for round in 0..10 {
        let user = user(&format!("user{round}"));
        let live: Vec<Record> = (1..=30).map(|generation| forgotten(now, &user, generation)).collect();
        let end = Tombstone { reason: Reason::Kicked, at: now, by: None };
        let known = |record: &Record| match record.session.generation.0 % 3 {
            0 => Record { end: Some(end.clone()), ..record.clone() },
            _ => record.clone(),
        };
        let first: Vec<Restore> =
            live.iter().map(|record| restoring(&known(record), in_all(30), now)).collect();
        let second: Vec<Restore> = live.iter().map(|record| restoring(record, in_all(30), now)).collect();
        let first = tokio::spawn(heal(Arc::clone(&bench.store), shuffled(first, &chance)));
        let second = tokio::spawn(heal(Arc::clone(bench.second()), shuffled(second, &chance)));
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (0, 0), "there are seats for all");
        let left: HashSet<SessionId> = ids(&bench.sessions_of(&user).await).into_iter().collect();
        for record in &live {
            let is_ended = record.session.generation.0.is_multiple_of(3);
            assert_eq!(left.contains(&record.session.id), !is_ended);
            let found = bench.get(record.session.id).await;
            assert_eq!(found.end, is_ended.then(|| end.clone()), "with its reason");
        }
    }
}

const CASES: usize = 150;

/// A session before the one that comes back, or that one.
#[derive(Debug, Clone)]
struct Seat {
    class: DeviceClass,
    device: u8,
    generation: u64,
}

#[derive(Debug, Clone)]
struct Case {
    seats: Vec<Seat>,
    returning: Seat,
    limits: SeatLimits,
}

fn seat() -> impl Strategy<Value = Seat> {
    let class = prop::sample::select(vec![DeviceClass::Desktop, DeviceClass::Mobile, DeviceClass::Tv]);
    (class, 0_u8..12, 1_u64..16).prop_map(|(class, device, generation)| Seat { class, device, generation })
}

fn case() -> impl Strategy<Value = Case> {
    let max = || prop::option::of(1_u32..5);
    let limits = (max(), max())
        .prop_filter("one of the two is set", |(a, b)| a.or(*b).is_some())
        .prop_map(|(of_class, in_all)| SeatLimits { of_class, in_all });
    (prop::collection::vec(seat(), 0..8), seat(), limits).prop_map(|(mut seats, returning, limits)| {
        // The one that returns may be of the generation of one of them.
        let mut given = HashSet::new();
        seats.retain(|seat| given.insert(seat.generation));
        Case { seats, returning, limits }
    })
}

fn record(now: Timestamp, user: &UserId, seat: &Seat) -> Record {
    let mut record = forgotten(now, user, seat.generation);
    record.session.device.id = DeviceId::parse(&format!("device{}", seat.device)).unwrap();
    record.session.device.class = seat.class;
    record
}

pub(crate) async fn every_session_is_readmitted_as_the_rule_says(bench: &mut Bench) {
    // Printed by the harness when the test fails; put it here to see the same cases again.
    let seed: [u8; 32] = Chance::system().bytes();
    println!("seed: {seed:?}");
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let now = bench.now().await;
    for number in 0..CASES {
        let case = case().new_tree(&mut runner).unwrap().current();
        let user = user(&format!("case{number}"));
        for seat in &case.seats {
            let restore = restoring(&record(now, &user, seat), in_all(100), now);
            bench.store.restore(&restore).await.unwrap();
        }
        judge(bench, &user, &case, now).await;
    }
}

async fn judge(bench: &Bench, user: &UserId, case: &Case, now: Timestamp) {
    let listed = bench.sessions_of(user).await;
    let returning = record(now, user, &case.returning);
    let holders: Vec<Holder> = listed
        .iter()
        .map(|it| Holder {
            id: it.session.id,
            generation: it.session.generation,
            seen_at: it.session.seen_at,
            class: it.session.device.class,
            same_device: it.session.device.id == returning.session.device.id,
            present: false,
        })
        .collect();
    let expected = readmit(
        &Returning {
            generation: Generation(case.returning.generation),
            class: case.returning.class,
            limits: case.limits,
        },
        &holders,
    );
    let restored = bench.store.restore(&restoring(&returning, case.limits, now)).await.unwrap();
    let what = format!("{case:#?}\n{expected:?}\n{restored:?}");
    let after = bench.sessions_of(user).await;
    match expected {
        Readmission::Yields { to } => {
            assert!(matches!(&restored, Restored::Yields(it) if it.session.id == to), "{what}");
            assert_eq!(after, listed, "{what}");
        }
        Readmission::Sits { end } => {
            assert!(matches!(restored, Restored::Live), "{what}");
            for (id, reason) in &end {
                assert_eq!(bench.get(*id).await.end.unwrap().reason, *reason, "{what}");
            }
            let mut left: Vec<SessionId> = ids(&listed);
            left.retain(|id| end.iter().all(|(ended, _)| ended != id));
            left.push(returning.session.id);
            let sorted = |mut ids: Vec<SessionId>| {
                ids.sort_unstable();
                ids
            };
            assert_eq!(sorted(ids(&after)), sorted(left), "{what}");
        }
    }
}
