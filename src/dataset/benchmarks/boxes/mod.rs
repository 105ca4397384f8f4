//! Where objects are, from files that others publish or make: COCO instances, Visual Genome objects, a detector's answers.
//!
//! Whatever the file, it becomes *instances*: boxes in an image under one or more names. An object of an item gets the
//! boxes of the one instance that bears its name; where several do, nobody knows which one is meant, and it gets none.

mod coco;
mod detector;
mod visual_genome;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::note::Notes;
use crate::dataset::{Item, PixelBox};
use crate::error::{Error, Result};

/// One thing in an image.
#[derive(Clone, Debug, PartialEq)]
struct Instance {
    names: Vec<String>,
    boxes: Vec<PixelBox>,
    /// A crowd: something of the name is there, but not one.
    crowd: bool,
}

/// What a file knows of one image.
#[derive(Clone, Debug, Default)]
struct Annotated {
    size: Option<(u32, u32)>,
    instances: Vec<Instance>,
}

/// What files of boxes know of the images that are asked about.
#[derive(Debug, Default)]
pub(super) struct BoxFiles {
    /// By [`image_key`].
    images: HashMap<String, Annotated>,
    named: bool,
}

/// Which image a file name stands for, wherever it lies: `000000000139` of `val2017/000000000139.jpg`.
pub(super) fn image_key(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// An object's boxes, or why it has none.
#[derive(Debug, PartialEq)]
enum Found<'a> {
    Boxes(&'a [PixelBox]),
    Nothing,
    /// Several instances bear the name, or a crowd does.
    Ambiguous,
}

impl BoxFiles {
    /// Reads what the files know of the images of these items. Of two files that know an image, the first counts.
    ///
    /// # Errors
    /// A file that is missing, of none of the three layouts, or broken.
    pub(super) fn read(files: &[PathBuf], items: &[Item]) -> Result<Self> {
        let wanted: HashSet<&str> = items.iter().map(|item| image_key(&item.image)).collect();
        let mut images = HashMap::new();
        for file in files {
            for (image, annotated) in read(file, &wanted)? {
                images.entry(image).or_insert(annotated);
            }
        }
        Ok(Self { images, named: !files.is_empty() })
    }

    /// Gives the objects of the items their boxes; notes tell of those that have none.
    pub(super) fn put_into(&self, items: &mut [Item], notes: &mut Notes) {
        if !self.named {
            return;
        }
        for item in items {
            let annotated = self.images.get(image_key(&item.image));
            for (object, number) in item.objects.iter_mut().zip(1..) {
                match annotated.map_or(Found::Nothing, |annotated| annotated.find(&object.name)) {
                    Found::Boxes(boxes) => object.boxes = boxes.to_vec(),
                    Found::Nothing => notes.add(&format!("no box for object {number}"), &item.id),
                    Found::Ambiguous => {
                        notes.add(&format!("no box for object {number}: several of the name"), &item.id);
                    }
                }
            }
        }
    }

    pub(super) fn into_sizes(self) -> HashMap<String, (u32, u32)> {
        self.images.into_iter().filter_map(|(image, annotated)| Some((image, annotated.size?))).collect()
    }
}

impl Annotated {
    /// By the whole name; else without its first words, so that "green trees" finds "trees".
    fn find(&self, name: &str) -> Found<'_> {
        let mut name = name.trim().to_lowercase();
        loop {
            let bears = |instance: &&Instance| instance.names.iter().any(|own| own.eq_ignore_ascii_case(&name));
            let bearing: Vec<&Instance> = self.instances.iter().filter(bears).collect();
            match bearing[..] {
                [one] if one.crowd => return Found::Ambiguous,
                [one] => return Found::Boxes(&one.boxes),
                [] => {}
                _ => return Found::Ambiguous,
            }
            match name.split_once(' ') {
                Some((_, rest)) => name = rest.trim().to_string(),
                None => return Found::Nothing,
            }
        }
    }
}

fn read(file: &Path, wanted: &HashSet<&str>) -> Result<HashMap<String, Annotated>> {
    let text = std::fs::read_to_string(file).map_err(|source| Error::io("read", file, source))?;
    let lines = file.extension().is_some_and(|extension| extension == "jsonl");
    let head: String = text.chars().filter(|c| !c.is_whitespace()).take(400).collect();
    let annotated = match head.chars().next() {
        Some('{') if lines => detector::read_lines(&text, file),
        Some('{') => coco::read(&text, wanted),
        Some('[') if head.contains("\"image_id\"") || head.contains("\"objects\":[{\"synsets\"") => {
            visual_genome::read(&text, file, wanted)
        }
        Some('[') => detector::read_array(&text, file),
        _ => Err(Error::data("is empty or not JSON")),
    };
    let help = "boxes come from COCO's instances_*.json, Visual Genome's objects.json, or a detector's .jsonl \
                (docs/benchmarks.md has the layouts)";
    let prefix = |error: Error| match error.to_string().starts_with(&file.display().to_string()) {
        true => error.with_help(help),
        false => error.within(file.display()).with_help(help),
    };
    let mut annotated = annotated.map_err(prefix)?;
    annotated.retain(|image, _| wanted.contains(image.as_str()));
    Ok(annotated)
}

/// A box of COCO's and Visual Genome's kind; None where it has no area.
fn from_corner_and_size([x, y, width, height]: [f64; 4]) -> Option<PixelBox> {
    let sound = [x, y, width, height].iter().all(|side| side.is_finite()) && width > 0.0 && height > 0.0;
    sound.then_some(PixelBox { x1: x, y1: y, x2: x + width, y2: y + height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(names: &[&str], x: f64) -> Instance {
        let names = names.iter().map(|name| (*name).to_string()).collect();
        Instance { names, boxes: vec![PixelBox { x1: x, y1: 0.0, x2: x + 1.0, y2: 1.0 }], crowd: false }
    }

    #[test]
    fn an_object_gets_the_box_of_the_only_one_of_its_name() {
        let crowd = Instance { crowd: true, ..instance(&["person"], 9.0) };
        let image = Annotated {
            size: None,
            instances: vec![
                instance(&["tv"], 0.0),
                instance(&["cat"], 1.0),
                instance(&["cat"], 2.0),
                instance(&["tree", "trees"], 3.0),
                crowd,
            ],
        };
        let x = |name| match image.find(name) {
            Found::Boxes(boxes) => boxes[0].x1,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!((x("TV"), x("green trees"), x("tree")), (0.0, 3.0, 3.0));
        assert_eq!(image.find("cat"), Found::Ambiguous);
        assert_eq!(image.find("black cat"), Found::Ambiguous);
        assert_eq!(image.find("person"), Found::Ambiguous);
        assert_eq!(image.find("dog"), Found::Nothing);
    }

    #[test]
    fn images_are_known_by_their_stem() {
        assert_eq!(image_key("val2017/000000000139.jpg"), "000000000139");
        assert_eq!(image_key("mug_on_table.jpeg"), "mug_on_table");
        assert_eq!(image_key("2317"), "2317");
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        let refused = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            read(file.path(), &HashSet::new()).unwrap_err()
        };
        for text in ["", "{}", "[3]", "{\"images\": 3}"] {
            let error = refused(text);
            let name = file.path().display().to_string();
            assert!(error.to_string().starts_with(&name) && error.help().unwrap().contains("objects.json"), "{error}");
        }
    }
}
