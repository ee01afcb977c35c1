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

use redis_server::RedisServer;

const COUNT: usize = 1_000_000;
const MOST_MICROS: u64 = 5_000;
/// Everything above a tenth of a millisecond is listed, and what a sweep is made of is below that or is counted.
const LISTED_MICROS: u64 = 100;

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
        cpu_micros(&server).await / count as f64
    );
    // Each so long after its own login, by Redis's clock.
    tokio::time::sleep(soon).await;

    server.command(&format!("CONFIG SET slowlog-log-slower-than {LISTED_MICROS}")).await;
    server.command("CONFIG SET slowlog-max-len 100000").await;
    server.command("SLOWLOG RESET").await;
    let used = cpu_micros(&server).await;
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
    let used = cpu_micros(&server).await - used;
    println!(
        "swept {ended} sessions in {rounds} batches, {:.0} ms, {:.0} ms of Redis's processor",
        took.as_secs_f64() * 1e3,
        used / 1e3
    );
    assert_eq!(ended, expiring);
    report("sweep", slow_log(&server).await);

    server.command("SLOWLOG RESET").await;
    let start = Instant::now();
    let census = store.census(1_000, load::GHOST_AFTER_MS).await.expect("a census");
    println!(
        "counted {} and read the newest {} in {:.0} ms",
        census.count,
        census.newest.len(),
        start.elapsed().as_secs_f64() * 1e3
    );
    assert_eq!(census.count as usize, count - expiring);
    report("census", slow_log(&server).await);
}

fn report(what: &str, mut micros: Vec<u64>) {
    micros.sort_unstable();
    let slowest = micros.last().copied().unwrap_or(0);
    println!("{what}: {} commands above {LISTED_MICROS} µs, the slowest {slowest} µs", micros.len());
    assert!(slowest <= MOST_MICROS, "a command held Redis for {slowest} µs");
}

/// How long each command in Redis's slow log took, in microseconds; our own looking at it left out.
async fn slow_log(server: &RedisServer) -> Vec<u64> {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let mut get = redis::cmd("SLOWLOG");
    let entries: Vec<redis::Value> =
        get.arg("GET").arg(-1).query_async(&mut connection).await.expect("the slow log");
    entries
        .into_iter()
        .filter_map(|entry| {
            // Its number, when, how long, the command and its arguments, who.
            let redis::Value::Array(fields) = entry else { return None };
            let [_, _, redis::Value::Int(micros), redis::Value::Array(command), ..] = fields.as_slice()
            else {
                return None;
            };
            let is_script =
                matches!(command.first(), Some(redis::Value::BulkString(name)) if name.starts_with(b"EVAL"));
            is_script.then(|| micros.cast_unsigned())
        })
        .collect()
}

/// How much of a processor Redis has used, in microseconds.
async fn cpu_micros(server: &RedisServer) -> f64 {
    let info = server.command("INFO cpu").await;
    let used = |name| {
        info.lines().find_map(|line| line.strip_prefix(name)).and_then(|used| used.parse::<f64>().ok())
    };
    (used("used_cpu_user:").unwrap_or(0.0) + used("used_cpu_sys:").unwrap_or(0.0)) * 1e6
}
