//! To which part of a video does the last position attend?
//!
//! # What it measures
//! Per layer and head, how the attention that a query pays to a video is shared out over its moments: the groups of frames
//! that become image tokens together.
//!
//! # Formula
//! Mean over videos of (attention on the moment's tokens) / (attention on all of the video's image tokens). Videos of
//! different length are apart (`moments`). Pictures are left out.
//!
//! # Reads
//! `frames/items`: item, image, grid and moments. `frames/attention`: item, layer, head, query, row, image.
//!
//! # Writes
//! `tables/moments`: layer, head (-1: mean over heads), moments, moment (from 0), share, ci_lo, ci_hi, uniform, n (videos).
//!
//! # Controls
//! `uniform`: 1 / moments, what attention that is the same everywhere would give, for every moment has as many tokens. 95 %
//! intervals by bootstrap over videos.
//!
//! # Paper
//! None; Chen et al., ICML 2025, share attention out over one image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::attention_share::mean_with_interval;
use super::frames::Cell;
use super::{Frames, Needs, Params, Table};
use crate::error::Result;
use crate::stats::{Interval, Replicates};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    cell: Cell,
    moments: usize,
    moment: usize,
    share: f64,
    interval: Option<Interval>,
    n: u32,
}

/// Whether a run recorded attention to any video.
pub fn applies(frames: &Frames) -> bool {
    frames.have(Needs::Attention) && frames.items.moments.iter().any(|&moments| moments > 1)
}

/// Writes `tables/moments` into `folder`; returns the files.
///
/// # Errors
/// A table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let replicates = Replicates::draw(&frames.items.clusters(), params.bootstrap, params.seed);
    let rows = rows(frames, &replicates);
    let table = Table::new()
        .layer_or_head("layer", rows.iter().map(|row| row.cell.layer))
        .layer_or_head("head", rows.iter().map(|row| row.cell.head))
        .count("moments", rows.iter().map(|row| row.moments as u32))
        .count("moment", rows.iter().map(|row| row.moment as u32))
        .number("share", rows.iter().map(|row| Some(row.share)))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .number("uniform", rows.iter().map(|row| Some(1.0 / row.moments as f64)))
        .count("n", rows.iter().map(|row| row.n));
    Ok(table.write(folder, "moments")?.into())
}

fn rows(frames: &Frames, replicates: &Replicates) -> Vec<Row> {
    let items = &frames.items;
    let mut lengths: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (item, &moments) in items.moments.iter().enumerate().filter(|(_, moments)| **moments > 1) {
        lengths.entry(moments).or_default().push(item);
    }
    let of_cell = |at: usize| {
        let of_length = |(&moments, videos): (&usize, &Vec<usize>)| {
            let mut shares = vec![vec![f64::NAN; items.len()]; moments];
            for &item in videos {
                let row = frames.attention.row(at, item);
                let sum = |part: &[f32]| part.iter().map(|mass| f64::from(*mass)).sum::<f64>();
                let (all, each) = (sum(row), row.len() / moments);
                // Without attention to the video there is nothing to share out.
                for (moment, shares) in shares.iter_mut().enumerate().filter(|_| all > 0.0) {
                    shares[item] = sum(&row[moment * each..(moment + 1) * each]) / all;
                }
            }
            let cell = frames.attention.cells()[at];
            let row = |(moment, shares): (usize, Vec<f64>)| {
                let (share, interval, n) = mean_with_interval(&shares, replicates)?;
                Some(Row { cell, moments, moment, share, interval, n })
            };
            shares.into_iter().enumerate().filter_map(row).collect::<Vec<_>>()
        };
        lengths.iter().flat_map(of_length).collect::<Vec<_>>()
    };
    (0..frames.attention.cells().len()).into_par_iter().flat_map_iter(of_cell).collect()
}

#[cfg(test)]
mod tests {
    use polars::prelude::Column;

    use super::super::planted::{PlantedItem, load, save, write};
    use super::*;

    #[test]
    fn by_hand() {
        let place = tempfile::tempdir().unwrap();
        let item = |n: usize| PlantedItem {
            image: format!("video-{n}"),
            relation: "left",
            familiarity: "familiar",
            correct: n == 0,
            boxes: Vec::new(),
        };
        // Two moments of two rows each. The first video: three parts of four in the first; the second: all alike; the third
        // is a picture.
        let mass = |item: usize, patch: usize| if item == 0 && patch < 8 { 3.0 } else { 1.0 };
        write(place.path(), &[item(0), item(1), item(2)], 1, &[-1], |item, _, _| {
            (0..16).map(|patch| mass(item, patch)).collect()
        });
        let path = place.path().join("frames/items.parquet");
        let mut items = load(&path);
        items.with_column(Column::new("moments".into(), [2u32, 2, 1])).unwrap();
        save(&path, items);
        super::super::run(place.path(), &Params { bootstrap: 200, permutations: 40, draws: 40, ..Params::default() })
            .unwrap();
        let table = load(&place.path().join("tables/moments.parquet"));
        let numbers = |name: &str| -> Vec<f64> {
            table.column(name).unwrap().f64().unwrap().iter().map(|value| value.unwrap()).collect()
        };
        assert_eq!(table.height(), 2);
        for (share, expected) in numbers("share").into_iter().zip([0.625, 0.375]) {
            assert!((share - expected).abs() < 1e-6, "{share} {expected}");
        }
        assert_eq!(numbers("uniform"), [0.5; 2]);
        assert_eq!(table.column("n").unwrap().u32().unwrap().get(0), Some(2));
    }
}
