//! The [`Store`] contract in terms of the engine's parts: which operation reads, which one the writer runs.

use async_trait::async_trait;

use super::state::View;
use super::writer::Request;
use super::{ANSWER_WITHIN, Embedded, ends, login, presence, restore};
use crate::domain::{By, Generation, NodeId, Partition, Presence, Reason, Record, SessionId, UserId};
use crate::store::{
    Act, Attach, Census, Disabling, Inspection, Login, LoginOutcome, Message, Renewal, Renewed, Restore,
    Restored, Said, Store, StoreError, Swept, Target,
};

#[async_trait]
impl Store for Embedded {
    async fn login(&self, login: &Login) -> Result<LoginOutcome, StoreError> {
        let login = login.clone();
        self.submit_punctual(move |step| login::login(step, &login)).await
    }

    async fn get(&self, id: SessionId, with_data: bool) -> Result<Option<Record>, StoreError> {
        let view = View { now: self.now(), with_data, node_ttl_ms: None };
        let found = self.read(|state| match state.entry(id) {
            Some(entry) => (Some(state.record(entry, view)), entry.changed_in),
            None => (None, 0),
        });
        if let Some(record) = found.await? {
            return Ok(Some(record));
        }
        let Some((stored, data)) = self.archive.ended(id, view.now).await? else { return Ok(None) };
        let data = data.filter(|_| with_data);
        self.read(|state| (Some(state.view(stored.session, stored.end, data, view)), 0)).await
    }

    async fn attach(
        &self,
        id: SessionId,
        presence: Presence,
        node_ttl_ms: u64,
    ) -> Result<Attach, StoreError> {
        self.submit(move |step| presence::attach(step, id, presence, node_ttl_ms)).await
    }

    async fn detach(&self, id: SessionId, presence: Presence) -> Result<(), StoreError> {
        self.submit(move |step| {
            presence::detach(step, id, presence);
            Ok(())
        })
        .await
    }

    async fn renew(
        &self,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        node_ttl_ms: u64,
    ) -> Result<Renewed, StoreError> {
        let sessions = sessions.to_vec();
        self.submit(move |step| presence::renew(step, node, partition, &sessions, node_ttl_ms)).await
    }

    async fn restore(&self, restore: &Restore) -> Result<Restored, StoreError> {
        let restore = restore.clone();
        self.submit(move |step| restore::restore(step, &restore)).await
    }

    async fn end(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        let (target, by, act) = (target.clone(), by.cloned(), act.clone());
        self.submit_punctual(move |step| Ok(ends::end(step, &target, reason, by.as_ref(), &act))).await
    }

    async fn sessions_of(&self, user: &UserId, node_ttl_ms: u64) -> Result<Vec<Record>, StoreError> {
        let view = View { now: self.now(), with_data: true, node_ttl_ms: Some(node_ttl_ms) };
        self.read(|state| {
            let live = state.seats(user).rev().filter(|entry| entry.session.lapsed(view.now).is_none());
            let records = live.map(|entry| state.record(entry, view)).collect();
            (records, state.user_changed_in(user))
        })
        .await
    }

    async fn set_data(&self, id: SessionId, data: Option<&str>) -> Result<Option<Record>, StoreError> {
        let data = data.map(str::to_owned);
        self.submit_punctual(move |step| ends::set_data(step, id, data.as_deref())).await
    }

    async fn set_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Result<Disabling, StoreError> {
        let (user, act) = (user.clone(), act.clone());
        self.submit_punctual(move |step| Ok(ends::set_disabled(step, &user, disabled, said, &act))).await
    }

    /// Leaves what is due to the sweep and does not count it: the answer is the same, and a reader changes
    /// nothing.
    async fn census(&self, newest: usize, node_ttl_ms: u64) -> Result<Census, StoreError> {
        let view = View { now: self.now(), with_data: true, node_ttl_ms: Some(node_ttl_ms) };
        self.read(|state| {
            let live = state.newest().filter(|entry| entry.session.lapsed(view.now).is_none());
            let newest = live.take(newest).map(|entry| state.record(entry, view)).collect();
            (Census { count: state.count(view.now), newest, swept: 0 }, state.changed_in)
        })
        .await
    }

    async fn sweep(&self, partition: Partition, lease: NodeId) -> Result<Swept, StoreError> {
        self.submit(move |step| ends::sweep(step, partition, lease)).await
    }

    async fn throttle(
        &self,
        key: &str,
        burst: u32,
        period_ms: u64,
        cost: u32,
    ) -> Result<Option<u64>, StoreError> {
        self.running()?;
        Ok(self.throttle.count(key, burst, period_ms, cost, self.shared.clock.now_us()))
    }

    async fn subscribe(&self, user: &UserId) -> Result<(), StoreError> {
        self.running()?;
        self.shared.channel.subscribe(user);
        Ok(())
    }

    fn unsubscribe(&self, user: &UserId) {
        self.shared.channel.unsubscribe(user);
    }

    fn is_hearing(&self) -> bool {
        true
    }

    /// An answered write is on the disk.
    fn may_forget(&self) -> bool {
        false
    }

    async fn acknowledge(
        &self,
        user: &UserId,
        generation: Generation,
        node: NodeId,
    ) -> Result<(), StoreError> {
        self.running()?;
        let user = user.as_str().to_owned();
        self.shared.channel.deliver(Message::Ack { user, generation, node: node.to_string() });
        Ok(())
    }

    async fn time_us(&self) -> Result<u64, StoreError> {
        self.running()?;
        self.probe().await?;
        Ok(self.shared.clock.now_us())
    }

    async fn inspect(&self) -> Result<Inspection, StoreError> {
        let mut inspection = Inspection { description: self.description.clone(), ..Inspection::default() };
        if let Err(error) = self.running() {
            inspection.faults.push(error.to_string());
        }
        Ok(inspection)
    }

    async fn close(&self) {
        let (done, closed) = tokio::sync::oneshot::channel();
        let closing = async {
            // Either way it is closed afterwards: a failure to send means that it was before.
            if self.requests.send(Request::Close(done)).await.is_ok() {
                let _ = closed.await;
            }
        };
        if tokio::time::timeout(ANSWER_WITHIN, closing).await.is_err() {
            tracing::warn!("the embedded store takes long to close; what was answered is on the disk");
        }
    }
}
