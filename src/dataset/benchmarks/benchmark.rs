//! A published benchmark, opened.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use image::RgbImage;
use rayon::prelude::*;

use super::Note;
use super::boxes::image_key;
use crate::dataset::{Dataset, Item, fingerprint, image_file};
use crate::error::{Error, Result};

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

    /// The files of its photographs that are not there, each once, in the order of the items.
    pub fn missing_photographs(&self) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let images = self.items.iter().map(|item| item.image.as_str()).filter(|image| seen.insert(*image));
        images.map(|image| self.path(image)).filter(|path| !path.is_file()).collect()
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
            let images: HashSet<&str> = self.items.iter().map(|item| item.image.as_str()).collect();
            let images: Vec<&str> = images.into_iter().collect();
            let hash = |image: &&str| hash_file(&self.path(image)).map_or(Vec::new(), |hash| hash.as_bytes().to_vec());
            let hashes: Vec<Vec<u8>> = images.par_iter().map(hash).collect();
            let by_image: HashMap<&str, Vec<u8>> = images.into_iter().zip(hashes).collect();
            fingerprint(&self.items, |image| by_image.get(image).cloned().unwrap_or_default())
        };
        self.fingerprint.get_or_init(compute).clone()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn image(&self, item: &Item) -> Result<RgbImage> {
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
