//! The mean state of every patch, over the images of some folds.

use std::collections::BTreeMap;

use ndarray::Array2;

use crate::error::{Error, Result};
use crate::intervene::Bench;
use crate::intervene::observe::{ImageFolds, look};
use crate::model::Site;

/// Sums of every patch's states, by site and fold.
pub(super) struct Cells(BTreeMap<(Site, i16), (Array2<f64>, usize)>);

impl Cells {
    pub fn sum(bench: &Bench<'_>, sites: &[Site], folds: &ImageFolds) -> Result<Self> {
        let mut sums: BTreeMap<(Site, i16), (Array2<f64>, usize)> = BTreeMap::new();
        look(bench, sites, |_, prompt, site, states| {
            let Some(fold) = folds.of(&prompt.item.image) else { return Ok(()) };
            let (sum, count) = sums.entry((site, fold)).or_insert_with(|| (Array2::zeros(states.raw_dim()), 0));
            if sum.dim() != states.dim() {
                return Err(Error::data(format!("image `{}` has another grid of patches", prompt.item.image))
                    .with_help("a concept at every patch needs images of one size"));
            }
            *sum += states;
            *count += 1;
            Ok(())
        })?;
        Ok(Self(sums))
    }

    /// The mean of every patch over the images of the folds that `pick` takes, `[patches, width]`.
    pub fn mean(&self, site: Site, pick: impl Fn(i16) -> bool) -> Option<Array2<f64>> {
        let parts = self.0.iter().filter(|((of, fold), _)| *of == site && pick(*fold)).map(|(_, part)| part);
        let (sum, count) = parts.fold((None::<Array2<f64>>, 0), |(sum, total), (part, count)| {
            (Some(sum.map_or_else(|| part.clone(), |sum| sum + part)), total + count)
        });
        sum.map(|sum| sum / count as f64)
    }
}
