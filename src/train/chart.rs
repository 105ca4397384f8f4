//! The training curves as a figure.

use std::path::Path;

use super::lesson::Topic;
use crate::error::{Error, Result};
use crate::figure::axis::{Axis, Unit};
use crate::figure::canvas::Pen;
use crate::figure::page::{Figure, Key, Look, Panel, Row};
use crate::figure::panels::line::{Lines, Mark, Sample, Series};
use crate::figure::table::Estimate;
use crate::figure::theme::{BLUE, Color, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION};
use crate::stats::wilson;

/// Steps that one point of a batch curve averages.
const WINDOW: usize = 20;

/// Columns of `steps.csv` before the accuracies.
const BEFORE_KINDS: usize = 4;

/// Of the kinds of question, in their order.
const KINDS: [Color; 8] = [BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, INK, GREY];

/// Of the held-out curves.
const LOOKS: [Color; 3] = [BLUE, VERMILLION, SKY];

/// Draws `steps.csv` and `looks.csv` of a training folder as `curves.png` and `curves.svg` in `folder`.
pub fn draw(work: &Path, folder: &Path, topic: Topic) -> Result<()> {
    let steps = read(&work.join("steps.csv"))?;
    let looks = read(&work.join("looks.csv"))?;
    let last = steps.len() as i64;
    let kinds = || topic.kinds().iter().zip(KINDS).enumerate().map(|(n, (kind, color))| (n, *kind, color));
    let shown = || topic.looks().iter().zip(&LOOKS);
    let loss = smoothed(&steps, 2);
    let highest = loss.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let loss = Lines {
        x: Axis::counting("step", 0, last),
        y: Axis::from_zero("answer loss, nats", highest, Unit::Plain),
        series: vec![line(loss, INK)],
        ..Lines::default()
    };
    let batch = Lines {
        x: Axis::counting("step", 0, last),
        y: accuracy(),
        series: kinds().map(|(n, _, color)| line(smoothed(&steps, BEFORE_KINDS + n), color)).collect(),
        ..Lines::default()
    };
    let held_out = Lines {
        x: Axis::counting("step", 0, last),
        y: accuracy(),
        series: shown().map(|([_, set, stratum], color)| held_out(&looks, set, stratum, *color)).collect(),
        ..Lines::default()
    };
    let key = |label: &str, color: Color| Key::new(label, Look::Line(Pen::solid(color, 2.0)));
    let panels = vec![
        Panel::new("Loss", "", loss),
        Panel::new("Questions of the batch", "", batch)
            .keys(kinds().map(|(_, name, color)| key(name, color)).collect()),
        Panel::new("Held-out items", "", held_out).keys(shown().map(|([name, ..], color)| key(name, *color)).collect()),
    ];
    let n: Vec<i64> = looks.iter().filter_map(|row| row.get(4)?.parse().ok()).collect();
    let figure = Figure {
        name: "curves".into(),
        title: "Training".into(),
        caption: format!(
            "Loss and batch accuracy are means over {WINDOW} steps. Held-out accuracy is of test sets that \
             training never shows, with 95 % Wilson intervals; at most {} items a look.",
            n.iter().max().unwrap_or(&0)
        ),
        keys: Vec::new(),
        rows: vec![Row { columns: 3, height: 240.0, panels, ..Row::default() }],
    };
    figure.write(folder)?;
    Ok(())
}

fn accuracy() -> Axis {
    Axis::linear("right, %", 0.0, 1.0, Unit::Percent)
}

fn line(points: Vec<(f64, f64)>, color: Color) -> Series {
    let sample = |(x, value)| Sample { x, estimate: Some(Estimate { value, interval: None }), mark: Mark::Bare };
    Series { pen: Pen::solid(color, 1.6), samples: points.into_iter().map(sample).collect() }
}

fn held_out(looks: &[Vec<String>], set: &str, stratum: &str, color: Color) -> Series {
    let samples = looks.iter().filter(|row| row.len() == 5 && row[1] == set && row[2] == stratum).filter_map(|row| {
        let (step, right, n): (f64, usize, usize) = (row[0].parse().ok()?, row[3].parse().ok()?, row[4].parse().ok()?);
        let interval = wilson(right, n).map(|interval| (interval.lo, interval.hi));
        let estimate = Some(Estimate { value: right as f64 / n as f64, interval });
        Some(Sample { x: step, estimate, mark: Mark::Full })
    });
    Series { pen: Pen::solid(color, 2.0), samples: samples.collect() }
}

/// Means of a column over windows of steps; a window in which nothing was asked has no point.
fn smoothed(steps: &[Vec<String>], column: usize) -> Vec<(f64, f64)> {
    let point = |(index, window): (usize, &[Vec<String>])| {
        let values: Vec<f64> = window.iter().filter_map(|row| row.get(column)?.parse().ok()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then_some(((index * WINDOW + WINDOW / 2) as f64, mean))
    };
    steps.chunks(WINDOW).enumerate().filter_map(point).collect()
}

fn read(path: &Path) -> Result<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
    Ok(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect())
}
