//! Where randomness comes from: the operating system in a node, a seed in tests and simulations.

use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _, TryRng as _};

/// A source of random bytes, good enough for secrets unless it was seeded.
pub struct Chance(Mutex<Source>);

enum Source {
    System,
    Seeded(Box<StdRng>),
}

impl Chance {
    pub fn system() -> Self {
        Self(Mutex::new(Source::System))
    }

    /// The same bytes for the same seed; for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(Source::Seeded(Box::new(StdRng::seed_from_u64(seed)))))
    }

    /// `N` random bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing that Hotseat does is safe then.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Source::System => SysRng.try_fill_bytes(&mut bytes).expect("the system gives random bytes"),
            Source::Seeded(rng) => rng.fill_bytes(&mut bytes),
        }
        bytes
    }

    /// A duration from zero up to `most`, evenly spread.
    pub fn up_to(&self, most: Duration) -> Duration {
        let share = f64::from(u32::from_be_bytes(self.bytes())) / f64::from(u32::MAX);
        most.mul_f64(share)
    }
}
