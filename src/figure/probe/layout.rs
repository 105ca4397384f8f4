//! How well each fixed patch tells a property of the whole image: the place is the same in every image, so it gives
//! nothing away.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::patches::{Cell, Patches};
use super::super::theme::{INK, VIRIDIS, VOID};
use super::family::{Family, spread};
use super::rows::Measure;
use super::{conclusion, wording};
use crate::processor::Grid;

/// Below this a patch counts as better than chance.
const LEVEL: f64 = 0.05;
/// Sites shown at most.
const SITES: usize = 6;
const UNJUDGED: &str =
    "The run judges no claim here, so the map alone leaves undecided whether the background holds the layout.";

/// A map for each site and axis; None for a probe that does not read single patches.
pub fn figure(family: &Family) -> Option<Result<Figure, Undrawn>> {
    let split = family.split();
    let axes: Vec<&str> = family.axes().into_iter().filter(|axis| !family.all_cells(axis, split).is_empty()).collect();
    if axes.is_empty() {
        return None;
    }
    let (mut panels, mut shown) = (Vec::new(), Vec::new());
    let columns = axes.iter().map(|axis| sites(family, axis).len()).max().unwrap_or(1).clamp(1, 3);
    for axis in &axes {
        for site in sites(family, axis) {
            let cells = family.cells(axis, split, site);
            panels.push(panel(axis, site, &cells));
            shown.extend(cells);
        }
    }
    let stands_for = family.site();
    Some(Ok(Figure {
        name: format!("probe-{}-layout", family.name),
        title: format!("Probe “{}”: what single patches tell of the layout", family.name),
        caption: format!(
            "Each patch has a probe of its own, over all images; its {} on images held out ({}; {}). The mark on the colour \
             bar is chance. {} {}",
            wording::metric(family.metric),
            wording::split(split),
            Family::images(&shown),
            counted(family, &axes, stands_for),
            conclusion::by_rule(family).unwrap_or_else(|| UNJUDGED.into())
        ),
        keys: vec![Key::new("not above chance", Look::Hatched(VOID)), Key::new("always background", Look::Dot(INK))],
        rows: Row::grid(columns, 210.0, panels),
    }))
}

/// The site that stands for all, and others evenly over depth.
fn sites<'a>(family: &Family<'a>, axis: &str) -> Vec<&'a str> {
    let rows = family.all_cells(axis, family.split());
    let has = |site: &&str| rows.iter().any(|row| row.site == *site && row.value.is_some());
    let all: Vec<&str> = family.places().iter().map(|place| place.site).filter(has).collect();
    spread(&all, family.site(), SITES)
}

fn panel(axis: &str, site: &str, rows: &[&Measure]) -> Panel {
    let patches = || rows.iter().filter_map(|row| row.cell);
    let grid = Grid {
        rows: patches().map(|patch| patch.row + 1).max().unwrap_or(1),
        cols: patches().map(|patch| patch.col + 1).max().unwrap_or(1),
    };
    let cell = |row: &&Measure| {
        Some(Cell {
            patch: row.cell?,
            value: row.value.map(|value| value.value),
            hatched: row.value.is_some() && !above_chance(row),
            dotted: row.background == Some(true),
        })
    };
    let body = Patches {
        grid,
        cells: rows.iter().filter_map(cell).collect(),
        outlines: Vec::new(),
        scale: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
        colors: VIRIDIS,
        pointer: rows.iter().find_map(|row| row.chance),
    };
    Panel::new(site, wording::axis(axis), body)
}

/// By label permutation where there was one, corrected over depth where that was done; else by the interval.
fn above_chance(row: &Measure) -> bool {
    let low = row.value.and_then(|value| value.interval).map(|(low, _)| low);
    let by_interval = low.zip(row.chance).is_some_and(|(low, chance)| low > chance);
    row.p_max.or(row.p_perm).map_or(by_interval, |p| p < LEVEL)
}

/// How many patches are above chance, and how many would be by luck.
fn counted(family: &Family, axes: &[&str], site: &str) -> String {
    let cells: Vec<&Measure> = axes
        .iter()
        .flat_map(|axis| family.cells(axis, family.split(), site))
        .filter(|row| row.value.is_some())
        .collect();
    let corrected = if cells.iter().any(|row| row.p_max.is_some()) { ", corrected over depth" } else { "" };
    let by = if cells.iter().any(|row| row.p_max.or(row.p_perm).is_some()) {
        format!("p < {LEVEL} by label permutation{corrected}")
    } else {
        "95 % interval above chance".into()
    };
    let count = |rows: &dyn Fn(&Measure) -> bool| {
        let of: Vec<&&Measure> = cells.iter().filter(|row| rows(row)).collect();
        format!("{} of {}", of.iter().filter(|row| above_chance(row)).count(), of.len())
    };
    format!(
        "At {site} {} patches that are always background and {} others are above chance ({by}, not corrected over patches: \
         one in twenty would be by luck).",
        count(&|row| row.background == Some(true)),
        count(&|row| row.background != Some(true)),
    )
}
