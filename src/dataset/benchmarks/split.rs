//! The validation fifth on which the study tuned its factors, and the rest, on which it reported.

use serde::{Deserialize, Serialize};

use super::python_random::PythonRandom;

/// Which of a benchmark's rows are asked.
///
/// Source: the released code of Chen et al., ICML 2025: `random.seed(1)`, then
/// `sorted(random.sample(range(n), int(0.2 * n)))` are the rows for validation. It splits by rows, so pairs and sets of
/// Controlled_A and _B are torn apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    #[default]
    All,
    Validation,
    Test,
}

const SEED: u32 = 1;

impl Split {
    /// Whether each of `rows` rows belongs to it.
    pub(super) fn members(self, rows: usize) -> Vec<bool> {
        // A file of four thousand million rows is none of ours.
        let n = u32::try_from(rows).unwrap_or(u32::MAX);
        let validation = (0.2 * f64::from(n)) as u32;
        let mut members = vec![self != Self::Validation; rows];
        if self != Self::All {
            for row in PythonRandom::seed(SEED).sample(n, validation) {
                members[row as usize] = self == Self::Validation;
            }
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(split: Split, n: usize) -> Vec<usize> {
        let members = split.members(n);
        (0..n).filter(|&row| members[row]).collect()
    }

    /// Size, first, last and sum of the rows for validation, from CPython.
    #[test]
    fn the_rows_for_validation_are_the_study_s() {
        for (n, size, first, last, sum) in GOLDEN {
            let found = rows(Split::Validation, n);
            assert_eq!((found.len(), &found[..5], found.iter().sum::<usize>()), (size, &first[..], sum), "{n} rows");
            assert_eq!(found.last(), Some(&last), "{n} rows");
        }
    }

    #[test]
    fn validation_and_test_make_up_all() {
        for n in [0, 4, 5, 27, 412] {
            let (all, validation, test) = (rows(Split::All, n), rows(Split::Validation, n), rows(Split::Test, n));
            assert_eq!(all.len(), n);
            assert_eq!((validation.len(), test.len()), (n / 5, n - n / 5));
            assert!(test.iter().all(|row| !validation.contains(row)));
        }
    }

    const GOLDEN: [(usize, usize, [usize; 5], usize, usize); 7] = [
        (412, 82, [1, 4, 11, 13, 14], 410, 17477),
        (408, 81, [1, 4, 11, 13, 14], 403, 16871),
        (2247, 449, [6, 8, 20, 21, 23], 2239, 495180),
        (440, 88, [1, 4, 11, 13, 14], 436, 20056),
        (1160, 232, [3, 4, 11, 17, 18], 1156, 137209),
        (291, 58, [1, 4, 11, 13, 14], 284, 8836),
        (1222, 244, [3, 4, 11, 17, 18], 1214, 152438),
    ];
}
