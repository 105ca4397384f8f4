//! The layer that one would have chosen without the test images: in each fold the site with the smallest loss inside the
//! training images; what is reported is that site's accuracy on the test images, which had no say.

use ndarray::Array2;

use super::context::Context;
use super::depth::Place;
use super::outcome::Candidate;
use super::row::{Key, Row};
use super::score::{Estimate, Predictions};

/// The site's name in the tables.
pub const CHOSEN: &str = "chosen";

/// A chosen layer's accuracy.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub row: Row,
    pub accuracy: Estimate,
}

/// Among the sites of one tower, or of all ("" ): `candidates` of one probe, axis, group and split.
pub fn choose(context: &Context, candidates: &[&Candidate], tower: &'static str) -> Option<Chosen> {
    let among: Vec<&&Candidate> =
        candidates.iter().filter(|one| tower.is_empty() || one.key.place.tower == tower).collect();
    let first = among.first()?;
    let folds = among.iter().map(|one| one.inner.len()).min()?;
    let best_of = |fold: usize| {
        // The first of equals: the shallower one.
        among.iter().copied().reduce(|best, next| if next.inner[fold] < best.inner[fold] { next } else { best })
    };
    let chosen: Vec<&Candidate> = (0..folds).filter_map(|fold| best_of(fold).copied()).collect();
    let (mut image, mut y, mut prob) = (Vec::new(), Vec::new(), Vec::new());
    for (fold, site) in chosen.iter().enumerate() {
        for at in (0..site.fold.len()).filter(|&at| site.fold[at] == fold) {
            image.push(site.predictions.image[at]);
            y.push(site.predictions.y[at]);
            prob.extend(site.predictions.prob.row(at));
        }
    }
    let prob = Array2::from_shape_vec((y.len(), context.classes()), prob).ok()?;
    let accuracy = context.resamples.accuracy(&Predictions { image, y, prob });
    let key = Key { site: CHOSEN.into(), place: Place { tower, slot: -1, depth: -1 }, ..first.key.clone() };
    let sites: Vec<&str> = chosen.iter().map(|site| site.key.site.as_str()).collect();
    let row = Row::new(key, context.params.seed).with_value(&accuracy, 1.0 / context.classes() as f64);
    Some(Chosen { row: Row { counts: first.counts, ..row }.in_variant(&sites.join(" ")), accuracy })
}
