//! The census and the sweep.

use super::support::{Bench, GHOST_AFTER_MS, ids, login, login_of, neighbours, node, user};
use crate::domain::{Partition, Reason, Timestamp};
use crate::store::{Act, Login, Renewal, Swept, Target};

pub(crate) async fn a_census_is_exact_and_newest_first(bench: &mut Bench) {
    assert_eq!(bench.store.census(10, GHOST_AFTER_MS).await.unwrap().count, 0);
    let mut all = Vec::new();
    for number in 0..30 {
        let request = Login { data: Some(number.to_string()), ..login(&user(&format!("user{number}"))) };
        let record = bench.seat(&request).await.session;
        all.push((record.session.generation, record.session.id));
    }
    bench.store.end(&Target::Session(all[3].1), Reason::Kicked, None, &Act::NONE).await.unwrap();
    bench.seat(&login(&user("user4"))).await;
    all.remove(3);
    all.remove(3);
    all.sort_unstable_by(|a, b| b.cmp(a));

    let census = bench.store.census(10, GHOST_AFTER_MS).await.unwrap();
    assert_eq!(census.count, 29);
    assert_eq!(census.newest.len(), 10);
    assert_eq!(census.newest[0].session.user, user("user4"));
    let expected: Vec<_> = all.iter().map(|(_, id)| *id).take(9).collect();
    assert_eq!(ids(&census.newest[1..]), expected);
    assert!(census.newest[1..].iter().all(|record| record.data.is_some()));
    assert_eq!(bench.store.census(1_000, GHOST_AFTER_MS).await.unwrap().newest.len(), 29);
}

pub(crate) async fn a_census_does_not_count_what_is_past_its_deadline(bench: &mut Bench) {
    let mut last = Timestamp::default();
    for number in 0..5 {
        let request = Login { ttl_ms: 40, ..login(&user(&format!("short{number}"))) };
        last = last.max(bench.seat(&request).await.session.session.absolute_at);
    }
    let live = bench.seat(&login(&user("user1"))).await.session.session.id;
    bench.pass(last).await;
    let census = bench.store.census(10, GHOST_AFTER_MS).await.unwrap();
    assert_eq!((census.count, ids(&census.newest)), (1, vec![live]));
    // A count that ends them says so, and what it leaves is left to the sweep: each is told of once.
    let mut told = census.swept;
    for number in 0..5 {
        let partition = Partition::of(&user(&format!("short{number}")));
        told += u64::from(bench.store.sweep(partition, node(1)).await.unwrap().ended);
    }
    assert_eq!(told, 5);
    assert_eq!(bench.store.census(10, GHOST_AFTER_MS).await.unwrap().swept, 0);
}

pub(crate) async fn a_sweep_ends_at_most_fifty_and_says_that_there_is_more(bench: &mut Bench) {
    let (partition, users) = neighbours(120);
    let mut last = Timestamp::default();
    for user in &users {
        let seated = bench.seat(&Login { ttl_ms: 40, ..login(user) }).await;
        last = last.max(seated.session.session.absolute_at);
    }
    let live = bench.seat(&login(&neighbours(121).1[120])).await.session.session.id;
    bench.pass(last).await;

    let sweep = |number| bench.store.sweep(partition, node(number));
    let mut ended = 0;
    for round in 0.. {
        assert!(round < 20, "the sweep does not come to an end");
        let swept = sweep(1).await.unwrap();
        assert!(swept.ended <= 50 && !swept.leased, "{swept:?}");
        ended += swept.ended;
        if !swept.more {
            break;
        }
        // While there is more, the partition is the first node's.
        let other = sweep(2).await.unwrap();
        assert_eq!((other.leased, other.ended, other.moved), (true, 0, 0));
    }
    assert_eq!(ended, 120);
    let other = sweep(2).await.unwrap();
    assert_eq!((other.leased, other.ended, other.more), (false, 0, false), "the lease was given back");
    assert!(bench.get(live).await.is_live());
}

pub(crate) async fn a_swept_session_keeps_its_reason(bench: &mut Bench) {
    let user = user("user1");
    let session = bench.seat(&Login { idle_ttl_ms: 40, ..login(&user) }).await.session.session;
    bench.pass(session.deadline()).await;
    let before = bench.get(session.id).await;
    assert_eq!(bench.store.sweep(session.id.partition(), node(1)).await.unwrap().ended, 1);
    let after = bench.get(session.id).await;
    assert_eq!((after.end, after.session), (before.end, before.session));
    let events = bench.events_of(&user, 10).await;
    assert_eq!((events[0].session, events[0].reason), (Some(session.id), Some(Reason::Idle)));
    assert_eq!(bench.store.sweep(session.id.partition(), node(1)).await.unwrap().ended, 0);
}

pub(crate) async fn a_sweep_leaves_a_session_whose_deadline_was_extended(bench: &mut Bench) {
    let request = Login { idle_ttl_ms: 2_000, ..login(&user("user1")) };
    let session = bench.seat(&request).await.session.session;
    let partition = session.id.partition();
    bench.pass(session.seen_at.plus_millis(1_000)).await;
    let used = Renewal { id: request.id, seen_ago_ms: Some(0), presence: None };
    bench.store.renew(node(1), partition, &[used], GHOST_AFTER_MS).await.unwrap();
    let extended = bench.get(session.id).await.session.deadline();

    bench.pass(session.deadline()).await;
    let swept = bench.store.sweep(partition, node(1)).await.unwrap();
    assert!(bench.now().await < extended, "the machine is too slow for this test");
    assert_eq!((swept.ended, swept.more), (0, false));
    assert!(bench.get(session.id).await.is_live());
    let again = bench.store.sweep(partition, node(1)).await.unwrap();
    assert_eq!(again, Swept { listed: 1, ..Swept::default() }, "what was moved is not looked at again");

    bench.pass(extended).await;
    let last = bench.store.sweep(partition, node(1)).await.unwrap();
    assert_eq!((last.ended, last.listed), (1, 0));
}

pub(crate) async fn a_sweep_of_a_clean_partition_does_nothing(bench: &mut Bench) {
    let session = bench.seat(&login_of(&user("user1"), 1)).await.session.session;
    for (partition, listed) in [(session.id.partition(), 1), (Partition::of(&user("nobody")), 0)] {
        let swept = bench.store.sweep(partition, node(1)).await.unwrap();
        assert_eq!(swept, Swept { listed, ..Swept::default() });
    }
}
