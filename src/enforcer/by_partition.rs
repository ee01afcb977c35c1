//! What is remembered by session, cut so that a renewal's slot locks and walks its own partitions only.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Partition, SessionId};

/// Something by session, cut by partition, so that a renewal's slot looks at its own partitions only.
pub(super) struct ByPartition<T> {
    parts: Box<[Mutex<HashMap<SessionId, T>>]>,
    len: AtomicUsize,
}

impl<T> Default for ByPartition<T> {
    fn default() -> Self {
        Self { parts: Partition::all().map(|_| Mutex::default()).collect(), len: AtomicUsize::new(0) }
    }
}

impl<T> ByPartition<T> {
    /// How many sessions there are; while others change it, about.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Sets a session's value, unless there is one that it does not `replace`; that one may be changed instead.
    pub fn insert(&self, id: SessionId, value: T, replace: impl FnOnce(&mut T) -> bool) {
        match self.part(id.partition()).entry(id) {
            Entry::Occupied(mut old) => {
                if replace(old.get_mut()) {
                    old.insert(value);
                }
            }
            Entry::Vacant(place) => {
                place.insert(value);
                self.len.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Removes and answers a session's value.
    pub fn remove(&self, id: SessionId) -> Option<T> {
        let removed = self.part(id.partition()).remove(&id)?;
        self.len.fetch_sub(1, Ordering::Relaxed);
        Some(removed)
    }

    /// Removes a session's value if it is `unwanted`.
    pub fn remove_if(&self, id: SessionId, unwanted: impl FnOnce(&T) -> bool) {
        self.change_or_remove(id, |value| !unwanted(value));
    }

    /// Changes a session's value, if there is one, and removes and answers it unless `keep` says to keep it.
    pub fn change_or_remove(&self, id: SessionId, keep: impl FnOnce(&mut T) -> bool) -> Option<T> {
        let mut part = self.part(id.partition());
        if part.get_mut(&id).is_none_or(keep) {
            return None;
        }
        self.len.fetch_sub(1, Ordering::Relaxed);
        part.remove(&id)
    }

    /// Looks at, or changes, a session's value, if there is one.
    pub fn with<R>(&self, id: SessionId, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.part(id.partition()).get_mut(&id).map(look)
    }

    /// Takes all that a partition has.
    pub fn take(&self, partition: Partition) -> HashMap<SessionId, T> {
        let taken = mem::take(&mut *self.part(partition));
        self.len.fetch_sub(taken.len(), Ordering::Relaxed);
        taken
    }

    /// A copy of what a partition has.
    pub fn copy(&self, partition: Partition) -> Vec<(SessionId, T)>
    where
        T: Copy,
    {
        self.part(partition).iter().map(|(id, value)| (*id, *value)).collect()
    }

    /// The sessions of a partition whose values are `wanted`.
    pub fn filter(&self, partition: Partition, wanted: impl Fn(&T) -> bool) -> Vec<SessionId> {
        self.part(partition).iter().filter(|(_, value)| wanted(value)).map(|(id, _)| *id).collect()
    }

    fn part(&self, partition: Partition) -> MutexGuard<'_, HashMap<SessionId, T>> {
        self.parts[usize::from(partition.index())].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Timestamp, UserId};

    #[test]
    fn what_is_taken_or_unwanted_is_gone_and_counted_off() {
        let partition = Partition::of(&UserId::parse("user", "ada").unwrap());
        let id = |number: u8| SessionId::new(partition, Timestamp::from_millis(1), [number; 8]);
        let things = ByPartition::default();
        things.insert(id(1), 1, |_| true);
        things.insert(id(1), 2, |old| *old == 1);
        things.insert(id(1), 3, |_| false);
        things.insert(id(2), 4, |_| false);
        assert_eq!(things.len(), 2);
        things.remove_if(id(2), |value| *value == 5);
        assert_eq!(things.with(id(2), |value| mem::replace(value, 6)), Some(4));
        assert_eq!(things.change_or_remove(id(2), |value| *value == 6), None);
        assert_eq!(things.change_or_remove(id(2), |value| *value != 6), Some(6));
        assert_eq!(things.copy(partition), [(id(1), 2)]);
        assert_eq!((things.remove(id(2)), things.len()), (None, 1));
        assert_eq!(things.take(partition), HashMap::from([(id(1), 2)]));
        assert_eq!((things.len(), things.take(partition).len()), (0, 0));
    }
}
