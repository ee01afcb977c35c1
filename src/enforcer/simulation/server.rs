//! The one store of a simulation: the embedded engine's operations, which may go away, forget, and lose messages.
//!
//! Owns the truth and the moment of each step. Refuses to know why anybody asks. After each step it sees for itself
//! that no user has more live sessions than seats.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::fate::Fate;
use super::flaw::Flaw;
use super::plan::Plan;
use super::tally::{Fault, Tally};
use crate::domain::{PartitionSet, Record, SessionId, UserId};
use crate::store::embedded::{Bare, Snapshot};
use crate::store::{Message, NOTICE_QUEUE, Notice, StoreError};

/// The store's clock at the start, in microseconds.
const EPOCH_US: u64 = 1_790_000_000_000_000;
/// How long after a failover a node may hear of it.
const NEWS_MS: u64 = 20;

pub(super) struct Server {
    pub plan: Plan,
    pub fate: Fate,
    pub flaw: Flaw,
    /// Whether it is written down what the store does: only failing histories are read.
    is_traced: bool,
    start: Instant,
    truth: Mutex<Truth>,
    posts: Vec<mpsc::UnboundedSender<Posted>>,
}

struct Truth {
    engine: Bare,
    replica: Option<Snapshot>,
    /// Counts the servers that were the primary; calls under way to the last one are not answered.
    reign: u64,
    away: bool,
    /// No call is lost any more.
    calm: bool,
    /// Cut off, or dead.
    deaf: Vec<bool>,
    subscribed: Vec<BTreeSet<UserId>>,
    violations: Vec<String>,
    tally: Tally,
    /// What was done in each millisecond, in no order within it.
    trace: BTreeMap<u128, BTreeSet<String>>,
}

struct Posted {
    at: Instant,
    reign: u64,
    notice: Notice,
}

impl Server {
    /// With the notices of each node.
    pub(super) fn new(
        seed: u64,
        plan: Plan,
        flaw: Flaw,
        is_traced: bool,
    ) -> (Arc<Self>, Vec<mpsc::Receiver<Notice>>) {
        let nodes = plan.nodes;
        let (posts, boxes): (Vec<_>, Vec<_>) = (0..nodes).map(|_| mpsc::unbounded_channel()).unzip();
        let server = Arc::new(Self {
            plan,
            fate: Fate::of(seed),
            flaw,
            is_traced,
            start: Instant::now(),
            truth: Mutex::new(Truth {
                engine: Bare::new(),
                replica: None,
                reign: 0,
                away: false,
                calm: false,
                deaf: vec![false; nodes],
                subscribed: vec![BTreeSet::new(); nodes],
                violations: Vec::new(),
                tally: Tally::default(),
                trace: BTreeMap::new(),
            }),
            posts,
        });
        let notices = boxes.into_iter().map(|posted| {
            let (sender, receiver) = mpsc::channel(NOTICE_QUEUE);
            tokio::spawn(carry(Arc::clone(&server), posted, sender));
            receiver
        });
        let notices = notices.collect();
        (server, notices)
    }

    pub(super) fn now_us(&self) -> u64 {
        EPOCH_US + u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Which primary a call of `node` reaches.
    ///
    /// # Errors
    /// `Unavailable`: none.
    pub(super) fn reach(&self, node: usize) -> Result<u64, StoreError> {
        let truth = self.truth();
        match truth.away || truth.deaf[node] {
            true => Err(StoreError::Unavailable("it is away".to_owned())),
            false => Ok(truth.reign),
        }
    }

    /// One atomic step.
    pub(super) fn step<T>(
        &self,
        node: usize,
        name: &str,
        subject: impl FnOnce() -> Vec<u8>,
        operation: impl FnOnce(&mut Bare, u64) -> (Result<T, StoreError>, Vec<Message>),
    ) -> Result<T, StoreError> {
        let mut truth = self.truth();
        let (answer, messages) = operation(&mut truth.engine, self.now_us());
        if self.is_traced {
            let (ms, done) =
                (self.start.elapsed().as_millis(), format!("{name} by {node}: {}", subject().escape_ascii()));
            truth.trace.entry(ms).or_default().insert(done);
        }
        for message in messages {
            self.publish(&mut truth, &message);
        }
        answer
    }

    /// Has everybody who is subscribed hear of it, as far as they do.
    fn publish(&self, truth: &mut Truth, message: &Message) {
        let user = message.user().expect("these worlds have no notices to everybody");
        let user = UserId::parse("user", user).expect("a name that a user has");
        let live = truth.engine.sessions_of(self.now_us(), &user, 0);
        if live.len() > self.plan.limit as usize {
            truth.violations.push(format!("{user} has {} live sessions", live.len()));
        }
        for node in 0..self.plan.nodes {
            if !truth.subscribed[node].contains(&user) || truth.deaf[node] {
                continue;
            }
            let mut draws = self.fate.next("message", &[u8::try_from(node).unwrap_or_default()]);
            if self.flaw == Flaw::NobodyHearsOfEnds || draws.percent(self.plan.lost_messages) {
                truth.tally.count(Fault::MessageLost);
                continue;
            }
            let is_doubled = draws.percent(self.plan.doubled_messages);
            if is_doubled {
                truth.tally.count(Fault::MessageDoubled);
            }
            for _ in 0..if is_doubled { 2 } else { 1 } {
                let late = Duration::from_millis(draws.below(self.plan.delay_ms + 1));
                if !late.is_zero() {
                    truth.tally.count(Fault::MessageDelayed);
                }
                self.post(truth, node, late, Notice::Message(self.flaw.distort(message, &live)));
            }
        }
    }

    fn post(&self, truth: &Truth, node: usize, late: Duration, notice: Notice) {
        let posted = Posted { at: Instant::now() + late, reign: truth.reign, notice };
        // Nobody carries it any more: the simulation is over.
        let _ = self.posts[node].send(posted);
    }

    pub(super) fn subscribe(&self, node: usize, user: &UserId) {
        self.truth().subscribed[node].insert(user.clone());
    }

    pub(super) fn unsubscribe(&self, node: usize, user: &UserId) {
        self.truth().subscribed[node].remove(user);
    }

    /// What a user has, at this very moment.
    pub(super) fn sessions_of(&self, user: &UserId, node_ttl_ms: u64) -> Vec<Record> {
        self.truth().engine.sessions_of(self.now_us(), user, node_ttl_ms)
    }

    /// What the store has of a session.
    pub(super) fn record_of(&self, id: SessionId) -> Option<Record> {
        self.truth().engine.get(self.now_us(), id, false).0.expect("an engine without a disk")
    }

    pub(super) fn count(&self, fault: Fault) {
        self.truth().tally.count(fault);
    }

    pub(super) fn tally(&self) -> Tally {
        self.truth().tally.clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.truth().violations.clone()
    }

    pub(super) fn trace(&self) -> BTreeMap<u128, BTreeSet<String>> {
        self.truth().trace.clone()
    }

    /// Of a hundred calls, how many get lost on one way.
    pub(super) fn lost_calls(&self) -> u64 {
        if self.truth().calm { 0 } else { self.plan.lost_calls }
    }

    pub(super) fn calm_down(&self) {
        self.truth().calm = true;
    }

    /// The store answers nobody, and no message arrives.
    pub(super) fn go_away(&self) {
        let mut truth = self.truth();
        truth.away = true;
        truth.reign += 1;
        self.gap(&truth, false);
    }

    pub(super) fn come_back(&self) {
        let mut truth = self.truth();
        truth.away = false;
        self.gap(&truth, true);
    }

    /// What is written from here on does not reach the replica.
    pub(super) fn lag(&self) {
        let mut truth = self.truth();
        truth.replica = Some(truth.engine.snapshot());
    }

    /// The store is back without what the replica did not get; without a replica, without anything.
    pub(super) fn fail_over(&self, to_replica: bool) {
        let mut truth = self.truth();
        match truth.replica.take().filter(|_| to_replica) {
            Some(replica) => truth.engine.go_back(replica),
            None => truth.engine = Bare::new(),
        }
        truth.away = false;
        for node in 0..self.plan.nodes {
            let number = [u8::try_from(node).unwrap_or_default()];
            let late = Duration::from_millis(self.fate.next("news", &number).below(NEWS_MS));
            if !truth.deaf[node] && self.flaw != Flaw::FailoversGoUnnoticed {
                self.post(&truth, node, late, Notice::Failover(PartitionSet::ALL));
            }
        }
        self.gap(&truth, true);
    }

    pub(super) fn gap_of(&self, node: usize) {
        let truth = self.truth();
        for connected in [false, true] {
            self.post(&truth, node, Duration::ZERO, Notice::Gap { connected });
        }
    }

    /// A node is cut off from the store, or there again.
    pub(super) fn set_deaf(&self, node: usize, deaf: bool) {
        let mut truth = self.truth();
        truth.deaf[node] = deaf;
        self.post(&truth, node, Duration::ZERO, Notice::Gap { connected: !deaf });
    }

    fn gap(&self, truth: &Truth, connected: bool) {
        for node in (0..self.plan.nodes).filter(|node| !truth.deaf[*node]) {
            self.post(truth, node, Duration::ZERO, Notice::Gap { connected });
        }
    }

    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries notices to a node in their order. Messages of a primary that is gone are gone with it.
async fn carry(
    server: Arc<Server>,
    mut posted: mpsc::UnboundedReceiver<Posted>,
    notices: mpsc::Sender<Notice>,
) {
    while let Some(Posted { at, reign, notice }) = posted.recv().await {
        sleep_until(at).await;
        if matches!(notice, Notice::Message(_)) && reign != server.truth().reign {
            server.count(Fault::MessageLost);
            continue;
        }
        if notices.send(notice).await.is_err() {
            return;
        }
    }
}
