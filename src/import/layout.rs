//! `items.jsonl`: what a dump says about each item.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Map;

use super::preprocess;
use super::tensors::Attention;
use crate::dataset::{Familiarity, Item, Medium, Object, PixelBox};
use crate::error::{Error, Result, suggestion};
use crate::processor::{Grid, ImageGeometry};
use crate::record::ItemSize;

/// One line of `items.jsonl`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub item_id: String,
    pub image: String,
    pub image_width: u32,
    pub image_height: u32,
    pub question: String,
    pub options: Vec<String>,
    /// One of `options`, whatever the case.
    pub gold: String,
    pub relation: Option<String>,
    pub familiarity: Option<Familiarity>,
    pub pair: Option<String>,
    pub set: Option<String>,
    /// Names and boxes, pixels of the original image. Either this, or subject and object.
    pub objects: Option<Vec<NamedBoxes>>,
    pub subject: Option<String>,
    pub object: Option<String>,
    #[serde(default)]
    pub subject_boxes: Vec<[f64; 4]>,
    #[serde(default)]
    pub object_boxes: Vec<[f64; 4]>,
    /// Free text, where the boxes come from: allowed, and not needed.
    #[serde(rename = "boxes_from")]
    _boxes_from: Option<String>,
    /// What the model said.
    pub answer: Option<String>,
    /// What it said at each scaling of its attention; "1.0" is the untouched model.
    pub answers: Option<Map<String, serde_json::Value>>,
    pub option_probabilities: Option<Map<String, serde_json::Value>>,
    /// The largest probability in the vocabulary at the first answer token.
    pub confidence: Option<f32>,
    /// The item's safetensors file, from the folder of `items.jsonl`.
    pub tensors: PathBuf,
    /// The first and one past the last image column, row-major.
    pub image_tokens: [usize; 2],
    /// The column of the beginning-of-sequence token; absent: 0; null: there is none.
    #[serde(default = "first_column")]
    pub bos: Option<usize>,
    /// Rows and columns of patches.
    pub grid: [usize; 2],
    /// How the image became the grid, in words; see [`preprocess`].
    pub preprocess: Option<String>,
    /// Or the part of the original image that the grid covers: x1, y1, x2, y2.
    pub seen: Option<[f64; 4]>,
    /// Which model it was.
    pub model: Option<String>,
    /// Which layers the tensor holds; absent: 0, 1, 2, ...
    pub layers: Option<Vec<i16>>,
}

/// An object of an item.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedBoxes {
    pub name: String,
    #[serde(default)]
    pub boxes: Vec<[f64; 4]>,
}

fn first_column() -> Option<usize> {
    Some(0)
}

/// A dump: every record, and the item that it makes.
pub(super) struct Dump {
    pub folder: PathBuf,
    /// `items.jsonl`.
    pub path: PathBuf,
    text: String,
    pub records: Vec<Record>,
    pub items: Vec<Item>,
}

impl Dump {
    /// Reads a folder with an `items.jsonl`, or that file.
    pub fn read(path: &Path) -> Result<Self> {
        let path = if path.is_dir() { path.join("items.jsonl") } else { path.to_path_buf() };
        let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", &path, source))?;
        let mut dump = Self {
            folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            records: Vec::new(),
            items: Vec::new(),
            path,
            text,
        };
        let mut ids = HashSet::new();
        for (number, line) in dump.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("`{}`, line {}", dump.path.display(), number + 1);
            let record: Record = serde_json::from_str(line).map_err(|error| explain(&error).within(place()))?;
            let item =
                record.item().map_err(|error| error.within(format_args!("{}, item `{}`", place(), record.item_id)))?;
            if !ids.insert(item.id.clone()) {
                return Err(Error::data(format!("{}: a second item `{}`", place(), item.id))
                    .with_help("every `item_id` must be there once"));
            }
            dump.records.push(record);
            dump.items.push(item);
        }
        if dump.items.is_empty() {
            return Err(Error::data(format!("`{}` holds no items", dump.path.display())));
        }
        Ok(dump)
    }

    /// The name of its folder.
    pub fn name(&self) -> String {
        let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
        folder.file_name().map_or_else(|| "items".into(), |name| name.to_string_lossy().into_owned())
    }

    /// The model that the items name.
    pub fn model(&self) -> String {
        self.records
            .iter()
            .find_map(|record| record.model.clone())
            .unwrap_or_else(|| "a model that the items do not name".into())
    }

    /// A file that a record names.
    pub fn file(&self, name: &Path) -> PathBuf {
        self.folder.join(name)
    }

    /// A hash over the items and all their tensors.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.text.as_bytes());
        for record in &self.records {
            let path = self.file(&record.tensors);
            // A missing file is reported with its item, when that is read.
            if let Ok(file) = std::fs::File::open(&path) {
                hasher.update_reader(file).map_err(|source| Error::io("read", &path, source))?;
            }
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// What had to be decided, for whoever reads the report.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let total = self.items.len();
        let guessed = self.records.iter().filter(|record| record.relation.is_none()).count();
        if guessed > 0 {
            notes.push(format!("{guessed} of {total} items name no relation: their gold answer is taken for it"));
        }
        let bare = self.items.iter().filter(|item| item.objects.iter().any(|object| object.boxes.is_empty())).count();
        if bare > 0 {
            notes.push(format!("{bare} of {total} items lack the boxes of an object: its columns are null there"));
        }
        let unsure = self.records.iter().filter(|record| record.confidence.is_none()).count();
        if unsure > 0 {
            notes.push(format!("{unsure} of {total} items come without confidence: it is null there"));
        }
        notes
    }
}

/// serde's message, with the nearest key where one is unknown.
pub(super) fn explain(error: &serde_json::Error) -> Error {
    let message = error.to_string();
    let unknown =
        message.strip_prefix("unknown field ").map(|rest| rest.split('`').skip(1).step_by(2).collect::<Vec<_>>());
    match unknown.as_deref() {
        Some([typed, known @ ..]) => {
            Error::data(format!("unknown key `{typed}`")).with_help(suggestion(typed, known.iter().copied()))
        }
        _ => Error::data(message).with_help("the layout is written down in docs/import.md"),
    }
}

impl Record {
    fn item(&self) -> Result<Item> {
        if self.options.len() < 2 {
            return Err(Error::data(format!("`options` has {} of at least two answers", self.options.len())));
        }
        let gold = self.option(&self.gold).ok_or_else(|| {
            Error::data(format!("`gold` is `{}`, which is none of the options {:?}", self.gold, self.options))
        })?;
        self.geometry()?;
        let covered = self.image_tokens[1].checked_sub(self.image_tokens[0]);
        if covered != Some(self.grid[0] * self.grid[1]) {
            let ([first, past], [rows, cols]) = (self.image_tokens, self.grid);
            return Err(Error::data(format!(
                "`image_tokens` [{first}, {past}] and `grid` [{rows}, {cols}] disagree: {rows} x {cols} patches expected"
            )));
        }
        Ok(Item {
            id: self.item_id.clone(),
            image: self.image.clone(),
            medium: Medium::Image,
            answers: Vec::new(),
            question: self.question.clone(),
            options: self.options.clone(),
            gold,
            relation: self.relation.clone().or_else(|| Some(self.options[gold].clone())),
            familiarity: self.familiarity,
            objects: self.all_objects()?,
            pair: self.pair.clone(),
            set: self.set.clone(),
        })
    }

    /// The index of an option, whatever the case.
    pub fn option(&self, text: &str) -> Option<usize> {
        self.options.iter().position(|option| option.eq_ignore_ascii_case(text.trim()))
    }

    fn all_objects(&self) -> Result<Vec<Object>> {
        let named = match &self.objects {
            Some(objects) => objects.clone(),
            None => {
                let pair = [(&self.subject, &self.subject_boxes), (&self.object, &self.object_boxes)];
                pair.into_iter()
                    .filter_map(|(name, boxes)| Some(NamedBoxes { name: name.clone()?, boxes: boxes.clone() }))
                    .collect()
            }
        };
        let checked = |object: NamedBoxes| {
            let boxes =
                object.boxes.iter().map(|&numbers| self.pixel_box(&object.name, numbers)).collect::<Result<_>>()?;
            Ok(Object::new(object.name, boxes))
        };
        named.into_iter().map(checked).collect()
    }

    fn pixel_box(&self, name: &str, [x1, y1, x2, y2]: [f64; 4]) -> Result<PixelBox> {
        let (width, height) = (f64::from(self.image_width), f64::from(self.image_height));
        let ordered = x1 < x2 && y1 < y2;
        if ordered && x1 < width && y1 < height && x2 > 0.0 && y2 > 0.0 {
            return Ok(PixelBox { x1, y1, x2, y2 });
        }
        let what = if ordered { "lies outside the image" } else { "has no area" };
        Err(Error::data(format!("the box [{x1}, {y1}, {x2}, {y2}] of `{name}` {what}")).with_help(format!(
            "boxes are x1, y1, x2, y2 in pixels of the {width} x {height} image, x1 < x2 and y1 < y2"
        )))
    }

    /// How the image maps onto the grid.
    pub fn geometry(&self) -> Result<ImageGeometry> {
        let [rows, cols] = self.grid;
        let grid = Grid { rows, cols };
        if rows * cols == 0 || self.image_width == 0 || self.image_height == 0 {
            return Err(Error::data("`grid`, `image_width` and `image_height` must not be 0"));
        }
        match (&self.seen, &self.preprocess) {
            (Some([x1, y1, x2, y2]), _) if x1 < x2 && y1 < y2 => {
                let seen = PixelBox { x1: *x1, y1: *y1, x2: *x2, y2: *y2 };
                Ok(ImageGeometry { image_width: self.image_width, image_height: self.image_height, grid, seen })
            }
            (Some(seen), _) => Err(Error::data(format!("`seen` {seen:?} has no area: expected x1 < x2 and y1 < y2"))),
            (None, Some(text)) => preprocess::geometry(text, self.image_width, self.image_height, grid),
            (None, None) => {
                Err(Error::data("neither `preprocess` nor `seen`: which part of the image does the grid cover?")
                    .with_help(format!("for instance \"preprocess\": \"{}\"", preprocess::EXAMPLES[0])))
            }
        }
    }

    /// Holds the tensor against the record; says which layers it holds.
    pub fn check(&self, attention: &Attention, path: &Path, size: ItemSize) -> Result<Vec<i16>> {
        let wrong = |message: String| Error::data(format!("`{}`: {message}", path.display()));
        if self.image_tokens[1] >= attention.columns {
            return Err(wrong(format!(
                "the image ends at column {} of {}; the last column must be the query itself",
                self.image_tokens[1], attention.columns
            )));
        }
        let layers = match &self.layers {
            Some(layers) if layers.len() != attention.layers => {
                return Err(wrong(format!(
                    "`layers` names {} layers, the tensor has {}",
                    layers.len(),
                    attention.layers
                )));
            }
            Some(layers) => layers.clone(),
            None => (0..attention.layers as i16).collect(),
        };
        if self.grid[0] * self.grid[1] != size.patches {
            return Err(Error::data(format!("the grid {:?} has another size than the first item's", self.grid))
                .with_help("one run holds one grid: import such items apart"));
        }
        Ok(layers)
    }
}
