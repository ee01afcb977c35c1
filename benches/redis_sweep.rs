//! What it costs Redis to clean: `cargo bench --bench redis_sweep`.
//!
//! One session in a hundred of 1,000,000 expires; all partitions are swept and counted. Fails if any command held
//! Redis for more than 5 ms, by its own slow log, which also counts the time that other programs took from it: run it
//! on a machine that does nothing else. Another number may follow: `-- 100000`.

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
    let start = Instant::now();
    load::fill(&store, 0..count - expiring, 30 * 24 * 3_600_000).await;
    let soon = Duration::from_secs(10) + Duration::from_micros(expiring as u64 * 200);
    load::fill(&store, count - expiring..count, soon.as_millis() as u64).await;
    println!("{count} logins and connections in {:.1} s", start.elapsed().as_secs_f64());
    println!(
        "{:.0} µs of Redis's processor for a login and its connection",
        slow_log::cpu_micros(&server).await / count as f64
    );
    // Each so long after its own login, by Redis's clock.
    tokio::time::sleep(soon).await;

    slow_log::begin(&server).await;
    let used = slow_log::cpu_micros(&server).await;
    let (start, mut ended, mut rounds) = (Instant::now(), 0, 0);
    for partition in Partition::all() {
        loop {
            let swept = store.sweep(partition, NodeId::from_bytes([1; 8])).await.expect("a sweep");
            assert!(swept.ended <= 50);
            (ended, rounds) = (ended + swept.ended as usize, rounds + 1);
            if !swept.more {
                break;
            }
        }
    }
    let took = start.elapsed();
    let used = slow_log::cpu_micros(&server).await - used;
    println!(
        "swept {ended} sessions in {rounds} batches, {:.0} ms, {:.0} ms of Redis's processor",
        took.as_secs_f64() * 1e3,
        used / 1e3
    );
    assert_eq!(ended, expiring);
    slow_log::report("sweep", slow_log::read(&server).await);

    slow_log::begin(&server).await;
    let start = Instant::now();
    let census = store.census(1_000, load::GHOST_AFTER_MS).await.expect("a census");
    println!(
        "counted {} and read the newest {} in {:.0} ms",
        census.count,
        census.newest.len(),
        start.elapsed().as_secs_f64() * 1e3
    );
    assert_eq!(census.count as usize, count - expiring);
    slow_log::report("census", slow_log::read(&server).await);
}
