//! A vision tower that takes square images of one size, as `vision_config` describes it.

use super::OTHER_CHECKPOINT;
use super::folder::Json;
use super::geometry::{Axis, Grid, ImageGeometry};
use super::image::Pixels;
use super::view::{Mosaic, View};
use crate::error::{Error, Result};

/// The tower's square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Square {
    /// Side in pixels.
    pub side: u32,
    /// Side of a patch.
    pub patch: u32,
    /// Patches along each side of a token.
    pub merge: u32,
}

impl Square {
    /// Reads `image_size` and `patch_size`, numbers or pairs of equal ones; what is left out has the class's default.
    pub fn read(config: &Json, [side, patch]: [u32; 2]) -> Result<Self> {
        let vision = config.section("vision_config")?;
        let number = |key: &str, default: u32| -> Result<u32> {
            const EXPECTED: &str = "a whole number above 0, or two equal ones";
            let Some(json) = &vision else { return Ok(default) };
            let number = match json.value(key) {
                None => return Ok(default),
                Some(value) => match value.as_array().map(Vec::as_slice) {
                    Some([height, width]) if height == width => height.as_u64(),
                    Some(_) => None,
                    None => value.as_u64(),
                },
            };
            let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
            number.ok_or_else(|| json.wrong(key, EXPECTED))
        };
        let square = Self { side: number("image_size", side)?, patch: number("patch_size", patch)?, merge: 1 };
        if square.side < square.patch {
            let (place, Self { side, patch, .. }) = (config.place("vision_config.patch_size"), square);
            return Err(Error::data(format!("{place}: is {patch}, expected 1 to `image_size` ({side})")));
        }
        Ok(square)
    }

    /// The same with `merge` x `merge` patches to a token.
    pub fn merged(self, merge: usize) -> Self {
        Self { merge: u32::try_from(merge.max(1)).unwrap_or(u32::MAX), ..self }
    }

    /// Patches along one side.
    pub fn patches(&self) -> usize {
        (self.side / self.patch) as usize
    }

    /// Tokens of one image.
    pub fn grid(&self) -> Grid {
        let side = (self.side / self.patch / self.merge) as usize;
        Grid { rows: side, cols: side }
    }

    /// What one image's tokens are made of.
    pub fn mosaic(&self) -> Mosaic {
        Mosaic { merge: self.merge as usize, ..Mosaic::single(self.grid()) }
    }

    /// Refuses pixels that the tower does not take.
    ///
    /// # Errors
    /// Another size, with both.
    pub fn check(&self, width: u32, height: u32) -> Result<()> {
        if (width, height) == (self.side, self.side) {
            return Ok(());
        }
        Err(Error::data(format!(
            "the processor files make images of {width} x {height} pixels, the vision tower in config.json takes {side} x \
             {side}",
            side = self.side
        ))
        .with_help(OTHER_CHECKPOINT))
    }

    /// The view of an original of so many pixels that became these.
    pub fn view(&self, (width, height): (u32, u32), pixels: &Pixels) -> Result<View> {
        self.check(pixels.width, pixels.height)?;
        let grid = self.grid();
        // What whole tokens leave over at the right and at the bottom, the model does not see.
        let covered = grid.cols as u32 * self.patch * self.merge;
        let axis = |original, resized, offset| Axis { original, resized, offset, covered };
        let geometry = ImageGeometry::new(
            axis(width, pixels.resized.0, pixels.offset.0),
            axis(height, pixels.resized.1, pixels.offset.1),
            grid,
        );
        Ok(View { geometry, mosaic: self.mosaic(), tokens: (0..grid.count()).collect() })
    }
}
