//! A trained probe on counterparts of its test images: nothing drawn, noise, objects moved; and on every cell of an image.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::context::Context;
use super::problem::Truth;
use super::sample::{Sample, States, strips};
use super::scene::Scene;
use super::score::Predictions;
use crate::processor::Patch;
use crate::stats::probe::{Probe, metrics};
use crate::study::{Split, Target};

/// Predictions on a counterpart, each by the probe that was not trained on the image it comes from.
pub struct Applied {
    pub predictions: Predictions,
    /// True numbers, of a regression.
    pub values: Vec<f64>,
    /// Of each prediction.
    pub fold: Vec<usize>,
    /// Index into `sample`'s observations.
    pub observation: Vec<usize>,
    pub sample: Sample,
}

/// The shift of a variant's name in original pixels: `shifted_-16`.
pub fn shift(variant: &str) -> Option<f64> {
    variant.strip_prefix("shifted_")?.parse().ok()
}

/// The scenes as a variant shows them; `blank` and `noise` keep the places of what they do not show.
pub fn scenes_in(variant: &str, scenes: &[Scene]) -> Vec<Scene> {
    let pixels = shift(variant).unwrap_or(0.0);
    scenes.iter().map(|scene| scene.shifted(pixels)).collect()
}

/// Applies the probes of the random folds to a variant of their test images; `None` where it was not recorded.
pub fn apply(context: &Context, sample: &Sample, states: &States, probes: &[Probe], variant: &str) -> Option<Applied> {
    let scenes = scenes_in(variant, context.scenes);
    let moved = match context.asked.target {
        // Tokens of an object are other tokens where it was moved.
        Target::Slot | Target::AbsXy | Target::Distance => {
            let all = Sample::all(&context.problem, context.asked, states, variant, &scenes);
            all.into_iter().find(|other| other.group == sample.group)?
        }
        _ => {
            let mut there = sample.where_recorded(&context.problem, states, variant);
            if let (Some(cell), Some(true)) = (sample.cell, sample.background) {
                // Background stays background: an object may have been moved here.
                let item = |unit: usize| context.problem.units[unit].item;
                there.observations.retain(|one| scenes[item(one.unit)].covering(cell).is_none());
            }
            there
        }
    };
    let fold_of = fold_of(context, probes);
    let images = moved.images(&context.problem);
    let (mut observation, mut fold) = (Vec::new(), Vec::new());
    for (row, image) in images.iter().enumerate() {
        if let Some(&of) = fold_of.get(image) {
            observation.push(row);
            fold.push(of);
        }
    }
    if observation.is_empty() {
        return None;
    }
    let features = moved.features(states);
    let prob = predict(probes, &features, &observation, &fold, context.problem.is_regression());
    let truth = |&row: &usize| {
        let unit = &context.problem.units[moved.observations[row].unit];
        match (unit.truth, unit.object.and_then(|k| scenes[unit.item].object(k)), context.problem.axis) {
            // A coordinate moves along with its object; how far away it is stays.
            (Truth::Value(_), Some(object), Some(axis)) => {
                Truth::Value(axis.along(scenes[unit.item].relative(object.centre)))
            }
            (truth, ..) => truth,
        }
    };
    let truths: Vec<Truth> = observation.iter().map(truth).collect();
    let predictions = Predictions {
        image: observation.iter().map(|&row| images[row]).collect(),
        y: truths.iter().map(|truth| truth.class()).collect(),
        prob,
    };
    let values = truths.iter().map(|truth| truth.value()).collect();
    Some(Applied { predictions, values, fold, observation, sample: moved })
}

/// The fold in which each image was tested.
fn fold_of(context: &Context, probes: &[Probe]) -> BTreeMap<usize, usize> {
    let divisions = context.divisions(Split::RandomImage).unwrap_or_default();
    let tested = divisions.iter().enumerate().take(probes.len());
    tested.flat_map(|(fold, division)| division.test.iter().map(move |&image| (image, fold))).collect()
}

/// `[rows, classes]`, each row by the probe of its fold; of a regression the number itself.
fn predict(probes: &[Probe], features: &Array2<f32>, rows: &[usize], fold: &[usize], regression: bool) -> Array2<f64> {
    let outputs = probes.first().map_or(0, |probe| probe.b.len());
    let mut prob = Array2::zeros((rows.len(), outputs));
    for (at, probe) in probes.iter().enumerate() {
        let mine: Vec<usize> = (0..rows.len()).filter(|&row| fold[row] == at).collect();
        let chosen: Vec<usize> = mine.iter().map(|&row| rows[row]).collect();
        let chosen = features.select(ndarray::Axis(0), &chosen);
        let given = if regression { probe.logits(chosen.view()) } else { probe.predict(chosen.view()) };
        mine.iter().zip(given.outer_iter()).for_each(|(&row, given)| prob.row_mut(row).assign(&given));
    }
    prob
}

/// What the probes say in every cell of their test images.
pub struct Strips {
    /// Of each image that was looked at.
    pub image: Vec<usize>,
    /// Share of its cells that are called as the object nearest to them.
    pub share: Vec<f64>,
    /// Share of cells that the best constant answer would get.
    pub constant: f64,
    /// Cell, mean probability of each class over images, and how many images.
    pub cells: Vec<(Patch, Vec<f64>, u32)>,
}

/// Applies slot probes to every image token of a variant; `None` where they were not recorded.
pub fn everywhere(context: &Context, states: &States, probes: &[Probe], variant: &str) -> Option<Strips> {
    let fold_of = fold_of(context, probes);
    let mut rows: BTreeMap<usize, Vec<(Patch, usize)>> = BTreeMap::new();
    for &(item, cell, row) in states.of(variant, "image") {
        if let Some(cell) = cell {
            rows.entry(item).or_default().push((cell, row));
        }
    }
    let scenes = scenes_in(variant, context.scenes);
    let mut seen = Strips { image: Vec::new(), share: Vec::new(), constant: 0.0, cells: Vec::new() };
    let mut ranks: BTreeMap<usize, f64> = BTreeMap::new();
    let mut sums: BTreeMap<(usize, usize), (Vec<f64>, u32)> = BTreeMap::new();
    for (image, picture) in context.problem.pictures.iter().enumerate() {
        let (Some(cells), Some(&fold)) = (rows.get(&picture.item), fold_of.get(&image)) else { continue };
        let prob = probes[fold].predict(states.vectors(cells.iter().map(|(_, row)| *row)).view());
        let nearest: BTreeMap<(usize, usize), usize> =
            strips(&scenes[picture.item]).into_iter().map(|(cell, rank)| ((cell.row, cell.col), rank)).collect();
        let (mut as_nearest, mut n) = (0.0, 0.0);
        for ((cell, _), prob) in cells.iter().zip(prob.outer_iter()) {
            let key = (cell.row, cell.col);
            let (sum, count) = sums.entry(key).or_insert_with(|| (vec![0.0; prob.len()], 0));
            sum.iter_mut().zip(prob).for_each(|(sum, prob)| *sum += prob);
            *count += 1;
            if let Some(rank) = nearest.get(&key) {
                as_nearest += f64::from(u8::from(metrics::predicted(prob) == *rank));
                *ranks.entry(*rank).or_default() += 1.0;
                n += 1.0;
            }
        }
        if n > 0.0 {
            seen.image.push(image);
            seen.share.push(as_nearest / n);
        }
    }
    let mean = |((row, col), (sum, count)): ((usize, usize), (Vec<f64>, u32))| {
        (Patch { row, col }, sum.into_iter().map(|sum| sum / f64::from(count)).collect(), count)
    };
    seen.constant = ranks.values().copied().fold(0.0, f64::max) / ranks.values().sum::<f64>();
    seen.cells = sums.into_iter().map(mean).collect();
    (!seen.image.is_empty()).then_some(seen)
}

/// The slot in whose place each moved row's object stands now, where that is another than its own; `None` elsewhere, where
/// a code of absolute positions and one of order say the same or nothing.
pub fn absolute(context: &Context, applied: &Applied, variant: &str) -> Vec<Option<usize>> {
    let scenes = scenes_in(variant, context.scenes);
    let slot = |&row: &usize| {
        let unit = &context.problem.units[applied.sample.observations[row].unit];
        let object = scenes[unit.item].object(unit.object?)?;
        let before = &context.scenes[unit.item];
        before.slot_at(before.axis.along(object.centre)).filter(|slot| *slot != unit.truth.class())
    };
    applied.observation.iter().map(slot).collect()
}
