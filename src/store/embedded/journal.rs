//! How an event lies in its row, and the questions to the event table.

use std::collections::HashMap;
use std::net::IpAddr;

use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use super::disk::{as_i64, as_u64, unreadable};
use crate::domain::{By, Device, Partition, Reason, SessionId, Timestamp, UserId};
use crate::store::{Act, Event, EventFilter, EventId, EventKind, EventPage, StoreError};

/// The log is cut once in so many events: one range of rows instead of a row each time.
const CUT_EVERY: u64 = 64;
/// The columns say where, when and who; this is the rest.
#[derive(Serialize, Deserialize)]
struct Body {
    kind: u8,
    /// When it happened, where that is not its place in the order: the clock had gone back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
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
    /// The session of who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<SessionId>,
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

/// Writes an event; of its partition about `kept` stay.
pub(super) fn append(connection: &Connection, event: &Event, kept: u32) -> rusqlite::Result<()> {
    let EventId { ms, partition, sequence } = event.id;
    let body = Body {
        kind: KINDS.iter().find(|(kind, _)| *kind == event.kind).map_or(0, |(_, code)| *code),
        at: Some(event.at.as_millis()).filter(|at| *at != ms),
        session: event.session,
        reason: event.reason,
        by: event.by.clone(),
        ended: event.ended.clone(),
        actor: event.act.actor.clone(),
        note: event.act.note.clone(),
        ip: event.address(),
        device: event.device.clone(),
        of: event.act.session,
    };
    let body = serde_json::to_string(&body)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        partition.index(),
        as_i64(sequence),
        as_i64(ms),
        event.user.as_ref().map_or("", UserId::as_str),
        body,
    ))?;
    if sequence.is_multiple_of(CUT_EVERY) {
        connection
            .prepare_cached("DELETE FROM event WHERE partition = ?1 AND sequence <= ?2")?
            .execute((partition.index(), as_i64(sequence.saturating_sub(u64::from(kept)))))?;
    }
    Ok(())
}

/// Sequence and ms of the last event of each partition that has events.
pub(super) fn last_events(connection: &Connection) -> rusqlite::Result<HashMap<u16, (u64, u64)>> {
    let mut query =
        connection.prepare("SELECT partition, max(sequence), max(at) FROM event GROUP BY partition")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, (as_u64(row.get(1)?), as_u64(row.get(2)?)))))?;
    rows.collect()
}

/// As many events before `before` as are wanted, newest first, but no more than `limit`; the walk ends after
/// `looked_at` rows. Of one user only its own partition is walked, which is short by construction.
pub(super) fn page(
    connection: &Connection,
    filter: &EventFilter,
    limit: usize,
    before: EventId,
    looked_at: usize,
) -> Result<EventPage, StoreError> {
    const ROWS: &str = "SELECT at, partition, sequence, user, body FROM event";
    let partition = filter.user.as_ref().map(Partition::of);
    let mut query = match partition {
        // The order of a partition is its primary key's.
        Some(_) => connection.prepare_cached(&format!(
            "{ROWS} WHERE (at, partition, sequence) < (?1, ?2, ?3) AND at >= ?4 AND partition = ?5
             ORDER BY sequence DESC"
        )),
        None => connection.prepare_cached(&format!(
            "{ROWS} WHERE (at, partition, sequence) < (?1, ?2, ?3) AND at >= ?4 AND ?5 IS NULL
             ORDER BY at DESC, partition DESC, sequence DESC"
        )),
    }
    .map_err(unreadable)?;
    let since = filter.since.map_or(0, |since| as_i64(since.as_millis()));
    let place = (as_i64(before.ms), before.partition.index(), as_i64(before.sequence));
    let index = partition.map(Partition::index);
    let mut rows = query.query((place.0, place.1, place.2, since, index)).map_err(unreadable)?;
    let mut page = EventPage::default();
    for count in 0_usize.. {
        let Some(row) = rows.next().map_err(unreadable)? else {
            page.next = None;
            break;
        };
        if count == looked_at || page.events.len() == limit {
            break;
        }
        let place = place_of(row)?;
        page.next = Some(place);
        match read(row, place) {
            Ok(event) => page.events.extend(event.filter(|event| filter.admits(event))),
            Err(Damaged) => page.damaged += 1,
        }
    }
    Ok(page)
}

/// An entry that nobody can read. It must not hide the others.
struct Damaged;

/// Where an event stands.
fn place_of(row: &Row<'_>) -> Result<EventId, StoreError> {
    let columns = || -> rusqlite::Result<(i64, u16, i64)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
    let (at, partition, sequence) = columns().map_err(unreadable)?;
    let partition = Partition::from_index(partition);
    let partition = partition.ok_or_else(|| StoreError::Corrupt("an event of no partition".to_owned()))?;
    Ok(EventId { ms: as_u64(at), partition, sequence: as_u64(sequence) })
}

/// `None` for one of a kind that this version does not know.
fn read(row: &Row<'_>, id: EventId) -> Result<Option<Event>, Damaged> {
    let columns = || -> rusqlite::Result<(String, String)> { Ok((row.get(3)?, row.get(4)?)) };
    let (user, body) = columns().map_err(|_| Damaged)?;
    let user = (!user.is_empty()).then(|| UserId::parse("user", &user)).transpose().map_err(|_| Damaged)?;
    let body: Body = serde_json::from_str(&body).map_err(|_| Damaged)?;
    let Some((kind, _)) = KINDS.iter().find(|(_, code)| *code == body.kind) else { return Ok(None) };
    let Body { kind: _, at, session, reason, by, ended, actor, note, ip, device, of } = body;
    let at = Timestamp::from_millis(at.unwrap_or(id.ms));
    let act = Act { actor, note, ip: None, session: of };
    let event = Event { id, at, kind: *kind, user, session, reason, by, ended, act, ip: None, device };
    Ok(Some(event.addressed(ip)))
}
