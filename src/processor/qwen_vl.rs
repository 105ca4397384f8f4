//! Qwen2-VL and Qwen2.5-VL: an image keeps its size, to the nearest multiple of a merged cell; a video is a list of frames.
//!
//! `model_type` "qwen2_vl", "qwen2_5_vl" and, whose frames a spatial encoder reads too, "spatial-mllm"; Wang et al. 2024, "Qwen2-VL", section 2.1. One image token is `merge_size` x
//! `merge_size` patches; of a video, those of `temporal_patch_size` frames together.

use std::path::Path;

use image::RgbImage;

use super::folder::Json;
use super::geometry::{Axis, Grid, ImageGeometry};
use super::image::{CLIP, ImageProcessing, check_type, image_processor};
use super::resample::Resampler;
use super::size::Size;
use super::view::{Mosaic, View};
use super::{Family, OTHER_CHECKPOINT, Picture};
use crate::error::{Error, Result};

/// The documented prompt, for folders without a chat template.
const PROMPT: &str = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n\
    <|vision_start|><|{{ messages[0]['content'][0]['type'] }}_pad|><|vision_end|>\
    {{ messages[0]['content'][1]['text'] }}<|im_end|>\n<|im_start|>assistant{{ '\n' }}";

const IMAGE: &str = "<|image_pad|>";
const VIDEO: &str = "<|video_pad|>";

const IMAGE_TYPES: [&str; 3] = ["Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast", "Qwen2VLImageProcessorPil"];
const VIDEO_TYPES: [&str; 1] = ["Qwen2VLVideoProcessor"];

/// The image side of both.
pub struct QwenVl {
    image: ImageProcessing,
    video: ImageProcessing,
    cells: Cells,
    /// Whether a spatial encoder reads the frames too: Spatial-MLLM.
    spatial: bool,
}

/// Preprocessing, the token that stands for the result, whose resizing.
type How<'p> = (&'p ImageProcessing, &'p str, Resampler);

/// How pixels become tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cells {
    /// Side of a token, pixels.
    side: u32,
    /// Patches along that side.
    merge: usize,
    /// Frames that a token spans.
    frames: usize,
}

impl QwenVl {
    /// Reads the processor files and `config.json`, which must agree.
    pub fn open(folder: &Path, config: &Json) -> Result<Self> {
        let json = image_processor(folder)?;
        check_type(&json, &["image_processor_type"], &IMAGE_TYPES)?;
        let cells = Cells::read(&json, ["patch_size", "merge_size", "temporal_patch_size"])?;
        let vision = config.section("vision_config")?;
        let of_tower =
            vision.as_ref().map(|json| Cells::read(json, ["patch_size", "spatial_merge_size", "temporal_patch_size"]));
        match of_tower.transpose()? {
            Some(tower) if tower != cells => {
                return Err(Error::data(format!(
                    "{}: the processor's tokens span {} pixels and {} frames, the vision tower's in config.json {} and {}",
                    json.path().display(),
                    cells.side,
                    cells.frames,
                    tower.side,
                    tower.frames
                ))
                .with_help(OTHER_CHECKPOINT));
            }
            _ => {}
        }
        let prepared =
            |json: &Json, limits| ImageProcessing::resizing(json, &CLIP, None, || area(json, cells.side, limits));
        let image = prepared(&json, (56 * 56, 28 * 28 * 1280))?;
        let video = match video_processor(folder)? {
            Some(json) => prepared(&json, (128 * 28 * 28, 28 * 28 * 768))?,
            // Files from before there were video processors mean both.
            None => image.clone(),
        };
        let spatial = crate::model::Family::of(folder)? == crate::model::Family::SpatialMllm;
        Ok(Self { image, video, cells, spatial })
    }

    /// Frames of one size as one picture, `token` standing for it.
    fn frames(&self, frames: &[&RgbImage], seconds: f64, (processing, token, resampler): How<'_>) -> Result<Picture> {
        let mut pixels = Vec::new();
        let mut shape = (0, 0);
        for frame in frames {
            let mut made = processing.apply(frame, resampler)?;
            shape = (made.width, made.height);
            pixels.append(&mut made.values);
        }
        let (width, height) = shape;
        let side = self.cells.side;
        if width % side != 0 || height % side != 0 {
            return Err(Error::data(format!("an image of {width} x {height} pixels is not cut evenly by {side}"))
                .with_help("with `do_resize` off, sides must be multiples of patch size times merge size"));
        }
        let (cols, rows) = (width / side, height / side);
        let axis = |original, resized| Axis { original, resized, offset: 0, covered: resized };
        let groups = frames.len().div_ceil(self.cells.frames);
        let tile = Grid { rows: rows as usize, cols: cols as usize };
        let (original_width, original_height) = frames.first().map_or((0, 0), |frame| frame.dimensions());
        let times = u32::try_from(groups).unwrap_or(u32::MAX);
        let down = axis(original_height * times, height * times);
        let strip = Grid { rows: tile.rows * groups, ..tile };
        let main = View {
            geometry: ImageGeometry::new(axis(original_width, width), down, strip),
            mosaic: Mosaic { images: groups, moments: groups, merge: self.cells.merge, ..Mosaic::single(tile) },
            tokens: (0..strip.count()).collect(),
        };
        Ok(Picture {
            pixels,
            pixel_shape: [frames.len(), 3, height as usize, width as usize],
            frame_seconds: seconds,
            place: token.to_owned(),
            token: token.to_owned(),
            text: token.repeat(strip.count()),
            main,
            aside: Vec::new(),
            marks: Vec::new(),
        })
    }
}

impl Family for QwenVl {
    fn image_token(&self) -> &str {
        IMAGE
    }

    fn video_token(&self) -> Option<&str> {
        Some(VIDEO)
    }

    fn reads_plain(&self) -> bool {
        self.spatial
    }

    fn prompt(&self) -> &'static str {
        PROMPT
    }

    fn processing(&self) -> &ImageProcessing {
        &self.image
    }

    fn picture(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture> {
        self.frames(&[image], 0.0, (&self.image, IMAGE, resampler))
    }

    fn video(&self, frames: &[RgbImage], seconds: f64) -> Result<Picture> {
        if !frames.len().is_multiple_of(self.cells.frames) {
            let group = self.cells.frames;
            return Err(Error::data(format!(
                "a video of {} frames: this model takes them {group} at a time",
                frames.len()
            ))
            .with_help("repeat the last frame, as the reference does, or leave one out"));
        }
        self.frames(&frames.iter().collect::<Vec<_>>(), seconds, (&self.video, VIDEO, Resampler::Pillow))
    }
}

impl Cells {
    /// From the keys of patch side, patches along a token's side, frames of a token.
    fn read(json: &Json, [patch, merge, frames]: [&str; 3]) -> Result<Self> {
        let whole = |key: &str, default: u32| {
            const EXPECTED: &str = "a whole number above 0";
            let value = json.get(key, EXPECTED)?.unwrap_or(default);
            if value > 0 { Ok(value) } else { Err(json.wrong(key, EXPECTED)) }
        };
        let merge = whole(merge, 2)?;
        Ok(Self { side: whole(patch, 14)? * merge, merge: merge as usize, frames: whole(frames, 2)? as usize })
    }
}

/// The limits of the area: `min_pixels` and `max_pixels`, or what new files call the edges of `size`.
fn area(json: &Json, side: u32, default: (u64, u64)) -> Result<Size> {
    const EXPECTED: &str = "a number of pixels";
    let size = json.section("size")?;
    let limit = |old: &str, new: &str, default: u64| match json.get(old, EXPECTED)? {
        Some(limit) => Ok::<_, Error>(limit),
        None => Ok(size.as_ref().map(|size| size.get(new, EXPECTED)).transpose()?.flatten().unwrap_or(default)),
    };
    let least = limit("min_pixels", "shortest_edge", default.0)?;
    let most = limit("max_pixels", "longest_edge", default.1)?;
    if least > most {
        return Err(json.wrong("size", &format!("no fewer pixels at most ({most}) than at least ({least})")));
    }
    Ok(Size::Area { side, least, most })
}

/// `video_processor` of `processor_config.json`, or `video_preprocessor_config.json`.
fn video_processor(folder: &Path) -> Result<Option<Json>> {
    let nested =
        Json::read(folder, "processor_config.json")?.map(|json| json.section("video_processor")).transpose()?;
    let json = match nested.flatten() {
        Some(json) => Some(json),
        None => Json::read(folder, "video_preprocessor_config.json")?,
    };
    if let Some(json) = &json {
        check_type(json, &["video_processor_type"], &VIDEO_TYPES)?;
    }
    Ok(json)
}
