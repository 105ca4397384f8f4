//! One frame in parts: `frames/{frame}/part-{n}.parquet` while a stage goes on, one `frames/{frame}.parquet` when it ends.

use std::path::PathBuf;

use polars::prelude::DataFrame;

use super::frame_file::{read_frame, write_frames};
use crate::error::{Error, Result};
use crate::study::RunFolder;

/// The parts of a run's frames, by the frame's name. Each is written under a temporary name and renamed, so what is on
/// disk after a kill is whole.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub folder: &'a RunFolder,
}

impl Parts<'_> {
    /// Whether a part is on disk.
    pub fn holds(&self, frame: &str, part: usize) -> bool {
        self.path(frame, part).is_file()
    }

    /// Writes a part; says how many bytes it took.
    pub fn write(&self, frame: &str, part: usize, rows: Result<DataFrame>) -> Result<u64> {
        self.make_folder(frame)?;
        write_frames(&self.path(frame, part), std::iter::once(rows))
    }

    /// Joins parts `0..parts` into the frame's file. The parts stay, until they are removed.
    pub fn join(&self, frame: &str, parts: usize) -> Result<()> {
        let parts = (0..parts).map(|part| read_frame(&self.path(frame, part), None));
        write_frames(&self.folder.frame(frame), parts)?;
        Ok(())
    }

    /// Removes whatever parts there are.
    pub fn remove(&self, frame: &str) -> Result<()> {
        let parts = self.folder_of(frame);
        if parts.exists() {
            std::fs::remove_dir_all(&parts).map_err(|source| Error::io("remove", &parts, source))?;
        }
        Ok(())
    }

    pub(super) fn make_folder(&self, frame: &str) -> Result<()> {
        let parts = self.folder_of(frame);
        std::fs::create_dir_all(&parts).map_err(|source| Error::io("create", &parts, source))
    }

    pub(super) fn path(&self, frame: &str, part: usize) -> PathBuf {
        self.folder_of(frame).join(format!("part-{part:05}.parquet"))
    }

    fn folder_of(&self, frame: &str) -> PathBuf {
        self.folder.frames().join(frame)
    }
}
