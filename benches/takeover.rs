//! How long a takeover takes across nodes: `cargo bench --bench takeover -- [--topology sentinel] [--takeovers 1000]`.
//!
//! Two nodes, a device with a socket on one, a newer login through the other, again and again, one after the other. The
//! time is the nodes' own (`hotseat_takeover_seconds`), from the store's decision to the end of the write to the older
//! device's socket: nothing of this program is in it, but it shares the machine. Judges nothing.

#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "shared with tests, of which none uses everything"
)]
mod support;

use std::collections::BTreeMap;

use clap::{Parser, ValueEnum};
use support::rig::sign_in;
use support::{Client, Engine, Login, Node, Rig, Socket};

/// Takeovers before the first that counts: scripts are loaded, connections made.
const WARM_UP: usize = 50;
/// In turns, so that a Cluster's members all have their share.
const USERS: usize = 16;
/// What is promised of 99 of a hundred.
const GOAL_S: f64 = 0.001;

#[derive(Parser)]
#[command(about = "How long takeovers across two nodes take")]
struct Wishes {
    #[arg(long, default_value = "single")]
    topology: Topology,
    #[arg(long, default_value_t = 1_000)]
    takeovers: usize,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Topology {
    Single,
    Sentinel,
    Cluster,
}

impl Topology {
    fn engine(self) -> Engine {
        match self {
            Self::Single => Engine::Redis,
            Self::Sentinel => Engine::Sentinel,
            Self::Cluster => Engine::Cluster,
        }
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let wishes = Wishes::parse();
    let rig = Rig::new(wishes.topology.engine()).await;
    // As operators have it: the short intervals of tests would be work that nobody else has.
    let keys = [("renew_interval", "15s"), ("ghost_after", "60s"), ("sweep_interval", "5m")];
    let (one, two) = tokio::join!(rig.node_with(&keys), rig.node_with(&keys));
    let mut devices = Vec::new();
    for user in 0..USERS {
        devices.push(device(&one, &two, &format!("user-{user}")).await);
    }
    take_over([&one, &two], &mut devices, WARM_UP).await;
    let before = took(&[&one, &two]).await;
    take_over([&one, &two], &mut devices, wishes.takeovers).await;
    let after = took(&[&one, &two]).await;
    print_report(wishes.topology, &before, &after);
}

/// A login through one node, a socket on the other.
async fn device(login_on: &Node, socket_on: &Node, user: &str) -> (Login, Socket) {
    let login = sign_in(login_on, user).await;
    let socket = Socket::live(socket_on, &login.token).await;
    (login, socket)
}

/// So many, each by a newer login through the first node; nobody logs in before the older device is out.
async fn take_over([one, two]: [&Node; 2], devices: &mut [(Login, Socket)], count: usize) {
    for turn in 0..count {
        let user = turn % devices.len();
        let newer = sign_in(one, &format!("user-{user}")).await;
        let told = devices[user].1.expect_out("takeover", 4409).await;
        assert_eq!(told["by"]["session_id"], newer.id.as_str(), "another one took it over");
        let socket = Socket::live(two, &newer.token).await;
        devices[user] = (newer, socket);
    }
}

/// How many of the takeovers that the nodes have seen took at most so many seconds, by the bound as it is printed.
async fn took(nodes: &[&Node]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for node in nodes {
        let metrics = Client::stranger(node).get("/metrics").await;
        metrics.expect_text(200);
        for line in metrics.text.lines() {
            let Some(bucket) = line.strip_prefix("hotseat_takeover_seconds_bucket{le=\"") else { continue };
            let (bound, count) = bucket.split_once("\"} ").expect("a bucket");
            // An exemplar may follow.
            let count: u64 = count.split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
            *counts.entry(bound.to_owned()).or_default() += count;
        }
    }
    counts
}

fn print_report(topology: Topology, before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) {
    let seconds = |bound: &str| bound.parse::<f64>().unwrap_or(f64::INFINITY);
    let mut buckets: Vec<(f64, u64)> = after
        .iter()
        .map(|(bound, count)| (seconds(bound), count - before.get(bound).unwrap_or(&0)))
        .collect();
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all = buckets.last().map_or(0, |(_, count)| *count);
    let within = |goal: f64| buckets.iter().find(|(bound, _)| *bound >= goal).map_or(0, |(_, count)| *count);
    // The smallest bucket that has so many of a hundred: the true value is at most its bound.
    let percentile = |percent: u64| {
        let bucket = buckets.iter().find(|(_, count)| count * 100 >= all * percent && all > 0);
        bucket.map_or_else(|| "?".to_owned(), |(bound, _)| ms(*bound))
    };
    println!("{topology:?}: {all} takeovers, {} within 1 ms", within(GOAL_S));
    println!("p50 at most {}, p99 at most {}", percentile(50), percentile(99));
    let shown: Vec<_> = buckets.iter().filter(|(_, count)| *count > 0).collect();
    let end = shown.iter().position(|(_, count)| *count == all).map_or(0, |last| last + 1);
    let row = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    let shown = &shown[..end];
    let heads = shown.iter().map(|(bound, _)| ms(*bound));
    row(std::iter::once("at most".to_owned()).chain(heads).collect());
    row(vec!["---".to_owned(); shown.len() + 1]);
    row(std::iter::once(format!("of {all}"))
        .chain(shown.iter().map(|(_, count)| count.to_string()))
        .collect());
}

/// A bound as it was set, without what binary fractions add.
fn ms(seconds: f64) -> String {
    format!("{} ms", (seconds * 1e5).round() / 100.0)
}
