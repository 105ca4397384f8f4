//! Shares that add up to a whole, one column a layer, with the interval of each share on its upper edge.

use super::super::axis::{Axis, Plot};
use super::super::canvas::{Area, Canvas, Pen};
use super::super::page::Draw;
use super::super::table::Estimate;
use super::super::theme::{Color, INK, WHITE};

/// Columns of stacked shares.
pub struct Stacked {
    pub x: Axis,
    pub y: Axis,
    /// From the bottom up.
    pub groups: Vec<Group>,
}

/// One kind of share, at each x.
pub struct Group {
    pub color: Color,
    pub shares: Vec<(f64, Estimate)>,
}

impl Draw for Stacked {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let plot = Plot::within(area, &self.x, &self.y);
        plot.draw_guides(canvas);
        let unit = plot.across(1.0) - plot.across(0.0);
        // Narrow columns touch nearly; wide ones stay columns.
        let half = (unit * 0.42).min(unit / 2.0 - 0.5).clamp(0.5, 36.0);
        let mut columns: Vec<f64> = self.groups.iter().flat_map(|group| group.shares.iter().map(|(x, _)| *x)).collect();
        columns.sort_by(f64::total_cmp);
        columns.dedup();
        for x in columns {
            let middle = plot.across(x);
            let (left, right) = (middle - half, middle + half);
            let mut below = 0.0;
            let mut whiskers = Vec::new();
            for (position, group) in self.groups.iter().enumerate() {
                let Some((_, estimate)) = group.shares.iter().find(|(at, _)| *at == x) else { continue };
                let above = below + estimate.value;
                canvas.rect(Area { left, right, top: plot.up(above), bottom: plot.up(below) }, group.color);
                canvas.line(&[(left, plot.up(above)), (right, plot.up(above))], Pen::solid(WHITE, 0.5));
                if let Some((low, high)) = estimate.interval {
                    // Side by side, so that whiskers of neighbouring edges never cross.
                    let step = 2.0 * half / (self.groups.len() as f64 + 1.0);
                    whiskers.push((
                        left + step * (position as f64 + 1.0),
                        below + low,
                        (below + high).min(self.y.high),
                    ));
                }
                below = above;
            }
            for (at, low, high) in whiskers {
                let pen = Pen::solid(INK, if half > 6.0 { 1.0 } else { 0.5 });
                canvas.line(&[(at, plot.up(low)), (at, plot.up(high))], pen);
                if half > 6.0 {
                    for end in [low, high] {
                        canvas.line(&[(at - 2.0, plot.up(end)), (at + 2.0, plot.up(end))], pen);
                    }
                }
            }
        }
        plot.draw_axes(canvas);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::axis::Unit;
    use super::super::super::png::rasterize;
    use super::super::super::theme::{BLUE, ORANGE};
    use super::*;

    #[test]
    fn shares_stand_on_each_other_to_scale() {
        let share = |value| vec![(0.0, Estimate { value, interval: None })];
        let stacked = Stacked {
            x: Axis::counting("layer", 0, 0),
            y: Axis::linear("%", 0.0, 1.0, Unit::Percent),
            groups: vec![Group { color: BLUE, shares: share(0.25) }, Group { color: ORANGE, shares: share(0.75) }],
        };
        let room = Area::new(0.0, 0.0, 200.0, 240.0);
        let mut canvas = Canvas::new(200.0, 240.0);
        stacked.draw(&mut canvas, room);
        let page = rasterize(&canvas).unwrap();
        let plot = Plot::within(room, &stacked.x, &stacked.y);
        let pixel = |share: f64| page.get_pixel((2.0 * plot.across(0.0)) as u32, (2.0 * plot.up(share)) as u32).0;
        assert_eq!((pixel(0.2), pixel(0.3), pixel(0.95)), ([0x00, 0x72, 0xB2], [0xE6, 0x9F, 0x00], [0xE6, 0x9F, 0x00]));
    }
}
