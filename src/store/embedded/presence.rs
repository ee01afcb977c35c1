//! Connections and renewals. Who is connected where is memory only: after a restart no node holds any
//! connection to this process, and the renewals of the new one fill it again.

use super::state::View;
use super::step::Step;
use crate::domain::{NodeId, Partition, Presence, Record, Session, SessionId};
use crate::store::{Attach, Renewal, Renewed, StoreError};

pub(super) fn attach(
    step: &mut Step<'_>,
    id: SessionId,
    presence: Presence,
    node_ttl_ms: u64,
) -> Result<Attach, StoreError> {
    let now = step.now();
    let view = View { now, with_data: false, node_ttl_ms: Some(node_ttl_ms) };
    let Some(record) = without_data(step.find(id)?) else { return Ok(Attach::Unknown) };
    if !record.is_live() {
        return Ok(Attach::Ended(record));
    }
    let part = step.state.part(id.partition());
    let others = record.session.presence.iter();
    let others = others.filter(|held| held.node != presence.node && part.is_renewing(held.node, view));
    let sum: u32 = others.map(|held| u32::from(held.count)).sum();
    if is_newer(&record.session, presence) && sum + u32::from(presence.count) > MAX_CONNECTIONS {
        return Ok(Attach::Crowded);
    }

    step.state.part_mut(id.partition()).stamp(presence.node, now, node_ttl_ms);
    if let Some(entry) = step.state.entry_mut(id) {
        place(&mut entry.session, presence);
    }
    step.changes.presence.insert(id);
    step.mark_seen(id, now);
    let entry = step.state.entry(id);
    Ok(entry.map_or(Attach::Unknown, |entry| Attach::Live(step.state.record(entry, view))))
}

const MAX_CONNECTIONS: u32 = Session::MAX_CONNECTIONS as u32;

pub(super) fn detach(step: &mut Step<'_>, id: SessionId, presence: Presence) {
    let now = step.now();
    let live = |session: &Session| session.lapsed(now).is_none();
    let Some(entry) = step.state.entry_mut(id).filter(|entry| entry.end.is_none() && live(&entry.session))
    else {
        return;
    };
    place(&mut entry.session, presence);
    step.changes.presence.insert(id);
    step.mark_seen(id, now);
}

pub(super) fn renew(
    step: &mut Step<'_>,
    node: NodeId,
    partition: Partition,
    sessions: &[Renewal],
    node_ttl_ms: u64,
) -> Result<Renewed, StoreError> {
    let now = step.now();
    let mut renewed = Renewed { now: step.now(), ..Renewed::default() };
    let mut lapsed = Vec::new();
    let mut live = Vec::new();
    for renewal in sessions {
        let Some(entry) = step.state.entry(renewal.id).filter(|entry| entry.end.is_none()) else {
            match step.find(renewal.id).map(without_data) {
                Ok(Some(record)) => renewed.ended.push(record),
                Ok(None) => renewed.missing.push(renewal.id),
                Err(StoreError::Corrupt(_)) => renewed.damaged.push(renewal.id),
                Err(error) => return Err(error),
            }
            continue;
        };
        // A use that the node saw in time counts, even if the news of it comes after the deadline.
        let session = &entry.session;
        let used_at = renewal.seen_ago_ms.map(|ago| now.minus_millis(ago));
        let used_at = used_at.filter(|at| session.lapsed(*at).is_none());
        let idle_until = used_at.map(|at| at.max(session.seen_at).plus_millis(session.idle_ttl_ms));
        if session.absolute_at.min(idle_until.unwrap_or(session.deadline())) <= now {
            lapsed.push((session.user.clone(), renewal.id, used_at));
        } else {
            live.push((renewal, used_at));
        }
    }

    step.state.part_mut(partition).stamp(node, now, node_ttl_ms);
    for (renewal, used_at) in live {
        if let Some(entry) = step.state.entry_mut(renewal.id)
            && let Some(presence) = renewal.presence
        {
            place(&mut entry.session, presence);
            step.changes.presence.insert(renewal.id);
        }
        if let Some(at) = used_at {
            step.mark_seen(renewal.id, at);
        }
    }
    for (user, id, used_at) in lapsed {
        if let Some(at) = used_at {
            step.mark_seen(id, at);
        }
        renewed.ended.extend(step.lapse(&user, &[id]).into_iter().filter_map(|it| without_data(Some(it))));
    }
    Ok(renewed)
}

fn without_data(record: Option<Record>) -> Option<Record> {
    record.map(|record| Record { data: None, ..record })
}

fn is_newer(session: &Session, presence: Presence) -> bool {
    let held = session.presence.iter().find(|held| held.node == presence.node);
    held.is_none_or(|held| held.sequence < presence.sequence)
}

/// Notes a node's connections, unless a later word of that node was heard already. A count that rose makes the
/// node the latest. A node with none stays: its sequence guards against its own late messages, and there is only one.
fn place(session: &mut Session, presence: Presence) {
    if !is_newer(session, presence) {
        return;
    }
    let held = &mut session.presence;
    match held.iter().position(|held| held.node == presence.node) {
        Some(at) if presence.count <= held[at].count => held[at] = presence,
        at => {
            if let Some(at) = at {
                held.remove(at);
            }
            held.push(presence);
        }
    }
}
