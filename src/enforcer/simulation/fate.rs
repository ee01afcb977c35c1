//! Chance that goes by what is asked and not by when: the same seed gives a call the same fate, whatever the order in
//! which hash maps hand out what there is to do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Of one seed.
pub(super) struct Fate {
    seed: u64,
    /// How often each thing was asked for already.
    asked: Mutex<HashMap<u64, u64>>,
}

/// Numbers for one purpose.
pub(super) struct Draws(u64);

impl Fate {
    pub(super) fn of(seed: u64) -> Self {
        Self { seed: mix(seed), asked: Mutex::default() }
    }

    /// Fresh numbers for the next thing that goes by this name about this subject.
    pub(super) fn next(&self, name: &str, subject: &[u8]) -> Draws {
        let key = subject.iter().fold(hash(name.as_bytes()), |key, byte| mix(key ^ u64::from(*byte)));
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asked.entry(key).or_default();
        *count += 1;
        Draws(mix(self.seed ^ mix(key ^ *count)))
    }
}

impl Draws {
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn one_of<T: Copy>(&mut self, these: &[T]) -> T {
        these[usize::try_from(self.below(these.len() as u64)).unwrap_or_default()]
    }
}

/// The finalizer of splitmix64.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
