//! A line a claim: what it says, its number with interval on one common axis, and what was decided.

use super::super::axis::{Axis, Plot};
use super::super::canvas::{Area, Canvas, Pen, Text};
use super::super::font::{self, Weight};
use super::super::page::Draw;
use super::super::table::Estimate;
use super::super::theme::{AXIS, BLUE, Color, GUIDE, INK, LABEL, LEADING, SOFT_INK, VERMILLION};

/// Height of a line.
pub const LINE: f64 = 54.0;
/// Room below the last line for the axis.
pub const FOOT: f64 = 40.0;
/// Shares of the width: words, plot, verdict.
const WORDS: f64 = 0.46;
const VERDICT: f64 = 0.20;

/// Claims from the top down.
pub struct Verdicts {
    pub x: Axis,
    pub claims: Vec<Claim>,
}

pub struct Claim {
    pub name: String,
    pub says: String,
    /// What it was held against.
    pub against: String,
    pub estimate: Option<Estimate>,
    /// supported, refuted, undecided.
    pub verdict: String,
    /// The number in words.
    pub number: String,
}

/// The colour of a decision.
pub fn color(verdict: &str) -> Color {
    match verdict {
        "supported" => BLUE,
        "refuted" => VERMILLION,
        _ => SOFT_INK,
    }
}

impl Draw for Verdicts {
    fn draw(&self, canvas: &mut Canvas, area: Area) {
        let words = area.width() * WORDS;
        let middle = Area { left: area.left + words, right: area.right - area.width() * VERDICT, ..area };
        let blank = Axis::linear("", 0.0, 1.0, super::super::axis::Unit::Plain);
        let y = Axis { ticks: Vec::new(), ..blank };
        let plot = Plot::within(middle, &self.x, &y);
        for tick in &self.x.ticks {
            let x = plot.across(tick.at);
            canvas.line(&[(x, plot.area.top), (x, plot.area.bottom)], Pen::solid(GUIDE, 0.75));
        }
        for (place, claim) in self.claims.iter().enumerate() {
            let top = area.top + place as f64 * LINE;
            self.words(canvas, claim, (area.left, top), words - 14.0);
            let height = top + 0.4 * LINE;
            if let Some(of) = claim.estimate {
                let clamp = |value: f64| plot.across(value.clamp(self.x.low, self.x.high));
                if let Some((low, high)) = of.interval {
                    canvas.line(&[(clamp(low), height), (clamp(high), height)], Pen::solid(color(&claim.verdict), 3.0));
                }
                canvas.disc((clamp(of.value), height), 4.5, color(&claim.verdict));
            }
            let right = middle.right + 10.0;
            let ink = color(&claim.verdict);
            canvas.text(Text::new(&claim.verdict, (right, height + 1.0), LABEL + 1.0, ink).bold());
            let room = area.right - right;
            let number = font::fit(&claim.number, LABEL, Weight::Regular, room);
            canvas.text(Text::new(number, (right, height + LEADING * LABEL), LABEL, SOFT_INK));
            if place > 0 {
                canvas.line(&[(area.left, top - 4.0), (area.right, top - 4.0)], Pen::solid(GUIDE, 0.75));
            }
        }
        plot.draw_axes(canvas);
        canvas.line(&[(plot.area.left, plot.area.top), (plot.area.left, plot.area.bottom)], Pen::solid(AXIS, 1.0));
    }
}

impl Verdicts {
    /// Name and statement on one line or two, and what it was held against below them.
    fn words(&self, canvas: &mut Canvas, claim: &Claim, (left, top): (f64, f64), width: f64) {
        let name = Text::new(&claim.name, (left, top + 1.1 * LABEL), LABEL + 1.0, INK).bold();
        let start = left + (name.width() + 8.0).max(34.0);
        canvas.text(name);
        let room = width - (start - left);
        let mut lines = font::wrap(&claim.says, LABEL, Weight::Regular, room);
        if lines.len() > 2 {
            lines.truncate(1);
            lines.push(font::fit(&claim.says[lines[0].len()..], LABEL, Weight::Regular, room));
        }
        let mut y = top + 1.1 * LABEL;
        for line in &lines {
            canvas.text(Text::new(line, (start, y), LABEL, INK));
            y += LEADING * LABEL;
        }
        if !claim.against.is_empty() {
            let against = font::fit(&format!("against: {}", claim.against), LABEL - 1.0, Weight::Regular, room);
            canvas.text(Text::new(against, (start, y), LABEL - 1.0, SOFT_INK));
        }
    }
}
