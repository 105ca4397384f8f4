//! Linear probes: can a label be read off a state by one linear map, on images that the map has not seen?
//!
//! Rows are observations (a token, an image), `x` `[rows, features]` their states, and a *group* (the image) is the unit that
//! may not be split: no group stands on both sides of a fold, outer or inner. Everything that looks at the data (mean and
//! scale of a feature, the choice of lambda, the fit) looks at a fold's training rows alone.
//!
//! | module | what it does |
//! |---|---|
//! | [`folds`] | grouped cross-validation |
//! | `design` | standardised features of a fold on their principal axes: never more of them than rows, and the fit the same |
//! | `softmax`, `newton` | multinomial logistic regression: Newton's method goes the way, linfa has the last word, the optimum is checked |
//! | `path` | lambda by inner grouped cross-validation and the one-standard-error rule |
//! | [`cross_validate`] | held-out probabilities, for one labelling or for many that share their designs |
//! | [`permuted`] | the same under permuted labels, lambda chosen anew each time |
//! | [`relabel`] | permuted labels: between images, or within them |
//! | [`regress`] | ridge regression by linfa, for coordinates |
//! | [`metrics`] | what held-out probabilities are worth |
//! | [`online_code`] | minimum description length |
//! | [`control_labels`] | the control task of Hewitt and Liang |
//!
//! # Errors
//! [`Undefined`] says why a number does not exist; it is what a table prints in the number's place.
//!
//! # Source
//! Cui et al., "Dual Mechanisms of Spatial Variable Binding in Vision-Language Models" (2026), section 5.2 and appendix C, for
//! [`Fit::Paper`]; Hewitt and Liang (2019), Voita and Titov (2020) for the controls.

mod centroid;
mod columns;
mod control;
mod cross_validation;
mod design;
pub mod folds;
pub mod metrics;
mod newton;
mod online_code;
mod paper;
mod path;
pub mod relabel;
mod ridge;
mod softmax;
mod undefined;

#[cfg(test)]
mod planted;

use ndarray::{Array1, Array2, ArrayView2, Axis};

pub use control::control_labels;
pub use cross_validation::{CrossValidated, cross_validate, cross_validate_many, fit_all, permuted};
pub use folds::Fold;
pub use online_code::{Codelength, OnlineCode, codelength, online_code};
pub use ridge::{Regressed, regress};
pub use undefined::Undefined;

/// Observations: states and the images they come from.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// `[rows, features]`, as recorded.
    pub x: ArrayView2<'a, f32>,
    /// The image (any number) of each row.
    pub groups: &'a [usize],
}

/// What a probe is to read: one class a row.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// `0..classes`, one a row.
    pub y: &'a [usize],
    /// How many classes there are, whether or not every fold has all of them.
    pub classes: usize,
}

/// How a classifying probe is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fit {
    /// `mean cross-entropy + lambda / 2 * |W|^2` over features standardised by the training rows, lambda by inner grouped
    /// cross-validation; fitted until the gradient norm is below 1e-6.
    Standard,
    /// As Cui et al. did: AdamW (learning rate 1e-3, weight decay 1e-4), 200 full-batch steps from N(0, 1/features), features
    /// as they are.
    Paper { seed: u64 },
    /// Each class against the rest along the difference of their means, threshold halfway; features as they are. No fit, so
    /// nothing to overfit; its probabilities are ordered, not calibrated.
    MeanDifference,
    /// The class whose mean is nearest, over standardised features. Its probabilities are ordered, not calibrated.
    NearestCentroid,
}

/// How lambda is chosen on the training rows of a fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Inner {
    /// Candidates, in any order.
    pub lambdas: Vec<f64>,
    /// Folds of the inner cross-validation, grouped like the outer ones.
    pub folds: usize,
    pub rule: Rule,
    /// Of the assignment of groups to inner folds.
    pub seed: u64,
}

/// Which candidate wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The smallest inner loss.
    Best,
    /// The strongest penalty whose loss is within one standard error (over inner folds) of the smallest.
    OneStandardError,
}

impl Default for Inner {
    /// Nine powers of ten from 1e-4 to 1e4, five folds, one standard error.
    fn default() -> Self {
        Self {
            lambdas: (-4..=4).map(|power| 10f64.powi(power)).collect(),
            folds: 5,
            rule: Rule::OneStandardError,
            seed: 0,
        }
    }
}

/// A fitted linear map, `logits = x W + b`, in the units of the features as recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// `[features, outputs]`: classes of a classifier, one column of a regression. Features that do not vary weigh 0.
    pub w: Array2<f64>,
    /// `[outputs]`.
    pub b: Array1<f64>,
    /// Mean of each feature over the training rows, `[features]`.
    pub mean: Array1<f64>,
    /// Standard deviation of each feature over the training rows, 1 where it does not vary, `[features]`.
    pub scale: Array1<f64>,
    /// The penalty it was fitted with; NaN where the fit knows none.
    pub lambda: f64,
}

impl Probe {
    /// `x W + b`, `[rows, outputs]`.
    pub fn logits(&self, x: ArrayView2<f32>) -> Array2<f64> {
        // A block at a time: a map asks about every patch of every image.
        const BLOCK: usize = 4096;
        let mut logits = Array2::zeros((x.nrows(), self.b.len()));
        for (mut into, x) in logits.axis_chunks_iter_mut(Axis(0), BLOCK).zip(x.axis_chunks_iter(Axis(0), BLOCK)) {
            into.assign(&(design::product(x.mapv(f64::from).view(), self.w.view()) + &self.b));
        }
        logits
    }

    /// Probability of each class, `[rows, classes]`.
    pub fn predict(&self, x: ArrayView2<f32>) -> Array2<f64> {
        let mut probabilities = self.logits(x);
        normalise(&mut probabilities);
        probabilities
    }
}

/// Logits `[rows, classes]` to probabilities, in place.
fn normalise(logits: &mut Array2<f64>) {
    for mut row in logits.axis_iter_mut(Axis(0)) {
        let largest = row.fold(f64::NEG_INFINITY, |largest, &logit| largest.max(logit));
        row.mapv_inplace(|logit| (logit - largest).exp());
        let total = row.sum();
        row /= total;
    }
}
