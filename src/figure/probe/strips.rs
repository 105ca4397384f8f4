//! What a slot probe says of every patch: with the objects, without them, and the difference.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::patches::{Cell, Patches};
use super::super::table::Table;
use super::super::theme::{ColorMap, DIVERGING, VIRIDIS, object_color};
use super::conclusion::{Verdict, margin};
use super::family::{Family, distinct};
use super::rows::{Mapped, Token};
use super::wording;
use crate::error::Result;
use crate::processor::{Grid, Patch};

/// One number a patch.
type Values = Vec<(Patch, Option<f64>)>;

/// In a layout probe's rows this stands where a class would.
const ACCURACY: &str = "acc";

/// One figure an axis of the image; none for a probe without such maps.
///
/// # Errors
/// A predictions table that is not as documented.
pub fn figures(family: &Family, maps: &[Mapped], predictions: Option<&Table>) -> Result<Vec<Result<Figure, Undrawn>>> {
    let maps: Vec<&Mapped> = maps
        .iter()
        .filter(|map| map.probe == family.name && map.class != ACCURACY)
        .filter(|map| map.group == family.group())
        .collect();
    let axes = family.axes().into_iter().filter(|axis| maps.iter().any(|map| map.axis == *axis));
    axes.map(|axis| {
        let maps: Vec<&Mapped> = maps.iter().copied().filter(|map| map.axis == axis).collect();
        figure(family, axis, &maps, predictions)
    })
    .collect()
}

fn figure(
    family: &Family,
    axis: &str,
    maps: &[&Mapped],
    predictions: Option<&Table>,
) -> Result<Result<Figure, Undrawn>> {
    let name = format!("probe-{}-strips-{axis}", family.name);
    let title = format!("Probe “{}”: what it says of every patch ({axis} axis)", family.name);
    let sites = distinct(maps.iter().map(|map| map.site.as_str()));
    let site = sites.iter().find(|site| **site == family.site()).or(sites.first()).copied().unwrap_or_default();
    let here: Vec<&Mapped> = maps.iter().copied().filter(|map| map.site == site).collect();
    let of = |variant: &str, class: &str| -> Vec<&Mapped> {
        here.iter().copied().filter(|map| map.variant == variant && map.class == class).collect()
    };
    let classes = distinct(here.iter().map(|map| map.class.as_str()));
    if !here.iter().any(|map| map.variant == "original") {
        return Ok(Err(Undrawn::new(name, title, "the map of the original images is not in the table")));
    }
    let has_blank = here.iter().any(|map| map.variant == "blank");
    let grid = Grid {
        rows: here.iter().map(|map| map.patch.row + 1).max().unwrap_or(1),
        cols: here.iter().map(|map| map.patch.col + 1).max().unwrap_or(1),
    };
    let tokens = match predictions {
        Some(table) => Token::read(table, [family.name, axis, site, family.group(), "original"])?,
        None => Vec::new(),
    };
    let regions: Vec<Vec<Patch>> = (0..classes.len()).map(|class| usual(&tokens, class as i64)).collect();
    let mut panels = Vec::new();
    let mut add = |kind: &dyn Fn(&str) -> Values, note: &str, scale: Axis, colors: ColorMap| {
        for (place, class) in classes.iter().enumerate() {
            let cells =
                kind(class).into_iter().map(|(patch, value)| Cell { patch, value, hatched: false, dotted: false });
            let body = Patches {
                grid,
                cells: cells.collect(),
                outlines: vec![(object_color(place + 1), regions.get(place).cloned().unwrap_or_default())],
                scale: scale.clone(),
                colors,
                pointer: None,
            };
            panels.push(Panel::new(format!("Slot “{class}”"), note, body));
        }
    };
    let plain = |variant: &'static str| {
        let of = &of;
        move |class: &str| -> Values { of(variant, class).iter().map(|map| (map.patch, map.prob)).collect() }
    };
    let whole = Axis::linear("mean probability", 0.0, 1.0, Unit::Plain);
    add(&plain("original"), &wording::variant("original"), whole.clone(), VIRIDIS);
    if has_blank {
        add(&plain("blank"), &wording::variant("blank"), whole, VIRIDIS);
        let difference = |class: &str| -> Values {
            let blank = of("blank", class);
            let less = |map: &&Mapped| {
                let other = blank.iter().find(|other| other.patch == map.patch).and_then(|other| other.prob);
                (map.patch, map.prob.zip(other).map(|(with, without)| with - without))
            };
            of("original", class).iter().map(less).collect()
        };
        add(&difference, "difference", Axis::linear("difference", -1.0, 1.0, Unit::Plain), DIVERGING);
    }
    let outlined = regions.iter().any(|region| !region.is_empty());
    let keys = (0..classes.len()).filter(|_| outlined).map(|place| {
        Key::new(format!("the object of “{}”", classes[place]), Look::Frame(Pen::solid(object_color(place + 1), 2.0)))
    });
    let outlines = if outlined {
        " Outlined: patches that the slot’s object covers in at least half of the images."
    } else {
        " The objects’ patches are not outlined: none is covered in half of the images."
    };
    let blank = if has_blank { "" } else { " No blank image was recorded, so there is nothing to hold these against." };
    Ok(Ok(Figure {
        name,
        title,
        caption: format!(
            "Mean softmax of the probe at {site}, applied to every patch, over {} test images.{outlines}{blank} {}",
            super::super::wording::count_range(here.iter().map(|map| map.n)),
            sentence(family, axis, site)
        ),
        keys: keys.collect(),
        rows: Row::grid(classes.len(), 190.0, panels),
    }))
}

/// The patches that carry this class in at least half of the images that have it.
fn usual(tokens: &[Token], class: i64) -> Vec<Patch> {
    let images = distinct(tokens.iter().filter(|token| token.y == class).map(|token| token.item.as_str())).len();
    let mut patches: Vec<Patch> = tokens.iter().filter(|token| token.y == class).map(|token| token.patch).collect();
    patches.sort_by_key(|patch| (patch.row, patch.col));
    let often = patches.chunk_by(|a, b| a == b).filter(|same| 2 * same.len() >= images);
    often.filter_map(|same| same.first().copied()).collect()
}

/// What the share of patches that follow the strips, with and without objects, allows one to conclude.
fn sentence(family: &Family, axis: &str, site: &str) -> String {
    let rows = family.of_metric("strip_index", axis, "blank", |row| row.site == site);
    let Some((row, with, difference)) = rows.into_iter().find_map(|row| Some((row, row.value?, margin(row)?))) else {
        return "The table has no strip index for this site, so strips alone leave undecided whether they come from the objects."
            .into();
    };
    let without = row.control.map(wording::estimate).unwrap_or_default();
    let verdict = Verdict::of(&difference.interval.into_iter().collect::<Vec<_>>());
    format!(
        "The share of patches whose most probable slot is the nearest one is {} with the objects and {without} on the blank \
         image, a difference of {}: {}.",
        wording::estimate(with),
        wording::estimate(difference),
        verdict.say("the strips come from the objects beyond what the place of a patch alone gives")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_what_at_least_half_of_the_images_cover() {
        let token = |(item, col, y): (&str, usize, i64)| Token { item: item.into(), patch: Patch { row: 0, col }, y };
        let tokens = [("a", 1, 0), ("b", 1, 0), ("b", 2, 0), ("c", 3, 0), ("a", 5, 1)].map(token);
        assert_eq!(usual(&tokens, 0), [Patch { row: 0, col: 1 }]);
        assert_eq!(usual(&tokens, 1), [Patch { row: 0, col: 5 }]);
        assert!(usual(&tokens, 2).is_empty());
    }
}
