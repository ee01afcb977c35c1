//! What a run found: tables for people, one JSON object for programs. The same figures in both.

use std::io::{IsTerminal as _, Write as _};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

use super::fault::Faults;
use super::times::Summary;
use crate::commands::client::Failure;
use crate::commands::client::table::{Column, Table};

/// Figures by name; their units are in the names.
pub(super) struct Report {
    /// Which load it was.
    pub bench: &'static str,
    pub figures: Vec<(&'static str, Value)>,
    pub times: Vec<(&'static str, Summary)>,
    pub faults: Faults,
    is_interrupted: bool,
}

impl Report {
    pub fn new(bench: &'static str, faults: Faults) -> Self {
        Self { bench, figures: Vec::new(), times: Vec::new(), faults, is_interrupted: false }
    }

    pub fn figure(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.figures.push((name, value.into()));
        self
    }

    pub fn times(mut self, name: &'static str, summary: Summary) -> Self {
        self.times.push((name, summary));
        self
    }

    pub fn interrupted(mut self, is_interrupted: bool) -> Self {
        self.is_interrupted = is_interrupted;
        self
    }

    /// Whether nothing went wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.count() == 0
    }

    pub fn print(&self, is_json: bool) -> Result<(), Failure> {
        let text = if is_json {
            let text = serde_json::to_string(self);
            text.map_err(|error| Failure::Refused(format!("the report can't be written: {error}")))?
        } else {
            self.tables()
        };
        Ok(writeln!(std::io::stdout(), "{text}")?)
    }

    fn tables(&self) -> String {
        let mut lines = Vec::new();
        let room = if std::io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
        let room = room.map(|(width, _)| usize::from(width.0));
        if !self.times.is_empty() {
            let rows: Vec<_> = self.times.iter().map(|(name, summary)| cells(name, summary)).collect();
            let mut table = Table::new(TIMES, room, false);
            table.fit(&rows);
            lines.push(table.heading());
            lines.extend(rows.iter().map(|row| table.row(row)));
            lines.push(String::new());
        }
        let mut rows = vec![vec!["bench".to_owned(), self.bench.to_owned()]];
        rows.extend(self.figures.iter().map(|(name, value)| vec![(*name).to_owned(), plain(value)]));
        rows.extend(self.faults.iter().map(|(kind, count)| vec![format!("error {kind}"), count.to_string()]));
        rows.push(vec!["errors".to_owned(), self.faults.count().to_string()]);
        if self.is_interrupted {
            rows.push(vec!["interrupted".to_owned(), "yes".to_owned()]);
        }
        let mut table = Table::new(FIGURES, room, false);
        table.fit(&rows);
        lines.extend(rows.iter().map(|row| table.row(row)));
        lines.join("\n")
    }
}

/// A number as it is told: nothing measured here is better than that.
pub(super) fn thousandths(value: f64) -> Value {
    let value = (value * 1000.0).round() / 1000.0;
    // Where it is whole, and a float holds it exactly, without a point.
    if value.fract() == 0.0 && value.abs() < 1e15 { Value::from(value as i64) } else { Value::from(value) }
}

const TIMES: &[Column] = &[
    Column { title: "MILLISECONDS", min: 12 },
    Column { title: "COUNT", min: 7 },
    Column { title: "A SECOND", min: 8 },
    Column { title: "MIN", min: 7 },
    Column { title: "P50", min: 7 },
    Column { title: "P90", min: 7 },
    Column { title: "P99", min: 7 },
    Column { title: "P99.9", min: 7 },
    Column { title: "MAX", min: 7 },
    Column { title: "MEAN", min: 7 },
];

const FIGURES: &[Column] = &[Column { title: "FIGURE", min: 24 }, Column { title: "VALUE", min: 12 }];

fn cells(name: &str, summary: &Summary) -> Vec<String> {
    let ms = |value: f64| format!("{value:.3}");
    vec![
        name.to_owned(),
        summary.count.to_string(),
        format!("{:.1}", summary.rate_per_s),
        ms(summary.min_ms),
        ms(summary.p50_ms),
        ms(summary.p90_ms),
        ms(summary.p99_ms),
        ms(summary.p999_ms),
        ms(summary.max_ms),
        ms(summary.mean_ms),
    ]
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        value => value.to_string(),
    }
}

/// One flat object but for `times` and `errors`.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Named<'a>(&'a [(&'static str, Summary)]);
        impl Serialize for Named<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, summary)| (name, summary)))
            }
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("bench", self.bench)?;
        for (name, value) in &self.figures {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("times", &Named(&self.times))?;
        map.serialize_entry("errors", &self.faults)?;
        map.serialize_entry("error_count", &self.faults.count())?;
        map.serialize_entry("interrupted", &self.is_interrupted)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commands::bench::fault::Fault;
    use crate::commands::bench::times::Times;

    fn report() -> Report {
        let mut faults = Faults::default();
        faults.add_all(Fault::Status(503), 2);
        faults.add_all(Fault::Cut, 0);
        let mut times = Times::default();
        times.record(Duration::from_micros(250));
        Report::new("takeover", faults)
            .figure("workers", 32)
            .figure("resident_memory_bytes_per_connection", Value::Null)
            .times("force_logout", times.summary(Duration::from_secs(1)))
    }

    #[test]
    fn programs_get_one_object_with_units_in_the_names() {
        let told = serde_json::to_value(report()).unwrap();
        assert_eq!((&told["bench"], &told["workers"]), (&"takeover".into(), &32.into()));
        assert_eq!(told["times"]["force_logout"]["count"], 1);
        assert!((told["times"]["force_logout"]["p50_ms"].as_f64().unwrap() - 0.25).abs() < 0.001);
        assert_eq!(told["errors"], serde_json::json!({"status_503": 2}));
        assert_eq!((&told["error_count"], &told["interrupted"]), (&2.into(), &false.into()));
    }

    #[test]
    fn people_get_the_same_figures_as_tables() {
        let told = report().interrupted(true).tables();
        for part in ["force_logout", "0.250", "workers", "unknown", "error status_503", "interrupted"] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
    }
}
