//! Idefics3 and SmolVLM: the image enlarged and cut into square tiles, and the whole of it once more, last.
//!
//! `model_type` "idefics3" and "smolvlm"; Laurençon et al. 2024, section 2.2. With `do_image_splitting` off, the whole alone:
//! one grid of tokens, as studies of single positions may prefer.

use std::path::Path;

use image::RgbImage;

use super::folder::Json;
use super::image::{Class, ImageProcessing, SIGLIP, check_type, image_processor, on, side};
use super::resample::{Filter, Resampler};
use super::size::Size;
use super::square::Square;
use super::tiles::{Tiling, WHOLE, resized};
use super::view::{Mosaic, View};
use super::{Family, OTHER_CHECKPOINT, Picture};
use crate::error::{Error, Result};

/// The documented prompt, for folders without a chat template.
const PROMPT: &str = "<|im_start|>User:<image>{{ messages[0]['content'][1]['text'] }}<end_of_utterance>\nAssistant:";

const TYPES: [&str; 6] = [
    "Idefics3ImageProcessor",
    "Idefics3ImageProcessorFast",
    "Idefics3ImageProcessorPil",
    "SmolVLMImageProcessor",
    "SmolVLMImageProcessorFast",
    "SmolVLMImageProcessorPil",
];
const CLASS: Class = Class { filter: Filter::Lanczos, ..SIGLIP };
const TOKEN: &str = "<image>";
const AROUND: &str = "<fake_token_around_image>";

/// The longest side that the reference enlarges to.
const LONGEST: u32 = 4096;

/// Idefics3's image side.
pub struct Idefics3 {
    processing: ImageProcessing,
    filter: Filter,
    /// The longer side, before tiles are cut.
    longest: u32,
    splits: bool,
    square: Square,
}

impl Idefics3 {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        const WHOLE: &str = "a whole number";
        const EDGE: &str = "{\"longest_edge\"}";
        let json = image_processor(folder)?;
        check_type(&json, &["image_processor_type"], &TYPES)?;
        let edge = |key: &str, default: u32| match json.value(key) {
            None => Ok(default),
            Some(value) => value.get("longest_edge").and_then(side).ok_or_else(|| json.wrong(key, EDGE)),
        };
        let (longest, tile) = (edge("size", 4 * 364)?, edge("max_image_size", 364)?);
        let factor: usize = config.get("scale_factor", WHOLE)?.unwrap_or(2);
        let whole = Square::read(config, [224, 32])?;
        if factor == 0 || !whole.patches().is_multiple_of(factor) {
            return Err(
                config.wrong("scale_factor", &format!("a divisor of the {} patches of a side", whole.patches()))
            );
        }
        whole.check(tile, tile)?;
        let square = whole.merged(factor);
        if let Some(processor) = Json::read(folder, "processor_config.json")?
            && let Some(tokens) = processor.get::<usize>("image_seq_len", WHOLE)?
            && tokens != square.grid().count()
        {
            return Err(Error::data(format!(
                "{}: is {tokens}, the vision tower in config.json gives a tile {} tokens",
                processor.place("image_seq_len"),
                square.grid().count()
            ))
            .with_help(OTHER_CHECKPOINT));
        }
        let size = Size::Exact { width: tile, height: tile };
        let processing = ImageProcessing::resizing(&json, &CLASS, None, || Ok(size))?;
        let Some((_, filter)) = processing.resize else {
            return Err(json.wrong("do_resize", "true: tiles are cut of an image whose sides they divide"));
        };
        Ok(Self { processing, filter, longest, splits: on(&json, "do_image_splitting")?, square })
    }

    /// What the encoder sees: tiles and then the whole, or the whole alone.
    fn images(&self, image: &RgbImage, resampler: Resampler) -> (Vec<RgbImage>, Option<Tiling>) {
        let tile = self.square.side;
        let to = |image: &RgbImage, size| resized(image, size, self.filter, resampler);
        let large = to(image, enlarged(image.dimensions(), self.longest));
        if !self.splits {
            return (vec![to(&large, (tile, tile))], None);
        }
        let size = whole_tiles(large.dimensions(), tile);
        let large = to(&large, size);
        if size == (tile, tile) {
            return (vec![large], None);
        }
        let tiling = Tiling { rows: size.1 / tile, cols: size.0 / tile };
        (tiling.cut(&large, tile).chain([to(&large, (tile, tile))]).collect(), Some(tiling))
    }
}

/// The longer side made `longest`, the other kept in proportion, truncated and made even: Python's arithmetic.
fn enlarged((width, height): (u32, u32), longest: u32) -> (u32, u32) {
    let even = |length: f64| (length as u32).next_multiple_of(2).max(1);
    let aspect = f64::from(width) / f64::from(height);
    let (width, height) = match width >= height {
        true => (longest, even(f64::from(longest) / aspect)),
        false => (even(f64::from(longest) * aspect), longest),
    };
    let aspect = f64::from(width) / f64::from(height);
    match (width >= height && width > LONGEST, height > width && height > LONGEST) {
        (true, _) => (LONGEST, ((f64::from(LONGEST) / aspect) as u32).max(1)),
        (_, true) => (((f64::from(LONGEST) * aspect) as u32).max(1), LONGEST),
        _ => (width, height),
    }
}

/// Sides rounded up to whole tiles, the shorter one in proportion to the longer one first.
fn whole_tiles((width, height): (u32, u32), tile: u32) -> (u32, u32) {
    let up = |length: u32| length.div_ceil(tile).max(1) * tile;
    let aspect = f64::from(width) / f64::from(height);
    match width >= height {
        true => (up(width), up((f64::from(up(width)) / aspect) as u32)),
        false => (up((f64::from(up(height)) * aspect) as u32), up(height)),
    }
}

impl Family for Idefics3 {
    fn image_token(&self) -> &str {
        TOKEN
    }

    fn image_end(&self) -> &str {
        AROUND
    }

    fn prompt(&self) -> &'static str {
        PROMPT
    }

    fn processing(&self) -> &ImageProcessing {
        &self.processing
    }

    fn picture(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture> {
        let (images, tiling) = self.images(image, resampler);
        let (each, side) = (self.square.grid().count(), self.square.side as usize);
        let view = |tiling: Tiling, first: usize| {
            let mosaic = Mosaic { images: images.len(), first, ..self.square.mosaic() };
            let tokens = tiling.tile_by_tile(&self.square, first * each, each);
            tiling.view(image.dimensions(), &self.square, mosaic, tokens)
        };
        let tile = |tag: &str| format!("{AROUND}{tag}{}", TOKEN.repeat(each));
        let global = format!("{}{AROUND}", tile("<global-img>"));
        let row = |row: u32, cols: u32| {
            let tiles = (0..cols).map(|col| tile(&format!("<row_{}_col_{}>", row + 1, col + 1)));
            format!("{}\n", tiles.collect::<String>())
        };
        let rows = |Tiling { rows, cols }: Tiling| (0..rows).map(|n| row(n, cols)).collect::<String>();
        let (main, aside, text): (_, Vec<View>, _) = match tiling {
            None => (view(WHOLE, 0), Vec::new(), global),
            Some(tiling) => (view(tiling, 0), vec![view(WHOLE, tiling.count())], format!("{}\n{global}", rows(tiling))),
        };
        Ok(Picture {
            pixel_shape: [images.len(), 3, side, side],
            pixels: images.iter().flat_map(|image| self.processing.unchanged(image)).collect(),
            frame_seconds: 0.0,
            place: TOKEN.to_owned(),
            token: TOKEN.to_owned(),
            text,
            main,
            aside,
            marks: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What transformers 5.23 gives.
    #[test]
    fn sides_are_those_of_the_reference() {
        for (size, large, tiles) in [
            ((640, 480), (2048, 1536), (2048, 1536)),
            ((1920, 1080), (2048, 1152), (2048, 1536)),
            ((100, 100), (2048, 2048), (2048, 2048)),
            ((97, 45), (2048, 950), (2048, 1024)),
            ((45, 97), (950, 2048), (1024, 2048)),
            ((3, 4000), (2, 2048), (512, 2048)),
        ] {
            assert_eq!(enlarged(size, 2048), large, "{size:?}");
            assert_eq!(whole_tiles(large, 512), tiles, "{size:?}");
        }
        assert_eq!(enlarged((200, 100), 6000), (4096, 2048));
    }
}
