//! What shows only in a user's whole history: order, number, ghosts, and that nobody is missing.

use std::collections::BTreeSet;

use super::super::history::{CheckSeen, EndSeen, Id, ListSeen, LoginSeen, What};
use super::facts::{Facts, Maybe};
use super::{Violation, wrong};

impl Facts<'_> {
    /// Generations are given once, and rise with time.
    pub fn judge_order(&self, found: &mut Vec<Violation>) {
        let mut seats: Vec<_> = self.seats.values().collect();
        seats.sort_by_key(|seat| seat.ended);
        let mut given = BTreeSet::new();
        for seat in &seats {
            let highest =
                seats.iter().filter(|other| other.ended < seat.began).map(|other| other.generation).max();
            if !given.insert(seat.generation) || highest.is_some_and(|highest| highest >= seat.generation) {
                found.push(wrong(
                    seat.ended,
                    format!("generation {} was given after {highest:?}", seat.generation),
                ));
            }
        }
    }

    /// At most N. Whatever was seated before a moment and is accepted by a check that began after it was live at that
    /// moment, for what has ended stays ended.
    pub fn judge_seats(&self, found: &mut Vec<Violation>) {
        let kept: Vec<_> =
            self.acceptances().filter(|(_, began, ended)| !self.is_forgetful(*began, *ended)).collect();
        for (_, moment, _) in &kept {
            let healed = self.terms.healed.is_some_and(|healed| *moment >= healed);
            let live: BTreeSet<_> = kept
                .iter()
                .filter(|(id, began, _)| {
                    began >= moment && self.seats.get(*id).is_some_and(|seat| seat.ended <= *moment)
                })
                // Across a failover, a session may end and live again; before and after one it may not.
                .filter(|(_, began, _)| healed || self.terms.healed.is_none_or(|healed| *began < healed))
                .map(|(id, ..)| *id)
                .collect();
            if live.len() > self.history.seats {
                let seats = self.history.seats;
                found.push(wrong(
                    *moment,
                    format!("{} sessions were live on {seats} seats: {live:?}", live.len()),
                ));
                return;
            }
        }
    }

    /// Sessions that nobody was given must be those of logins without an answer.
    pub fn judge_ghosts(&self, found: &mut Vec<Violation>) {
        let mut ghosts = BTreeSet::new();
        let mut last = 0;
        for call in &self.history.calls {
            let named: Vec<&Id> = match &call.what {
                What::Login {
                    saw: LoginSeen::Seated { replaced: ids, .. } | LoginSeen::Full(ids), ..
                }
                | What::End { saw: EndSeen::Done(Some(ids)), .. }
                | What::List { saw: ListSeen::Sessions { ids, .. } } => ids.iter().collect(),
                What::Check { saw: CheckSeen::Ended(tombstone), .. } => tombstone.by.iter().collect(),
                _ => Vec::new(),
            };
            let unknown: Vec<_> = named.into_iter().filter(|id| !self.seats.contains_key(*id)).collect();
            if !unknown.is_empty() {
                last = call.ended;
            }
            ghosts.extend(unknown);
        }
        let lost = self.unsure.iter().filter(|unsure| matches!(unsure.what, Maybe::Login { .. })).count();
        if ghosts.len() > lost {
            found
                .push(wrong(last, format!("{lost} logins went without an answer, and there are {ghosts:?}")));
        }
    }

    /// Each session was asked about at the end, and answered; the last list has exactly those that are live.
    pub fn judge_audit(&self, found: &mut Vec<Violation>) {
        let last = |id: &Id| {
            self.history.calls.iter().rev().find_map(|call| match &call.what {
                What::Check { session, saw } if session == id && call.began >= self.terms.audit => Some(saw),
                _ => None,
            })
        };
        for id in self.seats.keys() {
            if !matches!(last(id), Some(CheckSeen::Live { .. } | CheckSeen::Ended(_))) {
                let what = format!("{id} can't be accounted for: {:?}", last(id));
                found.push(self.contradiction(self.terms.audit, self.terms.audit, id, what));
            }
        }
        let list = self.history.calls.iter().rev().find_map(|call| match &call.what {
            What::List { saw: ListSeen::Sessions { ids, .. } } if call.began >= self.terms.audit => Some(ids),
            _ => None,
        });
        let Some(list) = list else { return };
        if list.len() > self.history.seats {
            found.push(wrong(
                self.terms.audit,
                format!("{} sessions hold {} seats", list.len(), self.history.seats),
            ));
        }
        for id in self.seats.keys() {
            let live = matches!(last(id), Some(CheckSeen::Live { .. }));
            if live != list.contains(id) {
                found.push(wrong(
                    self.terms.audit,
                    format!("list and check of {id} differ: it is live: {live}"),
                ));
            }
        }
    }
}
