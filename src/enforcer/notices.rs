//! The fast route to an eviction: from the store's messages to the sockets, and what follows when some were lost.
//!
//! Never waits for the store: a message is in the mailboxes of its sockets before the next one is looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use crate::domain::{Generation, NodeId, Reason, Timestamp, Tombstone, UserId};
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
                Notice::Message(Message::Notice(notification)) => self.on_notification(notification),
                Notice::Gap { connected } => self.on_gap(connected),
                Notice::Failover(partitions) => self.on_failover(&partitions),
            }
        }
    }

    fn on_ended(self: &Arc<Self>, ended: &Ended) {
        self.note_generation(ended.generation);
        // Dropped when the last connection has been told, or here if there is none.
        let user = UserId::parse("user", &ended.user).ok().filter(|_| ended.confirm);
        let acknowledgement = user.map(|user| self.acknowledgement(&user, ended.generation));
        for &EndedSession(id, reason, at_ms) in &ended.sessions {
            let end = Tombstone { reason, at: Timestamp::from_millis(at_ms), by: ended.by.clone() };
            // What follows from it can wait until the sockets are told; that it has ended can't.
            let before = self.cease(id);
            let (enforcer, at_us) = (Arc::clone(self), ended.at_us);
            // What it measures is how fast a newer login gets through; nobody waits for the end of an idle session.
            let is_takeover = matches!(reason, Reason::Takeover | Reason::Replaced);
            let on_written = move || {
                let took_us = enforcer.clock.micros_since(at_us).filter(|_| is_takeover);
                let Some(took_us) = took_us else { return };
                #[expect(clippy::cast_precision_loss, reason = "a latency in µs is far below 2^52")]
                enforcer.metrics.takeover_seconds.observe(took_us as f64 / 1e6);
                enforcer.chronicle.took_over(took_us);
            };
            let eviction = Arc::new(Eviction {
                end,
                on_written: Some(Box::new(on_written)),
                on_delivered: acknowledgement.as_ref().map(on_delivered),
            });
            self.hub.evict(id, &eviction);
            self.remember_end(id, before, &eviction.end);
        }
    }

    /// Is said when the last clone of it is dropped.
    pub(super) fn acknowledgement(
        self: &Arc<Self>,
        user: &UserId,
        generation: Generation,
    ) -> Arc<Acknowledgement> {
        Arc::new(Acknowledgement { enforcer: Arc::clone(self), user: user.clone(), generation })
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
        self.watchers.gap(connected);
        if connected {
            tracing::info!("messages arrive again; checking every session of this node");
            self.check_all();
        } else {
            self.metrics.pubsub_gaps.inc();
            tracing::warn!("messages may be lost until the store's channel is back");
        }
    }
}

/// Called once, when every connection has been told or is gone.
pub(super) type OnDelivered = Box<dyn FnOnce() + Send + Sync>;

/// Keeps an acknowledgement from being said until an eviction is delivered.
pub(super) fn on_delivered(acknowledgement: &Arc<Acknowledgement>) -> OnDelivered {
    let acknowledgement = Arc::clone(acknowledgement);
    Box::new(move || drop(acknowledgement))
}

/// Says to the login that waits, when it is dropped: this node has put out what it ended.
pub(super) struct Acknowledgement {
    enforcer: Arc<Enforcer>,
    user: UserId,
    generation: Generation,
}

impl Drop for Acknowledgement {
    fn drop(&mut self) {
        let (enforcer, user, generation) = (Arc::clone(&self.enforcer), self.user.clone(), self.generation);
        // The login may wait on this very node, and needs no channel to hear of it.
        enforcer.confirmations.heard(&user, generation, enforcer.node);
        tokio::spawn(async move {
            let saying = enforcer.store.acknowledge(&user, generation, enforcer.node);
            if let Err(error) = enforcer.metrics.store_call("acknowledge", saying).await {
                tracing::debug!(%error, "an acknowledgement was lost; its login answers without");
            }
        });
    }
}
