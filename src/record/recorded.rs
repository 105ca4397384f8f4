//! What one item left behind, before it becomes rows of the frames.

use super::asked::Spot;
use crate::dataset::Item;
use crate::processor::{Group, ImageGeometry, Patch};
use crate::study::Variant;

/// What one item left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The source of the item, as the study names it.
    pub dataset: String,
    pub item: Item,
    pub geometry: ImageGeometry,
    /// Groups of frames that lie one below the other in the geometry; 1 of a picture.
    pub moments: usize,
    pub answer: Answer,
    /// By layer, then head.
    pub attention: Vec<AttentionRow>,
    /// By variant, then site.
    pub hidden: Vec<HiddenBlock>,
    /// By layer, then head.
    pub cross_frame: Vec<FrameMap>,
}

/// What the model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The option the model chose; for an import that only has text, the option that the text names, or the text.
    pub text: String,
    /// Greedy text, where it was asked for.
    pub generated: Option<String>,
    /// Probability of each option, at its first token, among the whole vocabulary.
    pub p_options: Option<Vec<f32>>,
    /// The largest probability in the vocabulary at the first answer token.
    pub confidence: Option<f32>,
    pub correct: bool,
}

/// One query row of one head's attention, or of the mean over the heads.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionRow {
    pub layer: i16,
    /// -1: the mean over the layer's heads.
    pub head: i16,
    pub shares: super::Shares,
    /// Attention mass on each image patch, row-major over the grid; sums to `shares.image`.
    pub patches: Vec<f32>,
}

/// How the frames of a video attend to each other in one head of a spatial encoder's layer, or in the mean over its heads.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameMap {
    pub layer: i16,
    /// -1: the mean over the layer's heads.
    pub head: i16,
    pub frames: usize,
    /// `[query frame, key frame]`; each row sums to 1.
    pub shares: Vec<f32>,
}

/// Hidden states of one item at one site, of one variant.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenBlock {
    pub spot: Spot,
    pub variant: Variant,
    /// The group of each row, and its patch; no patch for a mean and for positions of the text.
    pub rows: Vec<(Group, Option<Patch>)>,
    /// `[rows, width]`.
    pub vectors: Vec<f32>,
}

impl HiddenBlock {
    pub(super) fn new(spot: Spot, variant: Variant) -> Self {
        Self { spot, variant, rows: Vec::new(), vectors: Vec::new() }
    }

    pub(super) fn push(&mut self, group: Group, cell: Option<Patch>, vector: impl IntoIterator<Item = f32>) {
        self.rows.push((group, cell));
        self.vectors.extend(vector);
    }
}
