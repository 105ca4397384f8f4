//! Random numbers that depend on what they are for, not on when or where they are drawn.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator of one replicate: the same `seed`, `purpose` and `index` give the same numbers in any order and on any
/// thread; different ones are independent.
pub fn rng(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    let mut key = blake3::Hasher::new();
    key.update(&seed.to_le_bytes());
    key.update(&index.to_le_bytes());
    key.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(*key.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::rng;

    #[test]
    fn every_part_of_the_key_counts() {
        let first = |seed, purpose, index| rng(seed, purpose, index).next_u64();
        assert_eq!(first(1, "bootstrap", 7), first(1, "bootstrap", 7));
        let all = [first(1, "bootstrap", 7), first(2, "bootstrap", 7), first(1, "boxes", 7), first(1, "bootstrap", 8)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
