//! Questions about images: what is asked, what is right, and where the objects are.
//!
//! | source | file | opened by |
//! |---|---|---|
//! | rendered scenes | [`scenes`] | `scenes/pairs`, `scenes/rows`, or the path of a scene file |
//! | rendered videos of rooms | [`rooms`] | `rooms/test`, `rooms/train`, or the path of a room file |
//! | published spatial benchmarks | [`benchmarks`] | `whatsup/controlled-a`, `coco-spatial/two`, `vsr/zeroshot-test`, … |
//! | a user's own folder | [`Folder`] | the path of the folder, or of its `items.jsonl` |
//!
//! [`export`] writes any of them as such a folder.

pub mod benchmarks;
mod counterpart;
mod export;
mod folder;
pub mod image_file;
mod item;
mod joined;
mod jpeg;
mod jsonl;
mod relation;
pub mod rooms;
pub mod scenes;
pub mod video;

use std::path::Path;

use benchmarks::{Choice, Note};
use image::RgbImage;

pub use counterpart::Counterpart;
pub use export::export;
pub use folder::Folder;
pub use item::{Familiarity, Item, Medium, Object, PixelBox};
pub use joined::Joined;
pub use relation::{Axis, Relation};
use rooms::Rooms;
use scenes::{SHIPPED, Scenes};

use crate::error::{Error, Result, suggestion};

/// Items in a fixed order, with their images.
pub trait Dataset: Send + Sync {
    /// As it was opened: a shipped name or a path.
    fn name(&self) -> &str;

    /// BLAKE3 of everything that defines the items, the pixels of their images included, as 64 hexadecimal digits.
    fn fingerprint(&self) -> String;

    /// All items; their ids are unique.
    fn items(&self) -> &[Item];

    /// The image of an item of this dataset, decoded or drawn; of a video, its first frame.
    fn image(&self, item: &Item) -> Result<RgbImage>;

    /// The frames of an item in the order of time, all of one size; of a picture, that picture.
    fn frames(&self, item: &Item) -> Result<Vec<RgbImage>> {
        Ok(vec![self.image(item)?])
    }

    /// What is known to be wrong with items or missing about them.
    fn notes(&self) -> Vec<Note> {
        Vec::new()
    }

    /// Where an item comes from: this dataset's name, or that of the one among several.
    fn source(&self, _item: &Item) -> &str {
        self.name()
    }

    /// Whether items have such a counterpart at all.
    ///
    /// # Errors
    /// What this dataset cannot make, and why.
    fn offers(&self, counterpart: Counterpart) -> Result<()> {
        counterpart.of_any_image(self.name())
    }

    /// Whether this item has such a counterpart, of those that the dataset offers.
    fn has(&self, _item: &Item, _counterpart: Counterpart) -> bool {
        true
    }

    /// The item with a changed image, its boxes moved along with the objects; `None` where it has no such counterpart.
    /// What is drawn at random depends on `seed` and on the image's name.
    ///
    /// # Errors
    /// A counterpart that the dataset does not offer; an image that cannot be read.
    fn counterpart(&self, item: &Item, counterpart: Counterpart, seed: u64) -> Result<Option<(Item, RgbImage)>> {
        let image = counterpart.paint(self.image(item)?, &item.image, seed);
        Ok(Some((item.clone(), image.ok_or_else(|| counterpart.refused_by(self.name()))?)))
    }

    /// The same with all frames.
    ///
    /// # Errors
    /// As [`Self::counterpart`].
    fn counterpart_frames(
        &self,
        item: &Item,
        counterpart: Counterpart,
        seed: u64,
    ) -> Result<Option<(Item, Vec<RgbImage>)>> {
        if item.medium == Medium::Image {
            return Ok(self.counterpart(item, counterpart, seed)?.map(|(item, image)| (item, vec![image])));
        }
        let paint = |(number, frame)| {
            let name = format!("frame {number} of {}", item.image);
            counterpart.paint(frame, &name, seed).ok_or_else(|| counterpart.refused_by(self.name()))
        };
        let frames = self.frames(item)?.into_iter().enumerate().map(paint).collect::<Result<_>>()?;
        Ok(Some((item.clone(), frames)))
    }
}

/// Opens a shipped dataset by name; a scene file (`.toml`), a folder with `items.jsonl`, or a `.jsonl` file by path.
/// A published benchmark is opened as by default, from the data root that the environment names.
pub fn open(reference: &str) -> Result<Box<dyn Dataset>> {
    open_with(reference, &Choice::default())
}

/// The same, with what is chosen about published benchmarks.
pub fn open_with(reference: &str, choice: &Choice) -> Result<Box<dyn Dataset>> {
    if let Some(source) = benchmarks::find(reference) {
        return Ok(Box::new(source.open(choice)?));
    }
    if rooms::SHIPPED.iter().any(|shipped| shipped.name == reference) {
        return Ok(Box::new(Rooms::open(reference)?));
    }
    if let Some(shipped) = SHIPPED.iter().find(|shipped| shipped.name == reference) {
        return Ok(Box::new(Scenes::shipped(shipped)?));
    }
    let path = Path::new(reference);
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        _ if path.is_dir() => Ok(Box::new(Folder::open(path)?)),
        Some("toml") if Rooms::describes(path) => Ok(Box::new(Rooms::read(path)?)),
        Some("toml") if path.exists() => Ok(Box::new(Scenes::read(path)?)),
        Some("jsonl") if path.exists() => Ok(Box::new(Folder::open(path)?)),
        _ if path.exists() => Err(Error::usage(format!("{reference} is not a dataset"))
            .with_help("expected a folder with `items.jsonl`, a `.jsonl` file or a scene file or room file (`.toml`)")),
        _ => Err(Error::usage(format!("no dataset `{reference}`, neither shipped nor a file or folder"))
            .with_help(suggestion(reference, known_names()))),
    }
}

/// The names that [`open`] knows.
fn known_names() -> impl Iterator<Item = &'static str> + Clone {
    let benchmarks: Vec<_> = benchmarks::sources().map(|source| source.name).collect();
    let rooms = rooms::SHIPPED.iter().map(|shipped| shipped.name);
    SHIPPED.iter().map(|shipped| shipped.name).chain(rooms).chain(benchmarks)
}

/// BLAKE3 of the items and of what `image` gives for their images: the pixels, or a hash of the file.
fn fingerprint(items: &[Item], image: impl Fn(&str) -> Vec<u8>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut last: Option<&String> = None;
    for item in items {
        hasher.update(jsonl::write(item, &item.image).as_bytes()).update(b"\n");
        // Items of one image mostly follow each other; hashing one twice would do no harm.
        if last != Some(&item.image) {
            hasher.update(&image(&item.image));
        }
        last = Some(&item.image);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_is_no_dataset_is_refused_with_advice() {
        let error = open("scenes/pears").err().unwrap();
        assert!(error.help().unwrap().contains("`scenes/pairs`"), "{error:?}");
        let file = tempfile::NamedTempFile::with_suffix(".csv").unwrap();
        let error = open(&file.path().display().to_string()).err().unwrap();
        assert!(error.to_string().contains("is not a dataset") && error.exit_code() == 2);
    }

    #[test]
    fn a_changed_scene_file_opens_by_path() {
        let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        let text = include_str!("../../datasets/scenes/rows.toml").replace("triples = 60", "triples = 3");
        std::fs::write(file.path(), text).unwrap();
        let set = open(&file.path().display().to_string()).unwrap();
        assert_eq!(set.items().len(), 24);
        assert_eq!(set.image(&set.items()[0]).unwrap().dimensions(), (128, 128));
    }
}
