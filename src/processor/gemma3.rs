//! Gemma 3: one image, squashed to a square, so many patches of the tower averaged into each token.
//!
//! `model_type` "gemma3"; Gemma Team 2025, section 2. Pan and scan, which adds crops of the image, is off unless the
//! processor's file asks for it, and refused then.

use std::path::Path;

use image::RgbImage;

use super::folder::{Json, token_text};
use super::image::{Class, ImageProcessing, SIGLIP, check_type, image_processor, size};
use super::resample::{Filter, Resampler};
use super::size::Size;
use super::square::Square;
use super::{Family, OTHER_CHECKPOINT, Picture};
use crate::error::{Error, Result};

/// The documented prompt, for folders without a chat template.
const PROMPT: &str = "{{ bos_token }}<start_of_turn>user\n<start_of_image>{{ messages[0]['content'][1]['text'] | trim }}\
    <end_of_turn>\n<start_of_turn>model{{ '\n' }}";

const TYPES: [&str; 3] = ["Gemma3ImageProcessor", "Gemma3ImageProcessorFast", "Gemma3ImageProcessorPil"];
const CLASS: Class = Class { filter: Filter::Bilinear, ..SIGLIP };

/// Gemma 3's image side.
pub struct Gemma3 {
    processing: ImageProcessing,
    square: Square,
    /// What marks the image in the chat template and begins its tokens, the token itself, what ends them.
    begin: String,
    token: String,
    end: String,
}

impl Gemma3 {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        const WHOLE: &str = "a whole number";
        let json = image_processor(folder)?;
        check_type(&json, &["image_processor_type"], &TYPES)?;
        if json.get("do_pan_and_scan", "true or false")?.unwrap_or(false) {
            return Err(json.wrong("do_pan_and_scan", "false: crops beside the image are not supported"));
        }
        let processing =
            ImageProcessing::resizing(&json, &CLASS, None, || size(&json, Size::Exact { width: 224, height: 224 }))?;
        let tokens: usize = config.get("mm_tokens_per_image", WHOLE)?.unwrap_or(256);
        let side = tokens.isqrt();
        let square = Square::read(config, [224, 16])?;
        if side == 0 || side * side != tokens || !square.patches().is_multiple_of(side) {
            return Err(
                config.wrong("mm_tokens_per_image", "the square of a number that divides the patches of a side")
            );
        }
        if let Some(processor) = Json::read(folder, "processor_config.json")?
            && let Some(other) = processor.get::<usize>("image_seq_length", WHOLE)?
            && other != tokens
        {
            let message = format!("{}: is {other}", processor.place("image_seq_length"));
            return Err(Error::data(format!("{message}, `mm_tokens_per_image` in config.json is {tokens}"))
                .with_help(OTHER_CHECKPOINT));
        }
        let square = square.merged(square.patches() / side);
        let name = |key: &str, default: &str| token_text(folder, key, default);
        Ok(Self {
            processing,
            square,
            begin: name("boi_token", "<start_of_image>")?,
            token: name("image_token", "<image_soft_token>")?,
            end: name("eoi_token", "<end_of_image>")?,
        })
    }
}

impl Family for Gemma3 {
    fn image_token(&self) -> &str {
        &self.token
    }

    fn image_place(&self) -> &str {
        &self.begin
    }

    fn image_end(&self) -> &str {
        &self.end
    }

    fn prompt(&self) -> &'static str {
        PROMPT
    }

    fn processing(&self) -> &ImageProcessing {
        &self.processing
    }

    fn picture(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture> {
        let pixels = self.processing.apply(image, resampler)?;
        let main = self.square.view(image.dimensions(), &pixels)?;
        let tokens = self.token.repeat(main.tokens.len());
        Ok(Picture {
            pixel_shape: [1, 3, pixels.height as usize, pixels.width as usize],
            pixels: pixels.values,
            frame_seconds: 0.0,
            place: self.begin.clone(),
            token: self.token.clone(),
            text: format!("\n\n{}{tokens}{}\n\n", self.begin, self.end),
            main,
            aside: Vec::new(),
            marks: Vec::new(),
        })
    }
}
