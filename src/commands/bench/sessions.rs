//! Sessions of the run's own, many at once, without connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::api::{Api, Session};
use super::fault::Fault;
use super::progress::Progress;
use super::run::{Role, Run};
use crate::commands::client::Failure;

/// Over so many lines.
pub(super) const LINES: usize = 32;

/// One for each of `count` users; fewer only where the run is to stop.
pub(super) async fn make(
    run: &Arc<Run>,
    role: Role,
    count: usize,
    ttl_s: Option<u64>,
) -> Result<Vec<Session>, Failure> {
    let progress = Arc::new(Progress::of("logging in", count));
    let next = Arc::new(AtomicUsize::new(0));
    let mut lines = JoinSet::new();
    for line in 0..LINES.min(count) {
        let (run, next, progress) = (Arc::clone(run), Arc::clone(&next), Arc::clone(&progress));
        lines.spawn(async move {
            let mut api = Api::new(&run, line)?;
            let mut made = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count || run.stop.is_cancelled() {
                    return Ok::<_, Fault>(made);
                }
                made.push(api.login(&run.user(role, number), ttl_s).await?);
                progress.one_more();
            }
        });
    }
    let mut all = Vec::new();
    while let Some(made) = lines.join_next().await {
        let made = made.map_err(|error| Failure::Refused(format!("a line broke: {error}")))?;
        all.extend(made.map_err(|fault| fault.at_start(run))?);
    }
    Ok(all)
}
