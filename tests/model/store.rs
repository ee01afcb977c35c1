//! The store of the model: the records of some sessions, changed in atomic steps by the rules of `domain`.
//!
//! Owns what is true just now. Refuses to know of nodes, replies and messages; every step answers whom it ended.

use std::sync::LazyLock;

use hotseat::domain::{
    Decision, DeviceClass, Generation, Holder, OnFull, Partition, Question, Readmission, Reason, Returning,
    SeatLimits, SessionId, Timestamp, UserId, Victim, decide, readmit,
};

use crate::protocol::Design;

/// How many sessions a history may have.
pub const SESSIONS: usize = 4;
/// One of them: each is one login.
pub type Who = u8;

/// Why a session ended; takeovers by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    Takeover(Who),
    Replaced(Who),
    Kicked,
}

impl Why {
    /// `victim` goes for `winner`.
    pub fn of(reason: Reason, winner: Who) -> Self {
        if reason == Reason::Replaced { Self::Replaced(winner) } else { Self::Takeover(winner) }
    }
}

/// A tombstone. Times are the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    pub at: u8,
    pub why: Why,
    /// The generation of the session that ended: a login that is sent again to a store that has forgotten it gets
    /// another one.
    pub generation: u8,
}

impl End {
    /// Of two ends of one session the earlier one is the true one: the later was decided by a store, or a node, that
    /// had not heard of it.
    pub fn note(self, known: &mut Option<Self>) {
        *known = Some(known.map_or(self, |known| known.min(self)));
    }
}

/// Sessions, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Set(u8);

impl Set {
    pub fn of(who: Who) -> Self {
        Self(1 << who)
    }

    pub fn has(self, who: Who) -> bool {
        self.0 & (1 << who) != 0
    }

    pub fn add(&mut self, who: Who) {
        self.0 |= 1 << who;
    }

    pub fn remove(&mut self, who: Who) {
        self.0 &= !(1 << who);
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Who> {
        (0..SESSIONS as Who).filter(move |who| self.has(*who))
    }
}

/// A session's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Record {
    #[default]
    Absent,
    /// With what its login ended, for the same login sent again.
    Live {
        generation: u8,
        replaced: Set,
    },
    Ended {
        generation: u8,
        end: End,
        replaced: Set,
    },
}

/// Who a session belongs to and where it runs.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    pub user: u8,
    pub device: u8,
}

/// What does not change in a history: whose the sessions are, and the limit of all of them.
#[derive(Debug, Clone)]
pub struct Rules {
    pub logins: Vec<Login>,
    pub limit: u32,
    pub on_full: OnFull,
    /// A failover does not set the store's clock back. If not, it says nothing: generations go by themselves.
    pub clocks_agree: bool,
}

impl Rules {
    fn limits(&self) -> SeatLimits {
        SeatLimits { of_class: None, in_all: Some(self.limit) }
    }

    /// Why `victim` ends if `winner` takes its seat.
    pub fn takeover(&self, victim: Who, winner: Who) -> Why {
        let device = |who: Who| self.logins[usize::from(who)].device;
        if device(victim) == device(winner) { Why::Replaced(winner) } else { Why::Takeover(winner) }
    }
}

/// All records, and the last generation. The two users of a history share the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Store {
    pub records: [Record; SESSIONS],
    pub last: u8,
}

/// What a login was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seated {
    Yes { generation: u8, replaced: Set },
    Full,
}

/// What became of a session that was to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    Live,
    Ended(End),
    Yields(Who),
}

static IDS: LazyLock<[SessionId; SESSIONS]> = LazyLock::new(|| {
    let user = UserId::parse("user", "ada").expect("a good name");
    let id = |who| SessionId::new(Partition::of(&user), Timestamp::from_millis(1), [who as u8; 8]);
    std::array::from_fn(id)
});

fn who_is(id: SessionId) -> Who {
    IDS.iter().position(|known| *known == id).expect("a session of the model") as Who
}

impl Store {
    pub fn record(&self, who: Who) -> Record {
        self.records[usize::from(who)]
    }

    pub fn is_live(&self, who: Who) -> bool {
        matches!(self.record(who), Record::Live { .. })
    }

    pub fn end_of(&self, who: Who) -> Option<End> {
        match self.record(who) {
            Record::Ended { end, .. } => Some(end),
            _ => None,
        }
    }

    pub fn live_of(&self, rules: &Rules, user: u8) -> impl Iterator<Item = Who> + use<> {
        let mine: Vec<Who> = (0..rules.logins.len() as Who)
            .filter(|who| rules.logins[usize::from(*who)].user == user && self.is_live(*who))
            .collect();
        mine.into_iter()
    }

    /// Decides a login at `now`; answers also whom it ended.
    pub fn login(&mut self, rules: &Rules, newcomer: Who, floor: u8, now: u8) -> (Seated, Set) {
        match self.record(newcomer) {
            // The same login again.
            Record::Live { generation, replaced } | Record::Ended { generation, replaced, .. } => {
                return (Seated::Yes { generation, replaced }, Set::default());
            }
            Record::Absent => {}
        }
        let question = Question {
            class: DeviceClass::Desktop,
            limits: rules.limits(),
            on_full: rules.on_full,
            victim: Victim::Oldest,
            replace: &[],
            now: Timestamp::from_millis(1),
            ghost_after_ms: 1,
        };
        let Decision::Seat { end } = decide(&question, &self.holders(rules, newcomer)) else {
            return (Seated::Full, Set::default());
        };
        let generation = (self.last.max(floor) + 1).max(now);
        let replaced = self.seat(newcomer, generation, &end, now);
        if let Record::Live { replaced: noted, .. } = &mut self.records[usize::from(newcomer)] {
            *noted = replaced;
        }
        (Seated::Yes { generation, replaced }, replaced)
    }

    /// Ends a session; answers its tombstone, if it was live.
    pub fn end(&mut self, who: Who, at: u8, why: Why) -> Option<End> {
        let Record::Live { generation, replaced } = self.record(who) else { return None };
        let end = End { at, why, generation };
        self.records[usize::from(who)] = Record::Ended { generation, end, replaced };
        Some(end)
    }

    /// Puts back a session of `generation`, live or as `known` to have ended; answers also whom that ended.
    pub fn restore(
        &mut self,
        rules: &Rules,
        design: &Design,
        who: Who,
        generation: u8,
        known: Option<End>,
        now: u8,
    ) -> (Restored, Set) {
        match (self.record(who), known) {
            (Record::Ended { end, generation, replaced }, Some(known))
                if design.earlier_end_stays && known.at < end.at =>
            {
                self.records[usize::from(who)] = Record::Ended { generation, end: known, replaced };
                (Restored::Ended(known), Set::default())
            }
            (Record::Ended { generation, .. }, None) if !design.ended_is_final => {
                (Restored::Live, self.seat(who, generation, &[], now))
            }
            (Record::Ended { end, .. }, _) => (Restored::Ended(end), Set::default()),
            (Record::Live { .. }, None) => (Restored::Live, Set::default()),
            // That was another session, which went by the same name.
            (Record::Live { generation, .. }, Some(end))
                if design.ends_know_their_generation && generation > end.generation =>
            {
                (Restored::Live, Set::default())
            }
            (Record::Live { .. }, Some(end)) => {
                self.end(who, end.at, end.why);
                (Restored::Ended(end), Set::of(who))
            }
            (Record::Absent, Some(end)) => {
                self.records[usize::from(who)] = Record::Ended { generation, end, replaced: Set::default() };
                self.last = self.last.max(generation);
                (Restored::Ended(end), Set::default())
            }
            (Record::Absent, None) if !design.counts_seats => {
                (Restored::Live, self.seat(who, generation, &[], now))
            }
            (Record::Absent, None) => {
                let order = if design.goes_by_generation { generation } else { u8::MAX };
                let returning = Returning {
                    generation: Generation(u64::from(order)),
                    class: DeviceClass::Desktop,
                    limits: rules.limits(),
                };
                match readmit(&returning, &self.holders(rules, who)) {
                    Readmission::Yields { to } => (Restored::Yields(who_is(to)), Set::default()),
                    Readmission::Sits { end } => (Restored::Live, self.seat(who, generation, &end, now)),
                }
            }
        }
    }

    /// Makes a session live and ends those that leave it their seat.
    fn seat(&mut self, who: Who, generation: u8, victims: &[(SessionId, Reason)], now: u8) -> Set {
        let mut ended = Set::default();
        for (victim, reason) in victims {
            let victim = who_is(*victim);
            self.end(victim, now, Why::of(*reason, who));
            ended.add(victim);
        }
        self.records[usize::from(who)] = Record::Live { generation, replaced: Set::default() };
        self.last = self.last.max(generation);
        ended
    }

    fn holders(&self, rules: &Rules, newcomer: Who) -> Vec<Holder> {
        let asking = rules.logins[usize::from(newcomer)];
        let holder = |who: Who| {
            let Record::Live { generation, .. } = self.record(who) else { return None };
            Some(Holder {
                id: IDS[usize::from(who)],
                generation: Generation(u64::from(generation)),
                seen_at: Timestamp::from_millis(1),
                class: DeviceClass::Desktop,
                same_device: rules.logins[usize::from(who)].device == asking.device,
                present: true,
            })
        };
        self.live_of(rules, asking.user).filter(|who| *who != newcomer).filter_map(holder).collect()
    }
}
