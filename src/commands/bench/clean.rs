//! Ends the sessions that a run has made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::api::Api;
use super::fault::Fault;
use super::progress::Progress;
use super::run::Run;

/// Lines over which sessions are ended.
const LINES: usize = 16;
/// For all of it: more than a hundred thousand sessions take.
const WITHIN: Duration = Duration::from_secs(120);
/// Failures of one line, after which it gives up.
const MAX_FAILURES: usize = 3;

/// All that can be ended; says on standard error what could not. No failure of the run: what was measured stands.
pub(super) async fn end_all(run: &Arc<Run>) {
    let users: Vec<String> = run.users().collect();
    let all = users.len();
    let task = Arc::new(Task {
        run: Arc::clone(run),
        progress: Progress::of("clearing up", all),
        users,
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
    });
    let mut lines = JoinSet::new();
    for line in 0..LINES.min(all) {
        lines.spawn(Arc::clone(&task).end_some(line));
    }
    // Those that are left at the end are dropped with their set.
    let _ = timeout(WITHIN, async { while lines.join_next().await.is_some() {} }).await;
    let left = all - task.done.load(Ordering::Relaxed).min(all);
    if left > 0 {
        eprintln!(
            "sessions of {left} users {}… may be left; they end as they would without this",
            run.prefix()
        );
    }
}

struct Task {
    run: Arc<Run>,
    users: Vec<String>,
    next: AtomicUsize,
    done: AtomicUsize,
    progress: Progress,
}

impl Task {
    /// Over one line, beginning with its own node: of several one may be away.
    async fn end_some(self: Arc<Self>, line: usize) {
        let mut failures = 0;
        let Ok(mut api) = Api::new(&self.run, line) else { return };
        while let Some(user) = self.users.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            while self.end(&mut api, user).await.is_err() {
                failures += 1;
                let Ok(other) = Api::new(&self.run, line + failures) else { return };
                if failures >= MAX_FAILURES {
                    return;
                }
                api = other;
            }
            self.done.fetch_add(1, Ordering::Relaxed);
            self.progress.one_more();
        }
    }

    async fn end(&self, api: &mut Api, user: &str) -> Result<(), Fault> {
        match api.end_sessions_of(user).await?.status {
            // What Hotseat is compared with does not know the call, and has nothing to clear up.
            200..=299 | 404 | 405 => Ok(()),
            status => Err(Fault::Status(status)),
        }
    }
}
