//! Whose boxes: all objects together, or one of them; and the masks they make, real and drawn from the nulls.

use rayon::prelude::*;

use super::evidence::Draw;
use super::mask::Mask;
use super::metrics::{Metric, Ranked};
use super::nulls::{donors, random_boxes};
use crate::analysis::Params;
use crate::analysis::frames::Items;
use crate::dataset::PixelBox;

/// What attention is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// "objects" or "object_k".
    pub name: String,
    /// Which object of each item, from 0; `None` for the union of all.
    pub object: Option<usize>,
}

/// "objects", then "object_1" and so on.
pub fn targets(items: &Items) -> Vec<Target> {
    let union = Target { name: "objects".into(), object: None };
    let single = |k| Target { name: format!("object_{}", k + 1), object: Some(k) };
    std::iter::once(union).chain((0..items.most_objects()).map(single)).collect()
}

impl Target {
    /// The part of `objects` (one entry an object) that this target is about, as one list of boxes.
    fn of<B: AsRef<[PixelBox]>>(&self, objects: &[B]) -> Vec<PixelBox> {
        match self.object {
            None => objects.iter().flat_map(|boxes| boxes.as_ref()).copied().collect(),
            Some(k) => objects.get(k).map(|boxes| boxes.as_ref().to_vec()).unwrap_or_default(),
        }
    }

    /// What the target covers of an item's grid; `None` where its boxes are unknown or wholly out of sight.
    pub fn mask(&self, items: &Items, item: usize) -> Option<Mask> {
        Mask::of(&items.geometry[item].coverage(&self.of(&boxes(items, item))))
    }
}

fn boxes(items: &Items, item: usize) -> Vec<&[PixelBox]> {
    items.objects[item].iter().map(|object| object.boxes.as_slice()).collect()
}

/// The items on whose grid a target is visible, with its masks.
pub(super) struct Sighted {
    /// Number of all items, the ones left out too.
    all: usize,
    items: Vec<usize>,
    own: Vec<Mask>,
    /// `[item][draw]`.
    random: Vec<Vec<Mask>>,
    /// `[draw][item]`: whose mask is borrowed, as a position in `own`.
    donors: Vec<Vec<Option<usize>>>,
}

/// Metrics of every item: `[metric][item]`, and under the nulls `[metric][draw][item]`. NaN for items left out.
pub(super) struct AllScores {
    pub own: Vec<Draw>,
    pub random: Vec<Vec<Draw>>,
    pub other: Vec<Vec<Draw>>,
}

impl Sighted {
    pub fn new(items: &Items, clusters: &[usize], target: &Target, params: &Params) -> Self {
        let (sighted, own): (Vec<usize>, Vec<Mask>) =
            (0..items.len()).filter_map(|item| Some((item, target.mask(items, item)?))).unzip();
        let random = sighted.par_iter().zip(&own).map(|(&item, own)| {
            let (geometry, boxes) = (&items.geometry[item], boxes(items, item));
            let draw = |draw| {
                let drawn = random_boxes(&items.id[item], geometry, &boxes, draw, params.seed);
                // The boxes keep their area in sight, so there always is a mask; were there none, the null is the item itself.
                Mask::of(&geometry.coverage(&target.of(&drawn))).unwrap_or_else(|| own.clone())
            };
            (0..params.draws).map(draw).collect()
        });
        let random = random.collect();
        let donors = (0..params.draws).map(|draw| lend(items, clusters, &sighted, draw, params.seed)).collect();
        Self { all: items.len(), items: sighted, own, random, donors }
    }

    /// Holds every item's attention row against its masks.
    pub fn scores<'a>(&self, row: impl Fn(usize) -> &'a [f32]) -> AllScores {
        let blank = vec![f64::NAN; self.all];
        let draws = self.donors.len();
        let mut own = vec![blank.clone(); Metric::ALL.len()];
        let mut random = vec![vec![blank.clone(); draws]; Metric::ALL.len()];
        let mut other = vec![vec![blank; draws]; Metric::ALL.len()];
        for (at, &item) in self.items.iter().enumerate() {
            let ranked = Ranked::new(row(item));
            for (scores, score) in own.iter_mut().zip(ranked.against(&self.own[at])) {
                scores[item] = score;
            }
            for draw in 0..draws {
                for (scores, score) in random.iter_mut().zip(ranked.against(&self.random[at][draw])) {
                    scores[draw][item] = score;
                }
                let Some(donor) = self.donors[draw][at] else { continue };
                for (scores, score) in other.iter_mut().zip(ranked.against(&self.own[donor])) {
                    scores[draw][item] = score;
                }
            }
        }
        AllScores { own, random, other }
    }
}

/// Donors among items of the same grid: a mask is a mask of patches, and patches must mean the same place.
fn lend(items: &Items, clusters: &[usize], sighted: &[usize], draw: usize, seed: u64) -> Vec<Option<usize>> {
    let mut lent = vec![None; sighted.len()];
    let mut grids: Vec<_> = sighted.iter().map(|&item| items.geometry[item].grid).collect();
    grids.sort_by_key(|grid| (grid.rows, grid.cols));
    grids.dedup();
    for grid in grids {
        let same: Vec<usize> = (0..sighted.len()).filter(|&at| items.geometry[sighted[at]].grid == grid).collect();
        let images: Vec<usize> = same.iter().map(|&at| clusters[sighted[at]]).collect();
        for (&at, donor) in same.iter().zip(donors(&images, draw, seed).into_iter().flatten()) {
            lent[at] = Some(same[donor]);
        }
    }
    lent
}
