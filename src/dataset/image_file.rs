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

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
    }

    /// Sizes and hashes are what `make.py` beside the files printed, that is what Pillow 13.0.0 decodes.
    #[test]
    fn files_are_decoded_to_the_pixels_of_pillow() {
        for (name, width, height, hash) in [
            ("alpha.png", 37, 26, "ad4af06f0d9c0119"),
            ("alpha.webp", 37, 26, "ad4af06f0d9c0119"),
            ("cmyk.jpg", 37, 26, "788cc0353d25c3ea"),
            ("cmyk.tif", 37, 26, "ad4af06f0d9c0119"),
            ("grey.jpg", 37, 26, "d687d84d5cce3127"),
            ("grey16.png", 37, 26, "be82512e55e18a5a"),
            ("moving.gif", 37, 26, "9bf00d3bcfddf60c"),
            ("one-bit.png", 37, 26, "8e17ebacd3b68b16"),
            ("oriented.jpg", 37, 26, "cbfd0088cec2793f"),
            ("oriented.tif", 26, 37, "d0d30c4e0e751697"),
            ("palette-alpha.png", 37, 26, "f38b93e499f12ffa"),
            ("palette.bmp", 37, 26, "cddb1f8f4d33df2b"),
            ("plain.jpg", 37, 26, "18bd59b41a2df844"),
            ("plain.webp", 37, 26, "753ccf5d9a83b152"),
            ("progressive.jpg", 37, 26, "789ddf2056eed9e5"),
            ("restart.jpg", 37, 26, "8b05e6d379cfdbfc"),
            ("rgb16.png", 9, 5, "f09deefee410d7fd"),
            ("wide.png", 20_000, 2, "2949e2263fa6842b"),
            ("ycck.jpg", 37, 26, "aa0e4a65d3a17833"),
        ] {
            let image = open_rgb(&fixture(name)).unwrap();
            assert_eq!(image.dimensions(), (width, height), "{name}");
            assert_eq!(&blake3::hash(image.as_raw()).to_hex()[..16], hash, "{name}");
        }
    }

    /// What opening a file of these bytes complains of.
    fn complaint(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        std::fs::write(&path, bytes).unwrap();
        let error = open_rgb(&path).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        let message = error.to_string();
        assert!(message.contains("picture.png"), "{message}");
        message
    }

    #[test]
    fn a_missing_file_and_a_folder_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let missing = open_rgb(&folder.path().join("gone.png")).unwrap_err().to_string();
        assert!(missing.contains("cannot read") && missing.contains("gone.png"), "{missing}");
        assert!(open_rgb(folder.path()).is_err());
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        assert!(complaint(b"").contains("empty"));
        assert!(complaint(b"These are no pixels, whatever the name says.").contains("is not an image"));
        assert!(complaint(b"P6 1 1 255 rgb").contains("not supported (Pnm)"));
    }

    #[test]
    fn sizes_beyond_the_limits_are_errors() {
        let read = |name: &str| std::fs::read(fixture(name)).unwrap();
        assert!(
            complaint(&read("bomb.png")).contains("100000 x 100000 pixels, more than the limit of 178956970 pixels")
        );
        complaint(&read("zero.png"));
        let mut jpeg = read("plain.jpg");
        let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        jpeg[frame + 7..frame + 9].fill(0);
        assert!(complaint(&jpeg).contains("size is 0 x 26"));
        jpeg[frame + 5..frame + 9].fill(0xFF);
        assert!(complaint(&jpeg).contains("65535 x 65535"));
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        for name in
            ["plain.jpg", "progressive.jpg", "restart.jpg", "alpha.png", "alpha.webp", "palette.bmp", "oriented.tif"]
        {
            let bytes = std::fs::read(fixture(name)).unwrap();
            for part in 1..8 {
                complaint(&bytes[..bytes.len() * part / 8]);
            }
        }
    }

    #[test]
    fn jpegs_of_other_kinds_say_which() {
        let jpeg = std::fs::read(fixture("plain.jpg")).unwrap();
        let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        let with = |at: usize, value: u8| {
            let mut changed = jpeg.clone();
            changed[frame + at] = value;
            complaint(&changed)
        };
        assert!(with(1, 0xC9).contains("arithmetic"));
        assert!(with(1, 0xC3).contains("lossless"));
        assert!(with(4, 12).contains("12 bits a sample, expected 8"));
        assert!(with(9, 2).contains("2 colour components"));
        assert!(with(11, 0x90).contains("sampling factor"));
        assert!(with(12, 3).contains("quantisation table is missing"));
    }
}
