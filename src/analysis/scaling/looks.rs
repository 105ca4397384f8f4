//! `tables/scaling_looks`: how much of the attention goes to the image, and how evenly, under each scaling.

use super::case::{Case, Scaled};
use crate::analysis::Table;
use crate::analysis::frames::Answered;
use crate::stats::{Interval, Replicates, mean};

/// One measure of one layer, or of the mean over layers, under one scaling.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub design: String,
    pub dataset: String,
    pub operator: String,
    pub alpha: f64,
    /// -1: the mean over layers.
    pub layer: i16,
    /// "image_share", "entropy".
    pub measure: &'static str,
    /// `None` where no item looks at the image at all.
    pub value: Option<f64>,
    pub interval: Option<Interval>,
    pub n: u32,
}

/// A name, and of an answer its numbers by layer.
type Measure = (&'static str, fn(&Answered) -> &Vec<f64>);

const MEASURES: [Measure; 2] = [("image_share", |said| &said.image_share), ("entropy", |said| &said.entropy)];

/// None where attention was not recorded.
pub fn rows(case: &Case<'_>, bootstrap: usize, seed: u64) -> Vec<Row> {
    let replicates = Replicates::draw(&case.images, bootstrap, seed);
    let mut rows = Vec::new();
    for scaled in &case.scalings {
        for (measure, of) in MEASURES {
            let layers = scaled.said.iter().map(|said| of(said).len()).min().unwrap_or(0);
            let numbers = |layer: Option<usize>| -> Vec<f64> {
                let one = |said: &&Answered| match layer {
                    Some(layer) => of(said)[layer],
                    None => mean(&of(said).iter().copied().filter(|x| x.is_finite()).collect::<Vec<_>>())
                        .unwrap_or(f64::NAN),
                };
                scaled.said.iter().map(one).collect()
            };
            let each = (layers > 0).then_some(None).into_iter().chain((0..layers).map(Some));
            for layer in each {
                let values = numbers(layer);
                let there: Vec<u32> = (0..values.len()).filter(|&n| values[n].is_finite()).map(|n| n as u32).collect();
                let draws = replicates.sums(&values, &there);
                let known: Vec<f64> = there.iter().map(|&n| values[n as usize]).collect();
                rows.push(Row {
                    layer: layer.map_or(-1, |layer| layer as i16),
                    measure,
                    value: mean(&known),
                    n: there.len() as u32,
                    interval: Interval::of_draws(draws.into_iter().filter_map(|sum| sum.mean())),
                    ..labels(case, scaled)
                });
            }
        }
    }
    rows
}

fn labels(case: &Case<'_>, scaled: &Scaled<'_>) -> Row {
    Row {
        design: case.design.into(),
        dataset: case.dataset.into(),
        operator: scaled.operator.into(),
        alpha: scaled.alpha,
        layer: -1,
        measure: "",
        value: None,
        interval: None,
        n: case.items.len() as u32,
    }
}

/// The rows as a table.
pub fn table(rows: &[Row]) -> Table {
    Table::new()
        .text("design", rows.iter().map(|row| &row.design))
        .text("dataset", rows.iter().map(|row| &row.dataset))
        .text("operator", rows.iter().map(|row| &row.operator))
        .number("alpha", rows.iter().map(|row| Some(row.alpha)))
        .layer_or_head("layer", rows.iter().map(|row| row.layer))
        .text("measure", rows.iter().map(|row| row.measure))
        .number("value", rows.iter().map(|row| row.value))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .count("n", rows.iter().map(|row| row.n))
}
