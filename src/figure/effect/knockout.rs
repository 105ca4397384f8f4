//! Attention edges cut in a few layers at a time: what that costs the right answer.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Band, BandLook, Lines, Mark, Sample, Series};
use super::super::table::Estimate;
use super::super::theme::NULL;
use super::pick::Pick;
use super::rows::{Counted, Measured};
use super::style::{LEVEL, pen, span, within};
use super::wording;

const HEIGHT: f64 = 215.0;
const MEASURE: &str = "relative_change";

/// One figure a knockout: a panel for each kind of reader, a line an edge; then each edge with its null.
pub fn figure(design: &Pick, counts: &[Counted]) -> Option<Result<Figure, Undrawn>> {
    let name = design.designs().first().copied()?;
    let all = design.real().measure(MEASURE);
    let edges = all.distinct(|row| &row.edge);
    if edges.is_empty() {
        return None;
    }
    let last = all.rows().iter().map(|row| row.slot + row.window - 1).max().unwrap_or(0);
    let readers = [("last", "Into the last token"), ("word", "Into the object words"), ("", "Among image tokens")];
    let mut panels = Vec::new();
    for (reader, title) in readers {
        let own: Vec<&str> = edges.iter().copied().filter(|edge| self::reader(edge) == reader).collect();
        if own.is_empty() {
            continue;
        }
        let lines: Vec<Series> = own
            .iter()
            .enumerate()
            .map(|(place, edge)| Series { pen: pen(place), samples: samples(&at_layers(&all, edge)) })
            .collect();
        let keys = own.iter().enumerate().map(|(place, edge)| Key::new(source(edge), Look::Marked(pen(place))));
        panels.push(Panel::new(title, "a line an edge", plot(lines, Vec::new(), last)).keys(keys.collect()));
    }
    let mut rows = Row::grid(panels.len(), HEIGHT, panels);
    let tested: Vec<&str> = edges
        .iter()
        .copied()
        .filter(|edge| all.only(|row| row.edge == *edge && row.null.is_some()).first().is_some())
        .collect();
    let alone = tested.iter().map(|edge| {
        let of = at_layers(&all, edge);
        let band = Band {
            ranges: of.iter().map(|row| (middle(row), row.null)).collect(),
            look: BandLook::Filled(NULL.opacity(0.35)),
        };
        let line = Series { pen: pen(1), samples: samples(&of) };
        Panel::new(wording::capital(&wording::edge(edge)), "beside random patches", plot(vec![line], vec![band], last))
    });
    // Five stand as three and two.
    let columns = if tested.len() == 5 { 3 } else { tested.len().clamp(1, 4) };
    rows.extend(Row::grid(columns, 130.0, alone.collect()));
    let draws = all.rows().iter().map(|row| row.null_draws).max().unwrap_or(0);
    let null = if draws > 0 {
        format!(
            " Grey: the middle 90 % of {draws} draws of as many random patches cut instead, at the same queries; edges from text \
             or from all patches have no such draw."
        )
    } else {
        " No random patches were cut for comparison.".into()
    };
    let keys = if draws > 0 {
        vec![Key::new("random patches cut instead", Look::Patch(NULL.opacity(0.35)))]
    } else {
        Vec::new()
    };
    Some(Ok(Figure {
        name: format!("knockout-{name}"),
        title: format!("Knockout “{name}”: what the right answer loses without an edge"),
        caption: format!(
            "Mean relative change of the right answer’s probability when an edge of attention is cut in a window of layers, at \
             the window’s middle. Band: 95 % image-bootstrap interval, each window by itself.{null} {}.{} {}",
            all.n(),
            wording::golden(counts, name),
            needed(&all).0
        ),
        keys,
        rows,
    }))
}

/// Who reads: "last", "word", or image tokens.
fn reader(edge: &str) -> &str {
    match edge.split_once("->") {
        Some((_, "last")) => "last",
        Some((_, to)) if to.starts_with("word") => "word",
        _ => "",
    }
}

/// The label of a line: for edges among image tokens both ends.
fn source(edge: &str) -> String {
    let whole = wording::edge(edge);
    if reader(edge).is_empty() { whole } else { whole.split(" → ").next().unwrap_or_default().to_owned() }
}

/// The windows of an edge from the first layer on; of those with one middle the widest.
fn at_layers<'a>(all: &Pick<'a>, edge: &str) -> Vec<&'a Measured> {
    let mut rows = all.only(|row| row.edge == edge).rows().to_vec();
    rows.sort_by_key(|row| (2 * row.slot + row.window, -row.window));
    rows.dedup_by_key(|row| 2 * row.slot + row.window);
    rows
}

/// In layers.
fn middle(row: &Measured) -> f64 {
    row.slot as f64 + (row.window as f64 - 1.0) / 2.0
}

fn samples(rows: &[&Measured]) -> Vec<Sample> {
    rows.iter().map(|row| Sample { x: middle(row), estimate: row.value, mark: Mark::Full }).collect()
}

fn plot(series: Vec<Series>, bands: Vec<Band>, last: i64) -> Lines {
    let nulls: Vec<(f64, f64)> =
        bands.iter().flat_map(|band| band.ranges.iter().filter_map(|(_, range)| *range)).collect();
    let ends = super::style::estimates(&series);
    let y = span("", ends, nulls, [-0.05, 0.05], [-1.0, 1.0]);
    let y = Axis { label: "% change of p".into(), ..Axis::linear("", y.low, y.high, Unit::Percent) };
    let series = series.into_iter().map(|line| within(line, &y)).collect();
    let x = Axis::counting("middle of the window, layer", 0, last);
    Lines { x, y, series, bands, references: vec![(0.0, LEVEL)], ..Lines::default() }
}

/// The edges that cost the right answer something beyond their null at some window, the dearest first, in a sentence; and how
/// many there are.
pub fn needed(all: &Pick) -> (String, usize) {
    let mut dear: Vec<(&Measured, Estimate)> = Vec::new();
    for edge in all.distinct(|row| &row.edge) {
        let counts = |row: &&Measured| {
            let high = row.value.and_then(|of| of.interval).map(|(_, high)| high);
            high.is_some_and(|high| high < 0.0 && row.null.is_none_or(|(low, _)| high < low))
        };
        let rows = at_layers(all, edge);
        let found = rows.into_iter().filter(counts).filter_map(|row| Some((row, row.value?)));
        dear.extend(found.min_by(|one, other| one.1.value.total_cmp(&other.1.value)));
    }
    dear.sort_by(|one, other| one.1.value.total_cmp(&other.1.value));
    let count = dear.len();
    let needed: Vec<String> = dear.iter().map(|(row, _)| row.edge.clone()).collect();
    let told: Vec<String> = dear
        .into_iter()
        .take(4)
        .map(|(row, of)| {
            let layers = match row.window {
                1 => format!("layer {}", row.slot),
                window => format!("layers {} to {}", row.slot, row.slot + window - 1),
            };
            format!("{} ({layers}: {})", wording::edge(&row.edge), wording::estimate(of))
        })
        .collect();
    let tested = all.distinct(|row| &row.edge).len();
    let rest: Vec<String> = all
        .distinct(|row| &row.edge)
        .into_iter()
        .filter(|edge| !needed.contains(&(*edge).to_owned()))
        .map(wording::edge)
        .collect();
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!(" No such loss is seen without {}.", wording::list(&rest))
    };
    let said = match told.is_empty() {
        true => format!("None of {tested} edges costs the right answer anything beyond its null at any window."),
        false => format!(
            "{count} of {tested} edges cost the right answer something at some window, with the whole interval below 0 and below \
             the null where there is one; most by {}; windows were picked after looking.{rest}",
            wording::list(&told)
        ),
    };
    (said, count)
}
