//! LLaVA-NeXT: the whole image squashed to a square, and enlarged tiles of it, what pads them left out again.
//!
//! `model_type` "llava_next"; Liu et al. 2024, "LLaVA-NeXT". The sizes that tiles may fill are listed in the files
//! (`image_grid_pinpoints`, heights before widths); the one that shows most of the image and wastes least is taken.

use std::path::Path;

use image::{RgbImage, imageops};

use super::folder::Json;
use super::geometry::{Axis, Grid, ImageGeometry};
use super::image::{CLIP, ImageProcessing, check_type, image_processor};
use super::resample::{Filter, Resampler};
use super::size::Size;
use super::square::Square;
use super::tiles::{Tiling, WHOLE, resized};
use super::view::{Mark, Mosaic, View};
use super::{Family, Picture};
use crate::error::{Error, Result};

/// The documented prompts, for folders without a chat template.
fn prompt(config: &Json) -> Result<&'static str> {
    let text = config.section("text_config")?;
    let kind: Option<String> = text.map(|json| json.get("model_type", "a name")).transpose()?.flatten();
    Ok(match kind.as_deref() {
        Some("mistral") => "[INST] <image>\n{{ messages[0]['content'][1]['text'] }} [/INST]",
        Some("qwen2") => {
            "<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n<image>\n\
            {{ messages[0]['content'][1]['text'] }}<|im_end|><|im_start|>assistant{{ '\n' }}"
        }
        _ => {
            "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, \
            detailed, and polite answers to the human's questions. USER: <image>\n\
            {{ messages[0]['content'][1]['text'] }} ASSISTANT:"
        }
    })
}

const TYPES: [&str; 3] = ["LlavaNextImageProcessor", "LlavaNextImageProcessorFast", "LlavaNextImageProcessorPil"];

/// LLaVA-NeXT's image side.
pub struct LlavaNext {
    prompt: &'static str,
    processing: ImageProcessing,
    filter: Filter,
    token: String,
    square: Square,
    /// Heights and widths that tiles may fill.
    sizes: Vec<[u32; 2]>,
}

impl LlavaNext {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        let json = image_processor(folder)?;
        check_type(&json, &["image_processor_type"], &TYPES)?;
        let square = Square::read(config, [224, 32])?;
        if !square.side.is_multiple_of(square.patch) {
            let side = square.side;
            return Err(config.wrong("vision_config", &format!("a `patch_size` that divides `image_size` ({side})")));
        }
        let size = Size::Exact { width: square.side, height: square.side };
        let processing = ImageProcessing::resizing(&json, &CLIP, None, || Ok(size))?;
        let Some((_, filter)) = processing.resize else {
            return Err(json.wrong("do_resize", "true: tiles are cut of an image that was resized"));
        };
        let side = super::image::size(&json, Size::ShortestEdge(224))?;
        let agrees = matches!(side, Size::ShortestEdge(edge) if edge == square.side) || side == size;
        if !agrees {
            return Err(json.wrong("size", &format!("{0}, the vision tower's `image_size`", square.side)));
        }
        let sizes = pinpoints(config)?.or(pinpoints(&json)?).unwrap_or_else(|| DEFAULT.to_vec());
        if pinpoints(&json)?.is_some_and(|of_processor| of_processor != sizes) {
            return Err(json.wrong(PINPOINTS, "the sizes that config.json has"));
        }
        let whole = |size: &[u32; 2]| size.iter().all(|side| *side > 0 && side.is_multiple_of(square.side));
        if sizes.is_empty() || !sizes.iter().all(whole) {
            return Err(config.wrong(PINPOINTS, &format!("heights and widths that {} divides", square.side)));
        }
        let processor = Json::read(folder, "processor_config.json")?;
        let token = processor.map(|json| json.get("image_token", "the text of a token")).transpose()?.flatten();
        let token = token.unwrap_or_else(|| "<image>".to_owned());
        Ok(Self { prompt: prompt(config)?, processing, filter, token, square, sizes })
    }
}

const PINPOINTS: &str = "image_grid_pinpoints";
const DEFAULT: [[u32; 2]; 5] = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]];

fn pinpoints(json: &Json) -> Result<Option<Vec<[u32; 2]>>> {
    json.get(PINPOINTS, "a list of pairs, height and width")
}

/// Where an image lies in the tiles.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fit {
    /// Width and height of all tiles.
    canvas: (u32, u32),
    /// Width and height of the image in them, and its corner.
    inside: (u32, u32),
    corner: (u32, u32),
}

impl Fit {
    /// In the reference's arithmetic; `sizes` are heights and widths.
    fn of((width, height): (u32, u32), sizes: &[[u32; 2]]) -> Self {
        let (w, h) = (f64::from(width), f64::from(height));
        let original = u64::from(width) * u64::from(height);
        let effective = |size: &[u32; 2]| {
            let scale = (f64::from(size[1]) / w).min(f64::from(size[0]) / h);
            (((w * scale) as u64) * ((h * scale) as u64)).min(original)
        };
        let wasted = |size: &[u32; 2]| i128::from(size[0]) * i128::from(size[1]) - i128::from(effective(size));
        // The first of equals: a later one must be better.
        let best = sizes.iter().copied().reduce(|best, size| {
            let (old, new) = (effective(&best), effective(&size));
            if new > old || (new == old && wasted(&size) < wasted(&best)) { size } else { best }
        });
        let [tall, wide] = best.unwrap_or([height, width]);
        let (across, down) = (f64::from(wide) / w, f64::from(tall) / h);
        let inside = match across < down {
            true => (wide, ((h * across).ceil() as u32).min(tall)),
            false => (((w * down).ceil() as u32).min(wide), tall),
        };
        let corner = ((wide - inside.0) / 2, (tall - inside.1) / 2);
        Self { canvas: (wide, tall), inside, corner }
    }

    /// Of a grid over the canvas: rows at the top, columns at the left, that show padding alone; as many go at the other
    /// side.
    fn margin(&self, (width, height): (u32, u32), grid: Grid) -> [usize; 2] {
        let (w, h) = (f64::from(width), f64::from(height));
        let (rows, cols) = (grid.rows as f64, grid.cols as f64);
        // Rounded to 7 decimals before it is truncated, as the reference does.
        let kept = |length: f64| ((length * 1e7).round_ties_even() / 1e7) as usize;
        match w / h > cols / rows {
            true => [grid.rows.saturating_sub(kept(h * (cols / w))) / 2, 0],
            false => [0, grid.cols.saturating_sub(kept(w * (rows / h))) / 2],
        }
    }
}

impl Family for LlavaNext {
    fn image_token(&self) -> &str {
        &self.token
    }

    fn prompt(&self) -> &'static str {
        self.prompt
    }

    fn processing(&self) -> &ImageProcessing {
        &self.processing
    }

    fn picture(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture> {
        let (side, original) = (self.square.side, image.dimensions());
        let fit = Fit::of(original, &self.sizes);
        let mut canvas = RgbImage::new(fit.canvas.0, fit.canvas.1);
        let inside = resized(image, fit.inside, self.filter, resampler);
        imageops::replace(&mut canvas, &inside, i64::from(fit.corner.0), i64::from(fit.corner.1));
        let tiling = Tiling { rows: fit.canvas.1 / side, cols: fit.canvas.0 / side };
        let base = resized(image, (side, side), self.filter, resampler);
        let images: Vec<RgbImage> = std::iter::once(base).chain(tiling.cut(&canvas, side)).collect();

        let full = tiling.grid(&self.square);
        let margin = fit.margin(original, full);
        let grid = Grid { rows: full.rows - 2 * margin[0], cols: full.cols - 2 * margin[1] };
        if grid.count() == 0 {
            return Err(Error::data(format!("an image of {} x {} pixels leaves no token", original.0, original.1)));
        }
        let base = self.square.grid().count();
        let mosaic = Mosaic { images: images.len(), class_tokens: 1, ..self.square.mosaic() };
        let patch = self.square.patch;
        let axis = |original: u32, inside: u32, corner: u32, cut: usize, tokens: usize| Axis {
            original,
            resized: inside,
            offset: i64::from(cut as u32 * patch) - i64::from(corner),
            covered: tokens as u32 * patch,
        };
        let geometry = ImageGeometry::new(
            axis(original.0, fit.inside.0, fit.corner.0, margin[1], grid.cols),
            axis(original.1, fit.inside.1, fit.corner.1, margin[0], grid.rows),
            grid,
        );
        // A row of tokens, then its end.
        let at = |row: usize, col: usize| base + row * (grid.cols + 1) + col;
        let end = mosaic.projected_tokens();
        Ok(Picture {
            pixel_shape: [images.len(), 3, side as usize, side as usize],
            pixels: images.iter().flat_map(|image| self.processing.unchanged(image)).collect(),
            frame_seconds: 0.0,
            place: self.token.clone(),
            token: self.token.clone(),
            text: self.token.repeat(at(grid.rows, 0)),
            main: View {
                geometry,
                mosaic: Mosaic { first: 1, across: tiling.cols as usize, margin, ..mosaic },
                tokens: grid.patches().map(|token| at(token.row, token.col)).collect(),
            },
            aside: vec![WHOLE.view(original, &self.square, mosaic, (0..base).collect())],
            marks: (0..grid.rows).map(|row| Mark { token: at(row, grid.cols), source: end }).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `select_best_resolution`, `get_patch_output_size` and `unpad_image` of transformers 5.23 give.
    #[test]
    fn sizes_and_margins_are_those_of_the_reference() {
        let grid = |fit: &Fit| Grid { rows: (fit.canvas.1 / 14) as usize, cols: (fit.canvas.0 / 14) as usize };
        for (size, canvas, inside, margin) in [
            ((640, 480), (672, 672), (672, 504), [6, 0]),
            ((480, 640), (672, 672), (504, 672), [0, 6]),
            ((1000, 300), (1008, 336), (1008, 303), [1, 0]),
            ((100, 100), (672, 336), (336, 336), [0, 12]),
            ((333, 1000), (336, 1008), (336, 1008), [0, 0]),
        ] {
            let fit = Fit::of(size, &DEFAULT);
            assert_eq!((fit.canvas, fit.inside), (canvas, inside), "{size:?}");
            assert_eq!(fit.margin(size, grid(&fit)), margin, "{size:?}");
        }
    }
}
