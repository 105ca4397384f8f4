//! Which position of the prompt is what: image patches, BOS, question words, answer options, the last token.

use std::ops::Range;

use super::geometry::ImageGeometry;

/// The meaning of every position of one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenMap {
    /// Number of positions.
    pub len: usize,
    /// Position of the beginning-of-sequence token; `None` for models that have none.
    pub bos: Option<usize>,
    /// Position of each image patch, row-major over `geometry.grid`.
    pub image: Vec<usize>,
    /// Where the patches lie in the original image.
    pub geometry: ImageGeometry,
    /// The words of the question, in reading order.
    pub words: Vec<Word>,
    /// The answer options, in the order in which they were given.
    pub options: Vec<OptionTokens>,
    /// The last position: where the model gives its answer.
    pub last: usize,
}

/// One word of the question: a run without white space, punctuation at both ends left off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Bytes of the question: `&question[span]` is `text`.
    pub span: Range<usize>,
    /// Positions of the tokens that hold any of it.
    pub positions: Range<usize>,
}

/// One answer option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionTokens {
    pub text: String,
    /// Every place where the question names this option as whole words, whatever the case; often none.
    pub positions: Vec<Range<usize>>,
    /// The token by which this answer would start after the prompt.
    pub first_id: u32,
}
