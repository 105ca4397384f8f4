//! What a training recipe can ask of the stream of rooms.

use serde::{Deserialize, Serialize};

use super::question::Kind;
use crate::dataset::scenes::Split;
use crate::error::{Error, Result};

/// What the stream is made of: a training recipe's `mix`. Every key may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Frames of a video.
    pub frames: usize,
    /// Pixels across a frame, and down.
    pub canvas: u32,
    /// Things in a room, at least and at most.
    pub things: [usize; 2],
    /// Share of the rooms whose camera turns on one spot; in the others it goes round the middle.
    pub turning: f64,
    /// Questions asked of a video; fewer where it has fewer to offer.
    pub questions: usize,
    /// How often each kind of question is asked, in any unit.
    pub kinds: KindWeights,
    /// `training` for training; `held-out` gives what training never shows (and no question of counts), for an endless test.
    pub split: Split,
}

/// Shares of the kinds of question.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KindWeights {
    pub direction: f64,
    pub bearing: f64,
    pub distance: f64,
    pub count: f64,
    pub order: f64,
    pub side: f64,
    pub nearer: f64,
    pub form: f64,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            frames: 8,
            canvas: 84,
            things: [5, 5],
            turning: 0.5,
            questions: 8,
            kinds: KindWeights::default(),
            split: Split::Training,
        }
    }
}

impl Default for KindWeights {
    fn default() -> Self {
        Self { direction: 2.0, bearing: 1.0, distance: 2.0, count: 1.0, order: 2.0, side: 1.0, nearer: 1.0, form: 1.0 }
    }
}

impl KindWeights {
    pub fn of(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Direction => self.direction,
            Kind::Bearing => self.bearing,
            Kind::Distance => self.distance,
            Kind::Count => self.count,
            Kind::Order => self.order,
            Kind::Side => self.side,
            Kind::Nearer => self.nearer,
            Kind::Form => self.form,
        }
    }
}

impl Mix {
    /// Checks every number, naming the first key that is out of range.
    pub fn check(&self) -> Result<()> {
        check_video(self.frames, self.canvas)?;
        let [least, most] = self.things;
        if !(4 <= least && least <= most && most <= 6) {
            let message = format!("`things` is [{least}, {most}], expected two numbers from 4 to 6, the smaller first");
            return Err(Error::usage(message));
        }
        if !(0.0..=1.0).contains(&self.turning) {
            return Err(Error::usage(format!("`turning` is {}, expected a share from 0 to 1", self.turning)));
        }
        for kind in Kind::ALL {
            let weight = self.kinds.of(kind);
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Error::usage(format!("`kinds.{kind}` is {weight}, expected a weight of 0 or more")));
            }
        }
        if self.questions == 0 || Kind::ALL.iter().all(|kind| self.kinds.of(*kind) == 0.0) {
            return Err(Error::usage("nothing is asked").with_help("raise `questions` and a weight in `kinds`"));
        }
        Ok(())
    }
}

pub(super) fn check_video(frames: usize, canvas: u32) -> Result<()> {
    if !(1..=256).contains(&frames) {
        return Err(Error::usage(format!("`frames` is {frames}, expected from 1 to 256")));
    }
    if !(28..=1024).contains(&canvas) {
        return Err(Error::usage(format!("`canvas` is {canvas}, expected from 28 to 1024 pixels")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_that_makes_no_sense_is_refused_by_key() {
        let refused = |mix: Mix| mix.check().unwrap_err().to_string();
        assert!(Mix::default().check().is_ok());
        assert!(refused(Mix { frames: 0, ..Mix::default() }).contains("`frames` is 0"));
        assert!(refused(Mix { canvas: 4, ..Mix::default() }).contains("`canvas` is 4"));
        assert!(refused(Mix { things: [6, 5], ..Mix::default() }).contains("`things`"));
        assert!(refused(Mix { turning: f64::NAN, ..Mix::default() }).contains("`turning`"));
        let kinds = KindWeights { order: -1.0, ..KindWeights::default() };
        assert!(refused(Mix { kinds, ..Mix::default() }).contains("`kinds.order`"));
        assert!(refused(Mix { questions: 0, ..Mix::default() }).contains("nothing is asked"));
    }
}
