//! What is kept for how long. Time is in the test's hands.

use std::time::Duration;

use super::{DAY_US, Embedded, HandClock, SECOND_US, count, open_in};
use crate::config::EventsConfig;
use crate::domain::{Partition, Reason};
use crate::store::conformance::support::{events_of, login, login_of, node, seated, user};
use crate::store::{Act, EventFilter, Log as _, Login, Renewal, Store, Swept, Target};

/// Sweeps until there is nothing more to do.
async fn sweep(store: &dyn Store, partition: Partition) -> u32 {
    let mut ended = 0;
    for _ in 0..100 {
        let swept = store.sweep(partition, node(1)).await.unwrap();
        ended += swept.ended;
        if !swept.more {
            return ended;
        }
    }
    panic!("the sweep does not come to an end");
}

#[tokio::test]
async fn tombstones_go_after_seven_days_and_data_after_a_minute() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_in(dir.path(), clock.clone());
    let user = user("user1");
    let request = Login { data: Some("1".into()), ..login(&user) };
    seated(store.login(&request).await.unwrap());
    store.end(&Target::Session(request.id), Reason::Kicked, None, &Act::NONE).await.unwrap();
    let get = || async { store.get(request.id, true).await.unwrap() };

    clock.advance(59 * SECOND_US);
    assert_eq!(get().await.unwrap().data.as_deref(), Some("1"));
    clock.advance(SECOND_US);
    let record = get().await.expect("the tombstone stays");
    assert_eq!((record.data, record.end.unwrap().reason), (None, Reason::Kicked));
    sweep(&*store, request.id.partition()).await;
    assert_eq!((count(dir.path(), "data"), count(dir.path(), "ended")), (0, 1));

    clock.advance(7 * DAY_US - 61 * SECOND_US);
    sweep(&*store, request.id.partition()).await;
    assert!(get().await.is_some());
    assert_eq!(count(dir.path(), "ended"), 1);

    clock.advance(2 * SECOND_US);
    assert!(get().await.is_none(), "over for readers even before it is swept");
    assert_eq!(sweep(&*store, request.id.partition()).await, 0);
    assert_eq!((count(dir.path(), "ended"), count(dir.path(), "event")), (0, 0));
    let idle = store.sweep(request.id.partition(), node(1)).await.unwrap();
    assert_eq!(idle, Swept::default());
    store.close().await;
}

#[tokio::test]
async fn data_of_live_sessions_are_never_purged() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_in(dir.path(), clock.clone());
    let long = 30 * DAY_US / 1000;
    let request = Login { data: Some("1".into()), ttl_ms: long, idle_ttl_ms: long, ..login(&user("user1")) };
    seated(store.login(&request).await.unwrap());
    clock.advance(20 * DAY_US);
    sweep(&*store, request.id.partition()).await;
    assert_eq!(store.get(request.id, true).await.unwrap().unwrap().data.as_deref(), Some("1"));
    store.close().await;
}

#[tokio::test]
async fn a_partitions_log_keeps_its_share_of_events_max() {
    let dir = tempfile::tempdir().unwrap();
    let events = EventsConfig { max: 200 * 1_024, ..EventsConfig::default() };
    let store = Embedded::open_with(dir.path(), HandClock::new(), events).unwrap().0;
    let user = user("user1");
    for _ in 0..5 {
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (store, request) = (store.clone(), login(&user));
            running.spawn(async move { store.login(&request).await.unwrap() });
        }
        running.join_all().await;
    }
    let kept = count(dir.path(), "event");
    assert!((200..200 + 64).contains(&kept), "{kept}");
    assert_eq!(events_of(&*store, &user, 10_000).await.len(), usize::try_from(kept).unwrap());
    store.close().await;
}

#[tokio::test]
async fn an_event_goes_after_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, ttl) = (HandClock::new(), Duration::from_secs(60));
    let events = EventsConfig { ttl, ..EventsConfig::default() };
    let store = Embedded::open_with(dir.path(), clock.clone(), events).unwrap().0;
    let user = user("user1");
    seated(store.login(&login(&user)).await.unwrap());
    clock.advance(50 * SECOND_US);
    seated(store.login(&login(&user)).await.unwrap());
    clock.advance(11 * SECOND_US);
    sweep(&*store, Partition::of(&user)).await;
    assert_eq!(events_of(&*store, &user, 10).await.len(), 1);
    store.close().await;
}

/// An id is the cursor of a page and of a stream: what came later must not stand before it.
#[tokio::test]
async fn events_keep_their_order_when_the_clock_goes_back_and_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let user = user("user1");
    let mut sent = Vec::new();
    for _ in 0..2 {
        let store = Embedded::open(dir.path(), clock.clone()).unwrap().0;
        for _ in 0..2 {
            let request = login(&user);
            seated(store.login(&request).await.unwrap());
            sent.push(Some(request.id));
            clock.go_back(SECOND_US);
        }
        store.close().await;
    }
    let store = Embedded::open(dir.path(), clock.clone()).unwrap().0;
    let log = store.events(&EventFilter::default(), 10, None).await.unwrap().events;
    assert_eq!(log.iter().rev().map(|event| event.session).collect::<Vec<_>>(), sent);
    assert!(log.is_sorted_by(|newer, older| newer.id > older.id && newer.at < older.at), "{log:?}");
    store.close().await;
}

#[tokio::test]
async fn a_use_in_time_counts_even_if_its_news_come_late() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_in(dir.path(), clock.clone());
    let user = user("user1");
    let [in_time, late] = [
        Login { idle_ttl_ms: 10_000, ..login_of(&user, 2) },
        Login { idle_ttl_ms: 10_000, ..login_of(&user, 2) },
    ];
    seated(store.login(&in_time).await.unwrap());
    seated(store.login(&late).await.unwrap());

    clock.advance(12 * SECOND_US);
    let used = |id, ago| Renewal { id, seen_ago_ms: Some(ago), presence: None };
    let news = [used(in_time.id, 3_000), used(late.id, 1_000)];
    let renewed = store.renew(node(1), in_time.id.partition(), &news, 60_000).await.unwrap();
    assert_eq!(renewed.ended.len(), 1);
    assert_eq!(renewed.ended[0].session.id, late.id, "it was over before that use");
    assert_eq!(renewed.ended[0].end.as_ref().unwrap().reason, Reason::Idle);
    assert!(store.get(in_time.id, false).await.unwrap().unwrap().is_live());
    store.close().await;
}

#[tokio::test]
async fn the_lease_of_a_sweeper_that_died_lapses() {
    let dir = tempfile::tempdir().unwrap();
    let clock = HandClock::new();
    let store = open_in(dir.path(), clock.clone());
    let user = user("user1");
    for _ in 0..60 {
        seated(store.login(&Login { ttl_ms: 1_000, ..login_of(&user, 100) }).await.unwrap());
    }
    clock.advance(2 * SECOND_US);
    let partition = Partition::of(&user);
    let first = store.sweep(partition, node(1)).await.unwrap();
    assert!(first.more && !first.leased);
    assert!(store.sweep(partition, node(2)).await.unwrap().leased);
    clock.advance(10 * SECOND_US);
    let second = store.sweep(partition, node(2)).await.unwrap();
    assert_eq!((second.leased, second.ended), (false, 10));
    store.close().await;
}
