//! A change of states that happens in a few directions only.

use ndarray::{Array1, Array2, ArrayView2};

/// The map `x -> left (right (x - mean))`; added to `x` with a dose. Dose -1 erases if `right left` is the identity.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRank {
    /// `[width, rank]`.
    pub left: Array2<f64>,
    /// `[rank, width]`.
    pub right: Array2<f64>,
    /// `[width]`.
    pub mean: Array1<f64>,
}

impl LowRank {
    /// The orthogonal projection onto the columns of an orthonormal basis `[width, k]`.
    pub fn projection(basis: Array2<f64>, mean: Array1<f64>) -> Self {
        Self { right: basis.t().to_owned(), left: basis, mean }
    }

    pub fn rank(&self) -> usize {
        self.left.ncols()
    }

    pub fn width(&self) -> usize {
        self.left.nrows()
    }

    /// `left right (x - mean)` of each row, `[tokens, width]`.
    pub fn of(&self, x: ArrayView2<f64>) -> Array2<f64> {
        (&x - &self.mean).dot(&self.right.t()).dot(&self.left.t())
    }

    /// `x + dose * left right (x - mean)`.
    pub fn add(&self, x: ArrayView2<f64>, dose: f64) -> Array2<f64> {
        &x + &(self.of(x) * dose)
    }

    /// What is left after erasing: `x - left right (x - mean)`.
    pub fn erase(&self, x: ArrayView2<f64>) -> Array2<f64> {
        self.add(x, -1.0)
    }

    /// `P = I - left right`, `[width, width]`.
    pub fn complement(&self) -> Array2<f64> {
        Array2::eye(self.width()) - self.left.dot(&self.right)
    }

    /// Variance lost by erasing from states of covariance `sigma`: `tr(Sigma) - tr(P Sigma P^T)`. Never forms `P`.
    pub fn removed_variance(&self, sigma: ArrayView2<f64>) -> f64 {
        let seen = self.right.dot(&sigma);
        let cross = seen.dot(&self.left).diag().sum();
        let squared = (self.left.t().dot(&self.left) * seen.dot(&self.right.t()).t()).sum();
        2.0 * cross - squared
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn erasing_and_its_variance_agree_with_the_full_matrices() {
        let map = LowRank { left: array![[0.2], [0.2]], right: array![[1.0, 4.0]], mean: array![1.0, 2.0] };
        let sigma = array![[4.0, 0.5], [0.5, 1.0]];
        let p = map.complement();
        let left_over = p.dot(&sigma).dot(&p.t()).diag().sum();
        assert!((map.removed_variance(sigma.view()) - (5.0 - left_over)).abs() < 1e-12);
        let x = array![[3.0, 5.0], [0.0, -1.0]];
        let erased = map.erase(x.view());
        for (row, erased) in x.rows().into_iter().zip(erased.rows()) {
            let expected = &map.mean + &p.dot(&(&row - &map.mean));
            assert!((&expected - &erased).iter().all(|gap| gap.abs() < 1e-12));
        }
        assert_eq!((map.rank(), map.width()), (1, 2));
    }
}
