//! What of the log is Redis's own: how streams are kept, and what becomes of feeds that are cut.

use std::sync::Arc;
use std::time::Duration;

use super::redis_server::RedisServer;
use super::{Redis, connect, gap, login, next, seated, user};
use crate::chance::Chance;
use crate::config::{EventsConfig, RedisConfig, RedisUrl};
use crate::domain::{NodeId, Partition};
use crate::store::{Act, EventKind, Log as _, NewEvent, Notice, Store as _};

fn job() -> NewEvent {
    NewEvent::new(EventKind::Job, None, Act::NONE)
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
async fn a_feed_that_was_cut_is_a_gap_and_heard_again() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    store.follow().await.unwrap();
    server.command("CLIENT KILL TYPE pubsub").await;
    gap(&mut notices, false).await;
    gap(&mut notices, true).await;
    let (other, _notices) = connect(&server.url());
    other.record(&job()).await.unwrap();
    assert!(matches!(next(&mut notices).await, Notice::Event(event) if event.kind == EventKind::Job));
}
