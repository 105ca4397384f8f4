//! Edits that strengthen directions of the states: the operators of "enhancement".
//!
//! Source: Cui et al., "Dual Mechanisms of Spatial Reasoning in Vision-Language Models" (arXiv 2603.22278): the text adds a
//! direction, the released code multiplies the component along it. A constant addition shifts every token alike and cannot
//! strengthen a layout that differs between tokens; the gain can. Both are here.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{Degenerate, LowRank};
use crate::stats::decomposition::orthonormal;

/// Keeps `w / |w|^2` finite where a direction is zero.
const TINY: f64 = 1e-8;

/// A change of dose 1; doses multiply it.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Depends on the state.
    Map(LowRank),
    /// The same for every token, `[width]`.
    Add(Array1<f64>),
    /// The same but for its sign, which depends on where the token lies, `[width]`.
    AddSigned(Array1<f64>),
}

/// What happens to a token's norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Free,
    /// Each edited token is scaled back to the norm that it had.
    Kept,
}

impl Edit {
    /// `x + dose * sum_k (<x, w_k> / |w_k|^2) w_k` for the columns of `w` `[width, k]`: components that two columns share
    /// count twice, and the mean component is amplified too.
    pub fn gain_raw(w: ArrayView2<f64>) -> Self {
        let squared = w.mapv(|value| value * value).sum_axis(Axis(0)) + TINY;
        Self::Map(LowRank { left: &w / &squared, right: w.t().to_owned(), mean: Array1::zeros(w.nrows()) })
    }

    /// `x + dose * Q Q^T (x - mean)`, Q an orthonormal basis of the columns: counts nothing twice and leaves the mean token
    /// alone.
    ///
    /// # Errors
    /// Directions that are all zero or not finite.
    pub fn gain_projected(w: ArrayView2<f64>, mean: Array1<f64>) -> Result<Self, Degenerate> {
        Ok(Self::Map(LowRank::projection(basis(w)?, mean)))
    }

    /// `x + dose * length * sum_k w_k / |w_k|`; `length` is the mean norm of a token.
    ///
    /// # Errors
    /// Directions that are zero, or that cancel, as the columns of a probe over all its classes do: give one column, or the
    /// difference of two.
    pub fn add(w: ArrayView2<f64>, length: f64) -> Result<Self, Degenerate> {
        let mut sum = Array1::<f64>::zeros(w.nrows());
        for column in w.columns() {
            sum += &(&column / norm(column.iter()).max(TINY));
        }
        if norm(sum.iter()) < 1e-6 || sum.iter().any(|value| !value.is_finite()) {
            return Err(Degenerate::NoDirection);
        }
        Ok(Self::Add(sum * length))
    }

    /// `x + dose * length * sign(token) * d / |d|`, `d` a direction `[width]`; the signs say on which side of the reference a
    /// token lies, and so use the layout: an upper bound only.
    ///
    /// # Errors
    /// A direction that is zero.
    pub fn add_signed(direction: &Array1<f64>, length: f64) -> Result<Self, Degenerate> {
        let size = norm(direction.iter());
        if !size.is_finite() || size < TINY {
            return Err(Degenerate::NoDirection);
        }
        Ok(Self::AddSigned(direction * (length / size)))
    }

    /// The change of dose 1 of each row, `[tokens, width]`. `signs`, one a token, are used by [`Edit::AddSigned`] alone.
    pub fn change(&self, x: ArrayView2<f64>, signs: &[f64]) -> Array2<f64> {
        let constant = |vector: &Array1<f64>, sign: &dyn Fn(usize) -> f64| {
            Array2::from_shape_fn(x.dim(), |(token, i)| sign(token) * vector[i])
        };
        match self {
            Self::Map(map) => map.of(x),
            Self::Add(vector) => constant(vector, &|_| 1.0),
            Self::AddSigned(vector) => constant(vector, &|token| signs.get(token).copied().unwrap_or(0.0)),
        }
    }

    /// Edited states.
    pub fn apply(&self, x: ArrayView2<f64>, signs: &[f64], dose: f64, length: Length) -> Array2<f64> {
        let mut edited = &x + &(self.change(x, signs) * dose);
        if length == Length::Kept {
            for (mut row, before) in edited.rows_mut().into_iter().zip(x.rows()) {
                let scale = norm(before.iter()) / norm(row.iter()).max(TINY);
                row *= scale;
            }
        }
        edited
    }

    /// Root mean square norm of the change of dose 1 over tokens `x`: what a random direction is matched in.
    pub fn rms(&self, x: ArrayView2<f64>, signs: &[f64]) -> f64 {
        let change = self.change(x, signs);
        (change.iter().map(|value| value * value).sum::<f64>() / x.nrows().max(1) as f64).sqrt()
    }
}

/// An orthonormal basis of directions that are not all zero.
pub(super) fn basis(w: ArrayView2<f64>) -> Result<Array2<f64>, Degenerate> {
    let basis = orthonormal(w)?;
    if basis.ncols() == 0 { Err(Degenerate::NoDirection) } else { Ok(basis) }
}

fn norm<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn close(a: &Array2<f64>, b: &Array2<f64>) {
        assert!(a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a} is not {b}");
    }

    /// Two directions that are not orthogonal.
    fn directions() -> (Array2<f64>, Array2<f64>) {
        (array![[1.0, 2.0, 0.0]], array![[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    }

    #[test]
    fn reference_values_of_the_gains() {
        let (h, w) = directions();
        close(&Edit::gain_raw(w.view()).apply(h.view(), &[], 2.0, Length::Free), &array![[6.0, 5.0, 0.0]]);
        let projected = Edit::gain_projected(w.view(), Array1::zeros(3)).unwrap();
        close(&projected.apply(h.view(), &[], 2.0, Length::Free), &array![[3.0, 6.0, 0.0]]);
    }

    #[test]
    fn the_projected_gain_leaves_the_mean_token_alone() {
        let (h, w) = directions();
        let projected = Edit::gain_projected(w.view(), h.row(0).to_owned()).unwrap();
        close(&projected.apply(h.view(), &[], 5.0, Length::Free), &h);
    }

    #[test]
    fn additions_are_as_long_as_asked() {
        let (h, _) = directions();
        let w = array![[3.0], [4.0], [0.0]];
        let add = Edit::add(w.view(), 10.0).unwrap();
        close(&add.apply(h.view(), &[], 0.5, Length::Free), &array![[4.0, 6.0, 0.0]]);
        let signed = Edit::add_signed(&w.column(0).to_owned(), 10.0).unwrap();
        let two = array![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]];
        let expected = array![[6.0, 8.0, 0.0], [-5.0, -8.0, 0.0], [2.0, 0.0, 0.0]];
        close(&signed.apply(two.view(), &[1.0, -1.0, 0.0], 1.0, Length::Free), &expected);
        assert!((add.rms(two.view(), &[]) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn kept_lengths_are_kept() {
        let (h, w) = directions();
        let edited = Edit::gain_raw(w.view()).apply(h.view(), &[], 2.0, Length::Kept);
        assert!((edited.iter().map(|value| value * value).sum::<f64>() - 5.0).abs() < 1e-9);
        assert!((edited[[0, 0]] / edited[[0, 1]] - 6.0 / 5.0).abs() < 1e-6);
    }

    #[test]
    fn a_negative_dose_takes_a_direction_away_and_none_does_nothing() {
        let (h, w) = directions();
        let edit = Edit::gain_projected(w.view(), Array1::zeros(3)).unwrap();
        close(&edit.apply(h.view(), &[], -1.0, Length::Free), &array![[0.0, 0.0, 0.0]]);
        assert_eq!(edit.apply(h.view(), &[], 0.0, Length::Free), h);
    }

    #[test]
    fn directions_that_are_nothing_are_refused() {
        assert_eq!(Edit::add(array![[1.0, -2.0], [0.0, 0.0]].view(), 1.0), Err(Degenerate::NoDirection));
        let zero = Array2::zeros((3, 2));
        assert_eq!(Edit::gain_projected(zero.view(), Array1::zeros(3)), Err(Degenerate::NoDirection));
        assert_eq!(Edit::add_signed(&Array1::zeros(3), 1.0), Err(Degenerate::NoDirection));
    }
}
