//! The brake on guessing passwords, per account and per address, over the whole cluster.
//!
//! Only failures cost; a right password is never counted. Looking before hashing saves the hash, looking again
//! when the attempt's turn has come keeps a burst of parallel guesses from all passing the same look: attempts
//! on one account take turns within a node, so a node lets at most one guess through beyond the bucket.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::Mutex;

use super::App;
use super::client_address::bucket_of;
use super::problem::Problem;
use crate::accounts::Verdict;
use crate::domain::{DeviceId, Partition, Role, UserId};
use crate::enforcer::{Brakes, FailedLogin};

/// How many lines there are; accounts that share one only wait for each other.
const LINES: usize = 64;
/// How long an attempt waits for its turn: some hashes' time.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// The lines in which attempts wait for their turn.
pub(crate) struct Brake {
    lines: [Mutex<()>; LINES],
}

/// A username with a password, and who gives them.
#[derive(Clone, Copy)]
pub(crate) struct Guess<'a> {
    pub(crate) username: &'a UserId,
    pub(crate) password: &'a str,
    pub(crate) address: Option<IpAddr>,
    /// Of the device's cookie.
    pub(crate) device_id: Option<&'a DeviceId>,
    pub(crate) user_agent: &'a str,
}

impl Guess<'_> {
    fn failed(self, user: Option<UserId>) -> FailedLogin {
        FailedLogin {
            user,
            ip: self.address,
            device_id: self.device_id.cloned(),
            user_agent: self.user_agent.to_owned(),
        }
    }
}

impl Default for Brake {
    fn default() -> Self {
        Self { lines: std::array::from_fn(|_| Mutex::new(())) }
    }
}

impl Brake {
    /// Checks a password; a wrong one for an account that exists is noted in the log. What was given as an unknown
    /// username is not: it may be a password.
    ///
    /// # Errors
    /// `InvalidCredentials`, `RateLimited`, `Overloaded`, or that the store can't be asked: a guess that can't be
    /// counted is not answered.
    pub(crate) async fn attempt(&self, app: &App, guess: Guess<'_>) -> Result<(UserId, Vec<Role>), Problem> {
        let outcome = self.try_attempt(app, guess).await;
        match &outcome {
            Err(Problem::InvalidCredentials) => app.metrics.login("wrong"),
            Err(Problem::RateLimited { .. }) => app.metrics.login("braked"),
            Err(Problem::Overloaded) => app.metrics.login("overloaded"),
            _ => {}
        }
        outcome
    }

    async fn try_attempt(&self, app: &App, guess: Guess<'_>) -> Result<(UserId, Vec<Role>), Problem> {
        let Guess { username, password, .. } = guess;
        count(app, guess, 0).await?;
        let line = &self.lines[usize::from(Partition::of(username).index()) % LINES];
        let _turn = tokio::time::timeout(LINE_TIMEOUT, line.lock()).await.map_err(|_| Problem::Overloaded)?;
        count(app, guess, 0).await?;
        match app.accounts.verify(username.as_str(), password).await {
            Verdict::Right { user, roles } => Ok((user, roles)),
            Verdict::Busy => Err(Problem::Overloaded),
            Verdict::Wrong { account } => {
                if let Some(user) = account {
                    app.enforcer.note_failure(guess.failed(Some(user)));
                }
                count(app, guess, 1).await?;
                Err(Problem::InvalidCredentials)
            }
        }
    }
}

/// Counts `cost` failures against the account and the address; 0 only looks. Where one of the brakes holds, it is noted
/// in the log now and then: else a search for passwords would show at its beginning alone.
async fn count(app: &App, guess: Guess<'_>, cost: u32) -> Result<(), Problem> {
    let (account_key, rate) = (format!("login:{}", guess.username), &app.config.rate);
    let address_key = guess.address.map(|ip| format!("login-address:{}", bucket_of(ip)));
    let account = app.enforcer.throttle(&account_key, rate.login, cost);
    let address = async {
        match &address_key {
            Some(key) => app.enforcer.throttle(key, rate.login_address, cost).await,
            None => Ok(None),
        }
    };
    let (account, address) = tokio::join!(account, address);
    let (account, address) = (account?, address?);
    let Some(retry_after) = account.max(address) else { return Ok(()) };
    app.metrics.braked("login");
    let (key, brake) = match address_key.filter(|_| address.is_some()) {
        Some(key) => (key, Brakes::Address),
        None => (account_key, Brakes::Account),
    };
    let account = app.accounts.find(guess.username).cloned();
    app.enforcer.note_braked(&key, brake, guess.failed(account));
    Err(Problem::RateLimited { retry_after })
}
