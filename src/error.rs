//! What can go wrong, said so that the reader can mend it: what, in which file and key, what was expected, what to do.

use std::path::{Path, PathBuf};

/// Every fallible function of the crate returns this.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One problem, with the advice that belongs to it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong: a flag, a study key, a site name. Exit code 2.
    #[error("{message}")]
    Usage { message: String, help: Option<String> },
    /// The request is fine, what it reads is not: a checkpoint, an image, a frame. Exit code 1.
    #[error("{message}")]
    Data { message: String, help: Option<String> },
    /// A text file that does not parse, with the place. Exit code 2: study files are part of the request.
    #[error("{message}")]
    Text { message: String, help: Option<String>, path: PathBuf, text: String, span: std::ops::Range<usize> },
    /// The operating system refused. Exit code 1.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Stopped by Ctrl-C after the current shard was finished. Exit code 130.
    #[error("interrupted; everything recorded so far is kept")]
    Interrupted { resume: String },
}

impl Error {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: None }
    }

    pub fn data(message: impl Into<String>) -> Self {
        Self::Data { message: message.into(), help: None }
    }

    /// `action` completes "cannot … `path`": "read", "create", "write".
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.as_ref().to_path_buf(), source }
    }

    /// Adds what the user can do about it.
    pub fn with_help(mut self, advice: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage { help, .. } | Self::Data { help, .. } | Self::Text { help, .. } => *help = Some(advice.into()),
            Self::Io { .. } | Self::Interrupted { .. } => {}
        }
        self
    }

    /// Puts where it happened in front of the message: a file, an item, a key.
    pub fn within(mut self, place: impl std::fmt::Display) -> Self {
        match &mut self {
            Self::Usage { message, .. } | Self::Data { message, .. } | Self::Text { message, .. } => {
                *message = format!("{place}: {message}");
            }
            Self::Io { .. } | Self::Interrupted { .. } => {}
        }
        self
    }

    /// The advice, if there is any.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Usage { help, .. } | Self::Data { help, .. } | Self::Text { help, .. } => help.as_deref(),
            Self::Interrupted { resume } => Some(resume),
            Self::Io { .. } => None,
        }
    }

    /// The process's exit status: 2 usage, 1 data, 130 interrupted.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Usage { .. } | Self::Text { .. } => 2,
            Self::Data { .. } | Self::Io { .. } => 1,
            Self::Interrupted { .. } => 130,
        }
    }
}

/// The names closest to a mistyped one, nearest first, at most three.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<_> = known.into_iter().map(|name| (strsim::damerau_levenshtein(typed, name), name)).collect();
    scored.sort();
    scored.dedup();
    scored
        .into_iter()
        .filter(|(distance, name)| *distance <= 2 + name.len() / 3)
        .take(3)
        .map(|(_, name)| name)
        .collect()
}

/// "Did you mean `a` or `b`?", or the whole list where nothing is near.
pub fn suggestion<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = nearest(typed, known.clone());
    if near.is_empty() {
        let all: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
        format!("known: {}", all.join(", "))
    } else {
        let near: Vec<_> = near.into_iter().map(|name| format!("`{name}`")).collect();
        format!("did you mean {}?", near.join(" or "))
    }
}
