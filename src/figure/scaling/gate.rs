//! What a gate would give at every threshold.

use super::super::axis::{Axis, Tick};
use super::super::canvas::Pen;
use super::super::effect::style::{estimates, span, within};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Lines, Mark, Sample, Series};
use super::super::theme::{BLUE, GREEN, GREY, INK, ORANGE, PURPLE};
use super::case::Case;
use super::rows::{Tallied, Threshold};
use super::wording::rule;

const UNTOUCHED: Pen = Pen::dashed(INK, 1.25, 4.0, 3.0);
const ORACLE: Pen = Pen::dashed(GREEN, 1.5, 2.0, 2.5);
const AS_IT_IS: Pen = Pen::solid(BLUE, 2.0);
const ROUNDED: Pen = Pen::dashed(ORANGE, 1.75, 5.0, 2.5);

/// A panel each gate; None where none was tried.
pub fn figure(case: &Case, tallied: &[Tallied], thresholds: &[Threshold]) -> Option<Figure> {
    let main = tallied.iter().find(|row| case.has(&row.design, &row.dataset) && row.main)?.rule.clone();
    let own: Vec<&Threshold> =
        thresholds.iter().filter(|row| case.has(&row.design, &row.dataset) && row.rule == main).collect();
    let mut gates: Vec<&str> = Vec::new();
    for row in &own {
        if !gates.contains(&row.gate.as_str()) {
            gates.push(&row.gate);
        }
    }
    if gates.is_empty() {
        return None;
    }
    let tallied: Vec<&Tallied> = tallied
        .iter()
        .filter(|row| case.has(&row.design, &row.dataset) && row.rule == main && row.stratum == "all")
        .collect();
    let panels = gates.iter().map(|gate| panel(gate, &own, &tallied)).collect();
    Some(Figure {
        name: case.file("gate"),
        title: case.told("a gate at every threshold"),
        caption: format!(
            "A gate scales by one alpha where the untouched model’s certainty is below the threshold, by another elsewhere. Band: \
             Wilson’s 95 % interval at that threshold. Grey: thresholds that the folds of the cross-validation chose on \
             other images; they show how well the data fix it. The highest point of a curve was found on these very questions, \
             and promises more than it keeps. Oracle: the better of the two alphas, question by question. An answer is {}.",
            rule(&main)
        ),
        keys: vec![
            Key::new("certainty as it is", Look::Line(AS_IT_IS)),
            Key::new("rounded to two decimals", Look::Line(ROUNDED)),
            Key::new("untouched", Look::Line(UNTOUCHED)),
            Key::new("oracle", Look::Line(ORACLE)),
            Key::new("named threshold", Look::Dot(PURPLE)),
            Key::new("chosen by folds", Look::Bar(GREY)),
        ],
        rows: Row::grid(gates.len().clamp(1, 2), 210.0, panels),
    })
}

fn panel(gate: &str, rows: &[&Threshold], tallied: &[&Tallied]) -> Panel {
    let of = |rounding: &str| -> Vec<&Threshold> {
        rows.iter().copied().filter(|row| row.gate == gate && row.rounding == rounding).collect()
    };
    let hundredths = |at: f64| (at * 100.0).round();
    let line = |rounding: &str, pen: Pen| Series {
        pen,
        samples: of(rounding)
            .iter()
            .map(|row| Sample {
                x: hundredths(row.at),
                estimate: row.accuracy.map(|of| {
                    let interval = of.interval.filter(|_| rounding == "none");
                    super::super::table::Estimate { interval, ..of }
                }),
                mark: Mark::Bare,
            })
            .collect(),
    };
    let named = Series {
        pen: Pen::solid(PURPLE, 2.0),
        samples: of("none")
            .iter()
            .filter(|row| row.named)
            .map(|row| Sample {
                x: hundredths(row.at),
                estimate: row.accuracy.map(|of| super::super::table::Estimate { interval: None, ..of }),
                mark: Mark::Full,
            })
            .collect(),
    };
    let level = |wanted: &dyn Fn(&Tallied) -> bool| {
        tallied.iter().find(|row| wanted(row)).and_then(|row| row.accuracy).map(|of| of.value)
    };
    let untouched = level(&|row| row.kind == "untouched").map(|value| (value, UNTOUCHED));
    let oracle = level(&|row| row.method == format!("gate {gate}, oracle")).map(|value| (value, ORACLE));
    let references: Vec<(f64, Pen)> = untouched.into_iter().chain(oracle).collect();
    let series = vec![line("none", AS_IT_IS), line("two_decimals", ROUNDED), named];
    let levels = references.iter().map(|(value, _)| (*value, *value));
    let y = span("accuracy", estimates(&series), levels, [0.9, 0.5], [0.0, 1.0]);
    let series = series.into_iter().map(|line| within(line, &y)).collect();
    let ticks =
        (0..=5).map(|fifth| Tick { at: f64::from(fifth) * 20.0, label: format!("{:.1}", f64::from(fifth) / 5.0) });
    let signal = rows.iter().find(|row| row.gate == gate).map_or("", |row| row.signal.as_str());
    let x = Axis {
        label: format!("threshold of {}", certainty(signal)),
        low: 0.0,
        high: 100.0,
        ticks: ticks.collect(),
        stretches: Vec::new(),
    };
    let flags = of("none").iter().filter(|row| row.folds > 0).map(|row| hundredths(row.at)).collect();
    Panel::new(
        format!("Gate “{gate}”"),
        "",
        Lines { x, y, series, references, flags, flag_color: GREY, ..Lines::default() },
    )
}

/// What a gate looks at.
fn certainty(signal: &str) -> &'static str {
    match signal {
        "entropy" => "1 − entropy of the options",
        "jsd" => "divergence of the options from even ones",
        _ => "confidence",
    }
}
