//! `hotseat bench sweep`: sessions that expire, and how long after that they are gone from the store.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::fault::Fault;
use super::progress::Progress;
use super::report::Report;
use super::run::{Role, Run};
use super::scrape::Scrape;
use super::{descriptors, sessions};
use crate::cli::bench::Sweep;
use crate::commands::client::Failure;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the sweepers of all nodes have done.
#[derive(Debug, Clone, Copy, Default)]
struct Swept {
    sessions: f64,
    rounds: f64,
    calls: f64,
    seconds: f64,
}

pub(super) async fn sweep(run: &Arc<Run>, wishes: &Sweep) -> Result<Report, Failure> {
    let ttl_s = wishes.ttl.as_secs();
    if ttl_s == 0 || wishes.ttl.subsec_nanos() > 0 {
        return Err(Failure::Wrong("--ttl must be whole seconds, and one at least".to_owned()));
    }
    descriptors::allow(sessions::LINES)?;
    let before = Swept::read(run).await?;
    let made = sessions::make(run, Role::Fresh, wishes.sessions as usize, Some(ttl_s)).await?.len();
    // The last one was made a moment ago: this is at most that late.
    let expired = Instant::now() + wishes.ttl;
    let (mut half, mut all) = (None, None);
    let progress = Progress::of("sweeping", made);
    let mut done = Swept::default();
    while Instant::now() < expired + wishes.within && all.is_none() && run.pause(LOOK_EVERY).await {
        done = Swept::read(run).await?.since(before);
        progress.is_at(done.sessions as usize);
        let after = Instant::now().saturating_duration_since(expired);
        half = half.or((done.sessions * 2.0 >= made as f64).then_some(after));
        all = (done.sessions >= made as f64).then_some(after);
    }
    if !run.stop.is_cancelled() {
        let left = made as f64 - done.sessions;
        run.faults().add_all(Fault::NotSwept, left.max(0.0) as u64);
    }
    let seconds = |time: Option<Duration>| time.map_or(Value::Null, |time| Value::from(time.as_secs_f64()));
    Ok(Report::new("sweep", run.faults().clone())
        .figure("nodes", run.nodes())
        .figure("sessions", made)
        .figure("ttl_s", ttl_s)
        .figure("half_gone_after_s", seconds(half))
        .figure("all_gone_after_s", seconds(all))
        .figure("swept", done.sessions)
        .figure("sweep_rounds", done.rounds)
        .figure("sweep_calls", done.calls)
        .figure("sweep_calls_s", done.seconds))
}

impl Swept {
    /// Of all nodes that were named.
    async fn read(run: &Arc<Run>) -> Result<Self, Failure> {
        let mut all = Self::default();
        for node in 0..run.nodes() {
            let scrape = Scrape::of(run, node).await.map_err(|fault| fault.at_start(run))?;
            let of = |name, label| scrape.as_ref().and_then(|scrape| scrape.sum(name, label));
            let Some(sessions) = of("hotseat_swept_total", "") else {
                let base = &run.node(node).base;
                return Err(Failure::Refused(format!("{base} does not tell what it sweeps (/metrics)")));
            };
            all.sessions += sessions;
            all.rounds += of("hotseat_sweeps_total", "").unwrap_or_default();
            all.calls += of("hotseat_store_call_seconds_count", "call=\"sweep\"").unwrap_or_default();
            all.seconds += of("hotseat_store_call_seconds_sum", "call=\"sweep\"").unwrap_or_default();
        }
        Ok(all)
    }

    fn since(self, before: Self) -> Self {
        Self {
            sessions: self.sessions - before.sessions,
            rounds: self.rounds - before.rounds,
            calls: self.calls - before.calls,
            seconds: self.seconds - before.seconds,
        }
    }
}
