//! What it costs Redis to clean: `cargo bench --bench redis_sweep`.
//!
//! One session in a hundred of 1,000,000 expires; all partitions are swept and counted. Fails if any command held
//! Redis for more than 5 ms, by its own slow log, which also counts the time that other programs took from it: run it
//! on a machine that does nothing else. Another number may follow: `-- 100000`.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotseat::chance::Chance;
use hotseat::domain::{NodeId, Partition};
use hotseat::store::Store as _;
use hotseat::store::redis::Redis;

mod load;
#[path = "../tests/support/redis_server.rs"]
mod redis_server;
mod slow_log;

use redis_server::RedisServer;

const COUNT: usize = 1_000_000;

#[tokio::main]
async fn main() {
    let count = load::count_or(COUNT);
    let expiring = count / 100;
    let server = RedisServer::start().await;
    let (store, _notices) = Redis::open(&server.url(), Arc::new(Chance::system())).expect("a URL");
    // The first sweep loads the script; the second has nothing to clean among nothing.
    sweep(&store, &server).await;
    let nothing_of_none = sweep(&store, &server).await;
    fill(&store, &server, 0..count / 10, load::LONG_MS).await;
    let nothing_of_tenth = sweep(&store, &server).await;
    fill(&store, &server, count / 10..count - expiring, load::LONG_MS).await;
    let soon = Duration::from_secs(10) + Duration::from_micros(expiring as u64 * 200);
    fill(&store, &server, count - expiring..count, soon.as_millis() as u64).await;
    // Each so long after its own login, by Redis's clock.
    tokio::time::sleep(soon).await;

    slow_log::begin(&server).await;
    let swept = sweep(&store, &server).await;
    println!("swept {swept}");
    assert_eq!(swept.ended, expiring);
    let slowest_us = slow_log::report("sweep", &slow_log::read(&server).await);
    let nothing_of_many = sweep(&store, &server).await;
    println!("nothing to clean: {nothing_of_none} without sessions");
    println!("  {nothing_of_tenth} with a tenth, {nothing_of_many} with all");

    slow_log::begin(&server).await;
    let start = Instant::now();
    let census = store.census(1_000, load::GHOST_AFTER_MS).await.expect("a census");
    let census_ms = start.elapsed().as_secs_f64() * 1e3;
    println!("counted {} and read the newest {} in {census_ms:.0} ms", census.count, census.newest.len());
    assert_eq!(census.count as usize, count - expiring);
    slow_log::report("census", &slow_log::read(&server).await);
    if load::wants_json() {
        let told = serde_json::json!({
            "sessions": count, "expired": swept.ended, "batches": swept.batches,
            "took_ms": swept.took_ms, "redis_ms": swept.redis_ms, "slowest_us": slowest_us,
            "nothing_of_none_redis_ms": nothing_of_none.redis_ms,
            "nothing_of_tenth_redis_ms": nothing_of_tenth.redis_ms,
            "nothing_of_many_redis_ms": nothing_of_many.redis_ms, "census_ms": census_ms,
        });
        println!("{told}");
    }
}

async fn fill(store: &Arc<Redis>, server: &RedisServer, numbers: Range<usize>, ttl_ms: u64) {
    let (used, count, start) = (slow_log::cpu_micros(server).await, numbers.len(), Instant::now());
    load::fill(store, numbers, ttl_ms).await;
    println!("{count} logins and connections in {:.1} s", start.elapsed().as_secs_f64());
    let each = (slow_log::cpu_micros(server).await - used) / count as f64;
    println!("{each:.0} µs of Redis's processor for a login and its connection");
}

/// One sweep of all partitions.
struct Swept {
    ended: usize,
    batches: usize,
    took_ms: f64,
    redis_ms: f64,
}

impl std::fmt::Display for Swept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ended, batches, took_ms, redis_ms } = self;
        write!(
            f,
            "{ended} sessions in {batches} batches, {took_ms:.0} ms, {redis_ms:.0} ms of Redis's processor"
        )
    }
}

async fn sweep(store: &Arc<Redis>, server: &RedisServer) -> Swept {
    let used = slow_log::cpu_micros(server).await;
    let (start, mut ended, mut batches) = (Instant::now(), 0, 0);
    for partition in Partition::all() {
        loop {
            let swept = store.sweep(partition, NodeId::from_bytes([1; 8])).await.expect("a sweep");
            assert!(swept.ended <= 50);
            (ended, batches) = (ended + swept.ended as usize, batches + 1);
            if !swept.more {
                break;
            }
        }
    }
    let took_ms = start.elapsed().as_secs_f64() * 1e3;
    let redis_ms = (slow_log::cpu_micros(server).await - used) / 1e3;
    Swept { ended, batches, took_ms, redis_ms }
}
