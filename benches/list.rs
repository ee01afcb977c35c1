//! What it costs to list all sessions: `cargo bench --bench list`.
//!
//! 1,000,000 sessions in Redis and in the embedded store; walks over all of them in pages of 100 and 1,000, and the
//! filters that find few. Fails if a page took more than 20 ms of Redis's processor on average, or a command held it for
//! more than 5 ms by its own slow log, which also counts the time that other programs took from it. Another number may
//! follow: `-- 100000`; and `redis` or `embedded` for one of the two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hotseat::chance::Chance;
use hotseat::domain::{DeviceClass, NodeId};
use hotseat::store::embedded::{Embedded, SystemClock};
use hotseat::store::redis::Redis;
use hotseat::store::{Filter, Place, Store as _, View};

mod load;
#[path = "../tests/support/redis_server.rs"]
mod redis_server;
mod slow_log;

use redis_server::RedisServer;

const COUNT: usize = 1_000_000;
const LONG_MS: u64 = 30 * 24 * 3_600_000;
const MOST_MICROS: f64 = 20_000.0;
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
    load::fill(&store, 0..count, LONG_MS).await;
    println!("embedded, {count} sessions");
    let mut told = Vec::new();
    for (name, filter, limit) in walks(count) {
        let walk = walks_of(&*store, &filter, limit).await;
        println!("{}", walk.told(&name));
        told.push(walk.json(&name));
    }
    store.close().await;
    told
}

async fn redis(count: usize) -> Vec<serde_json::Value> {
    let server = RedisServer::start().await;
    let (store, _notices) = Redis::open(&server.url(), Arc::new(Chance::system())).expect("a URL");
    load::fill(&store, 0..count, LONG_MS).await;
    println!("Redis, {count} sessions");
    slow_log::begin(&server).await;
    let mut told = Vec::new();
    for (name, filter, limit) in walks(count) {
        let used = slow_log::cpu_micros(&server).await;
        let walk = walks_of(&*store, &filter, limit).await;
        let each = (slow_log::cpu_micros(&server).await - used) / walk.pages.len() as f64;
        println!("{}, {:.1} ms of Redis's processor a page", walk.told(&name), each / 1e3);
        assert!(each <= MOST_MICROS || load::wants_json(), "a page took {each} µs of Redis");
        let mut figures = walk.json(&name);
        figures["redis_ms_per_page"] = (each / 1e3).into();
        told.push(figures);
    }
    slow_log::report("list", &slow_log::read(&server).await);
    told
}

fn walks(count: usize) -> Vec<(String, Filter, usize)> {
    let one = Filter { prefix: Some(format!("customer-{:07}", count / 2)), ..Filter::default() };
    let none = Filter { class: Some(DeviceClass::Tv), ..Filter::default() };
    let elsewhere = Filter { node: Some(NodeId::from_bytes([2; 8])), ..Filter::default() };
    vec![
        ("all, 100 a page".to_owned(), Filter::default(), 100),
        ("all, 1,000 a page".to_owned(), Filter::default(), 1_000),
        ("one by the beginning of its user".to_owned(), one, 100),
        ("none of that class".to_owned(), none, 100),
        ("none on that node".to_owned(), elsewhere, 100),
    ]
}

/// How long each page took, and how many sessions were on them.
struct Walk {
    pages: Vec<Duration>,
    found: usize,
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

    /// Of the pages, how long that share of them took at most.
    fn ms(&self, share: f64) -> f64 {
        let mut pages = self.pages.clone();
        pages.sort_unstable();
        pages[((pages.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
    }
}

/// One walk, or several where one is a page: a page costs less than the processor's time can be read to.
async fn walks_of(store: &dyn View, filter: &Filter, limit: usize) -> Walk {
    let mut all = Walk { pages: Vec::new(), found: 0 };
    while all.pages.len() < if filter.prefix.is_some() { SEARCHES } else { 1 } {
        walk(store, filter, limit, &mut all).await;
    }
    all
}

async fn walk(store: &dyn View, filter: &Filter, limit: usize, walk: &mut Walk) {
    let mut after: Option<Place> = None;
    loop {
        let start = Instant::now();
        let page = store.page(filter, limit, after.as_ref(), load::GHOST_AFTER_MS).await.expect("a page");
        walk.pages.push(start.elapsed());
        walk.found += page.sessions.len();
        if page.next.is_none() {
            return;
        }
        after = page.next;
    }
}
