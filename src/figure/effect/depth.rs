//! Sites of an intervention on the axis that encoder, projector and language model share.

use super::super::axis::Axis;
use super::super::panels::line::{Mark, Sample};
use super::super::probe::family::{Place, depth_axis};
use super::super::table::Estimate;
use super::rows::Measured;
use crate::model::Site;

/// Where sites stand, from the first layer of the encoder to the last slot of the language model.
pub struct Depth<'a> {
    places: Vec<Place<'a>>,
}

impl<'a> Depth<'a> {
    /// Of residual streams and what lies between them; other sites have no place.
    pub fn of(sites: &[&'a str]) -> Self {
        let tower = |site: &&'a str| {
            Some(match site.parse::<Site>().ok()? {
                Site::VisionResid(slot) => (0, slot as i64, "vision", *site),
                Site::VisionOut => (1, -1, "vision", *site),
                Site::ProjectorOut => (2, -1, "projector", *site),
                Site::LmResid(slot) => (3, slot as i64, "lm", *site),
                _ => return None,
            })
        };
        let mut found: Vec<(u8, i64, &str, &str)> = sites.iter().filter_map(tower).collect();
        found.sort_unstable();
        found.dedup();
        let place =
            |(depth, (_, slot, tower, site)): (i64, (u8, i64, &'a str, &'a str))| Place { depth, tower, slot, site };
        Self { places: (0..).zip(found).map(place).collect() }
    }

    pub fn axis(&self) -> Axis {
        depth_axis(&self.places)
    }

    pub fn at(&self, site: &str) -> Option<f64> {
        self.places.iter().find(|place| place.site == site).map(|place| place.depth as f64)
    }

    /// How many sites have a place.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Where the language model begins; else the first site.
    pub fn start(&self) -> Option<&'a str> {
        let first = self.places.iter().find(|place| place.tower == "lm").or(self.places.first());
        first.map(|place| place.site)
    }

    /// A line over depth.
    pub fn samples(&self, rows: &[&Measured], pick: impl Fn(&Measured) -> Option<Estimate>, mark: Mark) -> Vec<Sample> {
        let sample = |row: &&Measured| Some(Sample { x: self.at(&row.site)?, estimate: pick(row), mark });
        let mut samples: Vec<Sample> = rows.iter().filter_map(sample).collect();
        samples.sort_by(|one, other| one.x.total_cmp(&other.x));
        samples
    }

    /// The null draws' range over depth.
    pub fn nulls(&self, rows: &[&Measured]) -> Vec<(f64, Option<(f64, f64)>)> {
        let mut ranges: Vec<_> = rows.iter().filter_map(|row| Some((self.at(&row.site)?, row.null))).collect();
        ranges.sort_by(|one, other| one.0.total_cmp(&other.0));
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_stand_in_the_order_of_the_walk_and_heads_nowhere() {
        let depth =
            Depth::of(&["lm.10.resid", "lm.2.resid", "projector.out", "vision.out", "vision.3.resid", "lm.0.head.1"]);
        let at = ["vision.3.resid", "vision.out", "projector.out", "lm.2.resid", "lm.10.resid", "lm.0.head.1"]
            .map(|site| depth.at(site));
        assert_eq!(at, [Some(0.0), Some(1.0), Some(2.0), Some(3.0), Some(4.0), None]);
        assert_eq!((depth.start(), depth.count()), (Some("lm.2.resid"), 5));
    }
}
