//! True against predicted slot, in the images as they are and after all objects were shifted.

use std::collections::HashMap;

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::heatmap::{Cell, Heatmap};
use super::super::table::Table;
use super::super::theme::{INK, VERMILLION, VIRIDIS};
use super::conclusion::Verdict;
use super::family::{Family, distinct};
use super::rows::{Confused, Measure, Token};
use super::wording;
use crate::error::Result;
use crate::processor::Patch;

/// Where a code of order puts a shifted object.
const ORDINAL: Pen = Pen::solid(INK, 2.0);
/// Where a code of place puts it.
const ABSOLUTE: Pen = Pen::dashed(VERMILLION, 2.0, 5.0, 3.0);

/// A matrix for each axis and variant; None for a probe without any.
///
/// # Errors
/// A predictions table that is not as documented.
pub fn figure(
    family: &Family,
    counts: &[Confused],
    predictions: Option<&Table>,
) -> Result<Option<Result<Figure, Undrawn>>> {
    let own = |count: &&Confused| count.probe == family.name && count.group == family.group();
    let counts: Vec<&Confused> = counts.iter().filter(own).collect();
    let sites = distinct(counts.iter().map(|count| count.site.as_str()));
    let Some(site) = sites.iter().find(|site| **site == family.site()).or(sites.first()).copied() else {
        return Ok(None);
    };
    let counts: Vec<&Confused> = counts.into_iter().filter(|count| count.site == site).collect();
    let mut panels = Vec::new();
    let mut columns = 1;
    let mut marked = false;
    for axis in family.axes() {
        let of_axis: Vec<&Confused> = counts.iter().copied().filter(|count| count.axis == axis).collect();
        let mut variants = distinct(of_axis.iter().map(|count| count.variant.as_str()));
        variants.sort_by_key(|variant| (*variant != "original", shift(variant)));
        columns = columns.max(variants.len().min(3));
        let tokens = |variant: &str| match predictions {
            Some(table) => Token::read(table, [family.name, axis, site, family.group(), variant]),
            None => Ok(Vec::new()),
        };
        let original = tokens("original")?;
        let places = slots(&original);
        for variant in variants {
            let of: Vec<&Confused> = of_axis.iter().copied().filter(|count| count.variant == variant).collect();
            // Of a layout probe every cell has counts of its own.
            let of = summed(&of);
            // Only a slot follows from a place.
            let by_place = variant != "original" && family.target == "slot";
            let absolute = if by_place { absolute(&tokens(variant)?, &places) } else { Vec::new() };
            marked |= !absolute.is_empty();
            panels.push(panel(noun(family), axis, variant, &of, &absolute));
        }
    }
    let mut keys = vec![Key::new("true, by order", Look::Frame(ORDINAL))];
    if marked {
        keys.push(Key::new("as a code of place would have it", Look::Frame(ABSOLUTE)));
    }
    let places = if marked {
        " Dashed: the slot whose objects covered the same patches before the shift, which is where a code of place puts them."
    } else {
        ""
    };
    let shifted = counts.iter().any(|count| count.variant != "original");
    let (title, sentence) =
        if shifted { (" under a shift", sentence(family, site)) } else { ("", "No image was shifted.".into()) };
    Ok(Some(Ok(Figure {
        name: format!("probe-{}-confusion", family.name),
        title: format!("Probe “{}”: true and predicted {}{title}", family.name, noun(family)),
        caption: format!(
            "Predictions at {site} for test images, of which the numbers say how many; each row adds up to one. Rows: true by \
             order, and so framed; columns: predicted.{places} {sentence}"
        ),
        keys,
        rows: Row::grid(columns, 190.0, panels),
    })))
}

/// The counts of each pair of classes together, in the order of the table.
fn summed(counts: &[&Confused]) -> Vec<Confused> {
    let mut sums: Vec<Confused> = Vec::new();
    for count in counts {
        match sums.iter_mut().find(|sum| sum.y == count.y && sum.predicted == count.predicted) {
            Some(sum) => sum.n += count.n,
            None => sums.push((*count).clone()),
        }
    }
    sums
}

fn panel(noun: &str, axis: &str, variant: &str, counts: &[Confused], absolute: &[(i64, i64)]) -> Panel {
    let classes = distinct(
        counts.iter().map(|count| count.y.as_str()).chain(counts.iter().map(|count| count.predicted.as_str())),
    );
    let place = |class: &str| classes.iter().position(|known| *known == class).unwrap_or(0);
    let across = |class: &str| place(class) as f64;
    // The first class is the uppermost row.
    let up = |class: &str| (classes.len() - 1 - place(class)) as f64;
    let total = |y: &str| counts.iter().filter(|count| count.y == y).map(|count| count.n).sum::<i64>();
    let cells = counts.iter().map(|count| Cell {
        x: across(&count.predicted),
        y: up(&count.y),
        value: (total(&count.y) > 0).then(|| count.n as f64 / total(&count.y) as f64),
        marked: false,
    });
    let labels =
        counts.iter().map(|count| (across(&count.predicted), up(&count.y), super::super::wording::grouped(count.n)));
    let ordinal = classes.iter().map(|class| (across(class), up(class), ORDINAL));
    let name = |class: i64| usize::try_from(class).ok().and_then(|class| classes.get(class)).copied();
    let absolute =
        absolute.iter().filter_map(|&(y, predicted)| Some((across(name(predicted)?), up(name(y)?), ABSOLUTE)));
    let body = Heatmap {
        x: Axis::names(format!("predicted {noun}"), classes.iter().copied()),
        y: Axis::names("", classes.iter().rev().copied()),
        scale: Axis::linear("share of the row", 0.0, 1.0, Unit::Plain),
        colors: VIRIDIS,
        cells: cells.collect(),
        labels: if classes.len() <= 6 { labels.collect() } else { Vec::new() },
        frames: ordinal.chain(absolute).collect(),
    };
    Panel::new(format!("{}: {}", wording::axis(axis), wording::variant(variant)), format!("rows: true {noun}"), body)
}

/// By how many pixels a variant shifts.
fn shift(variant: &str) -> i64 {
    variant.strip_prefix("shifted_").and_then(|pixels| pixels.parse().ok()).unwrap_or(0)
}

/// Which slot a patch belongs to in the images as they are: the commonest, the first of equals.
fn slots(tokens: &[Token]) -> HashMap<(usize, usize), i64> {
    let mut found: HashMap<(usize, usize), Vec<i64>> = HashMap::new();
    for Token { patch: Patch { row, col }, y, .. } in tokens {
        found.entry((*row, *col)).or_default().push(*y);
    }
    found.into_iter().filter_map(|(patch, slots)| Some((patch, commonest(slots)?))).collect()
}

/// For each true slot, the slot that a code of place gives its shifted patches, where that is another.
fn absolute(tokens: &[Token], places: &HashMap<(usize, usize), i64>) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> =
        tokens.iter().filter_map(|token| Some((token.y, *places.get(&(token.patch.row, token.patch.col))?))).collect();
    found.sort_unstable();
    let same = found.chunk_by(|a, b| a.0 == b.0);
    let of = same.filter_map(|same| Some((same.first()?.0, commonest(same.iter().map(|(_, slot)| *slot).collect())?)));
    of.filter(|(y, slot)| y != slot).collect()
}

fn commonest(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    let runs = values.chunk_by(|a, b| a == b).map(|run| (run.len(), run.first().copied()));
    runs.reduce(|best, next| if next.0 > best.0 { next } else { best })?.1
}

/// What a class is called.
fn noun(family: &Family) -> &'static str {
    if family.target == "slot" { "slot" } else { "class" }
}

/// Right by order against right by place, after a shift; where place says nothing, right against chance.
fn sentence(family: &Family, site: &str) -> String {
    let mut told = Vec::new();
    let mut margins = Vec::new();
    let slots = family.target == "slot";
    for axis in family.axes() {
        let of = |kind: &str| family.of_metric(family.metric, axis, kind, |row| row.site == site);
        // Of several shifts the first after which some object stands where another slot was.
        let absolute = of("shift_absolute").into_iter().find_map(|row| Some((row, row.control?)));
        let matching = |row: &&Measure| !slots || absolute.is_some_and(|(absolute, _)| absolute.variant == row.variant);
        let ordinal = of("shift_ordinal").into_iter().filter(matching).find_map(|row| Some((row, row.control?)));
        let Some((row, ordinal)) = ordinal else { continue };
        let place = absolute.filter(|_| slots).map(|(_, of)| of);
        let against = place.map_or(row.chance.zip(row.chance), |of| of.interval);
        margins.extend(ordinal.interval.zip(against).map(|(a, b)| (a.0 - b.1, a.1 - b.0)));
        let against = place.map(|of| format!(" and place in {}", wording::estimate(of))).unwrap_or_default();
        let shift = wording::variant(&row.variant);
        told.push(format!("{}{against} ({axis}, {shift})", wording::estimate(ordinal)));
    }
    let (start, claim) = if slots {
        ("The predictions follow order in ", "the probe reads order rather than place")
    } else {
        ("After a shift the share of right predictions is ", "the reading survives a shift")
    };
    if told.is_empty() {
        return format!("The table has no shift control for this site, so it stays undecided whether {claim}.");
    }
    format!("{start}{}: {}.", wording::list(&told), Verdict::of(&margins).say(claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_place_puts_a_shifted_object_where_another_was() {
        let token = |(col, y): (usize, i64)| Token { item: "a".into(), patch: Patch { row: 0, col }, y };
        let original = [(1, 0), (4, 1), (7, 2), (7, 2), (7, 1)].map(token);
        let places = slots(&original);
        assert_eq!(absolute(&[(4, 0), (7, 1), (10, 2)].map(token), &places), [(0, 1), (1, 2)]);
        assert!(absolute(&[token((1, 0))], &places).is_empty(), "the same slot is framed already");
    }
}
