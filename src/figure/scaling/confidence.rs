//! How sure the untouched model is, right and wrong answers apart, by familiarity of the relation.

use super::super::axis::{Axis, Tick, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::bars::{Bar, Bars};
use super::super::table::Estimate;
use super::super::theme::{RIGHT, WRONG};
use super::case::Case;
use super::rows::Binned;

/// Bars to each unit of confidence.
const BINS: usize = 20;

/// A panel each familiarity; None where confidence was not recorded.
pub fn figure(case: &Case, binned: &[Binned]) -> Option<Figure> {
    let own: Vec<&Binned> = binned.iter().filter(|row| case.has(&row.design, &row.dataset)).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for row in &own {
        if !kinds.contains(&row.familiarity.as_str()) {
            kinds.push(&row.familiarity);
        }
    }
    if own.is_empty() {
        return None;
    }
    let panels = kinds.iter().map(|kind| panel(kind, &own)).collect();
    Some(Figure {
        name: case.file("confidence"),
        title: case.told("how sure the untouched model is"),
        caption: "Questions by the largest probability in the vocabulary at the first answer token, at alpha 1. A gate can only \
                  help where right and wrong answers stand apart."
            .into(),
        keys: vec![Key::new("right answers", Look::Patch(RIGHT)), Key::new("wrong answers", Look::Patch(WRONG))],
        rows: Row::grid(kinds.len().clamp(1, 2), 200.0, panels),
    })
}

fn panel(kind: &str, all: &[&Binned]) -> Panel {
    let own: Vec<&Binned> = all.iter().copied().filter(|row| row.familiarity == kind).collect();
    let bar = |row: &&Binned| Bar {
        group: (row.from * BINS as f64).round() as usize,
        lane: usize::from(!row.right),
        color: if row.right { RIGHT } else { WRONG },
        estimate: Estimate { value: row.n as f64, interval: None },
        null: None,
    };
    let most = own.iter().map(|row| row.n).max().unwrap_or(1);
    // Bars stand on whole numbers, the edges of their bins between them.
    let tick =
        |fifth: usize| Tick { at: fifth as f64 * BINS as f64 / 5.0 - 0.5, label: format!("{:.1}", fifth as f64 / 5.0) };
    let x = Axis {
        label: "confidence".into(),
        low: -0.5,
        high: BINS as f64 - 0.5,
        ticks: (0..=5).map(tick).collect(),
        stretches: Vec::new(),
    };
    let count = |right: bool| own.iter().filter(|row| row.right == right).map(|row| row.n).sum::<i64>();
    let title = match kind {
        "" => "All relations".into(),
        kind => super::super::wording::stratum(&format!("familiarity={kind}")),
    };
    let body = Bars {
        x,
        y: Axis::from_zero("questions", most as f64, Unit::Plain),
        lanes: 2,
        bars: own.iter().map(bar).collect(),
        references: Vec::new(),
    };
    Panel::new(title, format!("{} right, {} wrong", count(true), count(false)), body)
}
