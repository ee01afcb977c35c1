use std::sync::Arc;

use tokio::sync::mpsc;

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
    Err(OpenError(format!("{url:?}")))
}
