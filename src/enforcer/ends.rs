//! How sessions end through this node, and what the node does about an end wherever it heard of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::here::Before;
use super::journal::Mark;
use super::notices::{Acknowledgement, OnDelivered, on_delivered};
use super::{Enforcer, heal};
use crate::domain::{By, Partition, Reason, Record, SessionId, Tombstone, UserId};
use crate::hub::{Command, Eviction};
use crate::protocol::CloseCode;
use crate::store::{Act, Disabling, Said, StoreError, Target};

/// How old an end may be that is remembered because somebody asked: guarantee 5's 60 s.
const TOLD_ENDS_KEPT_MS: u64 = 60_000;
/// How often an end is asked for where the session comes back meanwhile, told again by another node.
const MOST_TRIES: u32 = 3;

impl Enforcer {
    /// Ends live sessions and puts their sockets out, on every node; answers those that it ended. `act` lands in their
    /// events.
    ///
    /// # Errors
    /// The store's; and that there was nothing to end which the store may have known and forgotten: who is told "done"
    /// must not find the session live when a node has told the store of it again.
    pub async fn end(
        &self,
        target: Target,
        reason: Reason,
        by: Option<By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        for _ in 0..MOST_TRIES {
            let ended = self.end_once(&target, reason, by.as_ref(), act).await?;
            if !ended.is_empty() || self.is_over(&target).await? {
                return Ok(ended);
            }
        }
        Err(heal::in_doubt())
    }

    /// Whether nothing was ended because there was nothing to end. `false`: it is there again by now.
    async fn is_over(&self, target: &Target) -> Result<bool, StoreError> {
        let id = match target {
            // Of a user that nobody is in is no doubtful answer: a slot may have moved, and there are no errors for that.
            Target::User(_) => return Ok(true),
            Target::Session(id) | Target::Others(_, id) => *id,
        };
        match self.metrics.store_call("get", self.store.get(id, false)).await? {
            // Who asks for the others to end is live, and was the only one.
            Some(record) if record.is_live() => Ok(matches!(target, Target::Others(..))),
            Some(record) => {
                self.note_told(&record);
                Ok(true)
            }
            None => self.may_call_unknown(id, true).await.map(|()| true),
        }
    }

    async fn end_once(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        let failovers = self.failovers_so_far();
        let ended = self.metrics.store_call("end", self.store.end(target, reason, by, act)).await?;
        self.settle(&ended);
        if let Some(record) = ended.first() {
            self.on_answered(record.session.id.partition(), failovers);
        }
        Ok(ended)
    }

    /// Disables a user, which ends its sessions, or enables it; answers those that it ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        let failovers = self.failovers_so_far();
        let saying = self.store.set_disabled(user, disabled, Said::Now, act);
        let Disabling { at, ended } = self.metrics.store_call("set_disabled", saying).await?;
        self.settle(&ended);
        self.journal.marked(Mark { user: user.clone(), disabled, at });
        self.on_answered(Partition::of(user), failovers);
        Ok(ended)
    }

    /// Books sessions that this node has ended. Their sockets hear of it by the message that the store sent in
    /// the same step, or, while messages may be lost, from here.
    fn settle(&self, ended: &[Record]) {
        self.settle_by(ended, None);
    }

    /// As [`Self::settle`], for a login that waits until they have been told.
    pub(super) fn settle_by(&self, ended: &[Record], acknowledgement: Option<Arc<Acknowledgement>>) {
        let direct = acknowledgement.is_some() || !self.channel_whole.load(Ordering::Acquire);
        for record in ended {
            let Some(end) = &record.end else { continue };
            self.metrics.ended(end.reason);
            if direct {
                self.evict(record.session.id, end.clone(), acknowledgement.as_ref().map(on_delivered));
            }
            self.note_end(record);
        }
    }

    /// The store was asked and says that a session has ended: puts its sockets out, as its message would have done;
    /// answers how many there are on this node.
    pub(super) fn on_found_ended(&self, record: &Record) -> usize {
        let Some(end) = record.end.clone() else { return 0 };
        self.note_end(record);
        self.evict(record.session.id, end, None)
    }

    /// Puts every connection of an ended session out; answers how many there are on this node.
    pub(super) fn evict(&self, id: SessionId, end: Tombstone, on_delivered: Option<OnDelivered>) -> usize {
        self.hub.evict(id, &Arc::new(Eviction { end, on_written: None, on_delivered }))
    }

    /// The store says that a session has ended: forgets it as live, and remembers its end.
    fn note_end(&self, record: &Record) {
        let id = record.session.id;
        self.forget(id);
        // Also where a message about it was here before: of a session that was arriving then it left nothing behind.
        self.here.ended(id);
        self.journal.ended(record);
    }

    /// Somebody is told what the store says of a session. If that is an end of late, it is remembered here: whoever
    /// was told it must not find the session live again, also if the node that ended it goes together with what
    /// the store knew. Older ends have been replicated, or their nodes have told them again.
    pub(super) fn note_told(&self, record: &Record) {
        let Some(end) = &record.end else { return };
        if self.now().millis_since(end.at) <= TOLD_ENDS_KEPT_MS {
            self.journal.ended(record);
        }
    }

    /// A message says that a session has ended: nothing here takes it for live any more. Answers what was known of it.
    pub(super) fn cease(&self, id: SessionId) -> Before {
        self.forget(id);
        self.here.ended(id)
    }

    /// How a session ended that a message told of. Of one without a connection here nothing is known that could be
    /// remembered; who ended it does.
    pub(super) fn remember_end(&self, id: SessionId, before: Before, end: &Tombstone) {
        let Before::Live(image) = before else { return };
        match image.record() {
            Ok(record) => self.journal.ended(&Record { end: Some(end.clone()), ..record }),
            Err(error) => tracing::error!(session = %id, %error, "an end can't be remembered"),
        }
    }

    /// The store has a record of a session that nobody can read. Nobody can end it any more either, or count it for a
    /// seat, so its sockets must not outlive that: they go as those of an unknown token, and a login makes it good.
    pub(super) fn on_damaged(&self, id: SessionId) {
        tracing::error!(session = %id, "the record of a session is damaged; its connections are closed");
        self.metrics.damaged.inc();
        self.give_up(id);
    }

    /// The store does not know the session, and will not know it again: closes its sockets with 4401.
    pub(super) fn give_up(&self, id: SessionId) {
        self.forget(id);
        self.hub.send(id, &Command::Close(CloseCode::UNKNOWN_TOKEN));
    }

    /// Drops what this node has to say of a session that is not live.
    pub(super) fn forget(&self, id: SessionId) {
        self.touched.remove(id);
        if let Some(cache) = &self.cache {
            cache.ended(id);
        }
    }
}
