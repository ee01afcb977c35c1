//! The figures that every Prometheus client tells of its process, under their usual names
//! (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>).
//!
//! Read when somebody asks, and blocking: whoever encodes them is not on a thread that others wait for. What the system
//! does not tell is left out.

use std::fmt;
use std::fs::{metadata, read_dir, read_to_string};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::process::{Resource, getrlimit};

use crate::process::Usage;

pub(super) const PREFIX: &str = "process";

/// They belong to the process and not to a node: a registry of their own, without the product's prefix.
pub(super) fn registry() -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Process));
    registry
}

#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut tell = |name, help, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        if let Some(usage) = Usage::of_this_process() {
            let resident = ConstGauge::new(i64::try_from(usage.resident_bytes).unwrap_or(i64::MAX));
            tell("resident_memory", "Resident memory.", Some(&Unit::Bytes), &resident)?;
            let cpu = ConstCounter::new(usage.cpu_seconds);
            tell("cpu", "User and system time spent.", Some(&Unit::Seconds), &cpu)?;
            if let Some(booted) = booted_at() {
                let start = ConstGauge::new(booted + usage.started_after_seconds);
                tell("start_time", "When the process began, since 1970.", Some(&Unit::Seconds), &start)?;
            }
        }
        if let Some(open) = open_descriptors() {
            tell("open_fds", "Open file descriptors.", None, &ConstGauge::new(open))?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            let most = ConstGauge::new(i64::try_from(most).unwrap_or(i64::MAX));
            tell("max_fds", "How many file descriptors may be open.", None, &most)?;
        }
        Ok(())
    }
}

/// Linux 6.2 and later tell the number as the directory's size; before, they have to be counted.
fn open_descriptors() -> Option<i64> {
    const DESCRIPTORS: &str = "/proc/self/fd";
    let open = match metadata(DESCRIPTORS).ok()?.len() {
        0 => read_dir(DESCRIPTORS).ok()?.count() as u64,
        open => open,
    };
    i64::try_from(open).ok()
}

/// Seconds since 1970, by the clock as it is now.
fn booted_at() -> Option<f64> {
    let stat = read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
}
