//! The active-session view, counted at most once in 5 s however many administrators look.

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

/// The active-session view with the moment its reading began; one reader at a time asks the store.
#[derive(Default)]
pub(super) struct ActiveView(Mutex<Option<(Instant, Arc<Census>)>>);

impl Enforcer {
    /// The exact count of live sessions and the 1,000 newest, at most 5 s old.
    ///
    /// # Errors
    /// The store's; an older view is never shown instead.
    pub async fn active_sessions(&self) -> Result<Arc<Census>, StoreError> {
        let mut view = self.view.0.lock().await;
        if let Some((at, census)) = view.as_ref().filter(|(at, _)| at.elapsed() < MAX_AGE) {
            tracing::trace!(age_ms = at.elapsed().as_millis(), "the view is fresh");
            return Ok(Arc::clone(census));
        }
        let began = Instant::now();
        let counting = self.store.census(NEWEST, self.ghost_after_ms());
        let census = Arc::new(self.metrics.store_call("census", counting).await?);
        self.metrics.counted(census.count);
        *view = Some((began, Arc::clone(&census)));
        Ok(census)
    }
}
