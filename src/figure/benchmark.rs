//! A run beside published models on VSI-Bench, category by category.

use std::path::Path;

use super::axis::{Axis, Unit};
use super::page::{Figure, Key, Look, Panel, Row};
use super::panels::bars::{Bar, Bars};
use super::table::{Estimate, Table};
use super::theme::{BLUE, Color, GREY, ORANGE, SKY};
use crate::analysis::benchmark::THIS_RUN;
use crate::error::Result;

/// `tables/benchmark`: what this run and published models reach, in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    pub dataset: String,
    pub model: String,
    pub source: String,
    pub stratum: String,
    pub metric: String,
    pub value: Option<Estimate>,
    pub n: Option<i64>,
}

impl Scored {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "benchmark")?;
        let (dataset, model, source) = (table.names("dataset")?, table.names("model")?, table.names("source")?);
        let (stratum, metric) = (table.names("stratum")?, table.names("metric")?);
        let (value, n) = (table.estimates("value", "ci_lo", "ci_hi")?, table.numbers("n")?);
        let row = |i: usize| Self {
            dataset: dataset[i].clone(),
            model: model[i].clone(),
            source: source[i].clone(),
            stratum: stratum[i].clone(),
            metric: metric[i].clone(),
            value: value[i],
            n: n[i].map(|n| n as i64),
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// Categories in the order of the published table, as the figure calls them.
const CATEGORIES: [(&str, &str); 8] = [
    ("object_counting", "count"),
    ("object_abs_distance", "distance"),
    ("object_size_estimation", "size"),
    ("room_size_estimation", "room"),
    ("object_rel_distance", "nearest"),
    ("object_rel_direction", "direction"),
    ("route_planning", "route"),
    ("obj_appearance_order", "order"),
];

/// Whom the run stands beside.
const MODELS: [(&str, Color); 4] =
    [(THIS_RUN, BLUE), ("Spatial-MLLM-4B", SKY), ("Qwen2.5-VL-3B", ORANGE), ("GPT-4o", GREY)];

/// None where the run has no item of VSI-Bench.
pub fn figure(rows: &[Scored]) -> Option<Figure> {
    let own: Vec<&Scored> = rows.iter().filter(|row| row.dataset.starts_with("vsi-bench")).collect();
    let n = own.iter().find(|row| row.model == THIS_RUN && row.stratum == "micro")?.n.unwrap_or(0);
    let mut bars = Vec::new();
    for (group, (category, _)) in CATEGORIES.iter().enumerate() {
        for (lane, (model, color)) in MODELS.iter().enumerate() {
            let found = own.iter().find(|row| row.model == *model && row.stratum == *category);
            let share = |value: f64| value / 100.0;
            if let Some(Estimate { value, interval }) = found.and_then(|row| row.value) {
                let estimate =
                    Estimate { value: share(value), interval: interval.map(|(low, high)| (share(low), share(high))) };
                bars.push(Bar { group, lane, color: *color, estimate, null: None });
            }
        }
    }
    let body = Bars {
        x: Axis::names("", CATEGORIES.map(|(_, name)| name)),
        y: Axis::linear("% (accuracy, or mean relative accuracy)", 0.0, 1.0, Unit::Percent),
        lanes: MODELS.len(),
        bars,
        references: Vec::new(),
    };
    Some(Figure {
        name: "benchmark-vsi".into(),
        title: "VSI-Bench, beside published models".into(),
        caption: format!(
            "{n} items of this run. Count, distance, size and room are numbers (mean relative accuracy), the others have options \
             (accuracy). Whiskers: 95 % intervals, bootstrap over videos; published numbers (Wu et al. 2025, table 1) have none. \
             Their prompts, frames and decoding may differ from this run’s."
        ),
        keys: MODELS.map(|(model, color)| Key::new(model, Look::Patch(color))).into(),
        rows: vec![Row { columns: 1, height: 280.0, panels: vec![Panel::new("", "", body)], ..Row::default() }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_vsi_items_has_no_figure_and_one_with_them_stands_beside_three() {
        let row = |model: &str, stratum: &str| Scored {
            dataset: "vsi-bench/test".into(),
            model: model.into(),
            source: String::new(),
            stratum: stratum.into(),
            metric: "accuracy".into(),
            value: Some(Estimate { value: 41.0, interval: Some((38.0, 44.0)) }),
            n: Some(12),
        };
        assert!(figure(&[Scored { dataset: "scanqa/val".into(), ..row(THIS_RUN, "all") }]).is_none());
        let figure =
            figure(&[row(THIS_RUN, "micro"), row(THIS_RUN, "route_planning"), row("GPT-4o", "route_planning")]);
        let figure = figure.unwrap();
        assert!(figure.caption.starts_with("12 items") && figure.keys.len() == 4);
        figure.save(&tempfile::tempdir().unwrap().path().join("benchmark.png")).unwrap();
    }
}
