//! What can be asked of a room, in words. Every text that a model may read or write is made here. Kinds and wording follow
//! VSI-Bench (Yang et al. 2025), with answers of one word.

use std::collections::BTreeSet;
use std::fmt;

use super::identity::{Form, Identity, Tint};
use crate::dataset::scenes::tokens;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Standing by one thing and facing another, is the third to the left or to the right?
    Direction,
    /// The same, or behind.
    Bearing,
    /// Which of three things is closest to a fourth, on the floor of the room?
    Distance,
    /// How many boxes, balls or posts are there?
    Count,
    /// Which of three things comes into view first, or last?
    Order,
    /// In the first frame, which of two things is farther left? One image tells.
    Side,
    /// In the last frame, which of two things is nearer to the camera? One image tells, in three dimensions.
    Nearer,
    /// Which form has a colour? Any image that shows it tells.
    Form,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Direction,
        Self::Bearing,
        Self::Distance,
        Self::Count,
        Self::Order,
        Self::Side,
        Self::Nearer,
        Self::Form,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Direction => "direction",
            Self::Bearing => "bearing",
            Self::Distance => "distance",
            Self::Count => "count",
            Self::Order => "order",
            Self::Side => "side",
            Self::Nearer => "nearer",
            Self::Form => "form",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One question, and what may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub kind: Kind,
    pub question: String,
    /// Single words, none beginning like another.
    pub options: Vec<String>,
    /// Index into `options`.
    pub gold: usize,
    /// What the question is about, in the order in which it names them: places in [`super::Room::solids`].
    pub about: Vec<usize>,
}

impl Turn {
    pub fn answer(&self) -> &str {
        &self.options[self.gold]
    }
}

/// Which end of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    First,
    Last,
}

impl End {
    pub const ALL: [Self; 2] = [Self::First, Self::Last];

    fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

/// Numbers of things, from one.
pub const NUMBERS: [&str; 4] = ["one", "two", "three", "four"];

pub(super) fn direction(by: Identity, facing: Identity, asked: Identity) -> String {
    format!("Standing by the {by} and facing the {facing}, is the {asked} to your left or right?")
}

pub(super) fn bearing(by: Identity, facing: Identity, asked: Identity) -> String {
    format!("Standing by the {by} and facing the {facing}, is the {asked} to your left, right or back?")
}

pub(super) fn distance(to: Identity, [a, b, c]: [Tint; 3]) -> String {
    format!("What colour is the object closest to the {to}: {}, {} or {}?", a.word(), b.word(), c.word())
}

pub(super) fn count(form: Form) -> String {
    format!("How many {} are in the room?", form.plural())
}

pub(super) fn order(end: End, [a, b, c]: [Tint; 3]) -> String {
    format!("What colour is the object that appears {}: {}, {} or {}?", end.word(), a.word(), b.word(), c.word())
}

pub(super) fn side([a, b]: [Tint; 2]) -> String {
    format!("What colour is the object farther left in the first frame: {} or {}?", a.word(), b.word())
}

pub(super) fn nearer([a, b]: [Tint; 2]) -> String {
    format!("What colour is the object nearer to the camera in the last frame: {} or {}?", a.word(), b.word())
}

pub(super) fn form_of(tint: Tint) -> String {
    format!("What form has the {} object?", tint.word())
}

/// Every word and punctuation mark of any question, option or answer, sorted and each once.
pub fn vocabulary() -> Vec<String> {
    let mut texts = NUMBERS.map(str::to_owned).to_vec();
    for form in Form::ALL {
        texts.extend([form.word().to_owned(), count(form)]);
        for tint in Tint::ALL {
            let thing = Identity { form, tint };
            texts.extend([direction(thing, thing, thing), bearing(thing, thing, thing), distance(thing, [tint; 3])]);
            texts.extend(End::ALL.map(|end| order(end, [tint; 3])));
            texts.extend([side([tint; 2]), nearer([tint; 2]), form_of(tint)]);
        }
    }
    let tokens: BTreeSet<&str> = texts.iter().flat_map(|text| tokens(text)).collect();
    tokens.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vocabulary_is_small_and_has_each_token_once() {
        let vocabulary = vocabulary();
        assert!((50..90).contains(&vocabulary.len()), "{}", vocabulary.len());
        for token in ["?", ",", ":", "left", "back", "four", "boxes", "cyan", "camera"] {
            assert_eq!(vocabulary.iter().filter(|known| *known == token).count(), 1, "{token:?}");
        }
    }
}
