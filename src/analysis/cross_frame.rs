//! How do the frames of a video attend to each other inside a spatial encoder?
//!
//! # What it measures
//! In every block across frames, how the attention of one frame's patches is shared out over the frames, and how much of it
//! leaves the own frame.
//!
//! # Formula
//! `share` (query frame, key frame): mean over videos of the share of its attention that a patch of the query frame pays to all
//! tokens of the key frame, itself the mean over the patches. `leaving`: mean over videos and query frames of 1 less the share
//! of the own frame. Videos of different length are apart (`frames`).
//!
//! # Reads
//! `frames/items`: item, image. `frames/cross_frame`, all columns.
//!
//! # Writes
//! `tables/cross_frame`: layer, head (-1: mean over heads), frames, measure (\"share\", \"leaving\"), query_frame, key_frame (null
//! for leaving), value, ci_lo, ci_hi, uniform, n (videos).
//!
//! # Controls
//! `uniform`: what attention that is the same everywhere would give, for every frame has as many tokens: 1 / frames, and
//! 1 - 1 / frames of leaving. 95 % intervals by bootstrap over videos.
//!
//! # Paper
//! Wang et al., \"VGGT: Visual Geometry Grounded Transformer\" (CVPR 2025), which alternates attention within and across
//! frames; there without measurements of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::attention_share::mean_with_interval;
use super::frames::{Cell, CrossFrame, FrameMap};
use super::{Frames, Params, Table};
use crate::error::Result;
use crate::stats::{Interval, Replicates};

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub cell: Cell,
    pub frames: usize,
    /// Query and key frame; `None`: what leaves the own frame.
    pub pair: Option<[usize; 2]>,
    pub value: f64,
    pub interval: Option<Interval>,
    pub n: u32,
}

impl Row {
    /// What attention that is the same everywhere would give.
    fn uniform(&self) -> f64 {
        let each = 1.0 / self.frames as f64;
        if self.pair.is_some() { each } else { 1.0 - each }
    }
}

/// Writes `tables/cross_frame` into `folder`; returns the files.
///
/// # Errors
/// A frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, folder: &Path) -> Result<Vec<PathBuf>> {
    let recorded = CrossFrame::read(&frames.folder, &frames.items)?;
    let replicates = Replicates::draw(&frames.items.clusters(), params.bootstrap, params.seed);
    let rows = rows(&recorded, frames.items.len(), &replicates);
    let frame = |row: &Row, at: usize| row.pair.map(|pair| pair[at] as i16);
    let table = Table::new()
        .layer_or_head("layer", rows.iter().map(|row| row.cell.layer))
        .layer_or_head("head", rows.iter().map(|row| row.cell.head))
        .count("frames", rows.iter().map(|row| row.frames as u32))
        .text("measure", rows.iter().map(|row| if row.pair.is_some() { "share" } else { "leaving" }))
        .optional_index("query_frame", rows.iter().map(|row| frame(row, 0)))
        .optional_index("key_frame", rows.iter().map(|row| frame(row, 1)))
        .number("value", rows.iter().map(|row| Some(row.value)))
        .interval("ci_", rows.iter().map(|row| row.interval))
        .number("uniform", rows.iter().map(|row| Some(row.uniform())))
        .count("n", rows.iter().map(|row| row.n));
    Ok(table.write(folder, "cross_frame")?.into())
}

/// By layer, head and length: what leaves the own frame, then every pair of frames.
fn rows(recorded: &CrossFrame, items: usize, replicates: &Replicates) -> Vec<Row> {
    let mut groups: BTreeMap<(Cell, usize), Vec<&FrameMap>> = BTreeMap::new();
    recorded.maps.iter().for_each(|map| groups.entry((map.cell, map.frames)).or_default().push(map));
    let of_group = |((cell, frames), maps): ((Cell, usize), Vec<&FrameMap>)| -> Vec<Row> {
        let row = |pair: Option<[usize; 2]>| {
            let mut values = vec![f64::NAN; items];
            for map in &maps {
                values[map.item] = pair.map_or_else(|| map.leaving(), |[query, key]| map.shares[query * frames + key]);
            }
            let (value, interval, n) = mean_with_interval(&values, replicates)?;
            Some(Row { cell, frames, pair, value, interval, n })
        };
        let pairs = (0..frames * frames).map(|at| Some([at / frames, at % frames]));
        std::iter::once(None).chain(pairs).filter_map(row).collect()
    };
    groups.into_par_iter().flat_map_iter(of_group).collect()
}

#[cfg(test)]
mod tests {
    use polars::prelude::*;

    use super::super::planted::{PlantedItem, load, save, write};
    use super::*;

    /// Two videos of two frames: one looks mostly at itself, the other mostly at the other frame.
    const MAPS: [[f32; 4]; 2] = [[0.9, 0.1, 0.3, 0.7], [0.3, 0.7, 0.5, 0.5]];

    fn planted(folder: &Path) -> DataFrame {
        let item = |n: usize| PlantedItem {
            image: format!("video-{n}"),
            relation: "left",
            familiarity: "familiar",
            correct: n == 0,
            boxes: Vec::new(),
        };
        write(folder, &[item(0), item(1)], 1, &[-1], |_, _, _| vec![1.0; 16]);
        let each = |of: &dyn Fn(usize) -> i16| (0..8).map(of).collect::<Vec<i16>>();
        df!(
            "item" => (0..8).map(|row| format!("item-{:03}", row / 4)).collect::<Vec<_>>(),
            "layer" => each(&|_| 1), "head" => each(&|_| -1),
            "query_frame" => each(&|row| row as i16 % 4 / 2), "key_frame" => each(&|row| row as i16 % 2),
            "share" => MAPS.concat(),
        )
        .unwrap()
    }

    #[test]
    fn by_hand() {
        let place = tempfile::tempdir().unwrap();
        let frame = planted(place.path());
        save(&place.path().join("frames/cross_frame.parquet"), frame);
        super::super::run(place.path(), &Params { bootstrap: 200, permutations: 40, draws: 40, ..Params::default() })
            .unwrap();
        let table = load(&place.path().join("tables/cross_frame.parquet"));
        assert_eq!(table.height(), 1 + 4);
        let numbers = |name: &str| -> Vec<f64> {
            table.column(name).unwrap().f64().unwrap().iter().map(|value| value.unwrap()).collect()
        };
        // Leaving: of the first (0.1 + 0.3) / 2, of the second (0.7 + 0.5) / 2.
        for (value, expected) in numbers("value").into_iter().zip([0.4, 0.6, 0.4, 0.4, 0.6]) {
            assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        }
        assert_eq!(numbers("uniform"), [0.5; 5]);
        // Two videos: the bootstrap's ends are the videos themselves.
        assert!((numbers("ci_lo")[0] - 0.2).abs() < 1e-6 && (numbers("ci_hi")[0] - 0.6).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_attention_is_named() {
        let place = tempfile::tempdir().unwrap();
        let whole = planted(place.path());
        let path = place.path().join("frames/cross_frame.parquet");
        let says = |frame: DataFrame, part: &str| {
            save(&path, frame);
            let error = super::super::run(place.path(), &Params::default()).unwrap_err().to_string();
            assert!(error.contains("cross_frame.parquet") && error.contains(part), "{error}");
        };
        says(whole.head(Some(7)), "item `item-001`, layer 1, mean over heads: 3 of 4 pairs");
        says(whole.vstack(&whole.head(Some(1))).unwrap(), "frames 0 and 0 are there twice");
        let mut broken = whole;
        broken
            .replace("share", Column::new("share".into(), [vec![0.2f32], MAPS.concat()[1..].to_vec()].concat()))
            .unwrap();
        says(broken, "query frame 0 are no attention");
    }
}
