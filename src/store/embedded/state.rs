//! The live index: every live session in memory, with the orders in which they are asked for.
//!
//! Owns the records and their indexes; refuses to decide anything (that is for the operations) and to touch the
//! disk. Ended sessions stay here only until their end is on the disk, where they are looked up from then on.
//! Invariants: an entry stands in `newest` and its partition's `users` and `deadlines` exactly as long as it is
//! live, a user in its `disabled` as long as its mark says so; the key in `deadlines` is never later than the deadline
//! (it is advanced lazily, by the sweep); whoever changes what must survive a restart notes the batch in `changed_in`,
//! so that readers can wait for its commit.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use super::jobs::Jobs;
use crate::domain::{
    Generation, NodeId, Partition, Presence, Reason, Record, Session, SessionId, Timestamp, Tombstone, UserId,
};
use crate::store::codec::Stored;
use crate::store::{DisabledUser, connections_of};

/// One session. Boxed in the map, so that its empty slots cost a pointer.
#[cfg_attr(test, derive(Clone))]
pub(super) struct Entry {
    pub session: Session,
    pub end: Option<Box<Tombstone>>,
    /// What its login ended.
    pub replaced: Box<[(SessionId, Reason)]>,
    pub data: Option<Box<str>>,
    /// The last batch that changed it.
    pub changed_in: u64,
    /// Its key in the index by deadline.
    indexed_at: Timestamp,
}

impl Entry {
    pub(super) fn new(stored: Stored, data: Option<Box<str>>, changed_in: u64) -> Self {
        let Stored { session, end, replaced, has_data: _ } = stored;
        let indexed_at = session.deadline();
        Self { session, end: end.map(Box::new), replaced: replaced.into(), data, changed_in, indexed_at }
    }

    /// The record as it is stored.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            session: self.session.clone(),
            end: self.end.as_deref().cloned(),
            replaced: self.replaced.to_vec(),
            has_data: self.data.is_some(),
        }
    }
}

/// A user's live sessions.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Seats {
    /// Lowest generation first.
    sessions: Vec<SessionId>,
    pub changed_in: u64,
}

/// When a node last renewed, and for how long that counts where the reader does not say.
#[derive(Clone, Copy)]
struct Stamp {
    at: Timestamp,
    ttl_ms: u64,
}

/// The last word about whether a user is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// When it was said.
    pub at: Timestamp,
    /// The user is enabled again, which is remembered until then; `None`: it is disabled.
    pub until: Option<Timestamp>,
    /// Who had logged in until then was put out by a disabling; `None` where that is not known.
    pub out_until: Option<Timestamp>,
}

impl Mark {
    /// The highest generation of those whom a disabling has put out: every later one is above it, whatever the clocks
    /// do.
    pub(super) fn generation_at(disabling: Timestamp) -> Generation {
        Generation(disabling.as_millis().saturating_mul(1000).saturating_add(999))
    }

    pub(super) fn is_disabled(self) -> bool {
        self.until.is_none()
    }
}

/// What belongs to one partition.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Part {
    /// Its users that have live sessions, in the order of a walk.
    users: BTreeMap<UserId, Seats>,
    deadlines: BTreeSet<(Timestamp, SessionId)>,
    /// Its users whose marks say that they are disabled.
    disabled: BTreeSet<UserId>,
    nodes: HashMap<NodeId, Stamp>,
    pub generation: Generation,
    /// Where the last event stands: its number, and its ms, which never fall.
    pub last_event: (u64, u64),
    /// The node that sweeps, and until when.
    pub lease: Option<(NodeId, Timestamp)>,
}

/// How a record is looked at.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub now: Timestamp,
    pub with_data: bool,
    /// How long a node's stamp counts; `None`: for as long as the node said.
    pub node_ttl_ms: Option<u64>,
}

#[cfg_attr(test, derive(Clone))]
pub(super) struct State {
    /// Changes when the state was read from the disk again: what was not committed before is gone.
    pub epoch: u64,
    entries: HashMap<SessionId, Box<Entry>>,
    newest: BTreeSet<(Generation, SessionId)>,
    marks: HashMap<UserId, Mark>,
    parts: Vec<Part>,
    pub jobs: Jobs,
    /// The last batch that changed anything that must survive a restart.
    pub changed_in: u64,
}

impl State {
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            entries: HashMap::new(),
            newest: BTreeSet::new(),
            marks: HashMap::new(),
            parts: Partition::all().map(|_| Part::default()).collect(),
            jobs: Jobs::new(),
            changed_in: 0,
        }
    }

    pub(super) fn part(&self, partition: Partition) -> &Part {
        &self.parts[usize::from(partition.index())]
    }

    pub(super) fn part_mut(&mut self, partition: Partition) -> &mut Part {
        &mut self.parts[usize::from(partition.index())]
    }

    /// Live, or ended by a batch that is not committed yet.
    pub(super) fn entry(&self, id: SessionId) -> Option<&Entry> {
        self.entries.get(&id).map(Box::as_ref)
    }

    pub(super) fn entry_mut(&mut self, id: SessionId) -> Option<&mut Entry> {
        self.entries.get_mut(&id).map(Box::as_mut)
    }

    /// A user's live sessions, lowest generation first; some may be past their deadline.
    pub(super) fn seats(&self, user: &UserId) -> impl DoubleEndedIterator<Item = &Entry> {
        let seats = self.part(Partition::of(user)).users.get(user);
        let ids = seats.map_or(&[][..], |seats| &seats.sessions);
        ids.iter().filter_map(|id| self.entry(*id))
    }

    /// The last batch that changed which sessions a user has, or anything in them.
    pub(super) fn user_changed_in(&self, user: &UserId) -> u64 {
        let of_sessions = self.seats(user).map(|entry| entry.changed_in).max();
        let of_list = self.part(Partition::of(user)).users.get(user).map(|seats| seats.changed_in);
        of_sessions.max(of_list).unwrap_or(0)
    }

    /// Live sessions of a partition's users from `from` on, by user and id; some may be past their deadline.
    pub(super) fn seats_from(&self, partition: Partition, from: &str) -> impl Iterator<Item = &Entry> {
        let users = self.part(partition).users.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        users.flat_map(|(_, seats)| {
            let mut ids = seats.sessions.clone();
            ids.sort_unstable();
            ids.into_iter().filter_map(|id| self.entry(id))
        })
    }

    /// Live sessions, highest generation first; some may be past their deadline.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.newest.iter().rev().filter_map(|(_, id)| self.entry(*id))
    }

    /// How many sessions are live at `now`. Costs as much as there is due.
    pub(super) fn count(&self, now: Timestamp) -> u64 {
        let lapsed = |id: &&SessionId| self.entry(**id).is_some_and(|e| e.session.lapsed(now).is_some());
        let due = self.parts.iter().flat_map(|part| part.due(now));
        (self.newest.len() - due.filter(lapsed).count()) as u64
    }

    pub(super) fn disabled_since(&self, user: &UserId) -> Option<Timestamp> {
        self.marks.get(user).filter(|mark| mark.is_disabled()).map(|mark| mark.at)
    }

    pub(super) fn is_disabled(&self, user: &UserId) -> bool {
        self.disabled_since(user).is_some()
    }

    pub(super) fn mark(&self, user: &UserId, now: Timestamp) -> Option<Mark> {
        self.marks.get(user).copied().filter(|mark| mark.until.is_none_or(|until| until > now))
    }

    pub(super) fn set_mark(&mut self, user: &UserId, mark: Mark) {
        let disabled = &mut self.part_mut(Partition::of(user)).disabled;
        if mark.is_disabled() {
            disabled.insert(user.clone());
        } else {
            disabled.remove(user);
        }
        self.marks.insert(user.clone(), mark);
    }

    /// Disabled users behind `after` whose ids begin with `prefix`, by partition and id.
    pub(super) fn disabled_behind<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a UserId>,
    ) -> impl Iterator<Item = DisabledUser> + 'a {
        let first = after.map_or(Partition::FIRST, Partition::of);
        let begun = after.map_or(Bound::Unbounded, |user| Bound::Excluded(user.as_str()));
        Partition::all().filter(move |partition| *partition >= first).flat_map(move |partition| {
            let behind = if partition == first { begun } else { Bound::Unbounded };
            // A cursor of another walk may stand in front of this one's range.
            let from = match behind {
                Bound::Excluded(last) if last >= prefix => behind,
                _ => Bound::Included(prefix),
            };
            let users = self.part(partition).disabled.range::<str, _>((from, Bound::Unbounded));
            users
                .take_while(move |user| user.as_str().starts_with(prefix))
                .filter_map(|user| Some(DisabledUser { user: user.clone(), at: self.disabled_since(user)? }))
        })
    }

    /// Drops the marks of users that were enabled long enough ago.
    pub(super) fn drop_marks(&mut self, now: Timestamp) {
        self.marks.retain(|_, mark| mark.until.is_none_or(|until| until > now));
    }

    /// Takes a live session into all indexes.
    pub(super) fn add(&mut self, mut entry: Entry) {
        let id = entry.session.id;
        let generation = entry.session.generation;
        self.newest.insert((generation, id));
        self.part_mut(id.partition()).deadlines.insert((entry.indexed_at, id));

        let entries = &self.entries;
        let users = &mut self.parts[usize::from(id.partition().index())].users;
        let place = users.entry(entry.session.user.clone());
        // One copy of a user's name for all its sessions.
        entry.session.user = place.key().clone();
        let seats = place.or_default();
        let place = seats.sessions.partition_point(|other| {
            entries.get(other).is_some_and(|other| other.session.generation < generation)
        });
        // Most users have one seat: growing by one keeps the list as small as it can be.
        seats.sessions.reserve_exact(1);
        seats.sessions.insert(place, id);
        seats.changed_in = seats.changed_in.max(entry.changed_in);
        self.entries.insert(id, Box::new(entry));
    }

    /// Takes in an ended session that was not here, until [`Self::forget`].
    pub(super) fn add_ended(&mut self, entry: Entry) {
        self.entries.insert(entry.session.id, Box::new(entry));
    }

    /// Ends a live session: out of all indexes. Its entry stays until [`Self::forget`].
    pub(super) fn end(&mut self, id: SessionId, end: Tombstone, batch: u64) -> Option<&Entry> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.end.is_none())?;
        entry.end = Some(Box::new(end));
        entry.changed_in = batch;
        self.newest.remove(&(entry.session.generation, id));
        let part = &mut self.parts[usize::from(id.partition().index())];
        part.deadlines.remove(&(entry.indexed_at, id));
        if let Some(seats) = part.users.get_mut(&entry.session.user) {
            seats.sessions.retain(|other| *other != id);
            seats.changed_in = batch;
        }
        self.entry(id)
    }

    /// Lets go of an ended session, once the disk has it.
    pub(super) fn forget(&mut self, id: SessionId) {
        if self.entry(id).is_none_or(|entry| entry.end.is_none()) {
            return;
        }
        let Some(user) = self.entries.remove(&id).map(|entry| entry.session.user) else { return };
        let users = &mut self.part_mut(id.partition()).users;
        if users.get(&user).is_some_and(|seats| seats.sessions.is_empty()) {
            users.remove(&user);
        }
    }

    /// At most `limit` sessions whose key in the index by deadline has passed, and whether there are more.
    pub(super) fn due(&self, partition: Partition, now: Timestamp, limit: usize) -> (Vec<SessionId>, bool) {
        let mut due = self.part(partition).due(now).copied();
        let first = due.by_ref().take(limit).collect();
        (first, due.next().is_some())
    }

    /// Moves a session to its present deadline in the index.
    pub(super) fn advance(&mut self, id: SessionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let deadlines = &mut self.parts[usize::from(id.partition().index())].deadlines;
        deadlines.remove(&(entry.indexed_at, id));
        entry.indexed_at = entry.session.deadline();
        deadlines.insert((entry.indexed_at, id));
    }

    /// What a reader is told of a session.
    pub(super) fn record(&self, entry: &Entry, view: View) -> Record {
        let data = view.with_data.then(|| entry.data.as_deref().map(str::to_owned)).flatten();
        self.view(entry.session.clone(), entry.end.as_deref().cloned(), data, view)
    }

    /// The node of the latest connection, as a [`Record`] says.
    pub(super) fn node_of(&self, session: &Session, view: View) -> Option<NodeId> {
        let part = self.part(session.id.partition());
        let held = |held: &&Presence| held.count > 0 && part.is_renewing(held.node, view);
        session.presence.iter().rfind(held).map(|held| held.node)
    }

    /// The same for a session that was read from the disk.
    pub(super) fn view(
        &self,
        session: Session,
        end: Option<Tombstone>,
        data: Option<String>,
        view: View,
    ) -> Record {
        let part = self.part(session.id.partition());
        let (connections, nodes) = connections_of(&session, |node| part.is_renewing(node, view));
        // Over for every reader, even while nobody has swept it yet.
        let lapsed = || {
            let reason = session.lapsed(view.now)?;
            Some(Tombstone { reason, at: session.deadline(), by: None })
        };
        let end = end.or_else(lapsed);
        Record { end, data, connections, nodes, session }
    }

    /// Keeps, of the state before it, what is not on the disk: who is connected where.
    pub(super) fn carry_over(&mut self, old: Self) {
        for (id, entry) in &mut self.entries {
            if let Some(old) = old.entries.get(id) {
                entry.session.presence.clone_from(&old.session.presence);
                entry.session.seen_at = entry.session.seen_at.max(old.session.seen_at);
            }
        }
        for (part, old) in self.parts.iter_mut().zip(old.parts) {
            part.nodes = old.nodes;
            part.lease = old.lease;
            // Generations of logins that did not make it are used up all the same: a caller may have seen them.
            part.generation = part.generation.max(old.generation);
        }
    }
}

impl Part {
    pub(super) fn stamp(&mut self, node: NodeId, at: Timestamp, ttl_ms: u64) {
        self.nodes.insert(node, Stamp { at, ttl_ms });
    }

    pub(super) fn is_renewing(&self, node: NodeId, view: View) -> bool {
        self.nodes
            .get(&node)
            .is_some_and(|stamp| view.now.millis_since(stamp.at) < view.node_ttl_ms.unwrap_or(stamp.ttl_ms))
    }

    /// Drops the stamps of nodes that are long gone.
    pub(super) fn drop_stamps_before(&mut self, then: Timestamp) {
        self.nodes.retain(|_, stamp| stamp.at >= then);
    }

    /// How many live sessions there are, those past their deadline among them.
    pub(super) fn listed(&self) -> u64 {
        self.deadlines.len() as u64
    }

    fn due(&self, now: Timestamp) -> impl Iterator<Item = &SessionId> {
        self.deadlines.iter().take_while(move |(at, _)| *at <= now).map(|(_, id)| id)
    }
}
