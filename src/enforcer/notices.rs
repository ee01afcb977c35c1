//! The fast route to an eviction: from the store's messages to the sockets, and what follows when some were lost.
//!
//! Never waits for the store: a message is in the mailboxes of its sockets before the next one is looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use crate::domain::{Generation, NodeId, Timestamp, Tombstone, UserId};
use crate::hub::Eviction;
use crate::store::{Ended, EndedSession, Message, Notice};

impl Enforcer {
    /// Brings the store's notices to the sockets until `shutdown`, or until the store is closed.
    pub async fn run_notices(
        self: Arc<Self>,
        mut notices: mpsc::Receiver<Notice>,
        shutdown: CancellationToken,
    ) {
        self.metrics.pubsub_connected.set(1);
        while let Some(Some(notice)) = shutdown.run_until_cancelled(notices.recv()).await {
            match notice {
                Notice::Message(Message::Ended(ended)) => self.on_ended(&ended),
                Notice::Message(Message::Ack { user, generation, node }) => {
                    self.on_acknowledged(&user, generation, &node);
                }
                Notice::Gap { connected } => self.on_gap(connected),
                Notice::Failover(partitions) => self.on_failover(&partitions),
            }
        }
    }

    fn on_ended(self: &Arc<Self>, ended: &Ended) {
        self.note_generation(ended.generation);
        // Dropped when the last connection has been told, or here if there is none.
        let acknowledgement = ended.confirm.then(|| Arc::new(Acknowledgement::new(self, ended)));
        for &EndedSession(id, reason, at_ms) in &ended.sessions {
            let end = Tombstone { reason, at: Timestamp::from_millis(at_ms), by: ended.by.clone() };
            self.note_end_of(id, &end);
            let (enforcer, at_us) = (Arc::clone(self), ended.at_us);
            let on_written = move || {
                let took_us = enforcer.clock.now_us().saturating_sub(at_us);
                #[expect(clippy::cast_precision_loss, reason = "a latency in µs is far below 2^52")]
                enforcer.metrics.takeover_seconds.observe(took_us as f64 / 1e6);
            };
            let acknowledgement = acknowledgement.clone();
            self.hub.evict(
                id,
                &Arc::new(Eviction {
                    end,
                    on_written: Some(Box::new(on_written)),
                    on_delivered: acknowledgement.map(|acknowledgement| -> Box<dyn FnOnce() + Send + Sync> {
                        Box::new(move || drop(acknowledgement))
                    }),
                }),
            );
        }
    }

    fn on_acknowledged(&self, user: &str, generation: Generation, node: &str) {
        let (Ok(user), Ok(node)) = (UserId::parse("user", user), node.parse::<NodeId>()) else {
            tracing::warn!(user, node, "an acknowledgement that makes no sense");
            return;
        };
        self.confirmations.heard(&user, generation, node);
    }

    fn on_gap(&self, connected: bool) {
        self.channel_whole.store(connected, Ordering::Release);
        self.metrics.pubsub_connected.set(i64::from(connected));
        if connected {
            tracing::info!("messages arrive again; checking every session of this node");
            self.check_all();
        } else {
            self.metrics.pubsub_gaps.inc();
            tracing::warn!("messages may be lost until the store's channel is back");
        }
    }
}

/// Says to the login that waits, when it is dropped: this node has put out what it ended.
struct Acknowledgement {
    enforcer: Arc<Enforcer>,
    user: String,
    generation: Generation,
}

impl Acknowledgement {
    fn new(enforcer: &Arc<Enforcer>, ended: &Ended) -> Self {
        Self { enforcer: Arc::clone(enforcer), user: ended.user.clone(), generation: ended.generation }
    }
}

impl Drop for Acknowledgement {
    fn drop(&mut self) {
        let Ok(user) = UserId::parse("user", &self.user) else { return };
        let (enforcer, generation) = (Arc::clone(&self.enforcer), self.generation);
        tokio::spawn(async move {
            let saying = enforcer.store.acknowledge(&user, generation, enforcer.node);
            if let Err(error) = enforcer.metrics.store_call("acknowledge", saying).await {
                tracing::debug!(%error, "an acknowledgement was lost; its login answers without");
            }
        });
    }
}
