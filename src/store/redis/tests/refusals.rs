//! Servers that answer what they are asked and refuse what they are told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::redis_server::RedisServer;
use super::{Redis, connect, login, seated, user};
use crate::store::{Store as _, StoreError};

async fn is_usable_again(store: &Redis) {
    let start = Instant::now();
    while let Err(error) = store.time_us().await {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// `refuse` has the server refuse writes, `relent` has it take them again. A check is answered all the time.
async fn is_away_while_it_refuses(server: &RedisServer, refuse: &str, relent: &str) {
    let (store, _notices) = connect(&server.url());
    let session = login(&user("user1"));
    seated(store.login(&session).await.unwrap());
    assert!(store.time_us().await.is_ok());
    server.command(refuse).await;
    // A node that starts now, too.
    let (late, _notices) = connect(&server.url());
    for store in [&store, &late] {
        refuses(store).await;
        assert!(store.get(session.id, false).await.unwrap().unwrap().is_live(), "{refuse}");
    }
    server.command(relent).await;
    for store in [&store, &late] {
        is_usable_again(store).await;
        seated(store.login(&login(&user("user2"))).await.unwrap());
    }
}

async fn refuses(store: &Arc<Redis>) {
    let time = store.time_us().await;
    assert!(matches!(time, Err(StoreError::Unavailable(_))), "{time:?}");
    let refused = store.login(&login(&user("user1"))).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

/// As on the smaller side of a split network.
#[tokio::test]
async fn a_primary_that_is_short_of_replicas_is_away_though_it_answers() {
    let server = RedisServer::start().await;
    let (refuse, relent) = ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0");
    is_away_while_it_refuses(&server, refuse, relent).await;
}

#[tokio::test]
async fn a_primary_that_is_full_is_away_though_it_answers() {
    let server = RedisServer::start().await;
    is_away_while_it_refuses(&server, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0").await;
}

#[tokio::test]
async fn a_primary_that_can_not_save_is_away_though_it_answers() {
    let server = RedisServer::start_with(&["--save", "3600 1000000", "--dbfilename", "taken"]).await;
    let (store, _notices) = connect(&server.url());
    let session = login(&user("user1"));
    seated(store.login(&session).await.unwrap());
    let taken = server.directory().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let start = Instant::now();
    while store.time_us().await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(20), "it can save");
        server.command("BGSAVE").await;
    }
    refuses(&store).await;
    assert!(store.get(session.id, false).await.unwrap().unwrap().is_live());
    std::fs::remove_dir(&taken).unwrap();
    // Asked again each time: the first is refused while one that can only fail is still at work.
    let start = Instant::now();
    while store.time_us().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "it can't save: {}", server.log());
        server.command("BGSAVE").await;
        sleep(Duration::from_millis(10)).await;
    }
    seated(store.login(&login(&user("user2"))).await.unwrap());
}

#[tokio::test]
async fn a_replica_is_away_though_it_answers() {
    let server = RedisServer::start().await;
    let (store, _notices) = connect(&server.url());
    assert!(store.time_us().await.is_ok());
    server.command("REPLICAOF 127.0.0.1 1").await;
    refuses(&store).await;
    server.command("REPLICAOF NO ONE").await;
    is_usable_again(&store).await;
}
