//! Frames of a video: a folder of images, an animated image, or a file that `ffmpeg` reads.

use std::cmp::Ordering;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, RgbaImage};

use super::{ffmpeg, indices};
use crate::dataset::image_file;
use crate::error::{Error, Result};

/// Which frames are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Take {
    #[default]
    All,
    /// So many, as a video file is read: [`indices::rounded`], of the next [even](indices::even) number.
    Rounded(usize),
    /// The same, or all there are where those are fewer.
    AtMost(usize),
    /// At most so many, as training reads: [`indices::floored`].
    Floored(usize),
}

impl Take {
    pub(super) fn of(self, total: usize) -> Result<Vec<usize>> {
        match self {
            Self::All => Ok((0..total).collect()),
            Self::AtMost(count) if total < indices::even(count) => Ok((0..total).collect()),
            Self::AtMost(count) | Self::Rounded(count) => indices::rounded(total, indices::even(count)),
            Self::Floored(count) => Ok(indices::floored(total, count)),
        }
    }
}

const ONE_SIZE: &str = "a video's frames are all of one size";

/// Extensions of the image files that are frames of a folder.
const IMAGES: [&str; 8] = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"];

/// Reads frames in the order of time.
///
/// A folder: its image files in natural order (`frame2.png` before `frame10.png`), other files passed over. A GIF, PNG or WebP
/// file: its pictures. Anything else goes through `ffmpeg`, if it is there. What is transparent lies on white.
///
/// # Errors
/// Nothing there; no frames, or fewer than are to be taken; a frame that cannot be read; frames of different sizes.
pub fn read(path: &Path, take: Take) -> Result<Vec<RgbImage>> {
    let within = |error: Error| error.within(format!("video `{}`", path.display()));
    if path.is_dir() {
        let files = list(path)?;
        if files.is_empty() {
            return Err(no_images(path));
        }
        let taken = take.of(files.len()).map_err(within)?;
        let frames = taken.iter().map(|frame| picture(&files[*frame])).collect::<Result<Vec<_>>>()?;
        return check_frames(frames).map_err(within);
    }
    let bytes = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    let frames = match animated(&bytes) {
        Some(frames) => {
            let frames = frames.map_err(within)?;
            let taken = take.of(frames.len()).map_err(within)?;
            taken.iter().map(|frame| frames[*frame].clone()).collect()
        }
        None if image::guess_format(&bytes).is_ok() => vec![picture(path)?],
        None => ffmpeg::read(path, take).map_err(within)?,
    };
    check_frames(frames).map_err(within)
}

/// How many frames a video has, of how many pixels across and down, and a hash of all its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub frames: usize,
    pub width: u32,
    pub height: u32,
    pub bytes: blake3::Hash,
}

/// Outlines a video without decoding more than it takes.
///
/// # Errors
/// As [`read`].
pub fn outline(path: &Path) -> Result<Outline> {
    let within = |error: Error| error.within(format!("video `{}`", path.display()));
    if !path.is_dir() {
        let unread = |error| Error::data(format!("cannot read {}: {error}", path.display()));
        let bytes = std::fs::read(path).map_err(unread)?;
        let (frames, width, height) = if image::guess_format(&bytes).is_ok() {
            let frames = read(path, Take::All)?;
            (frames.len(), frames[0].width(), frames[0].height())
        } else {
            ffmpeg::probe(path).map_err(within)?
        };
        return Ok(Outline { frames, width, height, bytes: blake3::hash(&bytes) });
    }
    let mut hasher = blake3::Hasher::new();
    let mut first: Option<(u32, u32)> = None;
    let files = list(path)?;
    for file in &files {
        let bytes = std::fs::read(file).map_err(|source| Error::io("read", file, source))?;
        let size = image_file::dimensions(&bytes).map_err(|error| error.within(file.display()))?;
        if *first.get_or_insert(size) != size {
            let message = format!(
                "`{}` has {} x {} pixels, the frames before it have other sides",
                file.display(),
                size.0,
                size.1
            );
            return Err(within(Error::data(message).with_help(ONE_SIZE)));
        }
        hasher.update(blake3::hash(&bytes).as_bytes());
    }
    let (width, height) = first.ok_or_else(|| no_images(path))?;
    Ok(Outline { frames: files.len(), width, height, bytes: hasher.finalize() })
}

/// Frames as they are, if there are any and all have one size.
///
/// # Errors
/// No frame, or two sizes.
pub fn check_frames(frames: Vec<RgbImage>) -> Result<Vec<RgbImage>> {
    let Some(first) = frames.first() else { return Err(Error::data("has no frames")) };
    let (width, height) = first.dimensions();
    match frames.iter().position(|frame| frame.dimensions() != (width, height)) {
        None => Ok(frames),
        Some(other) => {
            let (w, h) = frames[other].dimensions();
            Err(Error::data(format!("frame 0 has {width} x {height} pixels, frame {other} has {w} x {h}"))
                .with_help(ONE_SIZE))
        }
    }
}

fn no_images(folder: &Path) -> Error {
    Error::data(format!("video `{}`: the folder has no image files", folder.display()))
        .with_help(format!("expected frames as {}", IMAGES.join(", ")))
}

/// An image file; what is transparent lies on white.
fn picture(path: &Path) -> Result<RgbImage> {
    let decoder = ImageReader::open(path).and_then(ImageReader::with_guessed_format).ok();
    let decoder = decoder.and_then(|reader| reader.into_decoder().ok());
    match decoder.filter(|decoder| decoder.color_type().has_alpha()).map(DynamicImage::from_decoder) {
        Some(Ok(image)) => Ok(on_white(&image.to_rgba8())),
        _ => image_file::open_rgb(path),
    }
}

/// Image files of a folder, in natural order.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|source| Error::io("read", folder, source))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| Error::io("read", folder, source))?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && extension.is_some_and(|extension| IMAGES.contains(&extension.as_str())) {
            files.push(path);
        }
    }
    files.sort_by(|a, b| {
        natural(
            &a.file_name().unwrap_or_default().to_string_lossy(),
            &b.file_name().unwrap_or_default().to_string_lossy(),
        )
    });
    Ok(files)
}

/// Numbers by their value, everything else by its letters.
fn natural(a: &str, b: &str) -> Ordering {
    /// A run of digits or of anything else.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Part<'a> {
        Number(u128),
        Text(&'a str),
    }
    let parts = |text| -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest: &str = text;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            parts.push(part.parse().ok().filter(|_| digits).map_or(Part::Text(part), Part::Number));
            rest = after;
        }
        parts
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

/// The pictures of an animated image; none where it is not one.
fn animated(bytes: &[u8]) -> Option<Result<Vec<RgbImage>>> {
    let broken = |error: image::ImageError| Error::data(format!("cannot be decoded: {error}"));
    let frames = match image::guess_format(bytes).ok()? {
        ImageFormat::Gif => GifDecoder::new(Cursor::new(bytes)).map(AnimationDecoder::into_frames),
        ImageFormat::Png => match PngDecoder::new(Cursor::new(bytes)) {
            Ok(decoder) if decoder.is_apng().unwrap_or(false) => decoder.apng().map(AnimationDecoder::into_frames),
            _ => return None,
        },
        ImageFormat::WebP => match WebPDecoder::new(Cursor::new(bytes)) {
            Ok(decoder) if decoder.has_animation() => Ok(decoder.into_frames()),
            _ => return None,
        },
        _ => return None,
    };
    let frames = frames.and_then(|frames| frames.map(|frame| Ok(on_white(frame?.buffer()))).collect());
    Some(frames.map_err(broken))
}

fn on_white(image: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0.map(u32::from);
        image::Rgb([red, green, blue].map(|channel| ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

#[cfg(test)]
mod tests {
    use image::codecs::gif::GifEncoder;
    use image::{Frame, Rgb, Rgba};

    use super::*;

    fn folder(sizes: &[(&str, u32)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (number, (name, width)) in sizes.iter().enumerate() {
            RgbImage::from_pixel(*width, 4, Rgb([number as u8; 3])).save(folder.path().join(name)).unwrap();
        }
        folder
    }

    fn greys(frames: &[RgbImage]) -> Vec<u8> {
        frames.iter().map(|frame| frame.get_pixel(0, 0).0[0]).collect()
    }

    #[test]
    fn a_folder_is_read_in_natural_order() {
        let video = folder(&[("f10.png", 6), ("f2.png", 6), ("f1.png", 6), ("F2b.png", 6)]);
        std::fs::write(video.path().join("poses.txt"), "1 2 3").unwrap();
        assert_eq!(greys(&read(video.path(), Take::All).unwrap()), [3, 2, 1, 0]);
        assert_eq!(greys(&read(video.path(), Take::Rounded(2)).unwrap()), [3, 0]);
        assert_eq!(greys(&read(video.path(), Take::Floored(9)).unwrap()), [3, 2, 1, 0]);
        let error = read(video.path(), Take::Rounded(16)).unwrap_err().to_string();
        assert!(error.contains("16 frames asked of a video of 4"), "{error}");
    }

    #[test]
    fn frames_of_two_sizes_and_no_frames_are_refused() {
        let error =
            read(folder(&[("0.png", 6), ("1.png", 6), ("2.png", 5)]).path(), Take::All).unwrap_err().to_string();
        assert!(error.contains("frame 0 has 6 x 4 pixels, frame 2 has 5 x 4"), "{error}");
        assert!(read(folder(&[]).path(), Take::All).unwrap_err().to_string().contains("no image files"));
        assert!(check_frames(Vec::new()).is_err());
        assert!(read(Path::new("/nowhere"), Take::All).is_err());
        assert_eq!(read(folder(&[("0.png", 6)]).path(), Take::All).unwrap().len(), 1);
    }

    #[test]
    fn an_outline_is_known_without_the_pixels() {
        let video = folder(&[("0.png", 6), ("1.png", 6)]);
        let outline_of = |folder: &tempfile::TempDir| outline(folder.path()).unwrap();
        let first = outline_of(&video);
        assert_eq!((first.frames, first.width, first.height), (2, 6, 4));
        RgbImage::from_pixel(6, 4, Rgb([7; 3])).save(video.path().join("1.png")).unwrap();
        assert_ne!(outline_of(&video).bytes, first.bytes);
        RgbImage::from_pixel(6, 5, Rgb([7; 3])).save(video.path().join("1.png")).unwrap();
        assert!(outline(video.path()).unwrap_err().to_string().contains("6 x 5 pixels"));
    }

    #[test]
    fn an_animated_gif_lies_on_white() {
        let file = tempfile::NamedTempFile::with_suffix(".gif").unwrap();
        let mut encoder = GifEncoder::new(file.reopen().unwrap());
        let frame = |color: [u8; 4]| Frame::new(RgbaImage::from_pixel(5, 4, Rgba(color)));
        encoder.encode_frames([frame([0, 0, 0, 255]), frame([250, 0, 0, 255]), frame([9, 9, 9, 0])]).unwrap();
        drop(encoder);
        let frames = read(file.path(), Take::All).unwrap();
        assert_eq!(frames.len(), 3);
        assert_eq!((frames[0].get_pixel(1, 1).0, frames[0].dimensions()), ([0, 0, 0], (5, 4)));
        assert!(frames[1].get_pixel(1, 1).0[0] > 240);
        let cut = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &cut[..cut.len() / 2]).unwrap();
        assert!(read(file.path(), Take::All).is_err());
    }

    #[test]
    fn one_picture_is_a_video_of_one_frame() {
        let folder = folder(&[("only.png", 6)]);
        assert_eq!(read(&folder.path().join("only.png"), Take::All).unwrap().len(), 1);
        let glass = folder.path().join("glass.png");
        RgbaImage::from_pixel(6, 4, Rgba([0, 0, 0, 0])).save(&glass).unwrap();
        assert_eq!(read(&glass, Take::All).unwrap()[0].get_pixel(0, 0).0, [255; 3]);
        assert_eq!(on_white(&RgbaImage::from_pixel(1, 1, Rgba([0, 100, 255, 128]))).get_pixel(0, 0).0, [127, 177, 255]);
    }
}
