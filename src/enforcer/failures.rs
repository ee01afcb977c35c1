//! Wrong passwords, for the log.
//!
//! Whoever guessed is answered at once: the event is written behind its back. Owns the bound on that: so many at a
//! time, and what comes while the store is too slow for them is counted and not written. The brake in front bounds how
//! many there can be of an account and of an address.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Enforcer;
use crate::domain::{DeviceId, UserAgent, UserId};
use crate::store::{Act, EventKind, NewEvent};

/// Events that are being written at once.
const AT_ONCE: usize = 32;

/// A login with a wrong password, for an account that exists.
#[derive(Debug, Clone)]
pub struct FailedLogin {
    pub user: UserId,
    pub ip: Option<IpAddr>,
    /// Of the device's cookie, if it has one.
    pub device_id: Option<DeviceId>,
    /// The header as it came; at most 512 bytes of it are looked at.
    pub user_agent: String,
}

/// Room for the events that are on their way.
pub(super) struct Failures(Arc<Semaphore>);

impl Default for Failures {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Enforcer {
    /// Notes a failed login in the log, soon, or counts it as dropped. Never waits.
    pub fn note_failure(self: &Arc<Self>, failed: FailedLogin) {
        let Ok(room) = Arc::clone(&self.failures.0).try_acquire_owned() else {
            self.metrics.failures_dropped.inc();
            return;
        };
        let FailedLogin { user, ip, device_id, user_agent } = failed;
        // Not by the name that whoever guesses gives it.
        let device = Some(self.device(device_id, None, None, &UserAgent::parse(&user_agent)));
        let event = NewEvent { ip, device, ..NewEvent::new(EventKind::Failed, Some(user), Act::NONE) };
        let enforcer = Arc::clone(self);
        tokio::spawn(async move {
            enforcer.record(event).await;
            drop(room);
        });
    }
}
