//! The same colour for the same group in every figure, and axes that hold what is drawn.

use super::super::axis::{Axis, Unit};
use super::super::canvas::Pen;
use super::super::panels::line::{Sample, Series};
use super::super::table::Estimate;
use super::super::theme::{BLUE, Color, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILLION};

/// A reference level.
pub const LEVEL: Pen = Pen::dashed(super::super::theme::AXIS, 1.0, 4.0, 3.0);
/// How much of a colour a null band shows.
pub const BAND: f64 = 0.28;

const COLORS: [Color; 8] = [VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY, INK, GREY];

/// The line of a group; groups without a colour of their own get one by their place.
pub fn group_pen(group: &str, place: usize) -> Pen {
    let solid = |color| Pen::solid(color, 2.0);
    match group {
        "object" => solid(VERMILLION),
        "ring_1" => solid(ORANGE),
        "strip" => solid(BLUE),
        "strip_minus_object" | "background" => solid(SKY),
        "image" => solid(INK),
        "word" => solid(GREEN),
        "last" => solid(PURPLE),
        "text" => Pen::dashed(GREEN, 2.0, 6.0, 2.5),
        "random_background" => solid(GREY),
        "random_as_strip" => Pen::dashed(GREY, 2.0, 6.0, 2.5),
        _ => pen(place),
    }
}

/// The colours of a many-lined plot: eight, then the same dashed, then dotted.
pub fn pen(place: usize) -> Pen {
    let color = COLORS[place % COLORS.len()];
    match place / COLORS.len() {
        0 => Pen::solid(color, 2.0),
        1 => Pen::dashed(color, 2.0, 6.0, 2.5),
        _ => Pen::dashed(color, 2.0, 2.0, 2.0),
    }
}

/// A control in its own line's colour.
pub fn dots(color: Color) -> Pen {
    Pen::dashed(color, 1.75, 1.5, 2.5)
}

pub fn bare(of: Estimate) -> Estimate {
    Estimate { interval: None, ..of }
}

/// An axis that holds all of some values with their intervals, `always` among them, and nothing beyond `most`.
pub fn span(
    label: &str,
    values: impl IntoIterator<Item = Estimate>,
    nulls: impl IntoIterator<Item = (f64, f64)>,
    always: [f64; 2],
    most: [f64; 2],
) -> Axis {
    let ends = values.into_iter().map(|of| {
        let (low, high) = of.interval.unwrap_or((of.value, of.value));
        (low.min(of.value), high.max(of.value))
    });
    let (mut low, mut high) = (always[0], always[1]);
    for (from, to) in ends.chain(nulls) {
        low = low.min(from);
        high = high.max(to);
    }
    let (low, high) = (low.max(most[0]), high.min(most[1]));
    let room = 0.03 * (high - low).max(1e-3);
    // An end that is a level of its own, as 0 or 1, needs no room beyond it.
    let low = if low == always[0] { low } else { low - room };
    let high = if high == always[1] { high } else { high + room };
    Axis::linear(label, low, high, Unit::Plain)
}

/// What is beyond an axis is drawn at its edge.
pub fn within(line: Series, y: &Axis) -> Series {
    let clamp = |value: f64| value.clamp(y.low, y.high);
    let held = |of: Estimate| Estimate {
        value: clamp(of.value),
        interval: of.interval.map(|(low, high)| (clamp(low), clamp(high))),
    };
    let samples = line.samples.into_iter().map(|sample| Sample { estimate: sample.estimate.map(held), ..sample });
    Series { pen: line.pen, samples: samples.collect() }
}

/// Every estimate of some lines.
pub fn estimates(lines: &[Series]) -> Vec<Estimate> {
    lines.iter().flat_map(|line| line.samples.iter().filter_map(|sample| sample.estimate)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_its_values_up_to_a_limit() {
        let of = |value, low, high| Estimate { value, interval: Some((low, high)) };
        let axis = span("", [of(0.4, 0.2, 1.2), of(-9.0, -9.5, -8.0)], [(0.0, 0.1)], [0.0, 1.0], [-0.5, 1.5]);
        assert!(axis.low <= -0.5 && axis.low > -0.6 && axis.high > 1.2 && axis.high < 1.3);
        let plain = span("", [of(0.4, 0.2, 0.6)], [], [0.0, 1.0], [-1.0, 2.0]);
        assert_eq!((plain.low, plain.high), (0.0, 1.0));
    }
}
