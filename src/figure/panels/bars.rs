//! Bars side by side in named groups, each with its interval, and behind it the range that its null draws gave.

use super::super::axis::{Axis, Plot};
use super::super::canvas::{Area, Canvas, Pen};
use super::super::page::Draw;
use super::super::table::Estimate;
use super::super::theme::{Color, INK, NULL};

/// Groups of bars.
pub struct Bars {
    /// One whole number a group; see [`Axis::names`].
    pub x: Axis,
    pub y: Axis,
    /// How many bars a group has room for.
    pub lanes: usize,
    pub bars: Vec<Bar>,
    /// Lines across the whole plot.
    pub references: Vec<(f64, Pen)>,
}

pub struct Bar {
    pub group: usize,
    pub lane: usize,
    pub color: Color,
    pub estimate: Estimate,
    pub null: Option<(f64, f64)>,
}

impl Draw for Bars {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let plot = Plot::within(area, &self.x, &self.y);
        plot.draw_guides(canvas);
        let unit = plot.across(1.0) - plot.across(0.0);
        let lanes = self.lanes.max(1) as f64;
        let width = (0.8 * unit / lanes).min(46.0);
        let clamp = |value: f64| plot.up(value.clamp(self.y.low, self.y.high));
        let floor = clamp(0.0);
        for bar in &self.bars {
            let left = plot.across(bar.group as f64) + (bar.lane as f64 - lanes / 2.0) * width;
            let (left, right) = (left + 0.06 * width, left + 0.94 * width);
            let end = clamp(bar.estimate.value);
            canvas.rect(Area { left, right, top: end.min(floor), bottom: end.max(floor) }, bar.color);
            if let Some((low, high)) = bar.null {
                let (top, bottom) = (clamp(high), clamp(low));
                let range = Area { left: left - 1.0, right: right + 1.0, top, bottom: bottom.max(top + 1.0) };
                canvas.rect(range, NULL.opacity(0.45));
                canvas.frame(range, Pen::solid(NULL, 1.0));
            }
            if let Some((low, high)) = bar.estimate.interval {
                let (middle, cap) = ((left + right) / 2.0, (0.18 * width).min(4.0));
                let pen = Pen::solid(INK, 1.25);
                canvas.line(&[(middle, clamp(low)), (middle, clamp(high))], pen);
                for at in [low, high] {
                    canvas.line(&[(middle - cap, clamp(at)), (middle + cap, clamp(at))], pen);
                }
            }
        }
        if self.y.low < 0.0 {
            canvas.line(&[(plot.area.left, floor), (plot.area.right, floor)], Pen::solid(INK, 0.75));
        }
        for (y, pen) in &self.references {
            let height = clamp(*y);
            canvas.line(&[(plot.area.left, height), (plot.area.right, height)], *pen);
        }
        plot.draw_axes(canvas);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::axis::Unit;
    use super::super::super::canvas::Mark;
    use super::super::super::theme::{BLUE, ORANGE};
    use super::*;

    #[test]
    fn bars_stand_on_zero_beside_each_other() {
        let bar = |lane, value, color| Bar {
            group: 0,
            lane,
            color,
            estimate: Estimate { value, interval: Some((value - 0.1, value + 0.1)) },
            null: None,
        };
        let bars = Bars {
            x: Axis::names("", ["a"]),
            y: Axis::linear("", -1.0, 1.0, Unit::Plain),
            lanes: 2,
            bars: vec![bar(0, 0.5, BLUE), bar(1, -0.5, ORANGE)],
            references: Vec::new(),
        };
        let mut canvas = Canvas::new(300.0, 240.0);
        bars.draw(&mut canvas, Area::new(0.0, 0.0, 300.0, 240.0));
        let extent = |wanted: Color| {
            let outline = canvas.marks.iter().find_map(|mark| match mark {
                Mark::Fill { outline, color } if *color == wanted => Some(outline.clone()),
                _ => None,
            });
            let outline = outline.unwrap();
            let of = |pick: fn(&(f64, f64)) -> f64| {
                let values = outline.iter().map(pick);
                (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
            };
            (of(|point| point.0), of(|point| point.1))
        };
        let ((_, up_right), (_, up_bottom)) = extent(BLUE);
        let ((down_left, _), (down_top, _)) = extent(ORANGE);
        assert!(up_right < down_left && (up_bottom - down_top).abs() < 1e-9);
    }
}
