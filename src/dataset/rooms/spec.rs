//! Room files: test sets as data. The shipped ones are part of the program; a copy can be changed and opened by path.

use std::path::Path;

use serde::Deserialize;

use super::Split;
use super::mix::check_video;
use super::question::Kind;
use crate::error::{Error, Result};

/// What a room file asks for. `datasets/rooms/test.toml` explains the keys.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    #[serde(rename = "kind")]
    _kind: Header,
    pub seed: u64,
    pub frames: usize,
    pub canvas: u32,
    /// Sets take turns between these.
    pub splits: Vec<Split>,
    /// Sets of each kind.
    pub sets: Sets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Header {
    Rooms,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sets {
    pub direction: u64,
    pub bearing: u64,
    pub distance: u64,
    pub count: u64,
    pub order: u64,
    pub side: u64,
    pub nearer: u64,
}

impl Sets {
    pub fn all(&self) -> [(Kind, u64); 7] {
        [
            (Kind::Direction, self.direction),
            (Kind::Bearing, self.bearing),
            (Kind::Distance, self.distance),
            (Kind::Count, self.count),
            (Kind::Order, self.order),
            (Kind::Side, self.side),
            (Kind::Nearer, self.nearer),
        ]
    }
}

/// Most sets of a kind: a test set is held in memory.
const MOST: u64 = 10_000;

impl Spec {
    /// Whether a file says of itself that it describes rooms.
    pub fn is_one(text: &str) -> bool {
        let header = text.parse::<toml::Table>().ok();
        header.is_some_and(|table| table.get("kind").and_then(toml::Value::as_str) == Some("rooms"))
    }

    /// Reads the text of a room file; `path` is what errors call it.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let spec: Self = toml::from_str(text).map_err(|error| Error::Text {
            message: error.message().to_owned(),
            help: None,
            path: path.to_path_buf(),
            text: text.to_owned(),
            span: error.span().unwrap_or(0..0),
        })?;
        spec.check().map_err(|error| error.within(path.display()))?;
        Ok(spec)
    }

    fn check(&self) -> Result<()> {
        check_video(self.frames, self.canvas)?;
        if self.splits.is_empty() {
            return Err(Error::usage("`splits` is empty, expected `training`, `held-out` or both"));
        }
        if self.sets.all().iter().all(|(_, count)| *count == 0) {
            return Err(Error::usage("nothing is asked: no kind in `sets` has a number"));
        }
        if let Some((kind, count)) = self.sets.all().into_iter().find(|(_, count)| *count > MOST) {
            return Err(Error::usage(format!("`sets.{kind}` is {count}, expected at most {MOST}")));
        }
        if self.sets.order > 0 && self.frames < 4 {
            let message = format!("`frames` is {}, too few for questions of order (`sets.order`)", self.frames);
            return Err(Error::usage(message).with_help("expected 4 or more"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../datasets/rooms/test.toml");

    #[test]
    fn what_makes_no_sense_is_refused_by_key() {
        let refused = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            Spec::parse(&GOOD.replace(from, to), Path::new("mine.toml")).unwrap_err().to_string()
        };
        assert!(Spec::is_one(GOOD) && !Spec::is_one("kind = \"pairs\""));
        assert!(refused("frames = 8", "frames = 0").contains("mine.toml: `frames` is 0"));
        assert!(refused("frames = 8", "frames = 2").contains("questions of order"));
        assert!(refused("canvas = 84", "canvas = 8").contains("`canvas` is 8"));
        assert!(refused("order = ", "odour = ").contains("unknown field `odour`"));
        assert!(refused("[\"training\", \"held-out\"]", "[]").contains("`splits` is empty"));
    }
}
