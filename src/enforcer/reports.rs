//! What this node says of itself every 10 s, for the administrators' view: no node asks another.
//!
//! Owns the two JSON texts that the store keeps without understanding them. Counters only rise while a node runs, so
//! whoever reads two samples has the rate between them, however far apart they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use crate::domain::{NodeId, Reason, Timestamp};
use crate::store::{Report, StoreError};

/// How often a node reports.
const EVERY: Duration = Duration::from_secs(10);
/// How old the figures of all nodes may be: a megabyte for ten nodes, of which a tenth is new after 10 s.
const MAX_AGE: Duration = Duration::from_secs(2);
/// Takeovers between two reports whose times are remembered; of more the first ones stand for all.
const MAX_TIMES: usize = 4096;

/// What a node says of itself. Unknown members are of a newer version and ignored, missing ones of an older.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeReport {
    /// Where it listens.
    pub name: String,
    pub version: String,
    /// By the store's clock.
    pub started_at: Option<Timestamp>,
    pub uptime_s: u64,
    /// When the store last answered a renewal; `None`: never.
    pub last_renewal_at: Option<Timestamp>,
    /// Whether the store's messages arrive.
    pub is_hearing: bool,
    pub store_silence_s: f64,
    pub draining: bool,
    pub fenced: bool,
    /// By reason: sessions that ended through it.
    pub ended: std::collections::BTreeMap<Reason, u64>,
    #[serde(flatten)]
    pub figures: Sample,
}

/// The figures that are plotted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    pub connections: u64,
    /// With a connection on the node.
    pub sessions: u64,
    /// Since it started.
    pub logins: u64,
    /// Since it started.
    pub takeovers: u64,
    /// Of the takeovers that it brought to sockets since the last sample; `None`: there was none.
    pub takeover_p50_us: Option<u32>,
    pub takeover_p99_us: Option<u32>,
}

/// A report as it was read back.
#[derive(Debug, Clone)]
pub struct KnownNode {
    pub node: NodeId,
    pub at: Timestamp,
    /// Whether it has reported lately.
    pub is_alive: bool,
    pub report: NodeReport,
    /// Oldest first.
    pub recent: Vec<(Timestamp, Sample)>,
    pub coarse: Vec<(Timestamp, Sample)>,
}

/// What the reports need to know beside the metrics.
pub(super) struct Chronicle {
    began: Instant,
    /// Milliseconds by the store's clock; 0: not known yet.
    started_at: AtomicU64,
    last_renewal: AtomicU64,
    /// Microseconds from the store's decision to the socket, since the last report.
    takeovers: Mutex<Vec<u32>>,
}

impl Default for Chronicle {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            started_at: AtomicU64::new(0),
            last_renewal: AtomicU64::new(0),
            takeovers: Mutex::default(),
        }
    }
}

impl Chronicle {
    pub fn renewed(&self, at: Timestamp) {
        self.last_renewal.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    pub fn took_over(&self, took_us: u64) {
        let mut times = self.takeovers.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() < MAX_TIMES {
            times.push(u32::try_from(took_us).unwrap_or(u32::MAX));
        }
    }

    fn take_times(&self) -> Vec<u32> {
        let mut times = std::mem::take(&mut *self.takeovers.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_unstable();
        times
    }

    /// When the node started, as far as the store's clock is known.
    fn started_at(&self, now: Timestamp) -> Option<Timestamp> {
        if now.as_millis() > 0 && self.started_at.load(Ordering::Relaxed) == 0 {
            let began = now.minus_millis(super::millis(self.began.elapsed()));
            self.started_at.store(began.as_millis(), Ordering::Relaxed);
        }
        known(&self.started_at)
    }
}

fn known(millis: &AtomicU64) -> Option<Timestamp> {
    Some(millis.load(Ordering::Relaxed)).filter(|millis| *millis > 0).map(Timestamp::from_millis)
}

/// The smallest value that a share of them, in percent, does not exceed.
fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

impl Enforcer {
    /// Reports every 10 s until `shutdown`, and then once more: whoever looks sees the node go.
    pub async fn run_reports(self: Arc<Self>, shutdown: CancellationToken) {
        // Soon after the start, so that a new node is seen; nodes that start together drift apart.
        let mut pause = self.chance.up_to(EVERY / 20);
        while shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            // One that fails is made up for by the next.
            let _ = shutdown.run_until_cancelled(self.report()).await;
            pause = EVERY.mul_f64(0.95) + self.chance.up_to(EVERY / 10);
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), self.report()).await;
    }

    /// Reports now.
    ///
    /// # Errors
    /// The store's.
    pub async fn report(&self) -> Result<(), StoreError> {
        let report = self.describe();
        let text = |value: serde_json::Result<String>| {
            value.map_err(|error| StoreError::Corrupt(format!("a report can't be written: {error}")))
        };
        let body = text(serde_json::to_string(&report))?;
        let sample = text(serde_json::to_string(&report.figures))?;
        let reporting = self.view.report(self.node, &body, &sample);
        self.metrics.store_call("report", reporting).await.inspect_err(|error| {
            tracing::debug!(%error, "a report was lost");
        })
    }

    fn describe(&self) -> NodeReport {
        let times = self.chronicle.take_times();
        let now = self.now();
        NodeReport {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.chronicle.started_at(now),
            uptime_s: self.chronicle.began.elapsed().as_secs(),
            last_renewal_at: known(&self.chronicle.last_renewal),
            is_hearing: self.store.is_hearing(),
            store_silence_s: self.metrics.store_silence_seconds.get(),
            draining: self.is_draining(),
            fenced: self.is_fenced(),
            ended: Reason::ALL
                .into_iter()
                .map(|reason| (reason, self.metrics.ended_so_far(reason)))
                .collect(),
            figures: Sample {
                connections: self.hub.len() as u64,
                sessions: self.hub.session_count() as u64,
                logins: self.metrics.seated_so_far(),
                takeovers: self.metrics.ended_so_far(Reason::Takeover),
                takeover_p50_us: percentile(&times, 50),
                takeover_p99_us: percentile(&times, 99),
            },
        }
    }

    /// What the nodes have last said of themselves, without samples, by their names. What this version can't read is
    /// left out.
    ///
    /// # Errors
    /// The store's.
    pub async fn nodes(&self) -> Result<Vec<KnownNode>, StoreError> {
        self.known_nodes(false).await.map(|(_, nodes)| nodes)
    }

    /// The same with the samples of those that spoke last, and the store's clock; at most 2 s old.
    ///
    /// # Errors
    /// The store's.
    pub async fn figures(&self) -> Result<Arc<(Timestamp, Vec<KnownNode>)>, StoreError> {
        self.reported.get(MAX_AGE, self.known_nodes(true)).await
    }

    async fn known_nodes(&self, with_samples: bool) -> Result<(Timestamp, Vec<KnownNode>), StoreError> {
        let reading = self.view.reports(with_samples);
        let (now, reports) = self.metrics.store_call("reports", reading).await?;
        let mut nodes: Vec<_> = reports.into_iter().map(|report| known_node(now, report)).collect();
        nodes.sort_by(|a, b| (&a.report.name, a.node).cmp(&(&b.report.name, b.node)));
        Ok((now, nodes))
    }
}

fn known_node(now: Timestamp, report: Report) -> KnownNode {
    let samples = |texts: Vec<(Timestamp, String)>| {
        texts.into_iter().filter_map(|(at, text)| Some((at, serde_json::from_str(&text).ok()?))).collect()
    };
    KnownNode {
        node: report.node,
        at: report.at,
        is_alive: now.millis_since(report.at) < 3 * super::millis(EVERY),
        report: serde_json::from_str(&report.body).unwrap_or_default(),
        recent: samples(report.recent),
        coarse: samples(report.coarse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let times: Vec<u32> = (1..=200).collect();
        assert_eq!((percentile(&times, 50), percentile(&times, 99)), (Some(100), Some(198)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99)), (Some(7), Some(7)));
        assert_eq!(percentile(&[], 50), None);
    }

    /// The store keeps them in memory and bounds nothing, and nodes of two versions read each other's.
    #[test]
    fn a_report_is_small_and_bears_members_that_are_unknown_or_missing() {
        let report = NodeReport {
            name: "x".repeat(253),
            ended: Reason::ALL.into_iter().map(|reason| (reason, u64::MAX)).collect(),
            ..NodeReport::default()
        };
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.len() < 2048, "{}", text.len());
        assert_eq!(serde_json::from_str::<NodeReport>(&text).unwrap(), report);
        let other: NodeReport = serde_json::from_str(r#"{"connections": 3, "colour": "red"}"#).unwrap();
        assert_eq!(other.figures.connections, 3);
    }
}
