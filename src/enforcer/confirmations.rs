//! Logins with `confirm`: who waits for which nodes to say that the older devices are out.
//!
//! Invariant: nothing is kept of a user for whom no login waits, and not without bound while some do.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::{Generation, NodeId, UserId};

/// Answers kept for the logins of one user that wait just now. Past that one is lost, and its login says `sent`.
const MAX_HEARD: usize = 4096;

/// Logins that wait for nodes to say that the older devices are out.
///
/// Acknowledgements may come before the login's own reply, so they are collected from before the login is sent.
#[derive(Default)]
pub(super) struct Confirmations {
    waiting: Mutex<HashMap<UserId, Arc<Waiting>>>,
}

#[derive(Default)]
struct Waiting {
    logins: Mutex<u32>,
    heard: Mutex<HashSet<(Generation, NodeId)>>,
    more: Notify,
}

/// One login that waits.
pub(super) struct Expectation<'a> {
    confirmations: &'a Confirmations,
    user: UserId,
    waiting: Arc<Waiting>,
}

impl Confirmations {
    /// Starts to listen for acknowledgements about `user`.
    pub fn expect(&self, user: &UserId) -> Expectation<'_> {
        let mut all = lock(&self.waiting);
        let waiting = Arc::clone(all.entry(user.clone()).or_default());
        // Before anybody else may leave, or the last of them would take the entry along.
        *lock(&waiting.logins) += 1;
        drop(all);
        Expectation { confirmations: self, user: user.clone(), waiting }
    }

    /// An acknowledgement has arrived.
    pub fn heard(&self, user: &UserId, generation: Generation, node: NodeId) {
        if let Some(waiting) = lock(&self.waiting).get(user) {
            let mut heard = lock(&waiting.heard);
            if heard.len() < MAX_HEARD {
                heard.insert((generation, node));
            }
            drop(heard);
            waiting.more.notify_waiters();
        }
    }
}

impl Expectation<'_> {
    /// Whether all of `nodes` acknowledge the login of `generation` within `bound`.
    pub async fn all(&self, generation: Generation, nodes: &HashSet<NodeId>, bound: Duration) -> bool {
        let complete = async {
            loop {
                let more = self.waiting.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if nodes.iter().all(|node| lock(&self.waiting.heard).contains(&(generation, *node))) {
                    return;
                }
                more.await;
            }
        };
        let confirmed = tokio::time::timeout(bound, complete).await.is_ok();
        // Nobody else waits for these.
        lock(&self.waiting.heard).retain(|(of, _)| *of != generation);
        confirmed
    }
}

impl Drop for Expectation<'_> {
    fn drop(&mut self) {
        let mut all = lock(&self.confirmations.waiting);
        let mut logins = lock(&self.waiting.logins);
        *logins -= 1;
        if *logins == 0 {
            all.remove(&self.user);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 8])
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_came_before_the_question_counts() {
        let user = UserId::parse("user", "u").unwrap();
        let confirmations = Confirmations::default();
        let expectation = confirmations.expect(&user);
        confirmations.heard(&user, Generation(7), node(1));
        let nodes = HashSet::from([node(1)]);
        assert!(expectation.all(Generation(7), &nodes, Duration::from_secs(1)).await);
        assert!(
            !expectation.all(Generation(8), &nodes, Duration::from_secs(1)).await,
            "another login's answer"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn answers_to_those_who_wait_no_more_are_not_kept_without_bound() {
        let user = UserId::parse("user", "u").unwrap();
        let confirmations = Confirmations::default();
        let first = confirmations.expect(&user);
        let second = confirmations.expect(&user);
        confirmations.heard(&user, Generation(1), node(1));
        confirmations.heard(&user, Generation(2), node(1));
        let nodes = HashSet::from([node(1)]);
        assert!(first.all(Generation(1), &nodes, Duration::from_secs(1)).await);
        assert_eq!(*lock(&second.waiting.heard), HashSet::from([(Generation(2), node(1))]));
        for late in 0..2 * MAX_HEARD as u64 {
            confirmations.heard(&user, Generation(late), node(2));
        }
        assert_eq!(lock(&second.waiting.heard).len(), MAX_HEARD);
        assert!(second.all(Generation(2), &nodes, Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_silent_node_of_two_is_not_confirmed() {
        let user = UserId::parse("user", "u").unwrap();
        let confirmations = Confirmations::default();
        let expectation = confirmations.expect(&user);
        confirmations.heard(&user, Generation(7), node(1));
        let nodes = HashSet::from([node(1), node(2)]);
        assert!(!expectation.all(Generation(7), &nodes, Duration::from_secs(1)).await);
        drop(expectation);
        assert!(lock(&confirmations.waiting).is_empty(), "nothing is kept for nobody");
    }
}
