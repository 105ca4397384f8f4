//! Lines over layers, each with the band of its interval, in front of the band that chance would give.

use super::super::axis::{Axis, Plot};
use super::super::canvas::{Align, Area, Canvas, Pen, Point, Text};
use super::super::font::{self, Weight};
use super::super::page::Draw;
use super::super::table::Estimate;
use super::super::theme::{AXIS, Color, LABEL, LEADING, SOFT_INK, VOID};

/// Lines, bands and a reference over one pair of axes.
#[derive(Default)]
pub struct Lines {
    pub x: Axis,
    pub y: Axis,
    /// Behind the lines, in this order.
    pub bands: Vec<Band>,
    pub series: Vec<Series>,
    /// Lines across the whole plot: what a coin would do, what a baseline reaches.
    pub references: Vec<(f64, Pen)>,
    /// x positions that a bar along the lower edge points out, one unit wide each.
    pub flags: Vec<f64>,
    pub flag_color: Color,
    /// Why there is nothing to draw, if there is nothing.
    pub undefined: Option<String>,
}

/// A range of y at each x.
pub struct Band {
    /// x, lower and upper end; None where it is undefined.
    pub ranges: Vec<(f64, Option<(f64, f64)>)>,
    pub look: BandLook,
}

#[derive(Clone, Copy, Debug)]
pub enum BandLook {
    Filled(Color),
    /// Only the two edges.
    Edges(Pen),
}

/// One line.
pub struct Series {
    pub pen: Pen,
    pub samples: Vec<Sample>,
}

/// One point of a line; no estimate, no point, and the line has a gap.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub x: f64,
    pub estimate: Option<Estimate>,
    pub mark: Mark,
}

/// What stands on a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Bare,
    Full,
}

/// What a coin would do.
pub const CHANCE: Pen = Pen::dashed(AXIS, 1.0, 4.0, 3.0);
/// How much of a line's own colour its interval shows.
const INTERVAL: f64 = 0.20;
/// Half the width of a lone point's band at most.
const LONE: f64 = 18.0;

impl Draw for Lines {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let plot = Plot::within(area, &self.x, &self.y);
        if let Some(reason) = &self.undefined {
            canvas.rect(plot.area, VOID);
            plot.draw_axes(canvas);
            say(canvas, plot.area, reason);
            return;
        }
        plot.draw_guides(canvas);
        for band in &self.bands {
            band.draw(canvas, &plot);
        }
        for (y, pen) in &self.references {
            let height = plot.up(*y);
            canvas.line(&[(plot.area.left, height), (plot.area.right, height)], *pen);
        }
        for series in &self.series {
            series.draw_interval(canvas, &plot);
        }
        for series in &self.series {
            series.draw_line(canvas, &plot);
        }
        for &x in &self.flags {
            let (left, right) = (plot.across(x - 0.5), plot.across(x + 0.5));
            canvas.rect(
                Area { left, right, top: plot.area.bottom - 5.5, bottom: plot.area.bottom - 2.0 },
                self.flag_color,
            );
        }
        plot.draw_axes(canvas);
    }
}

impl Band {
    fn draw(&self, canvas: &mut Canvas, plot: &Plot) {
        for run in self.ranges.chunk_by(|a, b| a.1.is_some() && b.1.is_some()) {
            let ends: Vec<(f64, (f64, f64))> = run.iter().filter_map(|(x, range)| Some((*x, (*range)?))).collect();
            match self.look {
                BandLook::Filled(color) => fill(canvas, plot, &ends, color),
                BandLook::Edges(pen) if !ends.is_empty() => {
                    let edge = |pick: fn((f64, f64)) -> f64| -> Vec<Point> {
                        widened(&ends, plot).map(|(x, range)| plot.at(x, pick(range))).collect()
                    };
                    canvas.line(&edge(|range| range.0), pen);
                    canvas.line(&edge(|range| range.1), pen);
                }
                BandLook::Edges(_) => {}
            }
        }
    }
}

impl Series {
    /// The stretches of the line without a gap.
    fn runs(&self) -> impl Iterator<Item = Vec<(f64, Estimate, Mark)>> {
        self.samples
            .chunk_by(|a, b| a.estimate.is_some() && b.estimate.is_some())
            .map(|run| run.iter().filter_map(|sample| Some((sample.x, sample.estimate?, sample.mark))).collect())
    }

    fn draw_interval(&self, canvas: &mut Canvas, plot: &Plot) {
        for run in self.runs() {
            let ends: Vec<_> = run.iter().filter_map(|(x, estimate, _)| Some((*x, estimate.interval?))).collect();
            fill(canvas, plot, &ends, self.pen.color.opacity(INTERVAL));
        }
    }

    fn draw_line(&self, canvas: &mut Canvas, plot: &Plot) {
        // Where layers stand close together, marks shrink, and go before they would merge.
        let size = (0.36 * (plot.across(1.0) - plot.across(0.0))).min(3.25);
        for run in self.runs() {
            let path: Vec<Point> = run.iter().map(|(x, estimate, _)| plot.at(*x, estimate.value)).collect();
            if path.len() > 1 {
                canvas.line(&path, self.pen);
            }
            for (&(x, estimate, mark), &center) in run.iter().zip(&path) {
                if let Some((low, high)) = estimate.interval.filter(|_| run.len() == 1) {
                    canvas.line(&[plot.at(x, low), plot.at(x, high)], Pen::solid(self.pen.color, 1.0));
                }
                if mark == Mark::Full && (size > 2.0 || run.len() == 1) {
                    canvas.disc(center, size.max(2.0), self.pen.color);
                }
            }
        }
    }
}

/// A lone point has no width to show a band in, so it gets a third of a layer to each side, or as much as [`LONE`].
fn widened<'a>(ends: &'a [(f64, (f64, f64))], plot: &Plot) -> impl Iterator<Item = (f64, (f64, f64))> + use<'a> {
    let lone = (ends.len() == 1).then(|| ends[0]);
    let layer = (plot.across(1.0) - plot.across(0.0)).abs().max(f64::MIN_POSITIVE);
    let half = (LONE / layer).min(0.33);
    let sides = lone.into_iter().flat_map(move |(x, range)| [(x - half, range), (x + half, range)]);
    sides.chain(ends.iter().copied().filter(move |_| lone.is_none()))
}

fn fill(canvas: &mut Canvas, plot: &Plot, ends: &[(f64, (f64, f64))], color: Color) {
    let lower: Vec<Point> = widened(ends, plot).map(|(x, (low, _))| plot.at(x, low)).collect();
    let upper = widened(ends, plot).map(|(x, (_, high))| plot.at(x, high));
    let mut outline: Vec<Point> = upper.collect();
    outline.extend(lower.into_iter().rev());
    if !outline.is_empty() {
        canvas.fill(outline, color);
    }
}

/// Text in the middle of an area.
fn say(canvas: &mut Canvas, area: Area, message: &str) {
    let lines = font::wrap(message, LABEL, Weight::Regular, area.width() - 16.0);
    let (x, middle) = area.center();
    let mut y = middle - (lines.len() as f64 - 1.0) / 2.0 * LEADING * LABEL + 0.36 * LABEL;
    for line in lines {
        canvas.text(Text::new(line, (x, y), LABEL, SOFT_INK).align(Align::Middle));
        y += LEADING * LABEL;
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::axis::Unit;
    use super::super::super::canvas;
    use super::super::super::theme::BLUE;
    use super::*;

    fn draw(values: &[Option<f64>], undefined: Option<&str>) -> Canvas {
        let samples = values.iter().enumerate().map(|(layer, value)| Sample {
            x: layer as f64,
            estimate: value.map(|value| Estimate { value, interval: Some((value - 0.1, value + 0.1)) }),
            mark: Mark::Full,
        });
        let lines = Lines {
            x: Axis::counting("layer", 0, 4),
            y: Axis::linear("AUROC", 0.0, 1.0, Unit::Plain),
            series: vec![Series { pen: Pen::solid(BLUE, 2.0), samples: samples.collect() }],
            undefined: undefined.map(str::to_owned),
            ..Lines::default()
        };
        let mut canvas = Canvas::new(300.0, 200.0);
        lines.draw(&mut canvas, Area::new(0.0, 0.0, 300.0, 200.0));
        canvas
    }

    #[test]
    fn an_undefined_layer_is_a_gap() {
        let canvas = draw(&[Some(0.5), Some(0.6), None, Some(0.7), Some(0.8)], None);
        let strokes =
            canvas.marks.iter().filter(|mark| matches!(mark, canvas::Mark::Stroke { color, .. } if *color == BLUE));
        assert_eq!(strokes.count(), 2);
        let discs = canvas.marks.iter().filter(|mark| matches!(mark, canvas::Mark::Disc { .. }));
        assert_eq!(discs.count(), 4);
    }

    #[test]
    fn a_lone_layer_still_shows_its_interval() {
        let canvas = draw(&[None, Some(0.5), None], None);
        assert!(canvas.marks.iter().any(|mark| matches!(mark, canvas::Mark::Stroke { color, path, .. }
            if *color == BLUE && path[0].0 == path[1].0)));
    }

    #[test]
    fn nothing_to_draw_gives_the_reason_instead() {
        let canvas = draw(&[], Some("no wrong answer"));
        assert!(canvas.texts().any(|text| text.content == "no wrong answer"));
    }
}
