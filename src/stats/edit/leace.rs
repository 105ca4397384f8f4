//! Erasers that follow from covariances alone: after them no linear reader of the states knows the concept.
//!
//! Source: Belrose et al., "LEACE: Perfect linear concept erasure in closed form" (NeurIPS 2023); the orthogonal one is
//! Shao et al., "Gold doesn't always glitter: spectral removal of linear and nonlinear guarded attribute information"
//! (EACL 2023).

use ndarray::s;

use super::{Covariance, Degenerate, LowRank};
use crate::stats::decomposition::{Svd, eigen, orthonormal, svd};

/// Directions whose whitened covariance with the concept is not above this are not erased: noise.
const TOLERANCE: f64 = 0.01;

impl Covariance {
    /// The eraser that changes states least, in the metric of their covariance: with `W = Sigma^(-1/2)` and U the left
    /// singular vectors of `W Sigma_xz`, `x - W^-1 U U^T W (x - mean)`.
    ///
    /// It is oblique, and yet cannot inflate the variance of states with this covariance: what it removes is
    /// `tr(U^T Sigma U)`, never negative. States of another covariance it can; measure what it does to them.
    ///
    /// # Errors
    /// A concept with which nothing covaries; covariances that are not finite.
    pub fn leace(&self) -> Result<LowRank, Degenerate> {
        let sigma = eigen(self.xx.view())?;
        let whiten = sigma.power(-0.5);
        let Svd { u, s, .. } = svd(whiten.dot(&self.xz).view())?;
        let rank = s.iter().filter(|&&value| value > TOLERANCE).count();
        if rank == 0 {
            return Err(Degenerate::NothingToErase);
        }
        let u = u.slice(s![.., ..rank]);
        Ok(LowRank { left: sigma.power(0.5).dot(&u), right: u.t().dot(&whiten), mean: self.mean_x.clone() })
    }

    /// The orthogonal eraser (SAL): removes the directions that covary with the concept, `x - U U^T (x - mean)` with U the
    /// left singular vectors of `Sigma_xz`.
    ///
    /// # Errors
    /// A concept with which nothing covaries; covariances that are not finite.
    pub fn orthogonal(&self) -> Result<LowRank, Degenerate> {
        let basis = orthonormal(self.xz.view())?;
        if basis.ncols() == 0 {
            return Err(Degenerate::NothingToErase);
        }
        Ok(LowRank::projection(basis, self.mean_x.clone()))
    }

    /// Total variance of the states.
    pub fn variance(&self) -> f64 {
        self.xx.diag().sum()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Axis, array};
    use rand::Rng;

    use super::super::{Moments, Shrinkage};
    use super::*;
    use crate::stats::seed::rng;

    fn close(a: &Array2<f64>, b: &Array2<f64>) {
        assert!(a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9), "{a} is not {b}");
    }

    fn reference() -> Covariance {
        Covariance {
            mean_x: array![1.0, 2.0],
            mean_z: array![0.0],
            xx: array![[4.0, 0.0], [0.0, 1.0]],
            xz: array![[1.0], [1.0]],
            zz: array![[1.0]],
        }
    }

    #[test]
    fn reference_values() {
        let covariance = reference();
        let leace = covariance.leace().unwrap();
        close(&leace.complement(), &array![[0.8, -0.8], [-0.2, 0.2]]);
        close(&leace.complement().dot(&covariance.xz), &array![[0.0], [0.0]]);
        assert!((covariance.variance() - leace.removed_variance(covariance.xx.view()) - 3.4).abs() < 1e-12);
        close(&leace.erase(array![[3.0, 5.0]].view()), &array![[0.2, 2.2]]);
        let orthogonal = covariance.orthogonal().unwrap();
        close(&orthogonal.complement(), &array![[0.5, -0.5], [-0.5, 0.5]]);
        close(&orthogonal.erase(array![[3.0, 5.0]].view()), &array![[0.5, 2.5]]);
    }

    #[test]
    fn variance_is_never_inflated() {
        // The concept lies along a direction of small variance that is correlated with a large one.
        let covariance = Covariance { xx: array![[100.0, 9.9], [9.9, 1.0]], xz: array![[0.05], [1.0]], ..reference() };
        let leace = covariance.leace().unwrap();
        assert!(leace.removed_variance(covariance.xx.view()) > 0.0);
        close(&leace.complement().dot(&covariance.xz), &array![[0.0], [0.0]]);
    }

    #[test]
    fn a_concept_that_nothing_covaries_with_is_refused() {
        let covariance = Covariance { xz: array![[0.0], [0.0]], ..reference() };
        assert_eq!(covariance.leace(), Err(Degenerate::NothingToErase));
        assert_eq!(covariance.orthogonal(), Err(Degenerate::NothingToErase));
    }

    /// States of 12 correlated dimensions in which two are planted to carry a concept of three classes.
    fn planted() -> (Array2<f64>, Vec<usize>, Array2<f64>) {
        let mut noise = rng(5, "planted concept", 0);
        let classes: Vec<usize> = (0..600).map(|row| row % 3).collect();
        let mix = Array2::from_shape_fn((12, 12), |_| noise.random_range(-1.0..1.0));
        let mut x = Array2::from_shape_fn((600, 12), |_| noise.random_range(-1.0..1.0));
        for (mut row, &class) in x.rows_mut().into_iter().zip(&classes) {
            row[0] += [2.0, -2.0, 0.0][class];
            row[1] += [0.0, 0.0, 2.0][class];
        }
        let z = Array2::from_shape_fn((600, 3), |(row, class)| f64::from(u8::from(classes[row] == class)));
        (x.dot(&mix), classes, z)
    }

    /// Share of rows that lie nearest to the mean of their own class.
    fn nearest_centroid(x: &Array2<f64>, classes: &[usize]) -> f64 {
        let mean = |class: usize| -> Array1<f64> {
            let rows: Vec<usize> = (0..classes.len()).filter(|&row| classes[row] == class).collect();
            x.select(Axis(0), &rows).mean_axis(Axis(0)).unwrap()
        };
        let means = [mean(0), mean(1), mean(2)];
        let far = |row: usize, class: usize| (&x.row(row) - &means[class]).mapv(|gap| gap * gap).sum();
        let right = |row: &usize| (0..3).all(|class| far(*row, classes[*row]) <= far(*row, class));
        (0..classes.len()).filter(right).count() as f64 / classes.len() as f64
    }

    #[test]
    fn no_class_mean_is_left_where_a_concept_was_planted() {
        let (x, classes, z) = planted();
        assert!(nearest_centroid(&x, &classes) > 0.8, "{}", nearest_centroid(&x, &classes));
        let mut moments = Moments::new(12, 3);
        moments.push(x.view(), z.view());
        let covariance = moments.covariance(Shrinkage::None).unwrap();
        let (leace, orthogonal) = (covariance.leace().unwrap(), covariance.orthogonal().unwrap());
        let changed = |erased: &Array2<f64>| (erased - &x).iter().map(|gap| gap * gap).sum::<f64>();
        let by_leace = leace.erase(x.view());
        for erased in [&by_leace, &orthogonal.erase(x.view())] {
            let mut after = Moments::new(12, 3);
            after.push(erased.view(), z.view());
            let left = after.covariance(Shrinkage::None).unwrap();
            assert!(left.xz.iter().all(|value| value.abs() < 1e-9), "{}", left.xz);
            assert_eq!(left.leace(), Err(Degenerate::NothingToErase));
        }
        assert_eq!(leace.rank(), 2);
        // Least change in the metric of the covariance.
        let whiten = eigen(covariance.xx.view()).unwrap().power(-0.5);
        let whitened = |erased: &Array2<f64>| (erased - &x).dot(&whiten).iter().map(|gap| gap * gap).sum::<f64>();
        assert!(whitened(&by_leace) <= whitened(&orthogonal.erase(x.view())) + 1e-9);
        assert!(changed(&by_leace) > 0.0);
    }
}
