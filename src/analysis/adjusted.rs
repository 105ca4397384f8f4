//! Does attention on the objects say anything about the answer that relation, image share and object size do not?
//!
//! # What it measures
//! How the odds of a right answer change with alignment, per layer (mean over heads, union of the objects' boxes), at equal
//! relation, equal attention to the image as a whole and equal area of the boxes.
//!
//! # Formula
//! Logistic regression of right on relation (indicators), image share, box area in patches, and the metric; the last three
//! in standard deviations over the items used. `log_odds` is the coefficient of the metric: `exp(log_odds)` is the odds
//! ratio of one standard deviation. A small ridge (see [`crate::stats::logistic`]) keeps separable resamples finite. Only
//! relations with right and wrong answers are used, as only they can tell: n says how many items that leaves.
//!
//! # Reads
//! `frames/items`: image, relation, correct, grid and seen_*, object_k_boxes. `frames/attention`: layer, head, query, row, image.
//!
//! # Writes
//! `tables/adjusted`: layer, metric (fraction, cosine), n_right, n_wrong, log_odds, ci_lo, ci_hi, p, p_max. Null where no
//! relation has both classes.
//!
//! # Controls
//! 95 % interval: bootstrap over images. `p`: the metric permuted among items of the same relation; `p_max`: against the
//! largest |log_odds| of all layers under the same permutations. At most 200 of each, as every one is a fit.
//!
//! # Paper
//! Chen et al., ICML 2025, report pooled associations only; this is the adjustment that they lack.

use std::collections::BTreeMap;

use ndarray::Array2;
use rand::Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::alignment::{Metric, Ranked, targets};
use super::{Frames, Params, Results, Table};
use crate::error::Result;
use crate::stats::{Interval, Maximum, logistic, permutation, seed};

/// At equal image share, mass says what fraction says; beside the share it would only be collinear.
const METRICS: [Metric; 2] = [Metric::Fraction, Metric::Cosine];

/// Fits a bootstrap or a permutation test takes.
const FITS: usize = 200;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub layer: i16,
    pub metric: &'static str,
    pub n_right: u32,
    pub n_wrong: u32,
    pub log_odds: Option<f64>,
    pub interval: Option<Interval>,
    pub p: Option<f64>,
    pub p_max: Option<f64>,
}

/// Computes `tables/adjusted` and leaves its rows in `results`.
pub fn run(frames: &Frames, params: &Params, results: &mut Results) -> Result<Table> {
    results.adjusted = rows(frames, params);
    let rows = &results.adjusted;
    Ok(Table::new()
        .layer_or_head("layer", rows.iter().map(|row| row.layer))
        .text("metric", rows.iter().map(|row| row.metric))
        .count("n_right", rows.iter().map(|row| row.n_right))
        .count("n_wrong", rows.iter().map(|row| row.n_wrong))
        .number("log_odds", rows.iter().map(|row| row.log_odds))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .number("p", rows.iter().map(|row| row.p))
        .number("p_max", rows.iter().map(|row| row.p_max)))
}

fn rows(frames: &Frames, params: &Params) -> Vec<Row> {
    let cells: Vec<(usize, i16)> = frames.attention.mean_cells().map(|(at, cell)| (at, cell.layer)).collect();
    let items = Usable::of(frames);
    let judged: Vec<Vec<(Row, Vec<f64>)>> =
        cells.par_iter().map(|&(at, layer)| judge(frames, params, &items, at, layer)).collect();
    let mut rows = Vec::new();
    for m in 0..METRICS.len() {
        let mut family = Maximum::default();
        judged.iter().for_each(|layer| family.absorb(layer[m].1.iter().copied()));
        rows.extend(judged.iter().map(|layer| {
            let row = layer[m].0.clone();
            Row { p_max: row.log_odds.map(|odds| family.p_value(odds.abs())), ..row }
        }));
    }
    rows
}

/// Items whose relation has both classes and whose objects are in sight, with what they are adjusted for.
struct Usable {
    items: Vec<usize>,
    right: Vec<bool>,
    /// Index of each item's relation among those used.
    relation: Vec<usize>,
    /// Items by image, as positions in `items`.
    images: Vec<Vec<usize>>,
    masks: Vec<super::alignment::Mask>,
}

impl Usable {
    fn of(frames: &Frames) -> Self {
        let all = &frames.items;
        let union = targets(all).into_iter().next();
        let masked: Vec<_> = (0..all.len()).filter_map(|item| Some((item, union.as_ref()?.mask(all, item)?))).collect();
        let mut classes: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for (item, _) in &masked {
            if let Some(relation) = all.relation[*item].as_deref() {
                classes.entry(relation).or_default()[usize::from(all.correct[*item])] += 1;
            }
        }
        let telling: Vec<&str> = classes
            .into_iter()
            .filter(|(_, count)| count.iter().all(|&n| n > 0))
            .map(|(relation, _)| relation)
            .collect();
        let clusters = all.clusters();
        let mut used = Self { items: vec![], right: vec![], relation: vec![], images: vec![], masks: vec![] };
        let mut images: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (item, mask) in masked {
            let relation =
                all.relation[item].as_deref().and_then(|name| telling.iter().position(|known| *known == name));
            let Some(relation) = relation else { continue };
            images.entry(clusters[item]).or_default().push(used.items.len());
            used.items.push(item);
            used.right.push(all.correct[item]);
            used.relation.push(relation);
            used.masks.push(mask);
        }
        used.images = images.into_values().collect();
        used
    }

    /// The coefficient of `metric` over the given positions.
    fn log_odds(&self, share: &[f64], metric: &[f64], positions: &[usize]) -> Option<f64> {
        let right: Vec<bool> = positions.iter().map(|&at| self.right[at]).collect();
        let relations = self.relation.iter().max().map_or(0, |last| *last);
        let area: Vec<f64> = self.masks.iter().map(|mask| mask.area()).collect();
        let scaled = [standard(share, positions), standard(&area, positions), standard(metric, positions)];
        let x = Array2::from_shape_fn((positions.len(), relations + scaled.len()), |(i, column)| {
            match column.checked_sub(relations) {
                // The last relation is the one that the others are compared with.
                None => f64::from(u8::from(self.relation[positions[i]] == column)),
                Some(column) => scaled[column][i],
            }
        });
        logistic(x, &right)?.last().copied()
    }
}

/// In standard deviations from the mean over the positions; zeros where nothing varies.
fn standard(values: &[f64], positions: &[usize]) -> Vec<f64> {
    let n = positions.len().max(1) as f64;
    let mean = positions.iter().map(|&at| values[at]).sum::<f64>() / n;
    let deviation = (positions.iter().map(|&at| (values[at] - mean).powi(2)).sum::<f64>() / n).sqrt();
    positions.iter().map(|&at| if deviation > 0.0 { (values[at] - mean) / deviation } else { 0.0 }).collect()
}

/// All metrics of one layer, each with |log_odds| under every permutation.
fn judge(frames: &Frames, params: &Params, used: &Usable, at: usize, layer: i16) -> Vec<(Row, Vec<f64>)> {
    let all: Vec<usize> = (0..used.items.len()).collect();
    let share = frames.attention.share("image", at);
    let share: Vec<f64> = used.items.iter().map(|&item| share[item]).collect();
    let scores: Vec<_> = (used.items.iter().zip(&used.masks))
        .map(|(&item, mask)| Ranked::new(frames.attention.row(at, item)).against(mask))
        .collect();
    let n_right = used.right.iter().filter(|&&right| right).count() as u32;
    let n_wrong = used.right.len() as u32 - n_right;
    METRICS
        .iter()
        .map(|metric| {
            let place = Metric::ALL.iter().position(|known| known == metric).unwrap_or(0);
            // An item without any attention on the image has no fraction and no cosine: it counts as none on the objects.
            let own: Vec<f64> = scores.iter().map(|all| all[place]).map(|x| if x.is_nan() { 0.0 } else { x }).collect();
            let log_odds = used.log_odds(&share, &own, &all);
            let replicates = |count: usize| 0..count.min(FITS) as u64;
            let draws: Vec<f64> = replicates(params.bootstrap)
                .filter_map(|replicate| used.log_odds(&share, &own, &resampled(used, params.seed, replicate)))
                .collect();
            let null: Vec<f64> = replicates(params.permutations)
                .map(|replicate| used.log_odds(&share, &permuted(used, &own, params.seed, replicate), &all))
                // A fit that fails counts against the finding.
                .map(|odds| odds.map_or(f64::INFINITY, f64::abs))
                .collect();
            let row = Row {
                layer,
                metric: metric.name(),
                n_right,
                n_wrong,
                log_odds,
                interval: log_odds.and_then(|_| Interval::of_draws(draws.into_iter())),
                p: log_odds.map(|odds| permutation::p_value(odds.abs(), null.iter().copied())),
                p_max: None,
            };
            (row, null)
        })
        .collect()
}

/// Positions of a bootstrap sample: as many images as there are, with replacement.
fn resampled(used: &Usable, seed: u64, replicate: u64) -> Vec<usize> {
    let mut dice = seed::rng(seed, "adjusted bootstrap", replicate);
    (0..used.images.len()).flat_map(|_| &used.images[dice.random_range(0..used.images.len())]).copied().collect()
}

/// The scores exchanged among the items of each relation.
fn permuted(used: &Usable, scores: &[f64], seed: u64, replicate: u64) -> Vec<f64> {
    let mut dice = seed::rng(seed, "adjusted permutation", replicate);
    let mut out = scores.to_vec();
    for relation in 0..=used.relation.iter().copied().max().unwrap_or(0) {
        let members: Vec<usize> = (0..scores.len()).filter(|&at| used.relation[at] == relation).collect();
        let mut shuffled = members.clone();
        shuffled.shuffle(&mut dice);
        members.iter().zip(shuffled).for_each(|(&to, from)| out[to] = scores[from]);
    }
    out
}
