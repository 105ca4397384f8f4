//! Random directions and subspaces: what an edit of the same size does when it means nothing.
//!
//! A direction that follows the data moves states several times more than one drawn at random in space, so a null must be
//! matched in what it does (norm of the change, variance removed), not in its rank alone.

use ndarray::{Array2, ArrayView2, Axis};
use rand::Rng;

use super::Degenerate;
use crate::stats::decomposition::{Eigen, svd};

/// Standard normal numbers, `[rows, columns]`.
pub fn normal(rows: usize, columns: usize, rng: &mut impl Rng) -> Array2<f64> {
    // Box-Muller; the half-open interval is turned so that the logarithm stays finite.
    Array2::from_shape_simple_fn((rows, columns), || {
        let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    })
}

/// An orthonormal basis `[width, k]` of a subspace drawn uniformly.
///
/// # Errors
/// `k` of 0.
pub fn subspace(width: usize, k: usize, rng: &mut impl Rng) -> Result<Array2<f64>, Degenerate> {
    super::gain::basis(normal(width, k, rng).view())
}

/// The dose at which a random edit changes states as much as the real one at `dose`; `None` where the random one changes
/// nothing.
pub fn matched_dose(dose: f64, real_rms: f64, random_rms: f64) -> Option<f64> {
    (random_rms > 0.0).then(|| dose * real_rms / random_rms)
}

/// A random subspace of given rank that holds a given share of the variance.
#[derive(Clone, Debug)]
pub struct Matched {
    /// Orthonormal, `[width, k]`.
    pub basis: Array2<f64>,
    /// The variance it holds: what was asked for, or as near as `k` directions can come.
    pub variance: f64,
}

/// Beyond this power the subspace hardly turns any more.
const STEEPEST: f64 = 64.0;
/// Exact to about 1e-9 of the power.
const HALVINGS: usize = 32;

/// Draws `k` directions from a normal distribution whose covariance is `Sigma^t`, and turns `t` until the subspace that they
/// span holds `variance`: small `t` leans towards the narrow directions of the states, large `t` towards the wide ones.
///
/// # Errors
/// `k` of 0, or states without variance.
pub fn matched_subspace(sigma: &Eigen, k: usize, variance: f64, rng: &mut impl Rng) -> Result<Matched, Degenerate> {
    let largest = sigma.values.first().copied().filter(|&value| value > 0.0).ok_or(Degenerate::NoDirection)?;
    // Relative to the largest value, and floored, so that no direction is lost altogether.
    let widths = sigma.values.mapv(|value| (value / largest).max(1e-12));
    let draw = super::gain::basis(normal(widths.len(), k, rng).view())?;
    // Small powers, with a fresh basis after each, so that narrow directions do not drown in rounding.
    let tilted = |t: f64| -> Result<Array2<f64>, Degenerate> {
        let steps = t.abs().ceil();
        let factor = widths.mapv(|width| width.powf(t / 2.0 / steps.max(1.0))).insert_axis(Axis(1));
        (0..steps as usize).try_fold(draw.clone(), |basis, _| super::gain::basis((&basis * &factor).view()))
    };
    // The subspace changes smoothly with t, and what it holds rises with it: bracket the power, then halve.
    let holds = |t: f64| -> Result<bool, Degenerate> { Ok(held(&tilted(t)?, sigma) >= variance) };
    let (mut low, mut high) = (0.0, 1.0);
    if holds(0.0)? {
        (low, high) = (-1.0, 0.0);
        while low > -STEEPEST && holds(low)? {
            (low, high) = (2.0 * low, low);
        }
    } else {
        while high < STEEPEST && !holds(high)? {
            (low, high) = (high, 2.0 * high);
        }
    }
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if holds(middle)? { high = middle } else { low = middle }
    }
    let basis = tilted(high)?;
    Ok(Matched { variance: held(&basis, sigma), basis: sigma.vectors.dot(&basis) })
}

/// `tr(B^T Sigma B)` with the basis in the coordinates of Sigma's own vectors.
fn held(basis: &Array2<f64>, sigma: &Eigen) -> f64 {
    basis.rows().into_iter().zip(&sigma.values).map(|(row, value)| value * row.dot(&row)).sum()
}

/// Cosines of the principal angles between two orthonormal bases, largest first.
///
/// # Errors
/// Bases that are not finite.
pub fn angles(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Result<Vec<f64>, Degenerate> {
    let cosines = svd(a.t().dot(&b).view())?.s;
    Ok(cosines.iter().map(|cosine| cosine.min(1.0)).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::super::{Edit, Length, LowRank};
    use super::*;
    use crate::stats::decomposition::eigen;
    use crate::stats::seed::rng;

    #[test]
    fn normal_numbers_are_normal() {
        let draws = normal(200, 50, &mut rng(1, "normal", 0));
        let mean = draws.mean().unwrap();
        let variance = draws.mapv(|value| value * value).mean().unwrap();
        let fourth = draws.mapv(|value| value.powi(4)).mean().unwrap();
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05 && (fourth - 3.0).abs() < 0.3);
    }

    #[test]
    fn subspaces_are_orthonormal_and_differ_by_draw() {
        let draw = |index| subspace(20, 3, &mut rng(1, "subspace", index)).unwrap();
        let (a, b) = (draw(0), draw(1));
        assert!((&a.t().dot(&a) - &Array2::<f64>::eye(3)).iter().all(|gap| gap.abs() < 1e-12));
        assert_eq!(a, draw(0));
        assert!(angles(a.view(), b.view()).unwrap()[0] < 0.95);
        assert!(angles(a.view(), a.view()).unwrap().iter().all(|cosine| (cosine - 1.0).abs() < 1e-9));
        assert_eq!(subspace(5, 0, &mut rng(1, "subspace", 0)).unwrap_err(), Degenerate::NoDirection);
    }

    #[test]
    fn a_matched_subspace_holds_the_variance_asked_for() {
        let mut noise = rng(4, "matched", 0);
        let vectors = subspace(30, 30, &mut noise).unwrap();
        let values = Array1::from_shape_fn(30, |i| (-(i as f64) / 4.0).exp() * 10.0);
        let sigma_matrix = (&vectors * &values).dot(&vectors.t());
        let sigma = eigen(sigma_matrix.view()).unwrap();
        for target in [0.1, 2.0, 9.0, 15.0] {
            for draw in 0..5 {
                let matched = matched_subspace(&sigma, 2, target, &mut rng(9, "matched", draw)).unwrap();
                assert!((matched.variance - target).abs() < 1e-6, "{} for {target}", matched.variance);
                let eraser = LowRank::projection(matched.basis, Array1::zeros(30));
                assert!((eraser.removed_variance(sigma_matrix.view()) - target).abs() < 1e-6);
            }
        }
        // Two directions cannot hold more than the two widest do.
        let most = matched_subspace(&sigma, 2, 1e9, &mut rng(9, "matched", 0)).unwrap();
        assert!((most.variance - (values[0] + values[1])).abs() < 0.05, "{}", most.variance);
    }

    /// Directions that follow the data move states far more than random ones of the same dose; matched doses do not.
    #[test]
    fn matched_doses_move_states_equally() {
        let mut noise = rng(6, "matched dose", 0);
        let width = Array1::from_shape_fn(50, |i| (-(i as f64) / 6.0).exp());
        let x = normal(300, 50, &mut noise) * &width;
        let widest = Array2::from_shape_fn((50, 1), |(i, _)| if i == 0 { 3.0 } else { 0.0 });
        let real = Edit::gain_raw(widest.view());
        let real_rms = real.rms(x.view(), &[]);
        for draw in 0..20 {
            let random = Edit::gain_raw(subspace(50, 1, &mut rng(2, "draw", draw)).unwrap().view());
            let random_rms = random.rms(x.view(), &[]);
            assert!(random_rms < real_rms);
            let dose = matched_dose(2.0, real_rms, random_rms).unwrap();
            let moved = random.apply(x.view(), &[], dose, Length::Free) - &x;
            let rms = (moved.mapv(|value| value * value).sum_axis(Axis(1)).mean().unwrap()).sqrt();
            assert!((rms - 2.0 * real_rms).abs() < 1e-9);
        }
        assert_eq!(matched_dose(1.0, 1.0, 0.0), None);
    }
}
