//! Scene files: test sets as data. The shipped ones are part of the program; a copy can be changed and opened by path.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::background::Kind;
use super::identity::Split;
use super::pairs::Geometry;
use super::relation::Relation;
use super::rows::{self, CELLS, Flavour, IN_A_ROW};
use crate::error::{Error, Result};

/// What a scene file asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Spec {
    Pairs(PairsSpec),
    Rows(RowsSpec),
}

/// Sets of two objects, each in all four relations. `datasets/scenes/pairs.toml` explains the keys.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairsSpec {
    #[serde(rename = "kind")]
    _kind: SceneKind,
    #[serde(default)]
    pub ask: Ask,
    pub seed: u64,
    pub sets: u64,
    pub split: Split,
    pub sharing: f64,
    pub familiar: Vec<Relation>,
    pub canvas: i32,
    pub size: [i32; 2],
    pub distance: i32,
    pub backgrounds: Vec<Kind>,
}

/// What is asked of two objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ask {
    /// Where the first is, seen from the second.
    #[default]
    Relation,
    /// The colour of the first, by its shape; nothing where both have one shape.
    Colour,
}

/// Triples in rows and columns. `datasets/scenes/rows.toml` explains the keys.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowsSpec {
    #[serde(rename = "kind")]
    _kind: SceneKind,
    pub seed: u64,
    pub flavours: Vec<Flavour>,
    pub triples: u64,
    pub split: Split,
    pub canvas: i32,
    pub size: i32,
    pub lane: i32,
    pub start: i32,
    pub backgrounds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SceneKind {
    Pairs,
    Rows,
}

/// Of any scene file; which other keys there are depends on it.
#[derive(Deserialize)]
struct Header {
    kind: SceneKind,
}

/// Widest canvas: beyond it an image no longer resembles anything a model was trained on, and a typing error is likelier.
const MAX_CANVAS: i32 = 4096;
/// Most sets or triples: a test set is held in memory.
const MAX_COUNT: u64 = 100_000;

impl Spec {
    /// Reads the text of a scene file; `path` is what errors call it.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let Header { kind } = read(text, path)?;
        let spec = match kind {
            SceneKind::Pairs => Self::Pairs(read(text, path)?),
            SceneKind::Rows => Self::Rows(read(text, path)?),
        };
        let checked = match &spec {
            Self::Pairs(pairs) => pairs.check(),
            Self::Rows(rows) => rows.check(),
        };
        checked.map_err(|error| error.within(path.display()))?;
        Ok(spec)
    }
}

impl PairsSpec {
    pub fn geometry(&self) -> Geometry {
        Geometry { canvas: self.canvas, size: self.size, distance: self.distance }
    }

    fn check(&self) -> Result<()> {
        let [least, greatest] = self.size;
        expect((1..=MAX_COUNT).contains(&self.sets), "sets", self.sets, "from 1 to 100000")?;
        expect((0.0..=1.0).contains(&self.sharing), "sharing", self.sharing, "a share from 0 to 1")?;
        expect(!self.backgrounds.is_empty(), "backgrounds", "empty", "at least one")?;
        expect((32..=MAX_CANVAS).contains(&self.canvas), "canvas", self.canvas, "from 32 to 4096 pixels")?;
        let even = |size: i32| (8..=self.canvas).contains(&size) && size % 2 == 0;
        let sizes = format!("[{least}, {greatest}]");
        expect(
            even(least) && even(greatest) && least <= greatest,
            "size",
            sizes,
            "two even numbers of pixels, 8 or more",
        )?;
        expect((1..=self.canvas).contains(&self.distance), "distance", self.distance, "from 1 pixel to the canvas")?;
        if self.geometry().has_room() {
            return Ok(());
        }
        Err(Error::usage(format!(
            "two objects of {greatest} pixels, {} or more apart, have no room on a `canvas` of {}",
            self.distance, self.canvas
        ))
        .with_help("lower `size` or `distance`, or raise `canvas`"))
    }
}

impl RowsSpec {
    fn check(&self) -> Result<()> {
        let most = if self.split == Split::HeldOut { rows::HELD_OUT_TRIPLES as u64 } else { MAX_COUNT };
        let cell = self.canvas / CELLS;
        expect((1..=most).contains(&self.triples), "triples", self.triples, &format!("from 1 to {most}"))?;
        let repeated = (1..self.flavours.len()).any(|k| self.flavours[..k].contains(&self.flavours[k]));
        let flavours = format!("{:?}", self.flavours);
        expect(!self.flavours.is_empty() && !repeated, "flavours", flavours, "\"squares\", \"shapes\" or both")?;
        expect(!self.backgrounds.is_empty(), "backgrounds", "empty", "at least one")?;
        let fits = (32..=MAX_CANVAS).contains(&self.canvas) && self.canvas % (2 * CELLS) == 0;
        expect(fits, "canvas", self.canvas, "a multiple of 8 from 32 to 4096 pixels")?;
        let fits = (8..=cell).contains(&self.size) && self.size % 2 == 0;
        expect(fits, "size", self.size, &format!("an even number from 8 to the grid's cell, {cell} pixels"))?;
        expect((0..CELLS).contains(&self.lane), "lane", self.lane, "from 0 to 3")?;
        expect((0..=CELLS - IN_A_ROW as i32).contains(&self.start), "start", self.start, "0 or 1")
    }
}

fn expect(holds: bool, key: &str, found: impl std::fmt::Display, expected: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::usage(format!("`{key}` is {found}, expected {expected}")))
}

fn read<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T> {
    toml::from_str(text).map_err(|error| Error::Text {
        message: error.message().to_owned(),
        help: None,
        path: path.to_owned(),
        text: text.to_owned(),
        span: error.span().unwrap_or(0..0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: &str = include_str!("../../../datasets/scenes/pairs.toml");
    const ROWS: &str = include_str!("../../../datasets/scenes/rows.toml");

    fn refused(text: &str, from: &str, to: &str) -> String {
        assert!(text.contains(from), "the shipped file no longer has {from:?}");
        Spec::parse(&text.replacen(from, to, 1), Path::new("mine.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_shipped_files_are_sound() {
        assert!(matches!(Spec::parse(PAIRS, Path::new("pairs.toml")), Ok(Spec::Pairs(_))));
        assert!(matches!(Spec::parse(ROWS, Path::new("rows.toml")), Ok(Spec::Rows(_))));
    }

    #[test]
    fn unknown_keys_and_values_are_named_with_their_place() {
        let mistyped = PAIRS.replace("sharing =", "shareing =");
        let Err(Error::Text { message, span, .. }) = Spec::parse(&mistyped, Path::new("mine.toml")) else {
            panic!("accepted a mistyped key")
        };
        assert!(message.contains("unknown field `shareing`"), "{message}");
        assert_eq!(&mistyped[span], "shareing");
        assert!(refused(PAIRS, "\"pairs\"", "\"trios\"").contains("trios"));
        assert!(refused(ROWS, "\"squares\"", "\"cubes\"").contains("cubes"));
        assert!(refused(ROWS, "seed = 20261120", "").contains("seed"));
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_key() {
        assert!(refused(PAIRS, "[24, 44]", "[24, 45]").contains("`size` is [24, 45]"));
        assert!(refused(PAIRS, "[24, 44]", "[24, 100]").contains("no room"));
        assert!(refused(PAIRS, "sets = 150", "sets = 0").contains("`sets` is 0"));
        assert!(refused(PAIRS, "sharing = 0.2", "sharing = nan").contains("`sharing`"));
        assert!(refused(PAIRS, "canvas = 128", "canvas = -1").contains("`canvas` is -1"));
        assert!(refused(ROWS, "triples = 60", "triples = 61").contains("from 1 to 60"));
        assert!(refused(ROWS, "size = 26", "size = 34").contains("`size` is 34"));
        assert!(refused(ROWS, "start = 0", "start = 2").contains("`start` is 2"));
        assert!(refused(ROWS, "canvas = 128", "canvas = 127").contains("`canvas` is 127"));
    }
}
