//! The eraser that is told the concept of every state: the most surgical one, and no use where the concept is unknown.

use ndarray::{Array1, Array2, ArrayView2};

use super::{Covariance, Degenerate};
use crate::stats::decomposition::pseudoinverse;

/// Subtracts the least squares prediction of the state from the concept: `x - Sigma_xz Sigma_zz^+ (z - mean z)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Oracle {
    /// `[width, k]`.
    pub weights: Array2<f64>,
    /// `[k]`.
    pub mean: Array1<f64>,
}

impl Covariance {
    /// # Errors
    /// Covariances that are not finite.
    pub fn oracle(&self) -> Result<Oracle, Degenerate> {
        Ok(Oracle { weights: self.xz.dot(&pseudoinverse(self.zz.view())?), mean: self.mean_z.clone() })
    }
}

impl Oracle {
    /// States `[tokens, width]` without what their concept `[tokens, k]` predicts of them.
    pub fn erase(&self, x: ArrayView2<f64>, z: ArrayView2<f64>) -> Array2<f64> {
        &x - &self.prediction(z)
    }

    /// What the concept predicts beyond the mean, `[tokens, width]`.
    pub fn prediction(&self, z: ArrayView2<f64>) -> Array2<f64> {
        (&z - &self.mean).dot(&self.weights.t())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::{Moments, Shrinkage};

    #[test]
    fn class_means_become_the_overall_mean_and_nothing_else_changes() {
        let x = array![[1.0, 5.0], [3.0, 5.0], [10.0, 4.0], [14.0, 6.0]];
        let z = array![[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]];
        let mut moments = Moments::new(2, 2);
        moments.push(x.view(), z.view());
        let erased = moments.covariance(Shrinkage::None).unwrap().oracle().unwrap().erase(x.view(), z.view());
        let expected = array![[6.0, 5.0], [8.0, 5.0], [5.0, 4.0], [9.0, 6.0]];
        assert!((&erased - &expected).iter().all(|gap| gap.abs() < 1e-9), "{erased}");
    }
}
