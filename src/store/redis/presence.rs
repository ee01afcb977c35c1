//! Connections and renewal: who is there.

use tokio::time::Instant;

use super::Redis;
use super::reply::Reply;
use super::script::{ATTACH, Call, DETACH, RENEW};
use crate::domain::{NodeId, Partition, Presence, Session, SessionId, Timestamp};
use crate::store::{Attach, Renewal, Renewed, SessionPresence, StoreError, codec};

/// "Nothing to say" about a use, and about connections; see `lua/renew.lua`.
const NO_USE: u64 = (1 << 48) - 1;
const NO_COUNT: u16 = u16::MAX;

impl Redis {
    pub(super) async fn count_connection(
        &self,
        id: SessionId,
        presence: Presence,
        node_ttl_ms: u64,
    ) -> Result<Attach, StoreError> {
        let call = self.presence_call(&ATTACH, id, presence).arg(node_ttl_ms).arg(Session::MAX_CONNECTIONS);
        let sent = Instant::now();
        let mut reply = Reply::of(self.commands.run_idempotent(&call).await?)?;
        let word = reply.bytes()?;
        match word.as_slice() {
            b"crowded" => return Ok(Attach::Crowded),
            b"unknown" => return Ok(Attach::Unknown),
            _ => {}
        }
        let snapshot = reply.snapshot(Some(node_ttl_ms))?;
        self.learn_time(id.partition(), snapshot.now, sent);
        let record = snapshot.record(codec::decode(id, &reply.bytes()?)?, None)?;
        Ok(if word == b"live" { Attach::Live(record) } else { Attach::Ended(record) })
    }

    pub(super) async fn uncount_connection(
        &self,
        id: SessionId,
        presence: Presence,
    ) -> Result<(), StoreError> {
        self.commands.run_idempotent(&self.presence_call(&DETACH, id, presence)).await.map(drop)
    }

    fn presence_call(
        &self,
        script: &'static super::script::Script,
        id: SessionId,
        presence: Presence,
    ) -> Call {
        Call::new(script, self.keys.of_partition(id.partition()))
            .key(self.keys.session(id))
            .arg(presence.node.as_bytes())
            .arg(presence.count)
            .arg(presence.sequence)
    }

    pub(super) async fn renew_sessions(
        &self,
        node: NodeId,
        partition: Partition,
        sessions: &[Renewal],
        node_ttl_ms: u64,
    ) -> Result<Renewed, StoreError> {
        let mut call = Call::new(&RENEW, self.keys.of_partition(partition));
        let mut news = Vec::with_capacity(sessions.len() * 14);
        for renewal in sessions {
            call = call.key(self.keys.session(renewal.id));
            news.extend(pack(renewal));
        }
        let call = call.arg(node.as_bytes()).arg(node_ttl_ms).arg(news).arg(&self.log_bounds[..]);
        let sent = Instant::now();
        let mut reply = Reply::of(self.commands.run_idempotent(&call).await?)?;
        let snapshot = reply.snapshot(Some(node_ttl_ms))?;
        self.learn_time(partition, snapshot.now, sent);
        let (ended, mut damaged) = snapshot.readable_records(reply.list()?)?;
        let missing = reply.list()?.session_ids()?;
        damaged.extend(reply.list()?.session_ids()?);
        Ok(Renewed { now: snapshot.now, ended, missing, damaged })
    }
}

/// What `tell_presence` of `lua/presence.lua` tells on a feed; `None` for an event.
pub(super) fn of_feed(payload: &[u8]) -> Option<Vec<SessionPresence>> {
    let rest = payload.strip_prefix(&[0, 0])?;
    let (told, _) = rest.as_chunks::<32>();
    Some(told.iter().filter_map(presence).collect())
}

fn presence(told: &[u8; 32]) -> Option<SessionPresence> {
    let (id, rest) = told.split_first_chunk::<16>()?;
    let (node, rest) = rest.split_first_chunk::<8>()?;
    let (count, seen) = rest.split_first_chunk::<2>()?;
    let seen = seen.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some(SessionPresence {
        id: SessionId::from_bytes(*id)?,
        connections: u16::from_be_bytes(*count).into(),
        node: (*node != [0; 8]).then(|| NodeId::from_bytes(*node)),
        seen_at: Timestamp::from_millis(seen),
    })
}

fn pack(renewal: &Renewal) -> [u8; 14] {
    let ago = renewal.seen_ago_ms.map_or(NO_USE, |ago| ago.min(NO_USE - 1));
    let (count, sequence) =
        renewal.presence.map_or((NO_COUNT, 0), |held| (held.count.min(NO_COUNT - 1), held.sequence));
    let mut bytes = [0; 14];
    bytes[..6].copy_from_slice(&ago.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&count.to_be_bytes());
    bytes[8..].copy_from_slice(&sequence.to_be_bytes()[2..]);
    bytes
}
