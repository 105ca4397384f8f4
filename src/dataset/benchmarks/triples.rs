//! The COCO and Visual Genome sets of What'sUp: a JSON array of `[image id, right caption, wrong caption]`.

use std::path::Path;

use serde_json::Value;

use super::note::Notes;
use super::rows::{Row, rows};
use super::words::Caption;
use super::{Rows, familiarity, id, unboxed};
use crate::dataset::{Item, Medium};
use crate::error::{Error, Result};

/// One of the sets.
pub(super) struct Set {
    pub prefix: &'static str,
    pub options: &'static [&'static str],
    /// How a caption is understood.
    pub caption: fn(&str, &[&'static str]) -> Result<Caption, String>,
    /// The photograph of an image id, from the data root.
    pub photograph: fn(&str) -> String,
}

impl Set {
    pub(super) fn read(&self, text: &str, file: &Path) -> Result<Rows> {
        let rows = rows(text, file)?;
        let item = |row: &Row| self.item(row, rows.len()).map_err(|error| error.within(row.place(file)));
        let items = rows.iter().map(item).collect::<Result<_>>()?;
        Ok(Rows { items, notes: Notes::default() })
    }

    fn item(&self, row: &Row, rows: usize) -> Result<Item> {
        let (image, right, _wrong): (Value, String, String) = row.parse("[image id, right caption, wrong caption]")?;
        let image = match image {
            Value::Number(number) => number.to_string(),
            Value::String(text) if !text.is_empty() => text,
            other => return Err(Error::data(format!("expected an image id, found {other}"))),
        };
        let caption = (self.caption)(&right, self.options).map_err(Error::data)?;
        Ok(Item {
            id: id(self.prefix, row.index, rows),
            image: (self.photograph)(&image),
            medium: Medium::Image,
            answers: Vec::new(),
            question: caption.question(self.options),
            options: self.options.iter().map(|option| (*option).to_string()).collect(),
            gold: self.options.iter().position(|option| *option == caption.relation).unwrap_or_default(),
            relation: Some(caption.relation.to_string()),
            familiarity: Some(familiarity(caption.relation)),
            objects: [Some(caption.subject), caption.reference].into_iter().flatten().map(unboxed).collect(),
            pair: None,
            set: None,
        })
    }
}
