//! The features of a fold, standardised by its training rows, turned onto their principal axes.
//!
//! A fit with a penalty on `|W|^2` does not care how the features are turned, and depends on the training rows only through their
//! inner products. So `n` rows of `d` features are exchanged for their coordinates on the axes of the training rows: as many as
//! their rank, never more than `n` or `d`, and the fit is the same one. The axes are the eigenvectors of `X^T X` or, where there
//! are more features than rows, come from those of `X X^T`. One decomposition a fold serves the inner folds, every lambda and
//! every labelling; and on these axes the fit's curvature is nearly diagonal, which is what makes it quick.

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use ndarray::{Array1, Array2, ArrayView2};

use super::{Fold, Probe, Rows, Undefined};

/// Columns that vary less than this over the training rows are left out.
pub(super) const LEAST_VARIANCE: f64 = 1e-12;

/// Axes along which the rows vary less than this share of the first one are left out: rounding makes them.
const LEAST_AXIS: f64 = 1e-12;

/// A fold in coordinates along its principal axes.
pub(super) struct Design {
    pub train: Coordinates,
    pub test: Mat<f64>,
    /// Sum of squares of the training coordinates along each axis.
    pub spread: Vec<f64>,
    mean: Array1<f64>,
    scale: Array1<f64>,
    /// Columns that vary.
    kept: Vec<usize>,
    back: Back,
}

/// Rows along the axes, `[rows, axes]`, and the same transposed: products with few columns are quick down the columns only.
pub(super) struct Coordinates {
    pub x: Mat<f64>,
    pub xt: Mat<f64>,
}

/// The way from weights along the axes to weights of standardised features.
enum Back {
    /// Axes in feature space, `[kept, axes]`.
    Turn(Mat<f64>),
    /// Standardised training rows `[rows, kept]`, and each axis as a sum of them, `[rows, axes]`.
    Rows(Mat<f64>, Mat<f64>),
}

impl Coordinates {
    pub fn new(x: Mat<f64>) -> Self {
        let xt = x.transpose().to_owned();
        Self { x, xt }
    }

    /// Some of the rows.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::new(Mat::from_fn(rows.len(), self.x.ncols(), |i, j| self.x[(rows[i], j)]))
    }
}

impl Design {
    /// Standardises and turns; `fold.test` may be empty.
    ///
    /// # Errors
    /// A feature that is not finite, or none that varies.
    pub fn new(rows: Rows, fold: &Fold) -> Result<Self, Undefined> {
        let (mean, variance) = moments(rows, &fold.train)?;
        let kept: Vec<usize> = (0..mean.len()).filter(|&column| variance[column] >= LEAST_VARIANCE).collect();
        if kept.is_empty() {
            return Err(Undefined::ConstantFeatures);
        }
        let scale = variance.mapv(|variance| if variance >= LEAST_VARIANCE { variance.sqrt() } else { 1.0 });
        let standard = |rows_of: &[usize]| {
            let mut x = Mat::zeros(rows_of.len(), kept.len());
            for (j, &column) in kept.iter().enumerate() {
                for (value, &row) in x.col_as_slice_mut(j).iter_mut().zip(rows_of) {
                    *value = (f64::from(rows.x[[row, column]]) - mean[column]) / scale[column];
                }
            }
            x
        };
        let (train, test) = (standard(&fold.train), standard(&fold.test));
        finite(rows, &fold.test)?;
        let (train_x, test_x, spread, back) = if train.ncols() <= train.nrows() {
            let (axes, spread) = axes(gram(train.transpose()))?;
            (times(train.as_ref(), axes.as_ref()), times(test.as_ref(), axes.as_ref()), spread, Back::Turn(axes))
        } else {
            let (mut axes, spread) = axes(gram(train.as_ref()))?;
            let mut coordinates = axes.clone();
            for (j, &squared) in spread.iter().enumerate() {
                coordinates.col_as_slice_mut(j).iter_mut().for_each(|value| *value *= squared.sqrt());
                axes.col_as_slice_mut(j).iter_mut().for_each(|value| *value /= squared.sqrt());
            }
            let inner = times(test.as_ref(), train.transpose());
            (coordinates, times(inner.as_ref(), axes.as_ref()), spread, Back::Rows(train, axes))
        };
        Ok(Self { train: Coordinates::new(train_x), test: test_x, spread, mean, scale, kept, back })
    }

    /// The fitted map in the units of the features as recorded; `w` is `[axes + 1, outputs]`, intercepts last.
    pub fn probe(&self, w: MatRef<f64>, lambda: f64) -> Probe {
        let axes = w.nrows() - 1;
        let standard = match &self.back {
            Back::Turn(turn) => times(turn.as_ref(), w.subrows(0, axes)),
            Back::Rows(rows, sums) => times(rows.transpose(), times(sums.as_ref(), w.subrows(0, axes)).as_ref()),
        };
        let mut full = Array2::zeros((self.mean.len(), w.ncols()));
        for (i, &column) in self.kept.iter().enumerate() {
            for class in 0..w.ncols() {
                full[[column, class]] = standard[(i, class)] / self.scale[column];
            }
        }
        let intercepts = Array1::from_shape_fn(w.ncols(), |class| w[(axes, class)]);
        let b = intercepts - self.mean.dot(&full);
        Probe { w: full, b, mean: self.mean.clone(), scale: self.scale.clone(), lambda }
    }
}

/// Eigenvectors `[n, rank]` and eigenvalues of a symmetric matrix, largest first.
fn axes(gram: Mat<f64>) -> Result<(Mat<f64>, Vec<f64>), Undefined> {
    let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|_| Undefined::NoAxes)?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    let n = values.nrows();
    let largest = values[n - 1];
    let rank = (0..n).filter(|&i| values[i] > LEAST_AXIS * largest).count();
    let spread = (0..rank).map(|j| values[n - 1 - j]).collect();
    Ok((Mat::from_fn(n, rank, |i, j| vectors[(i, n - 1 - j)]), spread))
}

/// `x x^T`, its lower triangle.
pub(super) fn gram(x: MatRef<f64>) -> Mat<f64> {
    use faer::linalg::matmul::triangular::{BlockStructure, matmul};
    let mut out = Mat::zeros(x.nrows(), x.nrows());
    let (whole, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
    matmul(out.rb_mut(), lower, Accum::Replace, x, whole, x.transpose(), whole, 1.0, Par::Seq);
    out
}

/// `a b`. One thread: others are busy with other folds, and the sum has one order.
pub(super) fn times(a: MatRef<f64>, b: MatRef<f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    matmul(out.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    out
}

/// `a b`, for arrays.
pub(super) fn product(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let (rows, columns) = (a.nrows(), b.ncols());
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let (Some(left), Some(right)) = (a.as_slice(), b.as_slice()) else { return a.dot(&b) };
    let mut out = vec![0.0; rows * columns];
    let into = MatMut::from_row_major_slice_mut(&mut out, rows, columns);
    let left = MatRef::from_row_major_slice(left, rows, a.ncols());
    matmul(into, Accum::Replace, left, MatRef::from_row_major_slice(right, b.nrows(), columns), 1.0, Par::Seq);
    Array2::from_shape_fn((rows, columns), |(i, j)| out[i * columns + j])
}

/// The rows hold numbers.
pub(super) fn finite(rows: Rows, of: &[usize]) -> Result<(), Undefined> {
    match of.iter().find(|&&row| rows.x.row(row).iter().any(|value| !value.is_finite())) {
        Some(&row) => Err(Undefined::NonFinite { row }),
        None => Ok(()),
    }
}

/// Mean and variance of each column over the rows to fit on.
pub(super) fn moments(rows: Rows, train: &[usize]) -> Result<(Array1<f64>, Array1<f64>), Undefined> {
    finite(rows, train)?;
    let n = train.len() as f64;
    let mut mean = Array1::<f64>::zeros(rows.x.ncols());
    for &row in train {
        mean.zip_mut_with(&rows.x.row(row), |sum, &value| *sum += f64::from(value));
    }
    mean /= n;
    let mut variance = Array1::<f64>::zeros(mean.len());
    for &row in train {
        for ((sum, &value), mean) in variance.iter_mut().zip(rows.x.row(row)).zip(&mean) {
            *sum += (f64::from(value) - mean).powi(2);
        }
    }
    variance /= n;
    Ok((mean, variance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::probe::planted::gaussian;

    /// Standardised by hand.
    fn standardised(x: &Array2<f32>, train: &[usize]) -> Array2<f64> {
        let x = x.mapv(f64::from);
        let fit = x.select(ndarray::Axis(0), train);
        let mean = fit.mean_axis(ndarray::Axis(0)).unwrap();
        let scale = fit.std_axis(ndarray::Axis(0), 0.0).mapv(|scale| if scale > 1e-6 { scale } else { f64::INFINITY });
        (x - mean) / scale
    }

    #[test]
    fn inner_products_and_predictions_survive_the_turn() {
        // More features than rows, and fewer; a constant feature, and two equal rows.
        for (rows, features) in [(24, 60), (24, 7)] {
            let mut x = gaussian(rows, features, 4);
            x.column_mut(2).fill(3.0);
            let twin = x.row(1).to_owned();
            x.row_mut(0).assign(&twin);
            let fold = Fold { train: (0..18).collect(), test: (18..24).collect() };
            let groups: Vec<usize> = (0..24).collect();
            let design = Design::new(Rows { x: x.view(), groups: &groups }, &fold).unwrap();
            let z = standardised(&x, &fold.train);
            let products = z.dot(&z.t());
            let ours = times(design.train.x.as_ref(), design.train.xt.as_ref());
            let across = times(design.test.as_ref(), design.train.xt.as_ref());
            for i in 0..18 {
                assert!((0..18).all(|j| (ours[(i, j)] - products[[i, j]]).abs() < 1e-9));
                assert!((0..6).all(|j| (across[(j, i)] - products[[18 + j, i]]).abs() < 1e-9));
            }
            // Rank: features that vary, or rows without their mean and the twin.
            let axes = design.spread.len();
            assert_eq!(axes, if features == 7 { 6 } else { 16 });
            let w = Mat::from_fn(axes + 1, 2, |i, j| (i as f64 - 3.0 * j as f64).sin());
            let logits = super::super::softmax::logits(design.test.as_ref(), &w);
            let probe = design.probe(w.as_ref(), 1.0);
            let said = probe.logits(x.slice(ndarray::s![18.., ..]));
            assert!((0..6).all(|i| (0..2).all(|j| (logits[(i, j)] - said[[i, j]]).abs() < 1e-9)));
        }
    }
}
