//! `hotseat bench login`: logins of users who have no session yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::api::Api;
use super::descriptors;
use super::fault::Fault;
use super::load::{self, Work};
use super::report::Report;
use super::run::{Role, Run};
use crate::cli::bench::Login;
use crate::commands::client::Failure;

pub(super) async fn login(run: &Arc<Run>, wishes: &Login) -> Result<Report, Failure> {
    let workers = wishes.pace.workers as usize;
    descriptors::allow(workers)?;
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..workers).map(|number| {
        Ok(Worker { run: Arc::clone(run), next: Arc::clone(&next), api: Api::new(run, number)? })
    });
    let workers = workers.collect::<Result<_, Fault>>().map_err(|fault| fault.at_start(run))?;
    let measured = load::run(run, &wishes.pace, workers).await?;
    let report = Report::new("login", run.faults().clone()).figure("nodes", run.nodes());
    Ok(measured.tell(report, &wishes.pace))
}

struct Worker {
    run: Arc<Run>,
    /// The number of the next user, of all workers.
    next: Arc<AtomicUsize>,
    api: Api,
}

impl Worker {
    async fn login(&mut self) -> Result<(), Fault> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.api.login(&self.run.user(Role::Fresh, number), None).await.map(drop)
    }
}

impl Work<1> for Worker {
    const TIMES: [&'static str; 1] = ["login"];

    /// One login shows that the key is right.
    async fn prepare(&mut self) -> Result<(), Fault> {
        self.login().await
    }

    async fn turn(&mut self) -> Result<[Duration; 1], Fault> {
        self.api.ready().await?;
        let began = Instant::now();
        self.login().await?;
        Ok([began.elapsed()])
    }
}
