//! The frames of a run, checked against their schema and turned into plain arrays.

mod attention;
mod column;
mod cross_frame;
mod decoded;
mod effects;
mod hidden;
mod items;
mod lens;
mod scaling;
mod units;

use std::path::{Path, PathBuf};

pub use attention::{Attention, Cell, MEAN};
pub use cross_frame::{CrossFrame, FrameMap};
pub use decoded::Decoded;
pub use effects::{Effect, Effects, Key};
pub use hidden::{HiddenRow, HiddenSite, sites};
pub use items::{Items, Sighting};
pub use lens::{Lens, Reading, Said};
pub use scaling::{Run, Said as Answered, Scalings};
pub use units::{Attempt, attempts};

use crate::error::{Error, Result};
use column::Frame;

/// What the analyses of one run read. Hidden states are large, so an analysis reads them site by site, when it needs them:
/// [`HiddenSite::read`] with this `folder`.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    pub folder: PathBuf,
    pub items: Items,
    /// Without cells where the run recorded no attention.
    pub attention: Attention,
    /// The sites of the hidden states, in the order of the walk; none where the run recorded none.
    pub hidden: Vec<String>,
    /// Whether anything was intervened on; see [`Effects::open`].
    pub effects: bool,
    /// Whether any state was read out on its way; see [`Lens::open`].
    pub lens: bool,
    /// Whether anything was read again after it was erased; see [`Decoded::read`].
    pub decoded: bool,
    /// Whether attention from frames to frames was recorded; see [`CrossFrame::read`].
    pub cross_frame: bool,
    /// Whether attention was scaled, here or elsewhere; see [`Scalings::open`].
    pub scaling: bool,
}

/// A kind of frame that an analysis cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Every run has these.
    Items,
    Attention,
    Hidden,
}

impl Frames {
    /// Reads `items.parquet` and, where it is there, the rows of one query in `attention.parquet`, both in `folder`.
    ///
    /// # Errors
    /// A missing or unreadable file; a missing column, or one of another type; values that contradict each other. The
    /// message names file, column and item.
    pub fn read(folder: &Path, query: &str) -> Result<Self> {
        let items = Items::read(&Frame::read(&folder.join("items.parquet"))?)?;
        let path = folder.join("attention.parquet");
        let attention = match path.exists() {
            true if items.geometry.iter().any(|geometry| !geometry.is_known()) => {
                return Err(Error::data(format!("`{}`: attention over images of unknown size", path.display()))
                    .with_help("the items frame of a run with attention says how each image maps onto the grid"));
            }
            true => Attention::read(&Frame::read(&path)?, &items, query)?,
            false => Attention::default(),
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            items,
            attention,
            hidden: sites(folder),
            effects: folder.join("effects.parquet").exists(),
            lens: folder.join("lens.parquet").exists(),
            decoded: folder.join("decoded.parquet").exists(),
            cross_frame: folder.join("cross_frame.parquet").exists(),
            scaling: folder.join("scaling.parquet").exists(),
        })
    }

    /// Whether the run recorded what an analysis needs.
    pub fn have(&self, needs: Needs) -> bool {
        match needs {
            Needs::Items => true,
            Needs::Attention => !self.attention.cells().is_empty(),
            Needs::Hidden => !self.hidden.is_empty(),
        }
    }
}
