//! Logits at the last position to what an answer is worth.

use crate::error::{Error, Result};
use crate::processor::AnswerForms;

/// The answer that logits at the last position stand for. Everything is computed in `f64` of the model's `f32` logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Per class: log of the sum of exp over the logits of its forms.
    pub m: Vec<f64>,
    /// Per class: the probability of its forms in the whole vocabulary.
    pub p: Vec<f64>,
    /// The class with the largest `m`; of a tie, the first.
    pub answered: usize,
    /// The class one of whose forms is the most probable token of the vocabulary.
    pub top: Option<usize>,
    /// Log-probabilities of the whole vocabulary.
    pub log_p: Vec<f64>,
}

impl Reading {
    /// Reads `[vocabulary]` logits.
    ///
    /// # Errors
    /// Logits that are not numbers.
    pub fn of(logits: &[f32], forms: &AnswerForms) -> Result<Self> {
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(Error::data("the model's logits are not numbers")
                .with_help("its weights may be broken, or too large for the precision it computes in"));
        }
        let total = log_sum_exp(logits.iter().map(|&logit| f64::from(logit)));
        let log_p: Vec<f64> = logits.iter().map(|&logit| f64::from(logit) - total).collect();
        let of = |class: &Vec<u32>| log_sum_exp(class.iter().map(|&id| f64::from(logits[id as usize])));
        let m: Vec<f64> = forms.classes.iter().map(of).collect();
        let p = m.iter().map(|m| (m - total).exp()).collect();
        let first_largest = |values: &[f64]| {
            (0..values.len()).reduce(|best, k| if values[k] > values[best] { k } else { best }).unwrap_or(0)
        };
        let token = first_largest(&log_p) as u32;
        let top = forms.classes.iter().position(|class| class.contains(&token));
        Ok(Self { answered: first_largest(&m), p, m, top, log_p })
    }

    /// Whether the most probable token of the vocabulary is any class's form.
    pub fn valid(&self) -> bool {
        self.top.is_some()
    }

    /// `m` of the clean answer less that of the other: in nats; against the best other class where there is none.
    pub fn logit_difference(&self, right: usize, other: Option<usize>) -> f64 {
        let rival = match other {
            Some(other) => self.m[other],
            None => {
                let others = self.m.iter().enumerate().filter(|(class, _)| *class != right);
                others.map(|(_, m)| *m).fold(f64::NEG_INFINITY, f64::max)
            }
        };
        self.m[right] - rival
    }

    /// Kullback-Leibler divergence of this reading from another, in nats over the whole vocabulary.
    pub fn divergence(&self, from: &Self) -> f64 {
        let terms =
            self.log_p.iter().zip(&from.log_p).map(|(p, q)| if p.is_finite() { p.exp() * (p - q) } else { 0.0 });
        terms.sum::<f64>().max(0.0)
    }
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if top.is_finite() { top + values.map(|value| (value - top).exp()).sum::<f64>().ln() } else { top }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(classes: &[&[u32]]) -> AnswerForms {
        AnswerForms { classes: classes.iter().map(|class| class.to_vec()).collect() }
    }

    #[test]
    fn a_class_is_worth_the_sum_of_its_forms() {
        // exp: 1, 2, 4, 1 of 8; the first class has two forms.
        let logits = [0.0, 2f32.ln(), 4f32.ln(), 0.0];
        let reading = Reading::of(&logits, &forms(&[&[0, 1], &[3]])).unwrap();
        assert!((reading.p[0] - 0.375).abs() < 1e-7 && (reading.p[1] - 0.125).abs() < 1e-7);
        assert!((reading.m[0] - 3f64.ln()).abs() < 1e-7 && reading.answered == 0);
        assert_eq!((reading.top, reading.valid()), (None, false), "the most probable token is no class's");
        assert!((reading.logit_difference(0, Some(1)) - 3f64.ln()).abs() < 1e-7);
        assert_eq!(reading.logit_difference(0, None), reading.logit_difference(0, Some(1)));
        assert_eq!(reading.divergence(&reading), 0.0);
    }

    #[test]
    fn divergence_is_that_of_the_books() {
        let classes = forms(&[&[0], &[1]]);
        let [half, quarter] = [[0.0, 0.0], [0.0, 3f32.ln()]].map(|logits| Reading::of(&logits, &classes).unwrap());
        let expected = 0.5 * (0.5f64 / 0.25).ln() + 0.5 * (0.5f64 / 0.75).ln();
        assert!((half.divergence(&quarter) - expected).abs() < 1e-7);
    }

    #[test]
    fn logits_that_are_not_numbers_are_told() {
        assert!(Reading::of(&[f32::NAN, 0.0], &forms(&[&[0], &[1]])).is_err());
    }
}
