//! Images and questions to what a model reads, and back: pixels, token ids, and the map of which position is which
//! patch or word.

pub mod geometry;
pub mod resample;
pub mod tokens;

use std::path::Path;

pub use geometry::{Axis, Grid, ImageGeometry, Patch};
pub use tokens::{OptionTokens, TokenMap, Word};

use crate::error::Result;

/// One item, ready for the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Token ids of the prompt, the image's positions included.
    pub ids: Vec<u32>,
    /// Normalised pixels, `[channel, height, width]`.
    pub pixels: Vec<f32>,
    /// Channels (red, green, blue), height, width.
    pub pixel_shape: [usize; 3],
    pub map: TokenMap,
}

/// Everything a checkpoint folder says about its inputs: image preprocessing, chat template, tokenizer.
pub struct Processor {}

impl Processor {
    /// Reads `config.json`, the processor and chat-template files and `tokenizer.json` of a Hugging Face folder.
    pub fn open(_folder: &Path) -> Result<Self> {
        todo!()
    }

    /// The prompt for one question about one image, answers to be chosen among `options` (may be empty).
    pub fn prepare(&self, _image: &image::RgbImage, _question: &str, _options: &[String]) -> Result<Prepared> {
        todo!()
    }

    /// Ids back to text, special tokens left out.
    pub fn decode(&self, _ids: &[u32]) -> Result<String> {
        todo!()
    }

    /// The question that these prompt ids ask, if the chat template gives exactly these ids for some question.
    pub fn question_of(&self, _ids: &[u32]) -> Result<Option<String>> {
        todo!()
    }

    /// The id that stands at every image position.
    pub fn image_token_id(&self) -> u32 {
        todo!()
    }

    /// The ids that end an answer.
    pub fn eos_ids(&self) -> &[u32] {
        todo!()
    }
}
