//! The model: from what one user's clients did and saw to what that breaks of the guarantees.
//!
//! It never guesses. An answered call has happened between its beginning and its end; one without an answer may or may
//! not have. Whatever was seen must be explained by calls that can have caused it, and nothing that was acknowledged
//! may be contradicted. Where a fault may make the store forget, answers are not held against each other between the
//! fault and the moment by which guarantee 5 says that all is well again; from then on they are.

use super::history::{History, SocketLife, Us};

mod calls;
mod facts;
mod reference;
mod sockets;
#[cfg(test)]
mod tests;
mod whole;

use facts::Facts;

/// What the fault of a run allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// From the fault to the moment when the nodes serve again.
    pub disturbed: Option<(Us, Us)>,
    /// Calls in that time may go without an answer.
    pub may_fail: bool,
    /// Welcomed sockets may be lost in that time.
    pub may_cut: bool,
    /// The store may have forgotten: by when everything acknowledged holds again.
    pub healed: Option<Us>,
    /// From when that time counts.
    pub reachable: Us,
    /// How long an ended socket may stay, if nothing else is wrong.
    pub out_within: Us,
    /// From when each session was asked about once more.
    pub audit: Us,
}

impl Terms {
    /// From when everything holds again.
    pub fn holds_from(&self) -> Us {
        self.healed.or(self.disturbed.map(|(_, to)| to)).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something acknowledged is gone, and was still gone when it was asked about for the last time. However busy the
    /// machine was, that is no matter of time.
    Lost,
    /// Something that is promised within a time came after it.
    Late,
    /// Something that must never be seen.
    Wrong,
    /// What is excused while a store that may have forgotten heals: no violation, but how long that took is told.
    Healing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub kind: Kind,
    pub at: Us,
    pub what: String,
}

#[derive(Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Answered logins.
    pub logins: usize,
    /// From the answer to a login to the last word to a socket that it ended, the longest.
    pub two_live: Us,
    /// From the answer to whatever ended a session to the last word to its socket, the longest.
    pub out: Us,
    /// From the moment when a store that may have forgotten could be reached again to the last question to which the
    /// answer was none of what had been acknowledged.
    pub healed: Us,
}

pub fn judge(history: &History, terms: Terms) -> Verdict {
    let facts = Facts::read(history, terms);
    let mut verdict = Verdict { logins: facts.seats.len(), ..Verdict::default() };
    let found = &mut verdict.violations;
    for call in &history.calls {
        facts.judge_call(call, found);
    }
    for socket in &history.sockets {
        facts.judge_socket(socket, found);
    }
    facts.judge_order(found);
    facts.judge_seats(found);
    facts.judge_ghosts(found);
    facts.judge_audit(found);
    facts.judge_confirmations(found);
    reference::judge(&facts, found);
    for socket in &history.sockets {
        facts.judge_way_out(socket, &mut verdict);
    }
    let (healing, found): (Vec<_>, Vec<_>) =
        verdict.violations.drain(..).partition(|violation| violation.kind == Kind::Healing);
    let last = healing.iter().map(|excused| excused.at).max();
    verdict.healed = last.map_or(0, |last| last.saturating_sub(terms.reachable));
    verdict.violations = found;
    verdict.violations.sort_by_key(|violation| violation.at);
    verdict
}

/// Whether the last word about a session of this user was none of what had been acknowledged.
pub fn is_unsettled(history: &History) -> bool {
    let facts = Facts::read(history, Terms::default());
    facts.seats.keys().any(|session| facts.is_gone(session))
}

/// Whether a socket of a session that is known to have ended is still open.
pub fn is_pending(history: &History) -> bool {
    let facts = Facts::read(history, Terms::default());
    let open = |socket: &SocketLife| socket.welcomed().is_some() && socket.over().is_none();
    history.sockets.iter().any(|socket| open(socket) && facts.over.contains_key(&socket.session))
}

fn wrong(at: Us, what: String) -> Violation {
    Violation { kind: Kind::Wrong, at, what }
}

fn late(at: Us, what: String) -> Violation {
    Violation { kind: Kind::Late, at, what }
}
