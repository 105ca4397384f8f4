//! Held-out predictions: every fold fitted on its training rows, lambda chosen there too, and asked about its test rows.

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

use super::design::finite;
use super::path::Nested;
use super::{Fit, Fold, Inner, Labels, Probe, Rows, Undefined, centroid, paper};

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
    cross_validate_many(rows, &[labels], folds, fit, inner)?.remove(0)
}

/// As [`cross_validate`], for many labellings of the same rows: a fold is standardised and decomposed once for all of them.
///
/// # Errors
/// The outer one where the rows give no number under any labelling, the inner ones where a labelling gives none.
pub fn cross_validate_many(
    rows: Rows,
    labels: &[Labels],
    folds: &[Fold],
    fit: Fit,
    inner: &Inner,
) -> Result<Vec<Result<CrossValidated, Undefined>>, Undefined> {
    for labels in labels {
        check(rows, *labels)?;
    }
    let fitted = over_folds(rows, folds, fit, inner, |fold| {
        labels.par_iter().map(|labels| fold.fit(*labels)).collect::<Vec<_>>()
    })?;
    let mut fitted: Vec<_> = fitted.into_iter().map(Vec::into_iter).collect();
    let (tested, fold) = predictions(folds);
    Ok(labels
        .iter()
        .map(|_| {
            let parts: Vec<(Array2<f64>, Probe)> =
                fitted.iter_mut().filter_map(Iterator::next).collect::<Result<_, _>>()?;
            let (prob, probes): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            Ok(CrossValidated { rows: tested.clone(), fold: fold.clone(), prob: stack(&prob), probes })
        })
        .collect())
}

/// The probe fitted on all rows, lambda chosen by the inner folds: for weights and maps, never for an accuracy.
///
/// # Errors
/// As [`cross_validate`].
pub fn fit_all(rows: Rows, labels: Labels, fit: Fit, inner: &Inner) -> Result<Probe, Undefined> {
    check(rows, labels)?;
    let all = Fold { train: (0..rows.x.nrows()).collect(), test: Vec::new() };
    let prepared = Prepared::new(rows, &all, fit, inner)?;
    prepared.fit(labels).map(|(_, probe)| probe)
}

/// `statistic(prob, y)` of the held-out predictions (`[predictions, classes]`, the permuted truth) under each labelling of
/// [`relabel`](super::relabel): the null of the whole pipeline, lambda chosen anew each time. A labelling that cannot be fitted
/// gives NaN.
///
/// Deterministic, whatever the number of threads.
///
/// # Errors
/// As [`cross_validate_many`].
pub fn permuted(
    rows: Rows,
    labellings: &[Vec<usize>],
    classes: usize,
    folds: &[Fold],
    fit: Fit,
    inner: &Inner,
    statistic: impl Fn(ArrayView2<f64>, &[usize]) -> f64 + Sync,
) -> Result<Vec<f64>, Undefined> {
    let labels: Vec<Labels> = labellings.iter().map(|y| Labels { y, classes }).collect();
    for labels in &labels {
        check(rows, *labels)?;
    }
    let predicted = over_folds(rows, folds, fit, inner, |fold| {
        labels.par_iter().map(|labels| fold.predictions(*labels).ok()).collect::<Vec<_>>()
    })?;
    let (tested, _) = predictions(folds);
    let value = |(permutation, y): (usize, &Vec<usize>)| {
        let parts: Option<Vec<Array2<f64>>> = predicted.iter().map(|fold| fold[permutation].clone()).collect();
        let truth: Vec<usize> = tested.iter().map(|&row| y[row]).collect();
        parts.map_or(f64::NAN, |parts| statistic(stack(&parts).view(), &truth))
    };
    Ok(labellings.par_iter().enumerate().map(value).collect())
}

/// A fold made ready for any labels.
enum Prepared<'r, 'f> {
    Standard(Box<Nested<'f>>),
    Direct { rows: Rows<'r>, fold: &'f Fold, fit: Fit },
}

impl<'r, 'f> Prepared<'r, 'f> {
    fn new(rows: Rows<'r>, fold: &'f Fold, fit: Fit, inner: &Inner) -> Result<Self, Undefined> {
        if fit == Fit::Standard {
            return Ok(Self::Standard(Box::new(Nested::new(rows, fold, inner)?)));
        }
        finite(rows, &fold.test)?;
        Ok(Self::Direct { rows, fold, fit })
    }

    /// Probabilities of the test rows, `[test, classes]`, and the probe that gave them.
    fn fit(&self, labels: Labels) -> Result<(Array2<f64>, Probe), Undefined> {
        match self {
            Self::Standard(nested) => {
                let fitted = nested.settle(nested.fit(labels)?);
                Ok((nested.predict(&fitted), nested.probe(&fitted)))
            }
            Self::Direct { rows, fold, fit } => {
                let probe = match fit {
                    Fit::Paper { seed } => paper::fit(*rows, labels, fold, *seed),
                    Fit::MeanDifference => centroid::mean_difference(*rows, labels, fold),
                    Fit::NearestCentroid | Fit::Standard => centroid::nearest(*rows, labels, fold),
                }?;
                Ok((probe.predict(rows.x.select(Axis(0), &fold.test).view()), probe))
            }
        }
    }

    /// The probabilities alone, where nobody asks for weights.
    fn predictions(&self, labels: Labels) -> Result<Array2<f64>, Undefined> {
        match self {
            Self::Standard(nested) => Ok(nested.predict(&nested.fit(labels)?)),
            Self::Direct { .. } => self.fit(labels).map(|(prob, _)| prob),
        }
    }
}

/// Applies `ask` to every fold, made ready once; at most as many folds are held in memory as there are threads.
fn over_folds<T: Send>(
    rows: Rows,
    folds: &[Fold],
    fit: Fit,
    inner: &Inner,
    ask: impl Fn(&Prepared) -> T + Sync,
) -> Result<Vec<T>, Undefined> {
    if folds.is_empty() {
        return Err(Undefined::EmptyFold);
    }
    folds
        .par_iter()
        .map(|fold| {
            fold.check(rows.groups)?;
            Ok(ask(&Prepared::new(rows, fold, fit, inner)?))
        })
        .collect()
}

/// Rows and folds of the predictions, in their order.
pub(super) fn predictions(folds: &[Fold]) -> (Vec<usize>, Vec<usize>) {
    folds.iter().enumerate().flat_map(|(fold, part)| part.test.iter().map(move |&row| (row, fold))).unzip()
}

fn stack(parts: &[Array2<f64>]) -> Array2<f64> {
    let views: Vec<ArrayView2<f64>> = parts.iter().map(Array2::view).collect();
    concatenate(Axis(0), &views).unwrap_or_default()
}

/// Labels and groups for every row, and no class out of range.
pub(super) fn check(rows: Rows, labels: Labels) -> Result<(), Undefined> {
    let n = rows.x.nrows();
    if n == 0 {
        return Err(Undefined::NoRows);
    }
    if labels.y.len() != n || rows.groups.len() != n {
        return Err(Undefined::Lengths { rows: n, labels: labels.y.len(), groups: rows.groups.len() });
    }
    match labels.y.iter().find(|&&label| label >= labels.classes) {
        Some(&label) => Err(Undefined::UnknownClass { label, classes: labels.classes }),
        None => Ok(()),
    }
}
