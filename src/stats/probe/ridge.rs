//! Ridge regression for coordinates: mean of half the squared error, plus `lambda / 2 * |w|^2`; features standardised and
//! lambda chosen as for classes, on the squared error.
//!
//! linfa-linear fits the reported maps (a Tweedie regression of power 0, `alpha = n lambda`). It starts from zero each time and
//! does not say whether it arrived, so its answer stands if it is the solution of the normal equations, which on the principal
//! axes are diagonal, to within the tolerance of the other fits; otherwise the solution itself does.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use linfa::traits::Fit;
use linfa::{DatasetBase, ParamGuard};
use linfa_linear::{Link, TweedieRegressor};
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use super::cross_validation::predictions;
use super::design::{Coordinates, times};
use super::path::{Nested, TOLERANCE, along};
use super::{Fold, Inner, Probe, Rows, Undefined};

/// Held-out predictions of a number, fold after fold.
#[derive(Clone, Debug)]
pub struct Regressed {
    /// Which row was predicted; once a fold it is tested in.
    pub rows: Vec<usize>,
    pub fold: Vec<usize>,
    pub predicted: Vec<f64>,
    /// One a fold, with one output.
    pub probes: Vec<Probe>,
}

impl Regressed {
    /// The true values, in the order of the predictions.
    pub fn truth(&self, y: &[f64]) -> Vec<f64> {
        self.rows.iter().map(|&row| y[row]).collect()
    }
}

/// Fits every fold, lambda by inner grouped cross-validation on the squared error, and predicts its test rows.
///
/// # Errors
/// As [`cross_validate`](super::cross_validate()); [`Undefined::ConstantTarget`] where `y` does not vary over a fold's training
/// rows, [`Undefined::NonFinite`] where it is no number.
pub fn regress(rows: Rows, y: &[f64], folds: &[Fold], inner: &Inner) -> Result<Regressed, Undefined> {
    let n = rows.x.nrows();
    if y.len() != n || rows.groups.len() != n {
        return Err(Undefined::Lengths { rows: n, labels: y.len(), groups: rows.groups.len() });
    }
    if let Some(row) = y.iter().position(|y| !y.is_finite()) {
        return Err(Undefined::NonFinite { row });
    }
    if folds.is_empty() {
        return Err(Undefined::EmptyFold);
    }
    let fitted: Vec<(Vec<f64>, Probe)> = folds
        .par_iter()
        .map(|fold| {
            fold.check(rows.groups)?;
            fit(&Nested::new(rows, fold, inner)?, fold, y)
        })
        .collect::<Result<_, _>>()?;
    let (tested, fold) = predictions(folds);
    let (predicted, probes): (Vec<_>, Vec<_>) = fitted.into_iter().unzip();
    Ok(Regressed { rows: tested, fold, predicted: predicted.concat(), probes })
}

fn fit(nested: &Nested, fold: &Fold, y: &[f64]) -> Result<(Vec<f64>, Probe), Undefined> {
    let y: Vec<f64> = fold.train.iter().map(|&row| y[row]).collect();
    if y.iter().all(|value| *value == y[0]) {
        return Err(Undefined::ConstantTarget);
    }
    let mut parts: Vec<Part> =
        nested.inner.iter().map(|part| Part::new(&part.train, &part.test, &part.rows, &y)).collect();
    let lambda =
        along(&nested.lambdas, nested.rule, |lambda| parts.iter_mut().map(|part| part.loss(lambda)).collect())?;
    let rows = &nested.design.train;
    let w = match linfa(rows, &y, lambda) {
        Some(w) if gradient_norm(rows, &y, lambda, &w) <= TOLERANCE => w,
        _ => Normal::of(rows, &y).solve(lambda)?,
    };
    Ok((predict(&nested.design.test, &w), nested.design.probe(w.as_ref(), lambda)))
}

/// One inner fold: its normal equations, and what it is tested on.
struct Part<'a> {
    normal: Normal,
    test: &'a Mat<f64>,
    asked: Vec<f64>,
}

impl<'a> Part<'a> {
    fn new(train: &Coordinates, test: &'a Mat<f64>, rows: &Fold, y: &[f64]) -> Self {
        let of = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
        Self { normal: Normal::of(train, &of(&rows.train)), test, asked: of(&rows.test) }
    }

    fn loss(&mut self, lambda: f64) -> Result<f64, Undefined> {
        let predicted = predict(self.test, &self.normal.solve(lambda)?);
        let squares: f64 = predicted.iter().zip(&self.asked).map(|(p, y)| (p - y).powi(2)).sum();
        Ok(squares / self.asked.len() as f64)
    }
}

/// `(X^T X + n lambda) w = X^T y` of centred rows and target.
struct Normal {
    rows: f64,
    gram: Mat<f64>,
    right: Mat<f64>,
    /// Of the coordinates, and of the target.
    means: (Vec<f64>, f64),
}

impl Normal {
    fn of(rows: &Coordinates, y: &[f64]) -> Self {
        let n = y.len() as f64;
        let mean = y.iter().sum::<f64>() / n;
        let means: Vec<f64> = rows.x.col_iter().map(|column| column.iter().sum::<f64>() / n).collect();
        let target = Mat::from_fn(y.len(), 1, |i, _| y[i] - mean);
        let mut gram = super::design::gram(rows.xt.as_ref());
        for j in 0..means.len() {
            for i in j..means.len() {
                gram[(i, j)] -= n * means[i] * means[j];
            }
        }
        Self { rows: n, gram, right: times(rows.xt.as_ref(), target.as_ref()), means: (means, mean) }
    }

    /// Weights `[axes + 1, 1]`, the intercept last.
    fn solve(&self, lambda: f64) -> Result<Mat<f64>, Undefined> {
        let mut system = self.gram.clone();
        let axes = system.nrows();
        for i in 0..axes {
            system[(i, i)] += self.rows * lambda;
        }
        let factor = system.llt(Side::Lower).map_err(|_| Undefined::NoAxes)?;
        let w = factor.solve(&self.right);
        let intercept = self.means.1 - (0..axes).map(|i| self.means.0[i] * w[(i, 0)]).sum::<f64>();
        Ok(Mat::from_fn(axes + 1, 1, |i, _| if i == axes { intercept } else { w[(i, 0)] }))
    }
}

/// linfa's ridge regression; `None` where it gives an error.
fn linfa(rows: &Coordinates, y: &[f64], lambda: f64) -> Option<Mat<f64>> {
    let (n, axes) = (rows.x.nrows(), rows.x.ncols());
    let x = Array2::from_shape_fn((n, axes), |(i, j)| rows.x[(i, j)]);
    let params = TweedieRegressor::params()
        .power(0.0)
        .link(Link::Identity)
        .alpha(n as f64 * lambda)
        .tol(TOLERANCE * n as f64)
        .max_iter(200);
    let fitted = params.check().ok()?.fit(&DatasetBase::new(x, Array1::from(y.to_vec()))).ok()?;
    Some(Mat::from_fn(axes + 1, 1, |i, _| if i == axes { fitted.intercept } else { fitted.coef[i] }))
}

/// Norm of the mean objective's gradient at `w`.
fn gradient_norm(rows: &Coordinates, y: &[f64], lambda: f64, w: &Mat<f64>) -> f64 {
    let (n, axes) = (y.len() as f64, rows.x.ncols());
    let residual: Vec<f64> = predict(&rows.x, w).iter().zip(y).map(|(p, y)| (p - y) / n).collect();
    let slopes = times(rows.xt.as_ref(), Mat::from_fn(y.len(), 1, |i, _| residual[i]).as_ref());
    let intercept: f64 = residual.iter().sum();
    ((0..axes).map(|i| (slopes[(i, 0)] + lambda * w[(i, 0)]).powi(2)).sum::<f64>() + intercept * intercept).sqrt()
}

fn predict(x: &Mat<f64>, w: &Mat<f64>) -> Vec<f64> {
    super::softmax::logits(x.as_ref(), w).col_as_slice(0).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::probe::planted::gaussian;
    use crate::stats::probe::{folds, metrics};

    #[test]
    fn linfa_solves_the_normal_equations() {
        let x = gaussian(60, 5, 1).mapv(f64::from);
        let y: Vec<f64> = (0..60).map(|i| 3.0 + x[[i, 0]] - 2.0 * x[[i, 3]] + 0.1 * x[[i, 4]]).collect();
        let rows = Coordinates::new(Mat::from_fn(60, 5, |i, j| x[[i, j]]));
        for lambda in [1e-3, 0.1, 10.0] {
            let exact = Normal::of(&rows, &y).solve(lambda).unwrap();
            let fitted = linfa(&rows, &y, lambda).unwrap();
            assert!(gradient_norm(&rows, &y, lambda, &exact) < 1e-12);
            assert!((&fitted - &exact).norm_max() < 1e-5, "lambda {lambda}: {}", (&fitted - &exact).norm_max());
        }
    }

    #[test]
    fn a_planted_coordinate_is_found_and_noise_is_not() {
        let x = gaussian(120, 200, 2);
        let groups: Vec<usize> = (0..120).map(|row| row / 2).collect();
        let rows = Rows { x: x.view(), groups: &groups };
        let folds = folds::grouped(&groups, 5, 1).unwrap();
        let mut planted = x.clone();
        let y: Vec<f64> = (0..120).map(|row| f64::from(row as f32 / 120.0)).collect();
        for (mut states, &y) in planted.rows_mut().into_iter().zip(&y) {
            states.iter_mut().step_by(4).for_each(|value| *value += 4.0 * y as f32);
        }
        let found = regress(Rows { x: planted.view(), groups: &groups }, &y, &folds, &Inner::default()).unwrap();
        assert!(metrics::r2(&found.predicted, &found.truth(&y)) > 0.9);
        let noise = regress(rows, &y, &folds, &Inner::default()).unwrap();
        assert!(metrics::r2(&noise.predicted, &noise.truth(&y)) < 0.1);
        let flat = regress(rows, &[1.0; 120], &folds, &Inner::default());
        assert_eq!(flat.err(), Some(Undefined::ConstantTarget));
    }
}
