//! Where the camera is, frame by frame.

use super::vector::{Vec3, on_circle};

/// A pinhole camera with square pixels and no lens distortion, its optical axis through the middle of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    pub eye: Vec3,
    /// Unit vectors: to the right of the image, down in it, and along the optical axis (x, y and z of a camera by the custom
    /// of computer vision).
    pub right: Vec3,
    pub down: Vec3,
    pub forward: Vec3,
    /// Focal length as a share of the image's width.
    pub focal: f64,
}

/// Half the image's width is seen at this tangent: 67 degrees across.
const FOCAL: f64 = 0.75;

impl Camera {
    /// A camera that is held upright. It may not look straight up or down.
    pub fn looking(eye: Vec3, along: Vec3) -> Self {
        let forward = along.unit();
        let right = forward.cross(Vec3::new(0.0, 0.0, 1.0)).unit();
        Self { eye, right, down: forward.cross(right), forward, focal: FOCAL }
    }

    /// Where a ray through a point of the image goes, scaled to one metre of depth; (0, 0) is the image's upper left corner.
    pub fn ray(&self, [x, y]: [f64; 2], canvas: u32) -> Vec3 {
        let side = f64::from(canvas);
        let scale = 1.0 / (side * self.focal);
        self.forward + self.right * ((x - side / 2.0) * scale) + self.down * ((y - side / 2.0) * scale)
    }

    /// A point of the room as this camera has it: metres to the right, down, and ahead.
    pub fn seen(&self, point: Vec3) -> Vec3 {
        let from = point - self.eye;
        Vec3::new(self.right.dot(from), self.down.dot(from), self.forward.dot(from))
    }
}

/// How the camera moves. Angles are in degrees, counter-clockwise as seen from above, 0 to the east (x).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Path {
    /// On a circle round the middle of the room, looking at it: everything is mostly in view, from changing sides.
    Orbit { start: f64, turn: f64, radius: f64, height: f64 },
    /// On one spot, turning: things come into view one after the other, and are never in view together.
    Turn { at: [f64; 2], start: f64, turn: f64, height: f64 },
}

impl Path {
    /// Evenly spaced along the whole path, its two ends included; one frame is its beginning.
    pub fn cameras(&self, frames: usize) -> Vec<Camera> {
        let gone = |frame: usize| frame as f64 / frames.saturating_sub(1).max(1) as f64;
        (0..frames).map(|frame| self.camera(gone(frame))).collect()
    }

    /// After this share of the way.
    fn camera(&self, gone: f64) -> Camera {
        match *self {
            Self::Orbit { start, turn, radius, height } => {
                let [x, y] = on_circle(start + turn * gone);
                let eye = Vec3::new(x * radius, y * radius, height);
                Camera::looking(eye, Vec3::new(0.0, 0.0, 0.35) - eye)
            }
            Self::Turn { at: [x, y], start, turn, height } => {
                let [ahead, aside] = on_circle(start + turn * gone);
                Camera::looking(Vec3::new(x, y, height), Vec3::new(ahead, aside, -0.35))
            }
        }
    }

    /// East and west exchanged.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Orbit { start, turn, radius, height } => {
                Self::Orbit { start: 180.0 - start, turn: -turn, radius, height }
            }
            Self::Turn { at: [x, y], start, turn, height } => {
                Self::Turn { at: [-x, y], start: 180.0 - start, turn: -turn, height }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_is_right_and_down_is_down() {
        let camera = Camera::looking(Vec3::new(0.0, 0.0, 1.0), Vec3::new(0.0, 2.0, 0.0));
        assert_eq!(camera.seen(Vec3::new(3.0, 5.0, 0.0)), Vec3::new(3.0, 1.0, 5.0));
        assert_eq!(camera.ray([0.0, 42.0], 84), Vec3::new(-0.5 / FOCAL, 1.0, 0.0));
    }

    #[test]
    fn an_orbit_always_looks_at_the_middle() {
        let orbit = Path::Orbit { start: 10.0, turn: -120.0, radius: 3.0, height: 1.6 };
        for camera in orbit.cameras(8) {
            let middle = camera.seen(Vec3::new(0.0, 0.0, 0.35));
            assert!(middle.x.abs() < 1e-12 && middle.y.abs() < 1e-12 && middle.z > 3.0);
        }
        assert_eq!(orbit.cameras(1).len(), 1);
    }
}
