//! What is left of a probe's number beyond a control: every site against every group.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::table::Estimate;
use super::super::theme::{DIVERGING, INK};
use super::conclusion::{Verdict, deciding, margin};
use super::family::{Family, depth_axis};
use super::wording;

/// A panel for each control that decides and each axis of the image; None for a probe that has neither groups nor such
/// controls.
pub fn figure(family: &Family) -> Option<Result<Figure, Undrawn>> {
    let split = family.control_split();
    let decide = deciding(family.target);
    let kinds: Vec<&str> = family.kinds(split).into_iter().filter(|kind| decide.contains(kind)).collect();
    let (axes, groups) = (family.axes(), family.groups());
    if kinds.is_empty() || groups.is_empty() {
        return None;
    }
    let margins = |axis: &str, kind: &str| -> Vec<(f64, f64, Estimate)> {
        let of = |(place, group): (usize, &&str)| {
            let rows = family.controlled(axis, group, split, kind);
            rows.into_iter().filter_map(|row| Some((row.depth as f64, place as f64, margin(row)?))).collect::<Vec<_>>()
        };
        groups.iter().rev().enumerate().flat_map(of).collect()
    };
    let all: Vec<Estimate> =
        kinds.iter().flat_map(|kind| axes.iter().flat_map(|axis| margins(axis, kind))).map(|(.., of)| of).collect();
    let depth = family.places().iter().find(|place| place.site == family.site()).map_or(0, |place| place.depth);
    let here = kinds.iter().flat_map(|kind| axes.iter().flat_map(|axis| margins(axis, kind)));
    let here: Vec<Estimate> = here.filter(|(x, ..)| *x == depth as f64).map(|(.., of)| of).collect();
    let reach = all.iter().map(|of| of.value.abs()).fold(0.1, f64::max);
    let reach = ((reach * 10.0 - 1e-9).ceil() / 10.0).min(1.0);
    let panel = |axis: &str, kind: &str| {
        let cells = margins(axis, kind).into_iter().map(|(x, y, of)| Cell {
            x,
            y,
            value: Some(of.value),
            marked: of.interval.is_some_and(|(low, _)| low > 0.0),
        });
        let body = Heatmap {
            x: depth_axis(&family.places()),
            y: Axis::names("", groups.iter().rev().map(|group| wording::group(group))),
            scale: Axis::linear("selectivity", -reach, reach, Unit::Plain),
            colors: DIVERGING,
            cells: cells.collect(),
            labels: Vec::new(),
            frames: Vec::new(),
        };
        Panel::new(format!("{}: over “{}”", wording::axis(axis), wording::control(kind)), "", body)
    };
    let panels = kinds.iter().flat_map(|kind| axes.iter().map(|axis| panel(axis, kind)).collect::<Vec<_>>());
    let height = (groups.len() as f64 * 22.0).clamp(66.0, 440.0) + 44.0;
    Some(Ok(Figure {
        name: format!("probe-{}-selectivity", family.name),
        title: format!("Probe “{}”: selectivity by site and group", family.name),
        caption: format!(
            "{} on images held out ({}) less that of the control named above each panel; white is none, and grey was not \
             measured. Dots: the 95 % image-bootstrap interval of the difference lies above zero, each cell by itself. {}",
            wording::capital(wording::metric(family.metric)),
            wording::split(split),
            sentence(family, &all, &here)
        ),
        keys: vec![Key::new("interval above zero", Look::Dot(INK))],
        rows: Row::grid(axes.len().min(2), height, panels.collect()),
    }))
}

/// The rule of [`Verdict::of`], over the groups of the site that stands for all.
fn sentence(family: &Family, all: &[Estimate], here: &[Estimate]) -> String {
    let ends = |of: &[Estimate]| of.iter().filter_map(|of| of.interval).collect::<Vec<_>>();
    let above = |of: &[(f64, f64)]| of.iter().filter(|(low, _)| *low > 0.0).count();
    let (all, here) = (ends(all), ends(here));
    format!(
        "Of {} cells {} lie above zero with their whole interval, at {} {} of {}: {}.",
        all.len(),
        above(&all),
        family.site(),
        above(&here),
        here.len(),
        Verdict::of(&here).say("there every group tells more than these controls")
    )
}

#[cfg(test)]
mod tests {
    use super::super::synthetic::measure;
    use super::*;

    #[test]
    fn the_sentence_counts_cells_and_follows_the_rule() {
        let of = |low: f64, high: f64| Estimate { value: (low + high) / 2.0, interval: Some((low, high)) };
        let rows = [measure("slot", "projector.out", "objects")];
        let families = Family::all(&rows, &[]);
        let says = |here: &[Estimate]| sentence(&families[0], &[of(0.1, 0.3), of(-0.1, 0.2)], here);
        let said = says(&[of(0.1, 0.3)]);
        assert!(
            said.starts_with("Of 2 cells 1 lie above zero") && said.contains("at projector.out 1 of 1: this supports"),
            "{said}"
        );
        assert!(says(&[of(0.1, 0.3), of(-0.1, 0.4)]).contains("undecided"));
        assert!(says(&[of(0.1, 0.3), of(-0.3, 0.0)]).contains("refutes"));
    }
}
