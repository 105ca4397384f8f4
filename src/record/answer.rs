//! Logits at the last position to an answer.

use super::recorded::Answer;
use crate::dataset::Item;
use crate::processor::OptionTokens;

/// The option whose first token is the most probable. `logits` is `[vocabulary]`, at the item's last position.
///
/// Probabilities are among the whole vocabulary, in `f64`; of options that tie, the first is chosen. That no two options
/// start with the same token, the processor has made sure of. An item without options is answered by the generated text.
pub(crate) fn choose(item: &Item, options: &[OptionTokens], logits: &[f32], generated: Option<String>) -> Answer {
    // Only a text can answer then.
    if item.options.is_empty() {
        let text = generated.clone().unwrap_or_default();
        let correct = item.accepts(&text);
        return Answer { text, generated, correct, confidence: None, p_options: None };
    }
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| f64::from(logit - top).exp();
    let total: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    let p_options: Vec<f64> = options.iter().map(|option| weight(logits[option.first_id as usize]) / total).collect();
    let best = |best: usize, k: usize| if p_options[k] > p_options[best] { k } else { best };
    let choice = (0..p_options.len()).reduce(best).unwrap_or(0);
    Answer {
        text: item.options.get(choice).cloned().unwrap_or_default(),
        generated,
        correct: choice == item.gold,
        confidence: Some((1.0 / total) as f32),
        p_options: Some(p_options.iter().map(|&p| p as f32).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(gold: usize) -> Item {
        Item {
            id: "one".into(),
            image: "one.png".into(),
            medium: crate::dataset::Medium::Image,
            answers: Vec::new(),
            question: "Where?".into(),
            options: vec!["left".into(), "right".into()],
            gold,
            relation: None,
            familiarity: None,
            objects: vec![],
            pair: None,
            set: None,
        }
    }

    #[test]
    fn a_free_answer_is_the_generated_text() {
        let open = Item { options: vec![], answers: vec!["Two chairs".into()], ..item(0) };
        let answer = choose(&open, &[], &[0.0], Some("two chairs.".into()));
        assert_eq!((answer.text.as_str(), answer.correct, answer.p_options), ("two chairs.", true, None));
        assert!(!choose(&open, &[], &[0.0], None).correct);
    }

    fn option(text: &str, first_id: u32) -> OptionTokens {
        OptionTokens { text: text.into(), positions: vec![], first_id }
    }

    #[test]
    fn probabilities_are_among_the_whole_vocabulary() {
        // exp: 1, 2, 4, 1 of 8. The most probable token, 2, is no option.
        let logits = [0.0, 2f32.ln(), 4f32.ln(), 0.0];
        let options = [option("left", 1), option("right", 3)];
        let answer = choose(&item(0), &options, &logits, None);
        assert_eq!((answer.text.as_str(), answer.correct), ("left", true));
        let p = answer.p_options.unwrap();
        assert!((p[0] - 0.25).abs() < 1e-6 && (p[1] - 0.125).abs() < 1e-6);
        assert!((answer.confidence.unwrap() - 0.5).abs() < 1e-6);
        assert!(!choose(&item(1), &options, &logits, None).correct);
    }
}
