//! What a figure consists of before it becomes a file: a list of marks on a page, in points, back to front.
//!
//! Panels only add marks, so they cannot fail, and the same list becomes PNG ([`super::png`]) and SVG ([`super::svg`]).

use image::RgbImage;

use super::font::{self, Weight};
use super::theme::Color;

/// x to the right, y downwards, in points.
pub type Point = (f64, f64);

/// A part of the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Area {
    pub fn new(left: f64, top: f64, width: f64, height: f64) -> Self {
        Self { left, top, right: left + width, bottom: top + height }
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }

    pub fn center(&self) -> Point {
        ((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub fn corners(&self) -> [Point; 4] {
        [(self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom)]
    }

    /// Whether the two share more than an edge.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pen {
    pub color: Color,
    pub width: f64,
    /// Lengths of stroke and gap; None is a solid line.
    pub dash: Option<(f64, f64)>,
}

impl Pen {
    pub const fn solid(color: Color, width: f64) -> Self {
        Self { color, width, dash: None }
    }

    pub const fn dashed(color: Color, width: f64, stroke: f64, gap: f64) -> Self {
        Self { color, width, dash: Some((stroke, gap)) }
    }
}

/// Which part of a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Start,
    Middle,
    End,
}

/// Which way a text runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Across,
    Upwards,
}

/// One line of text; `at` is on its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub content: String,
    pub at: Point,
    pub size: f64,
    pub weight: Weight,
    pub color: Color,
    pub align: Align,
    pub direction: Direction,
}

impl Text {
    /// Regular weight, running across from its point.
    pub fn new(content: impl Into<String>, at: Point, size: f64, color: Color) -> Self {
        let content = content.into();
        Self { content, at, size, weight: Weight::Regular, color, align: Align::Start, direction: Direction::Across }
    }

    pub fn bold(self) -> Self {
        Self { weight: Weight::Bold, ..self }
    }

    pub fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    pub fn upwards(self) -> Self {
        Self { direction: Direction::Upwards, ..self }
    }

    pub fn width(&self) -> f64 {
        font::width(&self.content, self.size, self.weight)
    }

    /// How far before its point the text begins.
    pub fn lead(&self) -> f64 {
        match self.align {
            Align::Start => 0.0,
            Align::Middle => self.width() / 2.0,
            Align::End => self.width(),
        }
    }

    /// The area that its letters may touch.
    pub fn extent(&self) -> Area {
        let (above, below) = (0.75 * self.size, 0.2 * self.size);
        let (x, y) = self.at;
        let (lead, width) = (self.lead(), self.width());
        match self.direction {
            Direction::Across => Area::new(x - lead, y - above, width, above + below),
            Direction::Upwards => Area::new(x - above, y + lead - width, above + below, width),
        }
    }
}

/// One thing on the page.
#[derive(Clone, Debug)]
pub enum Mark {
    Fill {
        outline: Vec<Point>,
        color: Color,
    },
    Stroke {
        path: Vec<Point>,
        color: Color,
        width: f64,
    },
    Disc {
        center: Point,
        radius: f64,
        color: Color,
    },
    Text(Text),
    /// A picture stretched over an area without smoothing; make it as large as it will be shown.
    Image {
        area: Area,
        pixels: RgbImage,
    },
}

/// A page and what is on it, back to front.
#[derive(Clone, Debug)]
pub struct Canvas {
    pub width: f64,
    pub height: f64,
    pub marks: Vec<Mark>,
}

impl Canvas {
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    pub fn fill(&mut self, outline: Vec<Point>, color: Color) {
        self.marks.push(Mark::Fill { outline, color });
    }

    pub fn rect(&mut self, area: Area, color: Color) {
        self.fill(area.corners().to_vec(), color);
    }

    pub fn frame(&mut self, area: Area, pen: Pen) {
        let [a, b, c, d] = area.corners();
        // One stroke a side: a closed path would leave its first corner open.
        let cap = pen.width / 2.0;
        self.line(&[(a.0 - cap, a.1), (b.0 + cap, b.1)], pen);
        self.line(&[(d.0 - cap, d.1), (c.0 + cap, c.1)], pen);
        self.line(&[a, d], pen);
        self.line(&[b, c], pen);
    }

    pub fn line(&mut self, path: &[Point], pen: Pen) {
        let Pen { color, width, dash } = pen;
        let pieces = dash.map_or_else(|| vec![path.to_vec()], |(stroke, gap)| dashes(path, stroke, gap));
        self.marks.extend(pieces.into_iter().map(|path| Mark::Stroke { path, color, width }));
    }

    pub fn disc(&mut self, center: Point, radius: f64, color: Color) {
        self.marks.push(Mark::Disc { center, radius, color });
    }

    /// Lines from lower left to upper right across an area, `step` apart along its edges.
    pub fn hatch(&mut self, area: Area, step: f64, pen: Pen) {
        let (width, height) = (area.width(), area.height());
        let mut at = step;
        while at < width + height {
            let (from, to) = ((at - height).max(0.0), at.min(width));
            self.line(&[(area.left + from, area.top + at - from), (area.left + to, area.top + at - to)], pen);
            at += step;
        }
    }

    pub fn text(&mut self, text: Text) {
        self.marks.push(Mark::Text(text));
    }

    pub fn image(&mut self, area: Area, pixels: RgbImage) {
        self.marks.push(Mark::Image { area, pixels });
    }

    /// Every text on the page.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.marks.iter().filter_map(|mark| if let Mark::Text(text) = mark { Some(text) } else { None })
    }
}

/// Cuts a path into strokes of the given length with gaps between them.
fn dashes(path: &[Point], stroke: f64, gap: f64) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let (mut drawing, mut left) = (true, stroke);
    let mut piece: Vec<Point> = path.first().copied().into_iter().collect();
    for pair in path.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing {
                    piece.push(to);
                }
                break;
            }
            let part = left / length;
            from = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            piece.push(from);
            if drawing {
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            drawing = !drawing;
            left = if drawing { stroke } else { gap };
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::theme::INK;
    use super::*;

    #[test]
    fn dashes_cover_strokes_and_leave_gaps() {
        let pieces = dashes(&[(0.0, 0.0), (10.0, 0.0)], 3.0, 2.0);
        assert_eq!(pieces, [vec![(0.0, 0.0), (3.0, 0.0)], vec![(5.0, 0.0), (8.0, 0.0)]]);
    }

    #[test]
    fn a_dash_goes_round_a_corner() {
        let pieces = dashes(&[(0.0, 0.0), (2.0, 0.0), (2.0, 2.0)], 3.0, 2.0);
        assert_eq!(pieces, [vec![(0.0, 0.0), (2.0, 0.0), (2.0, 1.0)]]);
    }

    #[test]
    fn text_takes_its_room_on_the_side_it_is_aligned_to() {
        let text = Text::new("layer", (100.0, 50.0), 12.0, INK);
        assert!((text.clone().align(Align::End).extent().right - 100.0).abs() < 1e-9);
        assert!((text.clone().align(Align::Middle).extent().center().0 - 100.0).abs() < 1e-9);
        let upwards = text.upwards().align(Align::Middle).extent();
        assert!(upwards.height() > upwards.width() && (upwards.center().1 - 50.0).abs() < 1e-9);
    }
}
