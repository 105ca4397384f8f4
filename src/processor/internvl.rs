//! InternVL ("-hf"): the image squashed into the grid of tiles nearest to its aspect ratio, and the whole of it, last.
//!
//! `model_type` "internvl"; Chen et al. 2024, arXiv 2404.16821, section 3.2. Tiles are cut unless `crop_to_patches` is off.

use std::path::Path;

use image::RgbImage;

use super::folder::{Json, token_text};
use super::image::{CLIP, ImageProcessing, check_type, image_processor, size};
use super::resample::{Filter, Resampler};
use super::size::Size;
use super::square::Square;
use super::tiles::{Tiling, WHOLE, resized};
use super::view::Mosaic;
use super::{Family, Picture};
use crate::error::{Error, Result};

/// The documented prompt, for folders without a chat template.
const PROMPT: &str = "<|im_start|>user\n<IMG_CONTEXT>\n{{ messages[0]['content'][1]['text'] }}<|im_end|>\n\
    <|im_start|>assistant{{ '\n' }}";

const TYPES: [&str; 3] = ["GotOcr2ImageProcessor", "GotOcr2ImageProcessorFast", "GotOcr2ImageProcessorPil"];

/// InternVL's image side.
pub struct InternVl {
    processing: ImageProcessing,
    filter: Filter,
    square: Square,
    /// Fewest and most tiles; None where the whole is all.
    tiles: Option<(u32, u32)>,
    token: String,
    begin: String,
    end: String,
}

impl InternVl {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        const WHOLE: &str = "a whole number above 0";
        let json = image_processor(folder)?;
        check_type(&json, &["image_processor_type"], &TYPES)?;
        let whole = Square::read(config, [448, 14])?;
        let default = Size::Exact { width: whole.side, height: whole.side };
        let processing = ImageProcessing::resizing(&json, &CLIP, None, || size(&json, default))?;
        let Some((Size::Exact { width, height }, filter)) = processing.resize else {
            return Err(json.wrong("size", "{\"height\", \"width\"}, and `do_resize` on"));
        };
        whole.check(width, height)?;
        let ratio: f64 = config.get("downsample_ratio", "a number")?.unwrap_or(0.5);
        let factor = (1.0 / ratio).round() as usize;
        if factor == 0 || !whole.patches().is_multiple_of(factor) {
            return Err(config.wrong("downsample_ratio", "one over a divisor of the patches of a side"));
        }
        let number = |key: &str, default: u32| Ok::<_, Error>(json.get(key, WHOLE)?.unwrap_or(default));
        let tiles = match json.get("crop_to_patches", "true or false")?.unwrap_or(true) {
            false => None,
            true => Some((number("min_patches", 1)?, number("max_patches", 12)?)),
        };
        if tiles.is_some_and(|(least, most)| least == 0 || least > most) {
            return Err(json.wrong("min_patches", "at least 1 and at most `max_patches`"));
        }
        let name = |key: &str, default: &str| token_text(folder, key, default);
        Ok(Self {
            processing,
            filter,
            square: whole.merged(factor),
            tiles,
            token: name("context_image_token", "<IMG_CONTEXT>")?,
            begin: name("start_image_token", "<img>")?,
            end: name("end_image_token", "</img>")?,
        })
    }
}

/// The arrangement of tiles nearest in aspect ratio; of equally near ones the larger, unless the image is small for it.
fn arrangement((width, height): (u32, u32), side: u32, (least, most): (u32, u32)) -> Tiling {
    let fits = |count: u32| (least..=most).contains(&count);
    let all = (1..=most).flat_map(|cols| (1..=most).map(move |rows| Tiling { rows, cols }));
    let mut all: Vec<Tiling> = all.filter(|tiling| fits(tiling.rows * tiling.cols)).collect();
    all.sort_by_key(|tiling| tiling.rows * tiling.cols);
    let aspect = f64::from(width) / f64::from(height);
    let area = f64::from(width) * f64::from(height);
    let (mut best, mut nearest) = (WHOLE, f64::INFINITY);
    for tiling in all {
        let apart = (aspect - f64::from(tiling.cols) / f64::from(tiling.rows)).abs();
        let tiled = f64::from(side) * f64::from(side) * f64::from(tiling.rows * tiling.cols);
        if apart < nearest || (apart == nearest && area > 0.5 * tiled) {
            (best, nearest) = (tiling, apart);
        }
    }
    best
}

impl Family for InternVl {
    fn image_token(&self) -> &str {
        &self.token
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
        let (side, each) = (self.square.side, self.square.grid().count());
        let tiling = self.tiles.map_or(WHOLE, |limits| arrangement(image.dimensions(), side, limits));
        let to = |size| resized(image, size, self.filter, resampler);
        let large = to((tiling.cols * side, tiling.rows * side));
        let whole = (tiling != WHOLE).then(|| to((side, side)));
        let images: Vec<RgbImage> = tiling.cut(&large, side).chain(whole).collect();
        let view = |tiling: Tiling, first: usize| {
            let mosaic = Mosaic { images: images.len(), first, class_tokens: 1, ..self.square.mosaic() };
            let tokens = tiling.tile_by_tile(&self.square, first * each, each);
            tiling.view(image.dimensions(), &self.square, mosaic, tokens)
        };
        let tokens = self.token.repeat(images.len() * each);
        Ok(Picture {
            pixel_shape: [images.len(), 3, side as usize, side as usize],
            pixels: images.iter().flat_map(|image| self.processing.unchanged(image)).collect(),
            frame_seconds: 0.0,
            place: self.token.clone(),
            token: self.token.clone(),
            text: format!("{}{tokens}{}", self.begin, self.end),
            main: view(tiling, 0),
            aside: (tiling != WHOLE).then(|| view(WHOLE, tiling.count())).into_iter().collect(),
            marks: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `get_optimal_tiled_canvas` of transformers 5.23 gives.
    #[test]
    fn arrangements_are_those_of_the_reference() {
        for (size, cols, rows) in [
            ((448, 448), 1, 1),
            ((640, 480), 4, 3),
            ((1000, 300), 3, 1),
            ((300, 1000), 1, 3),
            ((2000, 2000), 3, 3),
            ((900, 450), 2, 1),
            ((2000, 1000), 4, 2),
        ] {
            assert_eq!(arrangement(size, 448, (1, 12)), Tiling { rows, cols }, "{size:?}");
        }
    }
}
