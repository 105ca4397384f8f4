//! Where in space every pixel of every frame lies, as a spatial encoder estimates it.

use crate::error::{Error, Result};

/// A point and a confidence for each pixel of each frame.
#[derive(Clone, Debug, PartialEq)]
pub struct PointMaps {
    /// Frames, rows, columns.
    shape: [usize; 3],
    /// `[frames, rows, columns]`, each x, y, z in one frame of reference.
    points: Vec<[f32; 3]>,
    /// `[frames, rows, columns]`.
    confidence: Vec<f32>,
}

impl PointMaps {
    /// # Errors
    /// No pixel, or numbers of points and confidences other than the shape says.
    pub fn new(shape: [usize; 3], points: Vec<[f32; 3]>, confidence: Vec<f32>) -> Result<Self> {
        let pixels = shape.iter().product::<usize>();
        if pixels == 0 {
            return Err(Error::data(format!(
                "point maps of {} frames of {} x {} pixels are empty",
                shape[0], shape[2], shape[1]
            )));
        }
        if points.len() != pixels || confidence.len() != pixels {
            let message = format!("{} points and {} confidences for {pixels} pixels", points.len(), confidence.len());
            return Err(Error::data(message));
        }
        Ok(Self { shape, points, confidence })
    }

    /// Frames, rows, columns.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// `[frames, rows, columns]`.
    pub fn points(&self) -> &[[f32; 3]] {
        &self.points
    }

    /// `[frames, rows, columns]`.
    pub fn confidence(&self) -> &[f32] {
        &self.confidence
    }
}
