//! The units frame: every unit of every intervention, used or not.

use std::path::Path;

use super::column::Frame;
use crate::error::Result;

/// One unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub design: String,
    pub kind: String,
    pub pair_direction: String,
    /// Right on both sides; `None` where that was not asked, or never run.
    pub golden: Option<bool>,
    pub right_clean: Option<bool>,
    pub right_cf: Option<bool>,
    pub used: bool,
    /// Why it, or some arms of it, could not be used.
    pub reason: Option<String>,
}

/// Reads `units.parquet` in `folder`, the folder of all frames.
///
/// # Errors
/// A missing or unreadable file; a missing column, or one of another type.
pub fn attempts(folder: &Path) -> Result<Vec<Attempt>> {
    let frame = Frame::read(&folder.join("units.parquet"))?;
    let (design, kind) = (frame.texts("design")?, frame.texts("kind")?);
    let direction = frame.optional_texts("pair_direction")?;
    let golden = frame.optional_flags("golden")?;
    let (clean, cf) = (frame.optional_flags("correct_clean")?, frame.optional_flags("correct_cf")?);
    let (used, reason) = (frame.flags("used")?, frame.optional_texts("reason")?);
    let attempt = |row: usize| Attempt {
        design: design[row].clone(),
        kind: kind[row].clone(),
        pair_direction: direction[row].clone().unwrap_or_default(),
        golden: golden[row],
        right_clean: clean[row],
        right_cf: cf[row],
        used: used[row],
        reason: reason[row].clone(),
    };
    Ok((0..frame.height()).map(attempt).collect())
}
