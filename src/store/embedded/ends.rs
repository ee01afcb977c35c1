//! Ending sessions other than by a login, their data, and the sweep.

use super::state::{Entry, Mark};
use super::step::{Cause, Step};
use crate::domain::{By, NodeId, Partition, Reason, Record, SessionId, Timestamp, UserId};
use crate::store::{Act, Disabling, Event, EventKind, Said, StoreError, Swept, Target};

/// How many index entries one round looks at.
const SWEEP_LIMIT: usize = 50;
/// How long a round may keep others out if its node dies.
const LEASE_MS: u64 = 10_000;
/// Nodes renew within `ghost_after`; one that did not for a day is gone.
const STAMP_KEPT_MS: u64 = 24 * 60 * 60 * 1000;

pub(super) fn end(
    step: &mut Step<'_>,
    target: &Target,
    reason: Reason,
    by: Option<&By>,
    act: &Act,
) -> Vec<Record> {
    let user = match target {
        Target::Session(id) => match step.state.entry(*id) {
            Some(entry) => entry.session.user.clone(),
            None => return Vec::new(),
        },
        Target::User(user) => user.clone(),
        Target::Others(user, asking) => match step.state.entry(*asking) {
            Some(entry) if entry.end.is_none() && entry.session.lapsed(step.now()).is_none() => user.clone(),
            _ => return Vec::new(),
        },
    };
    let wanted = |id: &SessionId| match target {
        Target::Session(only) => id == only,
        Target::User(_) => true,
        Target::Others(_, but) => id != but,
    };
    end_where(step, &user, wanted, &Cause { reason, by, act })
}

fn end_where(
    step: &mut Step<'_>,
    user: &UserId,
    wanted: impl Fn(&SessionId) -> bool,
    cause: &Cause<'_>,
) -> Vec<Record> {
    let (mut standing, mut lapsed) = step.standing_and_lapsed(user);
    standing.retain(&wanted);
    lapsed.retain(&wanted);
    step.lapse(user, &lapsed);
    step.end_all(user, &standing, cause)
}

pub(super) fn set_disabled(
    step: &mut Step<'_>,
    user: &UserId,
    disabled: bool,
    said: Said,
    act: &Act,
) -> Disabling {
    let now = step.now();
    let was = step.state.mark(user, now);
    let since = was.map_or(Timestamp::default(), |mark| mark.at);
    // Later than every word before it, also when the clock went back.
    let at = said.at().unwrap_or_else(|| now.max(since.plus_millis(1)));
    let is_last = was.is_some_and(Mark::is_disabled) && at == since;
    let is_settled = matches!(said, Said::Settled(_)) && disabled && is_last;
    if at <= since && !is_settled {
        return Disabling { at: since, ended: Vec::new() };
    }
    let until = (!disabled).then(|| now.plus_millis(Disabling::ENABLED_KEPT_MS));
    // As many are looked at as users are disabled; it is an administrator's doing, not a login's.
    step.state.drop_marks(now);
    let mut out_until = was.and_then(|mark| mark.out_until);
    if disabled {
        let out = out_until.into_iter().chain([at]).chain(is_settled.then_some(now)).fold(at, Timestamp::max);
        step.raise_generation(Partition::of(user), Mark::generation_at(out));
        out_until = Some(out);
    }
    step.state.set_mark(user, Mark { at, until, out_until });
    step.changes.marks.insert(user.clone());
    step.state.changed_in = step.batch;
    if was.is_some_and(Mark::is_disabled) != disabled {
        let kind = if disabled { EventKind::Disabled } else { EventKind::Enabled };
        step.log(Event { act: act.clone(), ..Event::new(now, kind, Some(user.clone())) });
    }
    if !disabled {
        return Disabling { at, ended: Vec::new() };
    }
    // What is said again ends nobody who logged in later, for the user may have been enabled by then; until that would
    // be known.
    let spared_from = said.at().filter(|_| !is_settled);
    let spared: Vec<SessionId> = step
        .state
        .seats(user)
        .filter(|entry| spared_from.is_some_and(|at| entry.session.created_at > at))
        .map(|entry| entry.session.id)
        .collect();
    let cause = Cause { reason: Reason::Disabled, by: None, act };
    Disabling { at, ended: end_where(step, user, |id| !spared.contains(id), &cause) }
}

pub(super) fn set_data(
    step: &mut Step<'_>,
    id: SessionId,
    data: Option<&str>,
) -> Result<Option<Record>, StoreError> {
    let now = step.now();
    let live = |entry: &&mut Entry| entry.end.is_none() && entry.session.lapsed(now).is_none();
    if let Some(entry) = step.state.entry_mut(id).filter(live) {
        entry.data = data.map(Box::from);
        step.mark_seen(id, now);
        step.touch_record(id);
        step.changes.data.insert(id);
    }
    step.find(id)
}

pub(super) fn sweep(step: &mut Step<'_>, partition: Partition, node: NodeId) -> Result<Swept, StoreError> {
    let now = step.now();
    let part = step.state.part(partition);
    if part.lease.is_some_and(|(holder, until)| holder != node && until > now) {
        return Ok(Swept { leased: true, ..Swept::default() });
    }
    let has_leftovers = step.disk.has_leftovers(partition, now)?;

    let (due, more) = step.state.due(partition, now, SWEEP_LIMIT);
    let mut swept = Swept { more: more || has_leftovers, ..Swept::default() };
    for id in due {
        let Some(user) = step.state.entry(id).map(|entry| entry.session.user.clone()) else { continue };
        if step.lapse(&user, &[id]).is_empty() {
            step.state.advance(id);
            swept.moved += 1;
        } else {
            swept.ended += 1;
        }
    }
    if has_leftovers {
        step.changes.purge.insert(partition, now);
    }
    let part = step.state.part_mut(partition);
    part.drop_stamps_before(now.minus_millis(STAMP_KEPT_MS));
    part.lease = swept.more.then(|| (node, now.plus_millis(LEASE_MS)));
    swept.listed = part.listed();
    Ok(swept)
}
