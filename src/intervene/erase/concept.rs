//! What is erased: a number or a class for every patch of an image.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::dataset::Axis;
use crate::intervene::Prompt;
use crate::intervene::observe::ranks;
use crate::processor::Patch;

/// A concept; see the [module](super) for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concept {
    Slot,
    Cell,
    Order,
    Content,
}

impl Concept {
    /// Whether objects belong to classes of it.
    pub fn has_classes(self) -> bool {
        matches!(self, Self::Slot | Self::Content)
    }

    /// Whether it is one value for a whole image, and so erased about the mean of each patch.
    pub fn of_image(self) -> bool {
        self == Self::Order
    }

    /// The axis of an item whose eraser is its own; `None` where both share one.
    pub fn axis(self, axis: Axis) -> Option<Axis> {
        matches!(self, Self::Slot | Self::Order).then_some(axis)
    }

    /// Of every patch, row-major, `[patches, k]`; `None` where the image does not have it. `names` are all objects' names.
    pub fn of(self, prompt: &Prompt, names: &[String]) -> Option<Array2<f64>> {
        let item = &prompt.item;
        let grid = prompt.layout.geometry.grid;
        let count = grid.count();
        let ranks = ranks(item);
        match self {
            Self::Cell => Some(Array2::from_shape_fn((count, 2), |(patch, k)| {
                let (row, col) = (patch / grid.cols, patch % grid.cols);
                if k == 0 { col as f64 } else { row as f64 }
            })),
            Self::Slot => {
                let classes = ranks.iter().flatten().max()? + 1;
                let of: Vec<usize> = (0..count).map(|patch| ranks[nearest(prompt, patch)?]).collect::<Option<_>>()?;
                Some(one_hot(&of, classes))
            }
            Self::Content => {
                let name = |object: usize| names.binary_search(&item.objects[object].name).ok();
                let of: Vec<usize> = (0..count).map(|patch| name(nearest(prompt, patch)?)).collect::<Option<_>>()?;
                Some(one_hot(&of, names.len()))
            }
            Self::Order => {
                let last = *ranks.iter().flatten().max()?;
                let at = |rank: usize| ranks.iter().position(|own| *own == Some(rank)).map(|k| &item.objects[k].name);
                let (first, last) = (at(0)?, at(last)?);
                (first != last).then(|| Array2::from_elem((count, 1), if first < last { 1.0 } else { 0.0 }))
            }
        }
    }

    /// The class of an object, from 0, for a classifier at its tokens.
    pub fn class(self, rank: usize, name: &str, names: &[String]) -> Option<usize> {
        match self {
            Self::Slot => Some(rank),
            Self::Content => names.iter().position(|known| known == name),
            Self::Cell | Self::Order => None,
        }
    }
}

/// The object whose centre lies nearest to a patch's.
fn nearest(prompt: &Prompt, patch: usize) -> Option<usize> {
    let geometry = &prompt.layout.geometry;
    let rect = geometry.patch_rect(Patch { row: patch / geometry.grid.cols, col: patch % geometry.grid.cols });
    let here = [(rect.x1 + rect.x2) / 2.0, (rect.y1 + rect.y2) / 2.0];
    let centres = prompt.layout.centres.iter().enumerate().filter_map(|(k, centre)| Some((k, (*centre)?)));
    let far = |centre: [f64; 2]| (centre[0] - here[0]).powi(2) + (centre[1] - here[1]).powi(2);
    centres.min_by(|a, b| far(a.1).total_cmp(&far(b.1))).map(|(k, _)| k)
}

fn one_hot(classes: &[usize], count: usize) -> Array2<f64> {
    Array2::from_shape_fn((classes.len(), count), |(row, class)| f64::from(u8::from(classes[row] == class)))
}

impl std::fmt::Display for Concept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slot => "slot",
            Self::Cell => "cell",
            Self::Order => "order",
            Self::Content => "content",
        })
    }
}
