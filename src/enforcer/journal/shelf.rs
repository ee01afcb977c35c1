//! Facts of one kind in the order in which they became known.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Mark, Seated};
use crate::domain::{Presence, Timestamp};
use crate::store::Image;

/// What a fact takes beyond the bytes of its image.
const FACT_BYTES: usize = 112;

/// Facts of one kind with the moment each became known, oldest first.
pub(super) struct Shelf<T>(VecDeque<(Instant, T)>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

pub(super) trait Fact: Clone {
    /// Bytes of memory.
    fn weight(&self) -> usize;

    /// Whether the other is about the same, so that the later of them says it all.
    fn is_about(&self, other: &Self) -> bool;
}

impl Fact for Image {
    fn weight(&self) -> usize {
        FACT_BYTES + self.bytes().len() + self.data().map_or(0, str::len)
    }

    fn is_about(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Fact for Seated {
    fn weight(&self) -> usize {
        self.image.weight() + size_of::<Timestamp>() + size_of::<Option<Presence>>()
    }

    fn is_about(&self, other: &Self) -> bool {
        self.image.is_about(&other.image)
    }
}

impl Fact for Mark {
    fn weight(&self) -> usize {
        FACT_BYTES + self.user.as_str().len()
    }

    fn is_about(&self, other: &Self) -> bool {
        self.user == other.user
    }
}

/// What was taken off a shelf.
#[derive(Default)]
pub(super) struct Taken {
    pub facts: u32,
    pub bytes: usize,
}

impl<T: Fact> Shelf<T> {
    pub fn oldest(&self) -> Option<Instant> {
        self.0.front().map(|(at, _)| *at)
    }

    pub fn drop_oldest(&mut self, taken: &mut Taken) {
        if let Some((_, fact)) = self.0.pop_front() {
            taken.facts += 1;
            taken.bytes += fact.weight();
            // What a burst has reserved is given back when it is over.
            if self.0.len() < self.0.capacity() / 4 {
                self.0.shrink_to(self.0.len() * 2);
            }
        }
    }

    /// Drops what `newer` says again: a fact that was told again and is found again is still one fact. Newest first; a
    /// partition has some hundred of them on a busy node.
    pub(super) fn drop_older(&mut self, newer: &T, taken: &mut Taken) {
        let older = self.0.iter().rposition(|(_, fact)| fact.is_about(newer));
        if let Some((_, fact)) = older.and_then(|at| self.0.remove(at)) {
            taken.facts += 1;
            taken.bytes += fact.weight();
        }
    }

    pub fn prune(&mut self, sure: Instant, kept_for: Duration, taken: &mut Taken) {
        while self.oldest().is_some_and(|at| at + kept_for < sure) {
            self.drop_oldest(taken);
        }
    }

    pub fn push(&mut self, at: Instant, fact: T) {
        self.0.push_back((at, fact));
    }

    /// The last fact that is `wanted`.
    pub fn last_mut(&mut self, wanted: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.0.iter_mut().rev().map(|(_, fact)| fact).find(|fact| wanted(fact))
    }

    /// What was known before `now` was told to the store again then.
    pub fn restamp(&mut self, now: Instant) {
        self.0.iter_mut().take_while(|(at, _)| *at < now).for_each(|(at, _)| *at = now);
    }

    pub fn copy(&self) -> Vec<T> {
        self.0.iter().map(|(_, fact)| fact.clone()).collect()
    }
}
