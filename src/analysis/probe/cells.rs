//! The mean over the cells of a layout map: over all of them, over those that an object touches, over the background.

use std::collections::BTreeMap;

use ndarray::concatenate;

use super::context::Context;
use super::judge::distances;
use super::outcome::{CellMean, Null, Outcome};
use super::row::{Control, Key, Row};
use super::score::{Estimate, Predictions};
use crate::stats::{Interval, mean};
use crate::study::{FitMode, Split};

/// Adds the means over cells, and the map itself, to what the cells of one group at one site gave. All cells are judged on
/// the same images, so the bootstrap draws them together.
pub fn means(context: &Context, cells: &[Outcome], primary: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut groups: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
    for cell in cells {
        if let Some(row) = cell.rows.iter().find(|row| row.key.cell.is_some()) {
            groups.entry(&row.key.group).or_default().push(cell);
        }
    }
    for group in groups.into_values() {
        outcome.cells.extend(group.iter().filter_map(|cell| map(cell)));
        let kinds: Vec<Option<bool>> = group.iter().map(|cell| background(cell)).collect();
        // Where all cells are of one kind there is one mean.
        let parts: &[Option<bool>] = match kinds.iter().find(|kind| **kind != kinds[0]) {
            Some(_) => &[None, Some(true), Some(false)],
            None if kinds[0] == Some(true) => &[Some(true)],
            None => &[None],
        };
        for &part in parts {
            let of_part = |cell: &&&Outcome| part.is_none() || background(cell) == part;
            let cells: Vec<&Outcome> = group.iter().filter(of_part).copied().collect();
            mean_of(context, &cells, part, primary, &mut outcome);
        }
    }
    outcome
}

/// Does no object ever touch the cell?
fn background(cell: &Outcome) -> Option<bool> {
    cell.rows.first().and_then(|row| row.key.background)
}

/// A cell of the map: its accuracy on random images.
fn map(cell: &Outcome) -> Option<CellMean> {
    let plain = |row: &&Row| {
        row.control == Control::None
            && row.key.metric == "acc"
            && row.key.fit == FitMode::Standard
            && row.key.split == Split::RandomImage
    };
    let row = cell.rows.iter().find(plain)?;
    Some(CellMean {
        key: row.key.clone(),
        variant: "original".into(),
        cell: row.key.cell?,
        class: "acc".into(),
        prob: row.value?,
        interval: row.interval,
        n: row.counts.n_test,
    })
}

fn mean_of(context: &Context, cells: &[&Outcome], background: Option<bool>, primary: bool, outcome: &mut Outcome) {
    let Some(first) = cells.first().and_then(|cell| cell.rows.first()) else { return };
    for split in &context.asked.splits {
        let held: Vec<&Predictions> = cells.iter().filter_map(|cell| cell.held.get(split)).collect();
        let key =
            Key { cell: None, background, fit: FitMode::Standard, split: *split, metric: "acc", ..first.key.clone() };
        let row = Row::new(key, context.params.seed);
        let Some(together) = joined(&held) else {
            outcome.rows.push(row.undefined("no cell of these could be judged"));
            continue;
        };
        let own = context.resamples.accuracy(&together);
        let counts = super::outcome::counts(&[], &together.image, context.classes());
        let n_train = cells.iter().filter_map(|cell| plain_train(cell, *split)).max().unwrap_or(0);
        let chance = 1.0 / context.classes() as f64;
        let plain = Row { counts: super::row::Counts { n_train, ..counts }, ..row.with_value(&own, chance) };
        outcome.rows.push(plain.clone());
        for kind in [Control::Majority, Control::Pixels, Control::Untrained, Control::ControlContent] {
            let draws: Vec<&Vec<Predictions>> =
                cells.iter().filter_map(|cell| cell.held_controls.get(&(*split, kind))).collect();
            if draws.is_empty() {
                continue;
            }
            if draws.len() < held.len() {
                let reason = format!("defined in {} of {} cells only", draws.len(), held.len());
                outcome.rows.push(plain.without(kind, reason));
                continue;
            }
            let count = draws.iter().map(|draws| draws.len()).min().unwrap_or(0);
            let estimates: Vec<Estimate> = (0..count)
                .filter_map(|draw| joined(&draws.iter().map(|draws| &draws[draw]).collect::<Vec<_>>()))
                .map(|together| context.resamples.accuracy(&together))
                .collect();
            outcome.rows.push(plain.against(kind, &Estimate::average(&estimates), &own));
        }
        if *split == Split::RandomImage {
            shuffled(&plain, &own, cells, primary, outcome);
        }
    }
}

fn plain_train(cell: &Outcome, split: Split) -> Option<u32> {
    Some(cell.rows.iter().find(|row| row.key.split == split && row.value.is_some())?.counts.n_train)
}

fn joined(all: &[&Predictions]) -> Option<Predictions> {
    let views: Vec<_> = all.iter().map(|one| one.prob.view()).collect();
    Some(Predictions {
        image: all.iter().flat_map(|one| one.image.iter().copied()).collect(),
        y: all.iter().flat_map(|one| one.y.iter().copied()).collect(),
        prob: concatenate(ndarray::Axis(0), &views).ok()?,
    })
}

/// The mean over cells of every permutation: labels were exchanged alike in all cells.
fn shuffled(plain: &Row, own: &Estimate, cells: &[&Outcome], primary: bool, outcome: &mut Outcome) {
    let nulls: Vec<&Vec<f64>> =
        cells.iter().map(|cell| &cell.null_accuracies).filter(|null| !null.is_empty()).collect();
    let count = nulls.iter().map(|null| null.len()).min().unwrap_or(0);
    let null: Vec<f64> =
        (0..count).map(|at| nulls.iter().map(|null| null[at]).sum::<f64>() / nulls.len() as f64).collect();
    let Some(centre) = mean(&null) else {
        return outcome.rows.push(plain.without(Control::Shuffled, "no permutation could be fitted"));
    };
    outcome.nulls.push(Null {
        row: outcome.rows.len(),
        observed: (own.value - centre).abs(),
        distances: distances(&null, centre),
        primary,
    });
    outcome.rows.push(Row {
        control: Control::Shuffled,
        control_value: Some(centre),
        control_interval: Interval::of_draws(null.iter().copied()),
        selectivity: Some(own.value - centre),
        selectivity_interval: own.interval.map(|i| Interval { lo: i.lo - centre, hi: i.hi - centre }),
        ..plain.clone()
    });
}
