//! One client of a storm: idles on the first node, loses it, and comes back on another one as the SDK does.
//!
//! Invariant: it ends as one of three: back, given up with an error that is counted, or sent away with all the others.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Weather;
use crate::commands::bench::crowd::source;
use crate::commands::bench::device::{Device, Heard};
use crate::commands::bench::fault::Fault;

/// The SDK's (`web/sdk/patience.js`): the first pause is up to so long, each further one up to twice the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Client {
    pub storm: Arc<Weather>,
    pub number: usize,
    pub token: String,
}

/// How a connection ends.
enum End {
    /// With all the others.
    SentAway,
    /// Its session is over, or said to be.
    PutOut,
    Lost,
}

impl Client {
    /// Idles on the first node, comes back when that is gone, and idles on another one.
    pub async fn live(self, device: Device) {
        match self.idle(device).await {
            End::SentAway => return,
            End::PutOut => return self.give_up(Fault::LoginLost),
            End::Lost if !self.storm.has_begun.load(Ordering::Relaxed) => return self.give_up(Fault::Cut),
            End::Lost => {}
        }
        let began = *self.storm.began.get_or_init(Instant::now);
        let came_back = self.storm.leave.run_until_cancelled(self.come_back(began)).await;
        match came_back {
            Some(Ok(device)) => {
                self.storm.back().push(began.elapsed());
                // It counts as back all the same.
                match self.idle(device).await {
                    End::SentAway => {}
                    End::PutOut => self.storm.run.faults().add(Fault::LoginLost),
                    End::Lost => self.storm.run.faults().add(Fault::Cut),
                }
            }
            Some(Err(fault)) => self.give_up(fault),
            None if self.storm.run.stop.is_cancelled() => {}
            None => self.give_up(Fault::NotBack),
        }
    }

    /// Until the connection ends.
    async fn idle(&self, mut device: Device) -> End {
        match self.storm.leave.run_until_cancelled(device.idle()).await {
            None => {
                device.end().await;
                End::SentAway
            }
            // Codes from 4000 on, but the two that say otherwise (docs/protocol.md), are the end of the session.
            Some(Heard::Out(..)) | Some(Heard::Closed(Some(4400..=4407 | 4409..=4428 | 4430..))) => {
                End::PutOut
            }
            Some(_) => End::Lost,
        }
    }

    async fn come_back(&self, began: Instant) -> Result<Device, Fault> {
        let run = &self.storm.run;
        let others = (run.nodes() - 1).max(1);
        let mut pause = FIRST_PAUSE;
        for attempt in 0.. {
            tokio::time::sleep(run.chance.up_to(pause)).await;
            if began.elapsed() > self.storm.within {
                break;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
            self.storm.attempts.fetch_add(1, Ordering::Relaxed);
            // As a balancer does: in turns over those that are left.
            let node = 1 + (self.number + attempt) % others;
            let from = source(run.node(node).address(), self.number / others);
            match Device::connect(run, node, &self.token, from).await {
                Err(Fault::LoginLost) => return Err(Fault::LoginLost),
                Err(fault) => {
                    self.storm.failures.lock().unwrap_or_else(PoisonError::into_inner).add(fault);
                }
                Ok(device) => return Ok(device),
            }
        }
        Err(Fault::NotBack)
    }

    fn give_up(&self, fault: Fault) {
        self.storm.run.faults().add(fault);
        self.storm.given_up.fetch_add(1, Ordering::Relaxed);
    }
}
