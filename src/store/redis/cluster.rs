//! The primaries of a Redis Cluster.
//!
//! All known primaries and the servers of the URL are asked; a member that can't be reached makes no difference. If
//! none of them says anything, the replicas are asked: one of them may be the primary by now.

use std::time::Duration;

use redis::Pipeline;

use super::cluster_view::{self, View};
use super::connector::Connector;
use super::finder::Doubts;
use super::layout::{Address, Layout};
use super::witnesses::Witnesses;

/// How many replicas are remembered.
const MOST_REPLICAS: usize = 64;

pub(super) struct Cluster {
    witnesses: Witnesses,
    question: Pipeline,
    tls: bool,
    /// Of the URL; never forgotten.
    named: Vec<Address>,
    primaries: Vec<Address>,
    replicas: Vec<Address>,
}

impl Cluster {
    pub(super) fn new(named: Vec<Address>, tls: bool, connector: &Connector, doubts: Doubts) -> Self {
        let witnesses = Witnesses::new(connector.clone(), None, doubts);
        Self { witnesses, question: question(), tls, named, primaries: Vec::new(), replicas: Vec::new() }
    }

    /// Who owns what, or why that can't be said.
    pub(super) async fn look(&mut self, patience: Duration) -> Result<Layout, String> {
        let mut asked = self.primaries.clone();
        asked.extend(self.named.iter().filter(|named| !self.primaries.contains(named)).cloned());
        let (mut views, mut troubles) = (Vec::new(), Vec::new());
        self.ask(&asked, patience, &mut views, &mut troubles).await;
        if views.is_empty() {
            let replicas: Vec<_> =
                self.replicas.iter().filter(|replica| !asked.contains(replica)).cloned().collect();
            self.ask(&replicas, patience, &mut views, &mut troubles).await;
        }
        let layout = cluster_view::merge(&views).ok_or_else(|| troubles.join("; "))?;
        self.primaries = layout.primaries().to_vec();
        let members = views.into_iter().flat_map(|view| view.members);
        self.replicas = members.filter(|member| !member.is_primary).map(|member| member.address).collect();
        self.replicas.sort_unstable();
        self.replicas.dedup();
        self.replicas.truncate(MOST_REPLICAS);
        Ok(layout)
    }

    async fn ask(
        &mut self,
        servers: &[Address],
        patience: Duration,
        views: &mut Vec<View>,
        troubles: &mut Vec<String>,
    ) {
        for (member, answer) in self.witnesses.ask(servers, &self.question, patience).await {
            match answer.and_then(|answers| View::read(&member, self.tls, answers)) {
                Ok(view) => views.push(view),
                Err(why) => troubles.push(format!("{member}: {why}")),
            }
        }
    }
}

/// What [`View::read`] reads.
pub(super) fn question() -> Pipeline {
    let mut question = Pipeline::new();
    for word in ["INFO", "NODES", "SHARDS"] {
        question.cmd("CLUSTER").arg(word);
    }
    question
}
