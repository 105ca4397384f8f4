//! The optimum of a softmax fit by Newton's method, each step by conjugate gradients.
//!
//! On the principal axes the curvature is nearly diagonal, so that dividing by its diagonal leaves little to do: a handful of
//! products a step, and a handful of steps. The problem is convex, so every start leads to the one optimum, and a step that
//! does not lower the objective is halved until it does.

use faer::Mat;

use super::Undefined;
use super::columns::{add, dot, scale_and_add, scale_rows};
use super::softmax::Problem;

const STEPS: usize = 100;
const CONJUGATE_STEPS: usize = 500;

/// Weights `[axes + 1, classes]`, intercepts last, at which the gradient norm is within the problem's tolerance.
pub(super) fn minimise(problem: &Problem, start: Mat<f64>) -> Result<Mat<f64>, Undefined> {
    let mut w = start;
    let mut logits = problem.logits(&w);
    let (mut p, mut objective) = problem.evaluate(&logits, &w);
    let mut norm = f64::INFINITY;
    for _ in 0..STEPS {
        let gradient = problem.gradient(&p, &w);
        norm = problem.norm(&gradient);
        if norm <= problem.tolerance {
            return Ok(w);
        }
        let direction = direction(problem, &p, &gradient, norm);
        let along = problem.logits(&direction);
        let slope = dot(&direction, &gradient);
        let mut step = 1.0;
        loop {
            let (mut next_logits, mut next) = (logits.clone(), w.clone());
            add(&mut next_logits, step, &along);
            add(&mut next, step, &direction);
            let (next_p, lower) = problem.evaluate(&next_logits, &next);
            // Close to the optimum the objective falls by less than it is rounded to.
            if lower <= objective + 1e-4 * step * slope + 1e-13 * objective.abs() {
                (logits, w, p, objective) = (next_logits, next, next_p, lower);
                break;
            }
            step /= 2.0;
            if step < 1e-8 {
                return Err(problem.not_converged(norm));
            }
        }
    }
    Err(problem.not_converged(norm))
}

/// `-H^-1 g`, the more exact the smaller the gradient, so that the steps converge faster than linearly.
fn direction(problem: &Problem, p: &Mat<f64>, gradient: &Mat<f64>, norm: f64) -> Mat<f64> {
    let inverse: Vec<f64> = diagonal(problem, p).into_iter().map(f64::recip).collect();
    let mut solution = Mat::zeros(gradient.nrows(), gradient.ncols());
    let mut residual = Mat::zeros(gradient.nrows(), gradient.ncols());
    add(&mut residual, -1.0, gradient);
    let mut towards = residual.clone();
    scale_rows(&mut towards, &residual, &inverse);
    let mut search = towards.clone();
    let mut squared = dot(&residual, &search);
    let wanted = squared * norm.min(0.01);
    for _ in 0..CONJUGATE_STEPS {
        let curved = curvature(problem, p, &search);
        let length = squared / dot(&search, &curved);
        if !length.is_finite() {
            break;
        }
        add(&mut solution, length, &search);
        add(&mut residual, -length, &curved);
        scale_rows(&mut towards, &residual, &inverse);
        let next = dot(&residual, &towards);
        if next <= wanted {
            break;
        }
        scale_and_add(&mut search, next / squared, &towards);
        squared = next;
    }
    solution
}

/// The Hessian's diagonal where all rows had the mean curvature.
fn diagonal(problem: &Problem, p: &Mat<f64>) -> Vec<f64> {
    let n = p.nrows() as f64;
    let squares = dot(p, p);
    let curvature = ((1.0 - squares / n) / (problem.classes as f64 - 1.0)).max(1e-6);
    let alpha = problem.alpha();
    problem.spread.iter().map(|spread| curvature * spread + alpha).chain([curvature * n]).collect()
}

/// The Hessian times `v`: `X^T (P . U - P (P . U))` with `U = X v`, and the penalty.
fn curvature(problem: &Problem, p: &Mat<f64>, v: &Mat<f64>) -> Mat<f64> {
    let mut u = problem.logits(v);
    let mut mean = vec![0.0; u.nrows()];
    for class in 0..u.ncols() {
        for ((u, p), mean) in u.col_as_slice_mut(class).iter_mut().zip(p.col_as_slice(class)).zip(&mut mean) {
            *u *= p;
            *mean += *u;
        }
    }
    for class in 0..u.ncols() {
        for ((u, p), mean) in u.col_as_slice_mut(class).iter_mut().zip(p.col_as_slice(class)).zip(&mean) {
            *u -= p * mean;
        }
    }
    problem.back(&u, v)
}
