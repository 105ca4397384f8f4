//! What is answered where something else is right, alpha by alpha.

use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::theme::VIRIDIS;
use super::super::wording::grouped;
use super::case::Case;
use super::rows::{Confused, Tallied};

/// In the names of all options, as many as stand beside one another under a third of the page.
const LETTERS: usize = 17;
/// Matrices at most.
const MOST: usize = 9;

/// A matrix for the untouched model, for each alpha of the first operator, and for the gates; None without answers.
pub fn figure(case: &Case, tallied: &[Tallied], confused: &[Confused]) -> Option<Figure> {
    let of_case = |row: &&Tallied| case.has(&row.design, &row.dataset) && row.main && row.stratum == "all" && row.n > 0;
    let rows: Vec<&Tallied> = tallied.iter().filter(of_case).collect();
    let first = rows.iter().find(|row| row.kind == "alpha").map(|row| row.operator.as_str());
    let mut alphas: Vec<&Tallied> = rows
        .iter()
        .copied()
        .filter(|row| row.kind == "untouched" || (row.kind == "alpha" && Some(row.operator.as_str()) == first))
        .collect();
    alphas.sort_by(|a, b| a.alpha.unwrap_or(1.0).total_cmp(&b.alpha.unwrap_or(1.0)));
    let gates = rows.iter().copied().filter(|row| ["gate", "chosen_gate"].contains(&row.kind.as_str()));
    let shown: Vec<&Tallied> = alphas.into_iter().take(MOST - 1).chain(gates).take(MOST).collect();
    // Many names need room.
    let own = |one: &&Confused| case.has(&one.design, &one.dataset);
    let extra = confused.iter().filter(own).any(|one| one.answered.starts_with('(') && one.n > 0);
    let golds: std::collections::BTreeSet<&str> = confused.iter().filter(own).map(|one| one.gold.as_str()).collect();
    let letters: usize = golds.iter().map(|gold| gold.len()).sum();
    let wide = extra || golds.len() > 4 || letters > LETTERS;
    let panels: Vec<Panel> = shown.iter().filter_map(|row| panel(case, row, confused)).collect();
    (!panels.is_empty()).then(|| Figure {
        name: case.file("confusion"),
        title: case.told("right and given answers at each alpha"),
        caption: "Rows: the right answer, each adding up to one; columns: the answer given; numbers: questions. A gate answers \
                  with one alpha where the untouched model is unsure and with another where it is sure."
            .into(),
        keys: Vec::new(),
        rows: Row::grid(if wide { 2 } else { 3 }, 180.0, panels),
    })
}

fn panel(case: &Case, row: &Tallied, confused: &[Confused]) -> Option<Panel> {
    let own = |one: &&Confused| {
        case.has(&one.design, &one.dataset) && one.method == row.method && one.rounding == row.rounding
    };
    let counts: Vec<&Confused> = confused.iter().filter(own).collect();
    let mut golds: Vec<&str> = Vec::new();
    for count in &counts {
        if !golds.contains(&count.gold.as_str()) {
            golds.push(&count.gold);
        }
    }
    if golds.is_empty() {
        return None;
    }
    // Texts that name no option, or several, have a column where there are any.
    let extra =
        ["(none)", "(several)"].into_iter().filter(|name| counts.iter().any(|one| one.answered == *name && one.n > 0));
    let columns: Vec<&str> = golds.iter().copied().chain(extra).collect();
    let across = |name: &str| columns.iter().position(|known| *known == name).map(|at| at as f64);
    let up = |name: &str| golds.iter().rev().position(|known| *known == name).unwrap_or(0) as f64;
    let total = |gold: &str| counts.iter().filter(|one| one.gold == gold).map(|one| one.n).sum::<i64>();
    let cell = |one: &&Confused| {
        let value = (total(&one.gold) > 0).then(|| one.n as f64 / total(&one.gold) as f64);
        Some(Cell { x: across(&one.answered)?, y: up(&one.gold), value, marked: false })
    };
    let label = |one: &&Confused| Some((across(&one.answered)?, up(&one.gold), grouped(one.n)));
    let body = Heatmap {
        x: Axis::names("given", columns.iter().map(|name| name.trim_matches(['(', ')']))),
        y: Axis::names("", golds.iter().rev().copied()),
        scale: Axis::linear("share of the row", 0.0, 1.0, Unit::Plain),
        colors: VIRIDIS,
        cells: counts.iter().filter_map(cell).collect(),
        labels: counts.iter().filter_map(label).collect(),
        frames: Vec::new(),
    };
    let title = match (row.kind.as_str(), row.alpha) {
        ("untouched", _) => "alpha 1 (untouched)".into(),
        ("alpha", Some(alpha)) => format!("{} alpha {alpha}", row.operator),
        _ => row.method.clone(),
    };
    let note = row.accuracy.map_or(String::new(), |of| format!("accuracy {}", super::wording::percent(of.value)));
    Some(Panel::new(title, note, body))
}
