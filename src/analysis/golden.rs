//! How many units did an intervention have, how many of them could it use, and why not the others?
//!
//! # What it measures
//! For every intervention and direction: units attempted, those answered rightly on either side, on both (golden: the hit
//! rate), those used, and those that were not, by reason. An effect is known only of units that were used: the lower the
//! hit rate, the easier the items that it speaks of.
//!
//! # Formula
//! Counts, and shares of all units of that intervention and direction with Wilson's 95 % interval.
//!
//! # Reads
//! `frames/units`: design, kind, pair_direction, golden, correct_clean, correct_cf, used, reason.
//!
//! # Writes
//! `tables/golden`: one row a (design, pair_direction, what, reason): n, of, share, ci_lo, ci_hi. `what` is "units",
//! "right clean", "right cf", "golden", "used", "dropped" (a row a reason), "partly" (used, but not in every arm; a row a
//! reason).
//!
//! # Controls
//! None: these are counts.
//!
//! # Paper
//! Cui et al. (2026) keep pairs that are right on both sides, and print neither how many there were nor how many were left.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::frames::{Attempt, attempts};
use super::{Frames, Table};
use crate::error::Result;
use crate::stats::wilson;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub design: String,
    pub kind: String,
    pub pair_direction: String,
    pub what: &'static str,
    pub reason: String,
    pub n: usize,
    pub of: usize,
}

/// Counts the units of a run and writes the table into `folder`; returns the files.
///
/// # Errors
/// A frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, folder: &Path) -> Result<[PathBuf; 2]> {
    table(&rows(&attempts(&frames.folder)?)).write(folder, "golden")
}

/// In the order in which the interventions come.
pub fn rows(attempts: &[Attempt]) -> Vec<Row> {
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut units: BTreeMap<(&str, &str), Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        let key = (attempt.design.as_str(), attempt.pair_direction.as_str());
        if !units.contains_key(&key) {
            order.push(key);
        }
        units.entry(key).or_default().push(attempt);
    }
    order.iter().flat_map(|key| of_design(&units[key])).collect()
}

type Flag = fn(&Attempt) -> Option<bool>;

fn of_design(units: &[&Attempt]) -> Vec<Row> {
    let Some(first) = units.first() else { return Vec::new() };
    let row = |what, reason: &str, n| Row {
        design: first.design.clone(),
        kind: first.kind.clone(),
        pair_direction: first.pair_direction.clone(),
        what,
        reason: reason.into(),
        n,
        of: units.len(),
    };
    let mut rows = vec![row("units", "", units.len())];
    let flags: [(_, Flag); 3] =
        [("right clean", |unit| unit.right_clean), ("right cf", |unit| unit.right_cf), ("golden", |unit| unit.golden)];
    for (what, flag) in flags {
        // Nobody asked: no row, rather than a zero.
        if units.iter().any(|unit| flag(unit).is_some()) {
            rows.push(row(what, "", units.iter().filter(|unit| flag(unit) == Some(true)).count()));
        }
    }
    rows.push(row("used", "", units.iter().filter(|unit| unit.used).count()));
    for (what, used) in [("dropped", false), ("partly", true)] {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for unit in units.iter().filter(|unit| unit.used == used && !(used && unit.reason.is_none())) {
            *reasons.entry(unit.reason.as_deref().unwrap_or("not right on both sides")).or_default() += 1;
        }
        rows.extend(reasons.into_iter().map(|(reason, n)| row(what, reason, n)));
    }
    rows
}

fn table(rows: &[Row]) -> Table {
    Table::new()
        .text("design", rows.iter().map(|row| &row.design))
        .text("kind", rows.iter().map(|row| &row.kind))
        .text("pair_direction", rows.iter().map(|row| &row.pair_direction))
        .text("what", rows.iter().map(|row| row.what))
        .text("reason", rows.iter().map(|row| &row.reason))
        .count("n", rows.iter().map(|row| row.n as u32))
        .count("of", rows.iter().map(|row| row.of as u32))
        .number("share", rows.iter().map(|row| Some(row.n as f64 / row.of.max(1) as f64)))
        .interval("ci_", rows.iter().map(|row| wilson(row.n, row.of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_dropped_silently() {
        let unit = |golden: Option<bool>, used, reason: Option<&str>| Attempt {
            design: "cross".into(),
            kind: "patch".into(),
            pair_direction: "clean<-cf".into(),
            golden,
            right_clean: golden,
            right_cf: golden.map(|_| true),
            used,
            reason: reason.map(str::to_owned),
        };
        let rows = rows(&[
            unit(Some(true), true, None),
            unit(Some(true), true, Some("ring_1: no such positions")),
            unit(Some(false), false, None),
            unit(None, false, Some("no counterpart")),
        ]);
        let told: Vec<_> = rows.iter().map(|row| (row.what, row.reason.as_str(), row.n, row.of)).collect();
        assert_eq!(
            told,
            [
                ("units", "", 4, 4),
                ("right clean", "", 2, 4),
                ("right cf", "", 3, 4),
                ("golden", "", 2, 4),
                ("used", "", 2, 4),
                ("dropped", "no counterpart", 1, 4),
                ("dropped", "not right on both sides", 1, 4),
                ("partly", "ring_1: no such positions", 1, 4),
            ]
        );
    }
}
