//! When a text counts as the right answer.

use serde::{Deserialize, Serialize};

/// When a text counts as right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The gold option occurs in it as whole words, whatever the case, be other options named or not.
    #[default]
    Word,
    /// The gold option is the only option that occurs in it as whole words.
    ExactlyOne,
    /// The rule of the released code: the gold option occurs anywhere in it, whatever the case ("on" also in "lemon"); but
    /// "on" not where "front" occurs.
    Substring,
}

impl Rule {
    /// As tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::ExactlyOne => "exactly_one",
            Self::Substring => "substring",
        }
    }

    /// Whether a text answers with the gold option, one of `options`.
    pub fn is_right<S: AsRef<str>>(self, text: &str, gold: &str, options: &[S]) -> bool {
        match self {
            Self::Word => find_words(text, gold).is_some(),
            Self::ExactlyOne => match named(text, options) {
                Named::One(option) => options[option].as_ref().eq_ignore_ascii_case(gold),
                Named::Nothing | Named::Several => false,
            },
            Self::Substring => {
                let (text, gold) = (text.to_lowercase(), gold.to_lowercase());
                text.contains(&gold) && !(gold == "on" && text.contains("front"))
            }
        }
    }
}

/// Which of the options a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Nothing,
    /// Its place among the options.
    One(usize),
    Several,
}

/// Which of the options occur in a text as whole words, whatever the case.
pub fn named<S: AsRef<str>>(text: &str, options: &[S]) -> Named {
    let mut found = (0..options.len()).filter(|&option| find_words(text, options[option].as_ref()).is_some());
    match (found.next(), found.next()) {
        (None, _) => Named::Nothing,
        (Some(option), None) => Named::One(option),
        (Some(_), Some(_)) => Named::Several,
    }
}

/// After how many words `words` first occur in a text as whole words, whatever the case.
pub fn find_words(text: &str, words: &str) -> Option<usize> {
    let split = |text: &str| -> Vec<String> {
        let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        parts.map(str::to_lowercase).collect()
    };
    let (text, words) = (split(text), split(words));
    (!words.is_empty()).then(|| text.windows(words.len()).position(|window| window == words)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: [&str; 4] = ["left", "right", "on", "under"];

    fn by(text: &str, gold: &str) -> [bool; 3] {
        [Rule::Word, Rule::ExactlyOne, Rule::Substring].map(|rule| rule.is_right(text, gold, &FOUR))
    }

    #[test]
    fn the_rules_differ_where_they_should() {
        assert_eq!(by("Left", "left"), [true; 3]);
        assert_eq!(by("The lemon is to the left.", "on"), [false, false, true]);
        assert_eq!(by("It is on the floor, under the table.", "under"), [true, false, true]);
        assert_eq!(by("On the front of the chair", "on"), [true, true, false]);
        assert_eq!(by("", "on"), [false; 3]);
        assert_eq!(by("UNDER!", "under"), [true; 3]);
    }

    #[test]
    fn several_words_are_one_option() {
        assert!(Rule::Word.is_right("It is in front of the chair", "in front", &["in front", "behind"]));
        assert_eq!(find_words("on the floor, under the table", "under"), Some(3));
        assert_eq!(find_words("anything", " "), None);
        assert_eq!(named("left or right", &FOUR), Named::Several);
        assert_eq!(named("Right.", &FOUR), Named::One(1));
        assert_eq!(named("lemon", &FOUR), Named::Nothing);
    }
}
