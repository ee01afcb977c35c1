//! TLS to real servers: who is believed, who is not, and what is said then.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::time::{Instant, sleep};

use super::certificates::{Authority, Issued};
use super::redis_server::{RedisServer, with_bus};
use super::{login, next, seated, user};
use crate::chance::Chance;
use crate::config::{RedisConfig, RedisUrl, TlsFiles};
use crate::store::redis::Redis;
use crate::store::{Message, Notice, Store as _, StoreError};

/// A server that speaks TLS, and where.
async fn tls_server(authority: &Authority, own: &Issued, more: &[&str]) -> (RedisServer, String) {
    let port = with_bus(std::net::Ipv4Addr::LOCALHOST).port().to_string();
    let ca = authority.ca();
    let text = |path: &Path| path.display().to_string();
    let (cert, key, ca) = (text(&own.cert), text(&own.key), text(&ca));
    let tls =
        ["--tls-port", &port, "--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let server = RedisServer::start_with(&[&tls[..], &["--save", ""], more].concat()).await;
    (server, format!("127.0.0.1:{port}"))
}

fn files(ca: &Authority) -> TlsFiles {
    TlsFiles { ca: Some(ca.ca()), ..TlsFiles::default() }
}

/// The error of a node that can't connect.
async fn refusal(url: &str, tls: TlsFiles) -> String {
    let config = RedisConfig { tls, ..RedisConfig::of(RedisUrl::parse(url).unwrap()) };
    let (store, _notices) = Redis::open_with(&config, Arc::new(Chance::system())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match store.time_us().await {
            Err(StoreError::Unavailable(why)) if !why.contains("not connected yet") => return why,
            answer => assert!(Instant::now() < deadline, "{answer:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_with_a_right_certificate_is_used_with_messages_and_all() {
    let authority = Authority::new();
    let own = authority.issue("server", "IP:127.0.0.1");
    let (server, address) = tls_server(&authority, &own, &["--tls-auth-clients", "no"]).await;
    let url = RedisUrl::parse(&format!("rediss://{address}/2")).unwrap();
    let config = RedisConfig { tls: files(&authority), ..RedisConfig::of(url) };
    let (store, mut notices) = Redis::open_with(&config, Arc::new(Chance::system())).unwrap();
    let user = user("user1");
    store.subscribe(&user).await.unwrap();
    seated(store.login(&login(&user)).await.unwrap());
    seated(store.login(&login(&user)).await.unwrap());
    assert!(matches!(next(&mut notices).await, Notice::Message(Message::Ended(_))));
    assert!(store.inspect().await.unwrap().faults.is_empty());
    drop(server);
}

#[tokio::test]
async fn a_certificate_of_another_authority_or_for_another_name_is_refused() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.issue("server", "DNS:redis.example,IP:127.0.0.2");
    let (_server, address) = tls_server(&authority, &own, &["--tls-auth-clients", "no"]).await;
    let why = refusal(&format!("rediss://{address}"), files(&other)).await;
    assert!(why.contains("signed by nobody that redis_tls.ca"), "{why}");
    let why = refusal(&format!("rediss://{address}"), files(&authority)).await;
    assert!(why.contains("not for the name that it was reached by"), "{why}");
    let why = refusal(&format!("rediss://{address}"), TlsFiles::default()).await;
    assert!(why.contains("(or the system)"), "the system knows no authority of a test: {why}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_that_is_away() {
    let authority = Authority::new();
    let server = RedisServer::start().await;
    let why = refusal(&format!("rediss://{}", server.address()), files(&authority)).await;
    assert!(why.contains("perhaps it does not speak TLS there"), "{why}");
}

#[tokio::test]
async fn a_node_shows_its_own_certificate_where_one_is_asked_for() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.issue("server", "IP:127.0.0.1");
    let (_server, address) = tls_server(&authority, &own, &["--tls-auth-clients", "yes"]).await;
    let url = format!("rediss://{address}");
    let with =
        |issued: Issued| TlsFiles { cert: Some(issued.cert), key: Some(issued.key), ..files(&authority) };

    let why = refusal(&url, files(&authority)).await;
    assert!(why.contains("asks for a certificate: set redis_tls.cert"), "{why}");
    let why = refusal(&url, with(other.issue("node", "DNS:node"))).await;
    assert!(why.contains("does not accept the certificate of redis_tls.cert"), "{why}");

    let tls = with(authority.issue("node", "DNS:node"));
    let config = RedisConfig { tls, ..RedisConfig::of(RedisUrl::parse(&url).unwrap()) };
    let (store, _notices) = Redis::open_with(&config, Arc::new(Chance::system())).unwrap();
    seated(store.login(&login(&user("user1"))).await.unwrap());
}

#[tokio::test]
async fn a_cluster_is_reached_by_tls_at_every_address() {
    let authority = Authority::new();
    let own = authority.issue("server", "IP:127.0.0.1");
    let more = ["--tls-auth-clients", "no", "--tls-cluster", "yes", "--cluster-enabled", "yes"];
    let (server, address) = tls_server(&authority, &own, &more).await;
    let _: () = server.query(cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16_383)).await.unwrap();
    let url = RedisUrl::parse(&format!("rediss+cluster://{address}")).unwrap();
    let config = RedisConfig { tls: files(&authority), ..RedisConfig::of(url) };
    let (store, _notices) = Redis::open_with(&config, Arc::new(Chance::system())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    // The member waits two seconds before it serves.
    while let Err(error) = store.login(&login(&user("user1"))).await {
        assert!(Instant::now() < deadline, "{error}");
        sleep(Duration::from_millis(50)).await;
    }
    let described = store.inspect().await.unwrap().description;
    assert!(described.ends_with("1 primary, 0 replicas (Cluster)"), "{described}");
}

#[tokio::test]
async fn files_that_are_none_are_refused_by_key_before_anything_starts() {
    let authority = Authority::new();
    let issued = authority.issue("node", "DNS:node");
    let url = RedisUrl::parse("rediss://127.0.0.1:1").unwrap();
    let open = |tls: TlsFiles| {
        let config = RedisConfig { tls, ..RedisConfig::of(url.clone()) };
        Redis::open_with(&config, Arc::new(Chance::system())).err().unwrap().to_string()
    };
    let missing = open(TlsFiles { ca: Some("/nowhere/ca.pem".into()), ..TlsFiles::default() });
    assert!(missing.starts_with("redis_tls.ca can't be read from /nowhere/ca.pem"), "{missing}");
    let key_as_ca = open(TlsFiles { ca: Some(issued.key.clone()), ..TlsFiles::default() });
    assert!(key_as_ca.starts_with("redis_tls.ca must be a PEM file with a CERTIFICATE in it"), "{key_as_ca}");
    let swapped = open(TlsFiles { cert: Some(issued.key), key: Some(issued.cert), ..TlsFiles::default() });
    assert!(swapped.starts_with("redis_tls.cert must be a PEM file"), "{swapped}");
}
