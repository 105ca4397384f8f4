//! Any dataset as a folder of PNGs (of a video, a folder of them) with `items.jsonl`: for reading elsewhere, and to change by hand.

use std::collections::HashMap;
use std::path::Path;

use super::folder::ITEMS;
use image::RgbImage;

use super::{Dataset, Medium, jsonl};
use crate::error::{Error, Result};

/// Writes `dataset` to `folder`: the images as `images/*.png`, the frames of videos as `images/*/*.png`, then `items.jsonl`. The folder may exist, but not hold
/// another dataset.
pub fn export(dataset: &dyn Dataset, folder: &Path) -> Result<()> {
    let file = folder.join(ITEMS);
    if file.exists() {
        return Err(Error::usage(format!("{} exists already", file.display())).with_help("export to a new folder"));
    }
    let images = folder.join("images");
    std::fs::create_dir_all(&images).map_err(|source| Error::io("create", &images, source))?;
    let mut written = HashMap::new();
    let mut lines = String::new();
    for item in dataset.items() {
        if !written.contains_key(&item.image) {
            let name = format!("images/{}", file_name(&item.image, written.len()));
            let name = match item.medium {
                Medium::Image => {
                    let name = format!("{name}.png");
                    save(&dataset.image(item)?, &folder.join(&name))?;
                    name
                }
                Medium::Video => {
                    let path = folder.join(&name);
                    std::fs::create_dir_all(&path).map_err(|source| Error::io("create", &path, source))?;
                    for (number, frame) in dataset.frames(item)?.iter().enumerate() {
                        save(frame, &path.join(format!("{number:04}.png")))?;
                    }
                    name
                }
            };
            written.insert(item.image.clone(), name);
        }
        lines += &jsonl::write(item, &written[&item.image]);
        lines += "\n";
    }
    // Last, so that an interrupted export is not taken for a dataset.
    std::fs::write(&file, lines).map_err(|source| Error::io("write", &file, source))
}

fn save(image: &RgbImage, path: &Path) -> Result<()> {
    image.save(path).map_err(|error| Error::data(format!("cannot write {}: {error}", path.display())))
}

/// The image's own name where any system can hold it; else its number.
fn file_name(image: &str, number: usize) -> String {
    let plain = image.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if plain && !image.is_empty() { image.to_owned() } else { format!("IMG{number:05}") }
}

#[cfg(test)]
mod tests {
    use super::super::{Folder, open};
    use super::*;

    #[test]
    fn what_is_exported_opens_again_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["scenes/pairs", "scenes/rows"] {
            let (scenes, path) = (open(name).unwrap(), folder.path().join(name));
            export(scenes.as_ref(), &path).unwrap();
            let copy = Folder::open(&path).unwrap();
            assert_eq!(copy.items().len(), scenes.items().len());
            for (exported, item) in copy.items().iter().zip(scenes.items()) {
                assert_eq!(exported.image, format!("images/{}.png", item.image));
                assert_eq!(&super::super::Item { image: item.image.clone(), ..exported.clone() }, item);
            }
            for (exported, item) in copy.items().iter().zip(scenes.items()).step_by(37) {
                assert!(copy.image(exported).unwrap() == scenes.image(item).unwrap(), "{}", item.id);
            }
        }
    }

    #[test]
    fn videos_are_exported_as_folders_of_frames() {
        let text = include_str!("../../datasets/rooms/train.toml");
        let (head, _) = text.split_once("[sets]").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rooms.toml");
        std::fs::write(&file, format!("{head}[sets]\nside = 2\n")).unwrap();
        let rooms = open(&file.display().to_string()).unwrap();
        let path = folder.path().join("out");
        export(rooms.as_ref(), &path).unwrap();
        let copy = Folder::open(&path).unwrap();
        for (exported, item) in copy.items().iter().zip(rooms.items()) {
            assert_eq!(&super::super::Item { image: item.image.clone(), ..exported.clone() }, item);
            assert!(copy.frames(exported).unwrap() == rooms.frames(item).unwrap());
        }
        assert_eq!(copy.items().len(), 4);
    }

    #[test]
    fn another_dataset_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(ITEMS), "mine").unwrap();
        let error = export(open("scenes/rows").unwrap().as_ref(), folder.path()).unwrap_err();
        assert!(error.to_string().contains("exists already"));
        assert_eq!(std::fs::read_to_string(folder.path().join(ITEMS)).unwrap(), "mine");
    }

    #[test]
    fn only_names_that_any_system_can_hold_are_kept() {
        assert_eq!(file_name("pairs-001-left", 3), "pairs-001-left");
        assert_eq!(file_name("../photos/Ä.jpg", 3), "IMG00003");
    }
}
