//! The alignment table.

use super::evidence::{Estimate, Verdict};
use crate::analysis::Table;
use crate::analysis::frames::Cell;
use crate::stats::Interval;

/// One line: a metric of one target in one layer and head, over one stratum.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub cell: Cell,
    pub metric: &'static str,
    pub target: String,
    pub stratum: String,
    pub verdict: Verdict,
    /// Corrected for the layers (and heads) of the family; `None` where the AUROC is undefined.
    pub p_max: Option<f64>,
}

impl Row {
    pub(super) fn new(cell: Cell, metric: &'static str, target: &str, stratum: &str) -> Self {
        Self { cell, metric, target: target.into(), stratum: stratum.into(), verdict: Verdict::default(), p_max: None }
    }

    /// The table as documented in [`super`].
    pub(super) fn table(rows: &[Self]) -> Table {
        let each = |of: fn(&Verdict) -> Option<f64>| rows.iter().map(move |row| of(&row.verdict));
        let range = |of: fn(&Verdict) -> Option<Interval>| rows.iter().map(move |row| of(&row.verdict));
        let estimate = |table: Table, name: &str, of: fn(&Verdict) -> Estimate| {
            table
                .number(name, rows.iter().map(|row| of(&row.verdict).value))
                .interval(&format!("{name}_"), rows.iter().map(|row| of(&row.verdict).interval))
        };
        let mut table = Table::new()
            .layer_or_head("layer", rows.iter().map(|row| row.cell.layer))
            .layer_or_head("head", rows.iter().map(|row| row.cell.head))
            .text("metric", rows.iter().map(|row| row.metric))
            .text("target", rows.iter().map(|row| &row.target))
            .text("stratum", rows.iter().map(|row| &row.stratum))
            .count("n_right", rows.iter().map(|row| row.verdict.n_right))
            .count("n_wrong", rows.iter().map(|row| row.verdict.n_wrong));
        table = estimate(table, "value", |verdict| verdict.value);
        table = estimate(table, "value_right", |verdict| verdict.value_right);
        table = estimate(table, "value_wrong", |verdict| verdict.value_wrong);
        table = estimate(table, "null_value", |verdict| verdict.random_value);
        table
            .number("other_value", each(|verdict| verdict.other_value.value))
            .number("auroc", each(|verdict| verdict.auroc.value))
            .interval("ci_", range(|verdict| verdict.auroc.interval))
            .interval("null_", range(|verdict| verdict.random_auroc))
            .interval("other_", range(|verdict| verdict.other_auroc))
            .number("r_pb", each(|verdict| verdict.r_pb))
            .number("p", each(|verdict| verdict.p))
            .number("p_max", rows.iter().map(|row| row.p_max))
    }
}
