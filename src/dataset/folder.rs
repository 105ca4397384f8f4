//! A user's own questions: a folder with `items.jsonl` and the images that it names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use super::video::{self, Take};
use super::{Dataset, Item, Medium, fingerprint, image_file, jsonl};
use crate::error::{Error, Result};

/// The name of the file with the items.
pub const ITEMS: &str = "items.jsonl";

/// Items read from `items.jsonl`, images from the files beside it.
pub struct Folder {
    name: String,
    root: PathBuf,
    items: Vec<Item>,
    fingerprint: String,
}

/// What is read of an image file when the dataset is opened.
struct Header {
    width: u32,
    height: u32,
    /// Of a video.
    frames: Option<usize>,
    bytes: blake3::Hash,
}

impl Folder {
    /// Reads and checks everything but the pixels, so that a run does not stumble halfway: every line, every image's
    /// presence and size, every box. `path` is the folder, or a `.jsonl` file in it.
    pub fn open(path: &Path) -> Result<Self> {
        let file = if path.is_dir() { path.join(ITEMS) } else { path.to_owned() };
        let root = file.parent().unwrap_or(Path::new("")).to_owned();
        let text = std::fs::read_to_string(&file).map_err(|source| Error::io("read", &file, source))?;
        let mut items = Vec::new();
        let mut lines = Vec::new();
        let mut known = HashMap::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let item = jsonl::read(line, &file, number)?;
            if let Some(first) = known.insert(item.id.clone(), number) {
                let message =
                    format!("{}:{number}: item `{}`: `id` is already that of line {first}", file.display(), item.id);
                return Err(Error::data(message).with_help("every item needs an id of its own"));
            }
            items.push(item);
            lines.push(number);
        }
        if items.is_empty() {
            return Err(Error::data(format!("{} has no items", file.display())));
        }
        let place = |index: usize| format!("{}:{}: item `{}`", file.display(), lines[index], items[index].id);
        let headers = read_headers(&root, &items, place)?;
        for (index, item) in items.iter().enumerate() {
            check_boxes(item, &headers[&item.image]).map_err(|error| error.within(place(index)))?;
        }
        let fingerprint = fingerprint(&items, |image| headers[image].bytes.as_bytes().to_vec());
        Ok(Self { name: path.display().to_string(), root, fingerprint, items })
    }
}

impl Dataset for Folder {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn image(&self, item: &Item) -> Result<RgbImage> {
        let path = self.root.join(&item.image);
        let image = match item.medium {
            Medium::Image => image_file::open_rgb(&path),
            Medium::Video => self.frames(item).map(|mut frames| frames.swap_remove(0)),
        };
        image.map_err(|error| error.within(format!("item `{}`", item.id)))
    }

    fn frames(&self, item: &Item) -> Result<Vec<RgbImage>> {
        if item.medium == Medium::Image {
            return Ok(vec![self.image(item)?]);
        }
        video::read(&self.root.join(&item.image), Take::All)
            .map_err(|error| error.within(format!("item `{}`", item.id)))
    }
}

/// Every image once, on all cores. The error, if there is one, is that of the first item in trouble.
fn read_headers(root: &Path, items: &[Item], place: impl Fn(usize) -> String) -> Result<HashMap<String, Header>> {
    let mut first = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        first.entry(item.image.as_str()).or_insert(index);
    }
    let mut images: Vec<(&str, usize)> = first.into_iter().collect();
    images.sort_by_key(|(_, index)| *index);
    let read = |(image, index): &(&str, usize)| read_header(&root.join(image), items[*index].medium);
    let headers: Vec<_> = images.par_iter().map(read).collect();
    let named = images.into_iter().zip(headers).map(|((image, index), header)| match header {
        Ok(header) => Ok((image.to_owned(), header)),
        Err(error) => {
            let key = if items[index].medium == Medium::Video { "video" } else { "image" };
            Err(error.within(format!("{}: `{key}`", place(index))))
        }
    });
    named.collect()
}

fn read_header(path: &Path, medium: Medium) -> Result<Header> {
    if medium == Medium::Video {
        let video::Outline { frames, width, height, bytes } = video::outline(path)?;
        return Ok(Header { width, height, frames: Some(frames), bytes });
    }
    let bytes = std::fs::read(path).map_err(|error| Error::data(format!("cannot read {}: {error}", path.display())))?;
    let (width, height) = image_file::dimensions(&bytes).map_err(|error| error.within(path.display()))?;
    Ok(Header { width, height, frames: None, bytes: blake3::hash(&bytes) })
}

fn check_boxes(item: &Item, header: &Header) -> Result<()> {
    let (width, height) = (f64::from(header.width), f64::from(header.height));
    for (index, object) in item.objects.iter().enumerate() {
        let annotated = object.by_frame.len();
        if annotated > 0 && header.frames != Some(annotated) {
            let shown = header.frames.map_or("an image".to_owned(), |frames| format!("a video of {frames}"));
            return Err(Error::data(format!(
                "`objects[{index}]`: `frames` has {annotated} lists of boxes for {shown}"
            ))
            .with_help("expected a list of boxes for each frame, empty where the object is not in view"));
        }
        for b in object.boxes.iter().chain(object.by_frame.iter().flatten()) {
            if b.x1 < 0.0 || b.y1 < 0.0 || b.x2 > width || b.y2 > height {
                return Err(Error::data(format!(
                    "`objects[{index}]`: `boxes` has [{}, {}, {}, {}], outside the image of {width} x {height} pixels",
                    b.x1, b.y1, b.x2, b.y2
                ))
                .with_help("boxes are in pixels of the image file as it is stored; cut them at its edges"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id": "a", "image": "a.png", "question": "Where?", "options": ["left", "right"], "gold": 0, "objects": [{"name": "cup", "boxes": [[0, 0, 8, 6]]}]}"#;

    /// A folder with an image of 8 x 6 pixels, `a.png`, and these items.
    fn folder(items: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        RgbImage::from_pixel(8, 6, image::Rgb([1, 2, 3])).save(folder.path().join("a.png")).unwrap();
        std::fs::write(folder.path().join(ITEMS), items).unwrap();
        folder
    }

    fn refused(items: &str) -> String {
        Folder::open(folder(items).path()).err().unwrap().to_string()
    }

    #[test]
    fn a_sound_folder_opens_by_folder_and_by_file() {
        let folder = folder(&format!("{LINE}\n\n{}\n", LINE.replacen("\"a\"", "\"b\"", 1)));
        for path in [folder.path().to_owned(), folder.path().join(ITEMS)] {
            let set = Folder::open(&path).unwrap();
            assert_eq!(set.items().len(), 2);
            assert_eq!(set.image(&set.items()[1]).unwrap().get_pixel(7, 5).0, [1, 2, 3]);
        }
    }

    #[test]
    fn the_fingerprint_follows_items_and_pixels() {
        let print = |folder: &tempfile::TempDir| Folder::open(folder.path()).unwrap().fingerprint();
        let first = folder(LINE);
        assert_eq!(print(&first), print(&folder(&format!("{LINE}\n"))));
        assert_ne!(print(&first), print(&folder(&LINE.replace("cup", "hat"))));
        let before = print(&first);
        RgbImage::from_pixel(8, 6, image::Rgb([1, 2, 4])).save(first.path().join("a.png")).unwrap();
        assert_ne!(print(&first), before);
    }

    #[test]
    fn trouble_is_named_with_line_and_item() {
        let twice = refused(&format!("{LINE}\n{LINE}"));
        assert!(twice.contains("items.jsonl:2: item `a`: `id` is already that of line 1"), "{twice}");
        let missing = refused(&LINE.replace("a.png", "b.png"));
        assert!(missing.contains("items.jsonl:1: item `a`: `image`: cannot read") && missing.contains("b.png"));
        let outside = refused(&LINE.replace("8, 6]", "8, 6.5]"));
        assert!(outside.contains("`boxes` has [0, 0, 8, 6.5], outside the image of 8 x 6 pixels"), "{outside}");
        assert!(refused(&LINE.replace("[0, 0", "[-1, 0")).contains("outside the image"));
        assert!(refused("\n").contains("has no items"));
        let no_image = folder(&LINE.replace("a.png", "items.jsonl"));
        let error = Folder::open(no_image.path()).err().unwrap().to_string();
        assert!(error.contains("item `a`: `image`") && error.contains("is not an image"), "{error}");
    }

    /// A grey TIFF of 8 x 6 pixels that says of itself that it lies on its side.
    fn turned_tiff() -> Vec<u8> {
        let tags =
            [(256, 8), (257, 6), (258, 8), (259, 1), (262, 1), (273, 134), (274, 6), (277, 1), (278, 6), (279, 48)];
        let mut bytes = vec![b'I', b'I', 42, 0, 8, 0, 0, 0, tags.len() as u8, 0];
        for (tag, value) in tags {
            bytes.extend([tag as u16, 3].map(u16::to_le_bytes).as_flattened());
            bytes.extend([1, value].map(u32::to_le_bytes).as_flattened());
        }
        bytes.extend([0; 4]);
        bytes.extend(0..48);
        bytes
    }

    #[test]
    fn boxes_are_held_against_the_image_as_it_is_decoded() {
        let upright = |corner: &str| folder(&LINE.replace("a.png", "a.tiff").replace("8, 6]", corner));
        for (corner, fits) in [("6, 8]", true), ("8, 6]", false)] {
            let folder = upright(corner);
            std::fs::write(folder.path().join("a.tiff"), turned_tiff()).unwrap();
            match Folder::open(folder.path()) {
                Ok(set) => assert!(fits && set.image(&set.items()[0]).unwrap().dimensions() == (6, 8)),
                Err(error) => assert!(!fits && error.to_string().contains("6 x 8 pixels"), "{error}"),
            }
        }
    }

    #[test]
    fn videos_are_folders_of_frames_with_boxes_for_each() {
        let line = r#"{"id": "a", "video": "clip", "question": "Where?", "options": ["1", "2"], "gold": 0, "objects": [{"name": "cup", "frames": [[[0, 0, 8, 6]], []]}]}"#;
        let folder = folder(&format!("{line}\n"));
        let clip = folder.path().join("clip");
        std::fs::create_dir(&clip).unwrap();
        for frame in 0..2u8 {
            RgbImage::from_pixel(8, 6, image::Rgb([frame; 3])).save(clip.join(format!("{frame}.png"))).unwrap();
        }
        let set = Folder::open(folder.path()).unwrap();
        let item = &set.items()[0];
        assert_eq!(set.frames(item).unwrap().len(), 2);
        assert_eq!(set.image(item).unwrap().get_pixel(0, 0).0, [0; 3]);
        let refused = |line: String| {
            std::fs::write(folder.path().join(ITEMS), line).unwrap();
            Folder::open(folder.path()).err().unwrap().to_string()
        };
        let error = refused(line.replace(", []]", "]"));
        assert!(error.contains("`frames` has 1 lists of boxes for a video of 2"), "{error}");
        assert!(refused(line.replace("8, 6]", "9, 6]")).contains("outside the image of 8 x 6"));
        let error = refused(line.replace("clip", "nothing"));
        assert!(error.contains("item `a`: `video`"), "{error}");
    }

    #[test]
    fn a_folder_without_items_says_what_is_missing() {
        let empty = tempfile::tempdir().unwrap();
        let error = Folder::open(empty.path()).err().unwrap().to_string();
        assert!(error.contains("items.jsonl"), "{error}");
    }
}
