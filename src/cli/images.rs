//! Where the images of a recorded run are, for overlays.

use std::path::Path;

use image::RgbImage;

use crate::dataset::{self, image_file};
use crate::figure::frames::Shown;
use crate::study::Manifest;

/// Gives an item's image, from the run's dataset or from the folder that an import named; None where it is not at hand,
/// because a report can do without.
pub(super) fn images(manifest: &Manifest) -> impl Fn(&Shown) -> Option<RgbImage> {
    let folder = manifest.import.as_ref().map(|import| import.images.clone());
    let dataset = if folder.is_none() { dataset::open(&manifest.study.dataset.source).ok() } else { None };
    move |shown| match (&dataset, &folder) {
        (Some(dataset), _) => {
            let item = dataset.items().iter().find(|item| item.id == shown.choice.item)?;
            dataset.image(item).ok()
        }
        (None, Some(Some(folder))) => image_file::open_rgb(&Path::new(folder).join(&shown.image)).ok(),
        (None, _) => None,
    }
}
