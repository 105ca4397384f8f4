//! What a model in training is shown and asked, whatever it is made from.

use image::RgbImage;

use crate::dataset::PixelBox;
use crate::dataset::scenes::{self, NUMBERS};
use crate::error::Result;

/// A picture or a video, and questions about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// One: a picture. Several: a video, all of one size.
    pub frames: Vec<RgbImage>,
    /// At least one, all different.
    pub turns: Vec<Turn>,
    /// What can be named where it is seen; see [`Phase::naming`](super::Phase::naming).
    pub named: Vec<Named>,
}

/// One question and its answer, of one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub question: String,
    pub answer: String,
    /// One of [`Topic::kinds`].
    pub kind: &'static str,
}

/// A thing in a frame, and what there is to say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    pub frame: usize,
    /// In pixels of the frame.
    pub place: PixelBox,
    /// Equally many for every thing of a topic.
    pub words: Vec<&'static str>,
}

/// An endless supply of lessons: each a pure function of its index.
pub trait Course: Send + Sync {
    fn lesson(&self, index: u64) -> Lesson;
}

/// What lessons are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    Scenes,
}

impl Topic {
    /// Kinds of question, in the order of the columns of `steps.csv`.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Scenes => &["relation", "neighbour", "location", "identity"],
        }
    }

    /// The test sets that a model is measured on.
    pub fn sets(self) -> &'static [&'static str] {
        match self {
            Self::Scenes => &["scenes/pairs", "scenes/rows"],
        }
    }

    /// Held-out curves of the figure: name, test set, stratum.
    pub fn looks(self) -> &'static [[&'static str; 3]] {
        match self {
            Self::Scenes => &[
                ["pairs, familiar", "scenes/pairs", "familiar"],
                ["pairs, unfamiliar", "scenes/pairs", "unfamiliar"],
                ["rows", "scenes/rows", "all"],
            ],
        }
    }

    /// Every token of its questions and answers.
    pub fn vocabulary(self) -> Vec<String> {
        match self {
            Self::Scenes => scenes::vocabulary(),
        }
    }

    /// What a reader of its accuracies must know.
    pub fn chance(self) -> &'static str {
        match self {
            Self::Scenes => {
                "Chance is 25 % for pairs (four options) and 12.5 % for rows (eight colours); who finds the row but not the \
                 side has 50 %."
            }
        }
    }
}

/// Rendered scenes.
impl Course for scenes::Stream {
    fn lesson(&self, index: u64) -> Lesson {
        let sample = self.sample(index);
        let kind = |kind| match kind {
            scenes::Kind::Relation => "relation",
            scenes::Kind::Neighbour => "neighbour",
            scenes::Kind::Location => "location",
            scenes::Kind::Identity => "identity",
        };
        let turns = sample.turns.into_iter().map(|turn| Turn {
            kind: kind(turn.kind),
            question: turn.question,
            answer: turn.answer,
        });
        let canvas = sample.scene.canvas;
        let named = sample.scene.entities.iter().map(|entity| {
            let (half, x, y) = (f64::from(entity.size) / 2.0, f64::from(entity.centre.x), f64::from(entity.centre.y));
            let place = |centre: i32| NUMBERS[centre as usize * NUMBERS.len() / canvas as usize];
            Named {
                frame: 0,
                place: PixelBox { x1: x - half, y1: y - half, x2: x + half, y2: y + half },
                words: vec![
                    entity.identity.colour.word(),
                    entity.identity.shape.word(),
                    place(entity.centre.x),
                    place(entity.centre.y),
                ],
            }
        });
        Lesson { frames: vec![sample.image], turns: turns.collect(), named: named.collect() }
    }
}

/// The course of a recipe's mix of scenes.
pub(super) fn scenes(mix: &scenes::Mix, seed: u64) -> Result<Box<dyn Course>> {
    Ok(Box::new(scenes::Stream::new(mix, seed)?))
}
