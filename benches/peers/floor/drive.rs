//! Closed loops and their histogram.
//!
//! Each worker does one thing after the other; what it does until the warm-up is over is in no figure. Every single
//! thing has a time limit, and the first that fails ends the run: a floor with errors is none.

use std::time::{Duration, Instant};

use clap::Args;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Nanoseconds to three digits: p99 is compared by ratio, so three are enough.
const DIGITS: u8 = 3;

/// What all of them are told.
#[derive(Args, Debug, Clone, Copy)]
pub struct Load {
    /// Closed loops at once
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,
    #[arg(long, default_value = "2s", value_parser = humantime::parse_duration)]
    pub warm_up: Duration,
}

/// One closed loop.
pub trait Work: Send + 'static {
    /// Does it once and tells how long that took, without what had to be tidied up behind it.
    fn once(&mut self) -> impl Future<Output = Result<Duration, String>> + Send;
}

impl Load {
    /// All workers at once; the report is one line of JSON.
    pub async fn drive<W: Work>(&self, workers: Vec<W>) -> Result<String, String> {
        let from = Instant::now() + self.warm_up;
        let until = from + self.duration;
        let mut running = JoinSet::new();
        for worker in workers {
            running.spawn(work(worker, from, until));
        }
        let mut all = histogram()?;
        while let Some(done) = running.join_next().await {
            all.add(done.map_err(told)??).map_err(told)?;
        }
        Ok(report(&all, self.duration))
    }
}

async fn work<W: Work>(mut worker: W, from: Instant, until: Instant) -> Result<Histogram<u64>, String> {
    let mut histogram = histogram()?;
    loop {
        let took = tokio::time::timeout(TIMEOUT, worker.once()).await.map_err(told)??;
        let now = Instant::now();
        if now >= until {
            return Ok(histogram);
        }
        if now >= from {
            histogram.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)).map_err(told)?;
        }
    }
}

fn histogram() -> Result<Histogram<u64>, String> {
    Histogram::new(DIGITS).map_err(told)
}

/// As `hotseat bench --json` tells its own.
fn report(histogram: &Histogram<u64>, duration: Duration) -> String {
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let at = |quantile| ms(histogram.value_at_quantile(quantile));
    let times = serde_json::json!({
        "count": histogram.len(), "rate_per_s": histogram.len() as f64 / duration.as_secs_f64(),
        "min_ms": ms(histogram.min()), "mean_ms": histogram.mean() / 1e6, "max_ms": ms(histogram.max()),
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "p999_ms": at(0.999),
    });
    serde_json::json!({ "times": { "floor": times }, "error_count": 0 }).to_string()
}

pub fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
