//! A set of partitions, small enough to be handed about.

use super::Partition;

const WORDS: usize = Partition::COUNT as usize / 64;

/// Some of the [`Partition::COUNT`] partitions, in 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartitionSet([u64; WORDS]);

impl PartitionSet {
    pub const ALL: Self = Self([u64::MAX; WORDS]);

    pub fn insert(&mut self, partition: Partition) {
        let (word, bit) = Self::place(partition);
        self.0[word] |= bit;
    }

    pub fn contains(&self, partition: Partition) -> bool {
        let (word, bit) = Self::place(partition);
        self.0[word] & bit != 0
    }

    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }

    pub fn iter(&self) -> impl Iterator<Item = Partition> + '_ {
        Partition::all().filter(|partition| self.contains(*partition))
    }

    fn place(partition: Partition) -> (usize, u64) {
        (usize::from(partition.index() / 64), 1 << (partition.index() % 64))
    }
}

impl FromIterator<Partition> for PartitionSet {
    fn from_iter<I: IntoIterator<Item = Partition>>(partitions: I) -> Self {
        let mut set = Self::default();
        partitions.into_iter().for_each(|partition| set.insert(partition));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_is_there_and_nothing_else() {
        let some: Vec<Partition> = Partition::all().step_by(63).collect();
        let set: PartitionSet = some.iter().copied().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), some);
        let mut all = PartitionSet::default();
        assert!(all.is_empty());
        Partition::all().for_each(|partition| all.insert(partition));
        assert_eq!(all, PartitionSet::ALL);
        let mut both = set;
        both.extend(&PartitionSet::ALL);
        assert_eq!(both, all);
    }
}
