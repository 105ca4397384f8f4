//! Logistic regression: the log odds of a right answer as a weighted sum, fitted by linfa.

use linfa::prelude::{Dataset, Fit};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};

/// Weight of the squared coefficients in the penalty. Small beside any n worth fitting, and enough to keep a separable
/// resample finite.
pub const RIDGE: f64 = 0.1;

/// Coefficients of the columns of `x` `[items, columns]`, intercept left out; `None` with one class only, or where the fit
/// does not come to an end.
///
/// Maximises `sum log p(right) - RIDGE / 2 * sum w^2`; the intercept is not penalised.
pub fn logistic(x: Array2<f64>, right: &[bool]) -> Option<Array1<f64>> {
    if right.iter().all(|&answer| answer) || !right.contains(&true) {
        return None;
    }
    let data = Dataset::new(x, Array1::from(right.to_vec()));
    let model =
        LogisticRegression::default().alpha(RIDGE).max_iterations(500).gradient_tolerance(1e-6).fit(&data).ok()?;
    // linfa calls the more frequent class the positive one, whatever its documentation says.
    let sign = if model.labels().pos.class { 1.0 } else { -1.0 };
    Some(model.params() * sign).filter(|weights| weights.iter().all(|weight| weight.is_finite()))
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::stats::seed::rng;

    #[test]
    fn the_gradient_vanishes_at_the_fit() {
        let mut noise = rng(1, "logistic test", 0);
        let n = 400;
        let x: Array2<f64> = Array2::from_shape_fn((n, 2), |_| noise.random_range(-1.5..1.5));
        let right: Vec<bool> = (0..n)
            .map(|i| {
                let odds: f64 = 0.3 + 1.2 * x[[i, 0]] - 0.7 * x[[i, 1]];
                noise.random::<f64>() < 1.0 / (1.0 + (-odds).exp())
            })
            .collect();
        let data = Dataset::new(x.clone(), Array1::from(right.clone()));
        let model = LogisticRegression::default().alpha(RIDGE).max_iterations(500).gradient_tolerance(1e-6);
        let intercept = model.fit(&data).unwrap().intercept();
        let weights = logistic(x.clone(), &right).unwrap();
        let residual: Vec<f64> = (0..n)
            .map(|i| {
                let odds = intercept + x.row(i).dot(&weights);
                f64::from(u8::from(right[i])) - 1.0 / (1.0 + (-odds).exp())
            })
            .collect();
        for column in 0..2 {
            let slope: f64 = (0..n).map(|i| residual[i] * x[[i, column]]).sum();
            assert!((slope - RIDGE * weights[column]).abs() < 1e-2, "column {column}: {slope}");
        }
        assert!((weights[0] - 1.2).abs() < 0.4 && (weights[1] + 0.7).abs() < 0.4, "{weights}");
    }

    #[test]
    fn the_sign_does_not_depend_on_which_answer_is_more_frequent() {
        let x = Array2::from_shape_fn((9, 1), |(i, _)| f64::from(u8::from(i % 3 == 0)));
        let mostly_right: Vec<bool> = (0..9).map(|i| i % 3 == 0 || i % 2 == 0).collect();
        let mostly_wrong: Vec<bool> = (0..9).map(|i| i % 3 == 0 && i != 6).collect();
        for right in [mostly_right, mostly_wrong] {
            assert!(logistic(x.clone(), &right).unwrap()[0] > 0.5);
        }
    }

    #[test]
    fn one_class_has_no_fit_and_separated_classes_a_finite_one() {
        let x = Array2::from_shape_fn((6, 1), |(i, _)| i as f64);
        assert!(logistic(x.clone(), &[true; 6]).is_none());
        let weights = logistic(x, &[false, false, false, true, true, true]).unwrap();
        assert!(weights[0] > 0.5 && weights[0] < 50.0, "{weights}");
    }
}
