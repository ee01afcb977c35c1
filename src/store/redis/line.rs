//! One line: the connection for commands to one primary, as those see it who send.
//!
//! Owns the rule of lost answers: what was never sent is `Unavailable`; what was sent and not answered is
//! `OutcomeUnknown`. Refuses to queue: while the primary is away, a command waits until one second after it went,
//! then fails at once. Does not read what answers say (`commands.rs`) and keeps no connection alive
//! (`supervisor.rs`).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, Value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::finder::Doubts;
use super::layout::Address;
use super::life::Life;
use crate::store::StoreError;

/// A restart of Redis with little data, or a lost connection, is over within this; longer and nobody waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// A command without an answer for this long has the supervisor look whether the connection is still there.
const DOUBT: Duration = Duration::from_secs(1);
/// How many suspicions may wait for the supervisor; one is enough to make it look.
const SUSPICIONS: usize = 16;

/// What the supervisor says about the connection.
#[derive(Clone)]
pub(super) enum Link {
    Up {
        /// Without a time-out of its own: who sends bounds each command (`Wire::answer`).
        connection: MultiplexedConnection,
        epoch: u64,
        life: Arc<Life>,
    },
    Down {
        since: Instant,
        why: Arc<str>,
    },
    /// Redis is there and will not do: too old, or of another layout.
    Refused {
        why: Arc<str>,
    },
    /// No more of it: the engine is closed, or this is no primary any longer.
    Closed,
}

/// What a command noticed about the connection of that epoch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Suspicion {
    /// It is gone, or leads to a server that takes no writes.
    Broken(u64),
    /// It did not answer in time.
    Slow(u64),
    /// Its mark is not the one that was known.
    Forgetful(u64),
}

pub(super) struct Line {
    address: Address,
    link: watch::Receiver<Link>,
    suspicions: mpsc::Sender<Suspicion>,
    /// The latest epoch that was found broken: not to be used again, although the supervisor may not know yet.
    broken: AtomicU64,
    /// How many answers there were: a connection on which they come is busy, not dead.
    answered: Arc<AtomicU64>,
    doubts: Doubts,
}

/// The supervisor's end of a line.
pub(super) struct LineEnd {
    pub link: watch::Sender<Link>,
    pub suspicions: mpsc::Receiver<Suspicion>,
    pub answered: Arc<AtomicU64>,
}

impl Line {
    pub(super) fn new(address: Address, doubts: Doubts) -> (Arc<Self>, LineEnd) {
        let down = Link::Down { since: Instant::now(), why: "not connected yet".into() };
        let (link_sender, link) = watch::channel(down);
        let (suspicions, suspicions_receiver) = mpsc::channel(SUSPICIONS);
        let answered = Arc::<AtomicU64>::default();
        let end =
            LineEnd { link: link_sender, suspicions: suspicions_receiver, answered: Arc::clone(&answered) };
        (Arc::new(Self { address, link, suspicions, broken: AtomicU64::new(0), answered, doubts }), end)
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Whose life it is that answers now.
    pub(super) fn life(&self) -> Option<Arc<Life>> {
        match &*self.link.borrow() {
            Link::Up { life, .. } => Some(Arc::clone(life)),
            _ => None,
        }
    }

    /// Its mark is another one by now, or gone: the supervisor has to look.
    pub(super) fn report_forgetful(&self) {
        if let Link::Up { epoch, .. } = *self.link.borrow() {
            let _ = self.suspicions.try_send(Suspicion::Forgetful(epoch));
        }
    }

    /// The connection, if it is there: as it is for almost every command, which then need not wait for news of it.
    pub(super) fn wire_now(self: &Arc<Self>, deadline: Instant) -> Option<Wire> {
        match &*self.link.borrow() {
            Link::Up { connection, epoch, .. } if *epoch > self.broken.load(Ordering::Relaxed) => {
                Some(Wire { line: Arc::clone(self), connection: connection.clone(), epoch: *epoch, deadline })
            }
            _ => None,
        }
    }

    /// The connection, waited for if it has only just been lost. Never returns once the line is closed: the caller
    /// waits for another one at the same time.
    pub(super) async fn wire(self: &Arc<Self>, deadline: Instant) -> Result<Wire, StoreError> {
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
            Ok(Ok(Link::Up { connection, epoch, .. })) => {
                Ok(Wire { line: Arc::clone(self), connection, epoch, deadline })
            }
            Ok(Ok(Link::Refused { why })) => Err(StoreError::Corrupt(why.to_string())),
            Ok(_) => std::future::pending().await,
            Err(_) => match &*self.link.borrow() {
                Link::Down { why, .. } => Err(StoreError::Unavailable(why.to_string())),
                _ => Err(StoreError::Unavailable("the connection is being rebuilt".to_owned())),
            },
        }
    }

    fn suspect(&self, suspicion: Suspicion) {
        if let Suspicion::Broken(epoch) = suspicion {
            self.broken.fetch_max(epoch, Ordering::Relaxed);
            self.doubts.doubt();
        }
        // A full queue means that the supervisor has more than enough reason to look.
        let _ = self.suspicions.try_send(suspicion);
    }
}

/// The connection of a line at one moment, for the commands of one operation.
pub(super) struct Wire {
    line: Arc<Line>,
    connection: MultiplexedConnection,
    epoch: u64,
    deadline: Instant,
}

impl Wire {
    pub(super) fn address(&self) -> &Address {
        &self.line.address
    }

    /// The answer to one command, which may be an error.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, StoreError> {
        let mut connection = self.connection.clone();
        self.answer(connection.send_packed_command(command)).await
    }

    /// One answer a command, errors among them.
    pub(super) async fn send_all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, StoreError> {
        let mut connection = self.connection.clone();
        let answers = self.answer(connection.send_packed_commands(pipeline, 0, pipeline.len())).await?;
        if answers.len() == pipeline.len() {
            Ok(answers)
        } else {
            Err(StoreError::Corrupt(format!("{} answers to {} commands", answers.len(), pipeline.len())))
        }
    }

    /// This primary takes no writes any more.
    pub(super) fn report_demoted(&self) {
        self.line.suspect(Suspicion::Broken(self.epoch));
    }

    /// Waits for the answer to what was sent: until the deadline, and no longer than there is hope for one.
    async fn answer<T>(&self, sent: impl Future<Output = Result<T, RedisError>>) -> Result<T, StoreError> {
        let mut sent = pin!(sent);
        // One timer, and the crate's own is off: almost every answer comes before it, and each timer is a lock that all
        // commands of the node meet at.
        let doubt_at = self.deadline.min(Instant::now() + DOUBT);
        let answer = match timeout_at(doubt_at, sent.as_mut()).await {
            Ok(answer) => answer,
            Err(_) => self.late_answer(sent).await?,
        };
        match answer {
            Ok(answer) => {
                self.line.answered.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// An answer that there is doubt about.
    async fn late_answer<T>(&self, sent: impl Future<Output = T>) -> Result<T, StoreError> {
        let silence = async {
            self.line.suspect(Suspicion::Slow(self.epoch));
            let is_other = |link: &Link| !matches!(link, Link::Up { epoch, .. } if *epoch == self.epoch);
            // An error means that the engine is being closed, which is no hope either.
            let _ = self.line.link.clone().wait_for(is_other).await;
        };
        let unknown = |why: &str| Err(StoreError::OutcomeUnknown(why.to_owned()));
        tokio::select! {
            biased;
            answer = sent => Ok(answer),
            () = sleep_until(self.deadline) => unknown("no answer in time"),
            () = silence => unknown("the connection fell silent"),
        }
    }

    fn failure(&self, error: &RedisError) -> StoreError {
        match error.kind() {
            ErrorKind::Io | ErrorKind::Parse => {
                self.line.suspect(Suspicion::Broken(self.epoch));
                StoreError::OutcomeUnknown(error.to_string())
            }
            _ => StoreError::Corrupt(error.to_string()),
        }
    }
}
