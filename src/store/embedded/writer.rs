//! The one thread that changes anything: group commit.
//!
//! It takes what is waiting (at most [`MAX_BATCH`] operations), carries each out in memory, writes all of it in one
//! transaction, sends the messages, and only then answers. Invariant: nobody is told of a change that is not on
//! the disk: answers wait here, readers wait for [`Progress::committed`].
//!
//! When a commit fails its operations are answered with `OutcomeUnknown` and the memory is read from the disk
//! again. Until that succeeds everything is `Unavailable`; it is tried at most once a second, for as long as the
//! engine lives, by the tick that also writes what may wait. The node is then told of a gap: should the commit have
//! reached the disk after all, the sockets of those that it ended are found by the check that follows.

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{mpsc, oneshot, watch};

use super::channel::Channel;
use super::clock::Clock;
use super::disk::Disk;
use super::error::EmbeddedError;
use super::state::{State, View};
use super::step::{Changes, Step};
use crate::config::EventsConfig;
use crate::domain::{Record, SessionId, Timestamp};
use crate::store::{SessionPresence, StoreError};

/// Operations in one commit: a few milliseconds of work, so that the first of them does not wait long for the last.
const MAX_BATCH: usize = 256;

/// An operation: carried out on the step, or told why it is not. Its answer waits for the commit.
pub(super) type Work = Box<dyn FnOnce(Result<&mut Step<'_>, StoreError>) -> Answer + Send>;
/// Called once, with the error if the commit failed.
pub(super) type Answer = Box<dyn FnOnce(Option<StoreError>) + Send>;

pub(super) enum Request {
    Work(Work),
    /// Write what may wait; try to recover.
    Tick,
    /// Say whether the disk takes writes.
    Probe(oneshot::Sender<Result<(), StoreError>>),
    /// Write everything and stop. Answered when the directory is free again.
    Close(oneshot::Sender<()>),
}

/// How far the disk is. Watched by readers.
#[derive(Clone)]
pub(super) struct Progress {
    pub epoch: u64,
    pub committed: u64,
    pub health: Health,
}

#[derive(Clone)]
pub(super) enum Health {
    Running,
    /// The last commit failed; the memory may hold what the disk does not.
    Failed(Arc<str>),
    Closed,
}

/// What the writer shares with its callers.
pub(super) struct Shared {
    pub state: RwLock<State>,
    pub progress: watch::Sender<Progress>,
    pub clock: Box<dyn Clock>,
    pub channel: Channel,
}

pub(super) struct Writer {
    pub dir: PathBuf,
    /// How much of the log is kept.
    pub events: EventsConfig,
    pub shared: Arc<Shared>,
    pub requests: mpsc::Receiver<Request>,
    /// `None` after a failure, until it could be opened again.
    pub disk: Option<Disk>,
    pub changes: Changes,
    pub batch: u64,
    /// Held as long as the thread lives.
    pub lock: File,
}

impl Writer {
    /// Until it is closed or the last handle is dropped.
    pub(super) fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let Some(first) = self.next() else { break };
            self.batch += 1;
            let (mut answers, mut probes) = (Vec::new(), Vec::new());
            let mut write_seen = false;
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Work(work) => answers.push(self.perform(work)),
                    Request::Tick => write_seen = true,
                    Request::Probe(reply) => probes.push(reply),
                    Request::Close(done) => closing = Some(done),
                }
                let room = answers.len() + probes.len() < MAX_BATCH && closing.is_none();
                next = if room { self.requests.try_recv().ok() } else { None };
            }
            let presence = std::mem::take(&mut self.changes.presence);
            let failure = self.settle(write_seen).err();
            self.tell_presence(&presence);
            for answer in answers {
                answer(failure.clone());
            }
            if !probes.is_empty() {
                let taken = self.probe();
                // Whoever went away does not hear of it.
                probes.into_iter().for_each(|reply| drop(reply.send(taken.clone())));
            }
        }
        self.finish(closing);
    }

    /// The next request; while uses wait to be written and nobody asks for anything, a tick.
    fn next(&mut self) -> Option<Request> {
        // More than one commit's worth: the tick that wrote the first of them goes on between requests.
        if self.disk.is_some() && self.changes.seen.len() > super::disk::SEEN_LIMIT {
            match self.requests.try_recv() {
                Ok(request) => return Some(request),
                Err(mpsc::error::TryRecvError::Empty) => return Some(Request::Tick),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
        }
        self.requests.blocking_recv()
    }

    fn perform(&mut self, work: Work) -> Answer {
        let Some(disk) = &self.disk else {
            return work(Err(StoreError::Unavailable("the last write to the disk failed".into())));
        };
        // A panic while it is held ends this thread, and with it the engine; readers find it poisoned.
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut step = Step {
            state: &mut state,
            changes: &mut self.changes,
            disk,
            now_us: self.shared.clock.now_us(),
            batch: self.batch,
        };
        work(Ok(&mut step))
    }

    /// Writes next to nothing. A disk that refuses it has not failed a change: the memory is right, and is not read
    /// again for it.
    fn probe(&self) -> Result<(), StoreError> {
        let refused = |why: &str| StoreError::Unavailable(format!("the disk takes no writes: {why}"));
        let disk = self.disk.as_ref().ok_or_else(|| refused("the last one failed"))?;
        disk.touch(self.shared.clock.now_us()).map_err(|error| refused(&error.to_string()))
    }

    /// Makes the batch durable and tells of it; or, after a failure, tries to recover.
    fn settle(&mut self, write_seen: bool) -> Result<(), StoreError> {
        self.shared.channel.mend();
        let Some(disk) = &mut self.disk else {
            if write_seen {
                self.recover();
            }
            return Ok(());
        };
        let write = self.changes.must_be_written() || (write_seen && !self.changes.seen.is_empty());
        if !write {
            return Ok(());
        }
        let committed = {
            let state = self.shared.state.read().unwrap_or_else(PoisonError::into_inner);
            disk.commit(&state, &mut self.changes)
        };
        match committed {
            Ok(()) => {
                self.committed();
                Ok(())
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Who is connected is not on the disk: what was told of it is true whatever became of the commit.
    fn tell_presence(&self, changed: &HashSet<SessionId>) {
        if changed.is_empty() {
            return;
        }
        self.shared.channel.tell_presence(|| {
            let state = self.shared.state.read().unwrap_or_else(PoisonError::into_inner);
            let now = Timestamp::from_millis(self.shared.clock.now_us() / 1000);
            let view = View { now, with_data: false, node_ttl_ms: None };
            let live = changed.iter().filter_map(|id| state.entry(*id)).filter(|entry| entry.end.is_none());
            live.map(|entry| presence_of(&state.record(entry, view))).collect()
        });
    }

    fn committed(&mut self) {
        let seen = std::mem::take(&mut self.changes.seen);
        let changes = std::mem::replace(&mut self.changes, Changes { seen, ..Changes::default() });
        self.shared.progress.send_modify(|progress| progress.committed = self.batch);
        for message in changes.messages {
            self.shared.channel.deliver(message);
        }
        for event in changes.events {
            self.shared.channel.tell(event);
        }
        let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
        for id in changes.records {
            state.forget(id);
        }
    }

    fn fail(&mut self, error: &rusqlite::Error) -> StoreError {
        tracing::error!(%error, "a commit failed; the store is read from the disk again");
        let why: Arc<str> = error.to_string().into();
        self.shared.progress.send_modify(|progress| progress.health = Health::Failed(Arc::clone(&why)));
        // Dropping the connection rolls back whatever the transaction left behind.
        self.disk = None;
        self.changes = Changes { seen: std::mem::take(&mut self.changes.seen), ..Changes::default() };
        StoreError::OutcomeUnknown(format!("the write to the disk failed: {why}"))
    }

    fn recover(&mut self) {
        let epoch = self.shared.progress.borrow().epoch + 1;
        let read = || -> Result<(Disk, State), EmbeddedError> {
            let disk = Disk::open(&self.dir, self.events)?;
            let state = disk.load(epoch)?;
            Ok((disk, state))
        };
        match read() {
            Ok((disk, mut fresh)) => {
                let mut state = self.shared.state.write().unwrap_or_else(PoisonError::into_inner);
                std::mem::swap(&mut *state, &mut fresh);
                state.carry_over(fresh);
                drop(state);
                self.disk = Some(disk);
                let progress = Progress { epoch, committed: self.batch, health: Health::Running };
                self.shared.progress.send_replace(progress);
                self.shared.channel.lose();
                tracing::info!("the store was read from the disk again");
            }
            Err(error) => tracing::warn!(%error, "the store can't be read from the disk yet"),
        }
    }

    /// Writes the uses that are still waiting, closes the file, lets go of the directory.
    fn finish(mut self, closing: Option<oneshot::Sender<()>>) {
        self.shared.progress.send_modify(|progress| progress.health = Health::Closed);
        while !self.changes.seen.is_empty() && self.disk.is_some() {
            let waiting: usize = self.changes.seen.len();
            if self.settle(true).is_err() || self.changes.seen.len() >= waiting {
                break;
            }
        }
        let Self { disk, lock, requests, .. } = self;
        drop(requests);
        drop(disk);
        drop(lock);
        if let Some(done) = closing {
            // Nobody waits any more: that is fine.
            let _ = done.send(());
        }
    }
}

fn presence_of(record: &Record) -> SessionPresence {
    let Record { session, connections, .. } = record;
    SessionPresence {
        id: session.id,
        connections: *connections,
        node: record.node(),
        seen_at: session.seen_at,
    }
}
