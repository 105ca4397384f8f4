//! What alpha does: accuracy, how far the favour of answers moves, how much attention goes to the image and how evenly.

use super::super::axis::{Axis, Unit};
use super::super::effect::style::{LEVEL, estimates, span, within};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Lines, Mark, Sample, Series};
use super::super::table::Estimate;
use super::super::wording::stratum;
use super::case::Case;
use super::rows::{Looked, Tallied};
use super::wording::{operator, operator_pen, relation_pen, rule};

const HEIGHT: f64 = 190.0;

/// One figure of a case.
pub fn figure(case: &Case, tallied: &[Tallied], looked: &[Looked]) -> Figure {
    let rows: Vec<&Tallied> = tallied
        .iter()
        .filter(|row| {
            case.has(&row.design, &row.dataset) && row.main && ["untouched", "alpha"].contains(&row.kind.as_str())
        })
        .collect();
    let looked: Vec<&Looked> =
        looked.iter().filter(|row| case.has(&row.design, &row.dataset) && row.layer < 0).collect();
    let operators = operators(&rows);
    let all: Vec<&Tallied> = rows.iter().copied().filter(|row| row.stratum == "all").collect();
    let lines = |of: &dyn Fn(&Tallied) -> Option<Estimate>| -> Vec<Series> {
        let line = |name: &&str| line(operator_pen(name), points(&all, name, of));
        operators.iter().map(line).collect()
    };
    let look = |measure: &str| -> Vec<Series> {
        let points = |name: &str| {
            let own =
                looked.iter().filter(|row| row.measure == measure && ["none", name].contains(&row.operator.as_str()));
            own.map(|row| (row.alpha, row.value)).collect()
        };
        operators.iter().map(|name| line(operator_pen(name), points(name))).collect()
    };
    let untouched = all.iter().find(|row| row.kind == "untouched").and_then(|row| row.accuracy);
    let x = alphas(&rows);
    let mut panels = vec![
        panel("Accuracy", "share of right answers", &x, lines(&|row| row.accuracy), [0.0, 1.0], untouched),
        panel(
            "Which answers are favoured",
            "share of answers moved",
            &x,
            lines(&|row| row.shift.map(|value| Estimate { value, interval: None })),
            [0.0, 0.1],
            None,
        ),
    ];
    if !looked.is_empty() {
        panels.push(panel(
            "Attention to the image",
            "share, mean of layers",
            &x,
            look("image_share"),
            [0.0, 0.1],
            None,
        ));
        panels.push(panel("Evenness within the image", "entropy, 1 = even", &x, look("entropy"), [0.0, 1.0], None));
    }
    let mut grid = Row::grid(2, HEIGHT, panels);
    let strata = strata(&rows);
    let by_relation = |name: &&str| {
        let series = strata.iter().enumerate().map(|(place, stratum)| {
            let own: Vec<&Tallied> = rows.iter().copied().filter(|row| row.stratum == **stratum).collect();
            line(relation_pen(place), points(&own, name, &|row| row.accuracy))
        });
        panel(&format!("By relation: {name}"), "share of right answers", &x, series.collect(), [0.0, 1.0], None)
    };
    if strata.len() > 1 {
        let mut more = Row::grid(operators.len().clamp(2, 3), HEIGHT, operators.iter().map(by_relation).collect());
        let key = |(place, name): (usize, &&str)| Key::new(stratum(name), Look::Marked(relation_pen(place)));
        if let Some(first) = more.first_mut() {
            first.keys = strata.iter().enumerate().map(key).collect();
        }
        grid.extend(more);
    }
    let n = all.first().map_or(0, |row| row.n);
    Figure {
        name: case.file("dose"),
        title: case.told("what scaling attention to the image does"),
        caption: format!(
            "{n} questions; alpha 1 is the untouched model (dashed: its accuracy). Bands: 95 % intervals, of accuracy Wilson’s, of \
             attention by bootstrap over images. An answer is {}. The share of answers moved is the total variation between \
             the answers given and those at alpha 1. Attention is that of the prompt’s last position, mean over heads and layers.",
            all.first().map_or("", |row| rule(&row.rule))
        ),
        keys: operators.iter().map(|name| Key::new(operator(name), Look::Marked(operator_pen(name)))).collect(),
        rows: grid,
    }
}

fn operators<'a>(rows: &[&'a Tallied]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.kind == "alpha") {
        if !names.contains(&row.operator.as_str()) {
            names.push(&row.operator);
        }
    }
    names
}

fn strata<'a>(rows: &[&'a Tallied]) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.stratum.starts_with("relation=")) {
        if !names.contains(&row.stratum.as_str()) {
            names.push(&row.stratum);
        }
    }
    names
}

/// The points of an operator, the untouched model among them.
fn points(
    rows: &[&Tallied],
    operator: &str,
    of: &dyn Fn(&Tallied) -> Option<Estimate>,
) -> Vec<(f64, Option<Estimate>)> {
    let own = rows.iter().filter(|row| row.kind == "untouched" || row.operator == operator);
    own.filter_map(|row| Some((row.alpha?, of(row)))).collect()
}

fn line(pen: super::super::canvas::Pen, mut points: Vec<(f64, Option<Estimate>)>) -> Series {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sample = |(x, estimate)| Sample { x, estimate, mark: Mark::Full };
    Series { pen, samples: points.into_iter().map(sample).collect() }
}

fn alphas(rows: &[&Tallied]) -> Axis {
    let values = || rows.iter().filter_map(|row| row.alpha);
    let (low, high) = (values().fold(1.0, f64::min), values().fold(1.0, f64::max));
    let room = 0.03 * (high - low).max(0.1);
    let mut axis = Axis::linear("alpha", low, high, Unit::Plain);
    (axis.low, axis.high) = (low - room, high + room);
    axis
}

fn panel(title: &str, label: &str, x: &Axis, series: Vec<Series>, always: [f64; 2], level: Option<Estimate>) -> Panel {
    let y = span(label, estimates(&series), [], always, [0.0, 1.0]);
    let series = series.into_iter().map(|line| within(line, &y)).collect();
    let references = level.map(|level| (level.value, LEVEL)).into_iter().collect();
    Panel::new(title, "", Lines { x: x.clone(), y, series, references, ..Lines::default() })
}
