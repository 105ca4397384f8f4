//! How much of a room a choice of frames sees.
//!
//! # What it measures
//! Of the cubes of space that all frames of a video cover together, the share that some of the frames cover: chosen with an eye
//! to space, or evenly spaced in time.
//!
//! # Formula
//! covered(S) / covered(all frames), where covered counts cubes that hold a confident point of a frame in S.
//!
//! # Reads
//! Point maps, not the frames of a run.
//!
//! # Writes
//! `frames`: pick (from 1, in the order of choice), frame, gain, covered, total. `coverage`: frames, method ("space-aware" or
//! "uniform"), covered, total.
//!
//! # Controls
//! Uniform sampling of as many frames, by the rule of the published pipeline.
//!
//! # Paper
//! Wu et al. 2025, Spatial-MLLM, section 3.3.

use std::path::{Path, PathBuf};

use super::Table;
use crate::dataset::video::{Pick, Voxels, rounded};
use crate::error::Result;

/// How frames are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    SpaceAware,
    Uniform,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::SpaceAware => "space-aware",
            Self::Uniform => "uniform",
        }
    }
}

/// What so many frames cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub frames: usize,
    pub method: Method,
    pub covered: usize,
    pub total: usize,
}

/// Both methods, from one frame to `most`. Space-aware sampling ends where no frame covers anything new.
pub fn rows(voxels: &Voxels, most: usize) -> Vec<Row> {
    let most = most.min(voxels.frames());
    let total = voxels.total;
    let aware = voxels.greedy(most).into_iter().zip(1..);
    let aware = aware.map(|(pick, frames)| Row { frames, method: Method::SpaceAware, covered: pick.covered, total });
    let uniform = (1..=most).map(|frames| {
        // One frame is the first: two are the least of the published rule.
        let taken = rounded(voxels.frames(), frames).unwrap_or_else(|_| vec![0]);
        Row { frames, method: Method::Uniform, covered: voxels.covered(&taken), total }
    });
    aware.chain(uniform).collect()
}

/// Writes both tables.
///
/// # Errors
/// The folder or a file that cannot be written.
pub fn write(picks: &[Pick], rows: &[Row], total: usize, folder: &Path) -> Result<Vec<PathBuf>> {
    let picked = Table::new()
        .count("pick", 1..=picks.len() as u32)
        .count("frame", picks.iter().map(|pick| pick.frame as u32))
        .count("gain", picks.iter().map(|pick| pick.gain as u32))
        .count("covered", picks.iter().map(|pick| pick.covered as u32))
        .count("total", picks.iter().map(|_| total as u32));
    let covered = Table::new()
        .count("frames", rows.iter().map(|row| row.frames as u32))
        .text("method", rows.iter().map(|row| row.method.name()))
        .count("covered", rows.iter().map(|row| row.covered as u32))
        .count("total", rows.iter().map(|row| row.total as u32));
    let mut files = picked.write(folder, "frames")?.to_vec();
    files.extend(covered.write(folder, "coverage")?);
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::video::{PointMaps, Sampling};

    #[test]
    fn space_aware_frames_cover_what_uniform_ones_cover_later() {
        // Frames 0 to 3 see one corner, 4 and 5 two others; each frame is a cloud of eight corners.
        let at = |frame: usize| [0.0, 0.0, 0.0, 0.0, 50.0, 90.0][frame] as f32;
        let points = (0..6).flat_map(|frame| {
            (0..8).map(move |corner: u8| {
                [at(frame) + f32::from(corner & 1), f32::from(corner >> 1 & 1), f32::from(corner >> 2)]
            })
        });
        let maps = PointMaps::new([6, 2, 4], points.collect(), vec![1.0; 48]).unwrap();
        let voxels = Voxels::of(&maps, Sampling::default()).unwrap();
        let rows = rows(&voxels, 16);
        let of =
            |method| rows.iter().filter(move |row| row.method == method).map(|row| row.covered).collect::<Vec<_>>();
        assert_eq!((of(Method::SpaceAware), voxels.total), (vec![8, 16, 24], 24));
        // Four evenly spaced frames are 0, 2, 3 and 5, and miss what 4 sees.
        assert_eq!(of(Method::Uniform), [8, 16, 16, 16, 24, 24]);
        let folder = tempfile::tempdir().unwrap();
        write(&voxels.greedy(16), &rows, voxels.total, folder.path()).unwrap();
        let csv = std::fs::read_to_string(folder.path().join("frames.csv")).unwrap();
        assert_eq!(csv, "pick,frame,gain,covered,total\n1,0,8,8,24\n2,4,8,16,24\n3,5,8,24,24\n");
    }
}
