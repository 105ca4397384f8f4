//! Does attention fall on the objects, and does that go with a right answer?
//!
//! # What it measures
//! For every layer and head, how well one query's attention over the image's patches sits on the objects' boxes, by six
//! metrics ([`Metric`]); and whether items with better alignment are answered correctly more often.
//!
//! # Formula
//! The boxes are mapped to the patch grid by exact rectangle geometry: c_p is the share of patch p that they cover. The
//! metrics are in [`metrics`]. `value` is the mean of a metric over items. `auroc` is the chance that a right item scores
//! higher than a wrong one, ties half; `within relation` counts only pairs of right and wrong items of the same relation,
//! over the relations that have both. `r_pb` is the point-biserial correlation (within relation: of what is left when each
//! relation's means are taken out).
//!
//! # Reads
//! `frames/items`: item, image, relation, familiarity, correct, grid and seen_*, object_k_boxes. `frames/attention`: item,
//! layer, head, query, row, image.
//!
//! # Writes
//! `tables/alignment`: layer, head (-1: mean over heads), metric, target ("objects": the union of all; "object_1" …;
//! "image" for the baseline image_share, "relation" for relation_only), stratum, n_right, n_wrong, value (+ _lo, _hi),
//! value_right, value_wrong (+ _lo, _hi), null_value (+ _lo, _hi), other_value, auroc, ci_lo, ci_hi, null_lo, null_hi,
//! other_lo, other_hi, r_pb, p, p_max. Null where undefined: an AUROC with one class, an interval from
//! one item, an AUROC's interval where every bootstrap replicate agrees (perfect separation).
//! Items of which the target's boxes are unknown or wholly out of sight are left out, and not counted in n.
//!
//! # Controls
//! * 95 % intervals: bootstrap over images, percentile; the same images in every layer, head and metric.
//! * `null_*`: boxes of the same width and height at random places; `other_*`: boxes of other items. See [`nulls`].
//! * `p`: label permutation inside the stratum (inside each relation for `within relation`), two-sided.
//! * `p_max`: the same for the largest |AUROC - 0.5| of all layers; for single heads, of all layers and heads.
//! * Baselines: `image_share`, the attention on the image as a whole, boxes or not; `relation_only`, how often the items of
//!   the same relation are answered rightly, which looks at no attention. A pooled AUROC that does not beat `relation_only`
//!   may only tell relations apart. The item itself is counted in: its AUROC is 0.5 where relations do not differ, and
//!   otherwise slightly too good, to the disadvantage of attention. (Left out, the item would make the score run backwards
//!   wherever relations are alike.) It is constant inside a relation, where it is not given, and has no p.
//!
//! # Paper
//! Chen et al., "Why Is Spatial Reasoning Hard for VLMs? An Attention Mechanism Perspective on Focus Areas", ICML 2025
//! (cosine of attention and box mask, AUROC against correctness, pooled). Intervals, nulls, strata and the other metrics
//! are additions.

mod evidence;
mod mask;
pub mod metrics;
pub mod nulls;
mod rows;
pub mod strata;
mod targets;

pub use evidence::{Estimate, Judge, Verdict};
pub use mask::Mask;
pub use metrics::{Metric, Ranked, Scores};
pub use rows::Row;
pub use targets::{Target, targets};

use std::collections::BTreeMap;
use std::sync::Mutex;

use rayon::prelude::*;

use super::frames::{Cell, MEAN};
use super::{Frames, Params, Results, Table};
use crate::error::Result;
use crate::stats::{Maximum, auroc};
use evidence::{Draw, Scored};
use strata::Strata;
use targets::Sighted;

/// Attention on the image as a whole: a score that knows no boxes.
pub const IMAGE_SHARE: &str = "image_share";
/// Accuracy of the relation: a score that knows no attention.
pub const RELATION_ONLY: &str = "relation_only";

/// Tests whose largest statistic is compared with the largest under permutation.
type Family = (String, &'static str, String, HeadRule);

/// The mean over heads is one test a layer; single heads are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum HeadRule {
    Mean,
    Single,
}

/// Computes `tables/alignment` and leaves its rows in `results`.
pub fn run(frames: &Frames, params: &Params, results: &mut Results) -> Result<Table> {
    results.alignment = rows(frames, params);
    Ok(Row::table(&results.alignment))
}

fn rows(frames: &Frames, params: &Params) -> Vec<Row> {
    let items = &frames.items;
    let strata = Strata::of(items);
    let clusters = items.clusters();
    let judge = Judge::new(&items.correct, &clusters, &strata, params.bootstrap, params.permutations, params.seed);
    let mut rows = baselines(frames, &judge, &strata);
    for target in targets(items) {
        let sighted = Sighted::new(items, &clusters, &target, params);
        rows.extend(of_target(frames, &judge, &strata, &target, &sighted));
    }
    rows.sort_by_key(|row| row.cell);
    rows
}

/// All metrics of one target, in every cell.
fn of_target(frames: &Frames, judge: &Judge, strata: &Strata, target: &Target, sighted: &Sighted) -> Vec<Row> {
    judged(frames, strata, |at| {
        let scores = sighted.scores(|item| frames.attention.row(at, item));
        let weigh = |(m, metric): (usize, &Metric)| {
            let scored = Scored { own: &scores.own[m], random: &scores.random[m], other: &scores.other[m] };
            (target.name.clone(), metric.name(), judge.weigh(&scored))
        };
        Metric::ALL.iter().enumerate().map(weigh).collect()
    })
}

/// The image share of every cell, and the accuracy of each item's relation.
fn baselines(frames: &Frames, judge: &Judge, strata: &Strata) -> Vec<Row> {
    let mut rows = judged(frames, strata, |at| {
        let own = frames.attention.share("image", at);
        vec![("image".into(), IMAGE_SHARE, judge.weigh(&Scored { own: &own, random: &[], other: &[] }))]
    });
    let items = &frames.items;
    let own = relation_only(&items.relation, &items.correct);
    if auroc(&own, &items.correct).is_some() {
        let nowhere = Cell { layer: -1, head: -1 };
        let verdicts = judge.weigh(&Scored { own: &own, random: &[], other: &[] });
        let named = strata.strata.iter().zip(verdicts).filter(|(stratum, _)| !stratum.inside_relation());
        rows.extend(named.map(|(stratum, verdict)| Row {
            // Its labels are inside the score: permuting them without recomputing it would test something else.
            verdict: Verdict { p: None, ..verdict },
            ..Row::new(nowhere, RELATION_ONLY, "relation", &stratum.name)
        }));
    }
    rows
}

/// Judges every cell in parallel and corrects each family for its size. `judge` gives target, metric and verdicts.
fn judged(
    frames: &Frames,
    strata: &Strata,
    judge: impl Fn(usize) -> Vec<(String, &'static str, Vec<Verdict>)> + Sync,
) -> Vec<Row> {
    // A maximum does not care in which order the cells arrive, so threads do not matter.
    let families: Mutex<BTreeMap<Family, Maximum>> = Mutex::default();
    let mut rows: Vec<Row> = (0..frames.attention.cells().len())
        .into_par_iter()
        .flat_map_iter(|at| {
            let cell = frames.attention.cells()[at];
            let mut rows = Vec::new();
            for (target, metric, verdicts) in judge(at) {
                for (stratum, mut verdict) in strata.strata.iter().zip(verdicts) {
                    let distances = std::mem::take(&mut verdict.null_distances);
                    let row = Row { verdict, ..Row::new(cell, metric, &target, &stratum.name) };
                    if let Ok(mut families) = families.lock() {
                        families.entry(row.family()).or_default().absorb(distances.into_iter());
                    }
                    rows.push(row);
                }
            }
            rows
        })
        .collect();
    let families = families.into_inner().unwrap_or_default();
    for row in &mut rows {
        let observed = row.verdict.auroc.value.map(|auroc| (auroc - 0.5).abs());
        row.p_max = observed.and_then(|observed| Some(families.get(&row.family())?.p_value(observed)));
    }
    rows
}

impl Row {
    fn family(&self) -> Family {
        let rule = if self.cell.head == MEAN { HeadRule::Mean } else { HeadRule::Single };
        (self.target.clone(), self.metric, self.stratum.clone(), rule)
    }
}

/// How often the items of each item's relation are answered rightly; NaN without a relation.
fn relation_only(relation: &[Option<String>], right: &[bool]) -> Draw {
    let mut tallies: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (relation, &right) in relation.iter().zip(right) {
        let Some(relation) = relation.as_deref() else { continue };
        let (rights, n) = tallies.entry(relation).or_default();
        *rights += f64::from(u8::from(right));
        *n += 1.0;
    }
    let accuracy = |relation: &Option<String>| tallies.get(relation.as_deref()?).map(|(rights, n)| rights / n);
    relation.iter().map(|relation| accuracy(relation).unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_that_do_not_differ_tell_nothing() {
        let relation: Vec<_> = (0..40).map(|i| Some(if i % 2 == 0 { "left" } else { "right" }.to_owned())).collect();
        let right: Vec<bool> = (0..40).map(|i| i >= 4).collect();
        assert_eq!(auroc(&relation_only(&relation, &right), &right), Some(0.5));
        // One relation always right, the other never: knowing the relation is knowing everything.
        let right: Vec<bool> = (0..40).map(|i| i % 2 == 0).collect();
        assert_eq!(auroc(&relation_only(&relation, &right), &right), Some(1.0));
        assert!(relation_only(&[None], &[true])[0].is_nan());
    }
}
