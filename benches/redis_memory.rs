//! Bytes of Redis that a session costs, without data, events and channels: `cargo bench --bench redis_memory`.
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

#[tokio::main]
async fn main() {
    let count = load::count_or(COUNT);
    let server = RedisServer::start().await;
    let (store, _notices) = Redis::open(&server.url(), Arc::new(Chance::system())).expect("a URL");
    // The scripts and what the connections need are there before the first measurement.
    load::fill(&store, 0..1, 1).await;
    let before = used_memory(&server).await;
    load::fill(&store, 1..count + 1, 30 * 24 * 3_600_000).await;
    for partition in Partition::all() {
        server.command(&format!("DEL hs:{{{partition}}}:e")).await;
    }
    let used = used_memory(&server).await.saturating_sub(before);
    let each = used / count as u64;
    println!("{count} sessions, {used} bytes of Redis, {each} bytes each");
    assert!(count > COUNT || each <= MOST_BYTES, "more than {MOST_BYTES} bytes a session");
}

async fn used_memory(server: &RedisServer) -> u64 {
    let info = server.command("INFO memory").await;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok()).expect("used_memory in INFO")
}
