//! Points from frames alone: what space-aware frame sampling starts from, where nobody recorded points.

use burn::tensor::{Tensor, TensorData};
use image::{RgbImage, imageops};

use super::aggregator::Vggt;
use super::point_head::{PointHead, Points};
use crate::dataset::video::{PointMapper, PointMaps};
use crate::error::{Error, Result};
use crate::processor::resample::{Filter, resize};

/// A spatial encoder with its point head.
#[derive(Debug)]
pub struct Mapper {
    pub vggt: Vggt,
    pub head: PointHead,
}

/// How frames are made ready, as Spatial-MLLM's sampler does: frames that are taller than wide are turned clockwise; the width
/// becomes the encoder's, the height follows to the nearest multiple of a patch; rows that are too many are cut off above and
/// below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fit {
    width: u32,
    height: u32,
    /// Rows cut off above.
    above: u32,
    kept: u32,
}

impl Fit {
    fn new((width, height): (u32, u32), side: u32, patch: u32) -> Self {
        let rows = f64::from(height) * (f64::from(side) / f64::from(width)) / f64::from(patch);
        let height = (rows.round_ties_even() as u32).max(1) * patch;
        let above = height.saturating_sub(side) / 2;
        Self { width: side, height, above, kept: height.min(side) }
    }

    /// Values from 0 to 1, `[channel, row, column]`.
    fn apply(self, frame: &RgbImage) -> Vec<f32> {
        let resized = resize(frame, self.width, self.height, Filter::Bicubic);
        let kept = imageops::crop_imm(&resized, 0, self.above, self.width, self.kept).to_image();
        (0..3).flat_map(|channel| kept.pixels().map(move |pixel| f32::from(pixel.0[channel]) / 255.0)).collect()
    }
}

impl PointMapper for Mapper {
    fn point_maps(&self, frames: &[RgbImage]) -> Result<PointMaps> {
        let first = frames.first().ok_or_else(|| Error::data("no frames to find points in"))?;
        if let Some((n, other)) = frames.iter().enumerate().find(|(_, frame)| frame.dimensions() != first.dimensions())
        {
            let ((w, h), (x, y)) = (first.dimensions(), other.dimensions());
            return Err(Error::data(format!("frame {n} has {x} x {y} pixels, the first has {w} x {h}")));
        }
        if first.width() == 0 || first.height() == 0 {
            return Err(Error::data("the frames have no pixels"));
        }
        let config = self.vggt.config();
        let stands = first.height() > first.width();
        let turned = |frame: &RgbImage| if stands { imageops::rotate90(frame) } else { frame.clone() };
        let fit = Fit::new(turned(first).dimensions(), config.image as u32, config.patch as u32);
        let pixels: Vec<f32> = frames.iter().flat_map(|frame| fit.apply(&turned(frame))).collect();
        let (rows, cols) = (fit.kept as usize, fit.width as usize);
        let data = TensorData::new(pixels, [1, frames.len(), 3, rows, cols]);
        let Points { points, confidence } =
            self.head.points(&self.vggt, Tensor::from_data(data, &self.vggt.device()))?;
        let points: Vec<f32> = points.into_data().iter::<f32>().collect();
        let confidence: Vec<f32> = confidence.into_data().iter::<f32>().collect();
        PointMaps::new([frames.len(), rows, cols], points.as_chunks().0.to_vec(), confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_fit_the_encoder() {
        let fit = |width, height| Fit::new((width, height), 518, 14);
        // 480 * 518 / 640 = 388.5 pixels are 27.75 patches.
        assert_eq!(fit(640, 480), Fit { width: 518, height: 392, above: 0, kept: 392 });
        assert_eq!(fit(1920, 1080), Fit { width: 518, height: 294, above: 0, kept: 294 });
        assert_eq!(fit(100, 100), Fit { width: 518, height: 518, above: 0, kept: 518 });
        // Never of a frame that was turned, but the rule says so.
        assert_eq!(fit(100, 110), Fit { width: 518, height: 574, above: 28, kept: 518 });
        assert_eq!(fit(1000, 1).height, 14);
    }
}
