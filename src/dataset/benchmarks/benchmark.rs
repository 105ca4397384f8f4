//! A published benchmark, opened.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use image::RgbImage;
use rayon::prelude::*;

use super::Note;
use super::boxes::image_key;
use crate::dataset::video::{Take, outline, read};
use crate::dataset::{Dataset, Item, Medium, fingerprint, image_file};
use crate::error::{Error, Result};

/// Frames of a video that are shown, as the published evaluations show them.
const FRAMES: usize = 16;

/// Items of a published benchmark; photographs from the data root.
pub struct Benchmark {
    name: String,
    root: PathBuf,
    items: Vec<Item>,
    notes: Vec<Note>,
    /// Width and height that the boxes are meant for, by image, where their file tells.
    sizes: HashMap<String, (u32, u32)>,
    fingerprint: OnceLock<String>,
}

impl Benchmark {
    pub(super) fn new(
        name: &str,
        root: PathBuf,
        items: Vec<Item>,
        notes: Vec<Note>,
        sizes: HashMap<String, (u32, u32)>,
    ) -> Self {
        Self { name: name.into(), root, items, notes, sizes, fingerprint: OnceLock::new() }
    }

    fn path(&self, image: &str) -> PathBuf {
        self.root.join(image)
    }

    /// A video: the folder of its frames, or else the file.
    fn video(&self, item: &Item) -> PathBuf {
        let folder = self.path(&item.image);
        if folder.is_dir() { folder } else { self.path(&format!("{}.mp4", item.image)) }
    }

    fn file_of(&self, item: &Item) -> PathBuf {
        match item.medium {
            Medium::Image => self.path(&item.image),
            Medium::Video => self.video(item),
        }
    }

    /// The files of its photographs and videos that are not there, each once, in the order of the items.
    pub fn missing_photographs(&self) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let first = self.items.iter().filter(|item| seen.insert(item.image.as_str()));
        first.map(|item| self.file_of(item)).filter(|path| !path.exists()).collect()
    }

    fn check_size(&self, item: &Item, image: &RgbImage) -> Result<()> {
        let found = image.dimensions();
        match self.sizes.get(image_key(&item.image)) {
            Some(&meant) if meant != found => Err(Error::data(format!(
                "item `{}`: its boxes are meant for {} x {} pixels, but `{}` has {} x {}",
                item.id,
                meant.0,
                meant.1,
                self.path(&item.image).display(),
                found.0,
                found.1
            ))
            .with_help("use the photograph as it was published, neither cropped nor made smaller")),
            _ => Ok(()),
        }
    }
}

impl Dataset for Benchmark {
    fn name(&self) -> &str {
        &self.name
    }

    /// A photograph that is missing counts as such: a run on fewer photographs is another one.
    fn fingerprint(&self) -> String {
        let compute = || {
            let images: HashMap<&str, &Item> = self.items.iter().map(|item| (item.image.as_str(), item)).collect();
            let images: Vec<(&str, &Item)> = images.into_iter().collect();
            let hash = |(_, item): &(&str, &Item)| {
                let path = self.file_of(item);
                let hash = if path.is_dir() { outline(&path).ok().map(|video| video.bytes) } else { hash_file(&path) };
                hash.map_or(Vec::new(), |hash| hash.as_bytes().to_vec())
            };
            let hashes: Vec<Vec<u8>> = images.par_iter().map(hash).collect();
            let by_image: HashMap<&str, Vec<u8>> = images.into_iter().map(|(image, _)| image).zip(hashes).collect();
            fingerprint(&self.items, |image| by_image.get(image).cloned().unwrap_or_default())
        };
        self.fingerprint.get_or_init(compute).clone()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn frames(&self, item: &Item) -> Result<Vec<RgbImage>> {
        if item.medium == Medium::Image {
            return Ok(vec![self.image(item)?]);
        }
        let path = self.video(item);
        if !path.exists() {
            let folder = self.path(&item.image);
            return Err(Error::data(format!("item `{}`: no video `{}`", item.id, path.display()))
                .with_help(format!("put it there, or its frames into the folder `{}`", folder.display())));
        }
        read(&path, Take::AtMost(FRAMES)).map_err(|error| error.within(format!("item `{}`", item.id)))
    }

    fn image(&self, item: &Item) -> Result<RgbImage> {
        if item.medium == Medium::Video {
            return self.frames(item).map(|mut frames| frames.swap_remove(0));
        }
        let path = self.path(&item.image);
        if !path.is_file() {
            return Err(Error::data(format!("item `{}`: no photograph `{}`", item.id, path.display()))
                .with_help("put it there, or leave such items out with --skip-bad-items"));
        }
        let image = image_file::open_rgb(&path).map_err(|error| error.within(format!("item `{}`", item.id)))?;
        self.check_size(item, &image)?;
        Ok(image)
    }

    fn notes(&self) -> Vec<Note> {
        self.notes.clone()
    }
}

fn hash_file(path: &Path) -> Option<blake3::Hash> {
    std::fs::read(path).ok().map(|bytes| blake3::hash(&bytes))
}
