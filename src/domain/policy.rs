//! The rule of who keeps a seat: a function of the question and the holders, and of nothing else.

use super::{DeviceClass, Generation, Reason, SeatLimits, SessionId, Timestamp};

mod readmit;

pub use readmit::{Readmission, Returning, readmit};

/// What happens to a login that finds all seats taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFull {
    /// Older sessions go.
    KickOld,
    /// The newcomer is refused, unless a ghost holds a seat.
    DenyNew,
    /// The newcomer is refused with a list and comes back with the ids to replace.
    Choose,
}

impl OnFull {
    /// The word of the configuration, and of `store/lua/seats.lua`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KickOld => "kick_old",
            Self::DenyNew => "deny_new",
            Self::Choose => "choose",
        }
    }
}

/// Who goes first under [`OnFull::KickOld`], and among ghosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The lowest generation.
    Oldest,
    /// The longest unseen; of equals the lowest generation.
    Idle,
}

impl Victim {
    /// The word of the configuration, and of `store/lua/seats.lua`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oldest => "oldest",
            Self::Idle => "idle",
        }
    }
}

/// A live session of the user, as far as the rule needs it. Sessions past their deadline are not holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub id: SessionId,
    pub generation: Generation,
    pub seen_at: Timestamp,
    pub class: DeviceClass,
    /// It runs on the device that logs in now.
    pub same_device: bool,
    /// It has a connection on a node that renewed within `ghost_after`.
    pub present: bool,
}

/// A login that asks for a seat.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub class: DeviceClass,
    pub limits: SeatLimits,
    pub on_full: OnFull,
    pub victim: Victim,
    /// Under [`OnFull::Choose`]: the sessions that the person picked. Ids that hold no seat are ignored.
    pub replace: &'a [SessionId],
    pub now: Timestamp,
    pub ghost_after_ms: u64,
}

/// The answer; both lists are in order of generation, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The newcomer is seated and these sessions end.
    Seat { end: Vec<(SessionId, Reason)> },
    /// Nothing changes; these sessions hold the seats that the newcomer could have.
    Full { holders: Vec<SessionId> },
}

/// The rule of who keeps a seat. `store/lua/login.lua` is the same rule in Lua; generated cases in the store's
/// conformance suite hold the two together.
///
/// 1. Sessions of the same device end as `replaced`, whatever `on_full` says.
/// 2. Under `choose` the sessions in `replace` end.
/// 3. What is still missing, in the newcomer's class first, then in all, is taken from the candidates in the
///    victim's order: everybody under `kick_old`, ghosts under the others. A ghost is a holder that is not
///    present and was unseen for `ghost_after`.
/// 4. If the candidates do not suffice, the answer is `Full` and nothing ends: not even step 1 and 2.
pub fn decide(question: &Question<'_>, holders: &[Holder]) -> Decision {
    let mut end: Vec<(&Holder, Reason)> = Vec::new();
    let mut rest: Vec<&Holder> = Vec::new();
    for holder in holders {
        if holder.same_device {
            end.push((holder, Reason::Replaced));
        } else if question.on_full == OnFull::Choose && question.replace.contains(&holder.id) {
            end.push((holder, Reason::Takeover));
        } else {
            rest.push(holder);
        }
    }

    let (class_short, all_short) = missing(question.class, question.limits, &rest);
    let mut candidates: Vec<&Holder> =
        rest.iter().copied().filter(|holder| is_candidate(question, holder)).collect();
    candidates.sort_by_key(|holder| match question.victim {
        Victim::Oldest => (Timestamp::default(), holder.generation),
        Victim::Idle => (holder.seen_at, holder.generation),
    });
    let in_class: Vec<&Holder> =
        candidates.iter().copied().filter(|holder| holder.class == question.class).collect();
    if in_class.len() < class_short || candidates.len() < all_short {
        return Decision::Full { holders: seats_in_the_way(question, holders) };
    }

    let first: Vec<SessionId> = in_class.iter().take(class_short).map(|holder| holder.id).collect();
    let others = candidates.iter().filter(|holder| !first.contains(&holder.id));
    let others = others.take(all_short.saturating_sub(class_short));
    end.extend(in_class.iter().take(class_short).chain(others).map(|holder| (*holder, Reason::Takeover)));
    end.sort_by_key(|(holder, _)| holder.generation);
    Decision::Seat { end: end.into_iter().map(|(holder, reason)| (holder.id, reason)).collect() }
}

/// The sessions of which the newcomer needs a seat, lowest generation first. Ending one of its class helps both
/// limits; only if more is missing in all do others help too.
fn seats_in_the_way(question: &Question<'_>, holders: &[Holder]) -> Vec<SessionId> {
    let mut standing: Vec<&Holder> = holders.iter().filter(|holder| !holder.same_device).collect();
    let (class_short, all_short) = missing(question.class, question.limits, &standing);
    standing.retain(|holder| all_short > class_short || holder.class == question.class);
    standing.sort_by_key(|holder| holder.generation);
    standing.into_iter().map(|holder| holder.id).collect()
}

/// How many seats are missing for one more session of `class`: in that class, and in all.
fn missing(class: DeviceClass, limits: SeatLimits, rest: &[&Holder]) -> (usize, usize) {
    let short =
        |count: usize, max: Option<u32>| max.map_or(0, |max| (count + 1).saturating_sub(max as usize));
    let in_class = rest.iter().filter(|holder| holder.class == class).count();
    (short(in_class, limits.of_class), short(rest.len(), limits.in_all))
}

fn is_candidate(question: &Question<'_>, holder: &Holder) -> bool {
    question.on_full == OnFull::KickOld
        || (!holder.present && question.now.millis_since(holder.seen_at) >= question.ghost_after_ms)
}

#[cfg(test)]
mod tests;
