//! The history, read once: who was seated, who is over and since when, and what may have happened.

use std::collections::BTreeMap;

use super::super::history::{
    Call, CheckSeen, EndSeen, Failure, History, How, Id, LoginSeen, Tombstone, Us, What,
};
use super::{Kind, Terms, Violation, wrong};

/// Until when a login may be carried out after it was asked for: its bound in the store, and the way there and back.
const CARRIED_OUT_WITHIN: Us = 3_200_000;

/// An answered login.
#[derive(Debug, Clone)]
pub struct Seat {
    pub device: String,
    pub generation: u64,
    pub began: Us,
    pub ended: Us,
}

/// That a session has ended, as somebody was told.
#[derive(Debug, Clone)]
pub struct End {
    pub tombstone: Tombstone,
    pub began: Us,
}

/// A call without an answer.
#[derive(Debug, Clone)]
pub struct Unsure {
    pub began: Us,
    pub ended: Us,
    /// The node itself has given it up, and says so.
    pub given_up: bool,
    pub what: Maybe,
}

#[derive(Debug, Clone)]
pub enum Maybe {
    Login { device: String },
    End(How),
}

/// The history, read once.
pub struct Facts<'a> {
    pub history: &'a History,
    pub terms: Terms,
    pub seats: BTreeMap<Id, Seat>,
    /// Acknowledged causes, by whom they ended. More than one where a call ended what had ended.
    pub causes: BTreeMap<Id, Vec<End>>,
    /// Since when each is known to be ended, by an acknowledgement or because somebody was told.
    pub over: BTreeMap<Id, Us>,
    pub unsure: Vec<Unsure>,
}

impl<'a> Facts<'a> {
    pub fn read(history: &'a History, terms: Terms) -> Self {
        let mut facts = Self {
            history,
            terms,
            seats: BTreeMap::new(),
            causes: BTreeMap::new(),
            over: BTreeMap::new(),
            unsure: Vec::new(),
        };
        for call in &history.calls {
            if let What::Login { device, saw: LoginSeen::Seated { id, generation, .. } } = &call.what {
                let (device, generation) = (device.clone(), *generation);
                let seat = Seat { device, generation, began: call.began, ended: call.ended };
                facts.seats.insert(id.clone(), seat);
            }
        }
        for call in &history.calls {
            facts.read_ends(call);
        }
        for socket in &history.sockets {
            if let Some((at, _)) = socket.out() {
                facts.note_over(&socket.session, at);
            }
        }
        facts
    }

    fn read_ends(&mut self, call: &Call) {
        let tombstone =
            |reason: &str, by: Option<&Id>| Tombstone { reason: reason.to_owned(), by: by.cloned() };
        match &call.what {
            What::Login { device, saw: LoginSeen::Seated { id, replaced, .. } } => {
                for victim in replaced {
                    let same = self.seats.get(victim).is_some_and(|seat| seat.device == *device);
                    let reason = if same { "replaced" } else { "takeover" };
                    self.caused(call, victim, tombstone(reason, Some(id)));
                }
            }
            What::Login { device, saw: LoginSeen::Failed(failure) } => {
                self.unsure(call, failure, Maybe::Login { device: device.clone() });
            }
            What::End { how, saw: EndSeen::Done(ended) } => {
                let named = match how {
                    How::Kick(id) | How::Logout(id) => vec![id.clone()],
                    How::KickAll | How::Disable => ended.clone().unwrap_or_default(),
                };
                for id in named {
                    self.caused(call, &id, how.tombstone());
                }
            }
            What::End { how: How::Logout(id), saw: EndSeen::Ended(_) } => self.note_over(id, call.ended),
            What::End { how, saw: EndSeen::Failed(failure) } => {
                self.unsure(call, failure, Maybe::End(how.clone()));
            }
            What::Check { session, saw: CheckSeen::Ended(_) } => self.note_over(session, call.ended),
            _ => {}
        }
    }

    fn caused(&mut self, call: &Call, id: &Id, tombstone: Tombstone) {
        let end = End { tombstone, began: call.began };
        self.causes.entry(id.clone()).or_default().push(end);
        self.note_over(id, call.ended);
    }

    fn note_over(&mut self, id: &Id, at: Us) {
        let over = self.over.entry(id.clone()).or_insert(at);
        *over = at.min(*over);
    }

    fn unsure(&mut self, call: &Call, failure: &Failure, what: Maybe) {
        if *failure != Failure::NotSent {
            let given_up = *failure == Failure::Unavailable;
            self.unsure.push(Unsure { began: call.began, ended: call.ended, given_up, what });
        }
    }

    /// Disablings and enablings: beginning, end, which, whether answered.
    pub fn marks(&self) -> impl Iterator<Item = (Us, Us, bool, bool)> + '_ {
        self.history.calls.iter().filter_map(|call| match &call.what {
            What::End { how: How::Disable, saw } => {
                Some((call.began, call.ended, true, matches!(saw, EndSeen::Done(_))))
            }
            What::Enable { saw } => Some((call.began, call.ended, false, matches!(saw, EndSeen::Done(_)))),
            _ => None,
        })
    }

    /// Whether a call without an answer explains it.
    pub fn may_be(&self, session: &Id, told: &Tombstone, at: Us) -> bool {
        let last_live = self.last_accepted(session);
        self.unsure.iter().filter(|unsure| unsure.began <= at).any(|unsure| match &unsure.what {
            Maybe::Login { device } => {
                let same = self.seats.get(session).is_some_and(|seat| seat.device == *device);
                let reason = if same { "replaced" } else { "takeover" };
                let by_ghost = told.by.as_ref().is_some_and(|by| !self.seats.contains_key(by));
                // What a node has given up with a 503 must not be carried out later.
                // A node that loses its connection says 503 at once; a server that wakes may still carry the call out for
                // as long as it was given (docs/adr/0008), and who listens to it hears of that.
                let until = unsure.ended.max(unsure.began + CARRIED_OUT_WITHIN);
                let in_time = !unsure.given_up || last_live.is_none_or(|live| live <= until);
                told.reason == reason && by_ghost && in_time
            }
            Maybe::End(how) => {
                let named = match how {
                    How::Kick(id) | How::Logout(id) => id == session,
                    How::KickAll | How::Disable => true,
                };
                named && *told == how.tombstone()
            }
        })
    }

    /// The beginning of the last check that found it live.
    fn last_accepted(&self, session: &Id) -> Option<Us> {
        self.acceptances().filter(|(id, ..)| *id == session).map(|(_, began, _)| began).max()
    }

    /// Once the store may have forgotten, whoever is newer may hold the seat, whatever was answered before.
    pub fn is_healing(&self, session: &Id, told: &Tombstone, at: Us) -> bool {
        let by = told.by.as_ref().and_then(|by| self.seats.get(by));
        let newer = |by: &Seat| self.seats.get(session).is_some_and(|own| own.generation < by.generation);
        let takes_a_seat = ["takeover", "replaced"].contains(&told.reason.as_str());
        let begun = self.terms.disturbed.is_some_and(|(from, _)| from <= at);
        self.terms.healed.is_some() && begun && takes_a_seat && by.is_some_and(newer)
    }

    /// Whether its user was disabled while the store had forgotten the session: it ends when it comes back, and the
    /// answer to the disabling could not name it. Or whether that is all that the store knows again for now: one that had
    /// been taken over before its user was disabled comes back from a node that did not hear of the takeover, until the
    /// one that did has told it again, too. Or whether it came when the store had forgotten the disabling, and nobody has
    /// enabled the user since: it is out when that is settled.
    pub fn is_disabled_unnamed(&self, session: &Id, told: &Tombstone, at: Us) -> bool {
        let Some(seat) = self.seats.get(session) else { return false };
        let enabled_since = |disabled: Us| {
            self.marks()
                .any(|(began, ended, disables, sure)| !disables && sure && began >= disabled && ended <= at)
        };
        let concerns = |(began, ended, disables, _): (Us, Us, bool, bool)| {
            if !disables || began > at {
                false
            } else if seat.began <= ended {
                self.is_forgetful(began, ended) || self.is_forgetful(at, at)
            } else {
                self.is_forgetful(seat.began, seat.ended) && !enabled_since(ended)
            }
        };
        *told == How::Disable.tombstone() && self.marks().any(concerns)
    }

    /// Checks and welcomes that found a session live: whose, beginning, end.
    pub fn acceptances(&self) -> impl Iterator<Item = (&Id, Us, Us)> + '_ {
        let checks = self.history.calls.iter().filter_map(|call| match &call.what {
            What::Check { session, saw: CheckSeen::Live { .. } } => Some((session, call.began, call.ended)),
            _ => None,
        });
        let welcomes = self.history.sockets.iter();
        checks.chain(welcomes.filter_map(|socket| Some((&socket.session, socket.opened, socket.welcomed()?))))
    }

    pub fn is_disturbed(&self, began: Us, ended: Us) -> bool {
        self.terms.disturbed.is_some_and(|(from, to)| ended >= from && began <= to)
    }

    /// Whether this may have been answered by a store that has forgotten and was not yet told again.
    pub fn is_forgetful(&self, began: Us, ended: Us) -> bool {
        let Some(healed) = self.terms.healed else { return false };
        self.terms.disturbed.is_some_and(|(from, _)| ended >= from && began <= healed)
    }

    /// Something about a session that was acknowledged otherwise, in an answer to what was asked at `began`.
    pub fn contradiction(&self, began: Us, ended: Us, session: &Id, what: String) -> Violation {
        let kind = match self.terms.healed {
            None => Kind::Wrong,
            Some(_) if self.is_forgetful(began, ended) => return self.healing(began, what),
            Some(_) if self.is_gone(session) => Kind::Lost,
            Some(_) => Kind::Late,
        };
        Violation { kind, at: ended, what }
    }

    /// What is wrong unless the store may have forgotten.
    pub fn wrong_unless_healing(&self, began: Us, ended: Us, what: String) -> Violation {
        if self.is_forgetful(began, ended) { self.healing(began, what) } else { wrong(ended, what) }
    }

    fn healing(&self, began: Us, what: String) -> Violation {
        Violation { kind: Kind::Healing, at: began, what }
    }

    /// Whether it was lost for good: the last check of it does not know it, or accepts it after its end.
    pub fn is_gone(&self, session: &Id) -> bool {
        let last = self.history.calls.iter().rev().find_map(|call| match &call.what {
            What::Check { session: asked, saw } if asked == session => Some((call.began, saw)),
            _ => None,
        });
        match last {
            Some((_, CheckSeen::Unknown)) => true,
            Some((began, CheckSeen::Live { .. })) => self.over.get(session).is_some_and(|over| *over < began),
            Some((_, CheckSeen::Ended(_) | CheckSeen::Failed(_))) | None => false,
        }
    }
}

impl How {
    fn tombstone(&self) -> Tombstone {
        let (reason, by) = match self {
            Self::Kick(_) | Self::KickAll => ("kicked", None),
            Self::Logout(id) => ("logout", Some(id.clone())),
            Self::Disable => ("disabled", None),
        };
        Tombstone { reason: reason.to_owned(), by }
    }
}
