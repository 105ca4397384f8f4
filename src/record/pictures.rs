//! The images of a run's items, as far as they are at hand: a report draws on them, and can do without.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::frame_file::read_frame;
use crate::dataset::{Dataset, Item, Medium, image_file};
use crate::error::{Error, Result};
use crate::processor::ImageGeometry;
use crate::study::RunFolder;

/// Where the images of a run come from.
pub enum Pictures {
    /// The dataset that was recorded.
    Dataset { dataset: Box<dyn Dataset>, items: HashMap<String, Item> },
    /// Files of an import, by item.
    Files(HashMap<String, File>),
}

/// An image file that belongs to an item if it has the size that the item's boxes are meant for.
pub struct File {
    path: PathBuf,
    width: u32,
    height: u32,
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
                Some(images) => Ok(Self::Files(files(folder, Path::new(images))?)),
                None => Ok(Self::Files(HashMap::new())),
            },
            None => {
                let dataset = manifest.study.dataset.open()?;
                if dataset.fingerprint() != manifest.dataset.blake3 {
                    return Err(Error::data(format!("`{}` has changed since the recording", manifest.dataset.name)));
                }
                let items = dataset.items().iter().map(|item| (item.id.clone(), item.clone())).collect();
                Ok(Self::Dataset { dataset: Box::new(dataset), items })
            }
        }
    }

    /// The image of an item, if it can be had; of a video the strip of film that its geometry is of: the first frame of each
    /// group, one below the other.
    pub fn get(&self, item: &str, geometry: ImageGeometry) -> Option<RgbImage> {
        match self {
            Self::Dataset { dataset, items } => {
                let item = items.get(item)?;
                match item.medium {
                    Medium::Image => dataset.image(item).ok(),
                    Medium::Video => strip(&dataset.frames(item).ok()?, geometry),
                }
            }
            Self::Files(files) => {
                let file = files.get(item)?;
                let image = image_file::open_rgb(&file.path).ok()?;
                // A copy of another size or cut would put the boxes beside the objects.
                (image.dimensions() == (file.width, file.height)).then_some(image)
            }
        }
    }
}

/// The first frame of each group, one below the other, as high as the geometry says.
fn strip(frames: &[RgbImage], geometry: ImageGeometry) -> Option<RgbImage> {
    let (width, height) = frames.first()?.dimensions();
    let groups = (geometry.image_height / height.max(1)).max(1);
    let each = frames.len().div_ceil(groups as usize).max(1);
    let mut film = RgbImage::new(width, height * groups);
    for (group, frame) in frames.iter().step_by(each).enumerate() {
        image::imageops::replace(&mut film, frame, 0, group as i64 * i64::from(height));
    }
    Some(film)
}

fn files(folder: &RunFolder, images: &Path) -> Result<HashMap<String, File>> {
    let columns = ["item", "image", "image_width", "image_height"];
    let frame = read_frame(&folder.frame("items"), Some(&columns))?;
    let read = || -> polars::prelude::PolarsResult<HashMap<String, File>> {
        let [items, names] = [frame.column("item")?.str()?, frame.column("image")?.str()?];
        let [widths, heights] = [frame.column("image_width")?.u32()?, frame.column("image_height")?.u32()?];
        let file = |row| -> Option<(String, File)> {
            let path = images.join(names.get(row)?);
            Some((items.get(row)?.to_string(), File { path, width: widths.get(row)?, height: heights.get(row)? }))
        };
        Ok((0..frame.height()).filter_map(file).collect())
    };
    read().map_err(|error| Error::data(format!("the items frame: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_another_size_is_not_the_item_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.png");
        RgbImage::new(4, 3).save(&path).unwrap();
        let file = |width| File { path: path.clone(), width, height: 3 };
        let files = HashMap::from([("fits".to_string(), file(4)), ("does not".to_string(), file(5))]);
        let pictures = Pictures::Files(files);
        let get = |item| pictures.get(item, ImageGeometry::UNKNOWN);
        assert!(get("fits").is_some() && get("does not").is_none() && get("none").is_none());
    }

    #[test]
    fn a_video_is_a_strip_of_the_first_frame_of_each_group() {
        let frame = |shade| RgbImage::from_pixel(2, 3, image::Rgb([shade; 3]));
        let frames: Vec<RgbImage> = (0..4).map(|n| frame(50 * n)).collect();
        let film = strip(&frames, ImageGeometry { image_width: 2, image_height: 6, ..ImageGeometry::UNKNOWN }).unwrap();
        assert_eq!((film.dimensions(), film.get_pixel(0, 2).0, film.get_pixel(1, 3).0), ((2, 6), [0; 3], [100; 3]));
    }
}
