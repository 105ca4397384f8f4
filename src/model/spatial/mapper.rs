//! Points from frames alone: what space-aware frame sampling starts from, where nobody recorded points.

use burn::tensor::{Tensor, TensorData};
use image::RgbImage;

use super::aggregator::Vggt;
use super::point_head::{PointHead, Points};
use crate::dataset::video::{PointMapper, PointMaps};
use crate::error::Result;
use crate::processor::point_frames::{PointFrames, point_frames};

/// A spatial encoder with its point head.
#[derive(Debug)]
pub struct Mapper {
    pub vggt: Vggt,
    pub head: PointHead,
}

impl PointMapper for Mapper {
    fn point_maps(&self, frames: &[RgbImage]) -> Result<PointMaps> {
        let PointFrames { shape: [count, channels, rows, cols], values } = point_frames(frames)?;
        let video = TensorData::new(values, [1, count, channels, rows, cols]);
        let Points { points, confidence } =
            self.head.points(&self.vggt, Tensor::from_data(video, &self.vggt.device()))?;
        let points: Vec<f32> = points.into_data().iter::<f32>().collect();
        let confidence: Vec<f32> = confidence.into_data().iter::<f32>().collect();
        PointMaps::new([count, rows, cols], points.as_chunks().0.to_vec(), confidence)
    }
}
