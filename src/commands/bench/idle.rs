//! `hotseat bench idle`: what connections cost that do nothing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::descriptors;
use super::fault::Fault;
use super::process::{Usage, usage};
use super::progress::Progress;
use super::report::{Report, thousandths};
use super::run::Run;
use crate::cli::bench::Idle;
use crate::commands::client::Failure;

/// How many connections are opened at once where nobody says.
pub(super) const OPENERS: usize = 32;
/// Memory that differs by less from one look to the next has settled.
const SETTLED_SHARE: f64 = 0.002;
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks, after which it is taken as it is.
const MAX_LOOKS: usize = 15;

pub(super) async fn idle(run: &Arc<Run>, wishes: &Idle) -> Result<Report, Failure> {
    let (count, openers) = (wishes.connections as usize, wishes.workers as usize);
    descriptors::allow(count + openers)?;
    let at_start = |fault: Fault| fault.at_start(run);
    let before = settle(run, &wishes.pids).await.map_err(at_start)?;
    if before.is_none() && !wishes.pids.is_empty() {
        return Err(Failure::Wrong(
            "--pid names no process, or one that this system tells nothing of".to_owned(),
        ));
    }
    let began = Instant::now();
    let crowd = Crowd::gather(run, count, openers).await?;
    let connecting = began.elapsed();
    let measured = measure(run, wishes).await;
    let live = crowd.live();
    crowd.disperse().await;
    let Idling { settled, cpu_percent, window } = measured.unwrap_or_else(|fault| {
        run.faults().add(fault);
        Idling::default()
    });
    let resident =
        |usage: Option<Usage>| usage.map_or(Value::Null, |usage| thousandths(usage.resident_bytes));
    let each = before.zip(settled).filter(|_| live > 0).map_or(Value::Null, |(before, settled)| {
        thousandths(((settled.resident_bytes - before.resident_bytes) / live as f64).round())
    });
    Ok(Report::new("idle", run.faults().clone())
        .figure("nodes", run.nodes())
        .figure("connections", live)
        .figure("connecting_s", thousandths(connecting.as_secs_f64()))
        .figure("resident_memory_before_bytes", resident(before))
        .figure("resident_memory_bytes", resident(settled))
        .figure("resident_memory_per_connection_bytes", each)
        .figure("duration_s", thousandths(window.as_secs_f64()))
        .figure("idle_cpu_percent", cpu_percent.map_or(Value::Null, thousandths)))
}

#[derive(Default)]
struct Idling {
    settled: Option<Usage>,
    /// Of one core, all processes together.
    cpu_percent: Option<f64>,
    window: Duration,
}

async fn measure(run: &Arc<Run>, wishes: &Idle) -> Result<Idling, Fault> {
    let settled = settle(run, &wishes.pids).await?;
    let began = Instant::now();
    let progress = Progress::during("idling", wishes.duration);
    while began.elapsed() < wishes.duration {
        progress.at(began.elapsed());
        let left = wishes.duration.saturating_sub(began.elapsed());
        if !run.pause(left.min(LOOK_EVERY)).await {
            break;
        }
    }
    let window = began.elapsed();
    let after = usage(run, &wishes.pids).await?;
    let cpu_percent = settled
        .zip(after)
        .map(|(settled, after)| (after.cpu_seconds - settled.cpu_seconds) / window.as_secs_f64() * 100.0);
    Ok(Idling { settled, cpu_percent, window })
}

/// Once the memory has come to rest: what opening took is given back by then.
async fn settle(run: &Arc<Run>, pids: &[u32]) -> Result<Option<Usage>, Fault> {
    let mut last = usage(run, pids).await?;
    for _ in 0..MAX_LOOKS {
        if !run.pause(LOOK_EVERY).await {
            break;
        }
        let now = usage(run, pids).await?;
        let has_settled = last.zip(now).is_none_or(|(last, now)| {
            (now.resident_bytes - last.resident_bytes).abs() <= last.resident_bytes * SETTLED_SHARE
        });
        last = now;
        if has_settled {
            break;
        }
    }
    Ok(last)
}
