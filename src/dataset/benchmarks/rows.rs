//! The elements of a large JSON array one by one, each with the line it begins on.

use std::fmt::Display;
use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{Error, Result};

/// One element of the array, not yet parsed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub text: &'a str,
    /// From 1.
    pub line: usize,
    /// From 0.
    pub index: usize,
}

/// The elements of the array that `text` holds.
///
/// # Errors
/// The text is not an array, or is broken, with the line.
pub(super) fn rows<'a>(text: &'a str, file: &Path) -> Result<Vec<Row<'a>>> {
    let line_of = |at: usize| 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
    let wrong = |what: &str, at: usize| Error::data(format!("{}:{}: {what}", file.display(), line_of(at)));
    let skip = |at: usize| at + text[at..].len() - text[at..].trim_start().len();
    let mut at = skip(0);
    if !text[at..].starts_with('[') {
        return Err(wrong("expected a JSON array", at));
    }
    let (mut rows, mut line, mut counted) = (Vec::new(), 1, 0);
    at = skip(at + 1);
    while !text[at..].starts_with(']') {
        let mut element = serde_json::Deserializer::from_str(&text[at..]).into_iter::<IgnoredAny>();
        match element.next() {
            Some(Ok(_)) => {}
            Some(Err(error)) if !error.is_eof() => return Err(wrong(&format!("broken JSON: {error}"), at)),
            _ => return Err(wrong("the JSON array has no end: is the file whole?", text.len())),
        }
        let end = at + element.byte_offset();
        line += text[counted..at].matches('\n').count();
        counted = at;
        rows.push(Row { text: &text[at..end], line, index: rows.len() });
        at = skip(end);
        match text[at..].chars().next() {
            Some(',') => at = skip(at + 1),
            Some(']') => {}
            Some(other) => return Err(wrong(&format!("expected `,` or `]`, found `{other}`"), at)),
            None => return Err(wrong("the JSON array has no end: is the file whole?", at)),
        }
    }
    Ok(rows)
}

impl Row<'_> {
    /// What the row holds.
    pub(super) fn parse<T: DeserializeOwned>(&self, expected: &str) -> Result<T> {
        serde_json::from_str(self.text).map_err(|error| Error::data(format!("expected {expected}: {error}")))
    }

    /// Where the row is.
    pub(super) fn place<'a>(&self, file: &'a Path) -> impl Display + use<'a> {
        format!("{}:{}: row {}", file.display(), self.line, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Vec<(String, usize)>> {
        let rows = rows(text, Path::new("rows.json"))?;
        Ok(rows.into_iter().map(|row| (row.text.to_string(), row.line)).collect())
    }

    #[test]
    fn rows_come_with_their_lines() {
        let text = " [\n  [1, \"a,]\\\"\", {\"x\": [2]}],\n  {\"y\":\n 3} , \"z\"\n]\n";
        let expected = [("[1, \"a,]\\\"\", {\"x\": [2]}]", 2), ("{\"y\":\n 3}", 3), ("\"z\"", 4)];
        assert_eq!(found(text).unwrap(), expected.map(|(text, line)| (text.to_string(), line)));
        assert_eq!(found("[]").unwrap(), []);
        assert_eq!(found("[7]").unwrap(), [("7".to_string(), 1)]);
    }

    #[test]
    fn what_is_no_array_is_refused_with_its_line() {
        assert!(found("\n{\"a\": 1}").unwrap_err().to_string().starts_with("rows.json:2: expected a JSON array"));
        assert!(found("[1,\n[2").unwrap_err().to_string().starts_with("rows.json:2: the JSON array has no end"));
        assert!(found("[1 2]").unwrap_err().to_string().contains("expected `,` or `]`, found `2`"));
        assert!(found("[1, tru]").unwrap_err().to_string().contains("broken JSON"));
        assert!(found("").is_err());
    }

    #[test]
    fn a_row_of_the_wrong_shape_says_what_was_expected() {
        let text = "[[1, \"a\"],\n [2]]";
        let rows = rows(text, Path::new("rows.json")).unwrap();
        let error = rows[1].parse::<(u64, String)>("[number, text]").unwrap_err();
        let error = error.within(rows[1].place(Path::new("rows.json"))).to_string();
        assert!(error.starts_with("rows.json:2: row 1: expected [number, text]:"), "{error}");
    }
}
