//! `hotseat bench`: puts load on running nodes, as their clients do, and tells what came of it.
//!
//! Closed loops: a worker begins its next turn when its last one is done, so that a slow node is asked less, and rates
//! are what a node can do with so many at once. It knows nodes by their API alone. Invariants: every wait is bounded;
//! what it logged in it ends; an error is counted by kind and never left out of the exit status.

use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::bench::{Aim, Bench, Load, Peer};
use crate::commands::client::Failure;

mod api;
mod clean;
mod crowd;
mod descriptors;
mod device;
mod engine_io;
mod fault;
mod idle;
mod line;
mod list;
mod load;
mod login;
mod process;
mod progress;
mod report;
mod run;
mod scrape;
mod sessions;
mod storm;
mod sweep;
mod takeover;
mod times;
mod verify;

use self::report::Report;
use self::run::Run;

/// The nodes have the same processors in most runs: more threads than two would only be in their way.
const MAX_THREADS: usize = 2;
/// As shells say that a program was interrupted.
const INTERRUPTED: i32 = 130;

/// Runs one of the loads.
pub(crate) fn bench(bench: &Bench) -> anyhow::Result<ExitCode> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let (aim, _) = of(&bench.load);
    Ok(match runtime.block_on(measure(&bench.load)) {
        Ok(report) => match report.print(aim.json) {
            Ok(()) | Err(Failure::Unread) if report.is_clean() => ExitCode::SUCCESS,
            Ok(()) | Err(Failure::Unread) => ExitCode::FAILURE,
            Err(failure) => told(&failure),
        },
        Err(failure) => told(&failure),
    })
}

fn told(failure: &Failure) -> ExitCode {
    eprintln!("hotseat: {failure}");
    failure.code()
}

fn of(load: &Load) -> (&Aim, Peer) {
    match load {
        Load::Takeover(wishes) => (&wishes.aim, wishes.speech.peer),
        Load::Idle(wishes) => (&wishes.aim, wishes.speech.peer),
        Load::Login(wishes) => (&wishes.aim, Peer::Hotseat),
        Load::Verify(wishes) => (&wishes.aim, Peer::Hotseat),
        Load::Storm(wishes) => (&wishes.aim, Peer::Hotseat),
        Load::Sweep(wishes) => (&wishes.aim, Peer::Hotseat),
        Load::List(wishes) => (&wishes.aim, Peer::Hotseat),
    }
}

async fn measure(load: &Load) -> Result<Report, Failure> {
    let (aim, peer) = of(load);
    let run = Arc::new(Run::new(aim, peer).await?);
    let listening = tokio::spawn(heed_interrupts(Arc::clone(&run)));
    let outcome = match load {
        Load::Takeover(wishes) => takeover::takeover(&run, wishes).await,
        Load::Idle(wishes) => idle::idle(&run, wishes).await,
        Load::Login(wishes) => login::login(&run, wishes).await,
        Load::Verify(wishes) => verify::verify(&run, wishes).await,
        Load::Storm(wishes) => storm::storm(&run, wishes).await,
        Load::Sweep(wishes) => sweep::sweep(&run, wishes).await,
        Load::List(wishes) => list::list(&run, wishes).await,
    };
    clean::end_all(&run).await;
    listening.abort();
    outcome.map(|report| report.interrupted(run.stop.is_cancelled()))
}

/// The first interrupt ends the run in order, which takes a moment; the second one at once.
async fn heed_interrupts(run: Arc<Run>) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    run.stop.cancel();
    eprintln!("ending what was begun; again to leave at once");
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(INTERRUPTED);
    }
}
