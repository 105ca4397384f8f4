//! The frame of attention from frames to frames of a video: one row per item, layer, head, query frame and key frame.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::attention::Cell;
use super::column::Frame;
use super::{Items, MEAN};
use crate::error::Result;

/// How far the shares of one query frame may be from adding up to one.
const TOLERANCE: f64 = 5e-3;

/// All maps, by item, layer and head.
#[derive(Clone, Debug, Default)]
pub struct CrossFrame {
    pub maps: Vec<FrameMap>,
}

/// One head's map of one video.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameMap {
    /// Place in [`Items`].
    pub item: usize,
    pub cell: Cell,
    pub frames: usize,
    /// `[query frame, key frame]`; each row sums to 1.
    pub shares: Vec<f64>,
}

impl CrossFrame {
    /// Reads `cross_frame.parquet` in `folder`, the folder of all frames.
    ///
    /// # Errors
    /// A missing or unreadable file; a row of an item that is not in the items frame; a pair of frames that is missing or
    /// there twice; shares that are not attention. The message names file, item, layer and head.
    pub fn read(folder: &Path, items: &Items) -> Result<Self> {
        let frame = Frame::read(&folder.join("cross_frame.parquet"))?;
        let number: HashMap<&str, usize> = items.id.iter().zip(0..).map(|(id, item)| (id.as_str(), item)).collect();
        let (ids, layers, heads) = (frame.texts("item")?, frame.integers("layer")?, frame.integers("head")?);
        let queries: Vec<usize> = frame.integers("query_frame")?;
        let keys: Vec<usize> = frame.integers("key_frame")?;
        let shares = frame.numbers("share")?;
        let mut all: BTreeMap<(usize, Cell), BTreeMap<[usize; 2], f64>> = BTreeMap::new();
        for row in 0..ids.len() {
            let known = number.get(ids[row].as_str()).copied();
            let item = known.ok_or_else(|| frame.error(format!("item `{}` is not in items.parquet", ids[row])))?;
            let cell = Cell { layer: layers[row], head: heads[row] };
            let at = [queries[row], keys[row]];
            if all.entry((item, cell)).or_default().insert(at, shares[row]).is_some() {
                let [query, key] = at;
                return Err(
                    frame.error(format!("item `{}`, {cell}: frames {query} and {key} are there twice", ids[row]))
                );
            }
        }
        let map = |((item, cell), shares): ((usize, Cell), BTreeMap<[usize; 2], f64>)| {
            let frames = shares.keys().flatten().max().map_or(0, |last| last + 1);
            let named = |what: String| frame.error(format!("item `{}`, {cell}: {what}", items.id[item]));
            if shares.len() != frames * frames {
                return Err(named(format!("{} of {} pairs of frames", shares.len(), frames * frames))
                    .with_help("the recording is not complete: finish it with `--resume`"));
            }
            let shares: Vec<f64> = shares.into_values().collect();
            let is_attention = |row: &[f64]| {
                row.iter().all(|share| *share >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() <= TOLERANCE
            };
            match shares.chunks(frames).position(|row| !is_attention(row)) {
                Some(query) => Err(named(format!("the shares of query frame {query} are no attention"))),
                None => Ok(FrameMap { item, cell, frames, shares }),
            }
        };
        Ok(Self { maps: all.into_iter().map(map).collect::<Result<_>>()? })
    }
}

impl FrameMap {
    /// The share that leaves the own frame, the mean over query frames.
    pub fn leaving(&self) -> f64 {
        let own: f64 = (0..self.frames).map(|frame| self.shares[frame * self.frames + frame]).sum();
        1.0 - own / self.frames as f64
    }

    /// Whether it stands for the mean over the heads.
    pub fn is_mean(&self) -> bool {
        self.cell.head == MEAN
    }
}
