//! Sending commands, and what their failures mean.
//!
//! Owns the rule of outcomes: what was never sent is `Unavailable`; what was sent and not answered is
//! `OutcomeUnknown`; an error that Redis gives because of its own state was not carried out and is
//! `Unavailable`; anything else is `Corrupt`. Refuses to queue: while Redis is away, a command waits until one
//! second after it went, then fails at once. Never subscribes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::connector::RESPONSE_TIMEOUT;
use super::script::Call;
use crate::store::StoreError;

/// A restart of Redis with little data, or a lost connection, is over within this; longer and nobody waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// A command without an answer for this long has the supervisor look whether the connection is still there.
const DOUBT: Duration = Duration::from_secs(1);

/// What the supervisor says about the connection.
#[derive(Clone)]
pub(super) enum Link {
    Up {
        connection: MultiplexedConnection,
        epoch: u64,
    },
    Down {
        since: Instant,
        why: Arc<str>,
    },
    /// Redis is there and will not do: too old, or of another layout.
    Refused {
        why: Arc<str>,
    },
    Closed,
}

/// What a command noticed about the connection of that epoch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Suspicion {
    /// It is gone, or leads to a server that takes no writes.
    Broken(u64),
    /// It did not answer in time.
    Slow(u64),
}

pub(super) struct Commands {
    link: watch::Receiver<Link>,
    suspicions: mpsc::Sender<Suspicion>,
    /// The latest epoch that was found broken: not to be used again, although the supervisor may not know yet.
    broken: AtomicU64,
    /// How many answers there were: a connection on which they come is busy, not dead.
    answered: Arc<AtomicU64>,
}

impl Commands {
    pub(super) fn new(
        link: watch::Receiver<Link>,
        suspicions: mpsc::Sender<Suspicion>,
        answered: Arc<AtomicU64>,
    ) -> Self {
        Self { link, suspicions, broken: AtomicU64::new(0), answered }
    }

    /// Runs a script, once.
    pub(super) async fn run(&self, call: &Call) -> Result<Value, StoreError> {
        self.run_until(call, Instant::now() + RESPONSE_TIMEOUT).await
    }

    /// Runs a script that may run twice without harm, a second time if the first answer was lost.
    pub(super) async fn run_idempotent(&self, call: &Call) -> Result<Value, StoreError> {
        match self.run(call).await {
            Err(StoreError::OutcomeUnknown(_)) => self.run(call).await,
            answer => answer,
        }
    }

    /// Runs a script, once, and waits for its answer until `deadline`.
    pub(super) async fn run_until(&self, call: &Call, deadline: Instant) -> Result<Value, StoreError> {
        let (mut connection, epoch) = self.connection(deadline).await?;
        let by_hash = call.by_hash();
        let answer = self.answer(epoch, deadline, connection.send_packed_command(&by_hash)).await?;
        let answer = if is_no_script(&answer) {
            let by_source = call.by_source();
            self.answer(epoch, deadline, connection.send_packed_command(&by_source)).await?
        } else {
            answer
        };
        self.checked(epoch, answer)
    }

    /// Runs scripts in one round trip and answers in their order. They may be of different slots.
    pub(super) async fn run_all(&self, calls: &[Call]) -> Result<Vec<Value>, StoreError> {
        let mut pipeline = Pipeline::with_capacity(calls.len());
        for call in calls {
            pipeline.add_command(call.by_hash());
        }
        let (mut answers, epoch) = self.send_unchecked(&pipeline).await?;
        if answers.len() != calls.len() {
            return Err(StoreError::Corrupt(format!("{} answers to {} scripts", answers.len(), calls.len())));
        }
        for (answer, call) in answers.iter_mut().zip(calls) {
            if is_no_script(answer) {
                *answer = self.run(call).await?;
            }
        }
        answers.into_iter().map(|answer| self.checked(epoch, answer)).collect()
    }

    /// Sends one command that may be sent twice.
    pub(super) async fn send(&self, command: Cmd) -> Result<Value, StoreError> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command);
        let answer = self.send_all(&pipeline).await?.into_iter().next();
        answer.ok_or_else(|| StoreError::Corrupt("no answer".to_owned()))
    }

    /// Sends commands that may be sent twice, in one round trip.
    pub(super) async fn send_all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let (answers, epoch) = match self.send_unchecked(pipeline).await {
            Err(StoreError::OutcomeUnknown(_)) => self.send_unchecked(pipeline).await?,
            answers => answers?,
        };
        answers.into_iter().map(|answer| self.checked(epoch, answer)).collect()
    }

    /// The answers, errors of Redis among them, and the epoch of the connection that they came by.
    async fn send_unchecked(&self, pipeline: &Pipeline) -> Result<(Vec<Value>, u64), StoreError> {
        let deadline = Instant::now() + RESPONSE_TIMEOUT;
        let (mut connection, epoch) = self.connection(deadline).await?;
        let sent = connection.send_packed_commands(pipeline, 0, pipeline.len());
        Ok((self.answer(epoch, deadline, sent).await?, epoch))
    }

    /// The connection, waited for if it has only just been lost, with its time-out set to the deadline.
    async fn connection(&self, deadline: Instant) -> Result<(MultiplexedConnection, u64), StoreError> {
        let mut link = self.link.clone();
        let usable = |link: &Link| match link {
            Link::Up { epoch, .. } => *epoch > self.broken.load(Ordering::Relaxed),
            Link::Down { .. } => false,
            Link::Refused { .. } | Link::Closed => true,
        };
        let lost = match &*link.borrow() {
            Link::Down { since, .. } => *since,
            _ => Instant::now(),
        };
        // The borrow that `wait_for` answers must not be held across an await: cloned at once.
        let found = timeout_at(deadline.min(lost + PATIENCE), link.wait_for(usable))
            .await
            .map(|found| found.map(|link| link.clone()));
        match found {
            Ok(Ok(Link::Up { mut connection, epoch })) => {
                // Of this clone only. A little later than ours, which is the one that tells why.
                connection.set_response_timeout(deadline.duration_since(Instant::now()) + DOUBT);
                Ok((connection, epoch))
            }
            Ok(Ok(Link::Refused { why })) => Err(StoreError::Corrupt(why.to_string())),
            Err(_) => match &*self.link.borrow() {
                Link::Down { why, .. } => Err(StoreError::Unavailable(why.to_string())),
                _ => Err(StoreError::Unavailable("the connection is being rebuilt".to_owned())),
            },
            Ok(_) => Err(StoreError::Unavailable("the store is closed".to_owned())),
        }
    }

    /// Waits for the answer to what was sent: until the deadline, and no longer than there is hope for one.
    async fn answer<T>(
        &self,
        epoch: u64,
        deadline: Instant,
        sent: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, StoreError> {
        let silence = async {
            sleep(DOUBT).await;
            self.suspect(Suspicion::Slow(epoch));
            let is_other = |link: &Link| !matches!(link, Link::Up { epoch: now, .. } if *now == epoch);
            // An error means that the engine is being closed, which is no hope either.
            let _ = self.link.clone().wait_for(is_other).await;
        };
        let unknown = |why: &str| Err(StoreError::OutcomeUnknown(why.to_owned()));
        tokio::select! {
            answer = sent => match answer {
                Ok(answer) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    Ok(answer)
                }
                Err(error) => Err(self.failure(epoch, &error)),
            },
            () = silence => unknown("the connection fell silent"),
            () = sleep_until(deadline) => unknown("no answer in time"),
        }
    }

    /// An answer of Redis that may itself be an error.
    fn checked(&self, epoch: u64, answer: Value) -> Result<Value, StoreError> {
        answer.extract_error().map_err(|error| self.failure(epoch, &error))
    }

    fn failure(&self, epoch: u64, error: &RedisError) -> StoreError {
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse => {
                self.suspect(Suspicion::Broken(epoch));
                StoreError::OutcomeUnknown(error.to_string())
            }
            ErrorKind::Server(ServerErrorKind::ReadOnly) => {
                self.suspect(Suspicion::Broken(epoch));
                StoreError::Unavailable(error.to_string())
            }
            _ if error.code().is_some_and(is_refusal) => StoreError::Unavailable(error.to_string()),
            _ => StoreError::Corrupt(error.to_string()),
        }
    }

    fn suspect(&self, suspicion: Suspicion) {
        if let Suspicion::Broken(epoch) = suspicion {
            self.broken.fetch_max(epoch, Ordering::Relaxed);
        }
        // A full queue means that the supervisor has more than enough reason to look.
        let _ = self.suspicions.try_send(suspicion);
    }
}

fn is_no_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}

/// The error codes by which Redis says that it is in no state to carry the command out, and did not.
fn is_refusal(code: &str) -> bool {
    matches!(
        code,
        "BUSY"
            | "CLUSTERDOWN"
            | "LOADING"
            | "MASTERDOWN"
            | "MISCONF"
            | "NOAUTH"
            | "NOPERM"
            | "NOREPLICAS"
            | "OOM"
            | "READONLY"
            | "TRYAGAIN"
            | "UNKILLABLE"
            | "WRONGPASS"
    )
}
