//! The pseudo-random numbers of CPython's `random`, to draw the very items that a published study drew.

use std::collections::HashSet;

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// The Mersenne Twister MT19937 as CPython seeds and uses it.
///
/// Sources: M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998); the documentation of Python's `random`.
pub(super) struct PythonRandom {
    state: [u32; WORDS],
    next: usize,
}

impl PythonRandom {
    /// `random.seed(seed)`, for a seed of at most 32 bits.
    pub(super) fn seed(seed: u32) -> Self {
        let mut state = [0u32; WORDS];
        state[0] = 19_650_218;
        for i in 1..WORDS {
            state[i] = 1_812_433_253u32.wrapping_mul(state[i - 1] ^ (state[i - 1] >> 30)).wrapping_add(i as u32);
        }
        // Initialisation by an array, here of one word: each word of the state is mixed with the one before it.
        let mut i = 1;
        let mut mix = |rounds: usize, factor: u32, add: &dyn Fn(usize) -> u32| {
            for _ in 0..rounds {
                let before = state[i - 1] ^ (state[i - 1] >> 30);
                state[i] = (state[i] ^ before.wrapping_mul(factor)).wrapping_add(add(i));
                i += 1;
                if i == WORDS {
                    state[0] = state[WORDS - 1];
                    i = 1;
                }
            }
        };
        mix(WORDS, 1_664_525, &|_| seed);
        mix(WORDS - 1, 1_566_083_941, &|i| (i as u32).wrapping_neg());
        state[0] = 0x8000_0000;
        Self { state, next: WORDS }
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for i in 0..WORDS {
            let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % WORDS] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + MIDDLE) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// A number below `n`, which is not 0: as many bits as `n` has, drawn until they are below it.
    fn below(&mut self, n: u32) -> u32 {
        let bits = u32::BITS - n.leading_zeros();
        loop {
            let drawn = self.word() >> (u32::BITS - bits);
            if drawn < n {
                return drawn;
            }
        }
    }

    /// `random.sample(range(n), k)`, for `k <= n`. A small population is drawn from a shrinking pool, a large one by
    /// drawing again what was drawn already; which of the two decides about the result.
    pub(super) fn sample(&mut self, n: u32, k: u32) -> Vec<u32> {
        let mut pool_is_smaller_up_to = 21u64;
        if k > 5 {
            pool_is_smaller_up_to +=
                (0..).map(|e| 4u64.pow(e)).find(|&size| size >= 3 * u64::from(k)).unwrap_or(u64::MAX);
        }
        if u64::from(n) <= pool_is_smaller_up_to {
            let mut pool: Vec<u32> = (0..n).collect();
            let mut one = || {
                let j = self.below(pool.len() as u32);
                pool.swap_remove(j as usize)
            };
            return (0..k).map(|_| one()).collect();
        }
        let mut drawn = HashSet::new();
        let mut one = || loop {
            let j = self.below(n);
            if drawn.insert(j) {
                return j;
            }
        };
        (0..k).map(|_| one()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_are_cpython_s() {
        // random.seed(1); [random.getrandbits(32) for _ in range(4)]
        let mut random = PythonRandom::seed(1);
        assert_eq!([0; 4].map(|_| random.word()), [577_090_037, 2_444_712_010, 3_639_700_191, 3_445_702_192]);
        // The second batch of words: random.getrandbits(32) for the 625th time.
        let mut random = PythonRandom::seed(1);
        assert_eq!((0..625).map(|_| random.word()).last(), Some(1_360_367_077));
    }

    #[test]
    fn samples_are_cpython_s_on_either_way() {
        // random.seed(1); random.sample(range(10), 4), then random.sample(range(1000), 4)
        assert_eq!(PythonRandom::seed(1).sample(10, 4), [2, 1, 4, 0]);
        assert_eq!(PythonRandom::seed(1).sample(1000, 4), [137, 582, 867, 821]);
        assert_eq!(PythonRandom::seed(1).sample(3, 0), [0u32; 0]);
    }
}
