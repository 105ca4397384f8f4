//! Boxes from a detector, or drawn by hand: a JSON object an item or an image, in the layout of an import's `items.jsonl`.
//!
//! `image` and either `objects`, a list of `{"name", "boxes"}`, or `subject`, `subject_boxes`, `object`, `object_boxes`; boxes
//! are `[x1, y1, x2, y2]`. `image_width` and `image_height` are optional; so is everything else. That the boxes of a name
//! belong to one object (perhaps in parts) is for whoever made the file to know.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::super::rows::rows;
use super::{Annotated, Instance, image_key};
use crate::dataset::PixelBox;
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Line {
    image: String,
    image_width: Option<u32>,
    image_height: Option<u32>,
    #[serde(default)]
    objects: Vec<Named>,
    subject: Option<String>,
    #[serde(default)]
    subject_boxes: Vec<[f64; 4]>,
    object: Option<String>,
    #[serde(default)]
    object_boxes: Vec<[f64; 4]>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    boxes: Vec<[f64; 4]>,
}

const EXPECTED: &str = "boxes, {\"image\", \"objects\": [{\"name\", \"boxes\": [[x1, y1, x2, y2]]}]}";

/// One object a line.
///
/// # Errors
/// Another layout, or a box that makes no sense, with the line.
pub(super) fn read_lines(text: &str, file: &Path) -> Result<HashMap<String, Annotated>> {
    let mut images = HashMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let line = serde_json::from_str(line).map_err(|error| Error::data(format!("expected {EXPECTED}: {error}")));
        line.and_then(|line| add(&mut images, line))
            .map_err(|error| error.within(format!("{}:{number}", file.display())))?;
    }
    Ok(images)
}

/// The same objects in an array.
///
/// # Errors
/// As [`read_lines`].
pub(super) fn read_array(text: &str, file: &Path) -> Result<HashMap<String, Annotated>> {
    let mut images = HashMap::new();
    for row in rows(text, file)? {
        row.parse(EXPECTED).and_then(|line| add(&mut images, line)).map_err(|error| error.within(row.place(file)))?;
    }
    Ok(images)
}

fn add(images: &mut HashMap<String, Annotated>, line: Line) -> Result<()> {
    let image = images.entry(image_key(&line.image).to_string()).or_default();
    image.size = image.size.or(line.image_width.zip(line.image_height));
    let subject = line.subject.map(|name| Named { name, boxes: line.subject_boxes });
    let object = line.object.map(|name| Named { name, boxes: line.object_boxes });
    for named in line.objects.into_iter().chain(subject).chain(object).filter(|named| !named.boxes.is_empty()) {
        let boxes = named.boxes.into_iter().map(pixel_box).collect::<Result<_>>()?;
        let instance = Instance { names: vec![named.name], boxes, crowd: false };
        // Several items ask about the same thing.
        if !image.instances.contains(&instance) {
            image.instances.push(instance);
        }
    }
    Ok(())
}

fn pixel_box([x1, y1, x2, y2]: [f64; 4]) -> Result<PixelBox> {
    if ![x1, y1, x2, y2].iter().all(|side| side.is_finite()) || x1 >= x2 || y1 >= y2 {
        return Err(Error::data(format!(
            "a box is [{x1}, {y1}, {x2}, {y2}], expected [x1, y1, x2, y2], x1 < x2, y1 < y2"
        )));
    }
    Ok(PixelBox { x1, y1, x2, y2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_layout_gives_the_same() {
        let one = r#"{"image": "a.jpg", "image_width": 9, "image_height": 8, "subject": "cup", "subject_boxes": [], "object": "table", "object_boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "boxes_from": "us"}"#;
        let other = r#"{"image": "x/a.png", "objects": [{"name": "table", "boxes": [[1, 2, 3, 4], [5, 6, 7, 8]]}]}"#;
        let both = read_lines(&format!("{one}\n{other}\n"), Path::new("b.jsonl")).unwrap();
        assert_eq!((both["a"].instances.len(), both["a"].size), (1, Some((9, 8))));
        assert_eq!(both["a"].instances[0].boxes.len(), 2);
        let array = read_array(&format!("[{one}, {other}]"), Path::new("b.json")).unwrap();
        assert_eq!(array["a"].instances, both["a"].instances);
    }

    #[test]
    fn boxes_that_make_no_sense_are_named_with_their_line() {
        let text = r#"{"image": "a", "objects": [{"name": "cup", "boxes": [[3, 2, 1, 4]]}]}"#;
        let error = read_lines(&format!("\n{text}"), Path::new("b.jsonl")).unwrap_err().to_string();
        assert!(error.starts_with("b.jsonl:2: a box is [3, 2, 1, 4]"), "{error}");
        assert!(read_lines("{}", Path::new("b.jsonl")).unwrap_err().to_string().contains("b.jsonl:1: expected boxes"));
    }
}
