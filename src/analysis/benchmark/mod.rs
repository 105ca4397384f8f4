//! How does the model do on the published benchmarks of spatial understanding in videos, as they score themselves?
//!
//! # What it measures
//! VSI-Bench, ScanQA and SQA3D, in the measures of their papers, beside numbers that were published.
//!
//! # Formula
//! VSI-Bench: accuracy of options, mean relative accuracy of numbers ([`relative`](super::scoring::relative)); *micro*, the mean over all items; *macro*, the
//! mean over the eight categories, of which relative direction is the mean of its three levels. ScanQA and SQA3D: exact match and
//! refined exact match ([`free_text`](super::scoring::free_text)).
//!
//! # Reads
//! `frames/items`: dataset, image, relation, options, gold (several right texts divided by " | "), answer.
//!
//! # Writes
//! `tables/benchmark`: dataset, model ("this run" or the name of a published one), source, stratum, metric, value (percent), ci_lo,
//! ci_hi, n. Only where a run has items of these benchmarks.
//!
//! # Controls
//! Intervals by bootstrap over videos. A category without items is undefined, and so is then the macro average; the released code
//! counts it 0.
//!
//! # Paper
//! Yang et al., CVPR 2025; Azuma et al., CVPR 2022; Ma et al., ICLR 2023; published numbers: Wu et al. 2025 (Spatial-MLLM).

mod published;
mod vsi;

use std::path::{Path, PathBuf};

pub use published::{Published, published};

use super::scoring::free_text;
use super::{Frames, Params, Table};
use crate::error::Result;
use crate::stats::{Interval, Replicates, mean};

/// What a row's model is called where it is the one of the run.
pub const THIS_RUN: &str = "this run";

/// The benchmarks, as a study names them.
const VSI: &str = "vsi-bench/test";
const FREE: [&str; 2] = ["scanqa/val", "sqa3d/test"];

/// Between right texts in `gold`.
pub const BETWEEN: &str = " | ";

#[derive(Clone, Debug, PartialEq)]
struct Row {
    dataset: String,
    stratum: String,
    metric: &'static str,
    /// From 0 to 1.
    value: Option<f64>,
    interval: Option<Interval>,
    n: usize,
}

/// Whether a run has anything of these benchmarks.
pub fn applies(frames: &Frames) -> bool {
    frames.items.dataset.iter().any(|dataset| dataset == VSI || FREE.contains(&dataset.as_str()))
}

/// Writes `tables/benchmark`.
///
/// # Errors
/// A number of VSI-Bench that is none; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let rows = rows(frames, params)?;
    let mut published = published();
    published.retain(|one| rows.iter().any(|row| row.dataset == one.dataset));
    let percent = |value: f64| 100.0 * value;
    let blank = published.len();
    let table = Table::new()
        .text("dataset", rows.iter().map(|row| row.dataset.as_str()).chain(published.iter().map(|one| one.dataset)))
        .text("model", rows.iter().map(|_| THIS_RUN).chain(published.iter().map(|one| one.model)))
        .text("source", rows.iter().map(|_| "").chain(published.iter().map(|one| one.source)))
        .text("stratum", rows.iter().map(|row| row.stratum.as_str()).chain(published.iter().map(|one| one.stratum)))
        .text("metric", rows.iter().map(|row| row.metric).chain(published.iter().map(|one| one.metric)))
        .number(
            "value",
            rows.iter().map(|row| row.value.map(percent)).chain(published.iter().map(|one| Some(one.value))),
        )
        .interval(
            "ci_",
            rows.iter()
                .map(|row| row.interval.map(|i| Interval { lo: percent(i.lo), hi: percent(i.hi) }))
                .chain(std::iter::repeat_n(None, blank)),
        )
        .number("n", rows.iter().map(|row| Some(row.n as f64)).chain(std::iter::repeat_n(None, blank)));
    Ok(table.write(folder, "benchmark")?.to_vec())
}

fn rows(frames: &Frames, params: &Params) -> Result<Vec<Row>> {
    let items = &frames.items;
    let replicates = Replicates::draw(&items.clusters(), params.bootstrap, params.seed);
    let of = |dataset: &str| -> Vec<u32> {
        (0..items.len() as u32).filter(|item| items.dataset[*item as usize] == dataset).collect()
    };
    let mut rows = vsi::rows(items, &of(VSI), &replicates)?;
    for dataset in FREE {
        let members = of(dataset);
        let score = |right: fn(&str, &[&str]) -> bool| -> Vec<f64> {
            let one = |item: usize| {
                let gold: Vec<&str> = items.gold[item].split(BETWEEN).collect();
                f64::from(u8::from(right(&items.answer[item], &gold)))
            };
            let mut values = vec![0.0; items.len()];
            members.iter().for_each(|item| values[*item as usize] = one(*item as usize));
            values
        };
        let scores: [(&'static str, Vec<f64>); 2] = [
            ("em", score(|text, right| free_text::exact(text, right))),
            ("em_r", score(|text, right| free_text::refined(text, right))),
        ];
        let mut kinds: Vec<&str> =
            members.iter().filter_map(|item| items.relation[*item as usize].as_deref()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let strata = std::iter::once(("all".to_owned(), members.clone())).chain(kinds.into_iter().map(|kind| {
            let own = members.iter().copied().filter(|item| items.relation[*item as usize].as_deref() == Some(kind));
            (kind.to_owned(), own.collect())
        }));
        for (stratum, own) in strata.filter(|(_, own)| !own.is_empty()) {
            for (metric, values) in &scores {
                rows.push(mean_row(dataset, &stratum, metric, values, &own, &replicates));
            }
        }
    }
    Ok(rows)
}

/// The mean of some items' scores.
fn mean_row(
    dataset: &str,
    stratum: &str,
    metric: &'static str,
    values: &[f64],
    members: &[u32],
    replicates: &Replicates,
) -> Row {
    let own: Vec<f64> = members.iter().map(|item| values[*item as usize]).collect();
    let draws = replicates.sums(values, members).into_iter().map(|sum| sum.total / sum.weight);
    Row {
        dataset: dataset.into(),
        stratum: stratum.into(),
        metric,
        value: mean(&own),
        interval: Interval::of_draws(draws),
        n: members.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::Items;
    use super::*;

    fn frames(rows: &[(&str, &str, &str, &str)]) -> Frames {
        let mut items = Items::default();
        for (number, (dataset, relation, gold, answer)) in rows.iter().enumerate() {
            items.id.push(number.to_string());
            items.dataset.push((*dataset).into());
            items.image.push(format!("video {}", number / 2));
            items.relation.push(Some((*relation).into()));
            items.gold.push((*gold).into());
            items.answer.push((*answer).into());
            items.options.push(if gold.parse::<f64>().is_ok() { vec![] } else { vec!["A".into(), "B".into()] });
        }
        Frames { items, ..Frames::default() }
    }

    fn value(rows: &[Row], stratum: &str, metric: &str) -> Option<f64> {
        rows.iter().find(|row| row.stratum == stratum && row.metric == metric).unwrap().value
    }

    #[test]
    fn vsi_averages_levels_before_categories() {
        let all = frames(&[
            (VSI, "object_rel_direction_easy", "A", "A"),
            (VSI, "object_rel_direction_easy", "A", "A."),
            (VSI, "object_rel_direction_medium", "B", "A"),
            (VSI, "object_rel_direction_hard", "B", "A"),
            (VSI, "object_rel_distance", "B", "B"),
            (VSI, "route_planning", "A", "B"),
            (VSI, "obj_appearance_order", "A", "A"),
            (VSI, "object_counting", "4", "5"),
            (VSI, "object_abs_distance", "2", "2.0 metres"),
            (VSI, "object_size_estimation", "100", "none"),
            (VSI, "room_size_estimation", "10", "10"),
        ]);
        let rows = rows(&all, &Params::default()).unwrap();
        let near =
            |found: Option<f64>, right: f64| assert!((found.unwrap() - right).abs() < 1e-12, "{found:?} {right}");
        near(value(&rows, "object_rel_direction", "accuracy"), 1.0 / 3.0);
        near(value(&rows, "object_counting", "mra"), 0.6);
        // 2 + 0 + 0 + 1 + 0 + 1 + 0.6 + 1 + 0 + 1 of 11 items.
        near(value(&rows, "micro", "mean"), 6.6 / 11.0);
        near(value(&rows, "macro", "mean"), (1.0 / 3.0 + 1.0 + 0.0 + 1.0 + 0.6 + 1.0 + 0.0 + 1.0) / 8.0);
        assert!(rows.iter().all(|row| row.interval.is_some()));
        let some = frames(&[(VSI, "object_counting", "4", "4")]);
        let rows = super::rows(&some, &Params::default()).unwrap();
        assert_eq!((value(&rows, "macro", "mean"), value(&rows, "micro", "mean")), (None, Some(1.0)));
    }

    #[test]
    fn free_answers_are_matched_and_published_numbers_stand_beside() {
        let all = frames(&[
            ("sqa3d/test", "what", "table | desk", "The desk."),
            ("sqa3d/test", "is", "yes", "yes it is"),
            ("other", "is", "yes", "yes"),
        ]);
        let found = rows(&all, &Params::default()).unwrap();
        assert_eq!((value(&found, "all", "em"), value(&found, "all", "em_r")), (Some(0.5), Some(1.0)));
        assert_eq!(value(&found, "is", "em"), Some(0.0));
        assert!(applies(&all) && !applies(&frames(&[("other", "is", "yes", "yes")])));
        let folder = tempfile::tempdir().unwrap();
        run(&all, &Params::default(), folder.path()).unwrap();
        let csv = std::fs::read_to_string(folder.path().join("benchmark.csv")).unwrap();
        assert!(csv.contains("sqa3d/test,Spatial-MLLM-4B") && !csv.contains("vsi-bench"), "{csv}");
    }
}
