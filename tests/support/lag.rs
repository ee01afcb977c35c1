//! How late this machine's timers come: what a busy one takes off every time that is judged.
//!
//! A promise of two seconds is none on a machine that lets a process wait for one of them. The harness sleeps by
//! itself all the while, and what it oversleeps at worst is allowed to everybody, several times over, but never more
//! than [`CAP`]. On a machine that was later still, what came late proves nothing: a run of `tests/faults` is void then,
//! and any other test fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const TICK: Duration = Duration::from_millis(5);
/// What is judged takes several turns of several processes, each of which may be as late.
const TURNS: u32 = 10;
/// The most that is allowed for a busy machine.
const CAP: Duration = Duration::from_secs(1);

pub struct Lag {
    worst_us: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Lag {
    pub fn watch() -> Self {
        let worst_us = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&worst_us);
        let task = tokio::spawn(async move {
            loop {
                let start = Instant::now();
                sleep(TICK).await;
                // A timer counts whole milliseconds.
                let late = start.elapsed().saturating_sub(TICK + Duration::from_millis(1));
                seen.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
        Self { worst_us, task }
    }

    /// What is to be added to every bound.
    pub fn allowance(&self) -> Duration {
        self.lateness().min(CAP)
    }

    /// Whether the machine was later than is allowed for.
    pub fn is_beyond_allowance(&self) -> bool {
        self.lateness() > CAP
    }

    fn lateness(&self) -> Duration {
        Duration::from_micros(self.worst_us.load(Ordering::Relaxed)) * TURNS
    }
}

impl Drop for Lag {
    fn drop(&mut self) {
        self.task.abort();
    }
}
