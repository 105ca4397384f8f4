//! Multinomial logistic regression: the objective, and linfa's word on its optimum.
//!
//! The objective is linfa-logistic's, the *sum* of the surprises plus `alpha / 2 * |W|^2` with `alpha = n lambda`, intercepts free.
//! Three things keep linfa 0.8.1 from fitting a whole probe sweep by itself:
//!
//! - its `log_sum_exp` subtracts the largest logit of the whole matrix, not of each row, and stops at 1e-15: a row whose logits lie
//!   35 below the largest one anywhere has wrong probabilities;
//! - it stops without a word when the objective repeats itself or iterations run out, wherever the gradient stands;
//! - L-BFGS knows nothing of the spread of the axes: at weak penalties it takes hundreds of iterations where Newton's method on
//!   the principal axes takes five.
//!
//! So [`newton`](super::newton) goes the way (along the lambdas and through the permutations, where thousands of fits are
//! compared), and linfa fits from there wherever a probe is reported. Its answer stands if the gradient, computed here again,
//! is within the tolerance; otherwise the one it started from does, which is.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2};

use super::design::Coordinates;
use super::{Undefined, newton};

/// Iterations of linfa's L-BFGS.
const ITERATIONS: u64 = 200;

/// One fit: rows along their principal axes, their classes (all of `0..classes` occur), the penalty.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub rows: &'a Coordinates,
    /// Sum of squares along each axis, nearly; it speeds the fit and does not change it.
    pub spread: &'a [f64],
    pub y: &'a [usize],
    pub classes: usize,
    pub lambda: f64,
    /// Of the gradient's norm, of the mean objective.
    pub tolerance: f64,
}

impl Problem<'_> {
    /// Nothing known but how frequent each class is.
    pub fn start(&self) -> Mat<f64> {
        let mut counts = vec![0.0f64; self.classes];
        self.y.iter().for_each(|&y| counts[y] += 1.0);
        let level = counts.iter().map(|count| count.ln()).sum::<f64>() / self.classes as f64;
        let axes = self.spread.len();
        Mat::from_fn(axes + 1, self.classes, |i, class| if i == axes { counts[class].ln() - level } else { 0.0 })
    }

    /// Weights `[axes + 1, classes]`, intercepts last.
    pub fn minimise(&self, start: Mat<f64>) -> Result<Mat<f64>, Undefined> {
        newton::minimise(self, start)
    }

    /// linfa's fit from `start`, if it is an optimum; otherwise `start`, which is to be one.
    pub fn settle(&self, start: Mat<f64>) -> Mat<f64> {
        match self.linfa(&start) {
            Some(w) if self.gradient_norm(&w) <= self.tolerance => w,
            _ => start,
        }
    }

    /// linfa's answer from `start`, whatever it is worth; `None` where it gives an error or no finite number.
    pub fn linfa(&self, start: &Mat<f64>) -> Option<Mat<f64>> {
        let (x, axes) = (&self.rows.x, self.spread.len());
        let x = Array2::from_shape_fn((x.nrows(), x.ncols()), |(i, j)| x[(i, j)]);
        let tolerance = self.tolerance * self.y.len() as f64;
        let fitted = MultiLogisticRegression::default()
            .alpha(self.alpha())
            .max_iterations(ITERATIONS)
            .gradient_tolerance(tolerance)
            .initial_params(Array2::from_shape_fn((axes + 1, self.classes), |(i, j)| start[(i, j)]))
            .fit(&DatasetBase::new(x, Array1::from(self.y.to_vec())))
            .ok()?;
        let (weights, intercepts) = (fitted.params(), fitted.intercept());
        let w = Mat::from_fn(axes + 1, self.classes, |i, j| if i == axes { intercepts[j] } else { weights[[i, j]] });
        w.is_all_finite().then_some(w)
    }

    /// `n lambda`.
    pub fn alpha(&self) -> f64 {
        self.y.len() as f64 * self.lambda
    }

    /// `X W + b`, `[rows, classes]`.
    pub fn logits(&self, w: &Mat<f64>) -> Mat<f64> {
        logits(self.rows.x.as_ref(), w)
    }

    /// Gradient of the summed objective where the rows have probabilities `p`.
    pub fn gradient(&self, p: &Mat<f64>, w: &Mat<f64>) -> Mat<f64> {
        let mut residual = p.clone();
        for (row, &y) in self.y.iter().enumerate() {
            residual[(row, y)] -= 1.0;
        }
        self.back(&residual, w)
    }

    /// `X^T u + alpha W`, and the column sums of `u` for the intercepts.
    pub fn back(&self, u: &Mat<f64>, w: &Mat<f64>) -> Mat<f64> {
        let axes = self.spread.len();
        let mut out = w * faer::Scale(self.alpha());
        for class in 0..self.classes {
            out[(axes, class)] = u.col_as_slice(class).iter().sum();
        }
        matmul(out.as_mut().subrows_mut(0, axes), Accum::Add, self.rows.xt.as_ref(), u.as_ref(), 1.0, Par::Seq);
        out
    }

    /// Norm of a gradient of the summed objective, for the mean one.
    pub fn norm(&self, gradient: &Mat<f64>) -> f64 {
        gradient.norm_l2() / self.y.len() as f64
    }

    pub fn gradient_norm(&self, w: &Mat<f64>) -> f64 {
        let mut p = self.logits(w);
        normalise(&mut p);
        self.norm(&self.gradient(&p, w))
    }

    /// The summed objective.
    pub fn objective(&self, logits: &Mat<f64>, w: &Mat<f64>) -> f64 {
        let divisors = normalise(&mut logits.clone());
        let surprise: f64 =
            divisors.iter().zip(self.y).enumerate().map(|(row, (log, &y))| log - logits[(row, y)]).sum();
        let squares: f64 = (0..self.classes)
            .map(|class| w.col_as_slice(class)[..self.spread.len()].iter().map(|w| w * w).sum::<f64>())
            .sum();
        surprise + 0.5 * self.alpha() * squares
    }

    pub fn not_converged(&self, gradient: f64) -> Undefined {
        Undefined::NotConverged { gradient, lambda: self.lambda, tolerance: self.tolerance }
    }
}

/// `X W + b`, `[rows, classes]`, of `w` `[axes + 1, classes]`.
pub(super) fn logits(x: MatRef<f64>, w: &Mat<f64>) -> Mat<f64> {
    let axes = x.ncols();
    let mut out = Mat::from_fn(x.nrows(), w.ncols(), |_, class| w[(axes, class)]);
    matmul(out.as_mut(), Accum::Add, x, w.as_ref().subrows(0, axes), 1.0, Par::Seq);
    out
}

/// Logits `[rows, classes]` to probabilities, in place; gives the logarithm of what each row's were divided by.
pub(super) fn normalise(logits: &mut Mat<f64>) -> Vec<f64> {
    let mut largest = vec![f64::NEG_INFINITY; logits.nrows()];
    for class in 0..logits.ncols() {
        logits.col_as_slice(class).iter().zip(&mut largest).for_each(|(logit, largest)| *largest = largest.max(*logit));
    }
    let mut total = vec![0.0; logits.nrows()];
    for class in 0..logits.ncols() {
        for ((logit, largest), total) in logits.col_as_slice_mut(class).iter_mut().zip(&largest).zip(&mut total) {
            *logit = (*logit - largest).exp();
            *total += *logit;
        }
    }
    for class in 0..logits.ncols() {
        logits.col_as_slice_mut(class).iter_mut().zip(&total).for_each(|(share, total)| *share /= total);
    }
    largest.into_iter().zip(total).map(|(largest, total)| largest + total.ln()).collect()
}
