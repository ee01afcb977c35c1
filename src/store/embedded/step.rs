//! One operation in the writer's hands: the state, what it changes, and the moment it happens at.
//!
//! Owns the consequences that belong together: whoever ends a session through here also writes its tombstone,
//! its event and the message. Rule for the operations: everything that can fail (reads of the disk, running out
//! of generations) comes before the first change, so that a failed operation changed nothing.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::disk::Disk;
use super::state::{Entry, State, View};
use crate::domain::{By, Generation, Partition, Reason, Record, SessionId, Timestamp, Tombstone, UserId};
use crate::store::{Act, Ended, EndedSession, Event, EventId, EventKind, Message, StoreError};

/// JSON and Lua numbers are exact below.
const GENERATION_END: u64 = 1 << 53;

/// What a batch changed and the disk does not have yet.
#[derive(Default)]
pub(super) struct Changes {
    pub records: HashSet<SessionId>,
    pub data: HashSet<SessionId>,
    /// Only `seen` moved: written along with other changes, or within a second or so.
    pub seen: HashSet<SessionId>,
    pub generations: HashSet<Partition>,
    /// Users that were disabled or enabled.
    pub marks: HashSet<UserId>,
    pub events: Vec<Event>,
    /// Users that a login took over, and when.
    pub takeovers: Vec<(UserId, Timestamp)>,
    pub jobs: HashSet<Uuid>,
    /// Partitions whose leftovers are to be purged, and as of when.
    pub purge: HashMap<Partition, Timestamp>,
    /// To be sent once the rest is on the disk.
    pub messages: Vec<Message>,
    /// Sessions whose connections or last use changed: memory only, told with the batch or not at all.
    pub presence: HashSet<SessionId>,
}

impl Changes {
    /// Whether somebody is told that these changes happened, so that they have to be on the disk first.
    pub(super) fn must_be_written(&self) -> bool {
        !(self.records.is_empty()
            && self.data.is_empty()
            && self.generations.is_empty()
            && self.marks.is_empty()
            && self.events.is_empty()
            && self.takeovers.is_empty()
            && self.jobs.is_empty()
            && self.purge.is_empty())
    }
}

pub(super) struct Step<'a> {
    pub state: &'a mut State,
    pub changes: &'a mut Changes,
    pub disk: &'a Disk,
    pub now_us: u64,
    pub batch: u64,
}

/// Why some sessions of a user end, and by whom.
pub(super) struct Cause<'a> {
    pub reason: Reason,
    pub by: Option<&'a By>,
    pub act: &'a Act,
}

impl Step<'_> {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_us / 1000)
    }

    /// A record with its data, its connections on nodes that renew as often as they said.
    pub(super) fn view(&self) -> View {
        View { now: self.now(), with_data: true, node_ttl_ms: None }
    }

    pub(super) fn record(&self, entry: &Entry) -> Record {
        self.state.record(entry, self.view())
    }

    /// A session, live or ended.
    pub(super) fn find(&self, id: SessionId) -> Result<Option<Record>, StoreError> {
        if let Some(entry) = self.state.entry(id) {
            return Ok(Some(self.record(entry)));
        }
        let found = self.disk.ended(id, self.now())?;
        Ok(found.map(|(stored, data)| self.state.view(stored.session, stored.end, data, self.view())))
    }

    /// A user's sessions, lowest generation first: those that are live, and those past their deadline.
    pub(super) fn standing_and_lapsed(&self, user: &UserId) -> (Vec<SessionId>, Vec<SessionId>) {
        let now = self.now();
        let (standing, lapsed): (Vec<_>, Vec<_>) =
            self.state.seats(user).partition(|entry| entry.session.lapsed(now).is_none());
        let ids = |entries: Vec<&Entry>| entries.into_iter().map(|entry| entry.session.id).collect();
        (ids(standing), ids(lapsed))
    }

    /// Marks a change of a record that somebody will be told of.
    pub(super) fn touch_record(&mut self, id: SessionId) {
        self.changes.records.insert(id);
        self.state.changed_in = self.batch;
        if let Some(entry) = self.state.entry_mut(id) {
            entry.changed_in = self.batch;
        }
    }

    /// A live session was used at `at`.
    pub(super) fn mark_seen(&mut self, id: SessionId, at: Timestamp) {
        if let Some(entry) = self.state.entry_mut(id).filter(|entry| entry.session.seen_at < at) {
            entry.session.seen_at = at;
            self.changes.seen.insert(id);
            self.changes.presence.insert(id);
        }
    }

    /// Ends one live session; no event, no message.
    pub(super) fn finish(&mut self, id: SessionId, end: Tombstone) -> Option<Record> {
        self.state.end(id, end, self.batch)?;
        self.touch_record(id);
        self.changes.seen.remove(&id);
        self.state.entry(id).map(|entry| self.record(entry))
    }

    /// Ends live sessions of one user at this moment, with an event each and one message.
    pub(super) fn end_all(&mut self, user: &UserId, ids: &[SessionId], cause: &Cause<'_>) -> Vec<Record> {
        let end = Tombstone { reason: cause.reason, at: self.now(), by: cause.by.cloned() };
        let ended: Vec<_> = ids.iter().filter_map(|id| self.finish(*id, end.clone())).collect();
        self.log_ends(&ended, cause.act);
        self.publish(user, cause.by, false, &ended);
        ended
    }

    /// Ends sessions of one user that are past their deadline, each at its deadline.
    pub(super) fn lapse(&mut self, user: &UserId, ids: &[SessionId]) -> Vec<Record> {
        let now = self.now();
        let mut ended = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(session) = self.state.entry(*id).map(|entry| &entry.session) else { continue };
            let Some(reason) = session.lapsed(now) else { continue };
            let end = Tombstone { reason, at: session.deadline(), by: None };
            ended.extend(self.finish(*id, end));
        }
        self.log_ends(&ended, &Act::NONE);
        self.publish(user, None, false, &ended);
        ended
    }

    /// An event for each of those that ended.
    pub(super) fn log_ends(&mut self, ended: &[Record], act: &Act) {
        for Record { session, end, .. } in ended {
            let Some(end) = end else { continue };
            let event = Event::new(self.now(), EventKind::Ended, Some(session.user.clone()));
            self.log(Event {
                session: Some(session.id),
                reason: Some(end.reason),
                by: end.by.clone(),
                act: act.clone(),
                ip: session.ip.filter(|_| act.actor.is_none()),
                device: Some(session.device.clone()),
                ..event
            });
        }
    }

    /// Writes an event, and gives it its place.
    pub(super) fn log(&mut self, event: Event) {
        let partition = event.id.partition;
        let part = self.state.part_mut(partition);
        let (sequence, ms) = part.last_event;
        part.last_event = (sequence + 1, ms.max(event.at.as_millis()));
        let id = EventId { ms: part.last_event.1, partition, sequence: part.last_event.0 };
        self.changes.events.push(Event { id, ..event });
    }

    /// Tells the nodes that sessions of a user ended, if any did.
    pub(super) fn publish(&mut self, user: &UserId, by: Option<&By>, confirm: bool, ended: &[Record]) {
        let told = |record: &Record| {
            let end = record.end.as_ref()?;
            Some(EndedSession(record.session.id, end.reason, end.at.as_millis()))
        };
        let sessions: Vec<_> = ended.iter().filter_map(told).collect();
        if !sessions.is_empty() {
            self.changes.messages.push(Message::Ended(Ended {
                user: user.as_str().to_owned(),
                generation: self.state.part(Partition::of(user)).generation,
                at_us: self.now_us,
                by: by.cloned(),
                confirm,
                sessions,
            }));
        }
    }

    /// From now on the generations of a partition are above `to`.
    pub(super) fn raise_generation(&mut self, partition: Partition, to: Generation) {
        let part = self.state.part_mut(partition);
        if part.generation < to {
            part.generation = to;
            self.changes.generations.insert(partition);
        }
    }

    /// The next generation of a partition, if there is one. Nothing is changed.
    pub(super) fn next_generation(
        &self,
        partition: Partition,
        floor: Generation,
    ) -> Result<Generation, StoreError> {
        let last = self.state.part(partition).generation.0;
        let next = last.max(floor.0).saturating_add(1).max(self.now_us);
        if next >= GENERATION_END {
            return Err(StoreError::Corrupt(format!(
                "the generation after {last} and {floor} is no JSON number"
            )));
        }
        Ok(Generation(next))
    }
}
