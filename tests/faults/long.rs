//! The long form: as many runs of each fault on each topology as asked for, the table, and the seeds of failures.
//!
//! `scripts/faults [--runs N] [--seed S] [--fault NAME] [--topology NAME]`. Ends with 1 if anything was broken.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other test targets, of which none uses everything")]
mod support;

mod caller;
mod device;
mod fault;
mod history;
#[allow(unused_imports, dead_code, reason = "their tests belong to the other target, which has a harness")]
mod judge;
mod lag;
mod person;
mod report;
mod run;
mod scribe;
mod stage;
#[allow(unused_imports, reason = "as of `judge`")]
mod wire;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fault::Fault;
use futures_util::FutureExt as _;
use history::OnFull;
use report::Report;
use run::{Outcome, Plan};
use stage::{Stage, Topology};

#[derive(Parser)]
#[command(name = "scripts/faults", about = "Real faults under real nodes, judged by a model")]
struct Wishes {
    /// Runs of each fault on each topology.
    #[arg(long, default_value_t = 3)]
    runs: u64,
    /// The seed of the first run; each further one has the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this fault.
    #[arg(long, value_parser = fault_of)]
    fault: Option<Fault>,
    /// Only this topology.
    #[arg(long, value_parser = topology_of)]
    topology: Option<Topology>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn fault_of(name: &str) -> Result<Fault, String> {
    let known = Fault::ALL.map(Fault::name).join(", ");
    Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| format!("one of {known}"))
}

fn topology_of(name: &str) -> Result<Topology, String> {
    let known = Topology::ALL.map(Topology::name).join(", ");
    Topology::ALL
        .into_iter()
        .find(|topology| topology.name() == name)
        .ok_or_else(|| format!("one of {known}"))
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let wishes = Wishes::parse();
    let mut report = Report::default();
    for topology in Topology::ALL {
        if wishes.topology.is_none_or(|wanted| wanted == topology) {
            play(&wishes, topology, &mut report).await;
        }
    }
    println!("\n{}\n\n{}\n", report.text(), report.markdown());
    println!("{} runs, {} violations", report.runs(), report.violations());
    if report.runs() > 0 && report.violations() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All runs on one topology. The policy goes by the seed, so that a seed repeats its run.
async fn play(wishes: &Wishes, topology: Topology, report: &mut Report) {
    for on_full in [OnFull::KickOld, OnFull::DenyNew] {
        let seeds = || (wishes.seed..wishes.seed + wishes.runs).filter(|seed| run::on_full(*seed) == on_full);
        if seeds().next().is_none() {
            continue;
        }
        let mut stage = Stage::set(topology, on_full, 2).await;
        for fault in Fault::ALL.into_iter().filter(|fault| fault.happens_on(topology)) {
            if wishes.fault.is_some_and(|wanted| wanted != fault) {
                continue;
            }
            for seed in seeds() {
                let plan = Plan { topology, on_full, fault, seed };
                let outcome;
                (stage, outcome) = play_one(stage, plan).await;
                if outcome.broken() > 0 {
                    println!("{outcome}");
                }
                report.take(&outcome);
            }
        }
    }
}

/// One run, and a stage for the next: the same, or a new one if this was broken beyond mending.
async fn play_one(mut stage: Stage, plan: Plan) -> (Stage, Outcome) {
    let played = AssertUnwindSafe(async move {
        let outcome = run::run(&mut stage, plan).await;
        if outcome.broken() > 0 {
            keep_logs(&stage, plan);
        }
        stage.mend().await;
        (stage, outcome)
    });
    // What panics owns the stage, and takes it along.
    match played.catch_unwind().await {
        Ok(done) => done,
        Err(_) => {
            let mut outcome = Outcome::of(plan, Duration::ZERO);
            outcome.wrong("the run could not be finished; it says above why".to_owned());
            (Stage::set(plan.topology, plan.on_full, 2).await, outcome)
        }
    }
}

/// What the nodes said, for whoever looks into a failure.
fn keep_logs(stage: &Stage, plan: Plan) {
    let directory = PathBuf::from("target/faults");
    for (node, log) in stage.logs().into_iter().enumerate() {
        let Plan { topology, fault, seed, .. } = plan;
        let name = format!("{}-{}-{seed}-node-{node}.log", fault.name(), topology.name());
        let kept =
            std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(directory.join(name), log));
        if let Err(error) = kept {
            println!("the logs can't be kept: {error}");
        }
    }
}
