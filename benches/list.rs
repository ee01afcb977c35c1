//! What it costs to list all sessions: `cargo bench --bench list`.
//!
//! 1,000,000 sessions in Redis and in the embedded store; walks over all of them in pages of 100 and 1,000, and the
//! filters that find few. Fails if a walk does not find all that is there, each once; if more than one page in a
//! hundred took more than 20 ms of Redis by its own account, or all of them together more than that of its processor;
//! or if a command held Redis for more than 5 ms by its own slow log. What Redis says of itself also counts the time
//! that other programs took from it. Another number may follow: `-- 100000`; and `redis` or `embedded` for one of the
//! two.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotseat::chance::Chance;
use hotseat::domain::{DeviceClass, NodeId, SessionId};
use hotseat::store::embedded::{Embedded, SystemClock};
use hotseat::store::redis::Redis;
use hotseat::store::{Filter, Place, Store as _, View};

mod load;
#[path = "../tests/support/redis_server.rs"]
mod redis_server;
mod slow_log;

use redis_server::RedisServer;

const COUNT: usize = 1_000_000;
const MOST_MICROS: f64 = 20_000.0;
/// Of a hundred pages so many may take longer: a machine has other things to do as well.
const SPARED_SHARE: f64 = 0.01;
/// How often the search for one is repeated.
const SEARCHES: usize = 50;

#[tokio::main]
async fn main() {
    let count = load::count_or(COUNT);
    let wants = |name: &str| {
        let named = std::env::args().any(|arg| arg == name);
        named || !std::env::args().any(|arg| arg == "redis" || arg == "embedded")
    };
    let mut told = serde_json::Map::new();
    if wants("embedded") {
        told.insert("embedded".to_owned(), embedded(count).await.into());
    }
    if wants("redis") {
        told.insert("redis".to_owned(), redis(count).await.into());
    }
    if load::wants_json() {
        told.insert("sessions".to_owned(), count.into());
        println!("{}", serde_json::Value::Object(told));
    }
}

async fn embedded(count: usize) -> Vec<serde_json::Value> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (store, _notices) = Embedded::open(dir.path(), SystemClock).expect("the store opens");
    load::fill(&store, 0..count, load::LONG_MS).await;
    println!("embedded, {count} sessions");
    let mut told = Vec::new();
    for Wanted { name, filter, limit, expected } in walks(count) {
        let walk = walks_of(&*store, None, &filter, limit).await;
        println!("{}", walk.told(&name));
        walk.judge(&name, expected);
        told.push(walk.json(&name));
    }
    store.close().await;
    told
}

async fn redis(count: usize) -> Vec<serde_json::Value> {
    let server = RedisServer::start().await;
    let (store, _notices) = Redis::open(&server.url(), Arc::new(Chance::system())).expect("a URL");
    load::fill(&store, 0..count, load::LONG_MS).await;
    println!("Redis, {count} sessions");
    slow_log::begin(&server).await;
    let mut told = Vec::new();
    for Wanted { name, filter, limit, expected } in walks(count) {
        let used = slow_log::cpu_micros(&server).await;
        let walk = walks_of(&*store, Some(&server), &filter, limit).await;
        let each = (slow_log::cpu_micros(&server).await - used) / walk.pages.len() as f64;
        println!("{}, {:.1} ms of Redis's processor a page", walk.told(&name), each / 1e3);
        walk.judge(&name, expected);
        assert!(each <= MOST_MICROS || load::wants_json(), "a page took {each} µs of Redis");
        let mut figures = walk.json(&name);
        figures["redis_ms_per_page"] = (each / 1e3).into();
        figures["redis_ms_p99"] = (share_of(&walk.redis_micros, 0.99) / 1e3).into();
        figures["redis_ms_max"] = (share_of(&walk.redis_micros, 1.0) / 1e3).into();
        told.push(figures);
    }
    slow_log::report("list", &slow_log::read(&server).await);
    told
}

/// A walk, and how many sessions it has to find.
struct Wanted {
    name: String,
    filter: Filter,
    limit: usize,
    expected: usize,
}

fn walks(count: usize) -> Vec<Wanted> {
    let one = Filter { prefix: Some(format!("customer-{:07}", count / 2)), ..Filter::default() };
    let none = Filter { class: Some(DeviceClass::Tv), ..Filter::default() };
    let elsewhere = Filter { node: Some(NodeId::from_bytes([2; 8])), ..Filter::default() };
    let wanted =
        |name: &str, filter, limit, expected| Wanted { name: name.to_owned(), filter, limit, expected };
    vec![
        wanted("all, 100 a page", Filter::default(), 100, count),
        wanted("all, 1,000 a page", Filter::default(), 1_000, count),
        wanted("one by the beginning of its user", one, 100, 1),
        wanted("none of that class", none, 100, 0),
        wanted("none on that node", elsewhere, 100, 0),
    ]
}

/// How long each page took, all in all and of Redis, and which sessions were on them.
#[derive(Default)]
struct Walk {
    pages: Vec<Duration>,
    redis_micros: Vec<f64>,
    found: usize,
    different: HashSet<SessionId>,
}

impl Walk {
    fn told(&self, name: &str) -> String {
        let (pages, found) = (self.pages.len(), self.found);
        format!(
            "{name}: {pages} pages, {found} found, p50 {:.1} ms, p99 {:.1} ms",
            self.ms(0.5),
            self.ms(0.99)
        )
    }

    fn json(&self, name: &str) -> serde_json::Value {
        let (pages, found) = (self.pages.len(), self.found);
        serde_json::json!({
            "walk": name, "pages": pages, "found": found, "p50_ms": self.ms(0.5), "p99_ms": self.ms(0.99),
        })
    }

    /// Fails where it did not find all, each once, or where too many pages took too long.
    fn judge(&self, name: &str, expected: usize) {
        assert_eq!(self.different.len(), expected, "{name}: found");
        let walks = if expected == 1 { SEARCHES } else { 1 };
        assert_eq!(self.found, expected * walks, "{name}: found, counting twice what came twice");
        let long = self.redis_micros.iter().filter(|micros| **micros > MOST_MICROS).count();
        let spared = (self.redis_micros.len() as f64 * SPARED_SHARE).ceil() as usize;
        let slowest = share_of(&self.redis_micros, 1.0);
        println!("  {long} of them took more than 20 ms of Redis, the longest {:.1} ms", slowest / 1e3);
        assert!(long <= spared || load::wants_json(), "{name}: {long} pages took more than 20 ms of Redis");
    }

    /// Of the pages, how long that share of them took at most.
    fn ms(&self, share: f64) -> f64 {
        let pages: Vec<f64> = self.pages.iter().map(Duration::as_secs_f64).collect();
        share_of(&pages, share) * 1e3
    }
}

/// What that share of the figures does not exceed, by the nearest rank; 0 of none.
fn share_of(figures: &[f64], share: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_unstable_by(f64::total_cmp);
    let rank = (figures.len() as f64 * share).ceil() as usize;
    figures.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}

/// One walk, or several where one is a page: a page costs less than the processor's time can be read to.
async fn walks_of(store: &dyn View, server: Option<&RedisServer>, filter: &Filter, limit: usize) -> Walk {
    let mut all = Walk::default();
    for _ in 0..if filter.prefix.is_some() { SEARCHES } else { 1 } {
        walk(store, server, filter, limit, &mut all).await;
    }
    all
}

async fn walk(
    store: &dyn View,
    server: Option<&RedisServer>,
    filter: &Filter,
    limit: usize,
    walk: &mut Walk,
) {
    let mut after: Option<Place> = None;
    // A plain command asks the partitions first, which the script calls as well: a little is counted twice.
    let commands = &["evalsha", "eval", "zrangebylex"];
    let used = async || match server {
        Some(server) => slow_log::command_micros(server, commands).await,
        None => 0.0,
    };
    loop {
        let (used_before, start) = (used().await, Instant::now());
        let page = store.page(filter, limit, after.as_ref(), load::GHOST_AFTER_MS).await.expect("a page");
        walk.pages.push(start.elapsed());
        if server.is_some() {
            walk.redis_micros.push(used().await - used_before);
        }
        walk.found += page.sessions.len();
        walk.different.extend(page.sessions.iter().map(|record| record.session.id));
        if page.next.is_none() {
            return;
        }
        after = page.next;
    }
}
