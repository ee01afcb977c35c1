//! `hotseat bench takeover`: a newer login puts an older device out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::api::Api;
use super::crowd::Crowd;
use super::device::Device;
use super::fault::Fault;
use super::load::{self, Work};
use super::report::Report;
use super::run::{Role, Run};
use super::{descriptors, idle};
use crate::cli::bench::Takeover;
use crate::commands::client::Failure;

/// Of one worker: its line, its older device and its newer one.
const DESCRIPTORS: usize = 3;

pub(super) async fn takeover(run: &Arc<Run>, wishes: &Takeover) -> Result<Report, Failure> {
    let (workers, beside) = (wishes.pace.workers as usize, wishes.connections as usize);
    descriptors::allow(beside + workers * DESCRIPTORS)?;
    let crowd = Crowd::gather(run, beside, idle::OPENERS).await?;
    let workers = (0..workers).map(|number| Worker::new(run, number));
    let workers = workers.collect::<Result<_, _>>().map_err(|fault| fault.at_start(run))?;
    let measured = load::run(run, &wishes.pace, workers).await;
    let live = crowd.live();
    crowd.disperse().await;
    let report = Report::new("takeover", run.faults().clone())
        .figure("nodes", run.nodes())
        .figure("connections", live);
    Ok(measured?.tell(report, &wishes.pace))
}

/// A user of its own, and the device that is to be put out next.
struct Worker {
    run: Arc<Run>,
    user: String,
    /// Where its devices connect; the next node is the one that logs in.
    node: usize,
    api: Api,
    device: Option<Device>,
}

impl Worker {
    fn new(run: &Arc<Run>, number: usize) -> Result<Self, Fault> {
        Ok(Self {
            run: Arc::clone(run),
            user: run.user(Role::Worker, number),
            node: number,
            api: Api::new(run, number + 1)?,
            device: None,
        })
    }

    async fn connect(&mut self, token: &str) -> Result<(), Fault> {
        self.device = Some(Device::connect(&self.run, self.node, token, None).await?);
        Ok(())
    }
}

impl Work<3> for Worker {
    const TIMES: [&'static str; 3] = ["force_logout", "login", "connect"];

    async fn prepare(&mut self) -> Result<(), Fault> {
        self.device = None;
        let session = self.api.login(&self.user, None).await?;
        self.connect(&session.token).await
    }

    async fn turn(&mut self) -> Result<[Duration; 3], Fault> {
        let Some(mut older) = self.device.take() else { return Err(Fault::Cut) };
        self.api.ready().await?;
        let began = Instant::now();
        let login = async {
            let session = self.api.login(&self.user, None).await;
            session.map(|session| (session, began.elapsed()))
        };
        let (login, told) = tokio::join!(login, older.taken_over());
        let ((session, answered), told) = (login?, told?);
        // Beside each other: how fast the older one leaves is not what the newer one waits for.
        let connecting = Instant::now();
        let connect = async { self.connect(&session.token).await.map(|()| connecting.elapsed()) };
        let ((), connected) = tokio::join!(older.end(), connect);
        Ok([told - began, answered, connected?])
    }
}
