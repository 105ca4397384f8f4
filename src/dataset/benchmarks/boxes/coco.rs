//! COCO's `instances_*.json`: `images`, `annotations` with `bbox` = [x, y, width, height], `categories`.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{Annotated, Instance, from_corner_and_size, image_key};
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

/// What it says of the wanted images.
///
/// # Errors
/// Another layout; an annotation of an image or a category that the file does not have.
pub(super) fn read(text: &str, wanted: &HashSet<&str>) -> Result<HashMap<String, Annotated>> {
    let file: File = serde_json::from_str(text)
        .map_err(|error| Error::data(format!("expected COCO's `images`, `annotations` and `categories`: {error}")))?;
    let names: HashMap<u64, &str> = file.categories.iter().map(|one| (one.id, one.name.as_str())).collect();
    let keys: HashMap<u64, &str> = file.images.iter().map(|image| (image.id, image_key(&image.file_name))).collect();
    let size = |image: &Image| Annotated { size: Some((image.width, image.height)), instances: Vec::new() };
    let mut annotated: HashMap<String, Annotated> =
        file.images.iter().map(|image| (image_key(&image.file_name).to_string(), size(image))).collect();
    annotated.retain(|image, _| wanted.contains(image.as_str()));
    for (index, annotation) in file.annotations.iter().enumerate() {
        let unknown = |key: &str, id: u64| Error::data(format!("`annotations[{index}]`: no {key} {id}"));
        let image = keys.get(&annotation.image_id).ok_or_else(|| unknown("image", annotation.image_id))?;
        let name = names.get(&annotation.category_id).ok_or_else(|| unknown("category", annotation.category_id))?;
        if let (Some(image), Some(pixels)) = (annotated.get_mut(*image), from_corner_and_size(annotation.bbox)) {
            let names = vec![(*name).to_string()];
            image.instances.push(Instance { names, boxes: vec![pixels], crowd: annotation.iscrowd != 0 });
        }
    }
    Ok(annotated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"images": [{"id": 7, "file_name": "000000000007.jpg", "width": 40, "height": 30, "license": 1},
        {"id": 8, "file_name": "000000000008.jpg", "width": 4, "height": 3}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 2, "bbox": [1.5, 2, 10, 5], "iscrowd": 0, "area": 50},
        {"id": 2, "image_id": 7, "category_id": 2, "bbox": [1, 2, 0, 5]}, {"id": 3, "image_id": 8, "category_id": 2, "bbox": [0, 0, 1, 1]}],
        "categories": [{"id": 2, "name": "cat", "supercategory": "animal"}]}"#;

    #[test]
    fn boxes_are_corner_and_size() {
        let found = read(TEXT, &HashSet::from(["000000000007"])).unwrap();
        assert_eq!(found.len(), 1);
        let image = &found["000000000007"];
        assert_eq!((image.size, image.instances.len()), (Some((40, 30)), 1));
        let pixels = image.instances[0].boxes[0];
        assert_eq!((pixels.x1, pixels.y1, pixels.x2, pixels.y2), (1.5, 2.0, 11.5, 7.0));
    }

    #[test]
    fn what_the_file_refers_to_has_to_be_in_it() {
        let refused = |from: &str, to: &str| read(&TEXT.replace(from, to), &HashSet::new()).unwrap_err().to_string();
        assert_eq!(refused("\"image_id\": 8", "\"image_id\": 9"), "`annotations[2]`: no image 9");
        assert_eq!(refused("{\"id\": 2, \"name\"", "{\"id\": 5, \"name\""), "`annotations[0]`: no category 2");
        assert!(refused("[1, 2, 0, 5]", "[1, 2, 0]").contains("expected COCO's"));
    }
}
