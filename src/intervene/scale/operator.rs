//! What scaling does to the scores of a query over the image's columns.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// How far scores are scaled: finite, not negative. 1 changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Alpha(f64);

impl Alpha {
    /// What the untouched model has.
    pub const ONE: Self = Self(1.0);

    /// # Errors
    /// Not a number, infinite, or negative.
    pub fn new(value: f64) -> Result<Self, String> {
        match value.is_finite() && value >= 0.0 {
            true => Ok(Self(value)),
            false => Err(format!("alpha is {value}, expected a finite number, 0 or more")),
        }
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Alpha {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // What is not a number has no place in JSON and comes as null.
        let value = Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN);
        Self::new(value).map_err(D::Error::custom)
    }
}

/// What is done to the scores `A` of a query over the image's columns `I`, before mask and softmax. With
/// `shift = logsumexp(A over I) - logsumexp(alpha A over I)`:
///
/// | operator | scores over the image | share of the image | shape within the image |
/// |---|---|---|---|
/// | raw | `alpha A` | changes | changes |
/// | temperature | `alpha A + shift` | stays | as raw |
/// | mass | `A - shift` | as raw | stays |
///
/// Scores over the image are mostly negative in large models, so that raw scaling by less than 1 moves attention to the
/// image, and by more than 1 away from it, besides making it flatter or more peaked. The other two tell the two apart: what
/// raw does at a layer is what temperature and mass do there, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    Raw,
    Temperature,
    Mass,
}

impl Operator {
    /// As frames and tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Temperature => "temperature",
            Self::Mass => "mass",
        }
    }

    /// Factors of the scores and of `shift`.
    pub(super) fn factors(self, alpha: Alpha) -> (f64, f64) {
        match self {
            Self::Raw => (alpha.get(), 0.0),
            Self::Temperature => (alpha.get(), 1.0),
            Self::Mass => (1.0, -1.0),
        }
    }
}

/// An operator and how far it goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    pub operator: Operator,
    pub alpha: Alpha,
}

impl Scaling {
    /// The untouched model.
    pub const NONE: Self = Self { operator: Operator::Raw, alpha: Alpha::ONE };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphas_that_mean_nothing_are_refused() {
        for wrong in ["NaN", "-0.5", "inf"] {
            let told = Alpha::new(wrong.parse().unwrap()).unwrap_err();
            assert!(told.contains("expected a finite number, 0 or more"), "{told}");
        }
        assert!(serde_json::from_str::<Alpha>("null").unwrap_err().to_string().contains("alpha is NaN"));
        assert_eq!(serde_json::from_str::<Alpha>("2").unwrap(), Alpha::new(2.0).unwrap());
    }
}
