//! The held-out number of a probe by depth: by group of tokens, by split, and beside its controls.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{CHANCE, Lines, Mark, Sample, Series};
use super::super::table::Estimate;
use super::super::theme::{BLUE, Color, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION};
use super::family::{Family, depth_axis, distinct};
use super::rows::Measure;
use super::{conclusion, wording};

const HEIGHT: f64 = 230.0;
/// More groups than this, and only the first one's control is drawn.
const CONTROLLED: usize = 3;
/// The same probes, asked about other images; every other control is a probe of its own.
const INPUTS: [&str; 4] = ["blank", "noise", "shift_ordinal", "shift_absolute"];
/// Which control a group's dotted line is, the first that was made.
const DOTTED: [&str; 7] =
    ["control_content", "control_location", "geometry_only", "untrained", "pixels", "majority", "shuffled"];

/// Rows of panels: by group, by split (of the first group), by control (of the first group); an axis of the image a column.
pub fn figure(family: &Family) -> Result<Figure, Undrawn> {
    let name = format!("probe-{}-depth", family.name);
    let title = format!("Probe “{}”: {} by depth", family.name, wording::metric(family.metric));
    let split = family.split();
    let axes = family.axes();
    let groups = family.groups();
    let shown = |axis: &&str| {
        groups.iter().any(|group| defined(&family.values(axis, group, split)))
            || defined(&family.all_cells(axis, split))
    };
    let axes: Vec<&str> = axes.into_iter().filter(shown).collect();
    if axes.is_empty() {
        return Err(Undrawn::new(name, title, "no site has a defined number; the table says why, row by row"));
    }
    let rows: Vec<&Measure> = axes
        .iter()
        .flat_map(|axis| {
            let grouped = groups.iter().flat_map(|group| family.values(axis, group, split));
            grouped.chain(family.all_cells(axis, split)).collect::<Vec<_>>()
        })
        .collect();
    let n = Family::images(&rows);
    let first = groups.iter().find(|group| axes.iter().any(|axis| defined(&family.values(axis, group, split))));
    let mut figure_rows = Vec::new();
    let mut caption = format!(
        "{} of the probe’s predictions for images it was not fitted on ({}; {n}), by depth; band: 95 % image-bootstrap \
         interval; dashed: chance.",
        wording::capital(wording::metric(family.metric)),
        wording::split(split),
    );
    if let Some(group) = first {
        figure_rows.push(row(&axes, |axis| groups_panel(family, axis, &groups)));
        if let Some(kind) = dotted(family) {
            let whose = if groups.len() > CONTROLLED { " of the first group" } else { "" };
            caption.push_str(&format!(" Dotted{whose}: {}.", wording::control(kind)));
        }
        if family.splits().len() > 1 {
            figure_rows.push(row(&axes, |axis| splits_panel(family, axis, group)));
        }
        for (title, kinds) in [("on other images", &INPUTS[..]), ("beside its controls", &wording::CONTROLS[..])] {
            let made =
                made(family, group, |kind| kinds.contains(&kind) && (kinds == INPUTS || !INPUTS.contains(&kind)));
            if !made.is_empty() {
                figure_rows.push(row(&axes, |axis| controls_panel(family, axis, group, title, &made)));
            }
        }
        caption.push(' ');
        caption.push_str(&conclusion::at_site(family));
    } else {
        figure_rows.push(row(&axes, |axis| cells_panel(family, axis)));
        caption.push_str(" What that allows one to conclude is told with the map of the patches.");
    }
    Ok(Figure { name, title, caption, keys: Vec::new(), rows: figure_rows })
}

fn defined(rows: &[&Measure]) -> bool {
    rows.iter().any(|row| row.value.is_some())
}

/// One panel an axis of the image; they share their colours.
fn row(axes: &[&str], panel: impl Fn(&str) -> (Panel, Vec<Key>)) -> Row {
    let (panels, keys): (Vec<Panel>, Vec<Vec<Key>>) = axes.iter().map(|axis| panel(axis)).unzip();
    Row { columns: axes.len(), height: HEIGHT, panels, keys: keys.into_iter().next().unwrap_or_default() }
}

fn groups_panel(family: &Family, axis: &str, groups: &[&str]) -> (Panel, Vec<Key>) {
    let split = family.split();
    let mut keys = Vec::new();
    let (mut lines, mut controls) = (Vec::new(), Vec::new());
    for (place, group) in groups.iter().enumerate() {
        let pen = pen(place);
        let rows = family.values(axis, group, split);
        if let Some(kind) = dotted(family).filter(|_| groups.len() <= CONTROLLED || place == 0) {
            let rows = family.controlled(axis, group, split, kind);
            controls.push(series(dots(pen.color), &rows, |row| row.control.map(bare), Mark::Bare));
        }
        lines.push(series(pen, &rows, |row| row.value, Mark::Full));
        keys.push(Key::new(wording::group(group), Look::Marked(pen)));
    }
    let chance = groups.first().map(|group| family.values(axis, group, split)).unwrap_or_default();
    if let Some(kind) = dotted(family) {
        keys.push(Key::new(wording::control(kind), Look::Line(dots(INK))));
    }
    keys.push(Key::new("chance", Look::Line(CHANCE)));
    let body = plot(family, &chance, controls.into_iter().chain(lines).collect());
    (Panel::new(format!("{}: by group of tokens", wording::axis(axis)), wording::split(split), body), keys)
}

/// A line a patch.
fn cells_panel(family: &Family, axis: &str) -> (Panel, Vec<Key>) {
    const COVERED: Color = VERMILLION;
    const BARE: Color = BLUE;
    let split = family.split();
    let rows = family.all_cells(axis, split);
    let mut lines: Vec<Series> = Vec::new();
    for cell in rows.chunk_by(|a, b| a.cell == b.cell) {
        let background = cell.iter().all(|row| row.background == Some(true));
        let pen = Pen::solid(if background { BARE } else { COVERED }.opacity(0.45), 1.0);
        lines.push(series(pen, cell, |row| row.value.map(bare), Mark::Bare));
    }
    let keys = vec![
        Key::new("patch that an object may cover", Look::Line(Pen::solid(COVERED, 1.5))),
        Key::new("patch that is always background", Look::Line(Pen::solid(BARE, 1.5))),
        Key::new("chance", Look::Line(CHANCE)),
    ];
    let chance = rows.chunk_by(|a, b| a.cell == b.cell).next().map(<[&Measure]>::to_vec).unwrap_or_default();
    let note = format!("{}; {} patches", wording::split(split), lines.len());
    (Panel::new(format!("{}: patch by patch", wording::axis(axis)), note, plot(family, &chance, lines)), keys)
}

fn splits_panel(family: &Family, axis: &str, group: &str) -> (Panel, Vec<Key>) {
    let splits = family.splits();
    let of = |(place, split): (usize, &&str)| {
        series(pen(place), &family.values(axis, group, split), |row| row.value, Mark::Full)
    };
    let lines = splits.iter().enumerate().map(of).collect();
    let mut keys: Vec<Key> = splits
        .iter()
        .enumerate()
        .map(|(place, split)| Key::new(wording::split(split), Look::Marked(pen(place))))
        .collect();
    keys.push(Key::new("chance", Look::Line(CHANCE)));
    let body = plot(family, &family.values(axis, group, family.split()), lines);
    (Panel::new(format!("{}: by what was held out", wording::axis(axis)), wording::group(group), body), keys)
}

/// `made`: which controls, on which counterparts; named over all axes, so that the panels share their colours.
fn controls_panel(family: &Family, axis: &str, group: &str, title: &str, made: &[(&str, &str)]) -> (Panel, Vec<Key>) {
    let split = family.control_split();
    let own = Pen::solid(INK, 2.25);
    let mut keys = vec![Key::new("the probe", Look::Marked(own))];
    let mut lines = Vec::new();
    for (kind, variant) in made {
        let mut rows = family.controlled(axis, group, split, kind);
        rows.retain(|row| row.variant == *variant);
        let pen = Pen { dash: Some((5.0, 2.5)), width: 1.75, ..pen(keys.len() - 1) };
        lines.push(series(pen, &rows, |row| row.control, Mark::Bare));
        let shift = variant.strip_prefix("shifted_").map(|pixels| format!(" ({} px)", pixels.replace('-', "−")));
        keys.push(Key::new(format!("{}{}", wording::control(kind), shift.unwrap_or_default()), Look::Line(pen)));
    }
    let values = family.values(axis, group, split);
    lines.push(series(own, &values, |row| row.value, Mark::Full));
    keys.push(Key::new("chance", Look::Line(CHANCE)));
    let note = format!("{}, {}", wording::group(group), wording::split(split));
    (Panel::new(format!("{}: {title}", wording::axis(axis)), note, plot(family, &values, lines)), keys)
}

/// Every control of a group on every counterpart of the images, along whichever axis it was made.
fn made<'a>(family: &Family<'a>, group: &str, wanted: impl Fn(&str) -> bool) -> Vec<(&'a str, &'a str)> {
    let split = family.control_split();
    let of = |kind: &'a str| {
        let rows = family.axes().into_iter().flat_map(move |axis| family.controlled(axis, group, split, kind));
        distinct(rows.map(|row| row.variant.as_str())).into_iter().map(move |variant| (kind, variant))
    };
    family.kinds(split).into_iter().filter(|kind| wanted(kind)).flat_map(of).collect()
}

fn dotted<'a>(family: &Family<'a>) -> Option<&'a str> {
    let kinds = family.kinds(family.split());
    DOTTED.iter().find_map(|wanted| kinds.iter().find(|kind| *kind == wanted)).copied()
}

fn bare(of: Estimate) -> Estimate {
    Estimate { interval: None, ..of }
}

/// The colours of a many-lined plot: eight, then the same dashed, then dotted.
fn pen(place: usize) -> Pen {
    const COLORS: [Color; 8] = [VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY, INK, GREY];
    let color = COLORS[place % COLORS.len()];
    match place / COLORS.len() {
        0 => Pen::solid(color, 2.0),
        1 => Pen::dashed(color, 2.0, 6.0, 2.5),
        _ => Pen::dashed(color, 2.0, 2.0, 2.0),
    }
}

fn dots(color: Color) -> Pen {
    Pen::dashed(color, 1.5, 1.5, 2.5)
}

/// A line over depth, with a gap after the pixels: they are not a layer of the model.
fn series(pen: Pen, rows: &[&Measure], pick: impl Fn(&Measure) -> Option<Estimate>, mark: Mark) -> Series {
    let mut samples = Vec::new();
    for row in rows {
        samples.push(Sample { x: row.depth as f64, estimate: pick(row), mark });
        if row.tower == "pixels" {
            samples.push(Sample { x: row.depth as f64 + 0.5, estimate: None, mark });
        }
    }
    Series { pen, samples }
}

/// `chance` gives the dashed line.
fn plot(family: &Family, chance: &[&Measure], lines: Vec<Series>) -> Lines {
    let metric = family.metric;
    let chance = series(CHANCE, chance, |row| row.chance.map(|value| Estimate { value, interval: None }), Mark::Bare);
    let y = if metric == "r2" {
        // R² has no lower end; what is worse than the mean by more than this is drawn at the edge.
        Axis::linear(wording::metric(metric), R2_FLOOR, 1.0, Unit::Plain)
    } else {
        Axis::linear(wording::metric(metric), 0.0, 1.0, Unit::Plain)
    };
    let undefined = lines
        .iter()
        .all(|line| line.samples.iter().all(|sample| sample.estimate.is_none()))
        .then(|| "undefined at every site".to_owned());
    let series = std::iter::once(chance).chain(lines).map(|line| within(line, &y)).collect();
    Lines { x: depth_axis(&family.places()), y, series, undefined, ..Lines::default() }
}

const R2_FLOOR: f64 = -0.5;

fn within(line: Series, y: &Axis) -> Series {
    let clamp = |value: f64| value.clamp(y.low, y.high);
    let clamped = |of: Estimate| Estimate {
        value: clamp(of.value),
        interval: of.interval.map(|(low, high)| (clamp(low), clamp(high))),
    };
    let samples = line.samples.into_iter().map(|sample| Sample { estimate: sample.estimate.map(clamped), ..sample });
    Series { pen: line.pen, samples: samples.collect() }
}
