//! What held-out predictions are worth.
//!
//! `prob` is `[rows, classes]`, `y` one class a row. Where classes tie for the largest probability the first one is predicted.

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::stats::{Ranking, auroc::Pairs};

/// Probabilities below this count as this, so that one overconfident row cannot make a mean infinite.
const FLOOR: f64 = f64::EPSILON;

/// The class a row of probabilities predicts.
pub fn predicted(probabilities: ArrayView1<f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > best.1 {
            best = (class, probability);
        }
    }
    best.0
}

/// Share of rows predicted right; NaN without rows.
pub fn accuracy(prob: ArrayView2<f64>, y: &[usize]) -> f64 {
    let right = prob.rows().into_iter().zip(y).filter(|(row, y)| predicted(row.view()) == **y).count();
    right as f64 / y.len() as f64
}

/// Mean over the classes that occur in `y` of the share of their rows predicted right.
pub fn balanced_accuracy(prob: ArrayView2<f64>, y: &[usize]) -> f64 {
    let counts = confusion(prob, y);
    let recalls: Vec<f64> = counts
        .rows()
        .into_iter()
        .enumerate()
        .filter(|(_, row)| row.sum() > 0)
        .map(|(class, row)| row[class] as f64 / row.sum() as f64)
        .collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

/// Rows of class `i` predicted as class `j`, `[classes, classes]`.
pub fn confusion(prob: ArrayView2<f64>, y: &[usize]) -> Array2<usize> {
    let mut counts = Array2::zeros((prob.ncols(), prob.ncols()));
    for (row, &y) in prob.rows().into_iter().zip(y) {
        counts[[y, predicted(row)]] += 1;
    }
    counts
}

/// Area under the ROC curve of each class against the rest, averaged over the classes that have both; NaN where none has.
pub fn auc(prob: ArrayView2<f64>, y: &[usize]) -> f64 {
    let areas: Vec<f64> = prob
        .columns()
        .into_iter()
        .enumerate()
        .filter_map(|(class, scores)| {
            let of_class: Vec<bool> = y.iter().map(|&y| y == class).collect();
            Pairs::count(&Ranking::of(&scores.to_vec()), &of_class).auroc()
        })
        .collect();
    areas.iter().sum::<f64>() / areas.len() as f64
}

/// Mean surprise at the true class, nats a row.
pub fn log_loss(prob: ArrayView2<f64>, y: &[usize]) -> f64 {
    surprises(prob, y).sum::<f64>() / y.len() as f64
}

/// Surprise at the true class of each row, nats.
pub(super) fn surprises<'a>(prob: ArrayView2<'a, f64>, y: &'a [usize]) -> impl Iterator<Item = f64> + 'a {
    y.iter().enumerate().map(move |(row, &y)| -prob[[row, y]].max(FLOOR).ln())
}

/// Share of the variance of `y` that `predicted` explains, 1 - residual / total; below 0 where the mean would have done better,
/// NaN where `y` does not vary.
pub fn r2(predicted: &[f64], y: &[f64]) -> f64 {
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    let residual: f64 = predicted.iter().zip(y).map(|(p, y)| (y - p).powi(2)).sum();
    let total: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    if total > 0.0 { 1.0 - residual / total } else { f64::NAN }
}

/// Share of the most frequent class: the accuracy of a probe that looks at nothing.
pub fn majority(y: &[usize]) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for class in y {
        *counts.entry(class).or_insert(0usize) += 1;
    }
    counts.into_values().max().unwrap_or(0) as f64 / y.len() as f64
}
