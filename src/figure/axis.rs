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
    /// What an axis runs through, in order; the plot is cut between two of them.
    pub stretches: Vec<Stretch>,
}

/// A part of an axis that has a name of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    pub name: String,
    pub low: f64,
    pub high: f64,
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
        Self { label: label.into(), low, high, ticks: ticks.collect(), stretches: Vec::new() }
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
        Self { label: label.into(), low: first as f64 - 0.5, high: last as f64 + 0.5, ticks, stretches: Vec::new() }
    }

    /// One whole number a name, from 0; the names stand at the ticks.
    pub fn names<T: Into<String>>(label: impl Into<String>, names: impl IntoIterator<Item = T>) -> Self {
        let name = |(at, label): (usize, T)| Tick { at: at as f64, label: label.into() };
        let ticks: Vec<Tick> = names.into_iter().enumerate().map(name).collect();
        let high = ticks.len().max(1) as f64 - 0.5;
        Self { label: label.into(), low: -0.5, high, ticks, stretches: Vec::new() }
    }

    /// Powers of ten evenly apart: values are placed by their [`f64::log10`]. Ticks at 1, 2 and 5 times a power of ten.
    pub fn decades(label: impl Into<String>, low: f64, high: f64) -> Self {
        let low = low.max(f64::MIN_POSITIVE).log10();
        let high = high.max(f64::MIN_POSITIVE).log10().max(low + 0.1);
        let room = 0.04 * (high - low);
        let values = (low.floor() as i32..=high.ceil() as i32)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
        let inside = values.filter(|value| (low - 1e-9..=high + 1e-9).contains(&value.log10()));
        let ticks = inside.map(|value| Tick { at: value.log10(), label: value.to_string() }).collect();
        Self { label: label.into(), low: low - room, high: high + room, ticks, stretches: Vec::new() }
    }

    /// The longest of the ticks' labels.
    fn widest(&self) -> f64 {
        self.ticks.iter().map(|tick| font::width(&tick.label, TICK, Weight::Regular)).fold(0.0, f64::max)
    }

    /// What an upright axis needs to its left; one of names as much as its longest name takes.
    fn room(&self) -> f64 {
        let ticks = self.widest() + TICK_LENGTH + 5.0;
        if self.label.is_empty() { ticks } else { LEFT.max(ticks + 1.1 * LABEL) }
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
        let left = y.room();
        let area =
            Area { left: room.left + left, top: room.top + 4.0, right: room.right - 6.0, bottom: room.bottom - BOTTOM };
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

    /// Which x ticks have room for their number: every so many where they are even, else each that is clear of the one
    /// before.
    fn labelled(&self) -> Vec<bool> {
        if self.x.stretches.is_empty() {
            let every = self.labelled_every();
            return (0..self.x.ticks.len()).map(|index| index % every == 0).collect();
        }
        let mut free = f64::NEG_INFINITY;
        let room = |tick: &Tick| {
            let (at, half) = (self.across(tick.at), font::width(&tick.label, TICK, Weight::Regular) / 2.0);
            let fits = !tick.label.is_empty() && at - half >= free;
            if fits {
                free = at + half + 7.0;
            }
            fits
        };
        self.x.ticks.iter().map(room).collect()
    }

    /// In a narrow plot only every so many x ticks have room for their number.
    fn labelled_every(&self) -> usize {
        let widest = self.x.widest();
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
        let labelled = self.labelled();
        for tick in &self.y.ticks {
            let y = self.up(tick.at);
            canvas.line(&[(left - TICK_LENGTH, y), (left, y)], pen);
            let at = (left - TICK_LENGTH - 3.0, y + 0.36 * TICK);
            canvas.text(Text::new(&tick.label, at, TICK, SOFT_INK).align(Align::End));
        }
        for (index, tick) in self.x.ticks.iter().enumerate() {
            let x = self.across(tick.at);
            canvas.line(&[(x, bottom), (x, bottom + TICK_LENGTH)], pen);
            if !labelled[index] {
                continue;
            }
            let at = (x, bottom + TICK_LENGTH + 1.05 * TICK);
            canvas.text(Text::new(&tick.label, at, TICK, SOFT_INK).align(Align::Middle));
        }
        let (middle, height) = self.area.center();
        if self.x.stretches.is_empty() {
            canvas.text(Text::new(&self.x.label, (middle, bottom + BOTTOM - 6.0), LABEL, INK).align(Align::Middle));
        } else {
            self.draw_stretches(canvas);
        }
        if !self.y.label.is_empty() {
            let at = (left - self.y.room() + 0.8 * LABEL, height);
            canvas.text(Text::new(&self.y.label, at, LABEL, INK).upwards().align(Align::Middle));
        }
    }

    /// Cuts between the stretches, and each one's name under its middle, or as near to it as its neighbours allow.
    fn draw_stretches(&self, canvas: &mut Canvas) {
        const APART: f64 = 8.0;
        let Area { left, top, right, bottom } = self.area;
        for pair in self.x.stretches.windows(2) {
            let x = self.across((pair[0].high + pair[1].low) / 2.0);
            canvas.line(&[(x, top), (x, bottom + TICK_LENGTH)], Pen::solid(AXIS, 1.0));
        }
        let widths: Vec<f64> =
            self.x.stretches.iter().map(|part| font::width(&part.name, LABEL, Weight::Regular)).collect();
        let mut starts: Vec<f64> = Vec::new();
        for (part, width) in self.x.stretches.iter().zip(&widths) {
            let wanted = self.across((part.low + part.high) / 2.0) - width / 2.0;
            let free = starts.last().map_or(left, |start| start + widths[starts.len() - 1] + APART);
            starts.push(wanted.max(free));
        }
        let mut end = right + APART;
        for (start, width) in starts.iter_mut().zip(&widths).rev() {
            *start = start.min(end - APART - width);
            end = *start;
        }
        for (part, start) in self.x.stretches.iter().zip(starts) {
            canvas.text(Text::new(&part.name, (start, bottom + BOTTOM - 6.0), LABEL, INK));
        }
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
    fn decades_are_evenly_apart() {
        let axis = Axis::decades("", 90.0, 1200.0);
        assert_eq!(labels(&axis), ["100", "200", "500", "1000"]);
        let place = |value: f64| axis.place(value.log10(), 0.0, 1.0);
        assert!((place(1000.0) - place(100.0) - (place(10000.0) - place(1000.0))).abs() < 1e-9);
        assert!(Axis::decades("", 7.0, 7.0).high > Axis::decades("", 7.0, 7.0).low);
    }

    #[test]
    fn stretches_are_named_in_order_and_apart() {
        let part = |name: &str, low, high| Stretch { name: name.into(), low, high };
        let parts = vec![part("encoder", -0.5, 0.5), part("projector", 0.5, 1.5), part("language model", 1.5, 2.5)];
        let (x, y) =
            (Axis { stretches: parts, ..Axis::counting("", 0, 2) }, Axis::linear("acc", 0.0, 1.0, Unit::Plain));
        let mut canvas = Canvas::new(300.0, 200.0);
        let plot = Plot::within(Area::new(0.0, 0.0, 300.0, 200.0), &x, &y);
        plot.draw_axes(&mut canvas);
        let names: Vec<_> = canvas.texts().filter(|text| text.content.len() > 4).map(Text::extent).collect();
        assert!(names.len() == 3 && names.windows(2).all(|pair| pair[0].right < pair[1].left), "{names:?}");
        assert!(names[2].right <= plot.area.right + 1e-9);
    }

    #[test]
    fn a_flat_range_still_has_a_scale() {
        let axis = Axis::linear("", 0.3, 0.3, Unit::Plain);
        assert!(axis.high > axis.low && !axis.ticks.is_empty());
        assert_eq!(axis.place(axis.low, 10.0, 20.0), 10.0);
    }
}
