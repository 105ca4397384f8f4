//! How far a patch moves the answer, by depth: every group of tokens over each other, then slot by group.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::panels::line::{Lines, Mark, Series};
use super::super::theme::{DIVERGING, INK};
use super::conclusion::beyond;
use super::depth::Depth;
use super::pick::Pick;
use super::rows::{Counted, Turned};
use super::style::{LEVEL, bare, dots, estimates, group_pen, span, within};
use super::wording;

const OTHER: &str = "other_item";

/// One figure a patching design whose two sides have different answers.
pub fn figure(design: &Pick, profiles: &[Turned], counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let all = design.measure("shift");
    let depth = Depth::of(&all.distinct(|row| &row.site));
    // Where the two sides have one answer, there is no shift to show.
    if depth.count() < 2 || all.rows().iter().all(|row| row.value.is_none()) {
        return None;
    }
    let groups = all.distinct(|row| &row.group);
    let cases: Vec<(&str, i64)> = all
        .distinct(|row| &row.direction)
        .into_iter()
        .flat_map(|direction| all.windows().into_iter().map(move |window| (direction, window)))
        .collect();
    let of = |(direction, window): (&str, i64)| all.only(|row| row.direction == direction && row.window == window);
    let several = (all.distinct(|row| &row.direction).len() > 1, all.windows().len() > 1);
    let title = |(direction, window): (&str, i64)| {
        let slots = if window == 1 { "one slot".to_owned() } else { format!("{window} slots at once") };
        match several {
            (true, true) => format!("{}, {slots}", wording::direction(direction)),
            (true, false) => wording::direction(direction).to_owned(),
            (false, true) => wording::capital(&slots),
            (false, false) => "All groups".to_owned(),
        }
    };
    let columns = if cases.len() > 2 { cases.len().min(3) } else { cases.len().max(1) };
    let mut rows = Row::grid(
        columns,
        if cases.len() == 1 { 300.0 } else { 210.0 },
        cases.iter().map(|case| Panel::new(title(*case), "", lines(&depth, &of(*case), &groups))).collect(),
    );
    // Of several directions and windows the lines say enough.
    if let ([case], true) = (cases.as_slice(), groups.len() > 1) {
        let height = (groups.len() as f64 * 22.0).clamp(66.0, 300.0) + 44.0;
        let body = heatmap(&depth, &of(*case).real(), &groups);
        rows.extend(Row::grid(1, height, vec![Panel::new("Slot by group", "dots: the interval excludes 0", body)]));
    }
    let mut keys: Vec<Key> = groups
        .iter()
        .enumerate()
        .map(|(place, group)| Key::new(wording::group(group), Look::Marked(group_pen(group, place))))
        .collect();
    let controlled = !all.control(OTHER).is_empty();
    if controlled {
        keys.push(Key::new("the same with another pair’s states", Look::Line(dots(INK))));
    }
    Some(Ok(Figure {
        name: format!("patch-{name}-shift"),
        title: format!("Patch “{name}”: how far the answer moves, by depth"),
        caption: format!(
            "Normalised shift of the logit difference: 0, nothing happened; 1, as in the other run (ratio of means over pairs). \
             Band: 95 % image-bootstrap interval, each place by itself. {}.{}{}{} {}",
            all.real().n(),
            wording::golden(counts, name),
            unread(&all.real()),
            turns(name, profiles),
            at_start(&all, &depth).unwrap_or_default()
        ),
        keys,
        rows,
    }))
}

fn lines(depth: &Depth, own: &Pick, groups: &[&str]) -> Lines {
    let mut series = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        let pen = group_pen(group, place);
        let rows = own.group(group);
        let other = depth.samples(rows.control(OTHER).rows(), |row| row.value.map(bare), Mark::Bare);
        series.push(Series { pen: dots(pen.color), samples: other });
        series.push(Series { pen, samples: depth.samples(rows.real().rows(), |row| row.value, Mark::Full) });
    }
    let y = span("shift", estimates(&series), [], [0.0, 1.0], [-0.5, 1.5]);
    let undefined = estimates(&series).is_empty().then(|| "the two sides hardly differ: undefined".to_owned());
    let series = series.into_iter().map(|line| within(line, &y)).collect();
    Lines { x: depth.axis(), y, series, references: vec![(0.0, LEVEL), (1.0, LEVEL)], undefined, ..Lines::default() }
}

fn heatmap(depth: &Depth, own: &Pick, groups: &[&str]) -> Heatmap {
    let row = |(up, group): (usize, &&str)| {
        let own = own.group(group);
        let cells = own.rows().iter().filter_map(|row| {
            let interval = row.value.and_then(|of| of.interval);
            Some(Cell {
                x: depth.at(&row.site)?,
                y: up as f64,
                value: row.value.map(|of| of.value),
                marked: interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0),
            })
        });
        cells.collect::<Vec<_>>()
    };
    Heatmap {
        x: depth.axis(),
        y: Axis::names("", groups.iter().rev().map(|group| wording::group(group))),
        scale: Axis::linear("shift", -1.0, 1.0, Unit::Plain),
        colors: DIVERGING,
        cells: groups.iter().rev().enumerate().flat_map(row).collect(),
        labels: Vec::new(),
        frames: Vec::new(),
    }
}

/// Slots of the encoder at which nothing whatever moves anything: what follows does not read them.
fn unread(real: &Pick) -> String {
    let still = |site: &&str| {
        let here = real.only(|row| row.site == *site);
        site.starts_with("vision.") && here.rows().iter().all(|row| row.value.is_none_or(|of| of.value == 0.0))
    };
    let sites = real.distinct(|row| &row.site);
    let found: Vec<String> = sites.iter().filter(|site| still(site)).map(|site| (*site).to_owned()).collect();
    match found.is_empty() || found.len() == sites.len() {
        true => String::new(),
        false => format!(" {} moves nothing at all: what follows does not read it.", wording::list(&found)),
    }
}

/// Where each group sets in and is handed over, of the first direction and window.
fn turns(design: &str, profiles: &[Turned]) -> String {
    let own: Vec<&Turned> =
        profiles.iter().filter(|turned| turned.design == design && turned.control == "none").collect();
    let Some(first) = own.first() else { return String::new() };
    let same = own.iter().filter(|turned| turned.direction == first.direction && turned.window == first.window);
    let slot = |of: super::super::table::Estimate| {
        let interval = of.interval.map(|(low, high)| format!(" ({low:.0} to {high:.0})"));
        format!("{:.0}{}", of.value, interval.unwrap_or_default())
    };
    let told: Vec<String> = same
        .filter_map(|turned| {
            let onset = slot(turned.onset?);
            let handover = turned
                .handover
                .map_or(", kept to the end".to_owned(), |of| format!(", below it again at {}", slot(of)));
            Some(format!("{} from slot {onset}{handover}", wording::group(&turned.group)))
        })
        .collect();
    if told.is_empty() {
        return " No group moves the answer by more than half with its whole interval.".into();
    }
    format!(" Above one half: {}.", told.join("; "))
}

/// Which groups beat their control where the language model begins.
fn at_start(all: &Pick, depth: &Depth) -> Option<String> {
    let site = depth.start()?;
    let first = all.only(|row| row.site == site && row.window == 1);
    let direction = first.first()?.direction.as_str();
    let first = first.only(|row| row.direction == direction);
    let (mut more, mut not) = (Vec::new(), Vec::new());
    for row in first.real().rows() {
        let control = first.group(&row.group).control(OTHER);
        let (Some(value), Some(control)) = (row.value, control.first().and_then(|control| control.value)) else {
            continue;
        };
        let by = format!("{} {}", wording::group(&row.group), wording::estimate(value));
        let above = beyond(value, control).is_some_and(|(low, _)| low > 0.0);
        if above { more.push(by) } else { not.push(by) }
    }
    let told: Vec<String> = [("move it more than another pair’s states do", more), ("do not", not)]
        .into_iter()
        .filter(|(_, groups)| !groups.is_empty())
        .map(|(what, groups)| format!("{} {what}", wording::list(&groups)))
        .collect();
    (!told.is_empty()).then(|| format!("At {site}, {}.", told.join("; ")))
}
