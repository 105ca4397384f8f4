//! Visual Genome's `objects.json`: an array of images, each with `objects` of `names`, `x`, `y`, `w`, `h`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use super::super::rows::{Row, rows};
use super::{Annotated, Instance, from_corner_and_size};
use crate::error::Result;

#[derive(Deserialize)]
struct Image {
    image_id: u64,
    objects: Vec<Thing>,
}

#[derive(Deserialize)]
struct Thing {
    names: Vec<String>,
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// What it says of the wanted images.
///
/// # Errors
/// Another layout, with line and row.
pub(super) fn read(text: &str, file: &Path, wanted: &HashSet<&str>) -> Result<HashMap<String, Annotated>> {
    let image = |row: &Row| -> Result<(String, Annotated)> {
        let image: Image = row
            .parse("an image of Visual Genome, {\"image_id\", \"objects\": [{\"names\", \"x\", \"y\", \"w\", \"h\"}]}")
            .map_err(|error| error.within(row.place(file)))?;
        let instance = |thing: Thing| {
            let pixels = from_corner_and_size([thing.x, thing.y, thing.w, thing.h])?;
            Some(Instance { names: thing.names, boxes: vec![pixels], crowd: false })
        };
        let instances = image.objects.into_iter().filter_map(instance).collect();
        Ok((image.image_id.to_string(), Annotated { size: None, instances }))
    };
    let images = rows(text, file)?;
    let found =
        images.iter().map(image).filter(|image| image.as_ref().map_or(true, |(id, _)| wanted.contains(id.as_str())));
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"[{"image_id": 5, "objects": [{"synsets": ["tree.n.01"], "h": 4, "object_id": 1, "merged_object_ids": [], "names": ["trees", "tree"], "w": 3, "y": 2, "x": 1}], "image_url": "u"},
{"image_id": 6, "objects": []}]"#;

    #[test]
    fn things_have_several_names() {
        let found = read(TEXT, Path::new("objects.json"), &HashSet::from(["5"])).unwrap();
        assert_eq!(found.len(), 1);
        let thing = &found["5"].instances[0];
        assert_eq!((thing.names.len(), thing.boxes[0].x2, thing.boxes[0].y2), (2, 4.0, 6.0));
    }

    #[test]
    fn another_layout_is_named_with_its_line() {
        let text = TEXT.replace("\"objects\": []", "\"objects\": 3");
        let error = read(&text, Path::new("objects.json"), &HashSet::new()).unwrap_err().to_string();
        assert!(error.starts_with("objects.json:2: row 1: expected an image of Visual Genome"), "{error}");
    }
}
