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
pub(super) fn surprises(prob: ArrayView2<f64>, y: &[usize]) -> impl Iterator<Item = f64> {
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

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn by_hand() {
        let prob = array![[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]];
        let y = [0, 0, 1, 1];
        assert_eq!(confusion(prob.view(), &y), array![[1, 1, 0], [0, 1, 1], [0, 0, 0]]);
        assert_eq!(accuracy(prob.view(), &y), 0.5);
        assert_eq!(balanced_accuracy(prob.view(), &y), 0.5);
        assert_eq!(balanced_accuracy(prob.view(), &[0, 0, 0, 2]), (1.0 / 3.0 + 1.0) / 2.0);
        // Class 0: 0.7 and 0.4 against 0.1 and 0.3, all four pairs right; class 1: 0.8 beats both, 0.3 only 0.2.
        assert_eq!(auc(prob.view(), &y), (1.0 + 0.75) / 2.0);
        let surprise = -(0.7f64.ln() + 0.4f64.ln() + 0.8f64.ln() + 0.3f64.ln()) / 4.0;
        assert!((log_loss(prob.view(), &y) - surprise).abs() < 1e-12);
        assert_eq!(majority(&[2, 0, 2, 1]), 0.5);
    }

    #[test]
    fn explained_variance_by_hand() {
        assert_eq!(r2(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(r2(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), 0.0);
        assert_eq!(r2(&[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0]), -3.0);
        assert!(r2(&[1.0], &[1.0]).is_nan());
    }

    #[test]
    fn nothing_has_no_value() {
        let none = Array2::<f64>::zeros((0, 2));
        assert!(
            accuracy(none.view(), &[]).is_nan()
                && log_loss(none.view(), &[]).is_nan()
                && auc(none.view(), &[]).is_nan()
        );
        assert!(auc(array![[0.5, 0.5]].view(), &[1]).is_nan());
    }
}
