//! The rule of seats, played again: for a user of whom nothing is uncertain, each answer has to be exactly this.

use std::collections::BTreeSet;

use super::super::history::{Call, EndSeen, How, Id, LoginSeen, OnFull, What};
use super::facts::Facts;
use super::{Violation, wrong};

/// A live session, as the rule sees it.
struct Holder {
    id: Id,
    device: String,
    generation: u64,
}

/// Plays logins in the order of their generations, and ends where they came. Where they overlap in time, their order is
/// not known, and where an answer is missing or the store may have forgotten, nothing is: then the other rules, which
/// need no order, have to do.
pub fn judge(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    if !facts.unsure.is_empty() || facts.terms.healed.is_some() {
        return;
    }
    let mut calls: Vec<&Call> = facts.history.calls.iter().filter(|call| changes(call)).collect();
    calls.sort_by_key(|call| call.began);
    let mut live: Vec<Holder> = Vec::new();
    let mut rest = calls.as_slice();
    while let [first, ..] = rest {
        let mut until = first.ended;
        let together = rest.iter().take_while(|call| {
            let overlaps = call.began <= until;
            until = until.max(call.ended);
            overlaps
        });
        let (step, later) = rest.split_at(together.count());
        rest = later;
        let ends = step.iter().filter(|call| !matches!(call.what, What::Login { .. })).count();
        if ends > 0 && step.len() > 1 {
            return;
        }
        if !play(facts, step, &mut live, found) {
            return;
        }
    }
}

fn changes(call: &Call) -> bool {
    matches!(call.what, What::Login { .. } | What::End { .. })
}

/// One step; false if what follows can't be judged after it.
fn play(facts: &Facts<'_>, step: &[&Call], live: &mut Vec<Holder>, found: &mut Vec<Violation>) -> bool {
    let mut step = step.to_vec();
    // The refused have no generation: where they stand is no matter, but for what they may be told.
    step.sort_by_key(|call| match &call.what {
        What::Login { saw: LoginSeen::Seated { generation, .. }, .. } => *generation,
        _ => 0,
    });
    let before: Vec<Id> = live.iter().map(|holder| holder.id.clone()).collect();
    for call in &step {
        match &call.what {
            What::Login { device, saw: LoginSeen::Seated { id, generation, replaced, .. } } => {
                let own = live.iter().filter(|holder| holder.device == *device);
                let mut out: BTreeSet<Id> = own.map(|holder| holder.id.clone()).collect();
                let others: Vec<_> = live.iter().filter(|holder| !out.contains(&holder.id)).collect();
                let missing = (others.len() + 1).saturating_sub(facts.history.seats);
                match facts.history.on_full {
                    // The oldest; they are in the order of their generations.
                    OnFull::KickOld => {
                        out.extend(others.iter().take(missing).map(|holder| holder.id.clone()))
                    }
                    OnFull::DenyNew => {
                        // Only ghosts go, and which holders are, the model does not know: as many as are missing.
                        let ghosts = others.iter().filter(|holder| replaced.contains(&holder.id));
                        out.extend(ghosts.take(missing).map(|holder| holder.id.clone()));
                    }
                }
                let told: BTreeSet<Id> = replaced.iter().cloned().collect();
                if told != out || (facts.history.on_full == OnFull::DenyNew && out.len() < missing) {
                    found.push(wrong(
                        call.ended,
                        format!("{id} put out {told:?}, where the rule says {out:?}"),
                    ));
                    return false;
                }
                live.retain(|holder| !out.contains(&holder.id));
                live.push(Holder { id: id.clone(), device: device.clone(), generation: *generation });
                live.sort_by_key(|holder| holder.generation);
            }
            What::Login { .. } => {}
            What::End { how: How::Kick(id) | How::Logout(id), saw: EndSeen::Done(_) } => {
                live.retain(|holder| holder.id != *id);
            }
            What::End { how: How::KickAll | How::Disable, saw: EndSeen::Done(ended) } => {
                let gone: BTreeSet<Id> = live.drain(..).map(|holder| holder.id).collect();
                let told: BTreeSet<Id> = ended.iter().flatten().cloned().collect();
                if gone != told {
                    found.push(wrong(call.ended, format!("{told:?} were ended, and {gone:?} were live")));
                    return false;
                }
            }
            _ => {}
        }
    }
    judge_refusals(facts, &step, &before, live, found)
}

/// Whoever was refused for want of a seat found them all taken: before this step, or by the end of it.
fn judge_refusals(
    facts: &Facts<'_>,
    step: &[&Call],
    before: &[Id],
    live: &[Holder],
    found: &mut Vec<Violation>,
) -> bool {
    let taken = before.len().max(live.len());
    for call in step {
        let What::Login { saw: LoginSeen::Full(holders), .. } = &call.what else { continue };
        let stranger =
            holders.iter().find(|id| !before.contains(id) && !live.iter().any(|holder| holder.id == **id));
        if taken < facts.history.seats || stranger.is_some() {
            found.push(wrong(
                call.ended,
                format!("was refused for {holders:?}, and {taken} seats were taken"),
            ));
            return false;
        }
    }
    true
}
