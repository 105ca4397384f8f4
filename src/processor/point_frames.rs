//! Frames as the space-aware sampler gives them to a spatial encoder, before any is chosen.
//!
//! Not what the language model's encoders are shown: here every video is 518 pixels wide, whatever its own size.

use image::{RgbImage, imageops};

use super::resample::{Filter, resize};
use crate::dataset::video::check_frames;
use crate::error::{Error, Result};

/// Width of a frame, and the side of a patch.
const WIDTH: u32 = 518;
const PATCH: u32 = 14;

/// Red, green and blue from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct PointFrames {
    /// Frames, channels (3), rows, columns.
    pub shape: [usize; 4],
    pub values: Vec<f32>,
}

/// Portrait frames are turned clockwise; all are resized to 518 columns, rows in proportion but a multiple of 14. So none has
/// more than 518 rows, and none is cut.
///
/// # Errors
/// No frame, frames of different sizes, or a frame too narrow to keep a row of patches.
pub fn point_frames(frames: &[RgbImage]) -> Result<PointFrames> {
    let frames = check_frames(frames.to_vec()).map_err(|error| error.within("the video"))?;
    let turned = |frame: RgbImage| if frame.height() > frame.width() { imageops::rotate90(&frame) } else { frame };
    let frames: Vec<RgbImage> = frames.into_iter().map(turned).collect();
    let (width, height) = frames[0].dimensions();
    let rows = f64::from(height) * (f64::from(WIDTH) / f64::from(width)) / f64::from(PATCH);
    let rows = rows.round_ties_even() as u32 * PATCH;
    if rows == 0 {
        return Err(Error::data(format!(
            "frames of {width} x {height} pixels are too narrow: at {WIDTH} across, not {PATCH} are left"
        )));
    }
    let mut values = Vec::with_capacity(frames.len() * 3 * (rows * WIDTH) as usize);
    for frame in &frames {
        let frame = resize(frame, WIDTH, rows, Filter::Bicubic);
        for channel in 0..3 {
            values.extend(frame.pixels().map(|pixel| f32::from(pixel.0[channel]) / 255.0));
        }
    }
    Ok(PointFrames { shape: [frames.len(), 3, rows as usize, WIDTH as usize], values })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn every_video_is_518_across() {
        let shape = |width, height| point_frames(&[RgbImage::new(width, height)]).unwrap().shape;
        assert_eq!(shape(640, 480), [1, 3, 392, 518]);
        assert_eq!(shape(480, 640), [1, 3, 392, 518]);
        assert_eq!(shape(100, 100), [1, 3, 518, 518]);
        assert_eq!(shape(1920, 1080), [1, 3, 294, 518]);
        // 518 / 14 is 37; 37 / 74 * 9 is 4.5, which goes to the even 4.
        assert_eq!(shape(74, 9), [1, 3, 56, 518]);
        assert!(point_frames(&[RgbImage::new(2000, 9)]).is_err() && point_frames(&[]).is_err());
        let sizes = [RgbImage::new(640, 480), RgbImage::new(320, 240)];
        assert!(point_frames(&sizes).unwrap_err().to_string().contains("frame 1 has 320 x 240"));
    }

    #[test]
    fn a_portrait_frame_is_turned_clockwise() {
        // Its top goes to the right.
        let frame = RgbImage::from_fn(28, 56, |_, y| Rgb([if y < 28 { 255 } else { 0 }, 0, 0]));
        let PointFrames { shape: [_, _, rows, columns], values } = point_frames(&[frame]).unwrap();
        assert_eq!((rows, columns), (252, 518));
        assert_eq!((values[100], values[columns - 100]), (0.0, 1.0));
    }
}
