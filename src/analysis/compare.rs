//! Two runs on the same items: which of them answers right more often?
//!
//! # What it measures
//! Accuracy of each run, and the difference, over all items and by relation: a model against the one that lacks a part, a question
//! put in two ways, a device against another.
//!
//! # Formula
//! Difference: mean of (right in the second) - (right in the first). Interval: 95 % percentile bootstrap over clusters (items of one
//! set, or else of one image, are drawn together), paired: both runs' answers to an item are drawn together. p: exact McNemar,
//! over items; where items of a set depend on each other, the interval is the one to trust.
//!
//! # Reads
//! `frames/items` of both: item, question, options, gold, image, set, relation, familiarity, correct.
//!
//! # Writes
//! Nothing: the rows are returned.
//!
//! # Controls
//! None of its own: a run against itself gives a difference of 0 everywhere.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::frames::Items;
use crate::error::{Error, Result};
use crate::stats::{Changes, Interval, Replicates};

/// One group of items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// "all", a relation, or a familiarity.
    pub stratum: String,
    pub items: usize,
    pub clusters: usize,
    /// Items that each run answers right.
    pub right: [usize; 2],
    /// Second less first.
    pub difference: f64,
    /// None where there is one cluster.
    pub interval: Option<Interval>,
    /// Right in the second run alone, and in the first alone.
    pub gained: usize,
    pub lost: usize,
    /// Exact McNemar.
    pub p: f64,
}

/// How often to draw, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    pub count: usize,
    pub seed: u64,
}

/// Compares item by item; the order of items may differ.
///
/// # Errors
/// An item that only one run has, or that asks or expects something else there.
pub fn compare(first: &Items, second: &Items, draws: Draws) -> Result<Vec<Difference>> {
    let there: HashMap<&str, usize> = second.id.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
    let help = "both runs must have recorded the same items: the same --dataset, --limit and --skip-bad-items";
    if let Some(id) = second.id.iter().find(|id| !first.id.contains(id)) {
        return Err(Error::data(format!("item `{id}` is in the second run alone")).with_help(help));
    }
    let mut pairs = Vec::with_capacity(first.len());
    for (row, id) in first.id.iter().enumerate() {
        let other = *there
            .get(id.as_str())
            .ok_or_else(|| Error::data(format!("item `{id}` is in the first run alone")).with_help(help))?;
        let asked = |items: &Items, row: usize| (items.question[row].clone(), items.gold[row].clone());
        let (one, two) = (asked(first, row), asked(second, other));
        if one != two {
            let message = format!("item `{id}` is {one:?} in the first run and {two:?} in the second");
            return Err(Error::data(message).with_help("question and right answer must be the same in both runs"));
        }
        pairs.push((first.correct[row], second.correct[other]));
    }
    let clusters = clusters(first);
    let replicates = Replicates::draw(&clusters, draws.count, draws.seed);
    let gains: Vec<f64> =
        pairs.iter().map(|(one, two)| f64::from(u8::from(*two)) - f64::from(u8::from(*one))).collect();
    Ok(strata(first)
        .into_iter()
        .map(|(stratum, rows)| {
            let of_rows = || rows.iter().map(|&row| row as usize);
            let changes = Changes::of(of_rows().map(|row| pairs[row]));
            let number = of_rows().map(|row| clusters[row]).collect::<BTreeSet<_>>().len();
            let means = || replicates.sums(&gains, &rows).into_iter().filter_map(|sum| sum.mean());
            Difference {
                stratum,
                items: rows.len(),
                clusters: number,
                right: [changes.right_before, changes.right_before + changes.fixed - changes.broken],
                difference: changes.net().unwrap_or_default(),
                interval: (number > 1).then(|| Interval::of_draws(means())).flatten(),
                gained: changes.fixed,
                lost: changes.broken,
                p: changes.p_value(),
            }
        })
        .collect())
}

/// The cluster of each item: its set, or else its image.
fn clusters(items: &Items) -> Vec<usize> {
    let mut numbers: HashMap<(&str, bool, &str), usize> = HashMap::new();
    let name = |row: usize| match &items.set[row] {
        Some(set) => (items.dataset[row].as_str(), true, set.as_str()),
        None => (items.dataset[row].as_str(), false, items.image[row].as_str()),
    };
    (0..items.len())
        .map(|row| {
            let next = numbers.len();
            *numbers.entry(name(row)).or_insert(next)
        })
        .collect()
}

/// All items, then those of each relation and of each familiarity, where there are several.
fn strata(items: &Items) -> Vec<(String, Vec<u32>)> {
    let mut strata = vec![("all".to_owned(), (0..items.len() as u32).collect())];
    for column in [&items.relation, &items.familiarity] {
        let names: BTreeSet<&str> = column.iter().flatten().map(String::as_str).collect();
        for name in names.iter().filter(|_| names.len() > 1) {
            let rows = (0u32..).zip(column).filter(|(_, value)| value.as_deref() == Some(name));
            strata.push(((*name).to_owned(), rows.map(|(row, _)| row).collect()));
        }
    }
    strata
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::ImageGeometry;

    const DRAWS: Draws = Draws { count: 400, seed: 1 };

    /// Sets of two items; relations take turns.
    fn items(correct: &[bool]) -> Items {
        let each = |text: &dyn Fn(usize) -> String| (0..correct.len()).map(text).collect::<Vec<_>>();
        Items {
            id: each(&|row| format!("item-{row}")),
            dataset: each(&|_| "d".into()),
            image: each(&|row| format!("{row}.png")),
            question: each(&|row| format!("Where is {row}?")),
            options: vec![Vec::new(); correct.len()],
            gold: each(&|_| "left".into()),
            relation: (0..correct.len()).map(|row| Some(["left", "above"][row % 2].into())).collect(),
            familiarity: vec![None; correct.len()],
            answer: each(&|_| "left".into()),
            correct: correct.to_vec(),
            confidence: vec![None; correct.len()],
            pair: vec![None; correct.len()],
            set: (0..correct.len()).map(|row| Some(format!("set-{}", row / 2))).collect(),
            geometry: vec![ImageGeometry::UNKNOWN; correct.len()],
            moments: vec![1; correct.len()],
            objects: vec![Vec::new(); correct.len()],
        }
    }

    #[test]
    fn a_planted_difference_is_found_and_none_is_none() {
        // Of the second relation, three of four wrong answers are put right.
        let first: Vec<bool> = (0..80).map(|row| row % 2 == 0).collect();
        let second: Vec<bool> = (0..80).map(|row| row % 2 == 0 || row % 8 != 1).collect();
        let [first, second] = [items(&first), items(&second)];
        let rows = compare(&first, &second, DRAWS).unwrap();
        let [all, above, left] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((all.items, all.clusters, all.right, all.gained, all.lost), (80, 40, [40, 70], 30, 0));
        assert_eq!((above.stratum.as_str(), above.difference, left.difference), ("above", 0.75, 0.0));
        let interval = above.interval.unwrap();
        assert!(interval.lo > 0.55 && interval.lo < 0.7 && interval.hi > 0.8, "{interval:?}");
        assert!(all.p < 1e-8 && left.p == 1.0);
        let none = compare(&first, &first, DRAWS).unwrap();
        assert!(none.iter().all(|row| row.difference == 0.0 && row.interval.unwrap().hi == 0.0 && row.p == 1.0));
    }

    #[test]
    fn chance_differences_are_covered() {
        // Two coins of the same bias: about one interval in twenty leaves out 0.
        let coins = |from: u32| -> Vec<bool> {
            (0..120u32)
                .map(|row| (row + from).wrapping_mul(2_654_435_761).wrapping_mul(row ^ 40_503) >> 31 == 0)
                .collect()
        };
        let missed = (0..60).filter(|&turn| {
            let [first, second] = [items(&coins(2 * turn + 1)), items(&coins(1000 + 2 * turn))];
            let interval = compare(&first, &second, DRAWS).unwrap()[0].interval.unwrap();
            interval.lo > 0.0 || interval.hi < 0.0
        });
        let missed = missed.count();
        assert!(missed <= 9, "{missed} of 60");
    }

    #[test]
    fn other_items_are_refused_by_name() {
        let (first, mut second) = (items(&[true, false]), items(&[true, false]));
        second.gold[1] = "right".into();
        assert!(compare(&first, &second, DRAWS).unwrap_err().to_string().contains("item `item-1` is"));
        second.id[1] = "other".into();
        assert!(
            compare(&first, &second, DRAWS).unwrap_err().to_string().contains("`other` is in the second run alone")
        );
        assert!(compare(&first, &items(&[true]), DRAWS).unwrap_err().to_string().contains("in the first run alone"));
    }
}
