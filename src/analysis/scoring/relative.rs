//! Numbers that are answered, held against true ones: mean relative accuracy.
//!
//! Of ten thresholds from 0.50 to 0.95, the share that the answer meets: relative error at most (released) or below (paper) one
//! minus the threshold. The two differ where an error is a threshold exactly, as with small whole numbers.
//!
//! Source: Yang et al., CVPR 2025 (VSI-Bench), and its released code.

/// What an error that is a threshold exactly counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bound {
    /// Met: published numbers were computed so.
    #[default]
    Released,
    /// Missed: as the paper writes the formula.
    Paper,
}

/// Thresholds.
const COUNT: u8 = 10;
const FIRST: f64 = 0.5;
const LAST: f64 = 0.95;

/// From 0 to 1; 0 where the answer is no number. The true number is not 0.
pub fn mean_relative_accuracy(answer: Option<f64>, right: f64, bound: Bound) -> f64 {
    let Some(answer) = answer.filter(|answer| answer.is_finite()) else { return 0.0 };
    let error = (answer - right).abs() / right;
    let met = |step: u8| {
        let threshold =
            if step + 1 == COUNT { LAST } else { FIRST + f64::from(step) * ((LAST - FIRST) / f64::from(COUNT - 1)) };
        match bound {
            Bound::Released => error <= 1.0 - threshold,
            Bound::Paper => error < 1.0 - threshold,
        }
    };
    f64::from((0..COUNT).filter(|step| met(*step)).count() as u8) / f64::from(COUNT)
}

/// The number that a text begins with, as the released code reads it: its first word, without the full stop.
pub fn first_number(text: &str) -> Option<f64> {
    first_word(text).parse().ok()
}

/// Whether a text begins with this letter, as the released code reads it.
pub fn is_letter(text: &str, letter: &str) -> bool {
    first_word(text).eq_ignore_ascii_case(letter)
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default().trim_end_matches('.').trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_thresholds() {
        let of = |answer, right, bound| mean_relative_accuracy(Some(answer), right, bound);
        assert_eq!(of(4.0, 4.0, Bound::Released), 1.0);
        // An error of a fifth meets 0.50 to 0.75, and 0.80 exactly: in floating point, as NumPy finds it.
        assert_eq!(of(1.1, 1.0, Bound::Paper), 0.8);
        assert_eq!((of(6.0, 4.0, Bound::Released), of(6.0, 4.0, Bound::Paper)), (0.1, 0.0));
        assert_eq!((of(5.0, 4.0, Bound::Released), of(5.0, 4.0, Bound::Paper)), (0.6, 0.5));
        assert_eq!(of(9.0, 4.0, Bound::Released), 0.0);
        assert_eq!(mean_relative_accuracy(None, 4.0, Bound::Released), 0.0);
        assert_eq!(mean_relative_accuracy(Some(f64::NAN), 4.0, Bound::Released), 0.0);
    }

    #[test]
    fn the_first_word_is_read() {
        assert_eq!(
            [first_number("3.5 metres"), first_number("4."), first_number("about 4")],
            [Some(3.5), Some(4.0), None]
        );
        assert!(is_letter("b. right", "B") && is_letter("B", "B") && !is_letter("It is B", "B"));
    }
}
