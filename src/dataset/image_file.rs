//! Image files, decoded to the pixels that `PIL.Image.open(path).convert("RGB")` gives.
//!
//! That means, among other things: an EXIF orientation is **not** applied (except in TIFF files, which Pillow turns on
//! loading); an alpha channel is dropped, not blended; 16-bit colour keeps its upper bytes, while 16-bit grey is **clipped**
//! at 255. Boxes and questions of published datasets were made for these pixels.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

use super::jpeg;
use crate::error::{Error, Result};

/// The most pixels of an image, which is where Pillow takes it for a decompression bomb.
pub const MOST_PIXELS: u64 = 2 * 89_478_485;

/// The formats that are read.
const FORMATS: [ImageFormat; 6] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff];

/// Reads an image file. The format is told by the content, not by the name.
///
/// # Errors
/// The file is missing, is not an image or not of a supported format, is damaged or truncated, has no pixels or too many.
pub fn open_rgb(path: &Path) -> Result<RgbImage> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    decode(&bytes).map_err(|error| error.within(format!("image `{}`", path.display())))
}

/// Width and height in pixels of the image that [`open_rgb`] would give, from the head of the file's bytes.
///
/// # Errors
/// As [`open_rgb`], but for damage further down.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32)> {
    let format = recognise(bytes)?;
    if format == ImageFormat::Jpeg {
        let size = jpeg::dimensions(bytes).map_err(jpeg_fault)?;
        return check_size(size).map(|()| size);
    }
    let mut decoder = open_decoder(bytes, format)?;
    let (width, height) = decoder.dimensions();
    check_size((width, height))?;
    Ok(match turn(&mut decoder, format)? {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        _ => (width, height),
    })
}

fn decode(bytes: &[u8]) -> Result<RgbImage> {
    let format = recognise(bytes)?;
    if format == ImageFormat::Jpeg {
        check_size(jpeg::dimensions(bytes).map_err(jpeg_fault)?)?;
        return jpeg::decode(bytes).map_err(jpeg_fault);
    }
    let mut decoder = open_decoder(bytes, format)?;
    check_size(decoder.dimensions())?;
    let turned = turn(&mut decoder, format)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| unusable(format, error))?;
    image.apply_orientation(turned);
    to_rgb(image)
}

fn recognise(bytes: &[u8]) -> Result<ImageFormat> {
    const HELP: &str = "expected a PNG, JPEG, WebP, BMP, GIF or TIFF file";
    if bytes.is_empty() {
        return Err(Error::data("is empty, 0 bytes").with_help(HELP));
    }
    let format = image::guess_format(bytes).map_err(|_| Error::data("is not an image").with_help(HELP))?;
    if !FORMATS.contains(&format) {
        return Err(Error::data(format!("is of a format that is not supported ({format:?})")).with_help(HELP));
    }
    Ok(format)
}

fn open_decoder(bytes: &[u8], format: ImageFormat) -> Result<impl ImageDecoder> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.no_limits();
    reader.into_decoder().map_err(|error| unusable(format, error))
}

/// How Pillow turns the image on loading: only TIFF files are turned.
fn turn(decoder: &mut impl ImageDecoder, format: ImageFormat) -> Result<Orientation> {
    match format {
        ImageFormat::Tiff => decoder.orientation().map_err(|error| unusable(format, error)),
        _ => Ok(Orientation::NoTransforms),
    }
}

fn jpeg_fault(fault: jpeg::Fault) -> Error {
    Error::data(format!("is not a usable JPEG: {fault}"))
}

fn unusable(format: ImageFormat, error: ImageError) -> Error {
    let help = match error {
        ImageError::Unsupported(_) => "Pillow may be able to read it: save it as PNG from there",
        _ => "it may be truncated: open it in a viewer, save it again",
    };
    Error::data(format!("is not a usable {format:?}: {error}")).with_help(help)
}

fn check_size((width, height): (u32, u32)) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::data(format!("has no pixels: its size is {width} x {height}")));
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Error::data(format!("is {width} x {height} pixels, more than the limit of {MOST_PIXELS} pixels"))
            .with_help("scale the image down"));
    }
    Ok(())
}

/// Pillow's `convert("RGB")` of what Pillow's modes would be.
fn to_rgb(image: DynamicImage) -> Result<RgbImage> {
    let upper = |value: u16| (value >> 8) as u8;
    Ok(match image {
        DynamicImage::ImageRgb8(image) => image,
        DynamicImage::ImageLuma8(image) => map(&image, |p: &image::Luma<u8>| [p.0[0]; 3]),
        DynamicImage::ImageLumaA8(image) => map(&image, |p: &image::LumaA<u8>| [p.0[0]; 3]),
        DynamicImage::ImageRgba8(image) => map(&image, |p: &image::Rgba<u8>| [p.0[0], p.0[1], p.0[2]]),
        // Mode "I;16" is clipped to 8 bits, not scaled.
        DynamicImage::ImageLuma16(image) => map(&image, |p: &image::Luma<u16>| [p.0[0].min(255) as u8; 3]),
        DynamicImage::ImageLumaA16(image) => map(&image, |p: &image::LumaA<u16>| [upper(p.0[0]); 3]),
        DynamicImage::ImageRgb16(image) => map(&image, |p: &image::Rgb<u16>| p.0.map(upper)),
        DynamicImage::ImageRgba16(image) => map(&image, |p: &image::Rgba<u16>| [p.0[0], p.0[1], p.0[2]].map(upper)),
        other => {
            return Err(Error::data(format!("holds {:?} pixels, which are not supported", other.color()))
                .with_help("save it with 8 or 16 bits a channel"));
        }
    })
}

fn map<P: image::Pixel>(image: &image::ImageBuffer<P, Vec<P::Subpixel>>, rgb: impl Fn(&P) -> [u8; 3]) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| image::Rgb(rgb(image.get_pixel(x, y))))
}
