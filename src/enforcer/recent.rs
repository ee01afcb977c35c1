//! What is dear to ask of the store, asked at most once in a while however many administrators look.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Enforcer;
use crate::store::{Census, StoreError};

/// How old the active-session view may be.
const MAX_AGE: Duration = Duration::from_secs(5);
/// How many sessions it shows.
const NEWEST: usize = 1000;

/// How long a failure is answered again without asking: those who waited for the answer do not each ask anew.
const FAILURE_AGE: Duration = Duration::from_secs(1);
/// How long a caller waits for the question of another.
const PATIENCE: Duration = Duration::from_secs(10);

/// The last answer; one caller at a time asks the store.
pub(super) struct Recent<T>(Mutex<Option<Known<T>>>);

enum Known<T> {
    /// With the moment when it was asked.
    Well(Instant, Arc<T>),
    /// With the moment when it failed, which may be long after it was asked.
    Badly(Instant, StoreError),
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Recent<T> {
    /// The last answer if it is no older than that, else a new one. An older one is never given instead.
    ///
    /// # Errors
    /// The question's; and that another caller's takes too long.
    pub async fn get(
        &self,
        max_age: Duration,
        ask: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        let waiting = tokio::time::timeout(PATIENCE, self.0.lock()).await;
        let busy = |_| StoreError::Unavailable("it is being asked already".to_owned());
        let mut known = waiting.map_err(busy)?;
        match &*known {
            Some(Known::Well(at, answer)) if at.elapsed() < max_age => return Ok(Arc::clone(answer)),
            Some(Known::Badly(at, error)) if at.elapsed() < FAILURE_AGE => return Err(error.clone()),
            _ => {}
        }
        let asked = Instant::now();
        match ask.await {
            Ok(answer) => {
                let answer = Arc::new(answer);
                *known = Some(Known::Well(asked, Arc::clone(&answer)));
                Ok(answer)
            }
            Err(error) => {
                *known = Some(Known::Badly(Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

impl Enforcer {
    /// The exact count of live sessions and the 1,000 newest, at most 5 s old.
    ///
    /// # Errors
    /// The store's; an older view is never shown instead.
    pub async fn active_sessions(&self) -> Result<Arc<Census>, StoreError> {
        let counting = async {
            let counting = self.store.census(NEWEST, self.ghost_after_ms());
            let census = self.metrics.store_call("census", counting).await?;
            self.metrics.counted(&census);
            Ok(census)
        };
        self.active.get(MAX_AGE, counting).await
    }
}
