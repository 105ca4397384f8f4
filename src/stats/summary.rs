//! Mean, quantiles, and the interval that holds 95 % of the draws.

/// Both ends of a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    pub lo: f64,
    pub hi: f64,
}

/// Arithmetic mean of the values that are not NaN; `None` where there is none.
pub fn mean(values: &[f64]) -> Option<f64> {
    let (mut total, mut count) = (0.0, 0u64);
    for value in values.iter().filter(|value| !value.is_nan()) {
        total += value;
        count += 1;
    }
    (count > 0).then(|| total / count as f64)
}

/// Quantile at `level` (0 to 1) with linear interpolation between order statistics (Hyndman and Fan's type 7); `None` for
/// an empty slice. NaN values are left out.
pub fn quantile(values: &[f64], level: f64) -> Option<f64> {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    quantile_of(&mut values, level)
}

impl Interval {
    /// From the 2.5 % to the 97.5 % quantile of draws: a percentile interval where they are bootstrap replicates, a null
    /// range where they come from the null. `None` where there are no draws.
    pub fn of_draws(draws: impl Iterator<Item = f64>) -> Option<Self> {
        let mut draws: Vec<f64> = draws.filter(|draw| !draw.is_nan()).collect();
        Some(Self { lo: quantile_of(&mut draws, 0.025)?, hi: quantile_of(&mut draws, 0.975)? })
    }
}

/// By selection, not sorting: a table asks for a million of these.
fn quantile_of(values: &mut [f64], level: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let at = level.clamp(0.0, 1.0) * last as f64;
    let (_, &mut below, above) = values.select_nth_unstable_by(at as usize, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    Some(below + (next - below) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means() {
        assert_eq!(mean(&[1.0, 2.0, f64::NAN, 6.0]), Some(3.0));
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[f64::NAN]), None);
    }

    #[test]
    fn quantiles_interpolate() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 0.5), Some(2.5));
        assert_eq!(quantile(&values, 0.25), Some(1.75));
        assert_eq!(quantile(&values, 1.0), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn an_interval_holds_95_percent() {
        let interval = Interval::of_draws((0..=1000).rev().map(f64::from)).unwrap();
        assert_eq!((interval.lo, interval.hi), (25.0, 975.0));
        assert_eq!(Interval::of_draws(std::iter::empty()), None);
    }
}
