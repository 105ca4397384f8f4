//! What a model in training is shown and asked, whatever it is made from.

use image::RgbImage;

use crate::dataset::PixelBox;
use crate::dataset::rooms;
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
    /// Pictures: [`scenes`].
    Scenes,
    /// Videos: [`rooms`].
    Rooms,
}

impl Topic {
    /// Kinds of question, in the order of the columns of `steps.csv`.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Scenes => &["relation", "neighbour", "location", "identity"],
            Self::Rooms => &["direction", "bearing", "distance", "count", "order", "side", "nearer", "form"],
        }
    }

    /// The test sets that a model is measured on.
    pub fn sets(self) -> &'static [&'static str] {
        match self {
            Self::Scenes => &["scenes/pairs", "scenes/rows"],
            Self::Rooms => &["rooms/test"],
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
            Self::Rooms => &[
                ["direction", "rooms/test", "direction"],
                ["distance", "rooms/test", "distance"],
                ["all", "rooms/test", "all"],
            ],
        }
    }

    /// Every token of its questions and answers.
    pub fn vocabulary(self) -> Vec<String> {
        match self {
            Self::Scenes => scenes::vocabulary(),
            Self::Rooms => rooms::vocabulary(),
        }
    }

    /// What a reader of its accuracies must know.
    pub fn chance(self) -> &'static str {
        match self {
            Self::Scenes => {
                "Chance is 25 % for pairs (four options) and 12.5 % for rows (eight colours); who finds the row but not the \
                 side has 50 %."
            }
            Self::Rooms => {
                "Chance is 50 % for direction, side and nearer, a third for bearing, distance and order, 25 % for count."
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

/// Rendered rooms.
struct Rooms {
    stream: rooms::Stream,
    frames: usize,
    canvas: u32,
    naming: Naming,
}

/// Whether a course says what is seen where, which takes time to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    Named,
    Unnamed,
}

impl Course for Rooms {
    fn lesson(&self, index: u64) -> Lesson {
        let rooms::Sample { room, frames, turns } = self.stream.sample(index);
        let turns = turns.into_iter().map(|turn| Turn {
            kind: turn.kind.word(),
            answer: turn.answer().to_owned(),
            question: turn.question,
        });
        let named = match self.naming {
            Naming::Unnamed => Vec::new(),
            Naming::Named => {
                let cameras = room.cameras(self.frames);
                let seen = room.sightings(self.frames, self.canvas).into_iter().enumerate();
                let in_frame = |(frame, things): (usize, Vec<Option<rooms::Sighting>>)| {
                    let mut things: Vec<_> = things.into_iter().zip(&room.solids).collect();
                    // What is near covers what is far, and is larger.
                    things.sort_by_key(|(seen, _)| std::cmp::Reverse(seen.map_or(0, |seen| seen.pixels)));
                    let (eye, middle) = (cameras[frame].eye, f64::from(self.canvas) / 2.0);
                    let named = things.into_iter().filter_map(move |(seen, solid)| {
                        let place = seen?.area;
                        let side = if place.x1 + place.x2 < 2.0 * middle { "left" } else { "right" };
                        let words =
                            vec![solid.identity.tint.word(), solid.identity.form.word(), side, metres(solid.away(eye))];
                        Some(Named { frame, place, words })
                    });
                    named.collect::<Vec<_>>()
                };
                seen.flat_map(in_frame).collect()
            }
        };
        Lesson { frames, turns: turns.collect(), named }
    }
}

/// The number of whole metres, of those that there is a word for.
fn metres(away: f64) -> &'static str {
    rooms::NUMBERS[(away as usize).clamp(1, rooms::NUMBERS.len()) - 1]
}

/// The course of a recipe's mix of rooms.
pub(super) fn rooms(mix: &rooms::Mix, seed: u64, naming: Naming) -> Result<Box<dyn Course>> {
    let stream = rooms::Stream::new(mix, seed)?;
    Ok(Box::new(Rooms { stream, frames: mix.frames, canvas: mix.canvas, naming }))
}

/// The course of a recipe's mix of scenes.
pub(super) fn scenes(mix: &scenes::Mix, seed: u64) -> Result<Box<dyn Course>> {
    Ok(Box::new(scenes::Stream::new(mix, seed)?))
}
