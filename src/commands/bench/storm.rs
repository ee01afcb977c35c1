//! `hotseat bench storm`: all clients of a node that is killed come back on the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::crowd::Gate;
use super::descriptors;
use super::fault::{Fault, Faults};
use super::progress::Progress;
use super::report::{Report, thousandths};
use super::run::Run;
use super::times::Times;
use crate::cli::bench::Storm;
use crate::commands::client::Failure;

mod client;

use self::client::Client;

/// For how long the node's end is waited for, where somebody else ends it.
const ENDED_WITHIN: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When the time is over a pause may be under way (30 s), and then an attempt: 5 s to connect, 15 s for the handshake and
/// 15 s for the welcome.
const GRACE: Duration = Duration::from_secs(70);

pub(super) async fn storm(run: &Arc<Run>, wishes: &Storm) -> Result<Report, Failure> {
    let count = wishes.connections as usize;
    descriptors::allow(count + wishes.workers as usize)?;
    let storm = Arc::new(Weather::new(run, wishes));
    let gate = Gate { run: Arc::clone(run), count, nodes: 1 };
    let entering = Arc::clone(&storm);
    gate.open(wishes.workers as usize, move |number, token, device| {
        let client = Client { storm: Arc::clone(&entering), number, token };
        entering.clients.spawn(client.live(device));
    })
    .await?;
    if !run.stop.is_cancelled() {
        storm.break_out(wishes.kill).await?;
        storm.watch(count).await;
    }
    storm.leave.cancel();
    storm.clients.close();
    // Each attempt is bounded by itself.
    let _ = timeout(GRACE, storm.clients.wait()).await;
    Ok(storm.report(count))
}

/// What all clients share.
struct Weather {
    run: Arc<Run>,
    clients: TaskTracker,
    leave: CancellationToken,
    within: Duration,
    /// Whether the node's end is wanted by now.
    has_begun: AtomicBool,
    /// The first loss since then.
    began: OnceLock<Instant>,
    /// Of each client that is back: how long after the first loss.
    back: Mutex<Vec<Duration>>,
    /// Clients that will not come back.
    given_up: AtomicUsize,
    attempts: AtomicUsize,
    /// What kept them from it: no errors as long as they are back in the end.
    failures: Mutex<Faults>,
}

impl Weather {
    fn new(run: &Arc<Run>, wishes: &Storm) -> Self {
        Self {
            run: Arc::clone(run),
            clients: TaskTracker::new(),
            leave: CancellationToken::new(),
            within: wishes.within,
            has_begun: AtomicBool::new(false),
            began: OnceLock::new(),
            back: Mutex::default(),
            given_up: AtomicUsize::new(0),
            attempts: AtomicUsize::new(0),
            failures: Mutex::default(),
        }
    }

    /// The end of the first node.
    async fn break_out(&self, kill: Option<i32>) -> Result<(), Failure> {
        if let Some(pid) = kill {
            let gone = |error| Failure::Wrong(format!("--kill {pid}: it can't be killed: {error}"));
            let pid =
                Pid::from_raw(pid).ok_or_else(|| Failure::Wrong("--kill names no process".to_owned()))?;
            self.has_begun.store(true, Ordering::Relaxed);
            kill_process(pid, Signal::KILL).map_err(gone)?;
        } else {
            self.has_begun.store(true, Ordering::Relaxed);
            eprintln!("all are welcome; end {} now", self.run.node(0).base);
        }
        let deadline = Instant::now() + ENDED_WITHIN;
        while self.began.get().is_none() && Instant::now() < deadline {
            if !self.run.pause(LOOK_EVERY).await {
                return Ok(());
            }
        }
        match self.began.get() {
            Some(_) => Ok(()),
            None => Err(Failure::Refused("the first node did not end".to_owned())),
        }
    }

    /// Until all are back or have given up.
    async fn watch(&self, count: usize) {
        let progress = Progress::of("coming back", count);
        let deadline = Instant::now() + self.within + GRACE;
        loop {
            let back = self.back().len();
            progress.is_at(back);
            let is_over = back + self.given_up.load(Ordering::Relaxed) >= count;
            if is_over || Instant::now() >= deadline || !self.run.pause(LOOK_EVERY).await {
                return;
            }
        }
    }

    fn back(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, count: usize) -> Report {
        let mut back = self.back().clone();
        back.sort_unstable();
        let mut times = Times::default();
        back.iter().for_each(|time| times.record(*time));
        let lost = self.run.faults().of(Fault::LoginLost);
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let by_kind = serde_json::to_value(&*failures).unwrap_or(Value::Null);
        let window = back.last().copied().unwrap_or_default();
        let report = Report::new("storm", self.run.faults().clone())
            .figure("nodes", self.run.nodes())
            .figure("connections", count)
            .figure("back", back.len())
            .figure("half_back_s", after(&back, count, 50))
            .figure("p99_back_s", after(&back, count, 99))
            .figure("all_back_s", after(&back, count, 100))
            .figure("logins_lost", lost)
            .figure("attempts", self.attempts.load(Ordering::Relaxed))
            .figure("attempts_failed", by_kind);
        report.times("welcome_again", times.summary(window))
    }
}

/// When so many of a hundred were back, in seconds; null if they never were. Of sorted times.
fn after(back: &[Duration], count: usize, percent: usize) -> Value {
    let needed = (count * percent).div_ceil(100);
    let time = needed.checked_sub(1).and_then(|last| back.get(last));
    time.map_or(Value::Null, |time| thousandths(time.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_back_when_its_last_one_is() {
        let back: Vec<_> = (1..=10).map(Duration::from_secs).collect();
        assert_eq!(after(&back, 10, 50), Value::from(5));
        assert_eq!(after(&back, 10, 99), Value::from(10));
        // One of eleven never came.
        assert_eq!(after(&back, 11, 100), Value::Null);
        assert_eq!(after(&back, 11, 50), Value::from(6));
        assert_eq!(after(&[], 0, 100), Value::Null);
    }
}
