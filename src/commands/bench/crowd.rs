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

#[derive(Clone, Default)]
pub(super) struct Crowd {
    devices: TaskTracker,
    leave: CancellationToken,
    live: Arc<AtomicUsize>,
}

impl Crowd {
    /// `count` of them, over all nodes in turns; fewer only where the run is to stop.
    pub async fn gather(run: &Arc<Run>, count: usize, openers: usize) -> Result<Self, Failure> {
        let crowd = Self::default();
        let gate = Gate { run: Arc::clone(run), count, nodes: run.nodes() };
        let (entering, entered_run) = (crowd.clone(), Arc::clone(run));
        gate.open(openers, move |_, _, device| entering.admit(&entered_run, device)).await?;
        Ok(crowd)
    }

    fn admit(&self, run: &Arc<Run>, device: Device) {
        self.live.fetch_add(1, Ordering::Relaxed);
        self.devices.spawn(stay(device, Arc::clone(run), self.leave.clone(), Arc::clone(&self.live)));
    }

    /// How many are connected now.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Sends all of them away, and waits until they are gone, each a bounded time.
    pub async fn disperse(self) {
        let _progress = Progress::of("closing", self.live());
        self.leave.cancel();
        self.devices.close();
        self.devices.wait().await;
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

/// Lets `count` users in: each is logged in and connected, to the first `nodes` in turns.
#[derive(Clone)]
pub(super) struct Gate {
    pub run: Arc<Run>,
    pub count: usize,
    pub nodes: usize,
}

impl Gate {
    /// So many `openers` at once. `enter` gets each user's number, token and device. The first error ends it: nobody
    /// would know what was measured then.
    pub async fn open(
        self,
        openers: usize,
        enter: impl Fn(usize, String, Device) + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        let run = Arc::clone(&self.run);
        let progress = Arc::new(Progress::of("connecting", self.count));
        let (enter, next) = (Arc::new(enter), Arc::new(AtomicUsize::new(0)));
        let mut opening = JoinSet::new();
        for opener in 0..openers.min(self.count) {
            let (gate, enter, next) = (self.clone(), Arc::clone(&enter), Arc::clone(&next));
            let progress = Arc::clone(&progress);
            opening.spawn(async move {
                let mut api = Api::new(&gate.run, opener % gate.nodes)?;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= gate.count || gate.run.stop.is_cancelled() {
                        return Ok(());
                    }
                    let (token, device) = gate.let_in(&mut api, number).await?;
                    enter(number, token, device);
                    progress.one_more();
                }
            });
        }
        while let Some(opened) = opening.join_next().await {
            let opened = opened.map_err(|error| Failure::Refused(format!("an opener broke: {error}")))?;
            opened.map_err(|fault: Fault| fault.at_start(&run))?;
        }
        Ok(())
    }

    async fn let_in(&self, api: &mut Api, number: usize) -> Result<(String, Device), Fault> {
        let session = api.login(&self.run.user(Role::Idler, number), None).await?;
        let node = number % self.nodes;
        let from = source(self.run.node(node).address(), number / self.nodes);
        let device = Device::connect(&self.run, node, &session.token, from).await?;
        Ok((session.token, device))
    }
}

/// Where the device with this number on its node comes from, if that has to be said: towards a node on the loopback
/// there are more devices than an address has ports.
pub(super) fn source(node: Option<IpAddr>, number: usize) -> Option<IpAddr> {
    match node {
        Some(IpAddr::V4(to)) if to.is_loopback() && number >= FROM_ONE_ADDRESS => {
            let host = u8::try_from(1 + number / FROM_ONE_ADDRESS).ok()?;
            Some(Ipv4Addr::new(127, 0, 0, host).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_on_the_loopback_come_from_as_many_addresses_as_it_takes() {
        let loopback = Some([127, 0, 0, 1].into());
        assert_eq!(source(loopback, 19_999), None);
        assert_eq!(source(loopback, 20_000), Some([127, 0, 0, 2].into()));
        assert_eq!(source(loopback, 65_535), Some([127, 0, 0, 4].into()));
        assert_eq!(source(Some([192, 0, 2, 1].into()), 50_000), None);
        assert_eq!(source(None, 50_000), None);
    }
}
