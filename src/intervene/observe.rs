//! What is in the states before anything is rewritten: what means, probes and erasers are fitted to.
//!
//! Every image is seen once, under the first question about it: a causal decoder's image tokens do not know the question.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::Tensor;
use ndarray::{Array2, Axis as Dimension};

use super::{Bench, Prompt, Region, Run, Through, position};
use crate::dataset::{Axis, Item, Object};
use crate::error::{Error, Result};
use crate::model::{Site, VisionLanguage};
use crate::processor::{Group, Place};
use crate::record::numbers;
use crate::stats::probe::folds;

/// Cross-fitting: the fold of every image, so that nothing is applied to an image that it was fitted to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFolds(HashMap<String, i16>);

impl ImageFolds {
    /// Deals images into `count` folds.
    ///
    /// # Errors
    /// Fewer than two folds, which would fit on the images that are evaluated; fewer images than folds.
    pub fn deal(items: &[Item], count: usize, seed: u64) -> Result<Self> {
        if count < 2 {
            return Err(Error::usage(format!("`folds = {count}` would fit on the very images that are evaluated"))
                .with_help("use at least 2; what is applied to an image is then fitted to the others"));
        }
        let images = distinct(items);
        let ids: Vec<usize> = (0..images.len()).collect();
        let dealt = folds::grouped(&ids, count, seed).map_err(|reason| {
            Error::data(format!("cross-fitting is not possible: {reason}")).with_help("take more items or fewer folds")
        })?;
        let of = |(fold, dealt): (usize, folds::Fold)| {
            dealt.test.into_iter().map(|image| (images[image].image.clone(), fold as i16)).collect::<Vec<_>>()
        };
        Ok(Self(dealt.into_iter().enumerate().flat_map(of).collect()))
    }

    pub fn of(&self, image: &str) -> Option<i16> {
        self.0.get(image).copied()
    }

    pub fn all(&self) -> Vec<i16> {
        let mut folds: Vec<i16> = self.0.values().copied().collect();
        folds.sort_unstable();
        folds.dedup();
        folds
    }
}

/// The first item about each image, in order.
pub fn distinct(items: &[Item]) -> Vec<&Item> {
    let mut seen = std::collections::HashSet::new();
    items.iter().filter(|item| seen.insert(&item.image)).collect()
}

/// One object as seen by the network: the mean of its tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    pub image: usize,
    pub name_of_image: String,
    pub fold: i16,
    pub axis: Axis,
    /// Along the item's axis, from 0: left or top first.
    pub rank: usize,
    pub name: String,
}

/// Object means at some sites.
#[derive(Clone, Debug, Default)]
pub struct Sightings {
    pub rows: Vec<Sighting>,
    /// `[rows, width]`.
    pub states: BTreeMap<Site, Array2<f32>>,
}

impl Sightings {
    /// Of every object that the model sees, in all images.
    ///
    /// # Errors
    /// What the model says; no annotated object at all.
    pub fn of(bench: &Bench<'_>, sites: &[Site], folds: &ImageFolds) -> Result<Self> {
        Self::through(bench, sites, folds, &mut |_| Ok(None))
    }

    /// As [`of`](Self::of), of runs that are rewritten on their way.
    ///
    /// # Errors
    /// As there.
    pub fn through(bench: &Bench<'_>, sites: &[Site], folds: &ImageFolds, through: &mut Through<'_>) -> Result<Self> {
        let mut all = Self::default();
        let mut flat: BTreeMap<Site, Vec<f32>> = BTreeMap::new();
        look_through(bench, sites, through, |image, prompt, site, states| {
            let Some(fold) = folds.of(&prompt.item.image) else { return Ok(()) };
            let ranks = ranks(&prompt.item);
            for (k, object) in prompt.item.objects.iter().enumerate() {
                let patches = Region::One(Group::Object(k + 1)).at(Site::ProjectorOut, prompt, [1, 2], bench.seed);
                let (Some(rank), false) = (ranks[k], patches.is_empty()) else { continue };
                let mean = states.select(Dimension(0), &patches).mean_axis(Dimension(0));
                flat.entry(site).or_default().extend(mean.iter().flatten().map(|&value| value as f32));
                if site == sites[0] {
                    let (axis, name) = (prompt.item.axis(), object.name.clone());
                    let name_of_image = prompt.item.image.clone();
                    all.rows.push(Sighting { image, name_of_image, fold, axis, rank, name });
                }
            }
            Ok(())
        })?;
        if all.rows.is_empty() {
            return Err(Error::data("no image has an annotated object that the model sees")
                .with_help("directions are fitted to objects' tokens: give the items `objects` with boxes"));
        }
        for (site, flat) in flat {
            let width = flat.len() / all.rows.len();
            let states = Array2::from_shape_vec((all.rows.len(), width), flat);
            all.states.insert(site, states.map_err(|error| Error::data(format!("states at `{site}`: {error}")))?);
        }
        Ok(all)
    }
}

/// Shows every image's tokens at every site, `[patches, width]`, row-major, with the image's number.
///
/// # Errors
/// No image token at a site; what the model or `take` says.
pub fn look(
    bench: &Bench<'_>,
    sites: &[Site],
    take: impl FnMut(usize, &Prompt, Site, &Array2<f64>) -> Result<()> + Send,
) -> Result<()> {
    look_through(bench, sites, &mut |_| Ok(None), take)
}

/// As [`look`], at runs that are rewritten on their way.
fn look_through(
    bench: &Bench<'_>,
    sites: &[Site],
    through: &mut Through<'_>,
    mut take: impl FnMut(usize, &Prompt, Site, &Array2<f64>) -> Result<()> + Send,
) -> Result<()> {
    let runs: Vec<Run> = distinct(bench.items).into_iter().map(Run::original).collect();
    let numbers_of: HashMap<String, usize> =
        runs.iter().enumerate().map(|(n, run)| (run.base.image.clone(), n)).collect();
    bench.visit_through(&runs, sites, through, &mut |prompts: &[Prompt], site, tokens: Tensor<3>| {
        for (prompt, states) in prompts.iter().zip(image_tokens(prompts, site, tokens)?) {
            let image = numbers_of.get(&prompt.item.image).copied().unwrap_or_default();
            take(image, prompt, site, &states)?;
        }
        Ok(())
    })
}

/// Each prompt's image tokens out of `[batch, tokens, width]`, on the host: `[patches, width]`, row-major.
fn image_tokens(prompts: &[Prompt], site: Site, tokens: Tensor<3>) -> Result<Vec<Array2<f64>>> {
    let [_, count, width] = tokens.dims();
    let values = numbers(tokens.into_data())?;
    let of = |(b, prompt): (usize, &Prompt)| {
        let places: Option<Vec<usize>> = patches(prompt).map(|place| position(place, site, prompt)).collect();
        let places = places.filter(|places| places.iter().all(|&at| at < count));
        let places = places.ok_or_else(|| Error::usage(format!("`{site}` has no image tokens")))?;
        let start = |at: usize| (b * count + at) * width;
        Ok(Array2::from_shape_fn((places.len(), width), |(patch, i)| f64::from(values[start(places[patch]) + i])))
    };
    prompts.iter().enumerate().map(of).collect()
}

/// Every patch of a prompt's image, row-major.
pub fn patches(prompt: &Prompt) -> impl Iterator<Item = Place> {
    prompt.layout.geometry.grid.patches().map(Place::Patch)
}

/// The rank of each object along the item's axis, from 0; `None` where nobody annotated it.
pub fn ranks(item: &Item) -> Vec<Option<usize>> {
    let axis = item.axis();
    let along: Vec<Option<f64>> =
        item.objects.iter().map(|object: &Object| object.centre().map(|centre| axis.along(centre))).collect();
    let before = |own: f64| along.iter().flatten().filter(|other| **other < own).count();
    along.iter().map(|own| own.map(before)).collect()
}

/// The sites that patterns name, if the model has them and they hold image tokens.
///
/// # Errors
/// A site that the model does not have, or that holds attention, one position, or logits.
pub fn token_sites(patterns: &[crate::study::SitePattern], sites: &[crate::model::SiteSpec]) -> Result<Vec<Site>> {
    let chosen = crate::model::select(patterns, sites)?;
    let streams = |site: &Site| site.is_image_only() && *site != Site::ConnectorIn || matches!(site, Site::LmResid(_));
    match chosen.iter().find(|site| !streams(site)) {
        None => Ok(chosen),
        Some(site) => Err(Error::usage(format!("`{site}` does not hold the stream's image tokens"))
            .with_help("expected `projector.out`, `lm.*.resid`, `vision.out` or `vision.*.resid`, or the addends of `projector.out`")),
    }
}

/// The sites of a window: so many slots of the language model from a site on; `None` where the model ends before.
pub fn window(site: Site, width: usize, model: &dyn VisionLanguage) -> Option<Vec<Site>> {
    match site {
        Site::LmResid(first) => {
            (first + width <= model.depth() + 1).then(|| (first..first + width).map(Site::LmResid).collect())
        }
        other => (width == 1).then(|| vec![other]),
    }
}
