//! `[[analysis.gate]]`: a choice between two scalings by how sure the untouched model is.

use serde::{Deserialize, Serialize};

use crate::analysis::frames::Answered;
use crate::analysis::scoring::{Gate, Rounding};
use crate::error::{Error, Result};
use crate::intervene::{Alpha, Operator};

/// A choice between two scalings, after AdaptVis.
///
/// ```toml
/// [[analysis.gate]]
/// name = "adaptvis"             # unique
/// dataset = "whatsup/controlled-a"   # all by default
/// signal = "confidence"         # or "entropy", "jsd"
/// threshold = 0.4               # left out: only cross-validated
/// low = 0.5                     # alpha where the model is unsure
/// high = 1.5                    # alpha where it is sure
/// operator = "raw"
/// folds = 5                     # of the cross-validation, over images
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateSpec {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    #[serde(default)]
    pub signal: Signal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    pub low: Alpha,
    pub high: Alpha,
    #[serde(default = "raw")]
    pub operator: Operator,
    #[serde(default = "five")]
    pub folds: usize,
}

fn raw() -> Operator {
    Operator::Raw
}

fn five() -> usize {
    5
}

/// How sure the untouched model is, from 0 to 1; below the threshold, it counts as unsure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// The largest probability in the vocabulary at the first answer token, as in the paper.
    #[default]
    Confidence,
    /// 1 - the entropy of the options' probabilities over that of even ones.
    Entropy,
    /// Jensen-Shannon divergence of the options' probabilities from even ones, over the largest that it can be.
    Jsd,
}

impl Signal {
    /// As tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confidence => "confidence",
            Self::Entropy => "entropy",
            Self::Jsd => "jsd",
        }
    }

    /// How sure an answer is; `None` where what it takes was not recorded.
    pub fn of(self, said: &Answered) -> Option<f64> {
        let total: f64 = said.p.iter().sum();
        let p = || {
            let options = (said.p.len() > 1 && total > 0.0).then(|| said.p.iter().map(|p| p / total));
            options.map(|options| options.collect::<Vec<f64>>())
        };
        match self {
            Self::Confidence => said.confidence,
            Self::Entropy => p().map(|p| 1.0 - entropy(&p) / (p.len() as f64).ln()),
            Self::Jsd => p().map(|p| {
                let mut one = vec![0.0; p.len()];
                one[0] = 1.0;
                (from_even(&p) / from_even(&one)).clamp(0.0, 1.0)
            }),
        }
    }
}

/// In nats.
fn entropy(p: &[f64]) -> f64 {
    -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

/// Jensen-Shannon divergence from even probabilities, nats.
fn from_even(p: &[f64]) -> f64 {
    let even = 1.0 / p.len() as f64;
    let middle: Vec<f64> = p.iter().map(|p| (p + even) / 2.0).collect();
    entropy(&middle) - (entropy(p) + (p.len() as f64).ln()) / 2.0
}

impl GateSpec {
    /// As the paper sets it: confidence, raw scaling.
    pub fn published(low: Alpha, high: Alpha, threshold: f64) -> Self {
        Self {
            name: "adaptvis".into(),
            dataset: None,
            signal: Signal::Confidence,
            threshold: Some(threshold),
            low,
            high,
            operator: Operator::Raw,
            folds: five(),
        }
    }

    /// # Errors
    /// A threshold outside 0 to 1, fewer than two folds, an unfit name.
    pub fn check(&self) -> Result<()> {
        let at = |error: Error| error.within(format!("gate `{}`", self.name));
        if let Some(threshold) = self.threshold {
            Gate::new(threshold, Rounding::None).map_err(at)?;
        }
        if self.folds < 2 {
            return Err(Error::usage(format!("gate `{}`: {} folds, expected at least 2", self.name, self.folds)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(p: &[f64]) -> Answered {
        Answered { p: p.to_vec(), confidence: Some(0.3), ..Answered::default() }
    }

    #[test]
    fn signals_run_from_nothing_to_certainty() {
        for signal in [Signal::Entropy, Signal::Jsd] {
            let of = |p: &[f64]| signal.of(&said(p)).unwrap();
            assert!(of(&[0.1, 0.1, 0.1, 0.1]).abs() < 1e-12 && (of(&[0.0, 0.5, 0.0]) - 1.0).abs() < 1e-12);
            assert!(of(&[0.5, 0.25, 0.25]) < of(&[0.8, 0.1, 0.1]));
            assert_eq!(signal.of(&said(&[])), None);
        }
        assert_eq!(Signal::Confidence.of(&said(&[])), Some(0.3));
        // Two options at 3 to 1: entropy .5623 nats of .6931.
        assert!((Signal::Entropy.of(&said(&[0.6, 0.2])).unwrap() - 0.188_722).abs() < 1e-6);
    }

    #[test]
    fn thresholds_out_of_range_are_refused() {
        let gate = |threshold: &str| -> GateSpec {
            toml::from_str(&format!("name = \"g\"\nlow = 0.5\nhigh = 1.5\nthreshold = {threshold}")).unwrap()
        };
        assert!(gate("0.4").check().is_ok());
        for wrong in ["1.4", "-0.1", "nan"] {
            let told = gate(wrong).check().unwrap_err().to_string();
            assert!(told.contains("gate `g`") && told.contains("expected 0 to 1"), "{told}");
        }
        assert!(toml::from_str::<GateSpec>("name = \"g\"\nlow = nan\nhigh = 1.5").is_err());
    }
}
