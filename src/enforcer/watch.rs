//! Who watches what happens, live: the inbox of each watcher, and whether the log is followed at all.
//!
//! Refuses to wait: an event is in every inbox, or counted as left out, before the next one is looked at.
//! Invariants: the log is followed while there is a watcher; an inbox holds at most [`CAPACITY`] events, takes at most
//! [`RATE`] a second, and counts what it leaves out; whose own session ends watches no longer.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Enforcer;
use super::attendance::{Attendance, Movements};
use super::replay::{self, Replay};
use crate::domain::{SessionId, Timestamp};
use crate::store::{Event, EventFilter, EventId, EventKind, Fed, SessionPresence, StoreError};

/// Watchers on one node.
const MAX_WATCHERS: usize = 100;
/// Events that wait for one watcher: some 13 s of the most that it is sent.
const CAPACITY: usize = 256;
/// Events a second that a watcher is sent one by one: more than anybody reads.
const RATE: u32 = 20;
/// How often what was left out is summed up.
const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// What a watcher is told next.
#[derive(Debug, PartialEq)]
pub enum Told {
    Event(Arc<Event>),
    /// Events may be missing from now on (`false`), or until now (`true`): the log has them.
    Gap {
        connected: bool,
    },
    /// So many were left out since the last summary.
    Skipped(BTreeMap<EventKind, u64>),
    /// So these sessions are connected now.
    Moved(Movements),
}

/// Why nobody more can watch here.
#[derive(Debug)]
pub enum WatchError {
    /// There are as many as there may be, or the node goes away.
    Crowded,
    Store(StoreError),
}

/// All watchers of this node.
#[derive(Default)]
pub(super) struct Watchers {
    inboxes: Mutex<Vec<Arc<Inbox>>>,
    /// How many want the log to be followed. Held while it is given up, which takes its time, so that whoever begins
    /// to watch meanwhile follows it after that; nobody holds it to hand an event on.
    followers: Mutex<usize>,
}

/// What waits for one watcher.
struct Inbox {
    filter: EventFilter,
    /// Whether it is told how sessions are connected: of all, whatever the filter.
    wants_presence: bool,
    own: Option<SessionId>,
    mail: Mutex<Mail>,
    wake: Notify,
}

struct Mail {
    open: bool,
    gap: Option<bool>,
    queue: VecDeque<Arc<Event>>,
    skipped: BTreeMap<EventKind, u64>,
    attendance: Attendance,
    /// The second that is running, and what it has brought.
    second: Instant,
    taken: u32,
}

/// The reading end; the watcher is gone when it is dropped.
pub struct Watcher {
    enforcer: Arc<Enforcer>,
    inbox: Arc<Inbox>,
    summed_up: Instant,
}

impl Inbox {
    fn new(filter: EventFilter, wants_presence: bool, own: Option<SessionId>) -> Self {
        let mail = Mail {
            open: true,
            gap: None,
            queue: VecDeque::new(),
            skipped: BTreeMap::new(),
            attendance: Attendance::default(),
            second: Instant::now(),
            taken: 0,
        };
        Self { filter, wants_presence, own, mail: Mutex::new(mail), wake: Notify::new() }
    }

    /// Takes an event; answers whether it was left out.
    fn push(&self, event: &Arc<Event>, now: Instant) -> bool {
        let mut mail = self.lock();
        if self.own.is_some_and(|own| event.ends(own)) {
            mail.open = false;
        }
        let mut is_left_out = false;
        if mail.open {
            if !self.filter.admits(event) {
                return false;
            }
            if now.duration_since(mail.second) >= Duration::from_secs(1) {
                (mail.second, mail.taken) = (now, 0);
            }
            if mail.taken < RATE && mail.queue.len() < CAPACITY {
                mail.taken += 1;
                mail.queue.push_back(Arc::clone(event));
            } else {
                is_left_out = true;
                *mail.skipped.entry(event.kind).or_default() += 1;
            }
        }
        drop(mail);
        self.wake.notify_one();
        is_left_out
    }

    fn change(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut self.lock());
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchers {
    /// Hands an event to every watcher; answers how many left it out.
    pub fn push(&self, event: Event) -> usize {
        let (event, now) = (Arc::new(event), Instant::now());
        self.lock().iter().filter(|inbox| inbox.push(&event, now)).count()
    }

    /// Hands how sessions are connected to every watcher that wants it.
    pub fn presence(&self, presence: &[SessionPresence]) {
        for inbox in self.lock().iter().filter(|inbox| inbox.wants_presence) {
            inbox.change(|mail| mail.attendance.push(presence));
        }
    }

    pub fn gap(&self, connected: bool) {
        for inbox in self.lock().iter() {
            inbox.change(|mail| mail.gap = Some(connected));
        }
    }

    /// Sends all watchers away.
    pub fn close(&self) {
        for inbox in self.lock().iter() {
            inbox.change(|mail| mail.open = false);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Inbox>>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn followers(&self) -> MutexGuard<'_, usize> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    /// What is to be told next; `None`: watching is over, because the node goes away or the watcher's session has
    /// ended. Nothing is lost where this is cancelled.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            let due_at = {
                let mut mail = self.inbox.lock();
                if !mail.open {
                    return None;
                }
                if let Some(connected) = mail.gap.take() {
                    return Some(Told::Gap { connected });
                }
                if let Some(event) = mail.queue.pop_front() {
                    return Some(Told::Event(event));
                }
                let (now, due) = (Instant::now(), self.summed_up + SUMMARY_EVERY);
                if !mail.skipped.is_empty() && due <= now {
                    self.summed_up = now;
                    return Some(Told::Skipped(mem::take(&mut mail.skipped)));
                }
                if let Some(movements) = mail.attendance.take(now) {
                    return Some(Told::Moved(movements));
                }
                let summary = (!mail.skipped.is_empty()).then_some(due);
                summary.into_iter().chain(mail.attendance.due(now)).min()
            };
            match due_at {
                None => self.inbox.wake.notified().await,
                Some(at) => tokio::select! {
                    () = self.inbox.wake.notified() => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// Returns when watching is over.
    pub async fn closed(&self) {
        while self.inbox.lock().open {
            self.inbox.wake.notified().await;
        }
    }

    /// Whether watching is over.
    pub fn is_closed(&self) -> bool {
        !self.inbox.lock().open
    }

    /// The question what the log says happened from `since` on, as far as the watcher wants it.
    pub fn replay(&self, since: Timestamp) -> Replay {
        Replay::new(EventFilter { since: Some(since), ..self.inbox.filter.clone() })
    }

    /// Reads on; answers whether that was all. Cancelled, it has read nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_on(&self, replay: &mut Replay) -> Result<bool, StoreError> {
        let page = self.enforcer.events(&replay.filter, replay::PAGE, replay.before).await?;
        Ok(replay.take(page))
    }

    /// Whether the watcher's own session is live.
    ///
    /// # Errors
    /// The store's.
    pub async fn may_stay(&self) -> Result<bool, StoreError> {
        self.enforcer.is_still_in(self.inbox.own).await
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let watchers = &self.enforcer.watchers;
        watchers.lock().retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
        self.enforcer.metrics.watchers.dec();
        let mut followers = watchers.followers();
        *followers -= 1;
        if *followers == 0 {
            self.enforcer.log.unfollow();
        }
    }
}

impl Enforcer {
    /// From when this returns, every event that `filter` admits is told to the watcher, or counted as left out.
    /// `wants_presence`: it is also told how sessions are connected. `own`: the session that watches, if it is one.
    ///
    /// # Errors
    /// [`WatchError`].
    pub async fn watch(
        self: &Arc<Self>,
        filter: EventFilter,
        wants_presence: bool,
        own: Option<SessionId>,
    ) -> Result<Watcher, WatchError> {
        let inbox = Arc::new(Inbox::new(filter, wants_presence, own));
        {
            let mut inboxes = self.watchers.lock();
            if inboxes.len() >= MAX_WATCHERS || self.is_draining() {
                return Err(WatchError::Crowded);
            }
            inboxes.push(Arc::clone(&inbox));
        }
        // Not under that lock: whoever hands events on must not wait for a log that is being given up.
        *self.watchers.followers() += 1;
        self.metrics.watchers.inc();
        let watcher = Watcher { enforcer: Arc::clone(self), inbox, summed_up: Instant::now() };
        // Also where others watch already: theirs may be under way still.
        let following = self.metrics.store_call("follow", self.log.follow()).await;
        following.map_err(WatchError::Store)?;
        Ok(watcher)
    }

    /// One page of the log, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn events(
        &self,
        filter: &EventFilter,
        limit: usize,
        before: Option<EventId>,
    ) -> Result<crate::store::EventPage, StoreError> {
        let page = self.metrics.store_call("events", self.log.events(filter, limit, before)).await?;
        self.on_damaged_entries("event", page.damaged);
        Ok(page)
    }

    /// The newest of the log, also where single pages of it end early.
    ///
    /// # Errors
    /// The store's.
    pub async fn newest_events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<Event>, StoreError> {
        let page = self.metrics.store_call("newest", self.log.newest(filter, limit)).await?;
        self.on_damaged_entries("event", page.damaged);
        Ok(page.events)
    }

    /// Whether the session of who looks on is live; an API key has none that could end.
    ///
    /// # Errors
    /// The store's.
    pub async fn is_still_in(&self, own: Option<SessionId>) -> Result<bool, StoreError> {
        let Some(own) = own else { return Ok(true) };
        Ok(self.session(own).await?.is_some_and(|record| record.is_live()))
    }

    /// Brings the events of the feed to the watchers until `shutdown`, or until the store is closed.
    pub async fn run_feed(self: Arc<Self>, shutdown: CancellationToken) {
        let Some(mut feed) = self.log.feed() else { return };
        while let Some(Some(fed)) = shutdown.run_until_cancelled(feed.recv()).await {
            match fed {
                Fed::Event(event) => {
                    let left_out = self.watchers.push(event);
                    self.metrics.watcher_skipped.inc_by(left_out as u64);
                }
                Fed::Presence(presence) => self.watchers.presence(&presence),
                // While messages are being lost anyway, the log is read when they no longer are.
                Fed::Missed if self.channel_whole.load(Ordering::Acquire) => self.watchers.gap(true),
                Fed::Missed => {}
            }
        }
    }
}
