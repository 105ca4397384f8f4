//! One line of `tables/effects`.

use super::judge::{Estimate, Null};
use crate::analysis::Table;
use crate::analysis::frames::Key;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: Key,
    /// "all", "axis=horizontal", "relation=left", ...
    pub stratum: String,
    pub measure: &'static str,
    pub estimate: Estimate,
    pub null: Option<Null>,
    pub p_mcnemar: Option<f64>,
}

impl Row {
    pub fn table(rows: &[Self]) -> Table {
        let null = |of: fn(Null) -> f64| rows.iter().map(move |row| row.null.map(of)).collect::<Vec<_>>();
        keyed(Table::new(), rows.iter().map(|row| &row.key))
            .text("stratum", rows.iter().map(|row| &row.stratum))
            .text("measure", rows.iter().map(|row| row.measure))
            .number("value", rows.iter().map(|row| row.estimate.value))
            .interval("ci_", rows.iter().map(|row| row.estimate.interval))
            .count("n", rows.iter().map(|row| row.estimate.n))
            .count("images", rows.iter().map(|row| row.estimate.images))
            .count("undefined", rows.iter().map(|row| row.estimate.undefined))
            .number("null_lo", null(|null| null.range.lo))
            .number("null_hi", null(|null| null.range.hi))
            .count("null_draws", rows.iter().map(|row| row.null.map_or(0, |null| null.draws)))
            .number("p_null", rows.iter().map(|row| row.null.and_then(|null| null.p)))
            .number("p_mcnemar", rows.iter().map(|row| row.p_mcnemar))
    }
}

/// The columns that say what a row is about.
pub(super) fn keyed<'a>(table: Table, keys: impl Iterator<Item = &'a Key> + Clone) -> Table {
    table
        .text("design", keys.clone().map(|key| &key.design))
        .text("kind", keys.clone().map(|key| &key.kind))
        .text("arm", keys.clone().map(|key| &key.arm))
        .text("pair_direction", keys.clone().map(|key| &key.pair_direction))
        .text("site", keys.clone().map(|key| &key.site))
        .layer_or_head("slot", keys.clone().map(|key| key.slot))
        .count("window", keys.clone().map(|key| u32::from(key.window)))
        .text("group", keys.clone().map(|key| &key.group))
        .text("edge", keys.clone().map(|key| &key.edge))
        .number("dose", keys.clone().map(Key::dose))
        .text("basis", keys.clone().map(|key| &key.basis))
        .text("control", keys.map(|key| &key.control))
}
