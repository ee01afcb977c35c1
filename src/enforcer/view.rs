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

/// How long a failed count is answered again without asking: those who waited for it do not each ask anew.
const FAILURE_AGE: Duration = Duration::from_secs(1);
/// How long a caller waits for the count of another.
const PATIENCE: Duration = Duration::from_secs(10);

/// The last count; one reader at a time asks the store.
#[derive(Default)]
pub(super) struct ActiveView(Mutex<Option<Counted>>);

enum Counted {
    /// With the moment when the count began.
    Well(Instant, Arc<Census>),
    /// With the moment when it failed, which may be long after it began.
    Badly(Instant, StoreError),
}

impl Enforcer {
    /// The exact count of live sessions and the 1,000 newest, at most 5 s old.
    ///
    /// # Errors
    /// The store's; an older view is never shown instead.
    pub async fn active_sessions(&self) -> Result<Arc<Census>, StoreError> {
        let waiting = tokio::time::timeout(PATIENCE, self.active.0.lock()).await;
        let busy = |_| StoreError::Unavailable("the sessions are being counted".to_owned());
        let mut view = waiting.map_err(busy)?;
        match &*view {
            Some(Counted::Well(at, census)) if at.elapsed() < MAX_AGE => return Ok(Arc::clone(census)),
            Some(Counted::Badly(at, error)) if at.elapsed() < FAILURE_AGE => return Err(error.clone()),
            _ => {}
        }
        let began = Instant::now();
        let counting = self.store.census(NEWEST, self.ghost_after_ms());
        match self.metrics.store_call("census", counting).await {
            Ok(census) => {
                self.metrics.counted(census.count);
                let census = Arc::new(census);
                *view = Some(Counted::Well(began, Arc::clone(&census)));
                Ok(census)
            }
            Err(error) => {
                *view = Some(Counted::Badly(Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}
