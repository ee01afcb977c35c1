//! Lost replies, a Redis that is away, frozen, full, demoted or somebody else's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use super::chaos_proxy::{ChaosProxy, Fault, Loss};
use super::redis_server::RedisServer;
use super::{Redis, connect, events_of, gap, login, message_about, seated, user};
use crate::domain::{NodeId, Presence, Reason};
use crate::store::{Act, Attach, Store as _, StoreError, Target};

/// After how long a login is given up, and what a busy machine adds.
const GIVES_UP: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(3);

/// Waits until the store answers again.
async fn recovers(store: &Redis) {
    let start = Instant::now();
    while let Err(error) = store.time_us().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn a_login_with_a_lost_reply(how: Loss) {
    let server = RedisServer::start().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let (store, _notices) = connect(&proxy.url());
    let user = user("user1");
    let old = login(&user);
    store.login(&old).await.unwrap();

    let request = login(&user);
    proxy.lose_reply_to(request.id.as_bytes(), how);
    let (session, replaced) = seated(store.login(&request).await.unwrap());
    assert!(proxy.has_lost(), "the reply was lost");
    assert!(session.is_live());
    assert_eq!(replaced.len(), 1);
    assert_eq!(replaced[0].session.id, old.id);
    let live = store.sessions_of(&user, 60_000).await.unwrap();
    assert_eq!(live, [session]);
    assert_eq!(events_of(&*store, &user, 10).await.len(), 2, "it happened once");
}

#[tokio::test]
async fn a_login_whose_reply_was_cut_off_answers_as_the_first_and_counts_once() {
    a_login_with_a_lost_reply(Loss::Cut).await;
}

#[tokio::test]
async fn a_login_whose_reply_never_came_answers_as_the_first_and_counts_once() {
    a_login_with_a_lost_reply(Loss::Silence).await;
}

#[tokio::test]
async fn a_login_into_silence_has_an_unknown_outcome_in_bounded_time() {
    let server = RedisServer::start().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let (store, _notices) = connect(&proxy.url());
    recovers(&store).await;
    proxy.set(Fault::Silence);
    let start = Instant::now();
    let outcome = store.login(&login(&user("user1"))).await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown(_))), "{outcome:?}");
    assert!(start.elapsed() < GIVES_UP + SLACK, "{:?}", start.elapsed());
    proxy.set(Fault::None);
    recovers(&store).await;
}

#[tokio::test]
async fn an_end_whose_reply_was_lost_is_unknown_and_other_calls_are_asked_again() {
    let server = RedisServer::start().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let (store, _notices) = connect(&proxy.url());
    let request = login(&user("user1"));
    store.login(&request).await.unwrap();

    let presence = Presence { node: NodeId::from_bytes([1; 8]), count: 1, sequence: 1 };
    proxy.lose_reply_to(request.id.as_bytes(), Loss::Cut);
    let attached = store.attach(request.id, presence, 60_000).await.unwrap();
    assert!(matches!(&attached, Attach::Live(record) if record.connections == 1), "{attached:?}");
    proxy.lose_reply_to(request.id.as_bytes(), Loss::Cut);
    assert!(store.get(request.id, true).await.unwrap().unwrap().is_live());

    // Redis knows the script from here on: what is lost is not the answer that it does not.
    store.end(&Target::User(user("user2")), Reason::Kicked, None, &Act::NONE).await.unwrap();
    proxy.lose_reply_to(request.id.as_bytes(), Loss::Cut);
    let ended = store.end(&Target::Session(request.id), Reason::Kicked, None, &Act::NONE).await;
    assert!(matches!(ended, Err(StoreError::OutcomeUnknown(_))), "{ended:?}");
    assert_eq!(store.get(request.id, false).await.unwrap().unwrap().end.unwrap().reason, Reason::Kicked);
}

#[tokio::test]
async fn every_way_to_lose_a_connection_heals_and_is_told_as_a_gap() {
    let server = RedisServer::start().await;
    let proxy = ChaosProxy::start(server.port()).await;
    let (store, mut notices) = connect(&proxy.url());
    let (other, _notices) = connect(&server.url());
    let user = user("user1");
    store.subscribe(&user).await.unwrap();
    for fault in [Fault::Reset, Fault::HalfClose, Fault::Silence] {
        proxy.set(fault);
        gap(&mut notices, false).await;
        proxy.set(Fault::Delay(Duration::from_millis(5)));
        gap(&mut notices, true).await;
        other.login(&login(&user)).await.unwrap();
        other.login(&login(&user)).await.unwrap();
        message_about(&mut notices, &user).await;
        recovers(&store).await;
    }
}

#[tokio::test]
async fn a_redis_that_was_killed_and_came_back_is_used_again() {
    let mut server = RedisServer::durable().await;
    let (store, mut notices) = connect(&server.url());
    let (other, _notices) = connect(&server.url());
    let user = user("user1");
    let old = login(&user);
    store.login(&old).await.unwrap();
    store.subscribe(&user).await.unwrap();

    server.kill();
    gap(&mut notices, false).await;
    let start = Instant::now();
    let refused = store.login(&login(&user)).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))),
        "{refused:?}"
    );
    assert!(start.elapsed() < GIVES_UP + SLACK);
    let refused = store.get(old.id, false).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        assert!(store.get(old.id, false).await.is_err());
        quickest = quickest.min(start.elapsed());
    }
    assert!(
        quickest < Duration::from_millis(500),
        "nobody waits for a Redis that is long away: {quickest:?}"
    );

    server.restart().await;
    gap(&mut notices, true).await;
    recovers(&other).await;
    let (_, replaced) = seated(other.login(&login(&user)).await.unwrap());
    assert_eq!(replaced[0].session.id, old.id, "nothing acknowledged was lost");
    message_about(&mut notices, &user).await;
    recovers(&store).await;
    assert_eq!(store.get(old.id, false).await.unwrap().unwrap().end.unwrap().reason, Reason::Takeover);
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_waited_for() {
    let mut server = RedisServer::start().await;
    server.kill();
    let (store, _notices) = connect(&server.url());
    let user = user("user1");
    let refused = store.login(&login(&user)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.subscribe(&user).await, Err(StoreError::Unavailable(_))));
    server.restart().await;
    recovers(&store).await;
    seated(store.login(&login(&user)).await.unwrap());
}

/// It was greeted some forty times a second by each node, because every greeting had the pauses start over.
#[tokio::test]
async fn a_server_that_greets_and_hangs_up_is_greeted_ever_less_often() {
    let server = RedisServer::start().await;
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", door.local_addr().unwrap());
    let greeted = Arc::new(AtomicU32::new(0));
    let (counter, port) = (Arc::clone(&greeted), server.port());
    let hanging_up = tokio::spawn(async move {
        while let Ok((mut client, _)) = door.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut redis = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                // Long enough for a greeting, and no life.
                let carrying = copy_bidirectional(&mut client, &mut redis);
                let _ = timeout(Duration::from_millis(100), carrying).await;
            });
        }
    });
    let (_store, _notices) = connect(&url);
    sleep(Duration::from_secs(4)).await;
    hanging_up.abort();
    let greeted = greeted.load(Ordering::Relaxed);
    // One connection for commands and one for messages, seven times each on average; it was 50 in all, at a load of 20.
    assert!((2..=32).contains(&greeted), "{greeted} times in four seconds");
}

#[tokio::test]
async fn a_frozen_redis_is_found_by_the_heartbeat() {
    let server = RedisServer::start().await;
    let (store, mut notices) = connect(&server.url());
    store.subscribe(&user("user1")).await.unwrap();
    server.freeze();
    gap(&mut notices, false).await;
    server.thaw();
    gap(&mut notices, true).await;
    recovers(&store).await;
}

#[tokio::test]
async fn a_login_outlasts_a_redis_that_was_held_up() {
    let server =
        RedisServer::start_with(&["--save", "", "--appendonly", "no", "--enable-debug-command", "yes"]).await;
    let (store, _notices) = connect(&server.url());
    let request = login(&user("user1"));
    recovers(&store).await;
    // Longer than it takes to doubt the connection and to replace it.
    let (held_up, outcome) = tokio::join!(server.command("DEBUG SLEEP 2"), store.login(&request));
    assert_eq!(held_up.trim(), "+OK");
    let (session, _) = seated(outcome.unwrap());
    assert_eq!(store.sessions_of(&request.user, 60_000).await.unwrap(), [session]);
}

#[tokio::test]
async fn a_redis_that_forgot_its_scripts_is_taught_them_again() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    for _ in 0..2 {
        let (session, _) = seated(store.login(&login(&user("user1"))).await.unwrap());
        let census = store.census(10, 60_000).await.unwrap();
        assert_eq!((census.count, &census.newest), (1, &vec![session]));
        server.command("SCRIPT FLUSH").await;
    }
}

#[tokio::test]
async fn a_demoted_primary_is_unavailable_until_it_takes_writes_again() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    recovers(&store).await;
    server.command("REPLICAOF 127.0.0.1 1").await;
    let refused = store.login(&login(&user("user1"))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    server.command("REPLICAOF NO ONE").await;
    recovers(&store).await;
    seated(store.login(&login(&user("user1"))).await.unwrap());
}

#[tokio::test]
async fn a_full_redis_takes_no_login_and_still_answers_checks() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    let old = login(&user("user1"));
    store.login(&old).await.unwrap();
    server.command("CONFIG SET maxmemory 1").await;
    let refused = store.login(&login(&user("user1"))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.get(old.id, false).await.unwrap().unwrap().is_live(), "nothing was written");
    // A node that starts now can answer checks too.
    let (late, _notices) = connect(&server.url());
    assert!(late.get(old.id, false).await.unwrap().unwrap().is_live());
    server.command("CONFIG SET maxmemory 0").await;
    seated(store.login(&login(&user("user1"))).await.unwrap());
}

#[tokio::test]
async fn sessions_of_another_layout_are_refused_and_an_emptied_database_is_claimed() {
    let server = RedisServer::start().await;
    server.command("SET hs:meta layout=0").await;
    let (store, _notices) = connect(&server.url());
    let refused = store.get(login(&user("user1")).id, false).await;
    assert!(
        matches!(&refused, Err(StoreError::Corrupt(why)) if why.contains("another layout")),
        "{refused:?}"
    );
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.faults[0].contains("another layout"), "{inspection:?}");
    server.command("FLUSHALL").await;
    let start = Instant::now();
    while store.login(&login(&user("user1"))).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(10)).await;
    }
    assert!(server.command("GET hs:meta").await.contains("layout=2 partitions=1024"));
}

#[tokio::test]
async fn an_inspection_names_what_is_wrong_and_what_it_may_not_see() {
    let server = RedisServer::start_with(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]).await;
    let (store, _notices) = connect(&server.url());
    let inspection = store.inspect().await.unwrap();
    assert!(inspection.description.starts_with("Redis 7") || inspection.description.starts_with("Redis 8"));
    assert!(inspection.faults[0].contains("allkeys-lru"), "{inspection:?}");
    assert!(inspection.warnings[0].contains("append-only"), "{inspection:?}");

    server.command("ACL SETUSER node on >secret ~* &* +@all -info -config").await;
    let (limited, _notices) = connect(&server.url().replace("//", "//node:secret@"));
    let inspection = limited.inspect().await.unwrap();
    assert!(inspection.warnings[0].contains("INFO"), "{inspection:?}");
    seated(limited.login(&login(&user("user1"))).await.unwrap());

    let (refused, _notices) = connect(&server.url().replace("//", "//node:wrong@"));
    assert!(matches!(refused.inspect().await, Err(StoreError::Unavailable(_))));
}
