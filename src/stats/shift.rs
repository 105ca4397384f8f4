//! How far a patched run moves from the clean towards the counterfactual one.

/// Differences below this many nats are too small to divide by.
pub const GUARD: f64 = 1.0;

/// The same logit difference (clean answer less counterfactual answer, in nats) in three runs of one pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contrast {
    pub clean: f64,
    pub counterfactual: f64,
    pub patched: f64,
}

impl Contrast {
    /// How far the patch moved it.
    pub fn moved(self) -> f64 {
        self.clean - self.patched
    }

    /// How far it could have moved.
    pub fn range(self) -> f64 {
        self.clean - self.counterfactual
    }

    /// Normalised shift `moved / range`: 0 where the patch did nothing, 1 where it did all that the counterfactual does.
    /// `None` where the two runs differ by less than [`GUARD`].
    pub fn shift(self) -> Option<f64> {
        (self.range().abs() >= GUARD).then(|| self.moved() / self.range())
    }
}

/// The normalised shift of many pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanShift {
    pub pairs: usize,
    /// Pairs whose two runs hardly differ; they have no ratio of their own.
    pub undefined: usize,
    /// Mean move over mean range, of all pairs; `None` where the mean range is below [`GUARD`].
    pub ratio_of_means: Option<f64>,
    /// Mean of the ratios that are defined.
    pub mean_of_ratios: Option<f64>,
}

/// Both averages over pairs. They differ where pairs with a small range shift otherwise than those with a large one.
pub fn mean_shift(contrasts: &[Contrast]) -> MeanShift {
    let pairs = contrasts.len();
    let moved: f64 = contrasts.iter().map(|pair| pair.moved()).sum();
    let range: f64 = contrasts.iter().map(|pair| pair.range()).sum();
    let ratios: Vec<f64> = contrasts.iter().filter_map(|pair| pair.shift()).collect();
    MeanShift {
        pairs,
        undefined: pairs - ratios.len(),
        ratio_of_means: ratio(moved, range, pairs as f64),
        mean_of_ratios: super::mean(&ratios),
    }
}

/// Total move over total range of `pairs` pairs (a weight, in a bootstrap replicate), guarded as above.
pub(super) fn ratio(moved: f64, range: f64, pairs: f64) -> Option<f64> {
    (pairs > 0.0 && (range / pairs).abs() >= GUARD).then(|| moved / range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(clean: f64, counterfactual: f64, patched: f64) -> Contrast {
        Contrast { clean, counterfactual, patched }
    }

    #[test]
    fn halfway() {
        assert_eq!(contrast(3.0, -2.0, 0.5).shift(), Some(0.5));
        assert_eq!(contrast(3.0, -2.0, 3.0).shift(), Some(0.0));
        assert_eq!(contrast(3.0, -2.0, -2.0).shift(), Some(1.0));
    }

    #[test]
    fn too_small_a_range_has_no_shift_and_is_counted() {
        assert_eq!(contrast(0.4, -0.5, 0.0).shift(), None);
        assert_eq!(contrast(-2.0, 3.0, 0.5).shift(), Some(0.5));
        let mean = mean_shift(&[contrast(3.0, -2.0, 0.5), contrast(0.4, -0.5, 0.0), contrast(1.0, -1.0, -1.0)]);
        assert_eq!((mean.pairs, mean.undefined), (3, 1));
        assert_eq!(mean.mean_of_ratios, Some(0.75));
        let expected = (2.5 + 0.4 + 2.0) / (5.0 + 0.9 + 2.0);
        assert!((mean.ratio_of_means.unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn nothing_from_nothing() {
        let mean = mean_shift(&[]);
        assert_eq!((mean.ratio_of_means, mean.mean_of_ratios), (None, None));
        assert_eq!(mean_shift(&[contrast(0.1, 0.0, 0.1)]).ratio_of_means, None);
    }
}
