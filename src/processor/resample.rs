//! Image resizing exactly as Pillow does it, to the last bit.
//!
//! Pillow widens the filter by the scale factor when it shrinks an image (antialiasing), normalises the weights of each
//! output pixel, rounds them to 22-bit fixed point, and resizes in two passes, rows first and columns after, **rounding
//! to 8 bits in between**. Any of these left out shows in the last bits of a model's pixels, so all are kept.
//! The filters are the textbook ones (Keys 1981 with a = -0.5 for bicubic).
//!
//! What differs between Pillow, its version 13 and torchvision shows too, most of all where the first pass overshoots black
//! or white; see [`Resampler`].

use std::ops::Range;

use image::RgbImage;

/// Whose arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resampler {
    /// Pillow before 13: rows first.
    #[default]
    Pillow,
    /// Pillow 13: columns first where the height shrinks, and by more than twice as many pixels as the width; else rows.
    PillowThirteen,
    /// torchvision on 8-bit tensors: rows first, weights of 16 bits.
    Torchvision,
}

impl Resampler {
    pub const ALL: [Self; 3] = [Self::Pillow, Self::PillowThirteen, Self::Torchvision];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pillow => "Pillow",
            Self::PillowThirteen => "Pillow 13",
            Self::Torchvision => "torchvision",
        }
    }

    fn columns_first(self, (width, height): (u32, u32), (to_width, to_height): (u32, u32)) -> bool {
        let shrinks = |from: u32, to: u32| i64::from(from) - i64::from(to);
        let (narrower, shorter) = (shrinks(width, to_width), shrinks(height, to_height));
        self == Self::PillowThirteen && shorter > 0 && shorter > 2 * narrower
    }

    /// Fractional bits of weights of which the largest is `most`.
    fn bits(self, most: f64) -> u32 {
        match self {
            // 32, less 8 for the pixel and 2 for overshoot.
            Self::Pillow | Self::PillowThirteen => 32 - 8 - 2,
            // As many as a signed 16-bit number has room for.
            Self::Torchvision => {
                (0..22).find(|bits| (0.5 + most * f64::from(1u32 << (bits + 1))) as i64 >= 1 << 15).unwrap_or(22)
            }
        }
    }
}

/// A resampling filter, by its number in `preprocessor_config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Nearest,
    Lanczos,
    Bilinear,
    Bicubic,
    Box,
    Hamming,
}

impl Filter {
    /// The filter that Pillow numbers so; `None` for other numbers.
    pub fn from_code(code: u64) -> Option<Self> {
        [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming]
            .get(usize::try_from(code).ok()?)
            .copied()
    }

    /// Half width of the filter at scale 1, in pixels; `None` for nearest, which weighs nothing.
    fn support(self) -> Option<f64> {
        match self {
            Self::Nearest => None,
            Self::Box => Some(0.5),
            Self::Bilinear | Self::Hamming => Some(1.0),
            Self::Bicubic => Some(2.0),
            Self::Lanczos => Some(3.0),
        }
    }

    /// The weight at a distance from the centre, in pixels of the smaller image.
    fn weight(self, x: f64) -> f64 {
        match self {
            Self::Nearest => 1.0,
            // Half open, so that a pixel on the border of two boxes belongs to one.
            Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Bicubic => keys(x.abs()),
            Self::Hamming => {
                let x = x.abs();
                // Pillow's constants are single precision.
                let window = f64::from(0.54_f32) + f64::from(0.46_f32) * (x * std::f64::consts::PI).cos();
                if x >= 1.0 { 0.0 } else { sinc(x) * window }
            }
            Self::Lanczos => {
                if (-3.0..3.0).contains(&x) {
                    sinc(x) * sinc(x / 3.0)
                } else {
                    0.0
                }
            }
        }
    }
}

/// Keys' cubic convolution kernel with a = -0.5, for x >= 0.
fn keys(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// How each of the outputs `part` of an axis resized `from` so many `to` so many is made of inputs: the first of them, and
/// their weights, which sum to 1. Without rounding, this is antialiased resizing as PyTorch does it too.
pub fn taps(from: u32, to: u32, part: Range<u32>, filter: Filter) -> Vec<(usize, Vec<f64>)> {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let reach = filter.support().unwrap_or(0.0) * stretch;
    let normal = |out: u32| {
        let centre = (f64::from(out) + 0.5) * scale;
        // Truncation toward zero of a possibly negative number, then clamped: as the original does.
        let first = ((centre - reach + 0.5) as i64).max(0);
        let end = ((centre + reach + 0.5) as i64).min(i64::from(from));
        let weights: Vec<f64> =
            (first..end).map(|at| filter.weight((at as f64 - centre + 0.5) * (1.0 / stretch))).collect();
        let total: f64 = weights.iter().sum();
        let part = |weight: f64| if total == 0.0 { weight } else { weight / total };
        (first as usize, weights.into_iter().map(part).collect())
    };
    part.map(normal).collect()
}

/// How each output pixel of one axis is made of input pixels.
struct Weights {
    /// First input pixel and the fixed-point weights from there on, one entry an output pixel.
    taps: Vec<(usize, Vec<i32>)>,
    /// Fractional bits of the weights.
    bits: u32,
}

impl Weights {
    /// The weights of the outputs `part`, of an axis resized `from` so many pixels `to` so many.
    fn new(from: u32, to: u32, part: Range<u32>, filter: Filter, resampler: Resampler) -> Self {
        let most = match resampler {
            Resampler::Torchvision => {
                taps(from, to, 0..to, filter).into_iter().flat_map(|tap| tap.1).fold(0.0, f64::max)
            }
            _ => 1.0,
        };
        let bits = resampler.bits(most);
        let fixed = |weight: &f64| {
            let scaled = weight * f64::from(1u32 << bits);
            (if *weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
        };
        let taps = taps(from, to, part, filter).into_iter();
        let taps = taps.map(|(first, weights)| (first, weights.iter().map(fixed).collect())).collect();
        Self { taps, bits }
    }

    /// What a sum begins with, so that it is rounded to the nearest.
    fn half(&self) -> i32 {
        1 << (self.bits - 1)
    }

    /// Rounds a fixed-point sum to a pixel value.
    fn pixel(&self, sum: i32) -> u8 {
        (sum >> self.bits).clamp(0, 255) as u8
    }
}

/// `image` at `width` x `height` pixels, all at least 1.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    resize_part(image, (width, height), filter, [0..width, 0..height], Resampler::default())
}

/// What resizing gives in these columns and rows, without computing the rest.
pub fn resize_part(
    image: &RgbImage,
    (width, height): (u32, u32),
    filter: Filter,
    [columns, rows]: [Range<u32>; 2],
    resampler: Resampler,
) -> RgbImage {
    if resampler.columns_first(image.dimensions(), (width, height)) {
        let turned = resize_part(&transposed(image), (height, width), filter, [rows, columns], Resampler::Pillow);
        return transposed(&turned);
    }
    if filter == Filter::Nearest {
        return nearest(image, (width, height), columns, rows);
    }
    let weights = |from, to, part| Weights::new(from, to, part, filter, resampler);
    // A pass that changes nothing is left out; its rounding would be exact anyway.
    let wide = (image.width() != width || columns != (0..width))
        .then(|| horizontal(image, &weights(image.width(), width, columns)));
    let wide = wide.as_ref().unwrap_or(image);
    if image.height() == height && rows == (0..height) {
        return wide.clone();
    }
    vertical(wide, &weights(image.height(), height, rows))
}

/// Rows for columns.
fn transposed(image: &RgbImage) -> RgbImage {
    RgbImage::from_fn(image.height(), image.width(), |x, y| *image.get_pixel(y, x))
}

/// Takes the input pixel under the centre of each output pixel.
fn nearest(image: &RgbImage, (width, height): (u32, u32), columns: Range<u32>, rows: Range<u32>) -> RgbImage {
    // Pillow adds the step up instead of multiplying it out; on exact pixel borders that decides which side wins.
    let under = |from: u32, to: u32, part: &Range<u32>| -> Vec<u32> {
        let step = f64::from(from) / f64::from(to);
        std::iter::successors(Some(step * 0.5), |at| Some(at + step))
            .map(|at| (at as u32).min(from - 1))
            .take(part.end as usize)
            .skip(part.start as usize)
            .collect()
    };
    let (xs, ys) = (under(image.width(), width, &columns), under(image.height(), height, &rows));
    RgbImage::from_fn(columns.len() as u32, rows.len() as u32, |x, y| *image.get_pixel(xs[x as usize], ys[y as usize]))
}

fn horizontal(image: &RgbImage, axis: &Weights) -> RgbImage {
    let width = axis.taps.len();
    let mut out = RgbImage::new(width as u32, image.height());
    let rows = image.as_raw().chunks_exact(image.width() as usize * 3);
    for (row, out) in rows.zip(out.chunks_exact_mut(width * 3)) {
        for ((first, weights), out) in axis.taps.iter().zip(out.chunks_exact_mut(3)) {
            let mut sum = [axis.half(); 3];
            for (pixel, weight) in row[first * 3..].chunks_exact(3).zip(weights) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            out.copy_from_slice(&sum.map(|sum| axis.pixel(sum)));
        }
    }
    out
}

fn vertical(image: &RgbImage, axis: &Weights) -> RgbImage {
    let stride = image.width() as usize * 3;
    let mut out = RgbImage::new(image.width(), axis.taps.len() as u32);
    let mut sums = vec![0i32; stride];
    for ((first, weights), out) in axis.taps.iter().zip(out.chunks_exact_mut(stride)) {
        sums.fill(axis.half());
        for (row, weight) in image.as_raw()[first * stride..].chunks_exact(stride).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = axis.pixel(*sum);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([0, 29, 58].map(|c| (x * 7 + y * 13 + x * y * 3 + c) as u8)))
    }

    /// Hashes of what Pillow 13.0.0 makes of the same picture.
    #[test]
    fn every_filter_gives_the_bytes_of_pillow() {
        for (from, to, filter, hash) in [
            ((61, 43), (39, 28), Filter::Bicubic, "4824e0b07042a264"),
            ((30, 40), (75, 99), Filter::Bicubic, "650e026079ae94e0"),
            ((1, 1), (3, 4), Filter::Bicubic, "a868a60a1fee5fe1"),
            ((5, 7), (64, 48), Filter::Lanczos, "67887cf342faadd8"),
            ((97, 13), (10, 28), Filter::Lanczos, "fd7c6437f044d173"),
            ((64, 64), (20, 31), Filter::Bilinear, "2d7be233a93becac"),
            ((40, 90), (57, 33), Filter::Box, "1f1008eb9436893a"),
            ((33, 21), (14, 9), Filter::Hamming, "07438dd627ab7833"),
            ((50, 35), (77, 12), Filter::Nearest, "006f37b62c9c41c1"),
        ] {
            let resized = resize(&picture(from.0, from.1), to.0, to.1, filter);
            assert_eq!(resized.dimensions(), to);
            assert_eq!(&blake3::hash(resized.as_raw()).to_hex()[..16], hash, "{from:?} {to:?} {filter:?}");
        }
    }

    /// Hashes of what Pillow 13.0.0, once and in two calls, and torchvision 0.29.2 make of the same picture, whose black and
    /// white make both passes overshoot.
    #[test]
    fn resamplers_differ_as_the_libraries_do() {
        let picture = |width, height| {
            RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([(x * x + y * 7) / 5, x ^ y, x * y / 3].map(|c| 255 * (c as u8 % 2)))
            })
        };
        for (from, to, resampler, hash) in [
            ((31, 47), (33, 46), Resampler::PillowThirteen, "23ea2450f8d4e62d"),
            ((31, 47), (33, 46), Resampler::Pillow, "3f02d2cb11d6407e"),
            // The height shrinks, but by less than twice as much as the width.
            ((40, 30), (20, 29), Resampler::PillowThirteen, "bb1bb10655530dde"),
            ((60, 90), (45, 40), Resampler::PillowThirteen, "a9947c54e463f081"),
            ((60, 90), (45, 40), Resampler::Pillow, "49c403cf78020f5e"),
            ((31, 47), (33, 46), Resampler::Torchvision, "c0fa023f899588d1"),
            ((60, 90), (45, 40), Resampler::Torchvision, "d17cd87764b58c95"),
        ] {
            let resized = resize_part(&picture(from.0, from.1), to, Filter::Bicubic, [0..to.0, 0..to.1], resampler);
            assert_eq!(&blake3::hash(resized.as_raw()).to_hex()[..16], hash, "{from:?} {to:?} {resampler:?}");
        }
    }

    #[test]
    fn a_part_is_a_part_of_the_whole() {
        let image = picture(31, 44);
        for code in 0..6 {
            let filter = Filter::from_code(code).unwrap();
            for (width, height) in [(20, 60), (31, 20), (50, 44), (31, 44)] {
                let whole = resize(&image, width, height, filter);
                let part = resize_part(&image, (width, height), filter, [3..11, 7..19], Resampler::Pillow);
                let cut = image::imageops::crop_imm(&whole, 3, 7, 8, 12).to_image();
                assert_eq!(part, cut, "{filter:?} {width} x {height}");
            }
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let image = picture(9, 4);
        assert!((0..6).all(|code| resize(&image, 9, 4, Filter::from_code(code).unwrap()) == image));
        assert_eq!(Filter::from_code(6), None);
    }
}
