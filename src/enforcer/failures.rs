//! Wrong passwords, and who is held off after too many, for the log.
//!
//! Whoever guessed is answered at once: the event is written behind its back. Owns the bounds on that: so many at a
//! time, and what comes while the store is too slow for them is counted and not written; and of what the brake stops,
//! which nothing else bounds, a sign now and then. The brake itself bounds how many wrong passwords there can be of an
//! account and of an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Enforcer;
use crate::domain::{DeviceId, UserAgent, UserId};
use crate::store::{Act, EventKind, NewEvent};

/// Events that are being written at once.
const AT_ONCE: usize = 32;
/// How often it is noted that a brake holds, of one account or address.
const BRAKED_EVERY: Duration = Duration::from_secs(60);
/// Accounts and addresses of which it is noted in that time: more than anybody reads, and less than what would push
/// the rest out of the log.
const MOST_BRAKED: usize = 30;

/// A login with a wrong password for an account that exists, or one that was held off.
#[derive(Debug, Clone)]
pub struct FailedLogin {
    /// `None`: there is no such account, and what was given for one may be a password.
    pub user: Option<UserId>,
    pub ip: Option<IpAddr>,
    /// Of the device's cookie, if it has one.
    pub device_id: Option<DeviceId>,
    /// The header as it came; at most 512 bytes of it are looked at.
    pub user_agent: String,
}

/// Which brake holds.
#[derive(Debug, Clone, Copy)]
pub enum Brakes {
    Account,
    Address,
}

impl Brakes {
    /// As the event's note says it.
    const fn note(self) -> &'static str {
        match self {
            Self::Account => "held off: too many failures of this account",
            Self::Address => "held off: too many failures from this address",
        }
    }
}

/// Room for the events that are on their way, and of which brakes was told lately.
pub(super) struct Failures {
    room: Arc<Semaphore>,
    braked: Mutex<HashMap<String, Instant>>,
}

impl Default for Failures {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(AT_ONCE)), braked: Mutex::default() }
    }
}

impl Failures {
    /// Whether it is time to say that a brake holds; `None`: it is, but too much was said already.
    fn may_tell(&self, key: &str) -> Option<bool> {
        let mut braked = self.braked.lock().unwrap_or_else(PoisonError::into_inner);
        braked.retain(|_, at| at.elapsed() < BRAKED_EVERY);
        if braked.contains_key(key) {
            return Some(false);
        }
        if braked.len() >= MOST_BRAKED {
            return None;
        }
        braked.insert(key.to_owned(), Instant::now());
        Some(true)
    }
}

impl Enforcer {
    /// Notes a failed login in the log, soon, or counts it as dropped. Never waits.
    pub fn note_failure(self: &Arc<Self>, failed: FailedLogin) {
        self.note(failed, Act::NONE);
    }

    /// A brake holds a login off: notes it like a failed one, at most once a minute for each `key`. Never waits.
    pub fn note_braked(self: &Arc<Self>, key: &str, brake: Brakes, failed: FailedLogin) {
        match self.failures.may_tell(key) {
            Some(true) => self.note(failed, Act { note: Some(brake.note().to_owned()), ..Act::NONE }),
            Some(false) => {}
            None => drop(self.metrics.failures_dropped.inc()),
        }
    }

    fn note(self: &Arc<Self>, failed: FailedLogin, act: Act) {
        let Ok(room) = Arc::clone(&self.failures.room).try_acquire_owned() else {
            self.metrics.failures_dropped.inc();
            return;
        };
        let FailedLogin { user, ip, device_id, user_agent } = failed;
        // Not by the name that whoever guesses gives it.
        let device = Some(self.device(device_id, None, None, &UserAgent::parse(&user_agent)));
        let event = NewEvent { ip, device, ..NewEvent::new(EventKind::Failed, user, act) };
        let enforcer = Arc::clone(self);
        tokio::spawn(async move {
            enforcer.record(event).await;
            drop(room);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_brake_is_told_of_once_a_minute_and_not_of_every_one() {
        let failures = Failures::default();
        assert_eq!((failures.may_tell("0"), failures.may_tell("0")), (Some(true), Some(false)));
        for key in 1..MOST_BRAKED {
            assert_eq!(failures.may_tell(&key.to_string()), Some(true));
        }
        assert_eq!((failures.may_tell("more"), failures.may_tell("0")), (None, Some(false)));
        tokio::time::advance(BRAKED_EVERY).await;
        assert_eq!((failures.may_tell("more"), failures.may_tell("0")), (Some(true), Some(true)));
    }
}
