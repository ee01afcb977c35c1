//! What only reads: one session, a user's sessions, the clock.

use redis::{Pipeline, Value};
use tokio::time::Instant;

use super::Redis;
use super::layout::slot_of;
use super::replication::WRITTEN_KEPT_MS;
use super::reply::{Reply, Snapshot};
use super::script::{Call, LIST, PROBE};
use crate::domain::{Partition, Record, SessionId, Timestamp, Tombstone, UserId};
use crate::store::{StoreError, codec};

/// A read that was not answered did nothing: its outcome is known.
pub(super) fn read_failed(error: StoreError) -> StoreError {
    match error {
        StoreError::OutcomeUnknown(why) => StoreError::Unavailable(why),
        other => other,
    }
}

/// Since when a mark says that its user is disabled: `lua/mark.lua` tells the bytes.
pub(super) fn mark_since(user: &UserId, mark: &[u8]) -> Result<Option<Timestamp>, StoreError> {
    let Some(said) = mark.strip_prefix(b"1") else { return Ok(None) };
    let since = said.split(|byte| *byte == b' ').next().unwrap_or_default();
    if since.is_empty() {
        // As a version before it wrote it.
        return Ok(Some(Timestamp::from_millis(0)));
    }
    let since = std::str::from_utf8(since).ok().and_then(|digits| digits.parse().ok());
    let since = since.ok_or_else(|| StoreError::Corrupt(format!("the mark of {user} has no time")))?;
    Ok(Some(Timestamp::from_millis(since)))
}

impl Redis {
    /// The check of every request: plain commands, one round trip, no script.
    ///
    /// The clock is Redis's, read from the record's own time to live, which is "its deadline and 7 days". That
    /// comes before the record, so that what changes in between can only have been extended (then it was live) or
    /// ended (then its tombstone says how), never be taken for lapsed.
    pub(super) async fn read_session(
        &self,
        id: SessionId,
        with_data: bool,
    ) -> Result<Option<Record>, StoreError> {
        let key = self.keys.session(id);
        let mut pipeline = Pipeline::with_capacity(4);
        pipeline
            .cmd("PTTL")
            .arg(&key)
            .cmd("GET")
            .arg(&key)
            .cmd("HGETALL")
            .arg(self.keys.nodes(id.partition()));
        if with_data {
            pipeline.cmd("GET").arg(self.keys.data(id));
        }
        let mut reply =
            Reply::of_values(self.commands.send_all(slot_of(&key), &pipeline).await.map_err(read_failed)?);
        let Value::Int(left) = reply.value()? else {
            return Err(StoreError::Corrupt("a time to live is no integer".to_owned()));
        };
        // Below 0 there was no such key when its time was asked for.
        let (Some(raw), Ok(left)) = (reply.optional()?, u64::try_from(left)) else { return Ok(None) };
        let stored = codec::decode(id, &raw)?;
        let over = stored.end.as_ref().map_or_else(|| stored.session.deadline(), |end| end.at);
        let now = over.plus_millis(Tombstone::KEPT_MS).minus_millis(left);
        let snapshot = Snapshot::new(now, reply.list()?)?;
        let data = if with_data { reply.optional()? } else { None };
        snapshot.record(stored, data).map(Some)
    }

    /// Since when a user is disabled.
    pub(super) async fn read_mark(&self, user: &UserId) -> Result<Option<Timestamp>, StoreError> {
        let key = self.keys.disabled(user);
        let mut get = redis::cmd("GET");
        get.arg(&key);
        let mut reply =
            Reply::of_values(vec![self.commands.send_to(slot_of(&key), get).await.map_err(read_failed)?]);
        reply.optional()?.map_or(Ok(None), |mark| mark_since(user, &mark))
    }

    pub(super) async fn list_user(&self, user: &UserId, node_ttl_ms: u64) -> Result<Vec<Record>, StoreError> {
        let call = Call::new(&LIST, self.keys.of_partition(Partition::of(user))).arg(user.as_str());
        let mut reply = Reply::of(self.commands.run_idempotent(&call).await.map_err(read_failed)?)?;
        let snapshot = reply.snapshot(Some(node_ttl_ms))?;
        let mut records = snapshot.records_with_data(reply.list()?)?;
        records.retain(Record::is_live);
        records.sort_by_key(|record| std::cmp::Reverse(record.session.generation));
        Ok(records)
    }

    /// Reads the mark of the primary of a partition once more: if it is another one, or gone, what is missing there may
    /// have been forgotten. The line is told, so that the node is.
    pub(super) async fn is_the_one_known(&self, partition: Partition) -> Result<bool, StoreError> {
        let slot = slot_of(&self.keys.nodes(partition));
        let line = self.commands.routes.borrow().owner(slot).cloned();
        let Some((line, life)) = line.and_then(|line| line.life().map(|life| (line, life))) else {
            return Err(StoreError::Unavailable("its primary was lost just now".to_owned()));
        };
        if !self.told.is_known(partition, &life) {
            return Ok(false);
        }
        // A primary that could not be given a mark is one of which nobody can tell.
        let Some(mark) = &life.mark else { return Ok(true) };
        let mut get = redis::cmd("GET");
        get.arg(&mark.key);
        let found = self.commands.send_to(slot_of(&mark.key), get).await.map_err(read_failed)?;
        // The node may have been told while that was on its way.
        let is_same = Reply::of_values(vec![found]).optional()?.as_deref() == Some(mark.value.as_bytes());
        if !is_same {
            line.report_forgetful();
        }
        Ok(is_same && self.told.is_known(partition, &life))
    }

    /// Every primary is asked, by a write: while a part of the slots can't be reached, or answers reads alone (it is
    /// full, short of replicas, or on the smaller side of a split network), the store can't be used. The answer is the
    /// latest of their clocks; which one it is matters to nobody who reads a clock that others set.
    pub(super) async fn read_clock(&self) -> Result<u64, StoreError> {
        let mut latest = 0;
        let sent = Instant::now();
        let probe = |partition| Call::new(&PROBE, vec![self.keys.replicated(partition)]).arg(WRITTEN_KEPT_MS);
        let answers = self.commands.ask_each(probe, &redis::cmd("TIME")).await;
        for (primary, answer) in answers.map_err(read_failed)? {
            let mut reply = Reply::of(answer)?;
            let (seconds, micros) = (reply.int()?, reply.int()?);
            let now_us = seconds.saturating_mul(1_000_000).saturating_add(micros);
            self.clocks.learn(&primary, Timestamp::from_millis(now_us / 1000), sent, Instant::now());
            latest = latest.max(now_us);
        }
        Ok(latest)
    }
}
