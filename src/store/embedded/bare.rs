//! The engine's operations without its writer and its disk, for simulations: one call, one step, no thread.
//!
//! Refuses to be durable. Ended sessions stay in memory, so the disk, an empty one in memory, is only asked for what
//! was never there. Every operation answers also what is to be published.

use super::disk::Disk;
use super::state::{State, View};
use super::step::{Changes, Step};
use super::{ends, login, presence, restore};
use crate::domain::{By, NodeId, Partition, Presence, Reason, Record, SessionId, Timestamp, UserId};
use crate::store::{
    Act, Attach, Disabling, Login, LoginOutcome, Message, Renewal, Renewed, Restore, Restored, Said,
    StoreError, Target,
};

pub(crate) struct Bare {
    state: State,
    disk: Disk,
    batch: u64,
}

/// All that a store knew at one moment.
pub(crate) struct Snapshot(State);

/// What an operation answers, and what it publishes.
pub(crate) type Done<T> = (Result<T, StoreError>, Vec<Message>);

impl Bare {
    pub(crate) fn new() -> Self {
        Self { state: State::new(0), disk: Disk::in_memory().expect("a database in memory"), batch: 0 }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot(self.state.clone())
    }

    /// Forgets what came after the snapshot.
    pub(crate) fn go_back(&mut self, to: Snapshot) {
        self.state = to.0;
    }

    pub(crate) fn login(&mut self, now_us: u64, login: &Login) -> Done<LoginOutcome> {
        self.step(now_us, |step| login::login(step, login))
    }

    pub(crate) fn get(&mut self, now_us: u64, id: SessionId, with_data: bool) -> Done<Option<Record>> {
        self.step(now_us, |step| {
            let found = step.find(id)?;
            Ok(found.map(|record| Record { data: record.data.clone().filter(|_| with_data), ..record }))
        })
    }

    pub(crate) fn attach(
        &mut self,
        now_us: u64,
        id: SessionId,
        presence: Presence,
        node_ttl_ms: u64,
    ) -> Done<Attach> {
        self.step(now_us, |step| presence::attach(step, id, presence, node_ttl_ms))
    }

    pub(crate) fn detach(&mut self, now_us: u64, id: SessionId, presence: Presence) -> Done<()> {
        self.step(now_us, |step| {
            presence::detach(step, id, presence);
            Ok(())
        })
    }

    pub(crate) fn renew(
        &mut self,
        now_us: u64,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        node_ttl_ms: u64,
    ) -> Done<Renewed> {
        self.step(now_us, |step| presence::renew(step, node, partition, sessions, node_ttl_ms))
    }

    pub(crate) fn restore(&mut self, now_us: u64, restore: &Restore) -> Done<Restored> {
        self.step(now_us, |step| restore::restore(step, restore))
    }

    pub(crate) fn end(
        &mut self,
        now_us: u64,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Done<Vec<Record>> {
        self.step(now_us, |step| Ok(ends::end(step, target, reason, by, act)))
    }

    pub(crate) fn set_data(
        &mut self,
        now_us: u64,
        id: SessionId,
        data: Option<&str>,
    ) -> Done<Option<Record>> {
        self.step(now_us, |step| ends::set_data(step, id, data))
    }

    pub(crate) fn set_disabled(
        &mut self,
        now_us: u64,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Done<Disabling> {
        self.step(now_us, |step| Ok(ends::set_disabled(step, user, disabled, said, act)))
    }

    /// A user's live sessions, newest first.
    pub(crate) fn sessions_of(&self, now_us: u64, user: &UserId, node_ttl_ms: u64) -> Vec<Record> {
        let now = Timestamp::from_millis(now_us / 1000);
        let view = View { now, with_data: true, node_ttl_ms: Some(node_ttl_ms) };
        let live = self.state.seats(user).rev().filter(|entry| entry.session.lapsed(now).is_none());
        live.map(|entry| self.state.record(entry, view)).collect()
    }

    fn step<T>(
        &mut self,
        now_us: u64,
        operation: impl FnOnce(&mut Step<'_>) -> Result<T, StoreError>,
    ) -> Done<T> {
        self.batch += 1;
        let mut changes = Changes::default();
        let mut step = Step {
            state: &mut self.state,
            changes: &mut changes,
            disk: &self.disk,
            now_us,
            batch: self.batch,
        };
        let answer = operation(&mut step);
        (answer, changes.messages)
    }
}
