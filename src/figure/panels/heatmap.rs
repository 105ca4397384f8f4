//! A grid of coloured cells, such as layers across and heads upwards, with its colour bar.

use image::{Rgb, RgbImage};

use super::super::axis::{Axis, Plot};
use super::super::canvas::{Align, Area, Canvas, Pen, Text};
use super::super::page::Draw;
use super::super::theme::{AXIS, Color, ColorMap, INK, LABEL, SOFT_INK, TICK, WHITE};

/// Room for the colour bar with its numbers.
pub(super) const BAR_ROOM: f64 = 78.0;
const BAR_WIDTH: f64 = 11.0;
pub(super) const UNDEFINED: Color = Color::hex(0xD9_D9_D9);

/// Cells over whole numbers of x and y.
pub struct Heatmap {
    /// Both axes count; see [`Axis::counting`].
    pub x: Axis,
    pub y: Axis,
    /// The colour bar's axis.
    pub scale: Axis,
    pub colors: ColorMap,
    pub cells: Vec<Cell>,
    /// What is written on cells, at their x and y.
    pub labels: Vec<(f64, f64, String)>,
    /// Cells with a border.
    pub frames: Vec<(f64, f64, Pen)>,
}

#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub x: f64,
    pub y: f64,
    /// None is drawn grey.
    pub value: Option<f64>,
    /// Gets a dot.
    pub marked: bool,
}

impl Draw for Heatmap {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let plot = Plot::within(Area { right: area.right - BAR_ROOM, ..area }, &self.x, &self.y);
        canvas.image(plot.area, self.picture());
        let step = (plot.across(1.0) - plot.across(0.0)).abs();
        let rise = (plot.up(1.0) - plot.up(0.0)).abs();
        if step.min(rise) > 9.0 {
            self.separate(canvas, &plot);
        }
        for cell in self.cells.iter().filter(|cell| cell.marked) {
            let on = cell.value.map_or(UNDEFINED, |value| self.color(value));
            let ink = if on.luma() > 0.5 { INK } else { WHITE };
            canvas.disc(plot.at(cell.x, cell.y), (step.min(rise) * 0.16).clamp(0.75, 3.0), ink);
        }
        self.annotate(canvas, &plot);
        plot.draw_axes(canvas);
        color_bar(canvas, beside(plot.area), &self.scale, self.colors);
    }
}

impl Heatmap {
    fn annotate(&self, canvas: &mut Canvas, plot: &Plot) {
        for (x, y, content) in &self.labels {
            let on = self.cells.iter().find(|cell| cell.x == *x && cell.y == *y).and_then(|cell| cell.value);
            let ink = if on.map_or(UNDEFINED, |value| self.color(value)).luma() > 0.5 { INK } else { WHITE };
            let (x, y) = plot.at(*x, *y);
            canvas.text(Text::new(content, (x, y + 0.36 * LABEL), LABEL, ink).align(Align::Middle));
        }
        for (x, y, pen) in &self.frames {
            let ((left, bottom), (right, top)) = (plot.at(x - 0.5, y - 0.5), plot.at(x + 0.5, y + 0.5));
            let inner = Area { left: left + 3.5, right: right - 3.5, top: top + 3.5, bottom: bottom - 3.5 };
            canvas.frame(inner, Pen::solid(WHITE, pen.width + 2.0));
            canvas.frame(inner, *pen);
        }
    }

    fn color(&self, value: f64) -> Color {
        self.colors.at(self.scale.place(value, 0.0, 1.0))
    }

    /// One pixel a cell; the first row of y is at the bottom.
    fn picture(&self) -> RgbImage {
        let (columns, rows) = (span(&self.x), span(&self.y));
        let blank = UNDEFINED;
        let mut picture = RgbImage::from_pixel(columns, rows, Rgb([blank.red, blank.green, blank.blue]));
        for cell in &self.cells {
            let (column, row) = ((cell.x - self.x.low) as u32, (cell.y - self.y.low) as u32);
            let color = cell.value.map_or(UNDEFINED, |value| self.color(value));
            if column < columns && row < rows {
                picture.put_pixel(column, rows - 1 - row, Rgb([color.red, color.green, color.blue]));
            }
        }
        picture
    }

    fn separate(&self, canvas: &mut Canvas, plot: &Plot) {
        let Area { left, top, right, bottom } = plot.area;
        let pen = Pen::solid(WHITE, 1.0);
        for column in 1..span(&self.x) {
            let x = plot.across(self.x.low + f64::from(column));
            canvas.line(&[(x, top), (x, bottom)], pen);
        }
        for row in 1..span(&self.y) {
            let y = plot.up(self.y.low + f64::from(row));
            canvas.line(&[(left, y), (right, y)], pen);
        }
    }
}

/// How many whole numbers a counting axis spans.
fn span(axis: &Axis) -> u32 {
    (axis.high - axis.low).round().max(1.0) as u32
}

/// Where the colour bar of a plot stands.
pub(super) fn beside(plot: Area) -> Area {
    Area { left: plot.right + 16.0, right: plot.right + 16.0 + BAR_WIDTH, ..plot }
}

/// An upright bar of colours with its numbers to the right and its label beside them.
pub(super) fn color_bar(canvas: &mut Canvas, bar: Area, scale: &Axis, colors: ColorMap) {
    let steps = RgbImage::from_fn(1, 128, |_, row| {
        let color = colors.at(1.0 - (f64::from(row) + 0.5) / 128.0);
        Rgb([color.red, color.green, color.blue])
    });
    canvas.image(bar, steps);
    canvas.frame(bar, Pen::solid(AXIS, 0.75));
    for tick in &scale.ticks {
        let y = scale.place(tick.at, bar.bottom, bar.top);
        canvas.line(&[(bar.right, y), (bar.right + 3.0, y)], Pen::solid(AXIS, 1.0));
        canvas.text(Text::new(&tick.label, (bar.right + 6.0, y + 0.36 * TICK), TICK, SOFT_INK));
    }
    let label = Text::new(&scale.label, (bar.right + 50.0, bar.center().1), LABEL, INK);
    canvas.text(label.upwards().align(Align::Middle));
}

#[cfg(test)]
mod tests {
    use super::super::super::theme::VIRIDIS;
    use super::*;

    #[test]
    fn the_first_head_is_at_the_bottom_and_gaps_are_grey() {
        let cell = |x: f64, y: f64, value| Cell { x, y, value, marked: false };
        let map = Heatmap {
            x: Axis::counting("layer", 0, 1),
            y: Axis::counting("head", 0, 1),
            scale: Axis::linear("", 0.0, 1.0, super::super::super::axis::Unit::Plain),
            colors: VIRIDIS,
            cells: vec![cell(0.0, 0.0, Some(0.0)), cell(1.0, 1.0, Some(1.0)), cell(0.0, 1.0, None)],
            labels: Vec::new(),
            frames: Vec::new(),
        };
        let picture = map.picture();
        let rgb = |color: Color| [color.red, color.green, color.blue];
        assert_eq!(picture.get_pixel(0, 1).0, rgb(VIRIDIS.at(0.0)));
        assert_eq!(picture.get_pixel(1, 0).0, rgb(VIRIDIS.at(1.0)));
        assert_eq!((picture.get_pixel(0, 0).0, picture.get_pixel(1, 1).0), (rgb(UNDEFINED), rgb(UNDEFINED)));
    }
}
