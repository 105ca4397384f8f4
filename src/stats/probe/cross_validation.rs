//! Held-out predictions: every fold fitted on its training rows, lambda chosen there too, and asked about its test rows.

use ndarray::{Array2, ArrayView2};

use super::{Fit, Fold, Inner, Labels, Probe, Rows, Undefined};

/// Predictions for the test rows of every fold, fold after fold.
#[derive(Clone, Debug)]
pub struct CrossValidated {
    /// Which row of the observations was predicted; once a fold it is tested in.
    pub rows: Vec<usize>,
    /// In which fold.
    pub fold: Vec<usize>,
    /// `[predictions, classes]`, in the order of `rows`.
    pub prob: Array2<f64>,
    /// One a fold.
    pub probes: Vec<Probe>,
}

impl CrossValidated {
    /// The true classes, in the order of the predictions.
    pub fn truth(&self, y: &[usize]) -> Vec<usize> {
        self.rows.iter().map(|&row| y[row]).collect()
    }
}

/// Fits every fold and predicts its test rows.
///
/// # Errors
/// [`Undefined`]: data that give no number (one class in a fold's training rows, no varying feature, NaN, an image on both sides
/// of a fold, too few images for the inner folds), or a fit that did not converge.
pub fn cross_validate(
    rows: Rows,
    labels: Labels,
    folds: &[Fold],
    fit: Fit,
    inner: &Inner,
) -> Result<CrossValidated, Undefined> {
    todo!()
}

/// As [`cross_validate`], for many labellings of the same rows: a fold is standardised and decomposed once for all of them.
pub fn cross_validate_many(
    rows: Rows,
    labels: &[Labels],
    folds: &[Fold],
    fit: Fit,
    inner: &Inner,
) -> Vec<Result<CrossValidated, Undefined>> {
    todo!()
}

/// The probe fitted on all rows, lambda chosen by the inner folds: for weights and maps, never for an accuracy.
pub fn fit_all(rows: Rows, labels: Labels, fit: Fit, inner: &Inner) -> Result<Probe, Undefined> {
    todo!()
}

/// `statistic(prob, y)` of the held-out predictions (`[predictions, classes]`, the permuted truth) under each labelling of
/// [`relabel`](super::relabel): the null of the whole pipeline, lambda chosen anew each time. A labelling that cannot be fitted
/// gives NaN.
///
/// Deterministic, whatever the number of threads.
pub fn permuted(
    rows: Rows,
    labellings: &[Vec<usize>],
    classes: usize,
    folds: &[Fold],
    fit: Fit,
    inner: &Inner,
    statistic: impl Fn(ArrayView2<f64>, &[usize]) -> f64 + Sync,
) -> Result<Vec<f64>, Undefined> {
    todo!()
}
