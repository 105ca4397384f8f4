//! Where in space every pixel of every frame lies.

use image::RgbImage;

use crate::error::{Error, Result};

/// A point and a confidence for each pixel of each frame, all in one frame of reference.
#[derive(Clone, Debug, PartialEq)]
pub struct PointMaps {
    /// Frames, rows, columns.
    shape: [usize; 3],
    points: Vec<[f32; 3]>,
    confidence: Vec<f32>,
}

/// Extrinsic (world to camera) and intrinsic (camera to pixels) of one frame.
pub type Lens = ([[f32; 4]; 3], [[f32; 3]; 3]);

/// What estimates points from frames alone: a spatial encoder with its point head.
pub trait PointMapper {
    /// Point maps of frames in the order of time, all of one size; their pixels need not be those of the frames.
    ///
    /// # Errors
    /// No frame, or frames that the encoder cannot take.
    fn point_maps(&self, frames: &[RgbImage]) -> Result<PointMaps>;
}

impl PointMaps {
    /// Points and confidences, each `[frames, rows, columns]`.
    ///
    /// # Errors
    /// No pixel; numbers of points and confidences other than the shape says; a point or a confidence that is not finite, a
    /// confidence below 0.
    pub fn new(shape: [usize; 3], points: Vec<[f32; 3]>, confidence: Vec<f32>) -> Result<Self> {
        let [frames, rows, columns] = shape;
        let pixels = frames * rows * columns;
        if pixels == 0 {
            return Err(Error::data(format!("point maps of {frames} frames of {columns} x {rows} pixels are empty")));
        }
        if points.len() != pixels || confidence.len() != pixels {
            let message = format!(
                "{} points and {} confidences for {frames} frames of {columns} x {rows} pixels, which are {pixels}",
                points.len(),
                confidence.len()
            );
            return Err(Error::data(message));
        }
        let place = |at: usize| {
            format!("frame {}, row {}, column {}", at / (rows * columns), at / columns % rows, at % columns)
        };
        if let Some(at) = confidence.iter().position(|value| !value.is_finite() || *value < 0.0) {
            return Err(Error::data(format!("the confidence at {} is {}", place(at), confidence[at]))
                .with_help("expected finite numbers from 0; VGGT's are above 1"));
        }
        if let Some(at) = points.iter().position(|point| point.iter().any(|value| !value.is_finite())) {
            return Err(Error::data(format!("the point at {} is {:?}, not finite", place(at), points[at]))
                .with_help("where nothing is known, give any finite point the confidence 0"));
        }
        Ok(Self { shape, points, confidence })
    }

    /// Points from depth along the optical axis and cameras: the way that the paper describes, where the released code reads
    /// a point head.
    ///
    /// `depth` and `confidence` are `[frames, rows, columns]`; an extrinsic maps a point of the world to the camera's x (right),
    /// y (down) and z (ahead), an intrinsic that to pixels, whose centres are at whole numbers.
    ///
    /// # Errors
    /// As [`Self::new`]; other numbers of cameras than of frames; a focal length of 0.
    pub fn unproject(shape: [usize; 3], depth: &[f32], confidence: Vec<f32>, cameras: &[Lens]) -> Result<Self> {
        let [frames, rows, columns] = shape;
        if cameras.len() != frames || depth.len() != frames * rows * columns {
            let message = format!(
                "{} cameras and {} depths for {frames} frames of {columns} x {rows} pixels",
                cameras.len(),
                depth.len()
            );
            return Err(Error::data(message));
        }
        if let Some(frame) = cameras.iter().position(|(_, intrinsic)| intrinsic[0][0] == 0.0 || intrinsic[1][1] == 0.0)
        {
            return Err(Error::data(format!("the camera of frame {frame} has a focal length of 0")));
        }
        let point = |(at, &depth): (usize, &f32)| {
            let (extrinsic, intrinsic) = &cameras[at / (rows * columns)];
            let (x, y) = ((at % columns) as f32, (at / columns % rows) as f32);
            let seen = [
                (x - intrinsic[0][2]) / intrinsic[0][0] * depth,
                (y - intrinsic[1][2]) / intrinsic[1][1] * depth,
                depth,
            ];
            // The inverse of a rotation is its transpose.
            let from: [f32; 3] = std::array::from_fn(|axis| seen[axis] - extrinsic[axis][3]);
            std::array::from_fn(|axis| (0..3).map(|row| extrinsic[row][axis] * from[row]).sum())
        };
        Self::new(shape, depth.iter().enumerate().map(point).collect(), confidence)
    }

    /// Those of some frames, in the order given.
    ///
    /// # Errors
    /// No frame, or one that there is not.
    pub fn only(&self, frames: &[usize]) -> Result<Self> {
        if let Some(frame) = frames.iter().find(|frame| **frame >= self.shape[0]) {
            return Err(Error::usage(format!("there is no frame {frame} among {}", self.shape[0])));
        }
        let pixels = self.shape[1] * self.shape[2];
        let of = |frame: &usize| frame * pixels..(frame + 1) * pixels;
        Self::new(
            [frames.len(), self.shape[1], self.shape[2]],
            frames.iter().flat_map(|frame| &self.points[of(frame)]).copied().collect(),
            frames.iter().flat_map(|frame| &self.confidence[of(frame)]).copied().collect(),
        )
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

    /// Each frame's points and confidences, `[rows, columns]`.
    pub fn by_frame(&self) -> impl Iterator<Item = (&[[f32; 3]], &[f32])> {
        let pixels = self.shape[1] * self.shape[2];
        self.points.chunks_exact(pixels).zip(self.confidence.chunks_exact(pixels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_right_is_refused_with_its_place() {
        let maps = |confidence: f32, x: f32| {
            let mut points = vec![[0.0; 3]; 12];
            points[7][1] = x;
            let mut all = vec![1.0; 12];
            all[11] = confidence;
            PointMaps::new([2, 2, 3], points, all)
        };
        assert!(maps(0.0, 1.0).is_ok());
        for wrong in [f32::NAN, -0.5, f32::INFINITY] {
            let error = maps(wrong, 1.0).unwrap_err().to_string();
            assert!(error.contains("confidence at frame 1, row 1, column 2"), "{error}");
        }
        let error = maps(1.0, f32::NAN).unwrap_err().to_string();
        assert!(error.contains("point at frame 1, row 0, column 1"), "{error}");
        assert!(PointMaps::new([0, 2, 2], vec![], vec![]).unwrap_err().to_string().contains("0 frames"));
        let error = PointMaps::new([1, 2, 2], vec![[0.0; 3]; 4], vec![1.0; 3]).unwrap_err().to_string();
        assert!(error.contains("4 points and 3 confidences"), "{error}");
    }

    #[test]
    fn depth_and_cameras_give_points() {
        // The second camera stands 1 to the right of the first and looks the other way about the vertical.
        let straight = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        let turned = [[-1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0]];
        let lens = [[2.0, 0.0, 0.5], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]];
        let depth = [4.0, 4.0, 4.0, 4.0];
        let maps = PointMaps::unproject([2, 1, 2], &depth, vec![1.0; 4], &[(straight, lens), (turned, lens)]).unwrap();
        assert_eq!(maps.points(), [[-1.0, 0.0, 4.0], [1.0, 0.0, 4.0], [2.0, 0.0, -4.0], [0.0, 0.0, -4.0]]);
        assert!(PointMaps::unproject([2, 1, 2], &depth, vec![1.0; 4], &[(straight, lens)]).is_err());
    }
}
