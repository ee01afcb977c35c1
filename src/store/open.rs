//! From the operator's choice to an engine. The one place that knows both.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::embedded::{Embedded, EmbeddedError, SystemClock};
use super::redis::{ConfigError, Redis};
use super::{Engine, Notice};
use crate::chance::Chance;
use crate::config::{RedisConfig, StoreConfig, StoreUrl};

/// Why a store can't be opened at all; trying again will not help.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Says all that its inner error says, which is thus no source: a report of the chain would say it twice.
    #[error("store: {0}")]
    Embedded(EmbeddedError),
    #[error(transparent)]
    Redis(#[from] ConfigError),
    #[error("store: reading it into memory was cut short")]
    Cut,
}

impl From<EmbeddedError> for OpenError {
    fn from(error: EmbeddedError) -> Self {
        Self::Embedded(error)
    }
}

/// Opens the store that the operator chose, for a node that renews so often; `chance` spreads retries. A Redis that is
/// away is no error: the engine keeps trying, and its operations are `Unavailable` until it is there.
///
/// # Errors
/// The directory can't be used or is another node's; the URL is not one.
pub async fn open(
    config: &StoreConfig,
    renew_every: Duration,
    chance: Arc<Chance>,
) -> Result<(Arc<dyn Engine>, mpsc::Receiver<Notice>), OpenError> {
    match &config.url {
        StoreUrl::Embedded(dir) => {
            let (dir, events) = (dir.clone(), config.events);
            // Reads the whole directory into memory.
            let opening = tokio::task::spawn_blocking(move || Embedded::open_with(&dir, SystemClock, events));
            let (store, notices) = opening.await.map_err(|_| OpenError::Cut)??;
            Ok((store, notices))
        }
        StoreUrl::Redis(url) => {
            let config = RedisConfig::for_node(config, url.clone(), renew_every);
            let (store, notices) = Redis::open_with(&config, chance)?;
            Ok((store, notices))
        }
    }
}
