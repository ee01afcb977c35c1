//! What of the log is Redis's own: how streams are kept, and what becomes of feeds that are cut.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::redis_server::RedisServer;
use super::{Redis, connect, gap, login, seated, user};
use crate::chance::Chance;
use crate::config::{EventsConfig, RedisConfig, RedisUrl};
use crate::domain::{NodeId, Partition};
use crate::store::{Act, EventFilter, EventKind, Fed, Log as _, NewEvent, Store as _, StoreError, View as _};

fn job() -> NewEvent {
    NewEvent::new(EventKind::Job, None, Act::NONE)
}

/// A value as an entry has it.
fn told(value: &str) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&len, value.as_bytes()].concat()
}

#[tokio::test]
async fn a_log_is_kept_by_length_and_by_age() {
    let server = RedisServer::start().await;
    let events = EventsConfig { max: 200 * 1_024, ttl: Duration::from_secs(3_600) };
    let config = RedisConfig { events, ..RedisConfig::of(RedisUrl::parse(&server.url()).unwrap()) };
    let (store, _notices) = Redis::open_with(&config, Arc::new(Chance::system())).unwrap();
    for _ in 0..500 {
        store.record(&job()).await.unwrap();
    }
    let log = String::from_utf8(store.keys.log(Partition::FIRST)).unwrap();
    let number = async |command: &str| -> i64 {
        let answer = server.command(command).await;
        answer.trim().trim_start_matches(':').parse().unwrap()
    };
    let kept = number(&format!("XLEN {log}")).await;
    // Whole blocks go, of a hundred entries at most.
    assert!((200..=300).contains(&kept), "{kept}");
    let left = number(&format!("PTTL {log}")).await;
    // And a day, so that not every login has to say it.
    let left = left - 24 * 3_600_000;
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");

    // Of another partition, in which nothing is written any more and everything is older than its time.
    let user1 = user("user1");
    seated(store.login(&login(&user1)).await.unwrap());
    let partition = Partition::of(&user1);
    let log = String::from_utf8(store.keys.log(partition)).unwrap();
    let () = server.query(redis::cmd("DEL").arg(&log)).await.unwrap();
    for number in 1..=250 {
        let _: String =
            server.query(redis::cmd("XADD").arg(&log).arg(number).arg("t").arg(number)).await.unwrap();
    }
    store.sweep(partition, NodeId::from_bytes([1; 8])).await.unwrap();
    assert!(number(&format!("XLEN {log}")).await <= 100, "what grew old is trimmed");
}

#[tokio::test]
async fn what_nobody_can_read_hides_nothing_else() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    store.record(&job()).await.unwrap();
    let log = store.keys.log(Partition::FIRST);
    // The user, by whom, the address, the device; and one that breaks off.
    for (place, wrong) in [(2, "\u{7f}"), (5, "{"), (9, "12345"), (10, "x"), (11, "\0")] {
        let mut values = ["1", "job", "", "", "0", "", "", "", "", "", "", ""];
        values[place] = wrong;
        let mut bytes: Vec<u8> = values.iter().flat_map(|value| told(value)).collect();
        bytes.truncate(if place == 11 { 20 } else { bytes.len() });
        let mut add = redis::cmd("XADD");
        add.arg(&log).arg("*").arg("v").arg(bytes);
        let _: String = server.query(&add).await.unwrap();
    }
    store.record(&job()).await.unwrap();
    let page = store.events(&EventFilter::default(), 10, None).await.unwrap();
    assert_eq!((page.events.len(), page.damaged, page.next), (2, 5, None));
    let page = store.events(&EventFilter::default(), 1, None).await.unwrap();
    assert_eq!((page.events.len(), page.next), (1, Some(page.events[0].id)));

    let node = NodeId::from_bytes([1; 8]);
    let begun = crate::store::conformance::jobs::job(2);
    store.begin_job(&begun).await.unwrap();
    let jobs = store.keys.jobs();
    // One that scripts can't read, and one of which they read enough.
    let empty = [0_u8; 27];
    for (id, bytes) in [([0_u8; 16], &empty[..3]), ([1; 16], &empty[..])] {
        let () = server.query(redis::cmd("HSET").arg(&jobs).arg(&id[..]).arg(bytes)).await.unwrap();
    }
    let list = store.jobs().await.unwrap();
    assert_eq!((list.jobs.len(), list.damaged), (1, 2));
    assert!(matches!(store.take_job(node).await, Err(StoreError::Corrupt(_))), "its turn comes first");
    assert_eq!(store.take_job(node).await.unwrap().map(|job| job.id), Some(begun.id));
}

#[tokio::test]
async fn a_feed_that_was_cut_is_a_gap_and_heard_again() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    store.follow().await.unwrap();
    server.command("CLIENT KILL TYPE pubsub").await;
    gap(&mut notices, false).await;
    gap(&mut notices, true).await;
    let (other, _notices) = connect(&server.url());
    other.record(&job()).await.unwrap();
    let fed = timeout(Duration::from_secs(20), store.feed().unwrap().recv()).await.unwrap();
    assert!(matches!(fed, Some(Fed::Event(event)) if event.kind == EventKind::Job));
}
