//! The tokens that a class of answers can begin with.

use super::Processor;
use super::chat::Medium;
use crate::error::{Error, Result};

/// For each class, the tokens that say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerForms {
    /// In the order of the options; no token is in two of them.
    pub classes: Vec<Vec<u32>>,
}

impl Processor {
    /// The tokens of each option: its single-token spellings, lower case and capitalised, with and without a space before,
    /// and the token by which it would start after this question's prompt.
    ///
    /// # Errors
    /// An option of which no token says anything; two options that share a token, with the token.
    pub fn answer_forms(&self, question: &str, options: &[String]) -> Result<AnswerForms> {
        let prompt = self.prompt(question, Medium::Image)?;
        let firsts = self.first_ids(&prompt.text, options)?;
        let mut classes: Vec<Vec<u32>> = Vec::with_capacity(options.len());
        for (option, first) in options.iter().zip(firsts) {
            let mut forms = Vec::new();
            for spelling in spellings(option) {
                // A word of the vocabulary as such, or what the tokenizer makes of it.
                let encoded = self.tokenizer.encode_bare(&spelling)?;
                forms.extend(self.tokenizer.id(&spelling).filter(|id| self.says(*id, option)));
                forms.extend(encoded.first().filter(|id| encoded.len() == 1 && self.says(**id, option)).copied());
            }
            if !self.tokenizer.decode_all(&[first])?.trim().is_empty() {
                forms.push(first);
            }
            forms.sort_unstable();
            forms.dedup();
            if forms.is_empty() {
                return Err(Error::data(format!("the option `{option}` starts with a token that is only white space"))
                    .with_help("word the options so that each has a token of its own"));
            }
            let shared = classes
                .iter()
                .enumerate()
                .find_map(|(other, known)| forms.iter().find(|form| known.contains(form)).map(|form| (other, *form)));
            if let Some((other, form)) = shared {
                return Err(Error::data(format!(
                    "the options `{}` and `{option}` share the token `{}` (id {form})",
                    options[other],
                    self.tokenizer.decode_all(&[form])?
                ))
                .with_help("a class of answers is scored by its tokens: word the options so that they share none"));
            }
            classes.push(forms);
        }
        Ok(AnswerForms { classes })
    }

    /// Whether a token spells the option, whatever its case and the space around it. Unknown words do not.
    fn says(&self, id: u32, option: &str) -> bool {
        self.tokenizer.decode_all(&[id]).is_ok_and(|text| text.trim().to_lowercase() == option.trim().to_lowercase())
    }
}

/// Lower case and capitalised, bare and with a space before: as such, and as the two common vocabularies write it.
fn spellings(option: &str) -> Vec<String> {
    let lower = option.trim().to_lowercase();
    let mut letters = lower.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let spaces = ["", " ", "\u{2581}", "\u{120}"];
    [lower, capital].iter().flat_map(|word| spaces.map(|space| format!("{space}{word}"))).collect()
}
