//! How often is the model right, and how sure is it?
//!
//! # What it measures
//! Accuracy, confidence and answer bias, over all items and within each relation and familiarity.
//!
//! # Formula
//! `accuracy = n_right / n`; `confidence_mean` is the mean of the largest probability over the whole vocabulary at the
//! first answer token; `majority` is the share of the answer given most often.
//!
//! # Reads
//! `frames/items`: relation, familiarity, answer, correct, confidence.
//!
//! # Writes
//! `tables/answers`: stratum, n, n_right, accuracy, ci_lo, ci_hi, confidence_mean, majority.
//!
//! # Controls
//! Wilson's 95 % interval. `majority` is what always giving the favourite answer would look like: a model that is right in
//! one relation because it always says so shows there as accuracy and majority both near 1.
//!
//! # Paper
//! Chen et al., ICML 2025, which compares confidence on familiar and unfamiliar relations.

use std::collections::BTreeMap;

use super::alignment::strata::Strata;
use super::{Frames, Params, Results, Table};
use crate::error::Result;
use crate::stats::{Interval, mean, wilson};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub stratum: String,
    pub n: u32,
    pub n_right: u32,
    pub accuracy: Option<f64>,
    pub interval: Option<Interval>,
    pub confidence_mean: Option<f64>,
    pub majority: Option<f64>,
}

/// Computes `tables/answers` and leaves its rows in `results`.
pub fn run(frames: &Frames, _: &Params, results: &mut Results) -> Result<Table> {
    let strata = Strata::of(&frames.items);
    let rows: Vec<Row> = strata.members().map(|(name, members)| row(frames, name, &members)).collect();
    let table = Table::new()
        .text("stratum", rows.iter().map(|row| &row.stratum))
        .count("n", rows.iter().map(|row| row.n))
        .count("n_right", rows.iter().map(|row| row.n_right))
        .number("accuracy", rows.iter().map(|row| row.accuracy))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .number("confidence_mean", rows.iter().map(|row| row.confidence_mean))
        .number("majority", rows.iter().map(|row| row.majority));
    results.answers = rows;
    Ok(table)
}

fn row(frames: &Frames, stratum: &str, members: &[usize]) -> Row {
    let items = &frames.items;
    let n = members.len();
    let n_right = members.iter().filter(|&&item| items.correct[item]).count();
    let mut given: BTreeMap<&str, usize> = BTreeMap::new();
    for &item in members {
        *given.entry(&items.answer[item]).or_default() += 1;
    }
    let share = |count: usize| (n > 0).then(|| count as f64 / n as f64);
    let confidence: Vec<f64> = members.iter().filter_map(|&item| items.confidence[item]).collect();
    Row {
        stratum: stratum.into(),
        n: n as u32,
        n_right: n_right as u32,
        accuracy: share(n_right),
        interval: wilson(n_right, n),
        confidence_mean: mean(&confidence),
        majority: share(given.into_values().max().unwrap_or(0)),
    }
}
