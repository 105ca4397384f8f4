//! How much of a query's attention goes where?
//!
//! # What it measures
//! The share of one query's attention that each group of positions receives, per layer and head: BOS, text, the last
//! position itself, the image as a whole, all objects together, each object, and the rest of the image (background).
//!
//! # Formula
//! Mean over items of the sum of attention weights on the group's positions; a patch partly covered by an object counts
//! for it by the covered share of its area. `bos + text + last + image = 1`. Over items with boxes,
//! `objects + background = image`.
//!
//! # Reads
//! `frames/items`: item, image. `frames/attention`: item, layer, head, query, and one column a group.
//!
//! # Writes
//! `tables/attention_share`: layer, head (-1: mean over heads), group, share, ci_lo, ci_hi, n. Items without boxes have
//! neither objects nor background and are left out of these groups (n says how many are left).
//!
//! # Controls
//! 95 % intervals by bootstrap over images. Whether attention to the objects is more than their area would draw is
//! answered by `tables/alignment`.
//!
//! # Paper
//! Chen et al., ICML 2025 ("VLMs allocate sparse attention to the image"), there without objects or intervals.

use rayon::prelude::*;

use super::frames::Cell;
use super::{Frames, Params, Results, Table};
use crate::error::Result;
use crate::stats::{Interval, Replicates, Sum};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub cell: Cell,
    pub group: String,
    pub share: f64,
    pub interval: Option<Interval>,
    pub n: u32,
}

/// Computes `tables/attention_share` and leaves its rows in `results`.
pub fn run(frames: &Frames, params: &Params, results: &mut Results) -> Result<Table> {
    let replicates = Replicates::draw(&frames.items.clusters(), params.bootstrap, params.seed);
    let objects = (1..=frames.items.most_objects()).map(|k| format!("object_{k}"));
    let groups: Vec<String> = ["bos", "text", "last", "image", "objects"]
        .map(String::from)
        .into_iter()
        .chain(objects)
        .chain([String::from("background")])
        .collect();
    let of_cell = |at: usize| {
        let row = |group: &String| {
            let shares = frames.attention.share(group, at);
            let (estimate, interval, n) = mean_with_interval(&shares, &replicates)?;
            Some(Row { cell: frames.attention.cells()[at], group: group.clone(), share: estimate, interval, n })
        };
        groups.iter().filter_map(row).collect::<Vec<_>>()
    };
    let rows: Vec<Row> = (0..frames.attention.cells().len()).into_par_iter().flat_map_iter(of_cell).collect();
    let table = Table::new()
        .layer_or_head("layer", rows.iter().map(|row| row.cell.layer))
        .layer_or_head("head", rows.iter().map(|row| row.cell.head))
        .text("group", rows.iter().map(|row| &row.group))
        .number("share", rows.iter().map(|row| Some(row.share)))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .count("n", rows.iter().map(|row| row.n));
    results.attention_share = rows;
    Ok(table)
}

/// Mean over the items that have a value, its 95 % interval (`None` from a single item), and how many they are.
pub(super) fn mean_with_interval(values: &[f64], replicates: &Replicates) -> Option<(f64, Option<Interval>, u32)> {
    let known: Vec<u32> = (0..).zip(values).filter(|(_, value)| !value.is_nan()).map(|(item, _)| item).collect();
    let mean = Sum::over(values, known.iter().copied()).mean()?;
    let interval = (known.len() >= 2)
        .then(|| Interval::of_draws(replicates.sums(values, &known).into_iter().filter_map(Sum::mean)))
        .flatten();
    Some((mean, interval, known.len() as u32))
}
