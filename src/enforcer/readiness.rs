//! Whether the node can serve, for balancers and whoever else asks.
//!
//! Owns how often the store is asked for it. Anybody may ask, as often as they like, and the question costs the store a
//! write: so an answer is good for a moment, and who comes in that moment is told the same.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Enforcer;
use crate::store::StoreError;

/// How long the store is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// For so long an answer of the store is good.
const FRESH: Duration = Duration::from_millis(250);

/// What the store last said, and when it was asked.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), StoreError>)>>);

impl Enforcer {
    /// Whether the node can serve.
    ///
    /// # Errors
    /// Why not, for people.
    pub async fn ready(&self) -> Result<(), String> {
        if self.is_draining() {
            return Err("the node is going away".to_owned());
        }
        match timeout(PATIENCE, self.takes_writes()).await {
            Ok(Ok(())) if self.is_fenced() => {
                Err("the store was away, and the fence is not lifted yet".to_owned())
            }
            // Nobody can connect before messages arrive.
            Ok(Ok(())) if !self.store.is_hearing() => Err("the store's messages do not arrive".to_owned()),
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        }
    }

    async fn takes_writes(&self) -> Result<(), StoreError> {
        let mut last = self.readiness.0.lock().await;
        if let Some((asked, answer)) = &*last
            && asked.elapsed() < FRESH
        {
            return answer.clone();
        }
        let asked = Instant::now();
        let answer = self.read_clock().await;
        *last = Some((asked, answer.clone()));
        answer
    }
}
