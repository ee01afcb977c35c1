use std::sync::Arc;

use tokio::sync::mpsc;

use super::embedded::{Embedded, SystemClock};
use super::{Notice, Store};
use crate::config::StoreUrl;

/// Why a store can't be opened at all; trying again will not help.
#[derive(Debug, thiserror::Error)]
#[error("store: {0}")]
pub struct OpenError(pub String);

/// Opens the store that the operator chose. A Redis that is away is no error: the engine keeps trying, and its
/// operations are `Unavailable` until it is there.
///
/// # Errors
/// The directory can't be used or is another node's; the URL is not one.
pub async fn open(url: &StoreUrl) -> Result<(Arc<dyn Store>, mpsc::Receiver<Notice>), OpenError> {
    match url {
        StoreUrl::Embedded(dir) => {
            let dir = dir.clone();
            // Reads the whole directory into memory.
            let opening = tokio::task::spawn_blocking(move || Embedded::open(&dir, SystemClock));
            let opened = opening.await.map_err(|error| OpenError(error.to_string()))?;
            let (store, notices) = opened.map_err(|error| OpenError(error.to_string()))?;
            Ok((store, notices))
        }
        StoreUrl::Redis(_) => Err(OpenError("redis comes with the next slice".to_owned())),
    }
}
