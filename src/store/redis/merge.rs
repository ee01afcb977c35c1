//! Sorted logs that are known only as far as they were read, merged newest first.
//!
//! Owns which of them has to be read further before the next event is certain; refuses to read itself. Invariant: what
//! is given is newer than everything that no list has shown yet, so that a merge that is given up half-way can be gone
//! on with before [`Merge::frontier`].

use std::collections::{BinaryHeap, VecDeque};

use crate::domain::Partition;
use crate::store::{Event, EventId};

/// The log of one partition.
pub(super) struct List {
    pub partition: Partition,
    /// Where to read on: whatever is not before it was looked at.
    pub oldest: EventId,
    /// Read and not yet given, newest first.
    events: VecDeque<Event>,
    /// There is no more.
    is_read: bool,
}

impl List {
    /// Nothing to give, and perhaps more to read.
    fn is_dry(&self) -> bool {
        self.events.is_empty() && !self.is_read
    }

    /// Takes in the wanted ones of what was read down to `oldest`; `is_read`: there is no more.
    pub(super) fn add(&mut self, events: Vec<Event>, oldest: Option<EventId>, is_read: bool) {
        self.events.extend(events);
        self.oldest = oldest.unwrap_or(self.oldest);
        self.is_read = is_read;
    }
}

pub(super) struct Merge {
    lists: Vec<List>,
    /// The first of each list that has one to give.
    heads: BinaryHeap<(EventId, usize)>,
    /// What is not newer is not certain: a dry list may have some before it.
    wall: Option<EventId>,
}

impl Merge {
    /// Of events before `before`.
    pub(super) fn new(partitions: &[Partition], before: EventId) -> Self {
        let list = |partition: &Partition| List {
            partition: *partition,
            oldest: before,
            events: VecDeque::new(),
            is_read: false,
        };
        let mut merge =
            Self { lists: partitions.iter().map(list).collect(), heads: BinaryHeap::new(), wall: None };
        merge.settle();
        merge
    }

    /// The lists that have to be read before the next event is certain. [`Self::settle`] comes after that.
    pub(super) fn in_the_way(&mut self) -> Vec<&mut List> {
        let next = self.heads.peek().map(|(id, _)| *id);
        self.lists.iter_mut().filter(|list| list.is_dry() && Some(list.oldest) > next).collect()
    }

    /// Draws the conclusions from what was read.
    pub(super) fn settle(&mut self) {
        let first = |(index, list): (usize, &List)| list.events.front().map(|event| (event.id, index));
        self.heads = self.lists.iter().enumerate().filter_map(first).collect();
        self.wall = self.lists.iter().filter(|list| list.is_dry()).map(|list| list.oldest).max();
    }

    /// The newest that are certain, at most so many.
    pub(super) fn take(&mut self, most: usize) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).take(most).collect()
    }

    fn next(&mut self) -> Option<Event> {
        let (id, index) = *self.heads.peek()?;
        if self.wall.is_some_and(|wall| wall > id) {
            return None;
        }
        self.heads.pop();
        let list = self.lists.get_mut(index)?;
        let event = list.events.pop_front();
        match list.events.front() {
            Some(next) => self.heads.push((next.id, index)),
            None if list.is_dry() => self.wall = self.wall.max(Some(list.oldest)),
            None => {}
        }
        event
    }

    /// Everything that is not before it was given, or was not wanted. `None`: nothing is left.
    pub(super) fn frontier(&self) -> Option<EventId> {
        self.wall
    }

    /// Nothing is left to give or to read.
    pub(super) fn is_over(&self) -> bool {
        self.heads.is_empty() && self.wall.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;
    use crate::store::EventKind;

    fn at((ms, partition, sequence): (u64, u16, u64)) -> Event {
        let partition = Partition::from_index(partition).unwrap();
        let id = EventId { ms, partition, sequence };
        Event { id, ..Event::new(Timestamp::from_millis(ms), EventKind::Login, None) }
    }

    proptest! {
        /// Whatever the logs are, however little is read at once, and wherever a page ends or is given up.
        #[test]
        fn pages_have_every_event_once_newest_first(
            ids in prop::collection::btree_set((0..40_u64, 0..4_u16, 0..3_u64), 0..60),
            at_once in 1..5_usize,
            limit in 1..8_usize,
            rounds in 1..4_usize,
        ) {
            let mut all: Vec<EventId> = ids.iter().map(|id| at(*id).id).collect();
            all.reverse();
            let partitions: Vec<Partition> = Partition::all().take(4).collect();
            let (mut seen, mut before) = (Vec::new(), Some(EventId::MAX));
            while let Some(start) = before {
                let mut merge = Merge::new(&partitions, start);
                let mut page = Vec::new();
                for round in 0..=rounds {
                    page.extend(merge.take(limit - page.len()));
                    if page.len() == limit || merge.is_over() || round == rounds {
                        break;
                    }
                    for list in merge.in_the_way() {
                        let mine = all.iter().filter(|id| id.partition == list.partition && **id < list.oldest);
                        let read: Vec<EventId> = mine.take(at_once).copied().collect();
                        // Every third is not wanted.
                        let wanted = read.iter().filter(|id| id.ms % 3 > 0);
                        let events = wanted.map(|id| at((id.ms, id.partition.index(), id.sequence))).collect();
                        list.add(events, read.last().copied(), read.len() < at_once);
                    }
                    merge.settle();
                }
                let full = page.len() == limit;
                before = if merge.is_over() {
                    None
                } else if full {
                    page.last().map(|event| event.id)
                } else {
                    merge.frontier()
                };
                prop_assert!(before.is_none_or(|before| before < start), "it gets on");
                seen.extend(page.into_iter().map(|event| event.id));
            }
            all.retain(|id| id.ms % 3 > 0);
            prop_assert_eq!(seen, all);
        }
    }
}
