//! Decompositions of dense matrices, by faer on one thread: the number of threads never changes a digit.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::svd::{self, ComputeSvdVectors};
use faer::{Mat, MatRef, Par, diag::Diag};
use ndarray::{Array1, Array2, ArrayView2, s};

/// A decomposition that was not found: the matrix holds NaN or infinity, or the iteration did not come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a matrix decomposition failed: the values are not finite, or too far apart in size")]
pub struct NoDecomposition;

/// `A = V diag(values) V^T` of a symmetric matrix.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// Largest first, `[d]`.
    pub values: Array1<f64>,
    /// One vector a column, `[d, d]`, in the order of the values.
    pub vectors: Array2<f64>,
}

/// `A = U diag(s) V^T`, thin.
#[derive(Clone, Debug)]
pub struct Svd {
    /// `[rows, r]`, r the smaller side.
    pub u: Array2<f64>,
    /// Largest first, `[r]`.
    pub s: Array1<f64>,
    /// `[columns, r]`.
    pub v: Array2<f64>,
}

/// Eigenvalues and eigenvectors of a symmetric matrix, of which the lower half is read.
pub fn eigen(symmetric: ArrayView2<f64>) -> Result<Eigen, NoDecomposition> {
    let n = symmetric.nrows();
    let a = faer_of(symmetric)?;
    let (mut values, mut vectors) = (Diag::<f64>::zeros(n), Mat::<f64>::zeros(n, n));
    let need = evd::self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    evd::self_adjoint_evd(
        a.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(need)),
        Default::default(),
    )
    .map_err(|_| NoDecomposition)?;
    let (values, vectors) = (values.column_vector(), vectors.as_ref());
    // faer's come smallest first.
    Ok(Eigen {
        values: Array1::from_shape_fn(n, |i| values[n - 1 - i]),
        vectors: Array2::from_shape_fn((n, n), |(row, i)| vectors[(row, n - 1 - i)]),
    })
}

/// The thin singular value decomposition of `[rows, columns]`.
pub fn svd(matrix: ArrayView2<f64>) -> Result<Svd, NoDecomposition> {
    let (rows, columns) = matrix.dim();
    let r = rows.min(columns);
    let a = faer_of(matrix)?;
    let mut values = Diag::<f64>::zeros(r);
    let (mut u, mut v) = (Mat::<f64>::zeros(rows, r), Mat::<f64>::zeros(columns, r));
    let thin = ComputeSvdVectors::Thin;
    let need = svd::svd_scratch::<f64>(rows, columns, thin, thin, Par::Seq, Default::default());
    svd::svd(
        a.as_ref(),
        values.as_mut(),
        Some(u.as_mut()),
        Some(v.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(need)),
        Default::default(),
    )
    .map_err(|_| NoDecomposition)?;
    let values = values.column_vector();
    Ok(Svd { u: array_of(u.as_ref()), s: Array1::from_shape_fn(r, |i| values[i]), v: array_of(v.as_ref()) })
}

/// Singular values below this share of the largest count as zero.
const RANK: f64 = 1e-10;

/// An orthonormal basis `[d, rank]` of the columns of `[d, k]`; no columns where all of them are zero.
pub fn orthonormal(columns: ArrayView2<f64>) -> Result<Array2<f64>, NoDecomposition> {
    let Svd { u, s, .. } = svd(columns)?;
    let largest = s.first().copied().unwrap_or(0.0);
    let rank = s.iter().filter(|&&value| value > largest * RANK).count();
    Ok(u.slice(s![.., ..rank]).to_owned())
}

/// The pseudoinverse of a symmetric positive semidefinite matrix.
pub fn pseudoinverse(symmetric: ArrayView2<f64>) -> Result<Array2<f64>, NoDecomposition> {
    eigen(symmetric).map(|eigen| eigen.power(-1.0))
}

impl Eigen {
    /// `V diag(values^exponent) V^T` of a positive semidefinite matrix. Values that are zero but for rounding (below the
    /// largest times d times the machine's epsilon) stay zero, so a negative exponent gives a pseudoinverse.
    pub fn power(&self, exponent: f64) -> Array2<f64> {
        let zero = self.values.first().map_or(0.0, |largest| largest * self.values.len() as f64 * f64::EPSILON);
        let powers = self.values.mapv(|value| if value > zero { value.powf(exponent) } else { 0.0 });
        (&self.vectors * &powers).dot(&self.vectors.t())
    }
}

/// Copies, and refuses what is not finite: faer would iterate on NaN to no end.
fn faer_of(matrix: ArrayView2<f64>) -> Result<Mat<f64>, NoDecomposition> {
    if matrix.iter().any(|value| !value.is_finite()) {
        return Err(NoDecomposition);
    }
    Ok(Mat::from_fn(matrix.nrows(), matrix.ncols(), |row, column| matrix[[row, column]]))
}

fn array_of(matrix: MatRef<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((matrix.nrows(), matrix.ncols()), |(row, column)| matrix[(row, column)])
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn close(a: &Array2<f64>, b: &Array2<f64>) {
        assert_eq!(a.dim(), b.dim());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a} is not {b}");
    }

    #[test]
    fn eigenvalues_come_largest_first() {
        let eigen = eigen(array![[2.0, 1.0], [1.0, 2.0]].view()).unwrap();
        assert!((eigen.values[0] - 3.0).abs() < 1e-12 && (eigen.values[1] - 1.0).abs() < 1e-12);
        close(&eigen.power(1.0), &array![[2.0, 1.0], [1.0, 2.0]]);
        close(&eigen.power(-1.0), &(array![[2.0, -1.0], [-1.0, 2.0]] / 3.0));
    }

    #[test]
    fn a_singular_matrix_has_a_pseudoinverse() {
        close(&pseudoinverse(array![[4.0, 0.0], [0.0, 0.0]].view()).unwrap(), &array![[0.25, 0.0], [0.0, 0.0]]);
    }

    #[test]
    fn tall_and_wide_matrices_come_back_from_their_parts() {
        for matrix in [array![[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], array![[1.0, 2.0, 0.5], [3.0, -4.0, 5.0]]] {
            let Svd { u, s, v } = svd(matrix.view()).unwrap();
            assert!(s[0] >= s[1]);
            close(&(&u * &s).dot(&v.t()), &matrix);
        }
    }

    #[test]
    fn a_basis_has_the_rank_of_its_columns() {
        let basis = orthonormal(array![[1.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.0]].view()).unwrap();
        assert_eq!(basis.dim(), (3, 1));
        close(&basis.t().dot(&basis), &array![[1.0]]);
        assert_eq!(orthonormal(Array2::zeros((3, 2)).view()).unwrap().dim(), (3, 0));
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        assert_eq!(eigen(array![[f64::NAN]].view()).unwrap_err(), NoDecomposition);
        assert_eq!(svd(array![[f64::INFINITY]].view()).unwrap_err(), NoDecomposition);
    }
}
