//! Which items a model is unsure of, by its confidence: the largest probability in the vocabulary at the first answer token.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What happens to the confidence before it is held against the threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    #[default]
    None,
    /// As in the released code: to the nearest hundredth, halves to the even one.
    TwoDecimals,
}

/// A threshold of confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    threshold: f64,
    rounding: Rounding,
}

impl Gate {
    /// # Errors
    /// A threshold that is no probability.
    pub fn new(threshold: f64, rounding: Rounding) -> Result<Self> {
        match (0.0..=1.0).contains(&threshold) {
            true => Ok(Self { threshold, rounding }),
            false => Err(Error::usage(format!("the threshold of confidence is {threshold}, expected 0 to 1"))),
        }
    }

    /// Below the threshold; at it, the model counts as sure.
    pub fn is_unsure(self, confidence: f64) -> bool {
        let confidence = match self.rounding {
            Rounding::None => confidence,
            Rounding::TwoDecimals => (confidence * 100.0).round_ties_even() / 100.0,
        };
        confidence < self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_lifts_items_over_the_threshold() {
        let (plain, rounded) =
            (Gate::new(0.4, Rounding::None).unwrap(), Gate::new(0.4, Rounding::TwoDecimals).unwrap());
        for (confidence, unsure, unsure_rounded) in [
            (0.39, true, true),
            (0.3949, true, true),
            (0.3951, true, false),
            (0.4, false, false),
            (0.4049, false, false),
        ] {
            assert_eq!(
                (plain.is_unsure(confidence), rounded.is_unsure(confidence)),
                (unsure, unsure_rounded),
                "{confidence}"
            );
        }
        // Halves go to the even hundredth: 0.125 to 0.12.
        assert!(Gate::new(0.13, Rounding::TwoDecimals).unwrap().is_unsure(0.125));
    }

    #[test]
    fn a_threshold_is_a_probability() {
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = Gate::new(wrong, Rounding::None).unwrap_err();
            assert!(error.to_string().contains("expected 0 to 1") && error.exit_code() == 2);
        }
        assert!(!Gate::new(0.0, Rounding::None).unwrap().is_unsure(0.0));
    }
}
