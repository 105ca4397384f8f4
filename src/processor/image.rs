//! CLIP's image preprocessing: resize, centre crop, rescale, normalise, as the processor files say.
//!
//! Equal to transformers' `CLIPImageProcessor` on Pillow; its torchvision twin differs by at most one level in 255 where
//! the two libraries round differently while resizing.

use std::ops::Range;
use std::path::Path;

use image::RgbImage;
use serde_json::Value;

use super::folder::Json;
use super::resample::{Filter, Resampler, resize_part};
use super::size::Size;
use crate::error::{Error, Result};

const FILES: [&str; 2] = ["processor_config.json", "preprocessor_config.json"];
const TYPES: [&str; 4] =
    ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"];

/// What a class of image processors does where its file is silent.
pub(super) struct Class {
    pub filter: Filter,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// `CLIPImageProcessor` and its kin.
pub(super) const CLIP: Class = Class {
    filter: Filter::Bicubic,
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
};

/// `SiglipImageProcessor` and what followed it.
pub(super) const SIGLIP: Class = Class { filter: Filter::Bicubic, mean: [0.5; 3], std: [0.5; 3] };

/// The steps, each `None` where the file switches it off. Channels are red, green, blue.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageProcessing {
    pub resize: Option<(Size, Filter)>,
    /// Width and height of the centre crop; a smaller image is padded with black.
    pub crop: Option<(u32, u32)>,
    /// What 8-bit values are multiplied by.
    pub rescale: Option<f64>,
    /// Mean and standard deviation of each channel, after rescaling.
    pub normalize: Option<([f32; 3], [f32; 3])>,
}

/// An image as the model takes it, and how it came to be so.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// `[3, height, width]`.
    pub values: Vec<f32>,
    pub width: u32,
    pub height: u32,
    /// Width and height after resizing, before the crop.
    pub resized: (u32, u32),
    /// Where the crop begins in the resized image; negative where it was padded.
    pub offset: (i64, i64),
}

impl ImageProcessing {
    /// Reads `image_processor` of `processor_config.json`, or `preprocessor_config.json`; what they leave out has the
    /// defaults of CLIP's class.
    pub fn open(folder: &Path) -> Result<Self> {
        let json = &image_processor(folder)?;
        check_type(json, &["image_processor_type", "feature_extractor_type"], &TYPES)?;
        let crop = if on(json, "do_center_crop")? { Some(crop_size(json)?) } else { None };
        Self::resizing(json, &CLIP, crop, || size(json, Size::ShortestEdge(224)))
    }

    /// The steps that every family's file spells alike, with its own kind of size and its class's defaults for the others.
    pub(super) fn resizing(
        json: &Json,
        class: &Class,
        crop: Option<(u32, u32)>,
        size: impl FnOnce() -> Result<Size>,
    ) -> Result<Self> {
        Ok(Self {
            resize: if on(json, "do_resize")? { Some((size()?, filter(json, class.filter)?)) } else { None },
            crop,
            rescale: if on(json, "do_rescale")? { Some(rescale_factor(json)?) } else { None },
            normalize: if on(json, "do_normalize")? { Some(mean_and_std(json, class)?) } else { None },
        })
    }

    /// Width and height of the image after resizing.
    fn resized(&self, width: u32, height: u32) -> Result<(u32, u32)> {
        self.resize.map_or(Ok((width, height)), |(size, _)| size.of(width, height))
    }

    /// Prepares one image of at least one pixel.
    pub fn apply(&self, image: &RgbImage, resampler: Resampler) -> Result<Pixels> {
        let resized = self.resized(image.width(), image.height())?;
        let (width, height) = self.crop.unwrap_or(resized);
        let (left, top) = (crop_offset(resized.0, width), crop_offset(resized.1, height));
        let (columns, rows) = (overlap(left, width, resized.0), overlap(top, height, resized.1));
        let filter = self.resize.map_or(Filter::Nearest, |(_, filter)| filter);
        // Only what the crop keeps is computed: the rest of a very wide image would be enormous.
        let kept = resize_part(image, resized, filter, [columns, rows], resampler);
        // Where the kept part lies in the crop: beyond the padding.
        let padding = ((-left).max(0) as u32, (-top).max(0) as u32);
        let values = self.tensor(&kept, (width, height), padding);
        Ok(Pixels { values, width, height, resized, offset: (left, top) })
    }

    /// `image` as it is, `[3, height, width]`.
    pub(super) fn unchanged(&self, image: &RgbImage) -> Vec<f32> {
        self.tensor(image, image.dimensions(), (0, 0))
    }

    /// `image` as `[3, height, width]`, black around it where it is smaller.
    fn tensor(&self, image: &RgbImage, (width, height): (u32, u32), (left, top): (u32, u32)) -> Vec<f32> {
        let at = |x: u32, y: u32| {
            let (x, y) = (x.checked_sub(left), y.checked_sub(top));
            x.zip(y).and_then(|(x, y)| image.get_pixel_checked(x, y)).map_or([0; 3], |pixel| pixel.0)
        };
        let mut values = Vec::with_capacity(3 * width as usize * height as usize);
        for channel in 0..3 {
            let table: Vec<f32> = (0..=255).map(|pixel| self.value(pixel, channel)).collect();
            for y in 0..height {
                values.extend((0..width).map(|x| table[usize::from(at(x, y)[channel])]));
            }
        }
        values
    }

    /// What is subtracted from pixels, channel by channel.
    pub fn mean(&self) -> [f32; 3] {
        self.normalize.map_or([0.0; 3], |(mean, _)| mean)
    }

    /// What pixels are divided by, channel by channel.
    pub fn std(&self) -> [f32; 3] {
        self.normalize.map_or([1.0; 3], |(_, std)| std)
    }

    /// What an 8-bit value becomes, with the reference's order of single-precision steps.
    fn value(&self, pixel: u8, channel: usize) -> f32 {
        let scaled = self.rescale.map_or(f32::from(pixel), |factor| (f64::from(pixel) * factor) as f32);
        self.normalize.map_or(scaled, |(mean, std)| (scaled - mean[channel]) / std[channel])
    }
}

/// `image_processor` of `processor_config.json`, or `preprocessor_config.json`.
pub(super) fn image_processor(folder: &Path) -> Result<Json> {
    let nested = Json::read(folder, FILES[0])?.map(|json| json.section("image_processor")).transpose()?.flatten();
    match nested {
        Some(json) => Ok(json),
        None => Json::read(folder, FILES[1])?.ok_or_else(|| {
            Error::data(format!(
                "`{}` does not say how to prepare images: expected `image_processor` in {}, or {}",
                folder.display(),
                FILES[0],
                FILES[1]
            ))
        }),
    }
}

/// Refuses a file that is meant for another class.
pub(super) fn check_type(json: &Json, keys: &[&str], types: &[&str]) -> Result<()> {
    for key in keys {
        let name: Option<String> = json.get(key, "a name")?;
        if name.is_some_and(|name| !types.contains(&name.as_str())) {
            return Err(json.wrong(key, &format!("one of {}", types.join(", "))));
        }
    }
    Ok(())
}

/// A switch that is on unless the file says otherwise.
pub(super) fn on(json: &Json, key: &str) -> Result<bool> {
    Ok(json.get(key, "true or false")?.unwrap_or(true))
}

/// First kept pixel of a centre crop. Rounded toward the start of the image, and where the image is smaller, so that the
/// larger half of the padding comes first.
fn crop_offset(from: u32, to: u32) -> i64 {
    (i64::from(from) - i64::from(to)).div_euclid(2)
}

/// The pixels of a resized axis that lie in a crop of it.
fn overlap(offset: i64, length: u32, from: u32) -> Range<u32> {
    let within = |at: i64| at.clamp(0, i64::from(from)) as u32;
    within(offset)..within(offset + i64::from(length))
}

/// `size`: one side or both.
pub(super) fn size(json: &Json, default: Size) -> Result<Size> {
    const EXPECTED: &str = "a whole number, {\"shortest_edge\"} or {\"height\", \"width\"}";
    match json.value("size") {
        None => Ok(default),
        Some(value) => match (side(value), value.as_object()) {
            (Some(short), _) => Ok(Size::ShortestEdge(short)),
            (_, Some(keys)) if keys.len() == 1 => keys
                .get("shortest_edge")
                .and_then(side)
                .map(Size::ShortestEdge)
                .ok_or_else(|| json.wrong("size", EXPECTED)),
            _ => match width_and_height(value) {
                Some((width, height)) => Ok(Size::Exact { width, height }),
                None => Err(json.wrong("size", EXPECTED)),
            },
        },
    }
}

fn crop_size(json: &Json) -> Result<(u32, u32)> {
    match json.value("crop_size") {
        None => Ok((224, 224)),
        Some(value) => side(value)
            .map(|side| (side, side))
            .or_else(|| width_and_height(value))
            .ok_or_else(|| json.wrong("crop_size", "a whole number or {\"height\", \"width\"}")),
    }
}

/// A positive number of pixels.
pub(super) fn side(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0)
}

fn width_and_height(value: &Value) -> Option<(u32, u32)> {
    let keys = value.as_object().filter(|keys| keys.len() == 2)?;
    Some((side(keys.get("width")?)?, side(keys.get("height")?)?))
}

fn filter(json: &Json, default: Filter) -> Result<Filter> {
    const EXPECTED: &str = "0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box or 5 hamming";
    match json.get("resample", EXPECTED)? {
        None => Ok(default),
        Some(code) => Filter::from_code(code).ok_or_else(|| json.wrong("resample", EXPECTED)),
    }
}

fn rescale_factor(json: &Json) -> Result<f64> {
    let factor = json.get("rescale_factor", "a number")?.unwrap_or(1.0 / 255.0);
    if f64::is_finite(factor) { Ok(factor) } else { Err(json.wrong("rescale_factor", "a finite number")) }
}

fn mean_and_std(json: &Json, class: &Class) -> Result<([f32; 3], [f32; 3])> {
    let three = |key: &str, default: [f32; 3]| Ok::<_, Error>(json.get(key, "three numbers")?.unwrap_or(default));
    let mean = three("image_mean", class.mean)?;
    let std = three("image_std", class.std)?;
    if std.iter().any(|std| *std <= 0.0) {
        return Err(json.wrong("image_std", "three numbers above 0"));
    }
    Ok((mean, std))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processing(config: &str) -> Result<ImageProcessing> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("preprocessor_config.json"), config).unwrap();
        ImageProcessing::open(folder.path())
    }

    fn plain(resize: Option<(Size, Filter)>, crop: Option<(u32, u32)>) -> ImageProcessing {
        ImageProcessing { resize, crop, rescale: None, normalize: None }
    }

    #[test]
    fn an_empty_file_means_the_defaults_of_clip() {
        let read = processing("{}").unwrap();
        assert_eq!(read.resize, Some((Size::ShortestEdge(224), Filter::Bicubic)));
        assert_eq!(read.crop, Some((224, 224)));
        assert!((read.rescale.unwrap() - 1.0 / 255.0).abs() < 1e-12);
    }

    #[test]
    fn sizes_are_numbers_or_objects() {
        let read = processing(r#"{"size": 30, "crop_size": 20}"#).unwrap();
        assert_eq!((read.resize.unwrap().0, read.crop), (Size::ShortestEdge(30), Some((20, 20))));
        let read =
            processing(r#"{"size": {"height": 3, "width": 5}, "crop_size": {"height": 1, "width": 2}}"#).unwrap();
        assert_eq!((read.resize.unwrap().0, read.crop), (Size::Exact { width: 5, height: 3 }, Some((2, 1))));
        for wrong in [
            r#"{"size": 0}"#,
            r#"{"size": {"longest_edge": 5}}"#,
            r#"{"size": {"shortest_edge": 5, "longest_edge": 9}}"#,
        ] {
            assert!(processing(wrong).unwrap_err().to_string().contains("key `size`"), "{wrong}");
        }
    }

    #[test]
    fn switches_are_honoured_and_wrong_values_named() {
        let off = r#"{"do_resize": false, "do_center_crop": false, "do_rescale": false, "do_normalize": false}"#;
        assert_eq!(processing(off).unwrap(), plain(None, None));
        for (config, key) in [
            (r#"{"resample": 9}"#, "resample"),
            (r#"{"do_resize": 3}"#, "do_resize"),
            (r#"{"image_mean": [1, 2]}"#, "image_mean"),
            (r#"{"image_std": [1, 0, 1]}"#, "image_std"),
            (r#"{"crop_size": {"height": 3}}"#, "crop_size"),
            (r#"{"image_processor_type": "ViltImageProcessor"}"#, "image_processor_type"),
        ] {
            assert!(processing(config).unwrap_err().to_string().contains(key), "{config}");
        }
    }

    /// Odd differences of size, against numpy's and Pillow's rounding.
    #[test]
    fn crops_and_paddings_are_centred_as_in_the_reference() {
        let image = RgbImage::from_fn(3, 1, |x, _| image::Rgb([10 * (x as u8 + 1), 0, 0]));
        let red = |crop: (u32, u32)| {
            let pixels = plain(None, Some(crop)).apply(&image, Resampler::Pillow).unwrap();
            (pixels.values[..(crop.0 * crop.1) as usize].to_vec(), pixels.offset)
        };
        assert_eq!(red((2, 1)), (vec![10., 20.], (0, 0)));
        assert_eq!(red((1, 1)), (vec![20.], (1, 0)));
        assert_eq!(red((4, 1)), (vec![0., 10., 20., 30.], (-1, 0)));
        assert_eq!(red((2, 2)), (vec![0., 0., 10., 20.], (0, -1)));
    }

    /// Its shorter side at 336 would make it 6.7 million pixels wide.
    #[test]
    fn an_extreme_aspect_ratio_costs_nothing() {
        let image = RgbImage::from_pixel(20_000, 1, image::Rgb([7, 8, 9]));
        let pixels = plain(Some((Size::ShortestEdge(336), Filter::Bicubic)), Some((336, 336)))
            .apply(&image, Resampler::Pillow)
            .unwrap();
        assert_eq!(pixels.resized, (6_720_000, 336));
        assert!(pixels.values[..336 * 336].iter().all(|red| *red == 7.0));
    }
}
