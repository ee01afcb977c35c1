//! What the node says of itself: in memory, because it ends with the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::domain::{NodeId, Timestamp};
use crate::store::Report;

#[derive(Default)]
pub(super) struct Reports(Mutex<BTreeMap<[u8; 8], Said>>);

/// What one node said.
#[derive(Default)]
struct Said {
    at: Timestamp,
    body: String,
    recent: VecDeque<(Timestamp, String)>,
    coarse: VecDeque<(Timestamp, String)>,
}

impl Reports {
    pub(super) fn keep(&self, node: NodeId, now: Timestamp, body: &str, sample: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, said| now.millis_since(said.at) < Report::KEPT_MS);
        while all.len() >= Report::MAX_COUNT && !all.contains_key(node.as_bytes()) {
            let first = all.iter().min_by_key(|(_, said)| said.at).map(|(node, _)| *node);
            first.and_then(|node| all.remove(&node));
        }
        let said = all.entry(*node.as_bytes()).or_default();
        (said.at, said.body) = (now, body.to_owned());
        push(&mut said.recent, now, sample, Report::RECENT);
        let is_due = |(at, _): &(Timestamp, String)| now.millis_since(*at) >= Report::COARSE_EVERY_MS;
        if said.coarse.back().is_none_or(is_due) {
            push(&mut said.coarse, now, sample, Report::COARSE);
        }
    }

    /// Those that spoke last first, as far as their samples are wanted.
    pub(super) fn all(&self, now: Timestamp, with_samples: bool) -> Vec<Report> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = all.iter().filter(|(_, said)| now.millis_since(said.at) < Report::KEPT_MS);
        let mut lately: Vec<_> = lately.collect();
        lately.sort_by_key(|(_, said)| std::cmp::Reverse(said.at));
        let sampled = if with_samples { Report::MAX_SAMPLED } else { 0 };
        let report = |(place, (node, said)): (usize, &(&[u8; 8], &Said))| {
            let samples = |kept: &VecDeque<(Timestamp, String)>| {
                if place < sampled { kept.iter().cloned().collect() } else { Vec::new() }
            };
            Report {
                node: NodeId::from_bytes(**node),
                at: said.at,
                body: said.body.clone(),
                recent: samples(&said.recent),
                coarse: samples(&said.coarse),
            }
        };
        lately.iter().enumerate().map(report).collect()
    }
}

fn push(samples: &mut VecDeque<(Timestamp, String)>, now: Timestamp, sample: &str, most: usize) {
    while samples.len() >= most {
        samples.pop_front();
    }
    samples.push_back((now, sample.to_owned()));
}
