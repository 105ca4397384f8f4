//! PaliGemma: one image, squashed to a square, one token a patch, before everything else.
//!
//! `model_type` "paligemma"; Beyer et al. 2024, section 3. The prompt is image, BOS, question, line end.

use std::path::Path;

use image::RgbImage;

use super::folder::Json;
use super::image::{ImageProcessing, SIGLIP, check_type, image_processor, size};
use super::resample::Resampler;
use super::size::Size;
use super::square::Square;
use super::{Family, OTHER_CHECKPOINT, Picture};
use crate::error::{Error, Result};

/// The documented prompt; no checkpoint has a template.
const PROMPT: &str = "<image>{{ bos_token }}{{ messages[0]['content'][1]['text'] }}{{ '\n' }}";

const TYPES: [&str; 3] = ["SiglipImageProcessor", "SiglipImageProcessorFast", "SiglipImageProcessorPil"];
const TOKEN: &str = "<image>";

/// PaliGemma's image side.
pub struct PaliGemma {
    processing: ImageProcessing,
    square: Square,
}

impl PaliGemma {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        let json = image_processor(folder)?;
        check_type(&json, &["image_processor_type"], &TYPES)?;
        let default = Size::Exact { width: 224, height: 224 };
        let processing = ImageProcessing::resizing(&json, &SIGLIP, None, || size(&json, default))?;
        // Without a vision part, the family's own tower is meant.
        let class = if config.value("vision_config").is_some() { [224, 16] } else { [224, 14] };
        let square = Square::read(config, class)?;
        let own = square.grid().count();
        if let Some(tokens) = json.get::<usize>("image_seq_length", "a whole number")?
            && tokens != own
        {
            let place = json.place("image_seq_length");
            return Err(Error::data(format!(
                "{place}: is {tokens}, the vision tower in config.json makes {own} tokens"
            ))
            .with_help(OTHER_CHECKPOINT));
        }
        Ok(Self { processing, square })
    }
}

impl Family for PaliGemma {
    fn image_token(&self) -> &str {
        TOKEN
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
        Ok(Picture {
            pixel_shape: [1, 3, pixels.height as usize, pixels.width as usize],
            pixels: pixels.values,
            frame_seconds: 0.0,
            place: TOKEN.to_owned(),
            token: TOKEN.to_owned(),
            text: TOKEN.repeat(main.tokens.len()),
            main,
            aside: Vec::new(),
            marks: Vec::new(),
        })
    }
}
