//! The memory and the processor time of what is measured: as its `/metrics` tell, or as the kernel does of a process.

use std::sync::Arc;

use hotseat::process;

use super::fault::Fault;
use super::run::Run;
use super::scrape::Scrape;

/// Of all processes together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub resident_bytes: f64,
    pub cpu_seconds: f64,
}

/// Of the processes that are named, else of the nodes. `None`: one of them does not tell.
pub(super) async fn usage(run: &Arc<Run>, pids: &[u32]) -> Result<Option<Usage>, Fault> {
    if !pids.is_empty() {
        return Ok(pids.iter().map(|pid| of_process(*pid)).sum());
    }
    let mut told = Vec::new();
    for node in 0..run.nodes() {
        told.push(Scrape::of(run, node).await?.and_then(|scrape| of_node(&scrape)));
    }
    Ok(told.into_iter().sum())
}

fn of_process(pid: u32) -> Option<Usage> {
    process::Usage::of(pid)
        .map(|usage| Usage { resident_bytes: usage.resident_bytes as f64, cpu_seconds: usage.cpu_seconds })
}

fn of_node(scrape: &Scrape) -> Option<Usage> {
    Some(Usage {
        resident_bytes: scrape.sum("process_resident_memory_bytes", "")?,
        cpu_seconds: scrape.sum("process_cpu_seconds_total", "")?,
    })
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), |sum, usage| Self {
            resident_bytes: sum.resident_bytes + usage.resident_bytes,
            cpu_seconds: sum.cpu_seconds + usage.cpu_seconds,
        })
    }
}
