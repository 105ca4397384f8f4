//! One measure of a set of effects: its value, its interval, its place among null draws.

use crate::analysis::frames::Effect;
use crate::stats::{Interval, Replicates};

use super::measures::{Measure, Tail};

/// A value with n and interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: Option<f64>,
    pub interval: Option<Interval>,
    /// Units that the measure is defined for.
    pub n: u32,
    pub images: u32,
    /// Units that it is not defined for.
    pub undefined: u32,
}

/// Sums of part and whole, by image.
pub struct Sums {
    part: Vec<f64>,
    whole: Vec<f64>,
    images: Vec<u32>,
    n: u32,
    undefined: u32,
}

impl Sums {
    /// Over `effects`; `images` says how many images there are in all, `chance` each effect's chance level.
    pub fn of<'a>(
        measure: &Measure,
        effects: impl Iterator<Item = &'a Effect>,
        images: usize,
        chance: impl Fn(&Effect) -> f64,
    ) -> Self {
        let (mut part, mut whole) = (vec![0.0; images], vec![0.0; images]);
        let mut seen = vec![false; images];
        let (mut n, mut undefined) = (0, 0);
        for effect in effects {
            let Some((one, all)) = (measure.of)(effect, chance(effect)) else {
                undefined += 1;
                continue;
            };
            part[effect.image] += one;
            whole[effect.image] += all;
            seen[effect.image] = true;
            n += 1;
        }
        let images = (0..).zip(seen).filter(|(_, seen)| *seen).map(|(image, _)| image).collect();
        Self { part, whole, images, n, undefined }
    }

    /// `None` without units, or where the whole is too small.
    pub fn value(&self, measure: &Measure) -> Option<f64> {
        ratio(self.part.iter().sum(), self.whole.iter().sum(), f64::from(self.n), measure)
    }

    /// The value with its 95 % interval over images; no interval from a single image.
    pub fn estimate(&self, measure: &Measure, replicates: &Replicates) -> Estimate {
        let value = self.value(measure);
        let resample = || {
            let parts = replicates.sums(&self.part, &self.images);
            let wholes = replicates.sums(&self.whole, &self.images);
            // The mean number of units an image has turns a weight in images into one in units.
            let units = f64::from(self.n) / self.images.len() as f64;
            let draws = parts.iter().zip(&wholes);
            let draws = draws.filter_map(|(part, whole)| ratio(part.total, whole.total, part.weight * units, measure));
            Interval::of_draws(draws.collect::<Vec<_>>().into_iter())
        };
        Estimate {
            value,
            interval: if self.images.len() >= 2 && value.is_some() { resample() } else { None },
            n: self.n,
            images: self.images.len() as u32,
            undefined: self.undefined,
        }
    }
}

fn ratio(part: f64, whole: f64, n: f64, measure: &Measure) -> Option<f64> {
    (n > 0.0 && whole != 0.0 && (whole / n).abs() >= measure.guard).then(|| part / whole)
}

/// Where a value stands among null draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Null {
    /// The middle 90 % of the draws.
    pub range: Interval,
    pub draws: u32,
    /// `(1 + draws at least as extreme) / (1 + draws)`; `None` where the measure is only described.
    pub p: Option<f64>,
}

impl Null {
    /// `None` without draws. `enhanced` turns the tail of the measures that an enhancement raises and all else lowers.
    pub fn of(value: Option<f64>, draws: &[f64], tail: Tail, kind: &str) -> Option<Self> {
        let range = Interval { lo: crate::stats::quantile(draws, 0.05)?, hi: crate::stats::quantile(draws, 0.95)? };
        let upper = match tail {
            Tail::Upper => Some(true),
            Tail::UpperIfEnhanced => Some(kind == "enhance"),
            Tail::None => None,
        };
        let p = value.zip(upper).map(|(value, upper)| {
            let extreme = draws.iter().filter(|&&draw| if upper { draw >= value } else { draw <= value }).count();
            (1 + extreme) as f64 / (1 + draws.len()) as f64
        });
        Some(Self { range, draws: draws.len() as u32, p })
    }
}
