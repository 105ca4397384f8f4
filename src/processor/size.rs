//! What images are resized to, in the reference's arithmetic.

use std::ops::RangeInclusive;

use crate::error::{Error, Result};

/// What to resize an image to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// The shorter side, in pixels; the other keeps the aspect ratio.
    ShortestEdge(u32),
    /// Both sides, whatever the aspect ratio.
    Exact { width: u32, height: u32 },
    /// Sides that are multiples of `side`, nearest to the image's own, with `least` to `most` pixels altogether.
    Area { side: u32, least: u64, most: u64 },
}

impl Size {
    /// Width and height that an image of so many pixels is resized to.
    ///
    /// # Errors
    /// An image too narrow for it.
    pub fn of(self, width: u32, height: u32) -> Result<(u32, u32)> {
        match self {
            Self::Exact { width, height } => Ok((width, height)),
            Self::Area { side, least, most } => in_area((width, height), side, least..=most),
            Self::ShortestEdge(short) => {
                let (side, long) = (width.min(height), width.max(height));
                // Truncated, as Python's int(short * long / side) is.
                let longer = (u64::from(short) * u64::from(long)) as f64 / f64::from(side);
                if longer >= f64::from(u32::MAX) {
                    return Err(Error::data(format!(
                        "an image of {width} x {height} pixels is too narrow to be resized to a shorter side of {short}"
                    )));
                }
                Ok(if width <= height { (short, longer as u32) } else { (longer as u32, short) })
            }
        }
    }
}

/// The sides of [`Size::Area`], in the reference's arithmetic: halves round to even, too large rounds down, too small up.
fn in_area((width, height): (u32, u32), side: u32, pixels: RangeInclusive<u64>) -> Result<(u32, u32)> {
    const MOST_ASPECT: u32 = 200;
    let (short, long) = (width.min(height), width.max(height));
    if f64::from(long) / f64::from(short) > f64::from(MOST_ASPECT) {
        return Err(Error::data(format!(
            "an image of {width} x {height} pixels is too narrow: the model takes sides of at most {MOST_ASPECT} to 1"
        )));
    }
    let unit = f64::from(side);
    let (w, h) = (f64::from(width), f64::from(height));
    let nearest = |length: f64| (length / unit).round_ties_even() * unit;
    let (wide, high) = (nearest(w), nearest(h));
    let (wide, high) = if wide * high > *pixels.end() as f64 {
        let beta = (h * w / *pixels.end() as f64).sqrt();
        let down = |length: f64| ((length / beta / unit).floor() * unit).max(unit);
        (down(w), down(h))
    } else if wide * high < *pixels.start() as f64 {
        let beta = (*pixels.start() as f64 / (h * w)).sqrt();
        let up = |length: f64| (length * beta / unit).ceil() * unit;
        (up(w), up(h))
    } else {
        (wide, high)
    };
    Ok((wide.max(unit) as u32, high.max(unit) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_resized_and_the_longer_truncated() {
        let to = |edge| move |width, height| Size::ShortestEdge(edge).of(width, height);
        assert_eq!(to(336)(1280, 960).unwrap(), (448, 336));
        assert_eq!(to(28)(61, 43).unwrap(), (39, 28)); // 39.72
        assert_eq!(to(28)(43, 61).unwrap(), (28, 39));
        assert_eq!(to(28)(7, 7).unwrap(), (28, 28));
        assert!(to(336)(1, 100_000_000).unwrap_err().to_string().contains("too narrow"));
    }

    /// What transformers' `smart_resize` gives, at the defaults of Qwen2-VL and at narrow limits.
    #[test]
    fn sides_become_multiples_within_an_area() {
        let to = |size, least, most| in_area(size, 28, least..=most);
        for (size, expected) in [
            ((131, 197), (140, 196)),
            ((640, 480), (644, 476)),
            ((42, 70), (56, 56)),   // 1.5 and 2.5 cells both round to the even 2
            ((14, 500), (28, 336)), // too few pixels at half a cell, which rounds to none
            ((1, 1), (56, 56)),
            ((1, 200), (28, 812)),
            ((5000, 4000), (4004, 3192)),
        ] {
            assert_eq!(to(size, 3136, 12_845_056).unwrap(), expected, "{size:?}");
        }
        assert_eq!(to((131, 197), 3136, 9408).unwrap(), (56, 112));
        assert_eq!(to((300, 2), 3136, 9408).unwrap(), (700, 28));
        assert!(to((1, 201), 3136, 9408).unwrap_err().to_string().contains("200 to 1"));
    }
}
