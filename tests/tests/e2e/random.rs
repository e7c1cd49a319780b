//! Random moments and deeds: the seed is printed, so that a run can be had again.

use std::env;

/// A small generator (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    /// From `ORBITR_TEST_SEED`, or from a seed of its own, which it prints.
    pub(crate) fn seeded() -> Self {
        let own = || u64::from(std::process::id()) << 20 | 0x9e37_79b9;
        let seed = env::var("ORBITR_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(own);
        println!("ORBITR_TEST_SEED={seed}");
        Self(seed)
    }

    /// Another one, which this one's seed decides as well.
    pub(crate) const fn other(&self) -> Self {
        Self(self.0.rotate_left(32) | 1)
    }

    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end
    }

    /// One of several.
    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.below(all.len() as u64);
        &all[usize::try_from(index).unwrap()]
    }
}

/// How often: as this variable says, or so few times that each run of the tests can afford it.
pub(crate) fn times(variable: &str, few: u32) -> u32 {
    env::var(variable).ok().map_or(few, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}
