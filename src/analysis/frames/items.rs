//! The items frame: one row a question.

use std::collections::HashMap;

use super::column::Frame;
use crate::dataset::PixelBox;
use crate::error::{Error, Result};
use crate::processor::{Grid, ImageGeometry};

/// Items as columns, all of the same length, in dataset order.
#[derive(Clone, Debug, Default)]
pub struct Items {
    pub id: Vec<String>,
    /// The source that the item comes from, as the study names it.
    pub dataset: Vec<String>,
    pub image: Vec<String>,
    pub question: Vec<String>,
    /// Empty where the frame does not say.
    pub options: Vec<Vec<String>>,
    /// The right option.
    pub gold: Vec<String>,
    pub relation: Vec<Option<String>>,
    pub familiarity: Vec<Option<String>>,
    /// The option that the model chose.
    pub answer: Vec<String>,
    pub correct: Vec<bool>,
    /// Largest probability over the whole vocabulary; recorded elsewhere, it may be unknown.
    pub confidence: Vec<Option<f64>>,
    /// Items of one pair differ in a single contrast; items of one set show the same objects.
    pub pair: Vec<Option<String>>,
    pub set: Vec<Option<String>>,
    /// Unknown in runs that recorded answers alone.
    pub geometry: Vec<ImageGeometry>,
    /// Groups of frames that lie one below the other in the grid; 1 of a picture.
    pub moments: Vec<usize>,
    /// `[item][k - 1]`: what is known of object k.
    pub objects: Vec<Vec<Sighting>>,
}

/// An object of an item, and where it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// Empty where it is not known.
    pub name: String,
    /// Original pixels; empty where nobody annotated it.
    pub boxes: Vec<PixelBox>,
    /// Share of the boxes' area inside what the model sees.
    pub visible: Option<f64>,
    /// As in [`Object`](crate::dataset::Object::metres).
    pub metres: Option<f64>,
}

impl Items {
    pub(super) fn read(frame: &Frame) -> Result<Self> {
        let id = frame.texts("item")?;
        if id.is_empty() {
            return Err(frame.error("no items"));
        }
        let mut seen = HashMap::new();
        for (row, id) in id.iter().enumerate() {
            if let Some(first) = seen.insert(id, row) {
                return Err(frame.error(format!("item `{id}` is there twice, in rows {first} and {row}")));
            }
        }
        let objects = objects(frame, &id)?;
        Ok(Self {
            dataset: frame.texts("dataset")?,
            image: frame.texts("image")?,
            question: frame.texts("question")?,
            options: match frame.has("options") {
                true => frame.text_lists("options")?,
                false => vec![Vec::new(); id.len()],
            },
            gold: frame.texts("gold")?,
            relation: frame.optional_texts("relation")?,
            familiarity: frame.optional_texts("familiarity")?,
            answer: frame.texts("answer")?,
            correct: frame.flags("correct")?,
            confidence: frame.optional_numbers("confidence")?,
            pair: frame.optional_texts("pair")?,
            set: frame.optional_texts("set")?,
            geometry: geometry(frame, &id)?,
            moments: moments(frame, id.len())?,
            objects,
            id,
        })
    }

    pub fn len(&self) -> usize {
        self.id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// The most objects that any item has.
    pub fn most_objects(&self) -> usize {
        self.objects.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The image of each item as a number, from 0 in order of appearance: the clusters of bootstrap and permutation. Images
    /// of one name in two datasets are two.
    pub fn clusters(&self) -> Vec<usize> {
        let mut numbers: HashMap<(&str, &str), usize> = HashMap::new();
        let images = self.dataset.iter().zip(&self.image);
        images
            .map(|(dataset, image)| {
                let next = numbers.len();
                *numbers.entry((dataset, image)).or_insert(next)
            })
            .collect()
    }
}

fn geometry(frame: &Frame, id: &[String]) -> Result<Vec<ImageGeometry>> {
    let known = frame.optional_integers::<u32>("image_width")?;
    if known.iter().all(Option::is_none) {
        return Ok(vec![ImageGeometry::UNKNOWN; id.len()]);
    }
    let (width, height): (Vec<u32>, Vec<u32>) = (frame.integers("image_width")?, frame.integers("image_height")?);
    let (rows, cols): (Vec<u32>, Vec<u32>) = (frame.integers("grid_rows")?, frame.integers("grid_cols")?);
    let (x1, y1) = (frame.numbers("seen_x1")?, frame.numbers("seen_y1")?);
    let (x2, y2) = (frame.numbers("seen_x2")?, frame.numbers("seen_y2")?);
    let of = |row: usize| -> Result<ImageGeometry> {
        let grid = Grid { rows: rows[row] as usize, cols: cols[row] as usize };
        let seen = PixelBox { x1: x1[row], y1: y1[row], x2: x2[row], y2: y2[row] };
        let area = (seen.x2 - seen.x1) * (seen.y2 - seen.y1);
        if grid.count() == 0 || !(seen.x1 < seen.x2 && seen.y1 < seen.y2 && area.is_finite()) {
            let message = format!("item `{}`: grid {} x {} over {seen:?} has no area", id[row], grid.rows, grid.cols);
            return Err(frame.error(message));
        }
        Ok(ImageGeometry { image_width: width[row], image_height: height[row], grid, seen })
    };
    (0..id.len()).map(of).collect()
}

/// Unknown in runs of earlier versions, which showed pictures, and in imports.
fn moments(frame: &Frame, items: usize) -> Result<Vec<usize>> {
    if !frame.has("moments") {
        return Ok(vec![1; items]);
    }
    Ok(frame.optional_integers("moments")?.into_iter().map(|moments| moments.unwrap_or(1)).collect())
}

fn objects(frame: &Frame, id: &[String]) -> Result<Vec<Vec<Sighting>>> {
    let mut objects = vec![Vec::new(); id.len()];
    for k in (1..).take_while(|k| frame.has(&format!("object_{k}_boxes"))) {
        let names = frame.optional_texts(&format!("object_{k}"))?;
        let flat = frame.number_lists(&format!("object_{k}_boxes"))?;
        let visible = frame.optional_numbers(&format!("object_{k}_visible"))?;
        let metres = match frame.has(&format!("object_{k}_metres")) {
            true => frame.optional_numbers(&format!("object_{k}_metres"))?,
            false => vec![None; id.len()],
        };
        for (row, (flat, visible)) in flat.into_iter().zip(visible).enumerate() {
            if names[row].is_none() && flat.is_empty() {
                continue;
            }
            let boxes = boxes(&flat)
                .map_err(|error| error.within(frame.error(format!("column `object_{k}_boxes`, item `{}`", id[row]))))?;
            // An item may lack object 1 but have object 2; the places must not shift.
            objects[row].resize(k - 1, Sighting::default());
            let name = names[row].clone().unwrap_or_default();
            objects[row].push(Sighting { name, boxes, visible, metres: metres[row] });
        }
    }
    Ok(objects)
}

fn boxes(flat: &[f64]) -> Result<Vec<PixelBox>> {
    if !flat.len().is_multiple_of(4) {
        return Err(Error::data(format!("{} numbers, expected four a box (x1, y1, x2, y2)", flat.len())));
    }
    let one = |edges: &[f64]| {
        let one = PixelBox { x1: edges[0], y1: edges[1], x2: edges[2], y2: edges[3] };
        let proper = one.x1 < one.x2 && one.y1 < one.y2 && edges.iter().all(|edge| edge.is_finite());
        proper.then_some(one).ok_or_else(|| Error::data(format!("{one:?} has no area")))
    };
    flat.chunks_exact(4).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_four_numbers_each() {
        assert_eq!(boxes(&[]).unwrap(), []);
        assert_eq!(boxes(&[1.0, 2.0, 3.0, 4.0]).unwrap(), [PixelBox { x1: 1.0, y1: 2.0, x2: 3.0, y2: 4.0 }]);
        assert!(boxes(&[1.0, 2.0, 3.0]).unwrap_err().to_string().contains("3 numbers"));
        assert!(boxes(&[3.0, 2.0, 1.0, 4.0]).is_err() && boxes(&[f64::NAN, 2.0, 3.0, 4.0]).is_err());
    }

    #[test]
    fn images_are_numbered_by_appearance() {
        let texts = |all: [&str; 4]| all.map(String::from).to_vec();
        let dataset = texts(["one", "one", "one", "two"]);
        let items = Items { image: texts(["b", "a", "b", "a"]), dataset, ..Items::default() };
        assert_eq!(items.clusters(), [0, 1, 0, 2]);
    }
}
