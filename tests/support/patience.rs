//! Waiting for conditions, never for a time.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// Far more than anything here takes on two busy cores; only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The first `Some` that `look` gives.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look).await
}

/// The first `Some` that `look` gives within `limit`, which is part of what is tested.
pub async fn within<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match timeout(PATIENCE, look()).await {
            Ok(Some(found)) => return found,
            Ok(None) if Instant::now() < deadline => sleep(LOOK_EVERY).await,
            Ok(None) => panic!("not within {limit:?}: {what}"),
            Err(_) => panic!("hangs: {what}"),
        }
    }
}

/// What `future` becomes, which has to be soon.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}
