//! Axes: which values they span, where their ticks stand, and how they are drawn around a plot.

use super::canvas::{Align, Area, Canvas, Pen, Point, Text};
use super::font::{self, Weight};
use super::theme::{AXIS, GUIDE, INK, LABEL, SOFT_INK, TICK};

/// Room that [`Plot::draw`] needs around the data for ticks and labels.
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 36.0;
const TICK_LENGTH: f64 = 3.5;

/// A labelled range of numbers with its ticks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    pub label: String,
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<Tick>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

/// How the numbers on an axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Plain,
    /// 0.25 is written 25; the label says %.
    Percent,
}

impl Axis {
    /// From `low` to `high`, ticks at round numbers; a range without width is widened.
    pub fn linear(label: impl Into<String>, low: f64, high: f64, unit: Unit) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let step = round_step((high - low) / 5.0);
        let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
        let ticks = (first..=last).map(|index| {
            let at = index as f64 * step;
            Tick { at, label: number(at, step, unit) }
        });
        Self { label: label.into(), low, high, ticks: ticks.collect() }
    }

    /// From zero to the first tick at or above `high`.
    pub fn from_zero(label: impl Into<String>, high: f64, unit: Unit) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = round_step(high / 5.0);
        Self::linear(label, 0.0, (high / step - 1e-9).ceil() * step, unit)
    }

    /// Whole numbers in `first..=last`, half a unit of room at both ends, at most nine ticks.
    pub fn counting(label: impl Into<String>, first: i64, last: i64) -> Self {
        let last = last.max(first);
        let step = (1..).find(|step| (last - first) / step < 9 && is_handy(*step)).unwrap_or(1);
        let ticks = (first..=last).filter(|value| value.rem_euclid(step) == 0);
        let ticks = ticks.map(|value| Tick { at: value as f64, label: value.to_string() }).collect();
        Self { label: label.into(), low: first as f64 - 0.5, high: last as f64 + 0.5, ticks }
    }

    /// Where a value lies between `start` (the low end) and `end`.
    pub fn place(&self, value: f64, start: f64, end: f64) -> f64 {
        start + (value - self.low) / (self.high - self.low) * (end - start)
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// Steps that readers count in: 1, 2, 4, 5, 8 and their tenfolds.
fn is_handy(step: i64) -> bool {
    let mut rest = step;
    while rest % 10 == 0 {
        rest /= 10;
    }
    [1, 2, 4, 5, 8].contains(&rest)
}

/// A tick's number with as many decimals as the step between ticks needs; a true minus sign.
fn number(value: f64, step: f64, unit: Unit) -> String {
    let (value, step) = if unit == Unit::Percent { (value * 100.0, step * 100.0) } else { (value, step) };
    let decimals =
        (0..6).find(|&places| (step * 10f64.powi(places) - (step * 10f64.powi(places)).round()).abs() < 1e-6);
    let text = format!("{:.*}", decimals.unwrap_or(6) as usize, value.abs());
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    if value < 0.0 && !is_zero { format!("−{text}") } else { text }
}

/// The data area of a panel with its two axes.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    pub area: Area,
    pub x: &'a Axis,
    pub y: &'a Axis,
}

impl<'a> Plot<'a> {
    /// Leaves room for ticks and labels inside `room`.
    pub fn within(room: Area, x: &'a Axis, y: &'a Axis) -> Self {
        let area =
            Area { left: room.left + LEFT, top: room.top + 4.0, right: room.right - 6.0, bottom: room.bottom - BOTTOM };
        Self { area, x, y }
    }

    /// Where a pair of values lies on the page.
    pub fn at(&self, x: f64, y: f64) -> Point {
        (self.across(x), self.up(y))
    }

    pub fn across(&self, x: f64) -> f64 {
        self.x.place(x, self.area.left, self.area.right)
    }

    pub fn up(&self, y: f64) -> f64 {
        self.y.place(y, self.area.bottom, self.area.top)
    }

    /// In a narrow plot only every so many x ticks have room for their number.
    fn labelled_every(&self) -> usize {
        let widest =
            self.x.ticks.iter().map(|tick| font::width(&tick.label, TICK, Weight::Regular)).fold(0.0, f64::max);
        let step = match self.x.ticks.as_slice() {
            [first, second, ..] => self.across(second.at) - self.across(first.at),
            _ => f64::INFINITY,
        };
        (1..=self.x.ticks.len()).find(|&every| step * every as f64 >= widest + 7.0).unwrap_or(1)
    }

    /// Guide lines at the y ticks; goes behind the data.
    pub fn draw_guides(&self, canvas: &mut Canvas) {
        for tick in &self.y.ticks {
            let y = self.up(tick.at);
            canvas.line(&[(self.area.left, y), (self.area.right, y)], Pen::solid(GUIDE, 0.75));
        }
    }

    /// Axis lines, ticks, numbers and labels.
    pub fn draw_axes(&self, canvas: &mut Canvas) {
        let Area { left, top, right, bottom } = self.area;
        let pen = Pen::solid(AXIS, 1.0);
        canvas.line(&[(left, top), (left, bottom), (right, bottom)], pen);
        for tick in &self.y.ticks {
            let y = self.up(tick.at);
            canvas.line(&[(left - TICK_LENGTH, y), (left, y)], pen);
            let at = (left - TICK_LENGTH - 3.0, y + 0.36 * TICK);
            canvas.text(Text::new(&tick.label, at, TICK, SOFT_INK).align(Align::End));
        }
        for (index, tick) in self.x.ticks.iter().enumerate() {
            let x = self.across(tick.at);
            canvas.line(&[(x, bottom), (x, bottom + TICK_LENGTH)], pen);
            if index % self.labelled_every() != 0 {
                continue;
            }
            let at = (x, bottom + TICK_LENGTH + 1.05 * TICK);
            canvas.text(Text::new(&tick.label, at, TICK, SOFT_INK).align(Align::Middle));
        }
        let (middle, height) = self.area.center();
        canvas.text(Text::new(&self.x.label, (middle, bottom + BOTTOM - 6.0), LABEL, INK).align(Align::Middle));
        canvas.text(
            Text::new(&self.y.label, (left - LEFT + 0.8 * LABEL, height), LABEL, INK).upwards().align(Align::Middle),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(&Axis::linear("", 0.0, 1.0, Unit::Percent)), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(&Axis::linear("", -0.1, 0.1, Unit::Plain)), ["−0.10", "−0.05", "0.00", "0.05", "0.10"]);
        assert_eq!(labels(&Axis::from_zero("", 0.043, Unit::Percent)), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(Axis::from_zero("", 0.043, Unit::Percent).high, 0.05);
    }

    #[test]
    fn layers_are_counted_in_handy_steps() {
        assert_eq!(labels(&Axis::counting("layer", 0, 5)), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(labels(&Axis::counting("layer", 0, 31)), ["0", "4", "8", "12", "16", "20", "24", "28"]);
        assert_eq!(labels(&Axis::counting("layer", 3, 3)), ["3"]);
        assert!(Axis::counting("layer", 0, 4095).ticks.len() <= 9);
    }

    #[test]
    fn a_flat_range_still_has_a_scale() {
        let axis = Axis::linear("", 0.3, 0.3, Unit::Plain);
        assert!(axis.high > axis.low && !axis.ticks.is_empty());
        assert_eq!(axis.place(axis.low, 10.0, 20.0), 10.0);
    }
}
