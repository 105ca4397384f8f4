//! What a training recipe can ask of the stream.

use serde::{Deserialize, Serialize};

use super::identity::Split;
use super::pairs::Geometry;
use super::stream::CANVAS;
use crate::error::{Error, Result};

/// What the stream is made of: a training recipe's `mix`. Every key may be left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Shares of the kinds of image, in any unit.
    pub images: ImageWeights,
    /// Questions asked of an image, fewer where it has fewer to offer.
    pub questions: QuestionCounts,
    /// Weights of the kinds of question when the questions of an image are drawn, without replacement.
    pub kinds: KindWeights,
    /// Share of the pairs that stand one above the other: how familiar above and below become.
    pub vertical: f64,
    /// Share of the pairs that have a colour or a shape in common.
    pub sharing: f64,
    /// Share of the rows that are squares only.
    pub squares: f64,
    /// Which entities of a row a neighbour question may refer to.
    pub references: References,
    /// Least and greatest size of single objects and of pairs, in pixels, both even. Rows have a size of their own.
    pub size: [i32; 2],
    /// `training` for training; `held-out` gives what training never shows, for an endless test.
    pub split: Split,
}

/// How often each kind of image comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageWeights {
    /// One object, on a varied background.
    pub single: f64,
    pub pairs: f64,
    pub rows: f64,
}

/// How many questions are asked of each kind of image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuestionCounts {
    pub single: usize,
    pub pairs: usize,
    pub rows: usize,
}

/// How strongly each question is drawn, by kind; 0 leaves a kind out, a very large weight asks it first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KindWeights {
    pub relation: f64,
    pub identity: f64,
    pub location: f64,
    pub neighbour: f64,
}

/// The reference of a neighbour question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum References {
    /// The middle entity only, as in the test set. The direction alone then tells the answer's place in the row.
    Middle,
    /// Also the entities at the ends, so that the reference has to be found.
    Any,
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            images: ImageWeights::default(),
            questions: QuestionCounts::default(),
            kinds: KindWeights::default(),
            vertical: 0.125,
            sharing: 0.15,
            squares: 0.5,
            references: References::Any,
            size: [24, 44],
            split: Split::Training,
        }
    }
}

impl Default for ImageWeights {
    fn default() -> Self {
        Self { single: 0.0, pairs: 1.0, rows: 1.0 }
    }
}

impl Default for QuestionCounts {
    fn default() -> Self {
        Self { single: 4, pairs: 6, rows: 6 }
    }
}

impl Default for KindWeights {
    fn default() -> Self {
        Self { relation: 4.0, identity: 1.0, location: 1.0, neighbour: 4.0 }
    }
}

impl Mix {
    /// Checks every number, naming the first key that is out of range.
    pub fn check(&self) -> Result<()> {
        let ImageWeights { single, pairs, rows } = self.images;
        let KindWeights { relation, identity, location, neighbour } = self.kinds;
        let weights = [
            ("images.single", single),
            ("images.pairs", pairs),
            ("images.rows", rows),
            ("kinds.relation", relation),
            ("kinds.identity", identity),
            ("kinds.location", location),
            ("kinds.neighbour", neighbour),
        ];
        for (key, weight) in weights {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(Error::usage(format!("`{key}` is {weight}, expected a weight of 0 or more")));
            }
        }
        for (key, share) in [("vertical", self.vertical), ("sharing", self.sharing), ("squares", self.squares)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::usage(format!("`{key}` is {share}, expected a share from 0 to 1")));
            }
        }
        // What can be asked of each kind of image, and whether it is.
        let easy = identity + location;
        let asked = [
            ("single", single, easy, self.questions.single),
            ("pairs", pairs, relation + easy, self.questions.pairs),
            ("rows", rows, neighbour + easy, self.questions.rows),
        ];
        if asked.iter().all(|(_, weight, ..)| *weight == 0.0) {
            return Err(Error::usage("every weight in `images` is 0: there is nothing to show"));
        }
        for (name, weight, kinds, count) in asked {
            if weight > 0.0 && (kinds == 0.0 || count == 0) {
                return Err(Error::usage(format!("`images.{name}` is {weight}, but nothing is asked of such images"))
                    .with_help(format!(
                        "raise `questions.{name}` and a weight in `kinds`, or set `images.{name} = 0`"
                    )));
            }
        }
        let [least, greatest] = self.size;
        if !(8..=greatest).contains(&least) || least % 2 != 0 || greatest % 2 != 0 || !self.geometry().has_room() {
            return Err(Error::usage(format!(
                "`size` is [{least}, {greatest}], expected two even numbers of pixels from 8 to 60, the smaller first"
            )));
        }
        Ok(())
    }

    pub(super) fn geometry(&self) -> Geometry {
        Geometry { canvas: CANVAS as i32, size: self.size, distance: 36 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_that_makes_no_sense_is_refused_by_key() {
        let refused = |mix: Mix| mix.check().unwrap_err().to_string();
        assert!(refused(Mix { vertical: 1.5, ..Mix::default() }).contains("`vertical` is 1.5"));
        assert!(refused(Mix { size: [44, 24], ..Mix::default() }).contains("`size`"));
        assert!(refused(Mix { size: [24, 80], ..Mix::default() }).contains("`size`"));
        let images = ImageWeights { single: f64::NAN, ..ImageWeights::default() };
        assert!(refused(Mix { images, ..Mix::default() }).contains("`images.single`"));
        let kinds = KindWeights { relation: 0.0, identity: 0.0, location: 0.0, neighbour: 1.0 };
        assert!(refused(Mix { kinds, ..Mix::default() }).contains("nothing is asked"));
    }
}
