//! How long things took: an HDR histogram, and the figures that are told of it.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// In nanoseconds. Below this everything is one value; three digits above it.
const FINEST_NS: u64 = 100;
/// No wait of a client is longer. What were longer would count as this.
const LONGEST_NS: u64 = 120_000_000_000;
const DIGITS: u8 = 3;

/// How long one kind of thing took each time. The percentiles are at most a thousandth wrong.
pub(super) struct Times(Histogram<u64>);

/// The figures. All are 0 where nothing was recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Summary {
    pub count: u64,
    pub rate_per_s: f64,
    pub min_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    pub mean_ms: f64,
}

impl Default for Times {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(FINEST_NS, LONGEST_NS, DIGITS);
        Self(histogram.expect("bounds that do not depend on anything"))
    }
}

impl Times {
    pub fn record(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(ns.clamp(FINEST_NS, LONGEST_NS));
    }

    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the same bounds");
    }

    /// `window`: how long all of it took, for the rate.
    pub fn summary(&self, window: Duration) -> Summary {
        let Self(times) = self;
        if times.is_empty() {
            return Summary::default();
        }
        let at = |quantile| ms(times.value_at_quantile(quantile));
        Summary {
            count: times.len(),
            rate_per_s: per_s(times.len(), window),
            min_ms: ms(times.min()),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(times.max()),
            mean_ms: round(times.mean() / 1e6),
        }
    }
}

/// To the tenth.
pub(super) fn per_s(count: u64, window: Duration) -> f64 {
    let seconds = window.as_secs_f64();
    if seconds > 0.0 { (count as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
}

fn ms(ns: u64) -> f64 {
    round(ns as f64 / 1e6)
}

/// Milliseconds to the tenth of a microsecond: below it is noise.
fn round(ms: f64) -> f64 {
    (ms * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let (mut one, mut other) = (Times::default(), Times::default());
        for us in 1..=500 {
            one.record(Duration::from_micros(us));
            other.record(Duration::from_micros(500 + us));
        }
        one.add(&other);
        let summary = one.summary(Duration::from_secs(2));
        assert_eq!((summary.count, summary.rate_per_s), (1000, 500.0));
        for (found, wanted) in [
            (summary.min_ms, 0.001),
            (summary.p50_ms, 0.5),
            (summary.p90_ms, 0.9),
            (summary.p99_ms, 0.99),
            (summary.p999_ms, 0.999),
            (summary.max_ms, 1.0),
            (summary.mean_ms, 0.5005),
        ] {
            assert!((found - wanted).abs() <= wanted * 0.002, "{found} is not {wanted}");
        }
    }

    #[test]
    fn nothing_recorded_is_nothing_told_and_no_time_is_out_of_bounds() {
        assert_eq!(Times::default().summary(Duration::ZERO), Summary::default());
        let mut times = Times::default();
        times.record(Duration::ZERO);
        times.record(Duration::from_secs(1_000_000));
        let summary = times.summary(Duration::from_secs(1));
        assert_eq!((summary.count, summary.min_ms), (2, 0.0001));
        assert!((summary.max_ms - 120_000.0).abs() < 120.0, "{summary:?}");
    }
}
