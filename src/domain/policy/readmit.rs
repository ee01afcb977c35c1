//! The rule of who keeps a seat when a forgotten session comes back: by generation, and by nothing else.
//!
//! Refuses to end whoever is newer. For sessions of the same limits whose devices keep their class, what is live in
//! the end is the same whatever the order in which they come back, and however often: "one of a device", "so many of
//! a class", "so many in all" lie within one another, and for such limits taking each that comes and dropping the
//! lowest where it becomes too many leaves the highest that fit (the greedy algorithm on a laminar matroid).

use super::{Holder, missing};
use crate::domain::{DeviceClass, Generation, Reason, SeatLimits, SessionId};

/// A session that the store has forgotten and a node has not, as far as the rule needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returning {
    pub generation: Generation,
    pub class: DeviceClass,
    /// Of its roles and class.
    pub limits: SeatLimits,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readmission {
    /// It is live again and these sessions end, lowest generation first. All are of lower generations.
    Sits { end: Vec<(SessionId, Reason)> },
    /// Nothing changes: a newer login, this one, holds its seat.
    Yields { to: SessionId },
}

/// Whether a forgotten session is live again beside the `holders`, the live sessions of its user without itself; their
/// `same_device` says whether they run on its device. `store/lua/readmit.lua` is the same rule in Lua; generated cases
/// in the store's conformance suite hold the two together.
///
/// 1. Of one device the highest generation stays: a newer or equal one on its device and it yields; older ones end as
///    `replaced`.
/// 2. What is then missing, in its class first, then in all, is taken from older sessions, the oldest first. Are
///    there too few of them, it yields. Of equal generations the one that is there stays.
///
/// It yields to the newest of those that hold the seats which it would need: when that one logged in, the other holders
/// were there already, so that this is the login that would have ended it, had the store known of it.
pub fn readmit(returning: &Returning, holders: &[Holder]) -> Readmission {
    let (of_device, rest): (Vec<&Holder>, Vec<&Holder>) =
        holders.iter().partition(|holder| holder.same_device);
    let is_older = |holder: &&Holder| holder.generation < returning.generation;
    let in_class = |holder: &&Holder| holder.class == returning.class;
    let (class_short, all_short) = missing(returning.class, returning.limits, &rest);
    let mut older: Vec<&Holder> = rest.iter().copied().filter(is_older).collect();
    older.sort_by_key(|holder| holder.generation);
    let older_in_class: Vec<&Holder> = older.iter().copied().filter(in_class).collect();

    let newest = |holders: &mut dyn Iterator<Item = &&Holder>| {
        holders.filter(|holder| !is_older(holder)).max_by_key(|holder| holder.generation).map(|it| it.id)
    };
    let to = if let Some(to) = newest(&mut of_device.iter()) {
        Some(to)
    } else if older_in_class.len() < class_short {
        newest(&mut rest.iter().filter(|holder| in_class(holder)))
    } else if older.len() < all_short {
        newest(&mut rest.iter())
    } else {
        None
    };
    if let Some(to) = to {
        return Readmission::Yields { to };
    }

    let first: Vec<SessionId> = older_in_class.iter().take(class_short).map(|holder| holder.id).collect();
    let others = older.iter().filter(|holder| !first.contains(&holder.id));
    let others = others.take(all_short.saturating_sub(class_short));
    let mut end: Vec<(&Holder, Reason)> =
        of_device.iter().map(|holder| (*holder, Reason::Replaced)).collect();
    let taken = older_in_class.iter().take(class_short).chain(others);
    end.extend(taken.map(|holder| (*holder, Reason::Takeover)));
    end.sort_by_key(|(holder, _)| holder.generation);
    Readmission::Sits { end: end.into_iter().map(|(holder, reason)| (holder.id, reason)).collect() }
}

#[cfg(test)]
mod tests;
