//! Which position of the prompt is what: image patches, BOS, question words, answer options, the last token.

use std::ops::Range;

use super::geometry::{ImageGeometry, Patch};
use super::tokenizer::Encoded;
use super::view::{Mark, Mosaic, View};
use crate::dataset::PixelBox;
use crate::error::{Error, Result};

/// The meaning of every position of one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenMap {
    /// Number of positions.
    pub len: usize,
    /// Position of the beginning-of-sequence token; `None` for models that have none.
    pub bos: Option<usize>,
    /// Position of each image patch, row-major over `geometry.grid`: of an image with several views, the finest.
    pub image: Vec<usize>,
    /// Where the patches lie in the original image.
    pub geometry: ImageGeometry,
    /// Which of the encoder's patches each of them is made of.
    pub mosaic: Mosaic,
    /// The image's other views, tokens being positions.
    pub aside: Vec<View>,
    /// Image tokens that show no part of the image.
    pub marks: Vec<Mark>,
    /// The words of the question, in reading order.
    pub words: Vec<Word>,
    /// The answer options, in the order in which they were given.
    pub options: Vec<OptionTokens>,
    /// The last position: where the model gives its answer.
    pub last: usize,
}

impl TokenMap {
    /// The position of every image token: the patches of [`image`](Self::image), other views, marks.
    pub fn visual(&self) -> Vec<usize> {
        let aside = self.aside.iter().flat_map(|view| view.tokens.iter().copied());
        self.image.iter().copied().chain(aside).chain(self.marks.iter().map(|mark| mark.token)).collect()
    }

    /// Of every image token, in the same order: which of the tokens that the projector makes it is.
    pub fn sources(&self) -> Vec<usize> {
        let of = |mosaic: Mosaic, geometry: &ImageGeometry| {
            geometry.grid.patches().map(move |token| mosaic.projected(token)).collect::<Vec<_>>()
        };
        let aside = self.aside.iter().flat_map(|view| of(view.mosaic, &view.geometry));
        let main = of(self.mosaic, &self.geometry);
        main.into_iter().chain(aside).chain(self.marks.iter().map(|mark| mark.source)).collect()
    }

    /// Of a video: which group of frames (from 0) the token at a position shows, and where in them it is; of a picture, group 0.
    /// `None` of text, of other views and of marks.
    pub fn moment(&self, position: usize) -> Option<(usize, Patch)> {
        let at = self.image.iter().position(|token| *token == position)?;
        let patch = self.geometry.grid.patches().nth(at)?;
        let rows = (self.geometry.grid.rows / self.mosaic.moments.max(1)).max(1);
        Some((patch.row / rows, Patch { row: patch.row % rows, col: patch.col }))
    }

    /// What the token at a position shows, in pixels of the original image; `None` of text and of marks.
    pub fn rect(&self, position: usize) -> Option<PixelBox> {
        let main = (&self.geometry, &self.image);
        let mut views = std::iter::once(main).chain(self.aside.iter().map(|view| (&view.geometry, &view.tokens)));
        views.find_map(|(geometry, tokens)| {
            let at = tokens.iter().position(|token| *token == position)?;
            geometry.grid.patches().nth(at).map(|patch| geometry.patch_rect(patch))
        })
    }
}

/// One word of the question: a run without white space, punctuation at both ends left off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Bytes of the question: `&question[span]` is `text`.
    pub span: Range<usize>,
    /// Positions of the tokens that hold any of it.
    pub positions: Range<usize>,
}

/// One answer option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionTokens {
    pub text: String,
    /// Every place where the question names this option as whole words, whatever the case; often none.
    pub positions: Vec<Range<usize>>,
    /// The token by which this answer would start after the prompt.
    pub first_id: u32,
}

/// The words of a question that begins at byte `at` of the encoded prompt.
pub(super) fn words(question: &str, at: usize, encoded: &Encoded) -> Result<Vec<Word>> {
    let place = |span: Range<usize>| {
        let text = question[span.clone()].to_owned();
        match positions(&span, at, encoded) {
            Some(positions) => Ok(Word { text, span, positions }),
            None => Err(Error::data(format!("the tokenizer gives no token for the word `{text}` of `{question}`"))),
        }
    };
    word_spans(question).into_iter().map(place).collect()
}

/// The options, each with every place where the question names it.
pub(super) fn options(
    question: &str,
    at: usize,
    encoded: &Encoded,
    options: &[String],
    first_ids: &[u32],
) -> Vec<OptionTokens> {
    let tokens = |(text, first_id): (&String, &u32)| OptionTokens {
        text: text.clone(),
        positions: occurrences(question, text).iter().filter_map(|span| positions(span, at, encoded)).collect(),
        first_id: *first_id,
    };
    options.iter().zip(first_ids).map(tokens).collect()
}

/// The positions of all tokens that share a byte with `span` of the question.
fn positions(span: &Range<usize>, at: usize, encoded: &Encoded) -> Option<Range<usize>> {
    let (start, end) = (at + span.start, at + span.end);
    let touches = |token: &Range<usize>| token.start < end && token.end > start;
    let first = encoded.spans.iter().position(touches)?;
    let last = encoded.spans.iter().rposition(touches)?;
    Some(first..last + 1)
}

/// Runs without white space, punctuation at both ends left off; runs of nothing else left out.
fn word_spans(question: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for run in question.split_whitespace() {
        // `run` is a part of `question`, so its place is the distance between their beginnings.
        let start = run.as_ptr() as usize - question.as_ptr() as usize;
        let first = run.find(char::is_alphanumeric);
        let last = run.char_indices().rfind(|(_, c)| c.is_alphanumeric()).map(|(at, c)| at + c.len_utf8());
        if let (Some(first), Some(last)) = (first, last) {
            spans.push(start + first..start + last);
        }
    }
    spans
}

/// Every place where `text` holds `phrase` as whole words, whatever the case.
pub(super) fn occurrences(text: &str, phrase: &str) -> Vec<Range<usize>> {
    let inside_word = |before: Option<char>, after: Option<char>| {
        before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
    };
    let mut found = Vec::new();
    for (start, _) in text.char_indices() {
        let Some(length) = prefix_length(&text[start..], phrase) else { continue };
        let end = start + length;
        let cut = |at: usize| inside_word(text[..at].chars().next_back(), text[at..].chars().next());
        if !cut(start) && !cut(end) {
            found.push(start..end);
        }
    }
    found
}

/// How many bytes of `text` spell `phrase`, whatever the case; `None` where it does not begin with it.
fn prefix_length(text: &str, phrase: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in phrase.chars() {
        let c = rest.next()?;
        if c != wanted && !c.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
    }
    (!phrase.is_empty()).then(|| text.len() - rest.as_str().len())
}

/// What stands between `before` and `after` in `text`, white space being equal to any other or none.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let solid = |text: &str| -> Vec<char> { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let mut rest = text;
    for wanted in solid(before) {
        rest = rest.trim_start().strip_prefix(wanted)?;
    }
    for wanted in solid(after).into_iter().rev() {
        rest = rest.trim_end().strip_suffix(wanted)?;
    }
    Some(rest)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are what is tested")]
mod tests {
    use super::*;

    /// One token a character; the first stands for nothing, like a BOS.
    fn by_character(text: &str) -> Encoded {
        let spans = text.char_indices().map(|(at, c)| at..at + c.len_utf8());
        let spans: Vec<_> = std::iter::once(0..0).chain(spans).collect();
        Encoded { ids: vec![0; spans.len()], spans }
    }

    #[test]
    fn words_leave_punctuation_and_keep_their_place() {
        let question = "Is the «café-bar» left, - or on?";
        let found = words(question, 3, &by_character(&format!("Q: {question}"))).unwrap();
        let texts: Vec<_> = found.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["Is", "the", "café-bar", "left", "or", "on"]);
        assert!(found.iter().all(|word| question[word.span.clone()] == word.text));
        // BOS, then "Q: ", then one position a character.
        assert_eq!(found[0].positions, 4..6);
        assert_eq!(found[2].positions, 12..20);
    }

    #[test]
    fn a_token_may_hold_parts_of_two_words() {
        let encoded = Encoded { ids: vec![0; 3], spans: vec![0..1, 1..4, 4..5] };
        let found = words("ab cd", 0, &encoded).unwrap();
        assert_eq!((found[0].positions.clone(), found[1].positions.clone()), (0..2, 1..3));
    }

    #[test]
    fn a_word_without_tokens_is_an_error() {
        let encoded = Encoded { ids: vec![0], spans: vec![0..2] };
        assert!(words("ab cd", 0, &encoded).unwrap_err().to_string().contains("`cd`"));
    }

    #[test]
    fn options_are_found_as_whole_words_only() {
        let question = "On the lemon? Answer with left, on or in front.";
        let names: Vec<String> = ["on", "Left", "in front", "right"].map(str::to_owned).into();
        let found = options(question, 0, &by_character(question), &names, &[7, 8, 9, 10]);
        let places: Vec<_> = found.iter().map(|option| option.positions.clone()).collect();
        assert_eq!(places, [vec![1..3, 33..35], vec![27..31], vec![39..47], vec![]]);
        assert_eq!(found[2].first_id, 9);
    }

    #[test]
    fn the_middle_is_found_whatever_the_white_space() {
        assert_eq!(between("A: <i> \n why so?  B:", "A: <i>\n", " B:"), Some(" \n why so?  "));
        assert_eq!(between("A: why B:", "C:", "B:"), None);
        assert_eq!(between("A:B:", "A:", "B:"), Some(""));
    }
}
