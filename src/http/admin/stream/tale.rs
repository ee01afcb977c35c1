//! What one watcher is told, in which order.
//!
//! Owns where the watcher stands, and what it has been told lately. Invariant: what the feed brought before the watcher
//! was there, or lost, is read from the log before what the feed brings next; what was told is not told again by that.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use axum::response::sse::Event as Frame;
use tokio::time::{Instant, sleep_until};

use super::frame;
use crate::domain::Timestamp;
use crate::enforcer::{Replay, Told, Watcher};
use crate::store::{Event, EventId, StoreError};

/// How often a client that is told nothing hears that the stream lives, and its right to it is looked at.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When the log is asked again that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How far before the last event the log is read again by who comes back: events of several servers are not of one
/// clock, nor do they arrive in one order.
const RESUME_MS: u64 = 5_000;
/// The same after a gap: a feed that is broken is only found so after a while.
const GAP_MS: u64 = 30_000;
/// Of how many events it is remembered that they were told: more than one replay has.
const MAX_TOLD: usize = 2048;

pub(super) struct Tale {
    watcher: Watcher,
    /// The latest event that was told, or when the watcher came.
    last: Timestamp,
    told: BTreeSet<EventId>,
    /// To be told at once.
    ready: VecDeque<Frame>,
    /// The log is being read, before the feed is heard again.
    reading: Option<Reading>,
    beat_at: Instant,
}

/// A reading of the log that is under way, or waits for its time.
struct Reading {
    at: Instant,
    replay: Replay,
}

impl Reading {
    /// Reads on when it is time; answers whether that was all. Cancelled, it has read nothing.
    async fn go_on(&mut self, watcher: &Watcher) -> Result<bool, StoreError> {
        sleep_until(self.at).await;
        watcher.read_on(&mut self.replay).await
    }
}

impl Tale {
    pub fn new(watcher: Watcher, after: Option<EventId>, now: Timestamp) -> Self {
        let start = Instant::now();
        let last = after.map_or(now, |id| Timestamp::from_millis(id.ms));
        let replay = || watcher.replay(last.minus_millis(RESUME_MS));
        Self {
            reading: after.map(|_| Reading { at: start, replay: replay() }),
            watcher,
            last,
            told: after.into_iter().collect(),
            ready: VecDeque::from([frame::hello()]),
            beat_at: start + HEARTBEAT,
        }
    }

    /// The next frame; `None` at the end.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            self.beat().await?;
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            let Some(reading) = &mut self.reading else {
                tokio::select! {
                    biased;
                    told = self.watcher.next() => self.hear(told?),
                    () = sleep_until(self.beat_at) => {}
                }
                continue;
            };
            let read = tokio::select! {
                biased;
                () = self.watcher.closed() => return None,
                read = reading.go_on(&self.watcher) => read,
                () = sleep_until(self.beat_at) => continue,
            };
            match read {
                Ok(true) => self.have_read(),
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "a watcher waits for the log");
                    reading.at = Instant::now() + RETRY;
                }
            }
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Event(event) => self.tell(&event),
            Told::Skipped(skipped) => self.ready.push_back(frame::summary(&skipped)),
            Told::Moved(movements) => self.ready.push_back(frame::presence(&movements)),
            Told::Gap { connected } => {
                self.ready.push_back(frame::gap(connected));
                let replay = || self.watcher.replay(self.last.minus_millis(GAP_MS));
                self.reading = connected.then(|| Reading { at: Instant::now(), replay: replay() });
            }
        }
    }

    /// Tells what the log has said.
    fn have_read(&mut self) {
        let Some(Reading { replay, .. }) = self.reading.take() else { return };
        let (events, is_cut) = replay.finish();
        if is_cut {
            self.ready.push_back(frame::reset());
        }
        for event in events {
            self.tell(&event);
        }
    }

    fn tell(&mut self, event: &Event) {
        if !self.told.insert(event.id) {
            return;
        }
        if self.told.len() > MAX_TOLD {
            self.told.pop_first();
        }
        self.last = self.last.max(Timestamp::from_millis(event.id.ms));
        self.ready.push_back(frame::event(event));
    }

    /// A sign of life where it is due, for who may still watch; also a client that is slow to take what is ready.
    async fn beat(&mut self) -> Option<()> {
        if self.watcher.is_closed() {
            return None;
        }
        if self.beat_at > Instant::now() {
            return Some(());
        }
        self.beat_at = Instant::now() + HEARTBEAT;
        // A store that can't be asked takes nobody's right away.
        let may_stay = self.watcher.may_stay().await.unwrap_or(true);
        self.ready.push_back(frame::heartbeat());
        may_stay.then_some(())
    }
}
