//! Where along the depth an effect sets in, and where it is handed over: the normalised shift by slot, with its turns.

use super::shift::{Contrast, MeanShift, mean_shift, ratio};
use super::{Interval, Replicates};

/// The shift that counts as having crossed over.
pub const HALF: f64 = 0.5;

/// The shift at one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub mean: MeanShift,
    /// 95 % interval of the ratio of means, by cluster bootstrap.
    pub interval: Option<Interval>,
}

/// A slot at which the profile turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Which point, counted from 0; `None` where the profile never turns.
    pub at: Option<usize>,
    /// 95 % interval of the same turn among the replicates that have it.
    pub interval: Option<Interval>,
    /// Share of the replicates that have it.
    pub reached: f64,
}

/// The shift along the depth.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub points: Vec<Point>,
    /// First point whose interval lies above [`HALF`]; in a replicate, the first above it.
    pub onset: Turn,
    /// First point after the onset that falls below [`HALF`].
    pub handover: Turn,
    /// Mean height of the profile, by the trapezoid rule over equal steps; `None` with fewer than two points or where one
    /// is undefined.
    pub area: Option<f64>,
    pub area_interval: Option<Interval>,
}

impl Profile {
    /// From `contrasts[slot][pair]`, the same pairs at every slot; `replicates` were drawn over the clusters of these pairs.
    pub fn of(contrasts: &[Vec<Contrast>], replicates: &Replicates) -> Self {
        let drawn: Vec<Vec<Option<f64>>> = contrasts.iter().map(|pairs| resampled(pairs, replicates)).collect();
        let points: Vec<Point> = contrasts
            .iter()
            .zip(&drawn)
            .map(|(pairs, drawn)| Point {
                mean: mean_shift(pairs),
                interval: Interval::of_draws(drawn.iter().flatten().copied()),
            })
            .collect();
        let count = drawn.first().map_or(0, Vec::len);
        let replicas: Vec<Vec<Option<f64>>> =
            (0..count).map(|replicate| drawn.iter().map(|slot| slot[replicate]).collect()).collect();
        let heights: Vec<Option<f64>> = points.iter().map(|point| point.mean.ratio_of_means).collect();
        let onset = points.iter().position(|point| point.interval.is_some_and(|interval| interval.lo > HALF));
        Self {
            onset: Turn::new(onset, &replicas, rises),
            handover: Turn::new(onset.and_then(|at| falls_after(&heights, at)), &replicas, falls),
            area: area(&heights),
            area_interval: Interval::of_draws(replicas.iter().filter_map(|heights| area(heights))),
            points,
        }
    }
}

impl Turn {
    fn new(at: Option<usize>, replicas: &[Vec<Option<f64>>], turn: fn(&[Option<f64>]) -> Option<usize>) -> Self {
        let turns: Vec<f64> = replicas.iter().filter_map(|heights| turn(heights)).map(|at| at as f64).collect();
        let reached = if replicas.is_empty() { 0.0 } else { turns.len() as f64 / replicas.len() as f64 };
        Self { at, interval: Interval::of_draws(turns.into_iter()), reached }
    }
}

fn rises(heights: &[Option<f64>]) -> Option<usize> {
    heights.iter().position(|height| height.is_some_and(|height| height > HALF))
}

fn falls(heights: &[Option<f64>]) -> Option<usize> {
    falls_after(heights, rises(heights)?)
}

fn falls_after(heights: &[Option<f64>], onset: usize) -> Option<usize> {
    heights.iter().skip(onset).position(|height| height.is_some_and(|height| height < HALF)).map(|at| at + onset)
}

fn area(heights: &[Option<f64>]) -> Option<f64> {
    let heights: Vec<f64> = heights.iter().copied().collect::<Option<_>>()?;
    let steps = heights.len().checked_sub(1).filter(|&steps| steps > 0)?;
    Some(heights.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum::<f64>() / steps as f64)
}

/// The ratio of means in every replicate.
fn resampled(pairs: &[Contrast], replicates: &Replicates) -> Vec<Option<f64>> {
    let all: Vec<u32> = (0..pairs.len() as u32).collect();
    let moved: Vec<f64> = pairs.iter().map(|pair| pair.moved()).collect();
    let range: Vec<f64> = pairs.iter().map(|pair| pair.range()).collect();
    let (moved, range) = (replicates.sums(&moved, &all), replicates.sums(&range, &all));
    moved.iter().zip(&range).map(|(moved, range)| ratio(moved.total, range.total, moved.weight)).collect()
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::stats::seed::rng;

    /// Pairs whose true shift at each slot is given, with noise of one nat on a range of about five.
    fn planted(truth: &[f64], pairs: usize) -> Vec<Vec<Contrast>> {
        let mut noise = rng(3, "planted profile", 0);
        let runs: Vec<(f64, f64)> =
            (0..pairs).map(|_| (noise.random_range(2.0..4.0), noise.random_range(-3.0..-1.0))).collect();
        let mut slot = |shift: f64| -> Vec<Contrast> {
            runs.iter()
                .map(|&(clean, counterfactual)| {
                    let patched = clean - shift * (clean - counterfactual) + noise.random_range(-1.0..1.0);
                    Contrast { clean, counterfactual, patched }
                })
                .collect()
        };
        truth.iter().map(|&shift| slot(shift)).collect()
    }

    #[test]
    fn turns_are_found_where_they_were_planted() {
        let contrasts = planted(&[0.0, 0.1, 0.9, 1.0, 0.8, 0.2, 0.0], 80);
        let replicates = Replicates::draw(&(0..80).collect::<Vec<_>>(), 400, 1);
        let profile = Profile::of(&contrasts, &replicates);
        assert_eq!((profile.onset.at, profile.handover.at), (Some(2), Some(5)));
        assert_eq!(profile.onset.interval, Some(Interval { lo: 2.0, hi: 2.0 }));
        assert_eq!((profile.onset.reached, profile.handover.reached), (1.0, 1.0));
        let truth = (0.05 + 0.5 + 0.95 + 0.9 + 0.5 + 0.1) / 6.0;
        assert!((profile.area.unwrap() - truth).abs() < 0.05, "{:?}", profile.area);
        let interval = profile.area_interval.unwrap();
        assert!(interval.lo < truth && truth < interval.hi);
    }

    #[test]
    fn a_flat_profile_has_no_turns() {
        let contrasts = planted(&[0.0; 5], 80);
        let profile = Profile::of(&contrasts, &Replicates::draw(&(0..80).collect::<Vec<_>>(), 400, 1));
        assert_eq!((profile.onset.at, profile.handover.at), (None, None));
        assert_eq!((profile.onset.reached, profile.onset.interval), (0.0, None));
        assert!(profile.area.unwrap().abs() < 0.05);
    }

    /// A shift near the threshold crosses it by chance at one slot or the other; the interval says so.
    #[test]
    fn an_onset_near_the_threshold_is_uncertain() {
        let contrasts = planted(&[0.0, 0.5, 0.5, 0.5, 1.0], 40);
        let profile = Profile::of(&contrasts, &Replicates::draw(&(0..40).collect::<Vec<_>>(), 400, 1));
        let interval = profile.onset.interval.unwrap();
        assert!(interval.lo <= 1.0 && interval.hi >= 2.0, "{interval:?}");
        assert_eq!(profile.handover.at, None);
    }

    #[test]
    fn pairs_that_do_not_differ_leave_the_profile_undefined() {
        let pair = Contrast { clean: 0.2, counterfactual: 0.1, patched: 0.2 };
        let profile = Profile::of(&[vec![pair; 3], vec![pair; 3]], &Replicates::draw(&[0, 1, 2], 20, 1));
        assert_eq!((profile.onset.at, profile.area), (None, None));
        assert_eq!(profile.points[0].mean.undefined, 3);
        assert_eq!(Profile::of(&[], &Replicates::draw(&[], 20, 1)).area, None);
    }
}
