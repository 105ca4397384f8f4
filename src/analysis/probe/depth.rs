//! Where a site stands on the one axis that runs through encoder, projector and language model.

use crate::model::Site;

/// A site's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `pixels`, `vision`, `spatial`, `projector` or `lm`.
    pub tower: &'static str,
    /// Slot in its tower; -1 where it has none.
    pub slot: i16,
    /// Rank among the recorded sites, in the order of the walk.
    pub depth: i16,
}

impl Place {
    pub fn new(site: &str, depth: usize) -> Self {
        let known = site.parse::<Site>().ok();
        let tower = match known {
            Some(Site::VisionResid(_) | Site::VisionAttn(_) | Site::VisionOut) => "vision",
            Some(site) if site.is_of_image_tokens() => "projector",
            Some(site) if site.is_spatial() => "spatial",
            Some(_) => "lm",
            None => "pixels",
        };
        let number = |number: usize| i16::try_from(number).unwrap_or(i16::MAX);
        Self { tower, slot: known.and_then(Site::index).map_or(-1, number), depth: number(depth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn towers_and_slots() {
        let place = |site| {
            let place = Place::new(site, 7);
            (place.tower, place.slot)
        };
        assert_eq!(place("pixels"), ("pixels", -1));
        assert_eq!(place("vision.3.resid"), ("vision", 3));
        assert_eq!(place("vision.out"), ("vision", -1));
        assert_eq!(place("projector.out"), ("projector", -1));
        assert_eq!(place("lm.0.resid"), ("lm", 0));
    }
}
