//! The model that judges: what callers and clients were told, and whether it can be true.
//!
//! Knows only answers, and what the plan says went wrong. Refuses to look into the store or the nodes. While a store
//! that has forgotten is being healed an answer may be of the time before; after that nothing is forgiven but what a
//! node alone knew that has died.

use std::collections::BTreeMap;
use tokio::time::Instant;

use super::plan::{GHOST_AFTER, Plan, STRAGGLING};
use crate::domain::{By, Generation, OnFull, Reason, Record, SessionId, Token, Tombstone, UserId};

/// A session as its callers know it.
pub(super) struct Known {
    pub user: UserId,
    pub device: String,
    pub token: Token,
    pub generation: Generation,
    pub through: usize,
    pub answered: Instant,
    pub ends: Vec<End>,
    /// What was first told of its end by a node that remembers it.
    pub told: Option<Tombstone>,
}

/// That a session has ended, as somebody was answered.
pub(super) struct End {
    pub answered: Instant,
    pub through: usize,
}

/// What somebody asked for that ends sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Session(SessionId, Reason),
    User(UserId, Reason),
}

/// The store forgets, and until when that may show.
#[derive(Debug, Clone, Copy)]
struct Amnesia {
    from: Instant,
    until: Instant,
}

pub(super) struct Judge {
    plan: Plan,
    pub sessions: BTreeMap<SessionId, Known>,
    pub wishes: Vec<Wish>,
    /// Logins whose callers were not answered, by user.
    pub ghosts: BTreeMap<UserId, u32>,
    amnesia: Option<Amnesia>,
    dead: Vec<usize>,
    pub violations: Vec<String>,
    pub judged: usize,
}

impl Judge {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            sessions: BTreeMap::new(),
            wishes: Vec::new(),
            ghosts: BTreeMap::new(),
            amnesia: None,
            dead: Vec::new(),
            violations: Vec::new(),
            judged: 0,
        }
    }

    /// From now on the store answers without what it has forgotten.
    pub(super) fn store_forgets(&mut self, from: Instant) {
        self.amnesia = Some(Amnesia { from, until: Instant::now() + STRAGGLING + self.plan.healed_within() });
    }

    pub(super) fn node_dies(&mut self, node: usize) {
        self.dead.push(node);
    }

    /// A login was answered.
    pub(super) fn seated(&mut self, through: usize, token: Token, session: &Record, replaced: &[Record]) {
        let id = session.session.id;
        self.sessions.insert(
            id,
            Known {
                user: session.session.user.clone(),
                device: session.session.device.id.as_str().to_owned(),
                token,
                generation: session.session.generation,
                through,
                answered: Instant::now(),
                ends: Vec::new(),
                told: None,
            },
        );
        // Not before it is known: it is who the others are told of.
        for record in replaced {
            self.ended(through, record);
        }
    }

    /// Somebody was answered that this session has ended.
    pub(super) fn ended(&mut self, through: usize, record: &Record) {
        if let Some(known) = self.sessions.get_mut(&record.session.id) {
            known.ends.push(End { answered: Instant::now(), through });
        }
        self.learn(Instant::now(), record.session.id, record.end.as_ref(), true);
    }

    /// A check that began then was answered: live.
    pub(super) fn checked_live(&mut self, began: Instant, id: SessionId, record: &Record) {
        self.judged += 1;
        let Some(known) = self.sessions.get(&id) else { return };
        if record.session.user != known.user || record.session.id != id {
            self.violations.push(format!("{id} was taken for {}", record.session.id));
            return;
        }
        let past = known.ends.iter().find(|end| end.answered < began);
        if past.is_some_and(|end| !self.may_be_forgotten(end.answered, end.through, began)) {
            self.violations.push(format!("a check accepted {id}, which had ended"));
        }
    }

    /// A check that began then knew nothing of a session.
    pub(super) fn checked_unknown(&mut self, began: Instant, id: SessionId) {
        self.judged += 1;
        let Some(known) = self.sessions.get(&id) else { return };
        if known.answered < began && !self.may_be_forgotten(known.answered, known.through, began) {
            self.violations.push(format!("{id} was never heard of"));
        }
    }

    /// Who asked was told that a session has ended, and why. Nodes do not remember that: an end whose own answer was
    /// lost may be forgotten.
    pub(super) fn checked_ended(&mut self, id: SessionId, end: &Tombstone) {
        let remembered = !self.plan.trouble.forgets();
        self.learn(Instant::now(), id, Some(end), remembered);
    }

    /// A client was told then that its session has ended, and why.
    pub(super) fn put_out(&mut self, at: Instant, id: SessionId, end: &Tombstone) {
        self.learn(at, id, Some(end), true);
    }

    fn learn(&mut self, at: Instant, id: SessionId, end: Option<&Tombstone>, remembered: bool) {
        self.judged += 1;
        let (Some(known), Some(end)) = (self.sessions.get(&id), end) else { return };
        if let Some(problem) = self.doubt(id, known, end) {
            self.violations.push(format!("{id} of {}: {end:?}: {problem}", known.generation));
        }
        // Two stores may each have ended it, each for its own reason. Then the earlier one stays, once all are told; of two
        // in one millisecond nobody can say which that is, and the one that is there stays.
        let healing = self.amnesia.is_some_and(|amnesia| at <= amnesia.until || !self.dead.is_empty());
        let forgot = self.forgets();
        let Some(known) = self.sessions.get_mut(&id) else { return };
        match &known.told {
            Some(told) if told.reason != end.reason && !healing && !(forgot && end.at <= told.at) => {
                self.violations.push(format!("{id} was told {told:?} and then {end:?}"));
            }
            None if remembered => known.told = Some(end.clone()),
            Some(_) | None => {}
        }
    }

    /// Why nobody could have ended a session so.
    fn doubt(&self, id: SessionId, known: &Known, end: &Tombstone) -> Option<&'static str> {
        match end.reason {
            Reason::Takeover | Reason::Replaced => self.doubt_winner(known, end.reason, end.by.as_ref()),
            Reason::Kicked | Reason::Disabled | Reason::Logout => {
                let is_it = |wish: &Wish| match wish {
                    Wish::Session(wanted, reason) => *wanted == id && *reason == end.reason,
                    Wish::User(wanted, reason) => *wanted == known.user && *reason == end.reason,
                };
                (!self.wishes.iter().any(is_it)).then_some("nobody wanted that")
            }
            Reason::Expired | Reason::Idle => Some("it was not over"),
        }
    }

    fn doubt_winner(&self, known: &Known, reason: Reason, by: Option<&By>) -> Option<&'static str> {
        let Some(by) = by else { return Some("by nobody") };
        let Some(winner) = self.sessions.get(&by.session_id) else {
            let ghosts = self.ghosts.get(&known.user).copied().unwrap_or(0);
            return (ghosts == 0).then_some("by a session that nobody has");
        };
        if winner.user != known.user {
            Some("by another user")
        } else if winner.generation <= known.generation {
            Some("by an older one")
        } else if (winner.device == known.device) != (reason == Reason::Replaced) {
            Some("of the wrong device")
        } else {
            None
        }
    }

    /// Whether an answer to a question of `began` may be without a fact that was answered then by that node.
    pub(super) fn may_be_forgotten(&self, fact: Instant, through: usize, began: Instant) -> bool {
        let Some(amnesia) = self.amnesia else { return false };
        let is_of_before = fact <= amnesia.from + self.plan.call() + STRAGGLING;
        is_of_before && (began <= amnesia.until || self.dead.contains(&through))
    }

    /// Whether anything could be forgotten.
    pub(super) fn forgets(&self) -> bool {
        self.amnesia.is_some()
    }

    /// In the end: what a user has, against all that was answered.
    pub(super) fn conclude(&mut self, user: &UserId, live: &[Record]) {
        if live.len() > self.plan.limit as usize {
            self.violations.push(format!("{user} has {} sessions in the end", live.len()));
        }
        let seats = self.plan.limit as usize;
        let mine: Vec<_> = self.sessions.iter().filter(|(_, known)| known.user == *user).collect();
        let quiet = !self.ghosts.contains_key(user)
            && !self.wishes.iter().any(|wish| match wish {
                Wish::Session(id, _) => self.sessions.get(id).is_some_and(|known| known.user == *user),
                Wish::User(wanted, _) => wanted == user,
            });
        let kept = mine.iter().filter(|(_, known)| !self.dead.contains(&known.through) || !self.forgets());
        if quiet && kept.count() > 0 && live.is_empty() {
            self.violations.push(format!("{user} has nobody in the end"));
        }
        // The newest, as long as nobody was refused or put out otherwise.
        if quiet && !self.forgets() && self.plan.on_full == OnFull::KickOld {
            let mut devices = std::collections::BTreeSet::new();
            let mut newest: Vec<_> = mine.iter().map(|(id, known)| (known.generation, **id, known)).collect();
            newest.sort_by_key(|(generation, ..)| std::cmp::Reverse(*generation));
            newest.retain(|(_, _, known)| devices.insert(known.device.clone()));
            if live.len() != newest.len().min(seats) {
                self.violations.push(format!("{user} has {} of {seats} seats in the end", live.len()));
            }
            let first = newest.first().map(|(_, id, _)| *id);
            if live.first().map(|record| record.session.id) != first {
                self.violations.push(format!("{user} lost its newest session"));
            }
        }
    }

    /// How long a client of a session that had ended then may have gone on.
    pub(super) fn out_by(&self, ended: Instant, trouble: Option<(Instant, Instant)>) -> Instant {
        let due = ended + self.plan.out_within();
        match trouble {
            Some((from, until)) if from <= due && ended <= until => until + self.plan.healed_within(),
            _ => due,
        }
    }

    pub(super) fn accuse(&mut self, what: String) {
        self.violations.push(what);
    }

    /// No call is lost from here on: answers when nothing is forgiven any more.
    pub(super) fn calm_down(&mut self) -> Instant {
        let now = Instant::now();
        let mut calm_at = now + self.plan.out_within_calm();
        if let Some(amnesia) = &mut self.amnesia {
            amnesia.until = amnesia.until.min(now + STRAGGLING + self.plan.healed_within_calm());
            calm_at = calm_at.max(amnesia.until + self.plan.out_within_calm());
        }
        // The connections of a node that has died count for a while.
        if self.dead.is_empty() { calm_at } else { calm_at.max(now + GHOST_AFTER) }
    }
}
