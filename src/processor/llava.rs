//! LLaVA-1.5: one image, resized and cropped to a square, one token a patch.
//!
//! `model_type` "llava"; Liu et al. 2024, "Improved Baselines with Visual Instruction Tuning". The original code pads the
//! image to a square; the Hugging Face port, which this follows, crops its centre.

use std::path::Path;

use image::RgbImage;

use super::folder::Json;
use super::geometry::{Axis, Grid, ImageGeometry};
use super::image::ImageProcessing;
use super::resample::Resampler;
use super::view::{Mark, Mosaic, View};
use super::{Family, OTHER_CHECKPOINT, Picture};
use crate::error::{Error, Result};

/// The documented prompt, for folders without a chat template.
const PROMPT: &str = "USER: <image>\n{{ messages[0]['content'][1]['text'] }} ASSISTANT:";

/// Which of the vision tower's outputs become tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Select {
    /// The patches.
    Patches,
    /// The class token, then the patches.
    Everything,
}

/// LLaVA's image side.
pub struct Llava {
    processing: ImageProcessing,
    image_token: String,
    /// Side of a patch, in pixels of the prepared image.
    patch: u32,
    /// Side of the square image that the vision tower takes.
    side: u32,
    select: Select,
    /// How many tokens the processor's files give an image besides its patches.
    extra: u32,
}

impl Llava {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        const WHOLE: &str = "a whole number";
        let vision = config.section("vision_config")?;
        let from_vision = |key: &str, class_default: u32, family_default: u32| match &vision {
            Some(json) => Ok::<_, Error>(json.get(key, WHOLE)?.unwrap_or(class_default)),
            None => Ok(family_default),
        };
        let (side, patch) = (from_vision("image_size", 224, 336)?, from_vision("patch_size", 32, 14)?);
        if patch == 0 || side < patch {
            return Err(Error::data(format!(
                "{}: is {patch}, expected 1 to `image_size` ({side})",
                config.place("vision_config.patch_size")
            )));
        }
        let select = strategy(config)?.unwrap_or(Select::Patches);
        let json = Json::read(folder, "processor_config.json")?;
        let image_token = match &json {
            Some(json) => json.get("image_token", "the text of a token")?,
            None => None,
        };
        let mut extra = 1;
        if let Some(json) = json {
            extra = json.get("num_additional_image_tokens", WHOLE)?.unwrap_or(extra);
            let of_processor: Option<u32> = json.get("patch_size", WHOLE)?;
            if of_processor.is_some_and(|size| size != patch) {
                return Err(json.wrong("patch_size", &format!("{patch}, the vision tower's in config.json")));
            }
            if strategy(&json)?.is_some_and(|of_processor| of_processor != select) {
                return Err(json.wrong(STRATEGY, "the value that config.json has"));
            }
        }
        let processing = ImageProcessing::open(folder)?;
        let image_token = image_token.unwrap_or_else(|| "<image>".to_owned());
        Ok(Self { processing, image_token, patch, side, select, extra })
    }
}

const STRATEGY: &str = "vision_feature_select_strategy";

fn strategy(json: &Json) -> Result<Option<Select>> {
    const EXPECTED: &str = "\"default\" or \"full\"";
    match json.get::<String>(STRATEGY, EXPECTED)?.as_deref() {
        None => Ok(None),
        Some("default") => Ok(Some(Select::Patches)),
        Some("full") => Ok(Some(Select::Everything)),
        Some(_) => Err(json.wrong(STRATEGY, EXPECTED)),
    }
}

impl Family for Llava {
    fn image_token(&self) -> &str {
        &self.image_token
    }

    fn prompt(&self) -> &'static str {
        PROMPT
    }

    fn processing(&self) -> &ImageProcessing {
        &self.processing
    }

    fn picture(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture> {
        let pixels = self.processing.apply(image, resampler)?;
        if (pixels.width, pixels.height) != (self.side, self.side) {
            return Err(Error::data(format!(
                "the processor files make images of {} x {} pixels, the vision tower in config.json takes {side} x {side}",
                pixels.width,
                pixels.height,
                side = self.side
            ))
            .with_help(OTHER_CHECKPOINT));
        }
        let across = self.side / self.patch;
        let axis = |original, resized, offset| Axis { original, resized, offset, covered: across * self.patch };
        let grid = Grid { rows: across as usize, cols: across as usize };
        let geometry = ImageGeometry::new(
            axis(image.width(), pixels.resized.0, pixels.offset.0),
            axis(image.height(), pixels.resized.1, pixels.offset.1),
            grid,
        );
        let class_token = usize::from(self.select == Select::Everything);
        let dropped = usize::from(self.select == Select::Patches);
        let tokens = (grid.count() + self.extra as usize).saturating_sub(dropped);
        if tokens != grid.count() + class_token {
            return Err(Error::data(format!(
                "the processor files give an image {tokens} tokens, the vision tower in config.json gives it {}",
                grid.count() + class_token
            ))
            .with_help("expected `num_additional_image_tokens` 1 in processor_config.json: the class token"));
        }
        let kept_class_tokens = class_token;
        Ok(Picture {
            pixels: pixels.values,
            pixel_shape: [1, 3, pixels.height as usize, pixels.width as usize],
            place: self.image_token.clone(),
            token: self.image_token.clone(),
            text: self.image_token.repeat(tokens),
            frame_seconds: 0.0,
            main: View {
                geometry,
                mosaic: Mosaic { class_tokens: 1, kept_class_tokens, ..Mosaic::single(grid) },
                tokens: (class_token..tokens).collect(),
            },
            aside: Vec::new(),
            marks: (0..class_token).map(|token| Mark { token, source: token }).collect(),
        })
    }
}
