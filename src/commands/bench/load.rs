//! The closed loop: so many workers, each one turn after the other, first uncounted, then counted.
//!
//! Refuses to know what a turn is. Invariants: what counts began after the warm-up and ended before the end; an error
//! counts whenever it happens, is followed by a pause, and the worker begins anew; the loop ends at its time, or by the
//! run's stop, or because nothing but errors came of it.

use std::array;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fault::Fault;
use super::progress::Progress;
use super::report::{Report, thousandths};
use super::run::Run;
use super::times::{Times, per_s};
use crate::cli::bench::Pace;
use crate::commands::client::Failure;

/// After an error, by chance up to so long: a server that is away is not helped by being asked at once.
const PAUSE: Duration = Duration::from_millis(200);
/// Errors of one worker, one after the other, after which it gives up.
const MAX_IN_A_ROW: u32 = 50;
/// How often the bar moves.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a worker does, with `N` times to tell of each turn.
pub(super) trait Work<const N: usize>: Send + 'static {
    /// Names of the times.
    const TIMES: [&'static str; N];

    /// To where a turn begins, at the start and after an error.
    fn prepare(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Bounded in time.
    fn turn(&mut self) -> impl Future<Output = Result<[Duration; N], Fault>> + Send;
}

/// What came of a load.
pub(super) struct Measured<const N: usize> {
    names: [&'static str; N],
    times: [Times; N],
    /// How long turns counted.
    window: Duration,
    turns: u64,
}

impl<const N: usize> Measured<N> {
    /// Adds to a report what every load tells.
    pub fn tell(&self, report: Report, pace: &Pace) -> Report {
        let report = report
            .figure("workers", pace.workers)
            .figure("warm_up_s", thousandths(pace.warm_up.as_secs_f64()))
            .figure("duration_s", thousandths(self.window.as_secs_f64()))
            .figure("count", self.turns)
            .figure("rate_per_s", per_s(self.turns, self.window));
        let named = self.names.iter().zip(&self.times);
        named.fold(report, |report, (name, times)| report.times(name, times.summary(self.window)))
    }
}

/// When turns count.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
}

/// Runs the load; fails only if a worker can't even begin.
pub(super) async fn run<const N: usize, W: Work<N>>(
    run: &Arc<Run>,
    pace: &Pace,
    workers: Vec<W>,
) -> Result<Measured<N>, Failure> {
    let workers = prepare(run, workers).await?;
    let from = Instant::now() + pace.warm_up;
    let window = Window { from, until: from + pace.duration };
    let mut working = JoinSet::new();
    for worker in workers {
        working.spawn(work(Arc::clone(run), worker, window));
    }
    let watching = tokio::spawn(watch(window));
    let mut times: [Times; N] = array::from_fn(|_| Times::default());
    let mut turns = 0;
    while let Some(done) = working.join_next().await {
        // A worker that panicked has told so, and its turns are missing.
        let Ok((own, count)) = done else {
            run.faults().add(Fault::Strange);
            continue;
        };
        turns += count;
        times.iter_mut().zip(&own).for_each(|(all, own)| all.add(own));
    }
    watching.abort();
    let window = window.until.min(Instant::now()).saturating_duration_since(from);
    Ok(Measured { names: W::TIMES, times, window, turns })
}

/// All of them at once, and all or none.
async fn prepare<const N: usize, W: Work<N>>(run: &Arc<Run>, workers: Vec<W>) -> Result<Vec<W>, Failure> {
    let mut preparing = JoinSet::new();
    for mut worker in workers {
        preparing.spawn(async move { worker.prepare().await.map(|()| worker) });
    }
    let mut ready = Vec::new();
    while let Some(done) = preparing.join_next().await {
        let done = done.map_err(|error| Failure::Refused(format!("a worker broke: {error}")))?;
        ready.push(done.map_err(|fault| fault.at_start(run))?);
    }
    Ok(ready)
}

async fn work<const N: usize, W: Work<N>>(run: Arc<Run>, mut worker: W, window: Window) -> ([Times; N], u64) {
    let mut times: [Times; N] = array::from_fn(|_| Times::default());
    let (mut turns, mut in_a_row) = (0, 0);
    let mut is_ready = true;
    loop {
        let began = Instant::now();
        if began >= window.until || run.stop.is_cancelled() || in_a_row > MAX_IN_A_ROW {
            return (times, turns);
        }
        let outcome =
            if is_ready { worker.turn().await.map(Some) } else { worker.prepare().await.map(|()| None) };
        is_ready = outcome.is_ok();
        match outcome {
            Ok(Some(took)) => {
                in_a_row = 0;
                if began >= window.from && Instant::now() <= window.until {
                    turns += 1;
                    times.iter_mut().zip(took).for_each(|(times, took)| times.record(took));
                }
            }
            Ok(None) => {}
            Err(fault) => {
                in_a_row += 1;
                run.faults().add(fault);
                run.pause(run.chance.up_to(PAUSE)).await;
            }
        }
    }
}

/// Moves the bar.
async fn watch(window: Window) {
    let begin = Instant::now();
    let progress = Progress::during("measuring", window.until - begin);
    while Instant::now() < window.until {
        progress.at(begin.elapsed());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
