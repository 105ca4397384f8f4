//! Text that a model wrote to an answer, right or wrong.

use serde_json::{Map, Value};

use super::layout::Record;
use crate::analysis::scoring::Rule;
use crate::analysis::scoring::rule::find_words;
use crate::dataset::Item;
use crate::error::{Error, Result};
use crate::record::Answer;

/// The scaling of attention whose answer counts: the untouched model's.
pub(super) const UNTOUCHED: &str = "1.0";

/// When a text counts as right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// The gold option occurs in it as a whole word, whatever the case.
    Words,
    /// The rule of AdaptVis' released code: the gold option occurs anywhere in it, whatever the case ("on" also in
    /// "lemon"); but "on" not where "front" occurs.
    AdaptVis,
}

impl Scoring {
    pub fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::AdaptVis => "adaptvis",
        }
    }

    /// Whether a text answers with the gold option.
    pub fn is_right(self, text: &str, gold: &str) -> bool {
        match self {
            Self::Words => Rule::Word.is_right(text, gold, &[gold]),
            Self::AdaptVis => Rule::Substring.is_right(text, gold, &[gold]),
        }
    }

    /// The answer of the untouched model.
    pub(super) fn answer(self, item: &Item, record: &Record) -> Result<Answer> {
        let text = text(record)?;
        let (chosen, correct) = chosen(self, item, text);
        Ok(Answer {
            text: chosen,
            generated: Some(text.to_string()),
            p_options: probabilities(record)?,
            confidence: record.confidence,
            correct,
        })
    }
}

/// The option that a text answers with (the right one, if it counts as right; else the first that it names; else the text
/// itself), and whether it is right.
pub(super) fn chosen(scoring: Scoring, item: &Item, text: &str) -> (String, bool) {
    let gold = &item.options[item.gold];
    let correct = scoring.is_right(text, gold);
    let first_named = || {
        let named = item.options.iter().filter_map(|option| Some((find_words(text, option)?, option)));
        named.min_by_key(|(at, _)| *at).map(|(_, option)| option)
    };
    let option = if correct { Some(gold) } else { first_named() };
    (option.map_or(text, String::as_str).to_string(), correct)
}

/// `answer`, or of `answers` the one at 1.0.
fn text(record: &Record) -> Result<&str> {
    let from_scalings = || record.answers.as_ref()?.get(UNTOUCHED)?.as_str();
    record.answer.as_deref().or_else(from_scalings).map(str::trim).ok_or_else(|| {
        Error::data("no answer of the untouched model")
            .with_help("give `answer`, or an `answers` table with the text at \"1.0\"")
    })
}

/// Probabilities in the order of the options.
fn probabilities(record: &Record) -> Result<Option<Vec<f32>>> {
    let options = &record.options;
    record.option_probabilities.as_ref().map(|given| in_order_of(options, given)).transpose()
}

/// Probabilities in the order of an item's options.
pub(super) fn in_order(item: &Item, given: &Map<String, Value>) -> Result<Vec<f32>> {
    in_order_of(&item.options, given)
}

fn in_order_of(options: &[String], given: &Map<String, Value>) -> Result<Vec<f32>> {
    let of = |option: &String| {
        let value = given.iter().find(|(name, _)| name.eq_ignore_ascii_case(option)).and_then(|(_, p)| p.as_f64());
        value
            .map(|p| p as f32)
            .ok_or_else(|| Error::data(format!("`option_probabilities` has no number for `{option}`")))
    };
    options.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_whatever_the_case() {
        assert!(Scoring::Words.is_right("Left", "left"));
        assert!(Scoring::Words.is_right("The cup is on the table.", "on"));
        assert!(!Scoring::Words.is_right("A lemon.", "on"));
        assert!(Scoring::Words.is_right("It is in front of the chair", "in front"));
        assert!(!Scoring::Words.is_right("", "on"));
    }

    #[test]
    fn the_released_rule_takes_substrings() {
        assert!(Scoring::AdaptVis.is_right("A lemon.", "On"));
        assert!(!Scoring::AdaptVis.is_right("on the front", "On"));
        assert!(Scoring::AdaptVis.is_right("in front of", "Front"));
        assert!(!Scoring::AdaptVis.is_right("Left", "Right"));
    }

    #[test]
    fn the_first_named_option_is_the_answer_unless_the_gold_one_is_named() {
        assert_eq!(find_words("on the floor, under the table", "under"), Some(3));
        assert!(
            find_words("on the floor, under the table", "on") < find_words("on the floor, under the table", "under")
        );
    }
}
