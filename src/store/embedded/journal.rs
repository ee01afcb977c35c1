//! How an event lies in its row, and the questions to the event table.

use std::net::IpAddr;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::disk::{as_i64, as_u64};
use crate::domain::{By, Device, Partition, Reason, SessionId, Timestamp, UserId};
use crate::store::{Act, Event, EventId, EventKind, StoreError};

/// How many events a partition keeps at least, as far as it has them.
const KEPT: u64 = 4096;
/// The log is cut once in so many events: one range of rows instead of a row each time.
const CUT_EVERY: u64 = 64;
/// How long an event is kept, in milliseconds.
pub(super) const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// The columns say where, when and who; this is the rest.
#[derive(Serialize, Deserialize)]
struct Body {
    kind: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<By>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ended: Vec<(SessionId, Reason)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<Device>,
}

const KINDS: [(EventKind, u8); 10] = [
    (EventKind::Login, 1),
    (EventKind::Ended, 2),
    (EventKind::Disabled, 3),
    (EventKind::Enabled, 4),
    (EventKind::Restored, 5),
    (EventKind::Full, 6),
    (EventKind::Refused, 7),
    (EventKind::Failed, 8),
    (EventKind::Notice, 9),
    (EventKind::Job, 10),
];

pub(super) fn append(
    connection: &Connection,
    partition: Partition,
    sequence: u64,
    event: &Event,
) -> rusqlite::Result<()> {
    let body = Body {
        kind: KINDS.iter().find(|(kind, _)| *kind == event.kind).map_or(0, |(_, code)| *code),
        session: event.session,
        reason: event.reason,
        by: event.by.clone(),
        ended: event.ended.clone(),
        actor: event.act.actor.clone(),
        note: event.act.note.clone(),
        ip: event.ip,
        device: event.device.clone(),
    };
    let body = serde_json::to_string(&body)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        partition.index(),
        as_i64(sequence),
        as_i64(event.at.as_millis()),
        event.user.as_ref().map_or("", UserId::as_str),
        body,
    ))?;
    if sequence.is_multiple_of(CUT_EVERY) {
        connection
            .prepare_cached("DELETE FROM event WHERE partition = ?1 AND sequence <= ?2")?
            .execute((partition.index(), as_i64(sequence.saturating_sub(KEPT))))?;
    }
    Ok(())
}

/// The last sequence number of each partition that has events.
pub(super) fn last_sequences(connection: &Connection) -> rusqlite::Result<Vec<(u16, u64)>> {
    let mut query = connection.prepare("SELECT partition, max(sequence) FROM event GROUP BY partition")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, as_u64(row.get(1)?))))?;
    rows.collect()
}

/// A user's newest events. Walks at most the partition's log, which is short by construction.
pub(super) fn of_user(
    connection: &Connection,
    user: &UserId,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let read = || -> rusqlite::Result<Vec<(i64, i64, String)>> {
        let mut query = connection.prepare_cached(
            "SELECT at, sequence, body FROM event WHERE partition = ?1 AND user = ?2 ORDER BY sequence DESC LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map((Partition::of(user).index(), user.as_str(), limit), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        rows.collect()
    };
    let rows = read().map_err(super::disk::unreadable)?;
    let partition = Partition::of(user);
    rows.into_iter()
        .map(|(at, sequence, body)| {
            let id = EventId { ms: as_u64(at), partition, sequence: as_u64(sequence) };
            event(id, Some(user.clone()), &body)
        })
        .collect()
}

fn event(id: EventId, user: Option<UserId>, body: &str) -> Result<Event, StoreError> {
    let at = Timestamp::from_millis(id.ms);
    let damaged = || StoreError::Corrupt(format!("an event of {at} is damaged"));
    let body: Body = serde_json::from_str(body).map_err(|_| damaged())?;
    let kind = KINDS.iter().find(|(_, code)| *code == body.kind).ok_or_else(damaged)?.0;
    let Body { kind: _, session, reason, by, ended, actor, note, ip, device } = body;
    Ok(Event { id, at, kind, user, session, reason, by, ended, act: Act { actor, note }, ip, device })
}
