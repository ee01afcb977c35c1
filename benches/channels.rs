//! How long a node hears nothing after its connections for messages were cut: `cargo bench --bench channels`.
//!
//! A channel for each of 20,000 users, on one Redis and on a Cluster of three primaries. The connections are killed by
//! the server, several times; the time is from the node's notice that messages may be lost to its notice that every
//! channel is confirmed again, which includes the pause before a new connection (anything up to 50 ms). Fails above two
//! seconds. Another number may follow: `-- 5000`.

use std::sync::Arc;
use std::time::Instant;

use hotseat::chance::Chance;
use hotseat::domain::UserId;
use hotseat::store::redis::Redis;
use hotseat::store::{Notice, Store as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

mod load;
#[path = "../tests/support/redis_cluster.rs"]
mod redis_cluster;
#[path = "../tests/support/redis_server.rs"]
mod redis_server;

use redis_cluster::RedisCluster;
use redis_server::RedisServer;

const USERS: usize = 20_000;
/// Subscribed at once: a wave is confirmed long before its callers lose their patience.
const WAVE: usize = 1_000;
const CUTS: usize = 5;
const LIMIT_S: f64 = 2.0;

#[tokio::main]
async fn main() {
    let users = load::count_or(USERS);
    let server = RedisServer::start().await;
    let single = measure("single", &server.url(), &[&server], users).await;
    let cluster = RedisCluster::start(3).await;
    let members: Vec<_> = (0..cluster.len()).map(|index| cluster.server(index)).collect();
    let clustered = measure("cluster", &cluster.url(), &members, users).await;
    assert!(single.max(clustered) < LIMIT_S, "longer than {LIMIT_S} s");
}

/// The longest of several cuts, in seconds.
async fn measure(topology: &str, url: &str, servers: &[&RedisServer], users: usize) -> f64 {
    let (store, mut notices) = Redis::open(url, Arc::new(Chance::system())).expect("a URL");
    for wave in (0..users).step_by(WAVE) {
        let mut subscribing = JoinSet::new();
        for number in wave..users.min(wave + WAVE) {
            let store = Arc::clone(&store);
            let user = UserId::parse("user_id", &format!("customer-{number:07}")).expect("a user id");
            subscribing.spawn(async move { store.subscribe(&user).await.expect("a subscription") });
        }
        subscribing.join_all().await;
    }
    let mut times = Vec::with_capacity(CUTS);
    for _ in 0..CUTS {
        for server in servers {
            server.command("CLIENT KILL TYPE pubsub").await;
        }
        gap(&mut notices, false).await;
        let cut = Instant::now();
        gap(&mut notices, true).await;
        times.push(cut.elapsed().as_secs_f64());
    }
    let told: Vec<_> = times.iter().map(|time| format!("{time:.2} s")).collect();
    println!("{topology}: {users} channels were heard again after {}", told.join(", "));
    store.close().await;
    times.into_iter().fold(0.0, f64::max)
}

/// Waits for a gap of that kind.
async fn gap(notices: &mut mpsc::Receiver<Notice>, wanted: bool) {
    loop {
        match notices.recv().await.expect("an open store") {
            Notice::Gap { connected } if connected == wanted => return,
            _ => {}
        }
    }
}
