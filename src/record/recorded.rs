//! What one item left behind, before it becomes rows of the frames.

use crate::dataset::Item;
use crate::processor::ImageGeometry;

/// What one item left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The source of the item, as the study names it.
    pub dataset: String,
    pub item: Item,
    pub geometry: ImageGeometry,
    pub answer: Answer,
    /// By layer, then head.
    pub attention: Vec<AttentionRow>,
    /// By site, then group, in the order of the study.
    pub hidden: Vec<HiddenRow>,
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

/// The mean hidden state over a group of positions.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenRow {
    pub site: String,
    pub group: String,
    pub vector: Vec<f32>,
}
