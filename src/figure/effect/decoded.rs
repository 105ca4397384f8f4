//! What fresh readers find of a concept, at and after the site where it was erased.

use super::super::Undrawn;
use super::super::axis::{Axis, Unit};
use super::super::page::{Figure, Key, Look, Panel, Row};
use super::super::panels::line::{Lines, Mark, Sample, Series};
use super::super::probe::family::distinct;
use super::super::theme::INK;
use super::depth::Depth;
use super::rows::Decoded;
use super::style::{LEVEL, pen};
use super::wording;
use crate::figure::canvas::Pen;

const HEIGHT: f64 = 220.0;
const CEILING: Pen = Pen::solid(INK, 2.0);
const READERS: [(&str, &str); 2] = [("linear", "linear reader"), ("mlp", "reader with one hidden layer")];

/// One figure a design: a panel for each concept and reader, a line for each eraser.
pub fn figures(rows: &[Decoded]) -> Vec<Result<Figure, Undrawn>> {
    distinct(rows.iter().map(|row| row.design.as_str())).into_iter().map(|design| Ok(of_design(rows, design))).collect()
}

/// Where and how something was erased.
fn eraser(row: &Decoded) -> (&str, &str, &str) {
    (&row.arm, &row.site, &row.group)
}

fn is_ceiling(row: &Decoded) -> bool {
    row.arm == "none"
}

fn of_design(rows: &[Decoded], design: &str) -> Figure {
    let own: Vec<&Decoded> = rows.iter().filter(|row| row.design == design).collect();
    let depth = Depth::of(&distinct(own.iter().map(|row| row.read_site.as_str())));
    let mut erasers: Vec<(&str, &str, &str)> = Vec::new();
    for row in own.iter().filter(|row| !is_ceiling(row)) {
        if !erasers.contains(&eraser(row)) {
            erasers.push(eraser(row));
        }
    }
    let mut panels = Vec::new();
    for concept in distinct(own.iter().map(|row| row.concept.as_str())) {
        for (reader, title) in READERS {
            let here: Vec<&Decoded> =
                own.iter().copied().filter(|row| row.concept == concept && row.reader == reader).collect();
            if here.is_empty() {
                continue;
            }
            let line = |pen: Pen, keep: &dyn Fn(&Decoded) -> bool| {
                let sample = |row: &&Decoded| {
                    Some(Sample { x: depth.at(&row.read_site)?, estimate: row.accuracy, mark: Mark::Full })
                };
                let mut samples: Vec<Sample> = here.iter().filter(|row| keep(row)).filter_map(sample).collect();
                samples.sort_by(|one, other| one.x.total_cmp(&other.x));
                Series { pen, samples }
            };
            let mut series = vec![line(CEILING, &is_ceiling)];
            series.extend(erasers.iter().enumerate().map(|(at, of)| line(pen(at), &|row| eraser(row) == *of)));
            let chance = here.iter().find_map(|row| row.chance);
            panels.push(Panel::new(
                format!("Concept “{concept}”"),
                title,
                Lines {
                    x: depth.axis(),
                    y: Axis::linear("accuracy", 0.0, 1.0, Unit::Plain),
                    series,
                    references: chance.map(|chance| (chance, LEVEL)).into_iter().collect(),
                    ..Lines::default()
                },
            ));
        }
    }
    let mut keys = vec![Key::new("nothing erased", Look::Marked(CEILING))];
    keys.extend(erasers.iter().enumerate().map(|(at, (arm, site, group))| {
        Key::new(format!("{} at {site}, {}", wording::arm(arm), wording::group(group)), Look::Marked(pen(at)))
    }));
    keys.push(Key::new("commonest class", Look::Line(LEVEL)));
    let (n, images) = (own.first().map_or(0, |row| row.n), own.first().map_or(0, |row| row.images));
    Figure {
        name: format!("erase-{design}-decoded"),
        title: format!("Erasure “{design}”: what fresh readers still find"),
        caption: format!(
            "Held-out accuracy of readers that were fitted, after erasing, to the mean token of each object of other images; by \
             where it is read. Band: 95 % image-bootstrap interval. n = {n} objects in {images} images. {}",
            told(&own).unwrap_or_default()
        ),
        keys,
        rows: Row::grid(2, HEIGHT, panels),
    }
}

/// What is found where it was erased and at the last site, by the first eraser, in a sentence.
fn told(own: &[&Decoded]) -> Option<String> {
    let first = own.iter().find(|row| !is_ceiling(row))?;
    let same = |row: &&&Decoded| eraser(row) == eraser(first) && row.concept == first.concept;
    let at = |reader: &str, site: &str, ceiling: bool| -> Option<String> {
        let found = own.iter().find(|row| {
            row.concept == first.concept
                && row.reader == reader
                && row.read_site == site
                && if ceiling { is_ceiling(row) } else { eraser(row) == eraser(first) }
        });
        found.and_then(|row| row.accuracy).map(wording::estimate)
    };
    let last = own.iter().rfind(same).map(|row| row.read_site.as_str())?;
    let say = |site: &str| -> Option<String> {
        let (before, after) = (at("linear", site, true)?, at("linear", site, false)?);
        let hidden = at("mlp", site, false).map_or(String::new(), |of| format!(", one with a hidden layer {of}"));
        Some(format!("at {site} a linear reader finds {after} (before {before}){hidden}"))
    };
    let chance = first.chance.map_or(String::new(), |of| format!("; chance {}", wording::number(of)));
    let mut said = vec![say(&first.read_site)?];
    if last != first.read_site {
        said.extend(say(last));
    }
    Some(format!("“{}” erased at {}: {}{chance}.", first.concept, first.site, said.join("; ")))
}

/// The sentence of each design.
pub fn found(rows: &[Decoded]) -> Vec<String> {
    let designs = distinct(rows.iter().map(|row| row.design.as_str()));
    let of = |design: &str| told(&rows.iter().filter(|row| row.design == design).collect::<Vec<_>>());
    designs.into_iter().filter_map(of).collect()
}
