//! VSI-Bench: ten types of questions, eight categories, two averages.

use super::super::frames::Items;
use super::super::scoring::relative::{Bound, first_number, is_letter, mean_relative_accuracy};
use super::{Row, VSI, mean_row};
use crate::error::{Error, Result};
use crate::stats::{Interval, Replicates, mean};

/// The category of its three levels.
const DIRECTION: &str = "object_rel_direction";
const LEVELS: [&str; 3] = ["object_rel_direction_easy", "object_rel_direction_medium", "object_rel_direction_hard"];

/// The other categories, with the measure of each.
const CATEGORIES: [(&str, &str); 7] = [
    ("object_counting", "mra"),
    ("object_abs_distance", "mra"),
    ("object_size_estimation", "mra"),
    ("room_size_estimation", "mra"),
    ("object_rel_distance", "accuracy"),
    ("route_planning", "accuracy"),
    ("obj_appearance_order", "accuracy"),
];

/// A value and its bootstrap replicates.
struct Estimate {
    value: Option<f64>,
    draws: Vec<f64>,
}

/// Types, categories and averages of the items of VSI-Bench; nothing where there are none.
pub(super) fn rows(items: &Items, members: &[u32], replicates: &Replicates) -> Result<Vec<Row>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    let mut scores = vec![0.0; items.len()];
    for &item in members {
        scores[item as usize] = score(items, item as usize)?;
    }
    let of = |kind: &str| -> Vec<u32> {
        members.iter().copied().filter(|item| items.relation[*item as usize].as_deref() == Some(kind)).collect()
    };
    let mut rows = Vec::new();
    let estimate = |members: &[u32]| {
        let own: Vec<f64> = members.iter().map(|item| scores[*item as usize]).collect();
        let draws = replicates.sums(&scores, members).into_iter().map(|sum| sum.total / sum.weight);
        Estimate { value: mean(&own), draws: draws.collect() }
    };
    let mut categories = Vec::new();
    for (kind, metric) in CATEGORIES {
        rows.push(mean_row(VSI, kind, metric, &scores, &of(kind), replicates));
        categories.push(estimate(&of(kind)));
    }
    let levels: Vec<Estimate> = LEVELS.iter().map(|level| estimate(&of(level))).collect();
    for level in LEVELS {
        rows.push(mean_row(VSI, level, "accuracy", &scores, &of(level), replicates));
    }
    let direction = average(&levels);
    let asked = LEVELS.iter().map(|level| of(level).len()).sum();
    rows.push(row(DIRECTION, "accuracy", &direction, asked));
    categories.push(direction);
    rows.push(row("macro", "mean", &average(&categories), members.len()));
    rows.push(mean_row(VSI, "micro", "mean", &scores, members, replicates));
    Ok(rows)
}

/// Undefined where one of them is.
fn average(parts: &[Estimate]) -> Estimate {
    let values: Option<Vec<f64>> = parts.iter().map(|part| part.value).collect();
    let count = parts.iter().map(|part| part.draws.len()).min().unwrap_or(0);
    let draw = |at: usize| parts.iter().map(|part| part.draws[at]).sum::<f64>() / parts.len() as f64;
    Estimate { value: values.and_then(|values| mean(&values)), draws: (0..count).map(draw).collect() }
}

fn row(stratum: &str, metric: &'static str, estimate: &Estimate, n: usize) -> Row {
    Row {
        dataset: VSI.into(),
        stratum: stratum.into(),
        metric,
        value: estimate.value,
        interval: estimate.value.and_then(|_| Interval::of_draws(estimate.draws.iter().copied())),
        n,
    }
}

/// From 0 to 1.
fn score(items: &Items, item: usize) -> Result<f64> {
    let (gold, answer) = (items.gold[item].as_str(), items.answer[item].as_str());
    if !items.options[item].is_empty() {
        return Ok(f64::from(u8::from(is_letter(answer, gold))));
    }
    let right: f64 = gold.parse().ok().filter(|right| *right != 0.0).ok_or_else(|| {
        Error::data(format!("item `{}`: `gold` is `{gold}`, expected a number other than 0", items.id[item]))
    })?;
    Ok(mean_relative_accuracy(first_number(answer), right, Bound::Released))
}
