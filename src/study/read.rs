//! A study file to a [`Study`], with errors that show the line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Study;
use crate::error::suggestion;
use crate::error::{Error, Result};

/// The text a study was read from, for errors that come up later.
#[derive(Clone, Debug)]
pub struct StudyText {
    pub path: PathBuf,
    pub text: String,
}

impl Study {
    /// Reads a study file.
    ///
    /// # Errors
    /// [`Error::Text`] at the place of an unknown key or of a value that does not fit.
    pub fn read(path: &Path) -> Result<(Self, StudyText)> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let source = StudyText { path: path.to_path_buf(), text };
        let study = toml::from_str(&source.text).map_err(|error| source.explain(&error))?;
        Ok((study, source))
    }
}

impl StudyText {
    /// The error with the place of a key's value, for instance `["record", "attention"]` or `["intervene", "0", "sites"]`; as it is where the file leaves
    /// the key out.
    pub fn error_at(&self, keys: &[&str], error: Error) -> Error {
        match self.span_of(keys) {
            Some(span) => self.error(span, error.to_string(), error.help().map(str::to_string)),
            None => error,
        }
    }

    fn error(&self, span: Range<usize>, message: String, help: Option<String>) -> Error {
        let line = 1 + self.text.bytes().take(span.start).filter(|&byte| byte == b'\n').count();
        let message = format!("{}, line {line}: {message}", self.path.display());
        Error::Text { message, help, path: self.path.clone(), text: self.text.clone(), span }
    }

    /// Our words for what the TOML reader says. serde puts the known names into its message, between backticks.
    fn explain(&self, error: &toml::de::Error) -> Error {
        let span = self.narrowed(error.span().unwrap_or(0..0), error.message());
        let (message, help) = match error.message().split_once('\n') {
            Some((message, help)) => (message.to_string(), Some(help.to_string())),
            None => unknown_name(error.message()).unwrap_or_else(|| (error.message().to_string(), None)),
        };
        self.error(span, message, help)
    }

    /// Of an error that marks several lines: the one line that holds the name it complains about.
    fn narrowed(&self, span: Range<usize>, message: &str) -> Range<usize> {
        let (Some(name), Some(marked)) = (message.split('`').nth(1), self.text.get(span.clone())) else { return span };
        match marked.find(name) {
            Some(at) if marked.contains('\n') && !name.is_empty() => span.start + at..span.start + at + name.len(),
            _ => span,
        }
    }

    fn span_of(&self, keys: &[&str]) -> Option<Range<usize>> {
        let document = toml::de::DeTable::parse(&self.text).ok()?;
        let (first, rest) = keys.split_first()?;
        let mut value = document.get_ref().get(*first)?;
        for key in rest {
            value = match (value.get_ref(), key.parse::<usize>()) {
                (toml::de::DeValue::Array(list), Ok(index)) => list.get(index)?,
                (other, _) => other.get(*key)?,
            };
        }
        Some(value.span())
    }
}

/// "unknown field `x`, expected one of `a`, `b`" as a message and the nearest of the known names.
fn unknown_name(message: &str) -> Option<(String, Option<String>)> {
    let kinds = [("unknown field ", "unknown key"), ("unknown variant ", "unknown value")];
    let (kind, rest) =
        kinds.iter().find_map(|(theirs, ours)| message.strip_prefix(theirs).map(|rest| (*ours, rest)))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let typed = quoted.next()?;
    let known: Vec<_> = quoted.collect();
    Some((format!("{kind} `{typed}`"), (!known.is_empty()).then(|| suggestion(typed, known))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::{Heads, Query};

    const SMALL: &str = "title = \"T\"\nquestion = \"Q?\"\n[dataset]\nsource = \"scenes/pairs\"\n";

    fn read(text: &str) -> Result<Study> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, text).unwrap();
        Study::read(&path).map(|(study, _)| study)
    }

    /// The message, the help and the text that the span marks.
    fn failure(text: &str) -> (String, String, String) {
        match read(text).unwrap_err() {
            Error::Text { message, help, text, span, .. } => {
                (message, help.unwrap_or_default(), text[span].to_string())
            }
            other => panic!("not a text error: {other}"),
        }
    }

    #[test]
    fn a_small_study_has_the_documented_defaults() {
        let study = read(SMALL).unwrap();
        assert_eq!((study.record.heads, study.record.query), (Heads::All, Query::Last));
        assert_eq!(study.record.attention[0].as_ref(), "lm.*.attn");
        assert_eq!(study.model.path, crate::study::BUNDLED_MODEL);
        // What run.json keeps is read back as it was.
        let kept = serde_json::to_string(&study).unwrap();
        assert_eq!(serde_json::from_str::<Study>(&kept).unwrap(), study);
    }

    #[test]
    fn an_unknown_key_shows_its_line_and_the_nearest_key() {
        let (message, help, marked) = failure(&format!("{SMALL}[record]\nbach = 4\n"));
        assert!(message.contains("line 6") && message.contains("unknown key `bach`"), "{message}");
        assert_eq!((help.as_str(), marked.as_str()), ("did you mean `batch`?", "bach"));
        let (message, help, _) = failure(&format!("{SMALL}[recrod]\n"));
        assert!(message.contains("`recrod`") && help.contains("`record`"), "{message} {help}");
    }

    #[test]
    fn a_value_that_does_not_fit_shows_its_line() {
        let cases = [
            ("[record]\nheads = \"al\"\n", "unknown value `al`", "\"al\""),
            ("[record]\nbatch = 0\n", "nonzero", "0"),
            ("[record]\nbatch = \"many\"\n", "expected a nonzero", "\"many\""),
            (
                "[record]\nattention = [\"lm.*.attn\", \"lm.*.atn\"]\n",
                "`lm.*.atn` is not a site",
                "[\"lm.*.attn\", \"lm.*.atn\"]",
            ),
            ("[[record.hidden]]\nsites = []\ngroups = [\"lasst\"]\n", "not a group", "[\"lasst\"]"),
            ("[model]\npath = 3\n", "expected a string", "3"),
        ];
        for (tail, expected, marks) in cases {
            let (message, _, marked) = failure(&format!("{SMALL}{tail}"));
            assert!(message.contains(expected), "{message}");
            assert_eq!(marked, marks, "{message}");
        }
    }

    #[test]
    fn a_missing_key_and_broken_toml_are_told() {
        assert!(failure("question = \"Q\"\n[dataset]\nsource = \"s\"\n").0.contains("missing field `title`"));
        assert!(failure("title = \"T\"\nquestion = \"Q\"\n").0.contains("missing field `dataset`"));
        assert!(failure("title = \"T").0.contains("line 1"));
    }

    #[test]
    fn a_later_error_finds_its_key() {
        let source =
            StudyText { path: "study.toml".into(), text: format!("{SMALL}[record]\nattention = [\"lm.9.attn\"]\n") };
        match source.error_at(&["record", "attention"], Error::usage("no such site")) {
            Error::Text { message, text, span, .. } => {
                assert_eq!(&text[span], "[\"lm.9.attn\"]");
                assert!(message.contains("line 6: no such site"), "{message}");
            }
            other => panic!("{other}"),
        }
        let elsewhere = source.error_at(&["record", "batch"], Error::usage("too small"));
        assert!(matches!(elsewhere, Error::Usage { .. }), "{elsewhere}");
    }
}
