//! How contested an account is: how often it was taken over, and which rank that is.
//!
//! The count lies beside the user's sessions; the rank is a question to every partition. So ranks are remembered for a
//! few seconds, by the count that they belong to, and one that can't be had in time is none: no page fails for it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Enforcer;
use crate::domain::UserId;
use crate::store::{Contested, Period, StoreError};

/// How old a rank may be.
const MAX_AGE: Duration = Duration::from_secs(5);
/// How long a rank is waited for. What is not there by then is not asked for again until the age has passed.
const PATIENCE: Duration = Duration::from_secs(1);
/// Ranks that are remembered: there are as many as there are different counts, which are few.
const MOST: usize = 1_024;

/// How contested an account is in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub takeovers: u64,
    /// 1: most; users with as many share it. `None`: a part of the store is away.
    pub rank: Option<u64>,
}

/// By period and number of takeovers: when it was asked, and the answer.
type Known = HashMap<(Period, u64), (Instant, Option<u64>)>;

/// The ranks that were asked for lately.
#[derive(Default)]
pub(super) struct Ranks(Mutex<Known>);

impl Ranks {
    fn known(&self, period: Period, takeovers: u64) -> Option<Option<u64>> {
        let ranks = self.lock();
        let (at, rank) = ranks.get(&(period, takeovers))?;
        (at.elapsed() < MAX_AGE).then_some(*rank)
    }

    fn keep(&self, period: Period, takeovers: u64, rank: Option<u64>) {
        let mut ranks = self.lock();
        if ranks.len() >= MOST {
            ranks.retain(|_, (at, _)| at.elapsed() < MAX_AGE);
        }
        if ranks.len() < MOST {
            ranks.insert((period, takeovers), (Instant::now(), rank));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Enforcer {
    /// Who was taken over most in the running period.
    ///
    /// # Errors
    /// The store's.
    pub async fn contested(&self, period: Period, top: usize) -> Result<Vec<Contested>, StoreError> {
        self.metrics.store_call("contested", self.view.contested(period, top)).await
    }

    /// How contested a user is in the running period; `None`: it was not taken over. The rank may be 5 s old.
    ///
    /// # Errors
    /// The store's, where the user's own part of it can't be asked.
    pub async fn standing_of(&self, user: &UserId, period: Period) -> Result<Option<Standing>, StoreError> {
        let counting = self.view.takeovers_of(user, period);
        let Some(takeovers) = self.metrics.store_call("takeovers_of", counting).await? else {
            return Ok(None);
        };
        if let Some(rank) = self.ranks.known(period, takeovers) {
            return Ok(Some(Standing { takeovers, rank }));
        }
        let ranking = self.metrics.store_call("rank_at", self.view.rank_at(takeovers, period));
        let rank = timeout(PATIENCE, ranking).await.ok().and_then(Result::ok);
        self.ranks.keep(period, takeovers, rank);
        Ok(Some(Standing { takeovers, rank }))
    }
}
