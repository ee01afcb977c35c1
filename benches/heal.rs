//! How long a node takes to tell its store again: `cargo bench --bench heal`.
//!
//! Two logins of each of 2,000 users, so 2,000 logins and 2,000 ends that the node remembers. Then Redis is restarted,
//! from a file that has them all, and after that emptied. The time is the node's own (`hotseat_heal_seconds`), from its
//! notice to the end; nobody is connected, so the check of connected sessions, which is spread over a second, is not in
//! it. Judges nothing. Another number of users may follow: `-- 10000`.

mod load;
#[path = "../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "shared with tests, of which none uses everything"
)]
mod support;

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use support::rig::sign_in;
use support::{Client, Node, Rig, within};

const USERS: usize = 2_000;
const IN_FLIGHT: usize = 16;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main(worker_threads = 2)]
async fn main() {
    let users = load::count_or(USERS);
    let mut rig = Rig::redis().await;
    let mut node = rig.node_with(&[("renew_interval", "1s"), ("ghost_after", "60s")]).await;
    let begun = Instant::now();
    let logins = (0..users).flat_map(|user| [user, user]);
    stream::iter(logins)
        .for_each_concurrent(IN_FLIGHT, async |user| drop(sign_in(&node, &format!("user-{user}")).await))
        .await;
    println!("{} logins in {:.1} s", 2 * users, begun.elapsed().as_secs_f64());

    rig.server().kill();
    rig.server().restart().await;
    let first = report(&node, "restarted, and has forgotten nothing", Told::default()).await;
    node.wait_until_ready().await;
    rig.server().command("FLUSHALL").await;
    report(&node, "emptied", first).await;
}

/// What the node says of its heals.
#[derive(Default)]
struct Told {
    heals: f64,
    seconds: f64,
    sessions: f64,
}

/// Waits for the end of the next heal, and says how long it took.
async fn report(node: &Node, what: &str, before: Told) -> Told {
    let after = within(PATIENCE, "the node has told the store again", async || {
        Some(Told::read(node).await).filter(|now| now.heals > before.heals)
    })
    .await;
    let (took, told) = (after.seconds - before.seconds, after.sessions - before.sessions);
    println!("{what}: healed after {took:.2} s, {told} sessions were told");
    after
}

impl Told {
    async fn read(node: &Node) -> Self {
        let metrics = Client::stranger(node).get("/metrics").await;
        let total = |name: &str| {
            let lines = metrics.text.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
        };
        Self {
            heals: total("hotseat_heal_seconds_count"),
            seconds: total("hotseat_heal_seconds_sum"),
            sessions: total("hotseat_sessions_restored_total"),
        }
    }
}
