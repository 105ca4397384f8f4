//! The rows of the tables about two encoders, as figures and report read them.

use std::path::Path;

use super::super::table::{Estimate, Table};
use crate::error::Result;

/// `tables/addends`: one measure of both addends, over the tokens of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Addend {
    pub group: String,
    /// as_is, centred.
    pub states: String,
    pub measure: String,
    pub value: Option<Estimate>,
    pub control: Option<Estimate>,
    pub n: i64,
    pub tokens: i64,
}

impl Addend {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "addends")?;
        let (group, states, measure) = (table.names("group")?, table.names("states")?, table.names("measure")?);
        let value = table.estimates("value", "ci_lo", "ci_hi")?;
        let control = table.estimates("control", "control_lo", "control_hi")?;
        let (n, tokens) = (table.integers("n")?, table.integers("tokens")?);
        let row = |i: usize| Self {
            group: group[i].clone(),
            states: states[i].clone(),
            measure: measure[i].clone(),
            value: value[i],
            control: control[i],
            n: n[i],
            tokens: tokens[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/cross_frame`: the share of its attention that a frame pays to a frame, or to all others.
#[derive(Clone, Debug, PartialEq)]
pub struct Between {
    pub layer: i64,
    pub head: i64,
    /// Of the video.
    pub frames: i64,
    /// Query and key frame; None: what leaves the own frame.
    pub pair: Option<(f64, f64)>,
    pub value: Option<Estimate>,
    pub uniform: Option<f64>,
    pub n: i64,
}

impl Between {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "cross_frame")?;
        let (layer, head, frames) = (table.integers("layer")?, table.integers("head")?, table.integers("frames")?);
        let pair = table.ranges("query_frame", "key_frame")?;
        let value = table.estimates("value", "ci_lo", "ci_hi")?;
        let (uniform, n) = (table.numbers("uniform")?, table.integers("n")?);
        let row = |i: usize| Self {
            layer: layer[i],
            head: head[i],
            frames: frames[i],
            pair: pair[i],
            value: value[i],
            uniform: uniform[i],
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// `tables/moments`: the share of the attention to a video that one of its moments gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    pub layer: i64,
    pub head: i64,
    /// Of the video.
    pub moments: i64,
    pub moment: i64,
    pub share: Option<Estimate>,
    pub uniform: Option<f64>,
    pub n: i64,
}

impl Moment {
    pub fn read(run: &Path) -> Result<Vec<Self>> {
        let table = Table::open(run, "moments")?;
        let (layer, head) = (table.integers("layer")?, table.integers("head")?);
        let (moments, moment) = (table.integers("moments")?, table.integers("moment")?);
        let share = table.estimates("share", "ci_lo", "ci_hi")?;
        let (uniform, n) = (table.numbers("uniform")?, table.integers("n")?);
        let row = |i: usize| Self {
            layer: layer[i],
            head: head[i],
            moments: moments[i],
            moment: moment[i],
            share: share[i],
            uniform: uniform[i],
            n: n[i],
        };
        Ok((0..table.height()).map(row).collect())
    }
}

/// The commonest length among the rows: videos of different length cannot share a map.
pub(super) fn commonest(lengths: impl Iterator<Item = (i64, i64)>) -> Option<i64> {
    lengths.max_by_key(|(length, n)| (*n, *length)).map(|(length, _)| length)
}
