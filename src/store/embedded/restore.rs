//! Putting back what the store has forgotten as one step: the same walk as `store/lua/restore.lua`.

use super::state::{Entry, Mark};
use super::step::Step;
use crate::domain::{Holder, Readmission, Reason, Record, Returning, Session, SessionId, Tombstone, readmit};
use crate::store::codec::Stored;
use crate::store::{Act, Event, EventKind, Image, Restore, Restored, StoreError};

pub(super) fn restore(step: &mut Step<'_>, restore: &Restore) -> Result<Restored, StoreError> {
    let Record { mut session, end: known_end, data, .. } = restore.image.record()?;
    let (id, now) = (session.id, step.now());
    if let Some(found) = step.find(id)? {
        // A login that was sent again to a store that had forgotten it has another generation, and another life.
        let its_end = known_end.filter(|_| session.generation >= found.session.generation);
        return Ok(restore_known(step, found, its_end));
    }
    if let Some(end) = known_end {
        return Ok(bury(step, session, end));
    }
    if now.millis_since(restore.live_at) > Image::LIVE_FOR_MS {
        return Ok(Restored::TooOld);
    }
    // Its uses through other nodes are not in the image. It was live then, so that is when it was seen at the
    // earliest by which it could be over now.
    if session.deadline() <= now {
        session.seen_at = session.seen_at.max(restore.live_at.min(now));
    }
    if let Some(reason) = session.lapsed(now) {
        let end = Tombstone { reason, at: session.deadline(), by: None };
        return Ok(bury(step, session, end));
    }
    if was_disabled(step.state.mark(&session.user, now), &session) {
        return Ok(bury(step, session, Tombstone { reason: Reason::Disabled, at: now, by: None }));
    }

    let (standing, lapsed) = step.standing_and_lapsed(&session.user);
    let holders: Vec<Holder> = standing.iter().filter_map(|id| holder(step, &session, *id)).collect();
    let returning =
        Returning { generation: session.generation, class: session.device.class, limits: restore.limits };
    match readmit(&returning, &holders) {
        Readmission::Yields { to } => {
            let winner = step.state.entry(to).map(|entry| step.record(entry));
            let winner = winner.ok_or_else(|| StoreError::Corrupt("the newer session is gone".into()))?;
            Ok(Restored::Yields(Record { data: None, ..winner }))
        }
        Readmission::Sits { end } => {
            step.raise_generation(id.partition(), session.generation);
            step.lapse(&session.user, &lapsed);
            seat(step, session, data, &end, restore);
            Ok(Restored::Live)
        }
    }
}

/// It is there already. Live in the index and known as ended, it ends as known, even if it has lapsed meanwhile: it
/// had ended before, and was acknowledged to have.
fn restore_known(step: &mut Step<'_>, found: Record, known_end: Option<Tombstone>) -> Restored {
    let id = found.session.id;
    let is_unended = step.state.entry(id).is_some_and(|entry| entry.end.is_none());
    match known_end {
        Some(end) if is_unended => {
            let ended: Vec<Record> = step.finish(id, end.clone()).into_iter().collect();
            step.log_ends(&ended, &Act::NONE);
            step.publish(&found.session.user, end.by.as_ref(), false, &ended);
            Restored::Ended(Record { end: Some(end), data: None, ..found })
        }
        // Whoever decided the later one had not heard of this one, which people were told.
        Some(end) if found.end.as_ref().is_some_and(|later| end.at < later.at) => {
            let (session, end) = (found.session.clone(), Some(end));
            let earlier = Stored { session, end: end.clone(), replaced: Vec::new(), has_data: false };
            match step.state.entry_mut(id) {
                Some(entry) => entry.end = end.clone().map(Box::new),
                None => step.state.add_ended(Entry::new(earlier, None, step.batch)),
            }
            step.touch_record(id);
            Restored::Ended(Record { end, data: None, ..found })
        }
        None if found.is_live() => Restored::Live,
        _ => Restored::Ended(Record { data: None, ..found }),
    }
}

/// Whether its user was disabled since it logged in.
fn was_disabled(mark: Option<Mark>, session: &Session) -> bool {
    match mark {
        // Who logged in after that may have been enabled before, which the store has forgotten and will be told.
        Some(mark) if mark.is_disabled() => session.created_at <= mark.out_until.unwrap_or(mark.at),
        // Enabled again; but when its user was disabled it was forgotten, and was not ended with the others.
        Some(Mark { out_until: Some(at), .. }) => session.generation <= Mark::generation_at(at),
        _ => false,
    }
}

/// Writes the tombstone of a session that is not there, unless it has lapsed like every tombstone.
fn bury(step: &mut Step<'_>, session: Session, end: Tombstone) -> Restored {
    let record = step.state.view(session.clone(), Some(end.clone()), None, step.view());
    if end.at.plus_millis(Tombstone::KEPT_MS) > step.now() {
        step.raise_generation(session.id.partition(), session.generation);
        let stored = Stored { session, end: Some(end), replaced: Vec::new(), has_data: false };
        let id = stored.session.id;
        step.state.add_ended(Entry::new(stored, None, step.batch));
        step.touch_record(id);
        step.log_ends(std::slice::from_ref(&record), &Act::NONE);
    }
    Restored::Ended(record)
}

fn holder(step: &Step<'_>, returning: &Session, id: SessionId) -> Option<Holder> {
    let session = &step.state.entry(id)?.session;
    Some(Holder {
        id,
        generation: session.generation,
        seen_at: session.seen_at,
        class: session.device.class,
        same_device: session.device.id == returning.device.id,
        // The rule of readmission does not ask.
        present: false,
    })
}

/// Makes it live, ends those that it leaves no seat, with one message and an event each.
fn seat(
    step: &mut Step<'_>,
    session: Session,
    data: Option<String>,
    victims: &[(SessionId, Reason)],
    restore: &Restore,
) {
    let (id, user, now) = (session.id, session.user.clone(), step.now());
    let has_data = data.is_some();
    let (ip, device) = (session.ip, Some(session.device.clone()));
    let stored = Stored { session, end: None, replaced: Vec::new(), has_data };
    step.state.add(Entry::new(stored, data.map(Box::from), step.batch));
    step.touch_record(id);
    if has_data {
        step.changes.data.insert(id);
    }
    let event = Event::new(now, EventKind::Restored, Some(user.clone()));
    step.log(Event { session: Some(id), ip, device, ..event });
    let tombstone = |reason| Tombstone { reason, at: now, by: Some(restore.by.clone()) };
    let ended: Vec<Record> =
        victims.iter().filter_map(|(id, reason)| step.finish(*id, tombstone(*reason))).collect();
    step.log_ends(&ended, &Act::NONE);
    step.publish(&user, Some(&restore.by), false, &ended);
}
