//! What the store has acknowledged to this node lately, to be told to it again should it forget.
//!
//! Owns logins, ends, and users disabled or enabled, by partition. A fact is kept for as long as a change of primary
//! can take it away: [`LOGINS_KEPT`] or [`ENDS_KEPT`] before the partition's last *sure* answer, so that nothing is
//! forgotten while that part of the store is away, nor while it is being healed. Ends are kept for longer than the
//! logins that they belong to, so that no login is replayed whose end nobody remembers any more.
//! Invariants: bounded in bytes, in all and by partition; nothing is dropped of a partition that is kept but for want of
//! room, and that is counted. Without room the partition's own oldest facts make way, and where it has none the new one is
//! not noted: what other partitions know is worth as much. About one session or user there is one fact of a kind, and
//! which of two stays is decided in the step that notes it.

mod shelf;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Partition, Presence, Record, SessionId, Timestamp, UserId};
use crate::metrics::Metrics;
use crate::store::Image;

use shelf::{Fact, Shelf, Taken};

/// Guarantee 5 speaks of 60 s; the rest is for a notice of a failover that comes late.
const LOGINS_KEPT: Duration = Duration::from_secs(70);
const ENDS_KEPT: Duration = Duration::from_secs(120);
/// A server that answers may be one that has forgotten, until so much time has passed without a notice of that. Only
/// then the answer is sure.
const NOTICE_WITHIN: Duration = Duration::from_secs(10);
/// Some 300,000 facts: 1,600 takeovers a second, each a login and an end.
const CAPACITY_BYTES: usize = 128 << 20;
/// Of that for one partition: a user that is a service leaves room for the others.
const SHARE_BYTES: usize = CAPACITY_BYTES / 4;

/// A session that was live at that moment of the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seated {
    pub image: Image,
    pub live_at: Timestamp,
    /// What was said of its connections here when the last of them had gone.
    pub left: Option<Presence>,
}

/// That a user was disabled, or enabled, at that moment of the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub user: UserId,
    pub disabled: bool,
    pub at: Timestamp,
}

/// What is to be replayed of one partition, in the order of its happening.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub ends: Vec<Image>,
    /// The last of each user: an older one told again could put out who came after the later one.
    pub marks: Vec<Mark>,
    /// Of sessions that are not among `ends`.
    pub logins: Vec<Seated>,
}

pub(super) struct Journal {
    parts: Box<[Mutex<Part>]>,
    capacity: usize,
    /// Of the capacity, for one partition.
    share: usize,
    bytes: AtomicUsize,
    has_warned: AtomicBool,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Part {
    logins: Shelf<Seated>,
    ends: Shelf<Image>,
    marks: Shelf<Mark>,
    /// What all of these weigh.
    bytes: usize,
    /// The last sure answer of this part of the store, and a later one that is to become it.
    sure: Option<Instant>,
    heard: Option<Instant>,
    /// The store may have forgotten what is here; nothing goes until it was told again.
    kept: bool,
    /// And no mark until it was said as settled.
    unsettled: bool,
}

impl Part {
    /// This part of the store has answered, which makes what is old enough safe.
    fn answered(&mut self, now: Instant) -> Taken {
        let mut taken = Taken::default();
        if self.heard.is_none_or(|heard| now - heard >= NOTICE_WITHIN) {
            self.sure = self.heard.replace(now);
        }
        if let Some(sure) = self.sure.filter(|_| !self.kept) {
            self.logins.prune(sure, LOGINS_KEPT, &mut taken);
            self.ends.prune(sure, ENDS_KEPT, &mut taken);
            if !self.unsettled {
                self.marks.prune(sure, ENDS_KEPT, &mut taken);
            }
        }
        self.bytes -= taken.bytes;
        taken
    }

    /// Drops the oldest fact; `false` if there is none.
    fn drop_oldest(&mut self, taken: &mut Taken) -> bool {
        let oldest = [self.logins.oldest(), self.ends.oldest(), self.marks.oldest()];
        let Some(at) = oldest.iter().flatten().min() else { return false };
        let before = taken.bytes;
        match oldest.iter().position(|oldest| oldest.as_ref() == Some(at)) {
            Some(0) => self.logins.drop_oldest(taken),
            Some(1) => self.ends.drop_oldest(taken),
            _ => self.marks.drop_oldest(taken),
        }
        self.bytes -= taken.bytes - before;
        true
    }
}

impl Journal {
    /// For a store that never forgets: keeps nothing.
    pub fn off(metrics: Arc<Metrics>) -> Self {
        Self::with_capacity(0, 0, metrics)
    }

    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self::with_capacity(CAPACITY_BYTES, SHARE_BYTES, metrics)
    }

    fn with_capacity(capacity: usize, share: usize, metrics: Arc<Metrics>) -> Self {
        let parts = if capacity == 0 { 0 } else { usize::from(Partition::COUNT) };
        Self {
            parts: (0..parts).map(|_| Mutex::default()).collect(),
            capacity,
            share,
            bytes: AtomicUsize::new(0),
            has_warned: AtomicBool::new(false),
            metrics,
        }
    }

    /// The store has seated this session, or has it back.
    pub fn seated(&self, record: &Record, live_at: Timestamp) {
        self.live(record, live_at, None);
    }

    /// The session's last connection here has gone. The store knew it at `live_at`, and may forget the goodbye: the
    /// connection would count again, for as long as this node renews.
    pub fn left(&self, record: &Record, live_at: Timestamp, goodbye: Presence) {
        self.live(record, live_at, Some(goodbye));
    }

    fn live(&self, record: &Record, live_at: Timestamp, left: Option<Presence>) {
        if self.capacity > 0 {
            let seated = Seated { image: Image::of(record), live_at, left };
            self.note(record.session.id.partition(), seated, |part| &mut part.logins);
        }
    }

    /// This session has ended. Its data do not outlive it. Of two ends the earlier one stays, as in the store.
    pub fn ended(&self, record: &Record) {
        if self.capacity > 0 {
            let image = Image::of(&Record { data: None, ..record.clone() });
            self.note(image.id().partition(), image, |part| &mut part.ends);
        }
    }

    /// The store has disabled or enabled a user. Of two words the later one stays.
    pub fn marked(&self, mark: Mark) {
        self.note(Partition::of(&mark.user), mark, |part| &mut part.marks);
    }

    /// The session has other data now; of one that logged in a while ago nothing is kept here.
    pub fn changed(&self, record: &Record) {
        let id = record.session.id;
        let Some(mut part) = self.part(id.partition()) else { return };
        let Some(login) = part.logins.about_mut(&id) else { return };
        let before = login.weight();
        login.image = Image::of(record);
        let weight = login.weight();
        part.bytes = part.bytes + weight - before;
        self.bytes.fetch_add(weight, Ordering::Relaxed);
        self.bytes.fetch_sub(before, Ordering::Relaxed);
    }

    /// This part of the store has answered.
    pub fn answered(&self, partition: Partition) {
        let Some(mut part) = self.part(partition) else { return };
        let gone = part.answered(Instant::now());
        drop(part);
        self.book(&gone);
    }

    /// Whether there is something that only waits for an answer of this part of the store to go.
    pub fn wants_answer(&self, partition: Partition) -> bool {
        let Some(part) = self.part(partition) else { return false };
        let is_old = |at: Option<Instant>, kept_for| at.is_some_and(|at| at.elapsed() > kept_for);
        is_old(part.logins.oldest(), LOGINS_KEPT)
            || is_old(part.ends.oldest(), ENDS_KEPT)
            || is_old(part.marks.oldest(), ENDS_KEPT)
    }

    /// This part of the store may have forgotten: nothing goes until [`Self::release`], and no mark until
    /// [`Self::settled`].
    pub fn keep(&self, partition: Partition) {
        let Some(mut part) = self.part(partition) else { return };
        // Answers from before say nothing of the server that answers now.
        *part = Part { kept: true, unsettled: true, sure: None, heard: None, ..mem::take(&mut *part) };
    }

    /// A copy of what is known of a partition.
    pub fn facts(&self, partition: Partition) -> Facts {
        let Some(part) = self.part(partition) else { return Facts::default() };
        let (ends, mut logins) = (part.ends.copy(), part.logins.copy());
        let marks = part.marks.copy();
        drop(part);
        let ended: HashSet<SessionId> = ends.iter().map(Image::id).collect();
        logins.retain(|login| !ended.contains(&login.image.id()));
        Facts { ends, marks, logins }
    }

    /// Who was disabled and is enabled again, as far as that was said lately.
    pub fn enablings(&self, partition: Partition) -> Vec<Mark> {
        let Some(part) = self.part(partition) else { return Vec::new() };
        part.marks.copy().into_iter().filter(|mark| !mark.disabled).collect()
    }

    /// Who is disabled, as far as that was said lately.
    pub fn disablings(&self, partition: Partition) -> Vec<Mark> {
        let Some(part) = self.part(partition) else { return Vec::new() };
        part.marks.copy().into_iter().filter(|mark| mark.disabled).collect()
    }

    /// What was known at `since` has been told to the store again, which may forget it again from then on.
    pub fn told_again(&self, partition: Partition, since: Instant) {
        let Some(mut part) = self.part(partition) else { return };
        part.logins.restamp(since);
        part.ends.restamp(since);
        part.marks.restamp(since);
    }

    /// This part of the store is healed.
    pub fn release(&self, partition: Partition) {
        if let Some(mut part) = self.part(partition) {
            part.kept = false;
        }
    }

    /// Who is disabled was said as settled.
    pub fn settled(&self, partition: Partition) {
        if let Some(mut part) = self.part(partition) {
            part.unsettled = false;
        }
    }

    /// Notes a fact, unless one that is known about the same says more, which then is a fresh one: all in one step, for two
    /// callers may have heard the store's answers in either order.
    fn note<T: Fact>(&self, partition: Partition, fact: T, shelf: impl Fn(&mut Part) -> &mut Shelf<T>) {
        let Some(mut part) = self.part(partition) else { return };
        let now = Instant::now();
        let mut gone = part.answered(now);
        let before = gone.bytes;
        let fact = shelf(&mut part).settle(fact, &mut gone);
        part.bytes -= gone.bytes - before;
        let weight = fact.weight();
        let mut lost = Taken::default();
        let has_room = |part: &Part, lost: &Taken| {
            let left = self.bytes.load(Ordering::Relaxed).saturating_sub(gone.bytes + lost.bytes);
            left + weight <= self.capacity && part.bytes + weight <= self.share
        };
        while !has_room(&part, &lost) && part.drop_oldest(&mut lost) {}
        if has_room(&part, &lost) {
            shelf(&mut part).push(now, fact);
            part.bytes += weight;
            self.bytes.fetch_add(weight, Ordering::Relaxed);
            self.metrics.journal_facts.inc();
            drop(part);
        } else {
            // Other partitions fill the journal; what they know is worth as much as this.
            drop(part);
            self.lose(1);
        }
        self.lose(lost.facts);
        gone.facts += lost.facts;
        gone.bytes += lost.bytes;
        self.book(&gone);
    }

    fn book(&self, gone: &Taken) {
        self.bytes.fetch_sub(gone.bytes, Ordering::Relaxed);
        self.metrics.journal_facts.dec_by(i64::from(gone.facts));
    }

    fn lose(&self, facts: u32) {
        self.metrics.journal_dropped.inc_by(u64::from(facts));
        if facts > 0 && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                capacity_bytes = self.capacity,
                share_bytes = self.share,
                "more logins and ends than the node can remember for a failover; the oldest of a partition go, or what \
                 is new where it has none"
            );
        }
    }

    /// `None` where nothing is kept.
    fn part(&self, partition: Partition) -> Option<MutexGuard<'_, Part>> {
        let part = self.parts.get(usize::from(partition.index()))?;
        Some(part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
