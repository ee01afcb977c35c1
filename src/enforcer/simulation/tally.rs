//! What went wrong in a history, counted: a fault that never happens proves nothing.

use std::collections::BTreeMap;
use std::fmt;

/// What a store, and the way to it, does to its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A call took its time, there or back.
    CallDelayed,
    /// A call did not arrive, and nobody was told.
    CallLost,
    /// One that nobody waited for any more came through after all.
    CallLate,
    /// The store did it, and nobody heard.
    AnswerLost,
    /// A call was sent again because its answer was lost.
    CallDoubled,
    /// A call was refused: the store was away, or its node was cut off.
    CallRefused,
    /// A primary's answer was found when the primary was gone.
    AnswerLate,
    MessageDelayed,
    MessageDoubled,
    /// A message went nowhere, or with the primary that had sent it.
    MessageLost,
    /// An answered login is not in the store that comes back.
    LoginForgotten,
    /// An answered end is none in the store that comes back.
    EndForgotten,
}

impl Fault {
    pub(super) const EVERY: [Self; 12] = [
        Self::CallDelayed,
        Self::CallLost,
        Self::CallLate,
        Self::AnswerLost,
        Self::CallDoubled,
        Self::CallRefused,
        Self::AnswerLate,
        Self::MessageDelayed,
        Self::MessageDoubled,
        Self::MessageLost,
        Self::LoginForgotten,
        Self::EndForgotten,
    ];
}

/// How often each fault happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(BTreeMap<Fault, u64>);

impl Tally {
    pub(super) fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }

    /// Faults that did not happen.
    pub(super) fn missing(&self) -> Vec<Fault> {
        Fault::EVERY.into_iter().filter(|fault| !self.0.contains_key(fault)).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<_> = self.0.iter().map(|(fault, count)| format!("{fault:?} {count}")).collect();
        f.write_str(&told.join(", "))
    }
}
