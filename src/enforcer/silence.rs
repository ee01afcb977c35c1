//! Whether the store can be used, told once and not with every call that fails.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::store::StoreError;

/// Since when the store has taken no write; says so once in the log, and when it is over.
#[derive(Default)]
pub(super) struct Silence(Mutex<Option<Instant>>);

impl Silence {
    pub fn heard(&self, metrics: &Metrics) {
        let since = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        metrics.store_silence_seconds.set(0.0);
        if let Some(since) = since {
            tracing::info!(after_s = since.elapsed().as_secs(), "the store takes writes again");
        }
    }

    pub fn unheard(&self, metrics: &Metrics, error: &StoreError) {
        let mut since = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if since.is_none() {
            tracing::warn!(%error, "the store takes no writes; sessions are held, logins are refused");
        }
        let since = since.get_or_insert_with(Instant::now);
        metrics.store_silence_seconds.set(since.elapsed().as_secs_f64());
    }
}
