//! A page as PNG: drawn at four pixels a point, then averaged down to two, so that every edge is smooth.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use plotters::prelude::{BitMapBackend, DrawingBackend};

use super::canvas::{Area, Canvas, Direction, Mark, Text};
use super::font;
use super::paint::{self, UNITS_PER_POINT, units};
use crate::error::{Error, Result};

/// Pixels of the file for one point of the page.
pub const PIXELS_PER_POINT: f64 = 2.0;

/// The pixels of a page, [`PIXELS_PER_POINT`] to the point.
pub fn rasterize(canvas: &Canvas) -> Result<RgbImage> {
    let size = paint::extent(canvas.width, canvas.height);
    let mut page = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    for marks in canvas.marks.chunk_by(|a, b| is_shape(a) && is_shape(b)) {
        match marks {
            [Mark::Text(text)] => set(&mut page, text),
            [Mark::Image { area, pixels }] => place(&mut page, area, pixels),
            shapes => {
                let mut backend = BitMapBackend::with_buffer(&mut page, size);
                shapes.iter().try_for_each(|mark| paint::shape(&mut backend, mark))?;
                backend.present().map_err(|problem| Error::data(format!("cannot draw a figure: {problem}")))?;
            }
        }
    }
    Ok(halve(&page))
}

/// A page as the bytes of a PNG file.
pub fn encode(canvas: &Canvas) -> Result<Vec<u8>> {
    file(&rasterize(canvas)?)
}

/// Pixels as the bytes of a PNG file.
pub(super) fn file(pixels: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
        .map_err(|problem| Error::data(format!("cannot encode a picture as PNG: {problem}")))?;
    Ok(bytes)
}

fn is_shape(mark: &Mark) -> bool {
    !matches!(mark, Mark::Text(_) | Mark::Image { .. })
}

fn place(page: &mut RgbImage, area: &Area, pixels: &RgbImage) {
    let (left, top) = (units(area.left), units(area.top));
    let (width, height) = (units(area.right) - left, units(area.bottom) - top);
    // Which pixel of the picture is under one of the page: the nearest, no smoothing.
    let source = |at: i32, length: i32, pixels: u32| (i64::from(at) * i64::from(pixels) / i64::from(length)) as u32;
    for row in 0..height {
        for column in 0..width {
            let from =
                pixels.get_pixel_checked(source(column, width, pixels.width()), source(row, height, pixels.height()));
            let to = u32::try_from(left + column).ok().zip(u32::try_from(top + row).ok());
            if let (Some(from), Some(to)) = (from, to.and_then(|(x, y)| page.get_pixel_mut_checked(x, y))) {
                *to = *from;
            }
        }
    }
}

fn set(page: &mut RgbImage, text: &Text) {
    let (x, y) = (text.at.0 * UNITS_PER_POINT, text.at.1 * UNITS_PER_POINT);
    let lead = text.lead() * UNITS_PER_POINT;
    let ink = [text.color.red, text.color.green, text.color.blue];
    let start = if text.direction == Direction::Across { x - lead } else { -y - lead };
    let (whole, part) = (start.floor() as i32, start - start.floor());
    font::rasterize(&text.content, text.size * UNITS_PER_POINT, text.weight, part, |along, down, coverage| {
        let (column, row) = match text.direction {
            Direction::Across => (whole + along, y.round() as i32 + down),
            Direction::Upwards => (x.round() as i32 + down, -(whole + along)),
        };
        let inside = u32::try_from(column).ok().zip(u32::try_from(row).ok());
        if let Some(pixel) = inside.and_then(|(column, row)| page.get_pixel_mut_checked(column, row)) {
            let share = f64::from(coverage) * text.color.alpha;
            for (under, ink) in pixel.0.iter_mut().zip(ink) {
                *under = (f64::from(*under) + (f64::from(ink) - f64::from(*under)) * share).round() as u8;
            }
        }
    });
}

/// Every pixel the mean of a 2 by 2 square.
fn halve(page: &RgbImage) -> RgbImage {
    let (width, height) = (page.width() / 2, page.height() / 2);
    let stride = page.width() as usize * 3;
    let mut bytes = Vec::with_capacity(width as usize * height as usize * 3);
    for rows in page.as_raw().chunks_exact(2 * stride) {
        let (upper, lower) = rows.split_at(stride);
        for (upper, lower) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for band in 0..3 {
                let sum =
                    [upper[band], upper[band + 3], lower[band], lower[band + 3]].map(u16::from).iter().sum::<u16>();
                bytes.push(((sum + 2) / 4) as u8);
            }
        }
    }
    RgbImage::from_raw(width, height, bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::canvas::Align;
    use super::super::theme::{BLUE, INK, LABEL};
    use super::*;

    #[test]
    fn a_page_has_two_pixels_a_point_and_shapes_where_they_belong() {
        let mut canvas = Canvas::new(40.0, 20.0);
        canvas.rect(Area::new(10.0, 5.0, 10.0, 10.0), BLUE);
        let page = rasterize(&canvas).unwrap();
        assert_eq!(page.dimensions(), (80, 40));
        assert_eq!(page.get_pixel(30, 20).0, [0x00, 0x72, 0xB2]);
        assert_eq!(page.get_pixel(15, 20).0, [255; 3]);
        assert_eq!(page.get_pixel(45, 20).0, [255; 3]);
    }

    #[test]
    fn text_is_drawn_inside_its_extent_in_both_directions() {
        let across = Text::new("layer", (30.0, 30.0), LABEL, INK).align(Align::Middle);
        for text in [across.clone(), across.upwards()] {
            let mut canvas = Canvas::new(60.0, 60.0);
            canvas.text(text.clone());
            let page = rasterize(&canvas).unwrap();
            let room = text.extent();
            let mut dark = 0;
            for (x, y, _) in page.enumerate_pixels().filter(|(_, _, pixel)| pixel.0[0] < 128) {
                let (x, y) = (f64::from(x) / PIXELS_PER_POINT, f64::from(y) / PIXELS_PER_POINT);
                assert!(x > room.left - 1.0 && x < room.right + 1.0, "{x} outside {room:?}");
                assert!(y > room.top - 1.5 && y < room.bottom + 1.5, "{y} outside {room:?}");
                dark += 1;
            }
            assert!(dark > 100, "{dark}");
        }
    }

    #[test]
    fn a_picture_is_stretched_without_smoothing() {
        let mut canvas = Canvas::new(8.0, 4.0);
        canvas.image(Area::new(0.0, 0.0, 8.0, 4.0), RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8 * 200; 3])));
        let page = rasterize(&canvas).unwrap();
        assert_eq!((page.get_pixel(7, 3).0, page.get_pixel(8, 3).0), ([0; 3], [200; 3]));
    }
}
