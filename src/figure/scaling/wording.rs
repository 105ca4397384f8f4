//! How the ways of scaling are called and drawn.

use super::super::canvas::Pen;
use super::super::theme::{BLUE, GREEN, INK, ORANGE, SKY, VERMILLION};

/// What an operator does, in a few words.
pub fn operator(name: &str) -> String {
    match name {
        "raw" => "raw: scores × alpha".into(),
        "temperature" => "temperature: shape as raw, share of the image kept".into(),
        "mass" => "mass: share of the image as raw, shape kept".into(),
        other => other.into(),
    }
}

pub fn operator_pen(name: &str) -> Pen {
    let color = match name {
        "raw" => VERMILLION,
        "temperature" => BLUE,
        "mass" => GREEN,
        _ => INK,
    };
    Pen::solid(color, 2.0)
}

/// The pen of the n-th relation.
pub fn relation_pen(place: usize) -> Pen {
    let colors = [BLUE, SKY, VERMILLION, ORANGE, GREEN, INK];
    match place / colors.len() {
        0 => Pen::solid(colors[place], 2.0),
        _ => Pen::dashed(colors[place % colors.len()], 2.0, 6.0, 2.5),
    }
}

/// Whose rule decides what is right.
pub fn rule(name: &str) -> &'static str {
    match name {
        "substring" => "right if the right option occurs anywhere in the text (the released code’s rule)",
        "exactly_one" => "right if the right option is the only one named",
        _ => "right if the text names the right option",
    }
}

/// "90.8 %".
pub fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}
