//! The long form: as many runs of each fault on each topology as asked for, the table, and the seeds of failures.
//!
//! `scripts/faults [--runs N] [--minutes M] [--seed S] [--fault NAME] [--topology NAME]`. A line for each run as it
//! ends; at the end 1 if anything was broken, or too much void.

#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other test targets, of which none uses everything")]
mod support;

mod caller;
mod deafness;
mod device;
mod fault;
mod history;
#[allow(unused_imports, dead_code, reason = "their tests belong to the other target, which has a harness")]
mod judge;
mod person;
mod report;
#[allow(unused_imports, dead_code, reason = "as of `judge`")]
mod run;
mod scribe;
mod stage;
#[allow(unused_imports, reason = "as of `judge`")]
mod wire;

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use fault::Fault;
use futures_util::FutureExt as _;
use report::Report;
use run::{Outcome, Plan};
use stage::{Stage, Topology};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(name = "scripts/faults", about = "Real faults under real nodes, judged by a model")]
struct Wishes {
    /// Rounds of each fault on each topology; 3, or as many as fit into `--minutes`.
    #[arg(long)]
    runs: Option<u64>,
    /// Begins no further round after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// The seed of the first round; each further one has the next.
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
    #[arg(skip = Instant::now())]
    started: Instant,
}

/// If nothing bounds the rounds.
const RUNS: u64 = 3;

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
    let mut seeds = wishes.seeds();
    // What is played when somebody has had enough is dropped, and with it every process that it has started.
    tokio::select! {
        () = play_all(&wishes, &mut seeds, &mut report) => {}
        () = enough() => println!("stopped"),
    }
    println!("\n{}\n\n{}\n", report.text(), report.markdown());
    println!("{} runs, {} violations, {} void", report.runs(), report.violations(), report.void());
    if let Some(next) = seeds.next() {
        println!("to go on: --seed {next}");
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn play_all(wishes: &Wishes, seeds: &mut Range<u64>, report: &mut Report) {
    for seed in seeds {
        for topology in Topology::ALL.into_iter().filter(|topology| wishes.has(*topology)) {
            play(wishes, topology, seed, report).await;
        }
        if wishes.is_over() {
            return;
        }
    }
}

/// SIGINT or SIGTERM.
async fn enough() {
    let mut terminate = signal(SignalKind::terminate()).expect("a handler for SIGTERM");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a handler for SIGINT");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

impl Wishes {
    /// A round each: every fault on every topology.
    fn seeds(&self) -> Range<u64> {
        let runs = self.runs.unwrap_or(if self.minutes.is_some() { u64::MAX } else { RUNS });
        self.seed..self.seed.saturating_add(runs)
    }

    fn has(&self, topology: Topology) -> bool {
        self.topology.is_none_or(|wanted| wanted == topology)
    }

    fn is_over(&self) -> bool {
        self.minutes.is_some_and(|minutes| self.started.elapsed() >= Duration::from_secs(minutes * 60))
    }
}

/// The runs of one seed on one topology. The policy goes by the seed, so that a seed repeats its run.
async fn play(wishes: &Wishes, topology: Topology, seed: u64, report: &mut Report) {
    let on_full = run::on_full(seed);
    let faults = Fault::ALL.into_iter().filter(|fault| fault.happens_on(topology));
    let faults: Vec<_> = faults.filter(|fault| wishes.fault.is_none_or(|wanted| wanted == *fault)).collect();
    if faults.is_empty() {
        return;
    }
    let mut stage = Stage::set(topology, on_full, 2).await;
    for fault in faults {
        let outcome;
        (stage, outcome) = play_one(stage, Plan { topology, on_full, fault, seed }).await;
        if outcome.violations.is_empty() {
            println!("{}", outcome.summary());
        } else {
            println!("{outcome}");
        }
        report.take(&outcome);
    }
}

/// One run, and a stage for the next: the same, or a new one if this was broken beyond mending.
async fn play_one(mut stage: Stage, plan: Plan) -> (Stage, Outcome) {
    let played = AssertUnwindSafe(async move {
        let outcome = run::run(&mut stage, plan).await;
        if !outcome.violations.is_empty() {
            keep(&stage, &outcome);
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

/// What nodes and electors said and what those saw to whom something happened, for whoever looks into a failure.
fn keep(stage: &Stage, outcome: &Outcome) {
    let Plan { topology, fault, seed, .. } = outcome.plan;
    let histories = outcome.histories.iter();
    let histories = histories.map(|history| (format!("{}.history", history.user), history.to_string()));
    let directory = PathBuf::from("target/faults");
    for (what, text) in stage.logs().into_iter().chain(histories) {
        let name = format!("{}-{}-{seed}-{what}", fault.name(), topology.name());
        let kept =
            std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(directory.join(name), text));
        if let Err(error) = kept {
            println!("what was seen can't be kept: {error}");
        }
    }
}
