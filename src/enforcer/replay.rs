//! What the log is asked again for a watcher, page by page, so that whoever asks can do something else in between.

use crate::store::{Event, EventFilter, EventId, EventPage};

/// Events of one read of the log.
pub(super) const PAGE: usize = 200;
/// The most that is read back for one watcher.
const MAX_REPLAYED: usize = 1_000;
/// Reads of the log for one replay: a page may end early, even empty.
const MAX_READS: usize = 200;

/// How far a replay has come.
#[derive(Debug)]
pub struct Replay {
    pub(super) filter: EventFilter,
    pub(super) before: Option<EventId>,
    reads: usize,
    /// Newest first.
    events: Vec<Event>,
}

impl Replay {
    pub(super) const fn new(filter: EventFilter) -> Self {
        Self { filter, before: None, reads: 0, events: Vec::new() }
    }

    /// Takes a page in; answers whether that was all.
    pub(super) fn take(&mut self, page: EventPage) -> bool {
        self.events.extend(page.events);
        self.before = page.next;
        self.reads += 1;
        self.before.is_none() || self.events.len() >= MAX_REPLAYED || self.reads == MAX_READS
    }

    /// The newest 1,000 events, oldest first, and whether there were more, older ones.
    pub fn finish(self) -> (Vec<Event>, bool) {
        let Self { mut events, before, .. } = self;
        let is_cut = before.is_some() || events.len() > MAX_REPLAYED;
        events.truncate(MAX_REPLAYED);
        events.reverse();
        (events, is_cut)
    }
}
