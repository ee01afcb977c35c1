//! One running node. So far it opens the store and waits to be stopped.

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::store::{self, OpenError};

/// Runs until `shutdown`.
///
/// # Errors
/// The store can't be opened.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), OpenError> {
    let (store, _notices) = store::open(&config.store).await?;
    shutdown.cancelled().await;
    store.close().await;
    Ok(())
}
