//! Texts that a model answered, to numbers: which are right, and how accuracy is counted over items, pairs and sets.
//!
//! Two ways stand side by side. What the released code of the attention-location study counts can be had, so that its table
//! can be compared, and is called *released*; what the words mean is the default.
//!
//! | module | right | released |
//! |---|---|---|
//! | [`rule`] | the gold option as a word; the only option named | the gold option anywhere in the text |
//! | [`groups`] | pairs and sets of which all members were asked | all that there would be, broken ones counted wrong |
//! | [`yes_no`] | precision, recall, F1, balanced accuracy | a harmonic mean of sensitivity and specificity called F1 |
//! | [`gate`] | confidence held against the threshold as it is | rounded to two decimals first |
//! | [`confusion`] | gold against answer, the favour of answers and its shift | |
//! | [`relative`] | numbers: mean relative accuracy as the paper writes it | an error that is a threshold counts as met |
//! | [`free_text`] | free text: exact match and refined exact match; an empty answer is wrong | empty is right when refined |
//!
//! Source: Chen et al., ICML 2025, and its released code (AdaptVis).

pub mod confusion;
pub mod free_text;
pub mod gate;
pub mod groups;
pub mod relative;
pub mod rule;
pub mod yes_no;

pub use confusion::Confusion;
pub use gate::{Gate, Rounding};
pub use groups::{GroupAccuracy, group_accuracy};
pub use rule::{Named, Rule, named};
pub use yes_no::{Released, YesNo};

/// How many items are right by at least one of several methods: no choice between them can do better.
pub fn ceiling(right_by_method: &[&[bool]]) -> usize {
    let items = right_by_method.iter().map(|right| right.len()).max().unwrap_or(0);
    let any = |item: &usize| right_by_method.iter().any(|right| right.get(*item).copied().unwrap_or(false));
    (0..items).filter(any).count()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Line {
        image: String,
        options: Vec<String>,
        gold: String,
        confidence: f64,
        answers: HashMap<String, String>,
    }

    impl Line {
        /// The relation's pair and the objects' set, by the photograph's name.
        fn keys(&self) -> (String, String) {
            let fields: Vec<&str> = self.image.trim_end_matches(".jpeg").split('_').collect();
            let set = format!("{}_{}", fields[0], fields[fields.len() - 1]);
            let beside = ["left", "right"].contains(&self.gold.as_str());
            (format!("{set}/{}", if beside { "beside" } else { "on-under" }), set)
        }
    }

    /// Twelve made-up answers with the traps of the recorded ones: option words inside other words, two options in one
    /// sentence, confidences that rounding lifts over the threshold, sets torn apart by the split.
    fn sweep() -> Vec<Line> {
        let text = include_str!("../../../tests/fixtures/replay/sweep.jsonl");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn at<'a>(lines: &'a [Line], alpha: &str) -> Vec<&'a str> {
        lines.iter().map(|line| line.answers[alpha].as_str()).collect()
    }

    fn gated(lines: &[Line], rounding: Rounding) -> Vec<&str> {
        let gate = Gate::new(0.4, rounding).unwrap();
        let alpha = |line: &Line| if gate.is_unsure(line.confidence) { "0.5" } else { "1.5" };
        lines.iter().map(|line| line.answers[alpha(line)].as_str()).collect()
    }

    fn right(lines: &[Line], answers: &[&str], rule: Rule) -> Vec<bool> {
        let one = |(line, text): (&Line, &&str)| rule.is_right(text, &line.gold, &line.options);
        lines.iter().zip(answers).map(one).collect()
    }

    fn count(right: &[bool]) -> usize {
        right.iter().filter(|&&right| right).count()
    }

    #[test]
    fn each_rule_counts_otherwise() {
        let lines = sweep();
        let counts = |answers: &[&str]| {
            [Rule::Substring, Rule::Word, Rule::ExactlyOne].map(|rule| count(&right(&lines, answers, rule)))
        };
        assert_eq!(counts(&at(&lines, "1.0")), [7, 7, 7]);
        assert_eq!(counts(&at(&lines, "0.5")), [7, 8, 5]);
        assert_eq!(counts(&gated(&lines, Rounding::TwoDecimals)), [9, 10, 9]);
        assert_eq!(counts(&gated(&lines, Rounding::None)), [11, 12, 10]);
    }

    #[test]
    fn pairs_and_sets_over_complete_ones_and_as_released() {
        let lines = sweep();
        let right = right(&lines, &gated(&lines, Rounding::TwoDecimals), Rule::Substring);
        let keys: Vec<_> = lines.iter().map(Line::keys).collect();
        let pairs = group_accuracy(keys.iter().map(|keys| Some(keys.0.as_str())).zip(right.iter().copied()), 2);
        let sets = group_accuracy(keys.iter().map(|keys| Some(keys.1.as_str())).zip(right.iter().copied()), 4);
        assert_eq!(
            (pairs.right, pairs.complete, pairs.accuracy(), pairs.released()),
            (2, 5, Some(0.4), Some(1.0 / 3.0))
        );
        assert_eq!((sets.right, sets.complete, sets.accuracy(), sets.released()), (1, 2, Some(0.5), Some(1.0 / 3.0)));
    }

    #[test]
    fn no_gate_beats_the_ceiling() {
        let lines = sweep();
        let by = |alpha| right(&lines, &at(&lines, alpha), Rule::Substring);
        let (low, high) = (by("0.5"), by("1.5"));
        assert_eq!(ceiling(&[&low, &high]), 11);
        assert_eq!((ceiling(&[&low]), ceiling(&[])), (count(&low), 0));
    }
}
