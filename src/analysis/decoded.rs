//! Does an erased concept come back, at the site or further on?
//!
//! # What it measures
//! How often a fresh reader, linear or with one hidden layer, finds the concept in an object's tokens after it was erased on
//! the way, at every site that it is read at; and how often the same reader finds it where nothing was erased: its ceiling.
//!
//! # Formula
//! `accuracy` = share of held-out objects whose right class is the reader's most probable. `chance`: share of the most
//! frequent class, axis by axis: what a reader without states would get.
//!
//! # Reads
//! `frames/decoded`: design, image, axis, site, group, arm, concept, read_site, read_slot, reader, truth, correct.
//!
//! # Writes
//! `tables/decoded`: one row a (design, site, group, arm, concept, read_site, reader): read_slot, accuracy, ci_lo, ci_hi, chance,
//! n (objects), images.
//!
//! # Controls
//! The ceiling and chance are rows and a column. 95 % intervals: bootstrap over images, the same draws everywhere.
//!
//! # Paper
//! Elazar et al., "Amnesic Probing" (2021): what a reader finds after erasure; Belrose et al., "LEACE" (2023): scrubbing.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::frames::Decoded;
use super::{Frames, Params, Table};
use crate::error::Result;
use crate::stats::{Interval, Replicates};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Of the first of its readings.
    pub of: Decoded,
    pub accuracy: f64,
    pub interval: Option<Interval>,
    pub chance: f64,
    pub n: u32,
    pub images: u32,
}

/// Judges the readings of a run and writes the table into `folder`; returns the files.
///
/// # Errors
/// A frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<[PathBuf; 2]> {
    table(&rows(&Decoded::read(&frames.folder)?, params)).write(folder, "decoded")
}

/// In the order in which the readings come.
pub fn rows(readings: &[Decoded], params: &Params) -> Vec<Row> {
    let mut number: HashMap<&str, usize> = HashMap::new();
    for reading in readings {
        let next = number.len();
        number.entry(&reading.image).or_insert(next);
    }
    let replicates = Replicates::draw(&(0..number.len()).collect::<Vec<_>>(), params.bootstrap, params.seed);
    let mut order = Vec::new();
    let mut cells: HashMap<_, Vec<&Decoded>> = HashMap::new();
    for reading in readings {
        let key = reading.key();
        cells.entry(key).or_insert_with(|| {
            order.push(key);
            Vec::new()
        });
        cells.entry(key).or_default().push(reading);
    }
    let row = |key| {
        let of: &Vec<&Decoded> = &cells[&key];
        let (mut right, mut all) = (vec![0.0; number.len()], vec![0.0; number.len()]);
        for reading in of {
            let image = number[reading.image.as_str()];
            right[image] += f64::from(u8::from(reading.correct));
            all[image] += 1.0;
        }
        let images: Vec<u32> = (0..).zip(&all).filter(|(_, all)| **all > 0.0).map(|(image, _)| image).collect();
        let draws = replicates.sums(&right, &images).into_iter().zip(replicates.sums(&all, &images));
        let draws = draws.filter(|(_, all)| all.total > 0.0).map(|(right, all)| right.total / all.total);
        let interval = if images.len() > 1 { Interval::of_draws(draws.collect::<Vec<_>>().into_iter()) } else { None };
        Row {
            of: of[0].clone(),
            accuracy: right.iter().sum::<f64>() / of.len() as f64,
            interval,
            chance: chance(of),
            n: of.len() as u32,
            images: images.len() as u32,
        }
    };
    order.into_iter().map(row).collect()
}

/// What always naming the commonest class of the image's axis gets right.
fn chance(readings: &[&Decoded]) -> f64 {
    let mut counts: BTreeMap<&str, BTreeMap<u16, usize>> = BTreeMap::new();
    for reading in readings {
        *counts.entry(&reading.axis).or_default().entry(reading.truth).or_default() += 1;
    }
    let commonest = counts.values().filter_map(|classes| classes.values().max()).sum::<usize>();
    commonest as f64 / readings.len().max(1) as f64
}

fn table(rows: &[Row]) -> Table {
    Table::new()
        .text("design", rows.iter().map(|row| &row.of.design))
        .text("site", rows.iter().map(|row| &row.of.site))
        .text("group", rows.iter().map(|row| &row.of.group))
        .text("arm", rows.iter().map(|row| &row.of.arm))
        .text("concept", rows.iter().map(|row| &row.of.concept))
        .text("read_site", rows.iter().map(|row| &row.of.read_site))
        .layer_or_head("read_slot", rows.iter().map(|row| row.of.read_slot))
        .text("reader", rows.iter().map(|row| &row.of.reader))
        .number("accuracy", rows.iter().map(|row| Some(row.accuracy)))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .number("chance", rows.iter().map(|row| Some(row.chance)))
        .count("n", rows.iter().map(|row| row.n))
        .count("images", rows.iter().map(|row| row.images))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(image: usize, arm: &str, truth: u16, correct: bool) -> Decoded {
        Decoded {
            image: format!("i{image}"),
            axis: "horizontal".into(),
            arm: arm.into(),
            reader: "linear".into(),
            truth,
            correct,
            ..Decoded::default()
        }
    }

    #[test]
    fn a_concept_that_is_gone_reads_as_chance() {
        let mut readings = Vec::new();
        for image in 0..40 {
            for object in 0..2u16 {
                readings.push(reading(image, "none", object, true));
                readings.push(reading(image, "leace", object, object == 0));
            }
        }
        let rows = rows(&readings, &Params { bootstrap: 200, ..Params::default() });
        let told: Vec<_> = rows.iter().map(|row| (row.of.arm.as_str(), row.accuracy, row.chance, row.n)).collect();
        assert_eq!(told, [("none", 1.0, 0.5, 80), ("leace", 0.5, 0.5, 80)]);
        assert_eq!((rows[1].images, rows[1].interval), (40, Some(Interval { lo: 0.5, hi: 0.5 })));
    }

    #[test]
    fn chance_is_the_commonest_class_of_each_axis() {
        let mut readings: Vec<Decoded> =
            (0..4).map(|image| reading(image, "none", u16::from(image == 0), true)).collect();
        readings[0].axis = "vertical".into();
        assert_eq!(chance(&readings.iter().collect::<Vec<_>>()), 1.0);
    }
}
