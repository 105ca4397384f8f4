//! Seeded draws. One fresh stream of random numbers for every (purpose, seed, index), so that item k never depends on
//! how many were made before it; and our own draws on top, so that no library update can change a test set.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What the draws are for. The same seed gives unrelated draws for different purposes.
#[derive(Clone, Copy, Debug)]
pub(in crate::dataset) enum Purpose {
    Pairs = 1,
    Rows = 2,
    HeldOutTriples = 3,
    Training = 4,
    Rooms = 5,
    RoomsTraining = 6,
}

pub(in crate::dataset) struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(purpose: Purpose, seed: u64, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        key[16] = purpose as u8;
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform over `0..n`; 0 where `n` is 0. Multiply and shift: for our n the bias is below one in 10 million.
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// Uniform over `low..=high`; `low` where the range is empty.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1).max(0) as usize) as i32
    }

    /// Uniform from `low` to below `high`, in steps of a 2^32nd of the way.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (f64::from(self.0.next_u32()) / 4_294_967_296.0)
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        f64::from(self.0.next_u32()) < probability * 4_294_967_296.0
    }

    /// One of them. `all` is never empty here: the callers draw from fixed tables.
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = self.below(last + 1);
            all.swap(last, other);
        }
    }

    /// An index, with probability in proportion to its weight; None where all weights are zero.
    pub fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> Option<usize> {
        let total: f64 = weights.clone().sum();
        let mut left = f64::from(self.0.next_u32()) / 4_294_967_296.0 * total;
        let mut chosen = None;
        for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
            chosen = Some(index);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_its_own_numbers_whatever_came_before() {
        let draw = |purpose, seed, index| Dice::new(purpose, seed, index).below(1 << 30);
        assert_eq!(draw(Purpose::Pairs, 1, 7), draw(Purpose::Pairs, 1, 7));
        assert_ne!(draw(Purpose::Pairs, 1, 7), draw(Purpose::Pairs, 1, 8));
        assert_ne!(draw(Purpose::Pairs, 1, 7), draw(Purpose::Pairs, 2, 7));
        assert_ne!(draw(Purpose::Pairs, 1, 7), draw(Purpose::Rows, 1, 7));
    }

    #[test]
    fn draws_follow_their_weights_and_skip_zeros() {
        let mut dice = Dice::new(Purpose::Training, 0, 0);
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[dice.weighted([1.0, 0.0, 3.0, 0.0].into_iter()).unwrap()] += 1;
        }
        assert!((900..1100).contains(&counts[0]), "{counts:?}");
        assert_eq!((counts[1], counts[3]), (0, 0));
        assert_eq!(dice.weighted([0.0].into_iter()), None);
        assert!((0..1000).all(|_| (-3..=3).contains(&dice.between(-3, 3))));
    }
}
