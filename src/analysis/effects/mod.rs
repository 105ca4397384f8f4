//! What did an intervention do to the answers?
//!
//! # What it measures
//! For every intervention, site, group and dose of a study: how far the logit difference moved towards the counterfactual
//! run, how often the answer flipped, what became of accuracy and of the probability of each answer.
//!
//! # Formula
//! With C the clean run, F the counterfactual, P the patched one and LD = m(clean answer) - m(counterfactual answer):
//! `shift` = sum(LD_C - LD_P) / sum(LD_C - LD_F) over pairs, `shift_mean` the mean of each pair's ratio where
//! |LD_C - LD_F| is at least one nat (`undefined` counts the others). `flip`, `flip_vocabulary`: the counterfactual answer
//! leads the options, the vocabulary. `iia`: the answer is the causal model's. `fix` and `break`: share of wrong answers put
//! right, of right ones lost; `net` = accuracy - accuracy_before over *all* units. `share_removed` =
//! (accuracy_before - accuracy) / (accuracy_before - chance). `relative_change`: mean of p/p_before - 1 of the right answer.
//!
//! # Reads
//! `frames/effects`, all columns; `frames/items`: item, gold, relation, options and objects (for chance).
//!
//! # Writes
//! `tables/effects`: one row a (design, kind, arm, pair_direction, site, slot, window, group, edge, dose, basis, control,
//! stratum, measure): value, ci_lo, ci_hi, n (units), images, undefined, null_lo, null_hi, null_draws, p_null, p_mcnemar.
//! An enhancement with several positive doses has rows without dose as well: the dose chosen on other images, see [`doses`].
//! `tables/effect_profiles`: onset and handover slot of each sweep over slots, with intervals. `tables/claims`: see [`claims`].
//!
//! # Controls
//! * 95 % intervals: bootstrap over images, the same draws for every cell, so cells of one study are paired.
//! * Random, shuffled, wrong-axis and other-item arms are rows of their own (`control`). Where a control was drawn many
//!   times, the real row says where it stands among the draws: null_lo and null_hi hold the middle 90 %, p_null =
//!   (1 + draws at least as extreme) / (1 + draws). Of several kinds of draws (random subspaces of equal rank, and of equal
//!   rank and variance) it is the kind that the real one stands out from least.
//! * `p_mcnemar`: exact, over units whose answer changed.
//! * Intervals and p hold for one cell; a sweep looks at many.
//!
//! # Paper
//! Cui et al., "Dual Mechanisms of Spatial Variable Binding in Vision-Language Models" (2026), figures 3 and 6 to 9, tables
//! 2 and 5; there without intervals or nulls.

pub mod claims;
mod doses;
mod judge;
mod measures;
#[cfg(test)]
mod planted;
mod profiles;
mod row;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use judge::{Estimate, Null};
pub use profiles::Row as ProfileRow;
pub use row::Row;

use super::frames::{Effect, Effects, Key};
use super::{Frames, Params};
use crate::error::Result;
use crate::stats::{Changes, Replicates};
use judge::Sums;
use measures::{MEASURES, Measure, Tail};

/// Judges the effects of a run and writes their tables into `folder`; returns the files.
///
/// # Errors
/// A frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut effects = Effects::open(&frames.folder, &frames.items)?;
    doses::choose(&mut effects);
    let rows = rows(&effects, &chance(frames, &effects.options), params);
    let profiles = profiles::rows(&effects, params.bootstrap, params.seed);
    let claims = claims::claims(&rows);
    let tables = [
        ("effects", Row::table(&rows)),
        ("effect_profiles", ProfileRow::table(&profiles)),
        ("claims", claims::table(&claims)),
    ];
    let mut written = Vec::new();
    for (name, table) in tables {
        written.extend(table.write(folder, name)?);
    }
    Ok(written)
}

/// The row of every cell, stratum and measure.
pub fn rows(effects: &Effects, chance: &[f64], params: &Params) -> Vec<Row> {
    let replicates = Replicates::draw(&(0..effects.images).collect::<Vec<_>>(), params.bootstrap, params.seed);
    let cells = Cells::of(effects);
    let judged = cells.real.par_iter().flat_map_iter(|(key, of)| {
        let judge = Judge { effects, chance, replicates: &replicates, nulls: cells.nulls.get(key) };
        judge.rows(&effects.keys[*key], of)
    });
    judged.collect()
}

/// Measurements by key: once each, and drawn many times.
struct Cells {
    /// Key and its measurements, in order of appearance.
    real: Vec<(usize, Vec<usize>)>,
    /// By key of the real thing: of every control that was drawn, each draw's measurements.
    nulls: HashMap<usize, Vec<Vec<Vec<usize>>>>,
}

impl Cells {
    fn of(effects: &Effects) -> Self {
        let number: HashMap<&Key, usize> = effects.keys.iter().zip(0..).collect();
        let mut real: Vec<(usize, Vec<usize>)> = (0..effects.keys.len()).map(|key| (key, Vec::new())).collect();
        let mut drawn: HashMap<(usize, usize, u32), Vec<usize>> = HashMap::new();
        for (at, effect) in effects.rows.iter().enumerate() {
            match effect.draw.filter(|_| !effects.keys[effect.key].is_real()) {
                // The real thing, also where it has a draw: another image, another noise.
                None => real[effect.key].1.push(at),
                Some(draw) => {
                    let target = number.get(&effects.keys[effect.key].uncontrolled()).copied().unwrap_or(effect.key);
                    drawn.entry((target, effect.key, draw)).or_default().push(at);
                }
            }
        }
        let mut in_order: Vec<_> = drawn.into_iter().collect();
        in_order.sort();
        let mut nulls: HashMap<usize, Vec<Vec<Vec<usize>>>> = HashMap::new();
        for same in in_order.chunk_by(|one, other| (one.0.0, one.0.1) == (other.0.0, other.0.1)) {
            nulls.entry(same[0].0.0).or_default().push(same.iter().map(|(_, of)| of.clone()).collect());
        }
        real.retain(|(_, of)| !of.is_empty());
        Self { real, nulls }
    }
}

struct Judge<'a> {
    effects: &'a Effects,
    chance: &'a [f64],
    replicates: &'a Replicates,
    nulls: Option<&'a Vec<Vec<Vec<usize>>>>,
}

impl Judge<'_> {
    fn rows(&self, key: &Key, of: &[usize]) -> Vec<Row> {
        let everything = std::iter::once((String::from("all"), None));
        let named = self.effects.strata.iter().cloned().zip((0..).map(Some));
        let strata = everything.chain(named);
        strata.flat_map(|(name, stratum)| self.stratum(key, of, &name, stratum)).collect()
    }

    fn stratum(&self, key: &Key, of: &[usize], name: &str, stratum: Option<usize>) -> Vec<Row> {
        let here = self.inside(of, stratum);
        if here.is_empty() {
            return Vec::new();
        }
        let changes = Changes::of(here.iter().map(|effect| (effect.correct_before, effect.correct)));
        let row = |measure: &Measure| {
            let sums = self.sums(measure, &here);
            let estimate = sums.estimate(measure, self.replicates);
            if estimate.n == 0 {
                return None;
            }
            let kinds = self.nulls.into_iter().flatten().filter(|_| measure.tail != Tail::None);
            let nulls = kinds.filter_map(|draws| {
                let draws: Vec<f64> = draws.iter().filter_map(|of| self.drawn(measure, of, stratum)).collect();
                Null::of(estimate.value, &draws, measure.tail, &key.kind)
            });
            Some(Row {
                key: key.clone(),
                stratum: name.to_owned(),
                measure: measure.name,
                // Of several kinds of draws the one that it stands out from least.
                null: nulls.max_by(|one, other| one.p.partial_cmp(&other.p).unwrap_or(std::cmp::Ordering::Equal)),
                p_mcnemar: (measure.name == "net").then(|| changes.p_value()),
                estimate,
            })
        };
        MEASURES.iter().filter_map(row).collect()
    }

    fn drawn(&self, measure: &Measure, of: &[usize], stratum: Option<usize>) -> Option<f64> {
        self.sums(measure, &self.inside(of, stratum)).value(measure)
    }

    fn inside(&self, of: &[usize], stratum: Option<usize>) -> Vec<&Effect> {
        let all = of.iter().map(|&at| &self.effects.rows[at]);
        all.filter(|effect| stratum.is_none_or(|stratum| effect.strata.contains(&Some(stratum)))).collect()
    }

    fn sums(&self, measure: &Measure, effects: &[&Effect]) -> Sums {
        Sums::of(measure, effects.iter().copied(), self.effects.images, |effect| self.chance[effect.item])
    }
}

/// What a guess gets right, item by item: one of the options; or, where the question asks for something else than the relation
/// itself and there are fewer objects in the image, one of these, each of which has the attribute asked for.
pub fn chance(frames: &Frames, options: &[usize]) -> Vec<f64> {
    let items = &frames.items;
    let of = |item: usize| {
        let relation = items.relation[item].as_deref().is_some_and(|relation| relation == items.gold[item]);
        let objects = Some(items.objects[item].len()).filter(|objects| *objects > 0 && !relation);
        let choices = objects.map_or(options[item], |objects| objects.min(options[item]));
        1.0 / choices.max(1) as f64
    };
    (0..items.len()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::frames::{Items, Sighting};

    #[test]
    fn chance_is_one_of_the_options_or_of_the_fewer_objects() {
        let mut items = Items::default();
        let rows = [("left", "left", 2), ("left", "red", 3), ("direction", "left", 5), ("count", "4", 0)];
        for (number, (relation, gold, objects)) in rows.into_iter().enumerate() {
            items.id.push(number.to_string());
            items.relation.push(Some(relation.into()));
            items.gold.push(gold.into());
            items.objects.push((0..objects).map(|_| Sighting::default()).collect());
        }
        let frames = Frames { items, ..Frames::default() };
        assert_eq!(chance(&frames, &[4, 8, 2, 4]), [1.0 / 4.0, 1.0 / 3.0, 1.0 / 2.0, 1.0 / 4.0]);
    }
}
