//! The numbers a report opens with.
//!
//! # What it measures
//! Nothing new: it picks from the other tables what a reader wants to know first, each with n, uncertainty and null, and
//! puts it in words. The report prints these lines as they are.
//!
//! # Formula
//! The best layer of a metric is the one whose AUROC (mean over heads, target "objects") is farthest from 0.5, in either
//! direction; the first of equals. Its interval does not know that it was chosen: p_max, corrected over all layers, does.
//!
//! # Reads
//! The frames, and the rows of `attention_share`, `alignment`, `adjusted` and `answers`.
//!
//! # Writes
//! `tables/headline`: name, value, ci_lo, ci_hi, n, note. `value` is null where it is undefined; the note says why.
//!
//! # Controls
//! Those of the tables it reads. Every AUROC is given pooled and within relation, beside the AUROC of `relation_only`.
//!
//! # Paper
//! The published claim is one such line: AUROC 0.948 at layer 17 (cosine, pooled, no interval; Chen et al., ICML 2025).

use super::alignment::{IMAGE_SHARE, Metric, RELATION_ONLY, Row as Aligned};
use super::attention_share::mean_with_interval;
use super::frames::{MEAN, Sighting};
use super::gallery::best_aligned_layer;
use super::{Frames, Params, Results, Table};
use crate::error::Result;
use crate::stats::{Interval, Replicates};

struct Row {
    name: String,
    value: Option<f64>,
    interval: Option<Interval>,
    n: u32,
    note: String,
}

/// Computes `tables/headline` from the frames and the rows of the other analyses.
pub fn run(frames: &Frames, params: &Params, results: &mut Results) -> Result<Table> {
    let mut rows = vec![items(frames)];
    rows.extend(accuracies(results));
    rows.extend(image_share(frames, params, results));
    rows.extend(best_aligned(results));
    for stratum in ["all", "within relation"] {
        let metrics = Metric::ALL.iter().map(|metric| (metric.name(), "objects"));
        for (metric, target) in metrics.chain([(IMAGE_SHARE, "image")]) {
            rows.extend(best_auroc(&results.alignment, metric, target, stratum));
        }
    }
    rows.extend(relation_only(&results.alignment));
    rows.extend(adjusted(results));
    rows.extend(sight(frames));
    Ok(Table::new()
        .text("name", rows.iter().map(|row| &row.name))
        .number("value", rows.iter().map(|row| row.value))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .count("n", rows.iter().map(|row| row.n))
        .text("note", rows.iter().map(|row| &row.note)))
}

fn items(frames: &Frames) -> Row {
    let n = frames.items.len();
    let images = frames.items.clusters().iter().max().map_or(0, |last| last + 1);
    Row {
        name: "items".into(),
        value: Some(n as f64),
        interval: None,
        n: n as u32,
        note: format!("{} about {}", counted(n, "question"), counted(images, "image")),
    }
}

fn accuracies(results: &Results) -> impl Iterator<Item = Row> {
    results.answers.iter().map(|row| Row {
        name: if row.stratum == "all" { "accuracy".into() } else { format!("accuracy ({})", row.stratum) },
        value: row.accuracy,
        interval: row.interval,
        n: row.n,
        note: format!(
            "{} right, {} wrong: {}{}; the most frequent answer is given in {}",
            row.n_right,
            row.n - row.n_right,
            percent(row.accuracy),
            row.interval
                .map(|i| format!(" (95 % Wilson interval {:.1} to {:.1})", 100.0 * i.lo, 100.0 * i.hi))
                .unwrap_or_default(),
            percent(row.majority),
        ),
    })
}

/// The image's share of attention: the mean over layers, and the layer with most of it.
fn image_share(frames: &Frames, params: &Params, results: &Results) -> Vec<Row> {
    let cells: Vec<usize> = frames.attention.mean_cells().map(|(at, _)| at).collect();
    let mut per_item = vec![0.0; frames.items.len()];
    for &at in &cells {
        for (sum, share) in per_item.iter_mut().zip(frames.attention.share("image", at)) {
            *sum += share / cells.len() as f64;
        }
    }
    let replicates = Replicates::draw(&frames.items.clusters(), params.bootstrap, params.seed);
    let mean =
        mean_with_interval(&per_item, &replicates).filter(|_| !cells.is_empty()).map(|(value, interval, n)| Row {
            name: "image share".into(),
            value: Some(value),
            interval,
            n,
            note: format!(
                "the image receives {} of the {} query's attention{}, mean over {} and their heads",
                percent(Some(value)),
                frames.attention.query,
                percent_ci(interval),
                counted(cells.len(), "layer"),
            ),
        });
    let largest = results
        .attention_share
        .iter()
        .filter(|row| row.cell.head == MEAN && row.group == "image")
        .reduce(|best, next| if next.share > best.share { next } else { best })
        .map(|row| Row {
            name: "image share, largest".into(),
            value: Some(row.share),
            interval: row.interval,
            n: row.n,
            note: format!(
                "layer {} attends to the image most: {}{}",
                row.cell.layer,
                percent(Some(row.share)),
                percent_ci(row.interval)
            ),
        });
    mean.into_iter().chain(largest).collect()
}

/// Where attention is on the objects most, beyond what boxes of their size would get anywhere.
fn best_aligned(results: &Results) -> Option<Row> {
    let row = best_aligned_layer(&results.alignment, Metric::Fraction)?;
    let verdict = &row.verdict;
    let null = verdict.random_value.interval;
    Some(Row {
        name: "attention on the objects".into(),
        value: verdict.value.value,
        interval: verdict.value.interval,
        n: verdict.n_right + verdict.n_wrong,
        note: format!(
            "layer {} puts {} of its image attention into the objects' boxes{}; boxes of the same size at random places \
             would get {}{}, other items' boxes {}",
            row.cell.layer,
            percent(verdict.value.value),
            percent_ci(verdict.value.interval),
            percent(verdict.random_value.value),
            null.map(|i| format!(" ({:.1} to {:.1})", 100.0 * i.lo, 100.0 * i.hi)).unwrap_or_default(),
            percent(verdict.other_value.value),
        ),
    })
}

/// The layer whose alignment tells right from wrong best; `None` where the stratum or the boxes do not exist.
fn best_auroc(rows: &[Aligned], metric: &str, target: &str, stratum: &str) -> Option<Row> {
    let of = |row: &&Aligned| {
        row.cell.head == MEAN && row.metric == metric && row.target == target && row.stratum == stratum
    };
    let layers = rows.iter().filter(of).count();
    let first = rows.iter().find(of)?;
    let distance = |row: &Aligned| row.verdict.auroc.value.map_or(-1.0, |auroc| (auroc - 0.5).abs());
    let best = rows.iter().filter(of).fold(first, |best, row| if distance(row) > distance(best) { row } else { best });
    let verdict = &best.verdict;
    let counts = format!("{} right, {} wrong", verdict.n_right, verdict.n_wrong);
    let note = match verdict.auroc.value {
        None if stratum == "all" => format!("undefined: {counts}"),
        None => "undefined: no relation has both right and wrong answers".into(),
        Some(auroc) => [
            Some(format!("layer {}: AUROC {auroc:.3}", best.cell.layer)),
            Some(match verdict.auroc.interval {
                Some(i) => format!("95 % CI {:.3} to {:.3}", i.lo, i.hi),
                None => "no CI: too few, or perfectly apart".into(),
            }),
            verdict.random_auroc.map(|i| format!("random boxes {:.3} to {:.3}", i.lo, i.hi)),
            verdict.other_auroc.map(|i| format!("other items' boxes {:.3} to {:.3}", i.lo, i.hi)),
            best.p_max.map(|p| format!("p = {p:.3} corrected over {}", counted(layers, "layer"))),
            (auroc < 0.5).then(|| "reversed: higher where the answer is wrong".into()),
            Some(counts),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<String>>()
        .join("; "),
    };
    Some(Row {
        name: format!("AUROC of {metric} ({stratum})"),
        value: verdict.auroc.value,
        interval: verdict.auroc.interval,
        n: verdict.n_right + verdict.n_wrong,
        note,
    })
}

fn relation_only(rows: &[Aligned]) -> Option<Row> {
    let verdict = &rows.iter().find(|row| row.metric == RELATION_ONLY && row.stratum == "all")?.verdict;
    let auroc = verdict.auroc.value?;
    let interval = verdict.auroc.interval;
    Some(Row {
        name: "AUROC of relation_only (all)".into(),
        value: Some(auroc),
        interval,
        n: verdict.n_right + verdict.n_wrong,
        note: format!(
            "knowing the relation alone, and no attention, gives AUROC {auroc:.3}{}",
            interval.map(|i| format!(" (95 % CI {:.3} to {:.3})", i.lo, i.hi)).unwrap_or_default()
        ),
    })
}

/// For each metric, the layer whose alignment says most at equal relation, image share and object size.
fn adjusted(results: &Results) -> Vec<Row> {
    let mut best: Vec<&super::adjusted::Row> = Vec::new();
    for row in &results.adjusted {
        let size = |row: &super::adjusted::Row| row.log_odds.map_or(-1.0, f64::abs);
        match best.iter_mut().find(|known| known.metric == row.metric) {
            Some(known) if size(row) > size(known) => *known = row,
            Some(_) => {}
            None => best.push(row),
        }
    }
    let sentence = |row: &super::adjusted::Row| {
        let Some(odds) = row.log_odds else {
            return "undefined: no relation has both right and wrong answers".to_owned();
        };
        let range = row.interval.map(|i| format!(" (95 % CI {:.2} to {:.2})", i.lo.exp(), i.hi.exp()));
        let p = row.p_max.map(|p| format!("; p = {p:.3} corrected over layers"));
        format!(
            "layer {}: at equal relation, image share and object size, one standard deviation more multiplies the odds of a \
             right answer by {:.2}{}{}; {} right, {} wrong",
            row.layer,
            odds.exp(),
            range.unwrap_or_default(),
            p.unwrap_or_default(),
            row.n_right,
            row.n_wrong
        )
    };
    best.into_iter()
        .map(|row| Row {
            name: format!("adjusted log odds of {}", row.metric),
            value: row.log_odds,
            interval: row.interval,
            n: row.n_right + row.n_wrong,
            note: sentence(row),
        })
        .collect()
}

/// What of the objects the model, and so this analysis, could not see.
fn sight(frames: &Frames) -> [Row; 3] {
    let n = frames.items.len();
    let row = |name: &str, says: &str, of: fn(&[Sighting]) -> bool| {
        let count = frames.items.objects.iter().filter(|objects| of(objects)).count();
        let value = Some(count as f64);
        Row {
            name: name.into(),
            value,
            interval: None,
            n: n as u32,
            note: format!("{count} of {} {says}", counted(n, "item")),
        }
    };
    [
        row("items without boxes", "without any box: in the answers, not in the alignment", |objects| {
            objects.iter().all(|object| object.boxes.is_empty())
        }),
        row(
            "objects outside the crop",
            "with an object partly or wholly outside what the model sees: kept",
            |objects| objects.iter().any(|object| object.visible.is_some_and(|visible| visible < 1.0)),
        ),
        row(
            "objects out of sight",
            "with an object wholly outside what the model sees: not in that object's alignment",
            |objects| objects.iter().any(|object| object.visible == Some(0.0)),
        ),
    ]
}

fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("{n} {noun}") } else { format!("{n} {noun}s") }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("an unknown share".into(), |share| format!("{:.1} %", 100.0 * share))
}

fn percent_ci(interval: Option<Interval>) -> String {
    interval.map(|i| format!(" (95 % CI {:.1} to {:.1})", 100.0 * i.lo, 100.0 * i.hi)).unwrap_or_default()
}
