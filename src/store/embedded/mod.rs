//! The embedded engine: one node, one directory, nothing else to install.
//!
//! | part | owns |
//! | --- | --- |
//! | `state` | every live session in memory, with its indexes |
//! | `step`, `login`, `restore`, `presence`, `ends` | the operations, as functions over the state |
//! | `writer` | the one thread that runs them: group commit, then messages, then answers |
//! | `disk`, `schema`, `journal` | SQLite: write-ahead log, synchronous commits |
//! | `view`, `page`, `contested`, `reports`, `jobs` | what administrators see |
//! | `archive` | lookups of what the memory does not hold |
//! | `log` | events over all partitions, and what is told to every node |
//! | `channel`, `throttle` | the notices of this process; the brakes |
//!
//! Reads take the state's lock for microseconds and never wait for the disk, unless they meet a change that is
//! being written just then: nothing is revealed that a power cut could take back. Refuses a second node on the
//! same directory. Invariant: an answered login is on the disk.

mod archive;
#[cfg(test)]
mod bare;
mod channel;
mod clock;
mod contested;
mod disk;
mod ends;
mod engine;
mod error;
mod jobs;
mod journal;
mod log;
mod login;
mod page;
mod presence;
mod reports;
mod restore;
mod schema;
mod state;
mod step;
#[cfg(test)]
mod tests;
mod throttle;
mod view;
mod writer;

#[cfg(test)]
pub(crate) use bare::{Bare, Snapshot};
pub use clock::{Clock, SystemClock};
pub use error::EmbeddedError;

use std::fs::{DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use archive::Archive;
use channel::Channel;
use disk::Disk;
use reports::Reports;
use state::State;
use step::{Changes, Step};
use throttle::Throttle;
use writer::{Health, Progress, Request, Shared, Writer};

use super::{Notice, StoreError};
use crate::config::EventsConfig;
use crate::domain::Timestamp;

/// Operations that may wait for the writer; further callers wait for a place, for a bounded time.
const QUEUE: usize = 1024;
/// How long a caller waits for a place in the queue.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// How long a caller waits for an answer. A disk that takes longer is as good as gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often what may wait (uses) is written, and recovery tried.
const TICK: Duration = Duration::from_secs(1);

pub struct Embedded {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    archive: Archive,
    throttle: Throttle,
    reports: Reports,
    dir: PathBuf,
    started: std::time::Instant,
    /// For people.
    description: String,
}

impl Embedded {
    /// Opens the store in `dir`, which is created if need be, and reads every live session into memory. Blocks
    /// while it reads (some 5 µs a session: about 5 s for a million); to be called in a tokio runtime.
    ///
    /// # Errors
    /// Another node uses `dir`, it is not writable, or what is in it was not written by this version.
    pub fn open(dir: &Path, clock: impl Clock) -> Result<(Arc<Self>, mpsc::Receiver<Notice>), EmbeddedError> {
        Self::open_with(dir, clock, EventsConfig::default())
    }

    /// The same with a log of that size and age.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        dir: &Path,
        clock: impl Clock,
        events: EventsConfig,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Notice>), EmbeddedError> {
        let lock = lock(dir)?;
        let disk = Disk::open(dir, events)?;
        let state = disk.load(0)?;
        let (channel, notices) = Channel::new();
        let progress = Progress { epoch: 0, committed: 0, health: Health::Running };
        let shared = Arc::new(Shared {
            state: RwLock::new(state),
            progress: watch::Sender::new(progress),
            clock: Box::new(clock),
            channel,
        });
        let (requests, receiver) = mpsc::channel(QUEUE);
        let writer = Writer {
            dir: dir.to_owned(),
            events,
            shared: Arc::clone(&shared),
            requests: receiver,
            disk: Some(disk),
            changes: Changes::default(),
            batch: 0,
            lock,
        };
        std::thread::Builder::new()
            .name("embedded-writer".into())
            .spawn(|| writer.run())
            .map_err(EmbeddedError::Thread)?;
        tokio::spawn(tick(requests.downgrade()));
        let description = format!("SQLite {} in {}", rusqlite::version(), dir.display());
        let archive = Archive::new(dir.to_owned());
        Ok((
            Arc::new(Self {
                shared,
                requests,
                archive,
                throttle: Throttle::default(),
                reports: Reports::default(),
                dir: dir.to_owned(),
                started: std::time::Instant::now(),
                description,
            }),
            notices,
        ))
    }

    /// Has the writer carry out `operation`; answers once it is durable.
    async fn submit<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.enqueue(false, operation).await
    }

    /// The same, but what its caller has given up by the time of its turn is not carried out: a login that nobody
    /// waits for would put out who has logged in since.
    async fn submit_punctual<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.enqueue(true, operation).await
    }

    async fn enqueue<T: Send + 'static>(
        &self,
        punctual: bool,
        operation: impl FnOnce(&mut Step<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.running()?;
        let (reply, answer) = oneshot::channel();
        let work: writer::Work = Box::new(move |step| {
            if punctual && reply.is_closed() {
                return Box::new(|_| ());
            }
            let result = step.and_then(operation);
            Box::new(move |failure| {
                let result = match failure {
                    // What failed by itself changed nothing, whatever became of the others.
                    Some(failure) if result.is_ok() => Err(failure),
                    _ => result,
                };
                // A caller that went away does not hear of it.
                let _ = reply.send(result);
            })
        });
        self.send(Request::Work(work)).await?;
        let answer = timeout(ANSWER_WITHIN, answer).await;
        let lost = || StoreError::OutcomeUnknown("the writer did not answer".into());
        answer.map_err(|_| lost())?.map_err(|_| lost())?
    }

    /// Whether the disk takes a write, in its turn.
    async fn probe(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Probe(reply)).await?;
        let answer = timeout(ANSWER_WITHIN, answer).await.map_err(|_| unavailable("the disk is too slow"))?;
        answer.map_err(|_| unavailable("its writer is gone"))?
    }

    async fn send(&self, request: Request) -> Result<(), StoreError> {
        let place = timeout(PLACE_WITHIN, self.requests.reserve()).await;
        let place = place.map_err(|_| unavailable("too many operations are waiting"))?;
        place.map_err(|_| unavailable("it is closed"))?.send(request);
        Ok(())
    }

    /// Reads the state. `look` also says by which batch what it saw was changed; the answer waits until that is
    /// on the disk.
    async fn read<T>(&self, look: impl FnOnce(&State) -> (T, u64)) -> Result<T, StoreError> {
        let (seen, batch, epoch) = self.look(|state| {
            let (seen, batch) = look(state);
            (seen, batch, state.epoch)
        })?;
        self.settled(batch, epoch).await?;
        Ok(seen)
    }

    /// Looks at the state, which may not be on the disk yet: what is seen is told after [`Self::settled`].
    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        self.running()?;
        let state = self.shared.state.read().map_err(|_| unavailable("its writer is gone"))?;
        Ok(look(&state))
    }

    /// Waits until the batch of that epoch is on the disk.
    async fn settled(&self, batch: u64, epoch: u64) -> Result<(), StoreError> {
        let mut progress = self.shared.progress.subscribe();
        let settled = progress.wait_for(|progress| {
            progress.epoch != epoch
                || progress.committed >= batch
                || !matches!(progress.health, Health::Running)
        });
        let settled = timeout(ANSWER_WITHIN, settled).await;
        let settled = settled.map_err(|_| unavailable("the disk is too slow"))?;
        let settled = settled.map_err(|_| unavailable("it is closed"))?;
        if settled.epoch == epoch && settled.committed >= batch {
            Ok(())
        } else {
            Err(unavailable("the last write to the disk failed"))
        }
    }

    fn running(&self) -> Result<(), StoreError> {
        if self.requests.is_closed() {
            return Err(unavailable("it is closed"));
        }
        match &self.shared.progress.borrow().health {
            Health::Running => Ok(()),
            Health::Failed(why) => Err(unavailable(&format!("the last write to the disk failed: {why}"))),
            Health::Closed => Err(unavailable("it is closed")),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.shared.clock.now_us() / 1000)
    }
}

/// Wakes the writer once a second until the store is closed or dropped.
async fn tick(requests: mpsc::WeakSender<Request>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let Some(requests) = requests.upgrade() else { return };
        if let Err(mpsc::error::TrySendError::Closed(_)) = requests.try_send(Request::Tick) {
            return;
        }
    }
}

/// Creates the directory (for its owner only: it holds who is logged in where) and makes it ours.
fn lock(dir: &Path) -> Result<File, EmbeddedError> {
    let directory = |source| EmbeddedError::Directory { dir: dir.to_owned(), source };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(directory)?;
    let lock = File::options().create(true).truncate(false).write(true).open(dir.join("lock"));
    let lock = lock.map_err(directory)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(directory(source)),
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}
