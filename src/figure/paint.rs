//! Marks to shapes of a plotters backend: what PNG and SVG have in common.

use plotters::prelude::{DrawingBackend, RGBAColor, ShapeStyle};

use super::canvas::{Mark, Point};
use super::theme::Color;
use crate::error::{Error, Result};

/// plotters counts in whole pixels; a quarter of a point is finer than the eye.
pub(super) const UNITS_PER_POINT: f64 = 4.0;

/// A length in backend units.
pub(super) fn units(points: f64) -> i32 {
    (points * UNITS_PER_POINT).round() as i32
}

/// Size of a page in backend units, whole points each way.
pub(super) fn extent(width: f64, height: f64) -> (u32, u32) {
    (units(width.ceil()).max(2) as u32, units(height.ceil()).max(2) as u32)
}

/// Draws a shape; texts and pictures are each format's own business.
pub(super) fn shape<B: DrawingBackend>(backend: &mut B, mark: &Mark) -> Result<()> {
    let corners = |path: &[Point]| path.iter().map(|&(x, y)| (units(x), units(y))).collect::<Vec<_>>();
    match mark {
        Mark::Fill { outline, color } => backend.fill_polygon(corners(outline), &style(*color, 1)),
        Mark::Stroke { path, color, width } => {
            let mut path = corners(path);
            path.dedup();
            if path.len() < 2 {
                return Ok(());
            }
            backend.draw_path(path, &style(*color, units(*width).max(1) as u32))
        }
        Mark::Disc { center, radius, color } => {
            let center = (units(center.0), units(center.1));
            backend.draw_circle(center, units(*radius).max(1) as u32, &style(*color, 1), true)
        }
        Mark::Text(_) | Mark::Image { .. } => Ok(()),
    }
    .map_err(|problem| Error::data(format!("cannot draw a figure: {problem}")))
}

fn style(color: Color, stroke_width: u32) -> ShapeStyle {
    let color = RGBAColor(color.red, color.green, color.blue, color.alpha);
    ShapeStyle { color, filled: true, stroke_width }
}
