//! Drawing shapes with smooth edges. Everything is whole numbers, so that every machine draws the same bytes.
//!
//! All our shapes are symmetric about their vertical middle line. At each depth below the top, a shape is therefore the
//! set of points whose distance from the middle line lies between an inner and an outer half-width; and a mirrored
//! scene is the mirrored image, to the byte.

use image::RgbImage;

use super::identity::{Identity, Shape};

/// Lines sampled per pixel row; along a line the coverage of each pixel is exact.
const LINES: i64 = 8;
/// Fixed point along a line: units per pixel.
const UNIT: i64 = 256;
/// Coverage of a pixel that lies wholly inside.
const FULL: i64 = LINES * UNIT;

/// Corners as (depth, half-width), both in thousandths of the size, from top to bottom. A step is two corners at the
/// same depth.
type Outline = &'static [(i64, i64)];

const SQUARE: Outline = &[(0, 500), (1000, 500)];
const TRIANGLE: Outline = &[(0, 0), (1000, 500)];
const DIAMOND: Outline = &[(0, 0), (500, 500), (1000, 0)];
const CROSS: Outline = &[(0, 180), (320, 180), (320, 500), (680, 500), (680, 180), (1000, 180)];
/// Five points, the notches at 0.42 of the radius, stretched a little to fill its square.
const STAR: Outline = &[(0, 0), (365, 130), (382, 500), (625, 210), (1000, 309)];
/// What is cut out between the star's legs.
const STAR_CUT: Outline = &[(0, 0), (785, 0), (1000, 309)];

/// Draws `identity` filling the square of `size` pixels whose top left corner is at (`left`, `top`). `size` is even.
/// What would lie outside the image is left out.
pub(super) fn draw(image: &mut RgbImage, identity: Identity, left: i32, top: i32, size: i32) {
    let width = image.width() as usize;
    let middle = (i64::from(left) + i64::from(size) / 2) * UNIT;
    let mut coverage = vec![0; width];
    for row in 0..size {
        let Some(y) = u32::try_from(top + row).ok().filter(|y| *y < image.height()) else { continue };
        coverage.fill(0);
        for line in 0..LINES {
            // Twice the depth, in lines, so that the middle of a line is a whole number.
            let depth = 2 * (i64::from(row) * LINES + line) + 1;
            let (inner, outer) = half_widths(identity.shape, depth, i64::from(size));
            cover(&mut coverage, middle + inner, middle + outer);
            cover(&mut coverage, middle - outer, middle - inner);
        }
        for (x, &share) in coverage.iter().enumerate().filter(|(_, share)| **share > 0) {
            let pixel = image.get_pixel_mut(x as u32, y);
            for (channel, ink) in pixel.0.iter_mut().zip(identity.colour.rgb()) {
                let mixed = i64::from(*channel) * (FULL - share) + i64::from(ink) * share;
                *channel = ((mixed + FULL / 2) / FULL) as u8;
            }
        }
    }
}

/// Inner and outer half-width, in units, at a depth given in half lines.
fn half_widths(shape: Shape, depth: i64, size: i64) -> (i64, i64) {
    match shape {
        Shape::Circle => {
            let radius = size * UNIT / 2;
            let above = depth * UNIT / (2 * LINES) - radius;
            (0, (radius * radius - above * above).max(0).isqrt())
        }
        Shape::Square => (0, along(SQUARE, depth, size)),
        Shape::Triangle => (0, along(TRIANGLE, depth, size)),
        Shape::Diamond => (0, along(DIAMOND, depth, size)),
        Shape::Cross => (0, along(CROSS, depth, size)),
        Shape::Star => (along(STAR_CUT, depth, size), along(STAR, depth, size)),
    }
}

/// The outline's half-width, in units, at a depth given in half lines.
fn along(outline: Outline, depth: i64, size: i64) -> i64 {
    let bottom = 2 * LINES * size;
    let side = outline.windows(2).find(|side| side[0].0 * bottom <= depth * 1000 && depth * 1000 < side[1].0 * bottom);
    let Some(&[(depth0, half0), (depth1, half1)]) = side else { return 0 };
    let run = (depth1 - depth0) * bottom;
    let gone = depth * 1000 - depth0 * bottom;
    (half0 * run + (half1 - half0) * gone) * size * UNIT / (1000 * run)
}

/// Adds a line's stretch from `start` to `end` (in units) to the pixels it covers.
fn cover(coverage: &mut [i64], start: i64, end: i64) {
    let start = start.max(0);
    let end = end.min(coverage.len() as i64 * UNIT);
    if start >= end {
        return;
    }
    for pixel in start / UNIT..=(end - 1) / UNIT {
        coverage[pixel as usize] += end.min((pixel + 1) * UNIT) - start.max(pixel * UNIT);
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::super::identity::Colour;
    use super::*;

    /// Blackness of each pixel, 0 to 1, of a black shape of 40 pixels on white with a margin of 2.
    fn drawn(shape: Shape) -> Vec<Vec<f64>> {
        let mut image = RgbImage::from_pixel(44, 44, Rgb([255; 3]));
        draw(&mut image, Identity { shape, colour: Colour::Black }, 2, 2, 40);
        let black = |x, y| f64::from(255 - image.get_pixel(x, y).0[0]) / 240.0;
        (0..44).map(|y| (0..44).map(|x| black(x, y)).collect()).collect()
    }

    #[test]
    fn areas_are_those_of_the_figures() {
        let area = |shape| drawn(shape).iter().flatten().sum::<f64>() / 1600.0;
        let arm = 0.36;
        for (shape, expected) in [
            (Shape::Square, 1.0),
            (Shape::Circle, std::f64::consts::FRAC_PI_4),
            (Shape::Triangle, 0.5),
            (Shape::Diamond, 0.5),
            (Shape::Cross, 2.0 * arm - arm * arm),
        ] {
            assert!((area(shape) - expected).abs() < 0.002, "{shape:?}: {} for {expected}", area(shape));
        }
        assert!((0.3..0.4).contains(&area(Shape::Star)));
    }

    #[test]
    fn shapes_are_their_own_mirror_image_and_stay_in_their_square() {
        for shape in Shape::ALL {
            for (y, row) in drawn(shape).into_iter().enumerate() {
                let mirrored: Vec<_> = row.iter().rev().copied().collect();
                assert_eq!(row, mirrored, "{shape:?}");
                let margin = row[..2].iter().sum::<f64>() + if (2..42).contains(&y) { 0.0 } else { row.iter().sum() };
                assert_eq!(margin, 0.0, "{shape:?}");
            }
        }
    }

    #[test]
    fn edges_are_smooth() {
        let partly = drawn(Shape::Triangle).iter().flatten().filter(|share| (0.1..0.9).contains(*share)).count();
        assert!(partly > 40, "{partly}");
        assert_eq!(drawn(Shape::Square).iter().flatten().filter(|share| (0.1..0.9).contains(*share)).count(), 0);
    }

    #[test]
    fn what_is_outside_the_image_is_left_out() {
        let mut image = RgbImage::from_pixel(10, 10, Rgb([255; 3]));
        draw(&mut image, Identity { shape: Shape::Square, colour: Colour::Black }, -4, -4, 8);
        assert_eq!(image.get_pixel(3, 3).0, Colour::Black.rgb());
        assert_eq!(image.get_pixel(4, 4).0, [255; 3]);
    }
}
