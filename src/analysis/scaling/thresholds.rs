//! `tables/scaling_thresholds`: what a gate would give at every threshold, and which were chosen.

use super::case::Case;
use super::choose::cross_validated;
use super::gate::GateSpec;
use super::method::{GRID, RULES, at_grid, certainty, gated, same_dataset, sides};
use super::tally::rounding;
use crate::analysis::Table;
use crate::analysis::scoring::{Gate, Rounding};
use crate::stats::{Interval, wilson};

/// A gate at a threshold, scored by one rule.
struct Row {
    labels: [String; 3],
    signal: &'static str,
    rounding: &'static str,
    rule: &'static str,
    threshold: f64,
    n: u32,
    right: u32,
    unsure: u32,
    /// Folds of the cross-validation that chose it.
    folds: u32,
    /// Whether it is the one that the study names.
    named: bool,
}

/// Every threshold of every gate; None where there is no gate that could be tried.
pub fn table(cases: &[Case<'_>], gates: &[GateSpec], seed: u64) -> Option<Table> {
    let mut rows = Vec::new();
    for case in cases {
        for gate in
            gates.iter().filter(|gate| gate.dataset.as_deref().is_none_or(|name| same_dataset(name, case.dataset)))
        {
            rows.extend(of(case, gate, seed));
        }
    }
    let interval = |row: &Row| -> Option<Interval> { wilson(row.right as usize, row.n as usize) };
    (!rows.is_empty()).then(|| {
        Table::new()
            .text("design", rows.iter().map(|row| &row.labels[0]))
            .text("dataset", rows.iter().map(|row| &row.labels[1]))
            .text("gate", rows.iter().map(|row| &row.labels[2]))
            .text("signal", rows.iter().map(|row| row.signal))
            .text("rounding", rows.iter().map(|row| row.rounding))
            .text("rule", rows.iter().map(|row| row.rule))
            .number("threshold", rows.iter().map(|row| Some(row.threshold)))
            .count("n", rows.iter().map(|row| row.n))
            .count("n_right", rows.iter().map(|row| row.right))
            .number("accuracy", rows.iter().map(|row| Some(f64::from(row.right) / f64::from(row.n.max(1)))))
            .interval("ci_", rows.iter().map(interval))
            .count("unsure", rows.iter().map(|row| row.unsure))
            .count("folds", rows.iter().map(|row| row.folds))
            .count("named", rows.iter().map(|row| u32::from(row.named)))
    })
}

fn of(case: &Case<'_>, gate: &GateSpec, seed: u64) -> Vec<Row> {
    let (Some(sides), Some(sure)) = (sides(case, gate), certainty(case, gate)) else { return Vec::new() };
    let mut rows = Vec::new();
    for how in [Rounding::None, Rounding::TwoDecimals] {
        let grid: Vec<Gate> = (0..=GRID).filter_map(|step| at_grid(step, how)).collect();
        for rule in RULES {
            let right: Vec<Vec<bool>> = grid.iter().map(|at| case.right(rule, &gated(*at, &sure, sides))).collect();
            let chosen = cross_validated(&right, &case.images, gate.folds, seed).map_or(Vec::new(), |one| one.of_fold);
            for (step, at) in grid.iter().enumerate() {
                let threshold = step as f64 / GRID as f64;
                rows.push(Row {
                    labels: [case.design.into(), case.dataset.into(), gate.name.clone()],
                    signal: gate.signal.name(),
                    rounding: rounding(how),
                    rule: rule.name(),
                    threshold,
                    n: case.items.len() as u32,
                    right: right[step].iter().filter(|&&right| right).count() as u32,
                    unsure: sure.iter().filter(|&&sure| at.is_unsure(sure)).count() as u32,
                    folds: chosen.iter().filter(|&&choice| choice == step).count() as u32,
                    named: gate.threshold.is_some_and(|named| (named - threshold).abs() < 0.5 / GRID as f64),
                });
            }
        }
    }
    rows
}
