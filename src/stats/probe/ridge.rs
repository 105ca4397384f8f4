//! Ridge regression for coordinates, `mean squared error / 2 + lambda / 2 * |w|^2`, by linfa-linear.

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

/// Fits every fold, lambda by inner grouped cross-validation on the squared error, and predicts its test rows.
///
/// # Errors
/// As [`cross_validate`](super::cross_validate); [`Undefined::ConstantTarget`] where `y` does not vary over training rows.
pub fn regress(rows: Rows, y: &[f64], folds: &[Fold], inner: &Inner) -> Result<Regressed, Undefined> {
    todo!()
}
