//! The built-in accounts: who has a username and a password here.
//!
//! Owns the bound on hashing: as many at a time as there are cores, a short line behind them, and nobody waits for
//! ever. It refuses to say whether a username exists: an unknown one costs as much. Passwords are never logged.
//!
//! Invariant: a hash under way holds its permit until it is done, even when its caller has gone away; else callers
//! that hang up could have any number of them run.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::Account;
use crate::domain::{Role, UserId};
use crate::password;

/// How many callers may wait for each hash that runs. At some 30 ms a hash, the last one waits about half a second.
const WAITING_PER_CORE: usize = 16;
/// How long a caller waits at most, where hashes are dearer or cores are busy.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// What a username and a password are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Right {
        user: UserId,
        roles: Vec<Role>,
    },
    /// No such account, or not its password; which of the two is no caller's business.
    Wrong {
        /// The account, if there is one: for the log.
        account: Option<UserId>,
    },
    /// Too many logins are being checked; try again in a moment.
    Busy,
}

/// The accounts of the configuration.
pub struct Accounts {
    by_name: HashMap<String, Account>,
    /// Compared with where the username is unknown.
    decoy: String,
    /// One permit for each hash that runs.
    running: Arc<Semaphore>,
    /// One permit for each caller that is inside at all.
    inside: Arc<Semaphore>,
}

impl Accounts {
    pub fn new(accounts: Vec<Account>) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with_bounds(accounts, cores, cores * WAITING_PER_CORE)
    }

    fn with_bounds(accounts: Vec<Account>, running: usize, waiting: usize) -> Self {
        let model = accounts.first().map(|account| account.password_hash.as_str());
        // A decoy that can't be made compares as wrong at once: it tells who has an account, and lets nobody in.
        let decoy = password::decoy(model).unwrap_or_default();
        let by_name = accounts.into_iter().map(|account| (account.username.as_str().to_owned(), account));
        Self {
            by_name: by_name.collect(),
            decoy,
            running: Arc::new(Semaphore::new(running)),
            inside: Arc::new(Semaphore::new(running + waiting)),
        }
    }

    /// The account of that name, if there is one: for the log, and no caller's business.
    pub fn find(&self, username: &UserId) -> Option<&UserId> {
        self.by_name.get(username.as_str()).map(|account| &account.username)
    }

    /// Compares `password` with that of the account `username`, off the executor's threads.
    pub async fn verify(&self, username: &str, password: &str) -> Verdict {
        let account = self.by_name.get(username);
        let wrong = || Verdict::Wrong { account: account.map(|account| account.username.clone()) };
        if password.len() > password::MAX_BYTES {
            return wrong();
        }
        let Ok(_place) = self.inside.try_acquire() else { return Verdict::Busy };
        let permit = match timeout(LONGEST_WAIT, Arc::clone(&self.running).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) | Err(_) => return Verdict::Busy,
        };
        let hash = account.map_or_else(|| self.decoy.clone(), |account| account.password_hash.clone());
        let password = password.to_owned();
        let right = off_thread(permit, move || password::matches(&password, &hash)).await;
        match (right, account) {
            (None, _) => Verdict::Busy,
            (Some(true), Some(account)) => {
                Verdict::Right { user: account.username.clone(), roles: account.roles.clone() }
            }
            (Some(_), _) => wrong(),
        }
    }
}

/// Does `work` on a thread for blocking, with its permit; `None` if it broke off.
async fn off_thread<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    work.await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(username: &str, password: &str) -> Account {
        Account {
            username: UserId::parse("username", username).unwrap(),
            password_hash: password::hash(password, &[7; 16]).unwrap(),
            roles: vec![Role::parse("pro").unwrap()],
        }
    }

    fn ann() -> Vec<Account> {
        vec![account("ann", "correct horse")]
    }

    #[tokio::test]
    async fn the_right_password_gives_the_account_and_its_roles() {
        let accounts = Accounts::new(ann());
        let Verdict::Right { user, roles } = accounts.verify("ann", "correct horse").await else {
            panic!("not right");
        };
        assert_eq!((user.as_str(), roles[0].as_str()), ("ann", "pro"));
    }

    #[tokio::test]
    async fn a_wrong_password_and_an_unknown_username_differ_for_the_log_alone() {
        let accounts = Accounts::new(ann());
        let long = "x".repeat(password::MAX_BYTES + 1);
        for (username, password, known) in [
            ("ann", "correct horsE", true),
            ("ann", "", true),
            ("ann", &long, true),
            ("bob", "correct horse", false),
            ("Ann", "correct horse", false),
        ] {
            let account = known.then(|| UserId::parse("username", username).unwrap());
            assert_eq!(accounts.verify(username, password).await, Verdict::Wrong { account }, "{username}");
        }
    }

    #[tokio::test]
    async fn nobody_gets_in_by_the_decoy() {
        let accounts = Accounts::new(Vec::new());
        assert_eq!(accounts.verify("", "").await, Verdict::Wrong { account: None });
    }

    #[tokio::test]
    async fn a_full_line_is_busy_at_once() {
        let accounts = Accounts::with_bounds(ann(), 1, 0);
        let place = accounts.inside.try_acquire().unwrap();
        assert_eq!(accounts.verify("ann", "correct horse").await, Verdict::Busy);
        drop(place);
        assert!(matches!(accounts.verify("ann", "correct horse").await, Verdict::Right { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_does_not_wait_for_ever() {
        let accounts = Accounts::with_bounds(ann(), 1, 1);
        let _running = accounts.running.try_acquire().unwrap();
        assert_eq!(accounts.verify("ann", "correct horse").await, Verdict::Busy);
    }

    #[tokio::test]
    async fn a_caller_that_hangs_up_leaves_its_permit_with_the_hash() {
        let running = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&running).acquire_owned().await.unwrap();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let mut call = Box::pin(off_thread(permit, move || finished.recv()));
        assert!(futures_util::poll!(call.as_mut()).is_pending());
        drop(call);
        assert_eq!(running.available_permits(), 0, "the work goes on");
        finish.send(()).unwrap();
        drop(timeout(Duration::from_secs(10), running.acquire()).await.unwrap().unwrap());
    }
}
