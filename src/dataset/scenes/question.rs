//! What can be asked of a scene, in words. Every text that a model may read or write is made here.

use std::collections::BTreeSet;

use super::identity::{Colour, Identity, Shape};
use super::relation::Relation;
use super::rows::Flavour;

/// Numbers of columns and rows, from left to right and from top to bottom.
pub const NUMBERS: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

/// The chat template around every question, as LLaVA has it; the answer follows.
const TEMPLATE: &str = "USER: <image>\n ASSISTANT:";

/// One of the patch grid's two coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coordinate {
    Column,
    Row,
}

/// Where the first is, seen from the second.
pub(super) fn relation(first: Identity, second: Identity) -> String {
    format!("Where is the {first} in relation to the {second}? Answer with left, right, above or below.")
}

/// Which colour the neighbour of `reference` has; `direction` is the neighbour's place in relation to it.
pub(super) fn neighbour(flavour: Flavour, direction: Relation, reference: Identity) -> String {
    format!("What colour is the {} {} the {reference}?", flavour.word(), direction.phrase())
}

pub(super) fn colour_of(shape: Shape) -> String {
    format!("What colour is the {}?", shape.word())
}

pub(super) fn shape_of(colour: Colour) -> String {
    format!("What shape is the {} object?", colour.word())
}

pub(super) fn location(identity: Identity, coordinate: Coordinate) -> String {
    match coordinate {
        Coordinate::Column => format!("Which column is the {identity} in?"),
        Coordinate::Row => format!("Which row is the {identity} in?"),
    }
}

/// Every word and punctuation mark of any question, option or answer and of the chat template, `<image>` and the line
/// break among them, sorted and each once. Special tokens other than `<image>` are the tokenizer's own affair.
pub fn vocabulary() -> Vec<String> {
    let mut texts = vec![TEMPLATE.to_owned()];
    texts.extend(NUMBERS.map(str::to_owned));
    texts.extend(Relation::ALL.map(|relation| relation.word().to_owned()));
    for shape in Shape::ALL {
        texts.push(colour_of(shape));
        for colour in Colour::ALL {
            let identity = Identity { shape, colour };
            texts.extend([relation(identity, identity), shape_of(colour)]);
            texts.extend([Coordinate::Column, Coordinate::Row].map(|coordinate| location(identity, coordinate)));
            for direction in Relation::ALL {
                texts.extend(Flavour::ALL.map(|flavour| neighbour(flavour, direction, identity)));
            }
        }
    }
    let tokens: BTreeSet<&str> = texts.iter().flat_map(|text| tokens(text)).collect();
    tokens.into_iter().map(str::to_owned).collect()
}

/// Words, punctuation marks and line breaks; spaces only separate. `<image>` is one token.
pub(in crate::dataset) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, character) in text.char_indices() {
        let in_word = character.is_alphanumeric() || matches!(character, '<' | '>');
        if in_word {
            start.get_or_insert(at);
            continue;
        }
        tokens.extend(start.take().map(|start| &text[start..at]));
        if character != ' ' {
            tokens.push(&text[at..at + character.len_utf8()]);
        }
    }
    tokens.extend(start.map(|start| &text[start..]));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_into_words_and_marks() {
        assert_eq!(tokens("USER: <image>\nleft, or?"), ["USER", ":", "<image>", "\n", "left", ",", "or", "?"]);
    }

    #[test]
    fn the_vocabulary_is_small_and_has_each_token_once() {
        let vocabulary = vocabulary();
        assert!((50..100).contains(&vocabulary.len()), "{}", vocabulary.len());
        for token in ["\n", "<image>", "ASSISTANT", ":", "?", ",", ".", "triangle", "brown", "eight", "below", "to"] {
            assert_eq!(vocabulary.iter().filter(|known| *known == token).count(), 1, "{token:?}");
        }
    }
}
