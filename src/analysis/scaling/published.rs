//! The published table, and beside it what this run gives: `tables/scaling_published`.
//!
//! Numbers of Chen et al. (ICML 2025), as their project page prints them: accuracy in percent on the test part of each set
//! (80 %, drawn with their seed), scored by their code. "F1" of VSR is theirs, which is none; see
//! [`Released`](crate::analysis::scoring::Released).

use super::method::same_dataset;
use super::tally::{Row, interval};
use crate::analysis::Table;
use crate::stats::Interval;

/// The sets, and how many items of each were tested.
const SETS: [(&str, u32); 7] = [
    ("whatsup/controlled-a", 330),
    ("whatsup/controlled-b", 327),
    ("coco-spatial/one", 1798),
    ("coco-spatial/two", 352),
    ("vg-spatial/one", 928),
    ("vg-spatial/two", 233),
    ("vsr/zeroshot-test", 978),
];

/// Model, method, accuracy by set.
const PUBLISHED: [(&str, &str, [f64; 7]); 6] = [
    ("LLaVA-1.5", "untouched", [60.3, 73.1, 53.0, 58.2, 35.9, 40.8, 62.4]),
    ("LLaVA-1.5", "ScalingVis", [64.5, 75.2, 53.6, 59.4, 42.7, 48.1, 64.9]),
    ("LLaVA-1.5", "AdaptVis", [84.9, 83.8, 53.6, 59.9, 42.7, 48.1, 65.0]),
    ("LLaVA-1.6", "untouched", [48.2, 63.0, 59.7, 41.8, 31.6, 7.3, 58.8]),
    ("LLaVA-1.6", "ScalingVis", [97.0, 73.4, 63.1, 47.7, 38.2, 14.6, 59.1]),
    ("LLaVA-1.6", "AdaptVis", [98.2, 73.4, 63.1, 47.7, 35.2, 17.2, 62.7]),
];

/// Of ScalingVis on LLaVA-1.5, the alpha of each set; of AdaptVis, alphas and threshold.
pub const SETTINGS: [(f64, [f64; 3]); 7] = [
    (0.8, [0.5, 1.5, 0.40]),
    (0.8, [0.5, 1.5, 0.35]),
    (1.2, [0.5, 1.2, 0.30]),
    (1.2, [0.5, 1.2, 0.30]),
    (2.0, [0.5, 2.0, 0.20]),
    (2.0, [0.5, 2.0, 0.20]),
    (0.5, [0.5, 1.2, 0.64]),
];

/// Which of the published sets a dataset is.
pub fn set_of(dataset: &str) -> Option<usize> {
    SETS.iter().position(|(name, _)| same_dataset(name, dataset))
}

/// The published settings of a dataset, as a gate.
pub fn gate(dataset: &str) -> Option<(f64, [f64; 3])> {
    set_of(dataset).map(|set| SETTINGS[set])
}

/// A published number and the run's own.
struct Beside<'a> {
    row: &'a Row,
    model: &'static str,
    method: &'static str,
    published: f64,
    n: u32,
}

/// Every published number that the run has a counterpart of, by the released rules; None where there is none.
pub fn table(rows: &[Row]) -> Option<Table> {
    let mut beside = Vec::new();
    for row in rows.iter().filter(|row| row.stratum == "all" && row.n > 0 && row.rule == "substring") {
        let Some(set) = set_of(&row.dataset) else { continue };
        let (alpha, [low, high, threshold]) = SETTINGS[set];
        let method = match row.kind {
            "untouched" => "untouched",
            "alpha" if row.operator == "raw" && row.alpha == Some(alpha) => "ScalingVis",
            "gate" if row.rounding == "two_decimals" => {
                let same = row.signal == "confidence" && row.operator == "raw" && row.threshold_lo == Some(threshold);
                if !(same && row.low == Some(low) && row.high == Some(high)) {
                    continue;
                }
                "AdaptVis"
            }
            _ => continue,
        };
        for (model, _, numbers) in PUBLISHED.iter().filter(|(_, of, _)| *of == method) {
            beside.push(Beside { row, model, method, published: numbers[set] / 100.0, n: SETS[set].1 });
        }
    }
    let ours = |one: &Beside| Some(f64::from(one.row.right) / f64::from(one.row.n));
    let interval = |one: &Beside| -> Option<Interval> { interval(one.row) };
    (!beside.is_empty()).then(|| {
        Table::new()
            .text("design", beside.iter().map(|one| &one.row.design))
            .text("dataset", beside.iter().map(|one| &one.row.dataset))
            .text("model", beside.iter().map(|one| one.model))
            .text("method", beside.iter().map(|one| one.method))
            .number("published", beside.iter().map(|one| Some(one.published)))
            .count("n_published", beside.iter().map(|one| one.n))
            .number("accuracy", beside.iter().map(ours))
            .interval("ci_", beside.iter().map(interval))
            .count("n", beside.iter().map(|one| one.row.n))
    })
}
