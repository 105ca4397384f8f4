//! Points and directions in space, and turns. Nothing here calls a function of the system's mathematics library but the
//! square root, which is exact everywhere: every machine renders the same bytes.

use std::ops::{Add, Mul, Sub};

/// A point or a direction, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vec3 {
    pub x: f64,
    pub y: f64,
    pub z: f64,
}

impl Vec3 {
    pub const fn new(x: f64, y: f64, z: f64) -> Self {
        Self { x, y, z }
    }

    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub fn cross(self, other: Self) -> Self {
        Self {
            x: self.y * other.z - self.z * other.y,
            y: self.z * other.x - self.x * other.z,
            z: self.x * other.y - self.y * other.x,
        }
    }

    /// The direction of length 1. Not for the null vector.
    pub fn unit(self) -> Self {
        self * (1.0 / self.dot(self).sqrt())
    }
}

impl Add for Vec3 {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y, z: self.z + other.z }
    }
}

impl Sub for Vec3 {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { x: self.x - other.x, y: self.y - other.y, z: self.z - other.z }
    }
}

impl Mul<f64> for Vec3 {
    type Output = Self;

    fn mul(self, by: f64) -> Self {
        Self { x: self.x * by, y: self.y * by, z: self.z * by }
    }
}

/// The point of the unit circle at so many degrees from the first axis towards the second.
pub(super) fn on_circle(degrees: f64) -> [f64; 2] {
    let folded = degrees - 360.0 * (degrees / 360.0).round();
    // A series for the fourth part, doubled twice: eight terms are exact to the last places.
    let quarter = folded * (std::f64::consts::PI / 720.0);
    let square = quarter * quarter;
    let mut sine = 0.0;
    let mut cosine = 0.0;
    for n in (0..8).rev() {
        let even = f64::from(2 * n);
        cosine = 1.0 - square / ((even + 1.0) * (even + 2.0)) * cosine;
        sine = 1.0 - square / ((even + 2.0) * (even + 3.0)) * sine;
    }
    let (mut cosine, mut sine) = (cosine, sine * quarter);
    for _ in 0..2 {
        (cosine, sine) = (cosine * cosine - sine * sine, 2.0 * sine * cosine);
    }
    [cosine, sine]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circle_is_that_of_the_mathematics_library() {
        for degrees in (-720..=720).step_by(7).map(f64::from) {
            let [x, y] = on_circle(degrees);
            let (sine, cosine) = degrees.to_radians().sin_cos();
            assert!((x - cosine).abs() < 1e-13 && (y - sine).abs() < 1e-13, "{degrees}: {x} {y}");
        }
    }

    #[test]
    fn the_cross_product_is_right_handed() {
        let (x, y) = (Vec3::new(1.0, 0.0, 0.0), Vec3::new(0.0, 2.0, 0.0));
        assert_eq!(x.cross(y), Vec3::new(0.0, 0.0, 2.0));
        assert!(((x + y).unit().dot(y) - 4.0 / 5f64.sqrt()).abs() < 1e-12);
    }
}
