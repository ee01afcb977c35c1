//! Facts of one kind in the order in which they became known, each also found by what it is about.
//!
//! Invariant: one fact about each thing. A user that is a service has a partition full of them: nothing here walks
//! through a shelf but what takes or copies all of it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use super::{Mark, Seated};
use crate::domain::{Presence, SessionId, Timestamp, UserId};
use crate::store::Image;

/// What a fact takes beyond the bytes of its image: its places in the order and in the index, and allocations.
const FACT_BYTES: usize = 176;

/// Facts of one kind with the moment each became known, oldest first.
pub(super) struct Shelf<T: Fact> {
    facts: BTreeMap<u64, (Instant, T)>,
    /// Where in the order the fact about it is.
    places: HashMap<T::About, u64>,
    next: u64,
}

impl<T: Fact> Default for Shelf<T> {
    fn default() -> Self {
        Self { facts: BTreeMap::new(), places: HashMap::new(), next: 0 }
    }
}

pub(super) trait Fact: Clone {
    type About: Eq + Hash;

    fn about(&self) -> Self::About;

    /// Bytes of memory.
    fn weight(&self) -> usize;

    /// Of this one, which was said just now, and one that was `known`, about the same: the one that says it all.
    fn over(self, known: Self) -> Self;
}

impl Fact for Image {
    type About = SessionId;

    fn about(&self) -> SessionId {
        self.id()
    }

    fn weight(&self) -> usize {
        FACT_BYTES + self.bytes().len() + self.data().map_or(0, str::len)
    }

    /// Of two ends the earlier one, as in the store.
    fn over(self, known: Self) -> Self {
        if known.ended_at() < self.ended_at() { known } else { self }
    }
}

impl Fact for Seated {
    type About = SessionId;

    fn about(&self) -> SessionId {
        self.image.id()
    }

    fn weight(&self) -> usize {
        self.image.weight() + size_of::<Timestamp>() + size_of::<Option<Presence>>()
    }

    fn over(self, _: Self) -> Self {
        self
    }
}

impl Fact for Mark {
    type About = UserId;

    fn about(&self) -> UserId {
        self.user.clone()
    }

    /// The user is there twice.
    fn weight(&self) -> usize {
        FACT_BYTES + 2 * self.user.as_str().len()
    }

    /// Two words may be answered in the other order.
    fn over(self, known: Self) -> Self {
        if known.at > self.at { known } else { self }
    }
}

/// What was taken off a shelf.
#[derive(Default)]
pub(super) struct Taken {
    pub facts: u32,
    pub bytes: usize,
}

impl Taken {
    fn add(&mut self, fact: &impl Fact) {
        self.facts += 1;
        self.bytes += fact.weight();
    }
}

impl<T: Fact> Shelf<T> {
    pub fn oldest(&self) -> Option<Instant> {
        self.facts.first_key_value().map(|(_, (at, _))| *at)
    }

    pub fn drop_oldest(&mut self, taken: &mut Taken) {
        if let Some((_, (_, fact))) = self.facts.pop_first() {
            self.places.remove(&fact.about());
            taken.add(&fact);
            // What a burst has reserved is given back when it is over.
            if self.places.len() < self.places.capacity() / 4 {
                self.places.shrink_to(self.places.len() * 2);
            }
        }
    }

    /// Takes away what is known about the same as `newer`, and answers which of the two is to be kept.
    pub fn settle(&mut self, newer: T, taken: &mut Taken) -> T {
        let place = self.places.remove(&newer.about());
        let Some((_, known)) = place.and_then(|place| self.facts.remove(&place)) else { return newer };
        taken.add(&known);
        newer.over(known)
    }

    pub fn prune(&mut self, sure: Instant, kept_for: Duration, taken: &mut Taken) {
        while self.oldest().is_some_and(|at| at + kept_for < sure) {
            self.drop_oldest(taken);
        }
    }

    /// Adds a fact about something of which nothing is known, as [`Self::settle`] leaves it.
    pub fn push(&mut self, at: Instant, fact: T) {
        self.places.insert(fact.about(), self.next);
        self.facts.insert(self.next, (at, fact));
        self.next += 1;
    }

    pub fn about_mut(&mut self, about: &T::About) -> Option<&mut T> {
        let place = self.places.get(about)?;
        self.facts.get_mut(place).map(|(_, fact)| fact)
    }

    /// What was known before `now` was told to the store again then.
    pub fn restamp(&mut self, now: Instant) {
        self.facts.values_mut().take_while(|(at, _)| *at < now).for_each(|(at, _)| *at = now);
    }

    pub fn copy(&self) -> Vec<T> {
        self.facts.values().map(|(_, fact)| fact.clone()).collect()
    }
}
