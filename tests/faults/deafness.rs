//! Whether the nodes heard nothing, by their own account: what the wires say that they have swallowed is not believed
//! alone.
//!
//! A node measures the way of each takeover that a message has told it of, and counts what a renewal had to find. While
//! all messages are lost the first stands still and the second rises.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

/// What was under way when the messages began to be lost has arrived by then, on the busiest of machines.
const ARRIVED_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the nodes have counted, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Sockets that were put out because a message said so.
    pub heard: u64,
    /// Sessions that a renewal found ended, and no message had told of.
    pub found: u64,
}

impl Counts {
    pub async fn read(nodes: &[SocketAddr], http: &reqwest::Client) -> Self {
        let pages = join_all(nodes.iter().map(|node| metrics(*node, http))).await;
        let sum = |name: &str| pages.iter().map(|page| sample(page, name)).sum();
        Self { heard: sum("hotseat_takeover_seconds_count"), found: sum("hotseat_found_by_renewal_total") }
    }

    /// The counts once no message arrives any more.
    pub async fn read_at_rest(nodes: &[SocketAddr], http: &reqwest::Client) -> Self {
        let deadline = Instant::now() + ARRIVED_WITHIN;
        let mut before = Self::read(nodes, http).await;
        loop {
            sleep(LOOK_EVERY).await;
            let now = Self::read(nodes, http).await;
            if now.heard == before.heard || Instant::now() > deadline {
                return now;
            }
            before = now;
        }
    }

    pub fn since(self, before: Self) -> Self {
        // A node that was started again counts from zero; none is where this is asked.
        Self {
            heard: self.heard.saturating_sub(before.heard),
            found: self.found.saturating_sub(before.found),
        }
    }
}

async fn metrics(node: SocketAddr, http: &reqwest::Client) -> String {
    let answer = http.get(format!("http://{node}/metrics")).send().await.expect("a node that runs");
    answer.text().await.expect("its metrics")
}

/// Of a metric without labels.
fn sample(page: &str, name: &str) -> u64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).expect("a metric that every node has")
}
