//! What changes or ends sessions that are there: kicks, disabling, data, the sweeper; and the brake.

use tokio::time::Instant;

use super::Redis;
use super::connector::RESPONSE_TIMEOUT;
use super::reply::{Reply, int};
use super::script::{Call, END, SET_DATA, SET_DISABLED, SWEEP, THROTTLE};
use crate::domain::{By, NodeId, Partition, Reason, Record, SessionId, Timestamp, UserId};
use crate::store::{Act, Disabling, Said, StoreError, Swept, Target, codec};

/// Sessions that one sweep ends, of the 50 that it may: two milliseconds of a Redis that holds a million.
const ENDED_AT_ONCE: u32 = 25;
/// How long a sweeper may be away between two batches before another takes over.
const LEASE_MS: u64 = 10_000;

/// Until when an answer to what is sent now is waited for.
fn response_deadline() -> Instant {
    Instant::now() + RESPONSE_TIMEOUT
}

impl Redis {
    /// Not sent again when its answer is lost: a second run could not say any more what the first one ended.
    pub(super) async fn end_sessions(
        &self,
        target: &Target,
        reason: Reason,
        by: Option<&By>,
        act: &Act,
    ) -> Result<Vec<Record>, StoreError> {
        let (partition, word, user, id) = match target {
            Target::Session(id) => (id.partition(), "session", "", Some(id)),
            Target::User(user) => (Partition::of(user), "user", user.as_str(), None),
            Target::Others(user, id) => (Partition::of(user), "others", user.as_str(), Some(id)),
        };
        let call = |not_after: Timestamp| {
            Call::new(&END, self.keys.of_partition(partition))
                .arg(word)
                .arg(user)
                .arg(id.map_or(&[][..], |id| id.as_bytes()))
                .arg(reason.code())
                .arg(codec::by_bytes(by))
                .arg(not_after.as_millis())
                .act(act)
                .arg(&self.log_bounds[..])
        };
        let mut reply = Reply::of(self.run_punctual(partition, response_deadline(), call).await?)?;
        let snapshot = reply.snapshot(None)?;
        snapshot.records(reply.list()?)
    }

    pub(super) async fn mark_disabled(
        &self,
        user: &UserId,
        disabled: bool,
        said: Said,
        act: &Act,
    ) -> Result<Disabling, StoreError> {
        let partition = Partition::of(user);
        let or_empty = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.as_millis().to_string());
        let call = |not_after: Option<Timestamp>| {
            Call::new(&SET_DISABLED, self.keys.of_partition(partition))
                .key(self.keys.disabled(user))
                .key(self.keys.all_disabled(partition))
                .arg(user.as_str())
                .arg(u8::from(disabled))
                .arg(or_empty(said.at()))
                .arg(Disabling::ENABLED_KEPT_MS)
                .arg(or_empty(not_after))
                .arg(u8::from(matches!(said, Said::Settled(_))))
                .act(act)
                .arg(&self.log_bounds[..])
        };
        let answer = match said {
            // What was said then loses to what was said since, whenever it comes and however often.
            Said::Again(_) | Said::Settled(_) => self.commands.run_idempotent(&call(None)).await?,
            Said::Now => {
                let call = |not_after| call(Some(not_after));
                self.run_punctual(partition, response_deadline(), call).await?
            }
        };
        let mut reply = Reply::of(answer)?;
        let snapshot = reply.snapshot(None)?;
        let at = Timestamp::from_millis(reply.int()?);
        Ok(Disabling { at, ended: snapshot.records(reply.list()?)? })
    }

    pub(super) async fn replace_data(
        &self,
        id: SessionId,
        data: Option<&str>,
    ) -> Result<Option<Record>, StoreError> {
        let call = |not_after: Timestamp| {
            Call::new(&SET_DATA, self.keys.of_partition(id.partition()))
                .key(self.keys.session(id))
                .key(self.keys.data(id))
                .arg(data.unwrap_or_default())
                .arg(not_after.as_millis())
        };
        let answer = match self.run_punctual(id.partition(), response_deadline(), call).await {
            Err(StoreError::OutcomeUnknown(_)) => {
                self.run_punctual(id.partition(), response_deadline(), call).await?
            }
            answer => answer?,
        };
        match answer {
            redis::Value::Nil => Ok(None),
            answer => {
                let mut reply = Reply::of(answer)?;
                let snapshot = reply.snapshot(None)?;
                let stored = codec::decode(id, &reply.bytes()?)?;
                snapshot.record(stored, reply.optional()?).map(Some)
            }
        }
    }

    /// `lease`: who sweeps; `None` does not ask whether somebody else does, for a count that must be exact.
    pub(super) async fn sweep_partition(
        &self,
        partition: Partition,
        lease: Option<NodeId>,
    ) -> Result<Swept, StoreError> {
        let call = Call::new(&SWEEP, self.keys.of_partition(partition))
            .key(self.keys.lease(partition))
            .arg(lease.map_or_else(Vec::new, |node| node.as_bytes().to_vec()))
            .arg(ENDED_AT_ONCE)
            .arg(LEASE_MS)
            .arg(&self.log_bounds[..]);
        match self.commands.run(&call).await? {
            redis::Value::Nil => Ok(Swept { leased: true, ..Swept::default() }),
            answer => {
                let mut reply = Reply::of(answer)?;
                let mut count = || reply.int().map(|count| u32::try_from(count).unwrap_or(u32::MAX));
                let (ended, moved, more) = (count()?, count()?, count()? > 0);
                let swept = Swept { ended, moved, more, leased: false, listed: reply.int()? };
                let mut damaged = reply.list()?;
                while !damaged.is_empty() {
                    // Once: it is listed no more.
                    let session = damaged.session_id()?;
                    tracing::error!(%session, "a session's record is damaged; it is left as it lies, and unlisted");
                }
                Ok(swept)
            }
        }
    }

    pub(super) async fn take_units(
        &self,
        key: &str,
        burst: u32,
        period_ms: u64,
        cost: u32,
    ) -> Result<Option<u64>, StoreError> {
        let call = Call::new(&THROTTLE, vec![self.keys.throttle(key)]).arg(burst).arg(period_ms).arg(cost);
        let wait = int(self.commands.run(&call).await?)?;
        Ok((wait > 0).then_some(wait))
    }
}
