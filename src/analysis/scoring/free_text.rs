//! Answers in free text, held against several that are right: exact match (EM) and refined exact match (EM-R).
//!
//! Both texts are brought into one form first: lower case, no marks but `, ' - :`, whole numbers as words, no articles, a few
//! misspellings of the annotations mended. *Exact* means equal to one of the right ones; *refined*, that one is part of the
//! other, spaces aside. An empty answer is wrong; the released code calls it right when refined.
//!
//! BLEU, METEOR, ROUGE and CIDEr are not computed here: published numbers are those of one Java and Python package
//! (`pycocoevalcap`), which other implementations do not reproduce. `frames/items` has what it needs: question, gold, answer.
//!
//! Source: the SQA3D code (Ma et al., ICLR 2023), and LEO (Huang et al., ICML 2024) for the refined match.

/// Numbers as words, from 0.
const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// What the annotations spell otherwise now and then, and the one form of it.
const SPELLINGS: [(&str, &str); 13] = [
    ("letf", "left"),
    ("let", "left"),
    ("tehre", "there"),
    ("brigth", "right"),
    ("rght", "right"),
    ("behine", "behind"),
    ("chai", "chair"),
    ("wasing", "washing"),
    ("waslked", "walked"),
    ("oclock", "o'clock"),
    ("none", "zero"),
    ("23", "twenty-three"),
    ("backwards", "backward"),
];

/// Whether a text is one of the right ones.
pub fn exact(text: &str, right: &[impl AsRef<str>]) -> bool {
    let text = cleaned(text);
    !text.is_empty() && right.iter().any(|right| cleaned(right.as_ref()) == text)
}

/// Whether a text contains a right one, or is part of one.
pub fn refined(text: &str, right: &[impl AsRef<str>]) -> bool {
    let joined = |text: &str| cleaned(text).split_whitespace().collect::<String>();
    let text = joined(text);
    let meets = |right: String| !right.is_empty() && (right.contains(&text) || text.contains(&right));
    !text.is_empty() && right.iter().any(|right| meets(joined(right.as_ref())))
}

/// The one form of a text.
fn cleaned(text: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || c.is_whitespace() || matches!(c, ',' | '\'' | '-' | ':');
    let kept: String = text.to_lowercase().chars().filter(kept).collect();
    let words: Vec<String> = kept.split_whitespace().map(mended).collect();
    let article = |at: usize| {
        let followed = words.get(at + 1).is_some_and(|next| next.starts_with(|c: char| c.is_ascii_alphabetic()));
        followed && matches!(words[at].as_str(), "a" | "an" | "the")
    };
    let words: Vec<&str> = (0..words.len()).filter(|at| !article(*at)).map(|at| words[at].as_str()).collect();
    words.join(" ").replace("o' clock", "o'clock")
}

/// A word between spaces, each run of letters and digits of it in its one form.
fn mended(word: &str) -> String {
    let mut mended = String::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let plain = first.is_ascii_alphanumeric();
        let end = rest.find(|c: char| c.is_ascii_alphanumeric() != plain).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        mended += &if plain { spelled(part) } else { part.to_owned() };
        rest = after;
    }
    mended
}

fn spelled(part: &str) -> String {
    if let Some((_, form)) = SPELLINGS.iter().find(|(other, _)| *other == part) {
        return (*form).to_owned();
    }
    if let Some(number) =
        part.parse().ok().filter(|_| part.len() == 1 || !part.starts_with('0')).and_then(|n: usize| NUMBERS.get(n))
    {
        return (*number).to_owned();
    }
    // Objects of a class are numbered in some annotations: mat2.
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered =
        part.len() == letters.len() + 1 && !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_alphabetic());
    if numbered { letters.to_owned() } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_brought_into_one_form() {
        for (text, form) in [
            ("  The brown   Cabinet. ", "brown cabinet"),
            ("4", "four"),
            ("10 chairs", "ten chairs"),
            ("at 3 oclock", "at three o'clock"),
            ("o' clock", "o'clock"),
            ("mat2", "mat"),
            ("None", "zero"),
            ("to the letf", "to left"),
            ("a", "a"),
            ("2004", "2004"),
            ("twenty-3", "twenty-three"),
        ] {
            assert_eq!(cleaned(text), form, "{text}");
        }
    }

    #[test]
    fn exact_is_equal_and_refined_is_part() {
        let right = ["brown cabinet", "cabinet"];
        assert!(exact("The cabinet.", &right) && refined("The cabinet.", &right));
        assert!(!exact("a white cabinet", &right) && refined("a white cabinet", &right));
        assert!(refined("brown", &right) && !refined("sofa", &right));
        assert!(!exact("", &right) && !refined("...", &right) && !refined("x", &[""]));
        assert!(refined("bookshelf", &["book shelf"]) && !exact("bookshelf", &["book shelf"]));
    }
}
