//! The frames of a run, checked against their schema and turned into plain arrays.

mod attention;
mod column;
mod items;

use std::path::Path;

pub use attention::{Attention, Cell, MEAN};
pub use items::{Items, Sighting};

use crate::error::Result;
use column::Frame;

/// What the analyses of one run read.
#[derive(Clone, Debug)]
pub struct Frames {
    pub items: Items,
    pub attention: Attention,
}

impl Frames {
    /// Reads `items.parquet` and the rows of one query in `attention.parquet`, both in `folder`.
    ///
    /// # Errors
    /// A missing or unreadable file; a missing column, or one of another type; values that contradict each other. The
    /// message names file, column and item.
    pub fn read(folder: &Path, query: &str) -> Result<Self> {
        let items = Items::read(&Frame::read(&folder.join("items.parquet"))?)?;
        let attention = Attention::read(&Frame::read(&folder.join("attention.parquet"))?, &items, query)?;
        Ok(Self { items, attention })
    }
}
