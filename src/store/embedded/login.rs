//! A login as one step: the same walk as `store/lua/login.lua`.

use super::state::Entry;
use super::step::Step;
use crate::domain::{
    Decision, Holder, Partition, Reason, Record, Session, SessionId, Timestamp, Tombstone, decide,
};
use crate::store::codec::Stored;
use crate::store::{Event, EventKind, Login, LoginOutcome, StoreError};

pub(super) fn login(step: &mut Step<'_>, login: &Login) -> Result<LoginOutcome, StoreError> {
    if let Some(session) = step.find(login.id)? {
        return replay(step, session);
    }
    if step.state.is_disabled(&login.user) {
        step.log(origin(step.now(), EventKind::Refused, login));
        return Ok(LoginOutcome::Disabled);
    }
    let (standing, lapsed) = step.standing_and_lapsed(&login.user);
    let holders: Vec<_> = standing.iter().filter_map(|id| holder(step, login, *id)).collect();
    match decide(&login.question(step.now()), &holders) {
        Decision::Seat { end } => seat(step, login, &lapsed, &end),
        Decision::Full { holders } => {
            let entries = holders.iter().rev().filter_map(|id| step.state.entry(*id));
            let sessions = entries.map(|entry| step.record(entry)).collect();
            step.log(origin(step.now(), EventKind::Full, login));
            Ok(LoginOutcome::Full { sessions })
        }
    }
}

/// An event that says where a login came from.
fn origin(now: Timestamp, kind: EventKind, login: &Login) -> Event {
    let (ip, device) = (login.ip, Some(login.device.clone()));
    Event { ip, device, ..Event::new(now, kind, Some(login.user.clone())) }
}

/// The same login again, because its reply was lost: the same answer.
fn replay(step: &Step<'_>, session: Record) -> Result<LoginOutcome, StoreError> {
    let replaced = match step.state.entry(session.session.id) {
        Some(entry) => entry.replaced.to_vec(),
        None => step.disk.ended(session.session.id, step.now())?.map_or(Vec::new(), |(it, _)| it.replaced),
    };
    let found = replaced.into_iter().map(|(id, _)| step.find(id));
    // What it ended may have been purged since, if the login is that old.
    let replaced = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
    Ok(LoginOutcome::Seated { session, replaced })
}

fn holder(step: &Step<'_>, login: &Login, id: SessionId) -> Option<Holder> {
    let session = &step.state.entry(id)?.session;
    let part = step.state.part(id.partition());
    let view = super::state::View { node_ttl_ms: Some(login.ghost_after_ms), ..step.view() };
    Some(Holder {
        id,
        generation: session.generation,
        seen_at: session.seen_at,
        class: session.device.class,
        same_device: session.device.id == login.device.id,
        present: session.presence.iter().any(|held| held.count > 0 && part.is_renewing(held.node, view)),
    })
}

/// Ends the lapsed and the victims, seats the newcomer, notes one event and one message.
fn seat(
    step: &mut Step<'_>,
    login: &Login,
    lapsed: &[SessionId],
    victims: &[(SessionId, Reason)],
) -> Result<LoginOutcome, StoreError> {
    let now = step.now();
    let partition = Partition::of(&login.user);
    let generation = step.next_generation(partition, login.generation_floor)?;
    step.state.part_mut(partition).generation = generation;
    step.changes.generations.insert(partition);

    step.lapse(&login.user, lapsed);
    let mut replaced = Vec::with_capacity(victims.len());
    for (id, reason) in victims {
        let end = Tombstone { reason: *reason, at: now, by: Some(login.by.clone()) };
        replaced.extend(step.finish(*id, end));
    }
    let session = Session {
        id: login.id,
        user: login.user.clone(),
        generation,
        token_hash: login.token_hash,
        device: login.device.clone(),
        user_agent: login.user_agent.clone(),
        ip: login.ip,
        roles: login.roles.clone(),
        created_at: now,
        seen_at: now,
        absolute_at: now.plus_millis(login.ttl_ms),
        idle_ttl_ms: login.idle_ttl_ms,
        presence: Vec::new(),
    };
    let stored = Stored { session, end: None, replaced: victims.to_vec(), has_data: login.data.is_some() };
    step.state.add(Entry::new(stored, login.data.as_deref().map(Box::from), step.batch));
    step.touch_record(login.id);
    if login.data.is_some() {
        step.changes.data.insert(login.id);
    }
    if victims.iter().any(|(_, reason)| *reason == Reason::Takeover) {
        step.changes.takeovers.push((login.user.clone(), now));
    }
    let event = origin(now, EventKind::Login, login);
    step.log(Event { session: Some(login.id), ended: victims.to_vec(), ..event });
    step.publish(&login.user, Some(&login.by), login.confirm, &replaced);
    let session =
        step.find(login.id)?.ok_or_else(|| StoreError::Corrupt("the new session is gone".into()))?;
    Ok(LoginOutcome::Seated { session, replaced })
}
