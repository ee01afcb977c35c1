//! Connections of many users that stay and do nothing but answer heartbeats.
//!
//! Invariants: at most so many are opened at once; one that ends by itself is counted as an error.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api::Api;
use super::device::{Device, Heard};
use super::fault::Fault;
use super::progress::Progress;
use super::run::{Role, Run};
use crate::commands::client::Failure;

/// Ports that a client has towards one port of one address: 28,232 by Linux's default, less what others use.
const FROM_ONE_ADDRESS: usize = 20_000;

pub(super) struct Crowd {
    run: Arc<Run>,
    devices: TaskTracker,
    leave: CancellationToken,
    live: Arc<AtomicUsize>,
}

impl Crowd {
    /// Logs `count` users in and connects each, over all nodes in turns. All or none, unless the run is to stop.
    pub async fn gather(run: &Arc<Run>, count: usize, openers: usize) -> Result<Self, Failure> {
        let crowd = Self {
            run: Arc::clone(run),
            devices: TaskTracker::new(),
            leave: CancellationToken::new(),
            live: Arc::default(),
        };
        let progress = Arc::new(Progress::of("connecting", count));
        let next = Arc::new(AtomicUsize::new(0));
        let mut opening = JoinSet::new();
        for opener in 0..openers.min(count) {
            let opener = Opener {
                run: Arc::clone(run),
                api: Api::new(run, opener).map_err(|fault| fault.at_start(run))?,
                devices: crowd.devices.clone(),
                leave: crowd.leave.clone(),
                live: Arc::clone(&crowd.live),
            };
            opening.spawn(opener.open(Arc::clone(&next), count, Arc::clone(&progress)));
        }
        while let Some(opened) = opening.join_next().await {
            let opened = opened.map_err(|error| Failure::Refused(format!("an opener broke: {error}")))?;
            opened.map_err(|fault| fault.at_start(run))?;
        }
        Ok(crowd)
    }

    /// How many are connected now.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Sends all of them away, and waits until they are gone.
    pub async fn disperse(self) {
        let _progress = Progress::of("closing", self.live());
        self.leave.cancel();
        self.devices.close();
        self.devices.wait().await;
        drop(self.run);
    }
}

/// Where the device with this number comes from, if that has to be said: towards a node on the loopback there are more
/// devices than an address has ports.
pub(super) fn source(run: &Run, node: usize, number: usize) -> Option<IpAddr> {
    match run.node(node).address() {
        Some(IpAddr::V4(to)) if to.is_loopback() => {
            let host = 1 + number / run.nodes() / FROM_ONE_ADDRESS;
            u8::try_from(host).ok().filter(|host| *host > 1).map(|host| Ipv4Addr::new(127, 0, 0, host).into())
        }
        _ => None,
    }
}

struct Opener {
    run: Arc<Run>,
    api: Api,
    devices: TaskTracker,
    leave: CancellationToken,
    live: Arc<AtomicUsize>,
}

impl Opener {
    /// One after the other, until there are enough, or an error comes: nobody would know what was measured then.
    async fn open(
        mut self,
        next: Arc<AtomicUsize>,
        count: usize,
        progress: Arc<Progress>,
    ) -> Result<(), Fault> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count || self.run.stop.is_cancelled() {
                return Ok(());
            }
            let session = self.api.login(&self.run.user(Role::Idler, number), None).await?;
            let from = source(&self.run, number, number);
            let device = Device::connect(&self.run, number, &session.token, from).await?;
            self.live.fetch_add(1, Ordering::Relaxed);
            progress.one_more();
            self.devices.spawn(stay(
                device,
                Arc::clone(&self.run),
                self.leave.clone(),
                Arc::clone(&self.live),
            ));
        }
    }
}

/// The life of one device.
async fn stay(mut device: Device, run: Arc<Run>, leave: CancellationToken, live: Arc<AtomicUsize>) {
    let ended = leave.run_until_cancelled(device.idle()).await;
    live.fetch_sub(1, Ordering::Relaxed);
    match ended {
        None => device.end().await,
        Some(Heard::Out(..)) => run.faults().add(Fault::PutOut),
        Some(_) => run.faults().add(Fault::Cut),
    }
}
