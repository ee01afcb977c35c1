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
        let said = all.entry(*node.as_bytes()).or_default();
        (said.at, said.body) = (now, body.to_owned());
        push(&mut said.recent, now, sample, Report::RECENT);
        let is_due = |(at, _): &(Timestamp, String)| now.millis_since(*at) >= Report::COARSE_EVERY_MS;
        if said.coarse.back().is_none_or(is_due) {
            push(&mut said.coarse, now, sample, Report::COARSE);
        }
    }

    pub(super) fn all(&self, now: Timestamp) -> Vec<Report> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = all.iter().filter(|(_, said)| now.millis_since(said.at) < Report::KEPT_MS);
        lately
            .map(|(node, said)| Report {
                node: NodeId::from_bytes(*node),
                at: said.at,
                body: said.body.clone(),
                recent: said.recent.iter().cloned().collect(),
                coarse: said.coarse.iter().cloned().collect(),
            })
            .collect()
    }
}

fn push(samples: &mut VecDeque<(Timestamp, String)>, now: Timestamp, sample: &str, most: usize) {
    while samples.len() >= most {
        samples.pop_front();
    }
    samples.push_back((now, sample.to_owned()));
}
