//! Which items should a reader look at?
//!
//! # What it measures
//! Nothing new: it picks the items in which attention sits best and worst on the objects, among right and among wrong
//! answers, so that the figures behind the averages can be seen one by one.
//!
//! # Formula
//! Items are ranked by one metric (`analysis.gallery_metric`, target "objects", mean over heads) in the layer where that
//! metric exceeds its random boxes most; equals keep dataset order. The first and last few of the right and of the wrong
//! items are taken (`analysis.gallery` of each); no item is taken twice.
//!
//! # Reads
//! As `tables/alignment`, and its rows.
//!
//! # Writes
//! `tables/gallery`: item, layer, head, query, metric, score, kind ("right, best aligned", "right, worst aligned",
//! "wrong, best aligned", "wrong, worst aligned"). Empty where no item has boxes.
//!
//! # Controls
//! Best and worst come in equal numbers from both classes; a gallery shows what happens, never how often.
//!
//! # Paper
//! Chen et al., ICML 2025, shows overlays of single layers for right and wrong answers.

use super::alignment::{Metric, Ranked, Row as Aligned, targets};
use super::frames::{Cell, MEAN};
use super::{Frames, Params, Results, Table};
use crate::error::Result;

struct Pick {
    item: usize,
    score: f64,
    kind: &'static str,
}

/// Computes `tables/gallery` from the frames and the rows of `alignment`.
pub fn run(frames: &Frames, params: &Params, results: &mut Results) -> Result<Table> {
    let metric = params.gallery_metric;
    let best = best_aligned_layer(&results.alignment, metric);
    let at = best.and_then(|best| frames.attention.mean_cells().find(|(_, cell)| *cell == best.cell));
    let (cell, picks) = match at {
        Some((at, cell)) => (cell, picks(frames, &scores(frames, at, metric), params.gallery)),
        None => (Cell { layer: 0, head: MEAN }, Vec::new()),
    };
    Ok(Table::new()
        .text("item", picks.iter().map(|pick| &frames.items.id[pick.item]))
        .layer_or_head("layer", picks.iter().map(|_| cell.layer))
        .layer_or_head("head", picks.iter().map(|_| cell.head))
        .text("query", picks.iter().map(|_| &frames.attention.query))
        .text("metric", picks.iter().map(|_| metric.name()))
        .number("score", picks.iter().map(|pick| Some(pick.score)))
        .text("kind", picks.iter().map(|pick| pick.kind)))
}

/// The layer (mean over heads) in which attention exceeds random boxes of the same size most; `None` without boxes.
pub(super) fn best_aligned_layer(rows: &[Aligned], metric: Metric) -> Option<&Aligned> {
    let above_null = |row: &&Aligned| Some(row.verdict.value.value? - row.verdict.random_value.value?);
    rows.iter()
        .filter(|row| row.cell.head == MEAN && row.metric == metric.name())
        .filter(|row| row.target == "objects" && row.stratum == "all")
        .filter_map(|row| Some((above_null(&row)?, row)))
        // The first of equals.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, row)| row)
}

/// The metric of every item in one cell, NaN where it is undefined.
fn scores(frames: &Frames, at: usize, metric: Metric) -> Vec<f64> {
    let objects = &targets(&frames.items)[0];
    let place = Metric::ALL.iter().position(|one| *one == metric).unwrap_or(0);
    let score = |item| {
        let mask = objects.mask(&frames.items, item)?;
        Some(Ranked::new(frames.attention.row(at, item)).against(&mask)[place])
    };
    (0..frames.items.len()).map(|item| score(item).unwrap_or(f64::NAN)).collect()
}

fn picks(frames: &Frames, scores: &[f64], each: usize) -> Vec<Pick> {
    let mut picks = Vec::new();
    for (right, [best, worst]) in [
        (true, ["right, best aligned", "right, worst aligned"]),
        (false, ["wrong, best aligned", "wrong, worst aligned"]),
    ] {
        let chosen = |item: &usize| frames.items.correct[*item] == right && !scores[*item].is_nan();
        let mut items: Vec<usize> = (0..scores.len()).filter(chosen).collect();
        items.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let top = each.min(items.len().div_ceil(2));
        let bottom = each.min(items.len() - top);
        let pick = |kind| move |&item: &usize| Pick { item, score: scores[item], kind };
        picks.extend(items[..top].iter().map(pick(best)));
        picks.extend(items[items.len() - bottom..].iter().rev().map(pick(worst)));
    }
    picks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::frames::Items;

    #[test]
    fn best_and_worst_of_both_classes_once_each() {
        let correct = vec![true, false, true, true, false, true, true];
        let frames = Frames { items: Items { correct, ..Items::default() }, ..Frames::default() };
        let scores = [0.1, 0.5, 0.9, f64::NAN, 0.2, 0.9, 0.3];
        let picked: Vec<(usize, &str)> = picks(&frames, &scores, 2).iter().map(|pick| (pick.item, pick.kind)).collect();
        assert_eq!(
            picked,
            [
                (2, "right, best aligned"),
                (5, "right, best aligned"),
                (0, "right, worst aligned"),
                (6, "right, worst aligned"),
                (1, "wrong, best aligned"),
                (4, "wrong, worst aligned"),
            ]
        );
    }
}
