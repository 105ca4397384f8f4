//! The images of a run's items, as far as they are at hand: a report draws on them, and can do without.

use std::collections::HashMap;
use std::path::PathBuf;

use image::RgbImage;

use super::frame_file::read_frame;
use crate::dataset::{self, Dataset, Item, image_file};
use crate::error::{Error, Result};
use crate::study::RunFolder;

/// Where the images of a run come from.
pub enum Pictures {
    /// The dataset that was recorded.
    Dataset { dataset: Box<dyn Dataset>, items: HashMap<String, Item> },
    /// Files of an import: item to path.
    Files(HashMap<String, PathBuf>),
}

impl Pictures {
    /// Finds the images of a run.
    ///
    /// # Errors
    /// A dataset that is gone, or no longer the one that was recorded: its images would be the wrong ones.
    pub fn of(folder: &RunFolder) -> Result<Self> {
        let manifest = folder.manifest()?;
        match &manifest.import {
            Some(import) => match &import.images {
                Some(images) => Ok(Self::Files(files(folder, &PathBuf::from(images))?)),
                None => Ok(Self::Files(HashMap::new())),
            },
            None => {
                let dataset = dataset::open(&manifest.study.dataset.source)?;
                if dataset.fingerprint() != manifest.dataset.blake3 {
                    return Err(Error::data(format!("`{}` has changed since the recording", manifest.dataset.name)));
                }
                let items = dataset.items().iter().map(|item| (item.id.clone(), item.clone())).collect();
                Ok(Self::Dataset { dataset, items })
            }
        }
    }

    /// The image of an item, if it can be had.
    pub fn get(&self, item: &str) -> Option<RgbImage> {
        match self {
            Self::Dataset { dataset, items } => dataset.image(items.get(item)?).ok(),
            Self::Files(files) => image_file::open_rgb(files.get(item)?).ok(),
        }
    }
}

fn files(folder: &RunFolder, images: &std::path::Path) -> Result<HashMap<String, PathBuf>> {
    let frame = read_frame(&folder.frame("items"), Some(&["item", "image"]))?;
    let column = |name: &str| -> Result<Vec<String>> {
        let column = frame.column(name).and_then(|column| column.str());
        let texts = column.map_err(|error| Error::data(format!("the items frame: {error}")))?;
        Ok(texts.iter().flatten().map(str::to_string).collect())
    };
    let paths = column("image")?.into_iter().map(|image| images.join(image));
    Ok(column("item")?.into_iter().zip(paths).collect())
}
