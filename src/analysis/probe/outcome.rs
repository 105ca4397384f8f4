//! What comes out of one sample at one site, before sites are put together.

use std::collections::BTreeMap;

use super::context::Context;
use super::depth::Place;
use super::row::{Counts, Key, Row};
use super::sample::Sample;
use super::score::Predictions;
use crate::analysis::probe::weights::Weights;
use crate::processor::Patch;
use crate::stats::probe::{CrossValidated, Fold};
use crate::study::{FitMode, Split};

/// Everything about one sample at one site.
#[derive(Default)]
pub struct Outcome {
    pub rows: Vec<Row>,
    pub nulls: Vec<Null>,
    pub candidates: Vec<Candidate>,
    pub predictions: Vec<Predicted>,
    pub cells: Vec<CellMean>,
    pub confusions: Vec<Confusion>,
    pub curve: Vec<CurvePoint>,
    pub weights: Weights,
    /// Held-out predictions of the standard fit, by split, for the means over cells.
    pub held: BTreeMap<Split, Predictions>,
    /// And those of its controls.
    pub held_controls: BTreeMap<(Split, super::row::Control), Vec<Predictions>>,
    /// Accuracy under every permutation, of the random folds.
    pub null_accuracies: Vec<f64>,
}

/// Distances of the permuted accuracies from their mean, and the observed one's.
#[derive(Clone, Debug)]
pub struct Null {
    /// The row that gets the p-values, among [`Outcome::rows`].
    pub row: usize,
    pub observed: f64,
    pub distances: Vec<f64>,
    /// Whether it counts for the maximum over depth.
    pub primary: bool,
}

/// A site that a layer could be chosen from.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub key: Key,
    /// Mean log-loss inside the training images of each fold.
    pub inner: Vec<f64>,
    /// Held-out predictions, and the fold of each.
    pub predictions: Predictions,
    pub fold: Vec<usize>,
    pub counts: Counts,
}

/// A line of `tables/probe_pred`.
#[derive(Clone, Debug)]
pub struct Predicted {
    pub key: Key,
    pub variant: String,
    pub item: usize,
    pub cell: Option<Patch>,
    pub y: usize,
    pub prob: Vec<f64>,
    pub fold: usize,
}

/// A line of `tables/probe_map`.
#[derive(Clone, Debug)]
pub struct CellMean {
    pub key: Key,
    pub variant: String,
    pub cell: Patch,
    pub class: String,
    pub prob: f64,
    pub interval: Option<crate::stats::Interval>,
    pub n: u32,
}

/// A line of `tables/probe_confusion`.
#[derive(Clone, Debug)]
pub struct Confusion {
    pub key: Key,
    pub variant: String,
    pub y: String,
    pub predicted: String,
    pub n: u32,
}

/// A line of `tables/probe_curve`.
#[derive(Clone, Debug)]
pub struct CurvePoint {
    pub key: Key,
    pub n_train: u32,
    /// Of this block, a label.
    pub bits: f64,
    /// Of all blocks up to this one.
    pub codelength: f64,
    /// Of the whole code.
    pub compression: f64,
    pub seed: u64,
}

/// A sample at a site: what its rows are called.
pub struct Here<'a> {
    pub context: &'a Context<'a>,
    pub sample: &'a Sample,
    pub site: &'a str,
    pub place: &'a Place,
}

impl Here<'_> {
    pub fn key(&self, fit: FitMode, split: Split, metric: &'static str) -> Key {
        let asked = self.context.asked;
        Key {
            probe: asked.name.clone(),
            target: asked.target.name(),
            label: asked.label.map(|label| label.to_string()).unwrap_or_default(),
            dataset: asked.dataset.clone().unwrap_or_default(),
            axis: self.context.problem.axis_name(),
            site: self.site.to_owned(),
            place: self.place.clone(),
            group: self.sample.group.clone(),
            cell: self.sample.cell,
            background: self.sample.background,
            fit,
            split,
            metric,
        }
    }

    pub fn row(&self, fit: FitMode, split: Split, metric: &'static str) -> Row {
        Row::new(self.key(fit, split, metric), self.context.params.seed)
    }

    /// The item and cell of an observation.
    pub fn place_of(&self, observation: usize) -> (usize, Option<Patch>) {
        let one = &self.sample.observations[observation];
        (self.context.problem.units[one.unit].item, one.cell.or(self.sample.cell))
    }
}

/// How much went into held-out predictions.
pub fn counts(folds: &[Fold], image: &[usize], k: usize) -> Counts {
    let mut images = image.to_vec();
    images.sort_unstable();
    images.dedup();
    let trained: usize = folds.iter().map(|fold| fold.train.len()).sum();
    Counts {
        n_train: (trained / folds.len().max(1)) as u32,
        n_test: image.len() as u32,
        n_groups_test: images.len() as u32,
        k: k as u32,
    }
}

/// The median penalty of a cross-validation's folds; `None` where the fit knows none.
pub fn median_lambda(held: &CrossValidated) -> Option<f64> {
    let lambdas: Vec<f64> = held.probes.iter().map(|probe| probe.lambda).filter(|lambda| lambda.is_finite()).collect();
    crate::stats::quantile(&lambdas, 0.5)
}
