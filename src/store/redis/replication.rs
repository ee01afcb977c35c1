//! `wait_replicas`: a login is answered only when so many replicas have it.
//!
//! Owns one connection a primary, which nothing else uses because `WAIT` blocks it, and the queue in front of it. All
//! logins that wait when a round begins share it (group commit), so that a hundred of them cost what one does. A round:
//!
//! 1. `EXISTS` of each session. Who answers at that address now need not be who seated it: a promoted replica that
//!    never had it would confirm what is lost.
//! 2. `SET hs:{p}:w`, which is later in the stream of replication than all sessions that are there, and `WAIT`, which
//!    returns when enough replicas have acknowledged that.
//!
//! Refuses to say more than that: which replica is promoted, nobody knows. Invariants: every login is answered within
//! `timeout`; the queue is bounded; a session that was not seen on this primary, in this round, is never confirmed.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connector::Connector;
use super::finder::Layouts;
use super::layout::{Address, slot_of};
use crate::chance::Chance;
use crate::config::WaitConfig;
use crate::domain::SessionId;
use crate::store::StoreError;
use crate::store::keys::Keys;

/// Logins that may wait for one primary's replicas; beyond that the outcome is called unknown at once.
const QUEUE: usize = 4096;
/// Logins in one round.
const ROUND: usize = 512;
/// A connection that nobody needed for so long is given back.
const IDLE: Duration = Duration::from_secs(60);
/// Before the next try, at most; drawn evenly.
const PAUSE: Duration = Duration::from_millis(20);
/// What `hs:{p}:w` lives; it is looked at by nobody.
pub(super) const WRITTEN_KEPT_MS: u64 = 10_000;
/// Within which a connection that is still one answers; a lost one must leave time for another try.
const ANSWERS_WITHIN: Duration = Duration::from_millis(300);
/// How much longer than `WAIT` the answer to it may take.
const GRACE: Duration = Duration::from_millis(500);

/// Waits for replicas on behalf of logins.
pub(super) struct Replication {
    shared: Arc<Shared>,
    layouts: Layouts,
    queues: Mutex<HashMap<Address, mpsc::Sender<Waiting>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What all rounds need.
struct Shared {
    keys: Keys,
    connector: Arc<Connector>,
    chance: Arc<Chance>,
    wait: WaitConfig,
}

/// A login that was seated and is not answered yet.
struct Waiting {
    id: SessionId,
    until: Instant,
    verdict: oneshot::Sender<Verdict>,
}

/// What a round found out about one session.
#[derive(Debug, Clone)]
enum Verdict {
    /// It is there and on enough replicas.
    Replicated,
    /// Too few have acknowledged it, in all the time that there was.
    TooFew(i64),
    /// This primary does not have it: it moved, or the write is lost.
    Absent,
    /// The round came to nothing; another may do better.
    Failed(Arc<str>),
}

impl Replication {
    /// `None` where no login waits.
    pub(super) fn new(
        wait: WaitConfig,
        keys: &Keys,
        connector: &Arc<Connector>,
        layouts: &Layouts,
        chance: &Arc<Chance>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Option<Self> {
        let shared =
            Shared { keys: keys.clone(), connector: Arc::clone(connector), chance: Arc::clone(chance), wait };
        (wait.replicas > 0).then(|| Self {
            shared: Arc::new(shared),
            layouts: layouts.clone(),
            queues: Mutex::default(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        })
    }

    /// Returns when enough replicas have the session.
    ///
    /// # Errors
    /// They did not in time: the session may stand, on the primary alone, and nobody has its token.
    pub(super) async fn confirm(&self, id: SessionId) -> Result<(), StoreError> {
        let until = Instant::now() + self.shared.wait.timeout;
        let mut why: Arc<str> = "nobody takes the writes of its slot".into();
        // Tried again within the time that it has: a slot that moves and a connection that was lost are over sooner.
        while Instant::now() < until {
            match self.ask(id, until).await {
                Some(Verdict::Replicated) => return Ok(()),
                Some(Verdict::TooFew(had)) => {
                    let wanted = self.shared.wait.replicas;
                    why = format!("{had} of {wanted} replicas have acknowledged it").into();
                    break;
                }
                Some(Verdict::Absent) => why = "the primary does not have it any more".into(),
                Some(Verdict::Failed(reason)) => why = reason,
                None => {}
            }
            self.layouts.doubts.doubt();
            sleep(self.shared.chance.up_to(PAUSE)).await;
        }
        Err(StoreError::OutcomeUnknown(format!("the login is not known to be replicated: {why}")))
    }

    /// Has the primary of the session's slot asked in its next round; `None` if there is none or it does not answer.
    async fn ask(&self, id: SessionId, until: Instant) -> Option<Verdict> {
        let slot = slot_of(&self.shared.keys.session(id));
        let primary = self.layouts.current.borrow().as_ref()?.owner(slot)?.clone();
        let (verdict, told) = oneshot::channel();
        if let Err(error) = self.queue(primary).try_send(Waiting { id, until, verdict }) {
            return Some(Verdict::Failed(not_queued(&error).into()));
        }
        match timeout_at(until, told).await {
            Ok(Ok(verdict)) => Some(verdict),
            Ok(Err(_)) => Some(Verdict::Failed("the store is closed".into())),
            Err(_) => Some(Verdict::Failed("too few replicas have acknowledged it in time".into())),
        }
    }

    #[cfg(test)]
    pub(super) fn open_queues(&self) -> usize {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The queue of that primary, whose task is started if there is none.
    fn queue(&self, primary: Address) -> mpsc::Sender<Waiting> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| !queue.is_closed());
        let queue = queues.entry(primary).or_insert_with_key(|primary| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let rounds =
                Rounds { shared: Arc::clone(&self.shared), primary: primary.clone(), connection: None };
            let stop = self.stop.clone();
            self.tasks.spawn(async move { stop.run_until_cancelled(rounds.run(receiver)).await });
            sender
        });
        queue.clone()
    }
}

/// Why a login can't wait; for people.
fn not_queued<T>(error: &TrySendError<T>) -> &'static str {
    match error {
        TrySendError::Full(_) => "too many logins wait for this primary's replicas",
        // Its task has just gone for want of logins, and the next try starts another; or the store is closed.
        TrySendError::Closed(_) => "nobody was asking this primary's replicas just then",
    }
}

/// The rounds at one primary.
struct Rounds {
    shared: Arc<Shared>,
    primary: Address,
    connection: Option<MultiplexedConnection>,
}

impl Rounds {
    /// Runs until nobody has asked for a while.
    async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut round = Vec::new();
        loop {
            match timeout(IDLE, queue.recv_many(&mut round, ROUND)).await {
                Ok(0) => return,
                Ok(_) => {}
                // What was sent before this is still received.
                Err(_) => queue.close(),
            }
            // Who has given up needs no answer.
            round.retain(|waiting| !waiting.verdict.is_closed());
            let Some(until) = round.iter().map(|waiting| waiting.until).max() else { continue };
            let verdicts = match timeout_at(until + GRACE, self.ask(&round, until)).await {
                Ok(Ok(verdicts)) => verdicts,
                Ok(Err(error)) => self.failed(&round, &error.to_string()),
                Err(_) => self.failed(&round, "the primary did not answer in time"),
            };
            for (waiting, verdict) in round.drain(..).zip(verdicts) {
                // An error is a login that has given up.
                let _ = waiting.verdict.send(verdict);
            }
        }
    }

    /// The connection is not used again: its next answer would be that of another question.
    fn failed(&mut self, round: &[Waiting], why: &str) -> Vec<Verdict> {
        self.connection = None;
        vec![Verdict::Failed(why.into()); round.len()]
    }

    /// One round; its verdicts in the order of who waits.
    async fn ask(&mut self, round: &[Waiting], until: Instant) -> Result<Vec<Verdict>, RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.connector.connect(&self.primary, |_| ()).await?,
        };
        connection.set_response_timeout(until.duration_since(Instant::now()) + 2 * GRACE);
        let keys = &self.shared.keys;
        let mut presence = Pipeline::with_capacity(round.len());
        for waiting in round {
            presence.cmd("EXISTS").arg(keys.session(waiting.id));
        }
        // Each answer may be an error of its own, such as MOVED: such a session is not here.
        let answers = connection.send_packed_commands(&presence, 0, presence.len());
        let silent = |_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut));
        let there = timeout(ANSWERS_WITHIN, answers).await.map_err(silent)??;
        let there: Vec<bool> = there.iter().map(|there| *there == Value::Int(1)).collect();
        let Some(place) = there.iter().position(|there| *there) else {
            self.connection = Some(connection);
            return Ok(vec![Verdict::Absent; round.len()]);
        };
        let had = self.wait(&mut connection, round[place].id, until).await?;
        self.connection = Some(connection);
        let wanted = i64::from(self.shared.wait.replicas);
        let verdict = if had >= wanted { Verdict::Replicated } else { Verdict::TooFew(had) };
        Ok(there.into_iter().map(|there| if there { verdict.clone() } else { Verdict::Absent }).collect())
    }

    /// How many replicas have acknowledged a write that is made now, in the slot of `id`, by `until`.
    async fn wait(
        &self,
        connection: &mut MultiplexedConnection,
        id: SessionId,
        until: Instant,
    ) -> Result<i64, RedisError> {
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let mut write = Pipeline::with_capacity(2);
        write
            .cmd("SET")
            .arg(self.shared.keys.replicated(id.partition()))
            .arg("")
            .arg("PX")
            .arg(WRITTEN_KEPT_MS)
            .cmd("WAIT")
            .arg(self.shared.wait.replicas)
            // 0 would be for ever.
            .arg(u64::try_from(left).unwrap_or(u64::MAX).max(1));
        let (_, had): (Value, i64) = write.query_async(connection).await?;
        Ok(had)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue whose task had gone was reported as a full one, and an operator looked for a load that was not there.
    #[test]
    fn a_queue_that_has_gone_is_not_called_full() {
        let (sender, receiver) = mpsc::channel(1);
        sender.try_send(()).expect("there is room for one");
        assert!(not_queued(&sender.try_send(()).expect_err("it is full")).contains("too many"));
        drop(receiver);
        assert!(!not_queued(&sender.try_send(()).expect_err("it has gone")).contains("too many"));
    }
}
