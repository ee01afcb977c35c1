//! Each HTTP call, held against all that was acknowledged before it.

use super::super::history::{
    Call, CheckSeen, EndSeen, Failure, How, Id, ListSeen, LoginSeen, OnFull, Tombstone, Us, What,
};
use super::facts::Facts;
use super::{Violation, late, wrong};

impl Facts<'_> {
    pub fn judge_call(&self, call: &Call, found: &mut Vec<Violation>) {
        match &call.what {
            What::Login { saw, .. } => self.judge_login(call, saw, found),
            What::Check { session, saw } => self.judge_check(call, session, saw, found),
            What::List { saw: ListSeen::Sessions { users, .. } } => {
                if users.iter().any(|user| *user != self.history.user) {
                    found.push(wrong(call.ended, format!("the list has sessions of {users:?}")));
                }
            }
            What::End { how: How::Logout(id), saw: EndSeen::Ended(tombstone) } => {
                self.judge_tombstone(id, tombstone, call.ended, found);
            }
            What::List { saw: ListSeen::Failed(failure) }
            | What::End { saw: EndSeen::Failed(failure), .. }
            | What::Enable { saw: EndSeen::Failed(failure) } => self.judge_failure(call, failure, found),
            What::End { how: How::Kick(id) | How::Logout(id), saw: EndSeen::Unknown } => {
                let what = format!("there was never what {:?} ends", call.what);
                found.push(self.contradiction(call.began, call.ended, id, what));
            }
            What::End { saw: EndSeen::Unknown, .. } => {
                found.push(wrong(call.ended, format!("{:?} is for no user", call.what)));
            }
            What::End { saw: EndSeen::Ended(_), .. }
            | What::Enable { saw: EndSeen::Ended(_) | EndSeen::Unknown } => {
                found.push(wrong(call.ended, "an API key was told that its session has ended".to_owned()));
            }
            What::End { .. } | What::Enable { .. } => {}
        }
    }

    fn judge_login(&self, call: &Call, saw: &LoginSeen, found: &mut Vec<Violation>) {
        match saw {
            LoginSeen::Seated { user, generation, replaced, .. } => {
                if *user != self.history.user {
                    found.push(wrong(call.ended, format!("was given a session of {user}")));
                }
                for victim in replaced {
                    let newer = self.seats.get(victim).filter(|seat| seat.generation > *generation);
                    let before = self.over.get(victim).is_some_and(|over| *over < call.began);
                    if let Some(newer) = newer {
                        let what = format!("generation {generation} put out the newer {victim}");
                        // Still without an answer, and so asked for again at a store that has forgotten both: it is
                        // newer since then.
                        found.push(if newer.ended > call.ended {
                            self.wrong_unless_healing(newer.began, newer.ended, what)
                        } else {
                            wrong(call.ended, what)
                        });
                    }
                    if before {
                        let what = format!("{victim} was put out after its end");
                        found.push(self.wrong_unless_healing(call.began, call.ended, what));
                    }
                }
            }
            LoginSeen::Full(_) if self.history.on_full == OnFull::KickOld => {
                found.push(wrong(call.ended, "seats were full although the oldest goes".to_owned()));
            }
            LoginSeen::Full(_) => {}
            LoginSeen::Disabled => {
                // Explained by a disabling that began before and that no enabling after it has undone.
                let disabling =
                    self.marks().filter(|(began, _, disables, _)| *disables && *began <= call.ended);
                let undone = |since: Us| {
                    self.marks().any(|(began, ended, disables, sure)| {
                        !disables && sure && began >= since && ended < call.began
                    })
                };
                // A store that has forgotten an enabling says so until it is told again.
                if disabling.map(|(began, ..)| began).all(undone) {
                    let what = "was told that the user is disabled".to_owned();
                    found.push(self.wrong_unless_healing(call.began, call.ended, what));
                }
            }
            LoginSeen::Failed(failure) => self.judge_failure(call, failure, found),
        }
    }

    fn judge_check(&self, call: &Call, session: &Id, saw: &CheckSeen, found: &mut Vec<Violation>) {
        match saw {
            CheckSeen::Live { id, user } => {
                self.judge_identity(call.ended, session, id, user, found);
                self.judge_acceptance(call.began, call.ended, session, found);
            }
            CheckSeen::Ended(tombstone) => self.judge_tombstone(session, tombstone, call.ended, found),
            CheckSeen::Unknown => {
                let what = format!("{session} is said never to have been");
                found.push(self.contradiction(call.began, call.ended, session, what));
            }
            CheckSeen::Failed(failure) => self.judge_failure(call, failure, found),
        }
    }

    pub fn judge_identity(&self, at: Us, session: &Id, id: &Id, user: &str, found: &mut Vec<Violation>) {
        if id != session || user != self.history.user {
            found.push(wrong(at, format!("{session} was taken for {id} of {user}")));
        }
    }

    /// Guarantee 1: what is known to be over is not accepted by what began after.
    pub fn judge_acceptance(&self, began: Us, ended: Us, session: &Id, found: &mut Vec<Violation>) {
        if self.over.get(session).is_some_and(|over| *over < began) {
            let what = format!("{session} was accepted after its end");
            found.push(self.contradiction(began, ended, session, what));
        }
    }

    /// Guarantees 3 and 4: whoever is out was put out by somebody, and is told by whom.
    pub fn judge_tombstone(&self, session: &Id, told: &Tombstone, at: Us, found: &mut Vec<Violation>) {
        let acknowledged = self.causes.get(session).into_iter().flatten();
        let known = acknowledged.filter(|end| end.began <= at).any(|end| end.tombstone == *told);
        let explained = self.may_be(session, told, at)
            || self.is_healing(session, told, at)
            || self.is_disabled_unnamed(session, told, at);
        if !known && !explained {
            found.push(wrong(at, format!("{session} was put out by nobody who could have: {told:?}")));
        }
    }

    fn judge_failure(&self, call: &Call, failure: &Failure, found: &mut Vec<Violation>) {
        let what = || format!("{failure:?} to {:?}", call.what);
        if matches!(failure, Failure::Odd(_)) {
            found.push(wrong(call.ended, what()));
        } else if !(self.terms.may_fail && self.is_disturbed(call.began, call.ended)) {
            // Somebody gave up waiting, and nothing excuses it.
            found.push(late(call.ended, what()));
        }
    }
}
