//! TLS behind Sentinels, through a promotion: the next primary is reached as the first one was, or not at all.
//!
//! Sentinels and servers tell everybody their TLS ports and no others, so whoever finds a server there speaks TLS to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::certificates::{Authority, Issued};
use super::redis_sentinel::{RedisSentinel, SentinelOptions};
use super::redis_server::{own_host, with_bus};
use super::{Redis, connect, failover, login, message_about, seated, user};
use crate::chance::Chance;
use crate::config::{RedisConfig, RedisUrl, TlsFiles};
use crate::domain::PartitionSet;
use crate::store::{Notice, Store as _, StoreError};

/// Servers and Sentinels with a certificate of `authority`. Among themselves they believe `others`, too.
async fn servers(authority: &Authority, others: &[&Authority]) -> RedisSentinel {
    let own = authority.issue("server", &format!("IP:{}", own_host()));
    let ca: String = std::iter::once(&authority)
        .chain(others)
        .map(|it| std::fs::read_to_string(it.ca()).unwrap())
        .collect();
    let all = own.cert.with_file_name("believed.pem");
    std::fs::write(&all, ca).unwrap();
    let mut options = SentinelOptions::default();
    let ports = |count| -> Vec<SocketAddr> { (0..count).map(|_| with_bus(own_host())).collect() };
    (options.fronts, options.sentinel_fronts) = (ports(options.replicas + 1), ports(options.sentinels));
    options.tls = [("cert-file", own.cert), ("key-file", own.key), ("ca-cert-file", all)]
        .map(|(name, file)| (format!("tls-{name}"), file.display().to_string()))
        .into();
    options.tls.push(("tls-auth-clients".to_owned(), "no".to_owned()));
    RedisSentinel::start_with(options).await
}

fn node(redis: &RedisSentinel, authority: &Authority) -> (Arc<Redis>, mpsc::Receiver<Notice>) {
    let url = redis.url().replace("redis+sentinel://", "rediss+sentinel://");
    let tls = TlsFiles { ca: Some(authority.ca()), ..TlsFiles::default() };
    let config = RedisConfig { tls, ..RedisConfig::of(RedisUrl::parse(&url).unwrap()) };
    Redis::open_with(&config, Arc::new(Chance::system())).unwrap()
}

/// Far more than a promotion takes: hand-shakes of a debug build are slow, and each has half a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for an answer that `wanted` takes.
async fn answers<T>(store: &Redis, wanted: impl Fn(Result<u64, StoreError>) -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let answer = store.time_us().await;
        let seen = format!("{answer:?}");
        if let Some(found) = wanted(answer) {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{seen}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_sentinels_tls_goes_on_with_the_promoted_primary() {
    let authority = Authority::new();
    let mut redis = servers(&authority, &[]).await;
    let (store, mut notices) = node(&redis, &authority);
    let user = user("user1");
    answers(&store, Result::ok).await;
    seated(store.login(&login(&user)).await.unwrap());
    store.subscribe(&user).await.unwrap();

    let old = redis.kill_primary().await;
    let new = redis.wait_for_another(old).await;
    assert_eq!(failover(&mut notices).await, PartitionSet::ALL);
    answers(&store, Result::ok).await;
    store.subscribe(&user).await.unwrap();
    // Another node, which needs no TLS to be heard.
    let (other, _notices) = connect(&redis.server(new).url());
    seated(other.login(&login(&user)).await.unwrap());
    seated(other.login(&login(&user)).await.unwrap());
    message_about(&mut notices, &user).await;
    // And it really is there, with a connection for commands and one for messages.
    let clients: String = redis.server(new).query(cmd("CLIENT").arg("LIST")).await.unwrap();
    let tls_port = format!("laddr={}", redis.front(new));
    let by_tls = clients.lines().filter(|client| client.contains(&tls_port) && client.contains("resp=3"));
    assert!(by_tls.count() >= 2, "{clients}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_primary_with_a_certificate_of_another_authority_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut redis = servers(&authority, &[&other]).await;
    let (store, _notices) = node(&redis, &authority);
    answers(&store, Result::ok).await;
    let Issued { cert, key } = other.issue("foreign", &format!("IP:{}", own_host()));
    for replica in [1, 2] {
        let mut foreign = cmd("CONFIG");
        foreign.arg("SET").arg("tls-cert-file").arg(cert.as_os_str().as_encoded_bytes());
        foreign.arg("tls-key-file").arg(key.as_os_str().as_encoded_bytes());
        redis.server(replica).query::<()>(&foreign).await.unwrap();
    }
    let old = redis.kill_primary().await;
    let new = redis.wait_for_another(old).await;
    // The Sentinels name it, and it is not believed. That is what callers are told, and no longer that the old one is
    // gone.
    let why = answers(&store, |answer| match answer.expect_err("a certificate of another authority") {
        StoreError::Unavailable(why) => {
            Some(why).filter(|why| why.contains("signed by nobody that redis_tls.ca"))
        }
        _ => None,
    });
    let promoted = redis.front(new).to_string();
    assert!(why.await.contains(&promoted), "it is the promoted one that is refused");
}
