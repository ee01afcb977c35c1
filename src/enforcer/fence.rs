//! `on_store_loss`: whether a node that is cut off from the store keeps its connections, and for how long.
//!
//! The store's word is a write that it took, everywhere: the smaller side of a split network answers reads for as long as
//! the split lasts, and knows nothing of the logins on the other side. A login or a renewal that went well is no such
//! word: it is one primary's, and of a Cluster another may be away.
//!
//! Invariants: with `fence`, no connection outlives the store's last word by more than `fence_after`; a fenced node
//! vouches for nobody, in its checks neither.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use crate::config::OnStoreLoss;
use crate::hub::Command;
use crate::protocol::CloseCode;
use crate::store::StoreError;

/// How often in `fence_after` the store is asked whether it takes writes.
const LOOKS: u32 = 20;

impl Enforcer {
    /// With `on_store_loss = "fence"`: closes every connection of this node (1013) when the store has taken no write
    /// for `fence_after`, and takes none until it does again. Cut off from the truth, the node cannot know who
    /// lost a seat. With `hold` it returns at once: connections stay for as long as the store is away.
    ///
    /// It falls one look early rather than late, so `fence_after` is a bound.
    pub async fn run_fence(self: Arc<Self>, shutdown: CancellationToken) {
        if self.config.on_store_loss == OnStoreLoss::Hold {
            return;
        }
        let look = self.config.fence_after / LOOKS;
        let mut looks = interval(look);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
            let asked = Instant::now();
            if self.answers_within(look).await {
                // What the store knew when it was asked, not when the answer came.
                heard = asked;
                self.lift();
            } else if heard.elapsed() + 2 * look >= self.config.fence_after {
                self.fall();
            }
        }
    }

    /// Whether connections are kept out because the store is away.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    /// # Errors
    /// That the node is fenced.
    pub(super) fn may_vouch(&self) -> Result<(), StoreError> {
        match self.is_fenced() {
            true => Err(StoreError::Unavailable("the node is fenced".to_owned())),
            false => Ok(()),
        }
    }

    async fn answers_within(&self, bound: Duration) -> bool {
        matches!(timeout(bound, self.store.time_us()).await, Ok(Ok(_)))
    }

    fn fall(&self) {
        if !self.fenced.swap(true, Ordering::AcqRel) {
            self.metrics.fenced.set(1);
            tracing::warn!(
                connections = self.hub.len(),
                "the store is away for too long; closing every connection"
            );
        }
        // Again at each look: who was on the way in when the fence fell is out with the next.
        self.hub.send_all(|| Command::Close(CloseCode::STORE_LOST));
    }

    fn lift(&self) {
        if self.fenced.swap(false, Ordering::AcqRel) {
            self.metrics.fenced.set(0);
            tracing::info!("the store answers again; connections are taken again");
        }
    }
}
