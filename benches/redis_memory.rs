//! Bytes of Redis that a session costs, without data: `cargo bench --bench redis_memory`. What its event, its tombstone
//! and a node's subscription to its user cost is told apart.
//!
//! Fails above 600 bytes at 100,000 sessions. Another number may follow: `-- 400000`.

use std::sync::Arc;

use hotseat::chance::Chance;
use hotseat::domain::Partition;
use hotseat::store::redis::Redis;

mod load;
#[path = "../tests/support/redis_server.rs"]
mod redis_server;

use redis_server::RedisServer;

const MOST_BYTES: u64 = 600;
const COUNT: usize = 100_000;
const CHANNELS: u64 = 10_000;

#[tokio::main]
async fn main() {
    let count = load::count_or(COUNT);
    let server = RedisServer::start().await;
    let (store, _notices) = Redis::open(&server.url(), Arc::new(Chance::system())).expect("a URL");
    // The scripts and what the connections need are there before the first measurement.
    load::fill(&store, 0..1, 1).await;
    let before = used_memory(&server).await;
    load::fill(&store, 1..count + 1, load::LONG_MS).await;
    let events = forget_events(&server).await / count as u64;
    let used = used_memory(&server).await.saturating_sub(before);
    let each = used / count as u64;
    println!("{count} sessions, {used} bytes of Redis, {each} bytes each; {events} bytes of events each");
    assert!(
        count > COUNT || each <= MOST_BYTES || load::wants_json(),
        "more than {MOST_BYTES} bytes a session"
    );

    // The same users again, and one more: each older session leaves its tombstone.
    load::fill(&store, 0..count + 1, load::LONG_MS).await;
    forget_events(&server).await;
    let tombstone = used_memory(&server).await.saturating_sub(before + used) / count as u64;
    let channel = channel_bytes(&server).await;
    println!("{tombstone} bytes a tombstone, {channel} bytes a channel");
    if load::wants_json() {
        let told = serde_json::json!({
            "sessions": count, "bytes_per_session": each, "bytes_per_event": events,
            "bytes_per_tombstone": tombstone, "bytes_per_channel": channel,
        });
        println!("{told}");
    }
}

/// Deletes the log; answers how many bytes that were.
async fn forget_events(server: &RedisServer) -> u64 {
    let before = used_memory(server).await;
    for partition in Partition::all() {
        server.command(&format!("DEL hs:{{{partition}}}:e")).await;
    }
    before.saturating_sub(used_memory(server).await)
}

/// What a node's subscription to a user costs.
async fn channel_bytes(server: &RedisServer) -> u64 {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut node = client.get_async_pubsub().await.expect("a connection");
    let before = used_memory(server).await;
    for number in 0..CHANNELS {
        node.subscribe(format!("hs:{{{}}}:u:customer-{number:07}", number % 1_024)).await.expect("a channel");
    }
    used_memory(server).await.saturating_sub(before) / CHANNELS
}

async fn used_memory(server: &RedisServer) -> u64 {
    let info = server.command("INFO memory").await;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok()).expect("used_memory in INFO")
}
