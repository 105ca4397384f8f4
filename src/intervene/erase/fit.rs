//! Erasers, each fitted to the images of all folds but one.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Axis as Dimension};
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::cells::Cells;
use super::{Concept, EraseSpec, Method};
use crate::dataset::{Axis, Item};
use crate::error::{Error, Result};
use crate::intervene::observe::{ImageFolds, Sightings, look};
use crate::intervene::{Bench, Prompt};
use crate::model::Site;
use crate::stats::decomposition::{Eigen, eigen};
use crate::stats::edit::random::{matched_subspace, subspace};
use crate::stats::edit::{Covariance, Degenerate, Inlp, LowRank, Moments, Oracle, Reader, Shrinkage};
use crate::stats::probe::{Fit, Inner, Labels, Rows, Rule, Undefined, cross_validate, fit_all, folds, metrics};
use crate::stats::seed::rng;

/// Which eraser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub site: Site,
    pub concept: Concept,
    pub method: Method,
    pub fold: i16,
    pub axis: Option<Axis>,
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |key: &Self| (key.site, key.concept, key.method, key.fold, key.axis.map(Axis::word));
        key(self).cmp(&key(other))
    }
}

/// An eraser or one of its nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Real,
    /// Fitted to a concept dealt out anew.
    Shuffled,
    /// A random subspace of the same rank.
    RandomRank,
    /// The same, that holds the same variance too.
    RandomVariance,
}

/// What an eraser subtracts.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// `left right (x - mean)`, the mean its own for each patch where `cells` (`[patches, width]`) are given.
    LowRank {
        map: LowRank,
        cells: Option<Array2<f64>>,
    },
    Oracle {
        oracle: Oracle,
        names: Vec<String>,
    },
}

/// An eraser with what its nulls need.
#[derive(Clone, Debug)]
pub(super) struct Eraser {
    real: Form,
    /// `None` where the shuffled concept covaries with nothing.
    shuffled: Option<Form>,
    /// Random ones of the same rank, by draw.
    ranked: Vec<Form>,
    /// Random ones of the same rank that remove the same variance, by draw.
    matched: Vec<Form>,
}

impl Eraser {
    /// With as many random ones of each kind as there are to be draws.
    fn new(
        real: Form,
        shuffled: Option<Form>,
        (covariance, sigma): (&Covariance, &Eigen),
        draws: u32,
        (seed, purpose): (u64, &str),
    ) -> Result<Self, Degenerate> {
        let mut eraser = Self { real, shuffled, ranked: Vec::new(), matched: Vec::new() };
        let Form::LowRank { map, cells } = &eraser.real else { return Ok(eraser) };
        if map.rank() == 0 {
            return Ok(eraser);
        }
        let variance = map.removed_variance(covariance.xx.view());
        let form = |basis| Form::LowRank { map: LowRank::projection(basis, map.mean.clone()), cells: cells.clone() };
        let draw = |kind: &str, draw: u32| rng(seed, &format!("{kind} for {purpose}"), draw.into());
        let draws = 0..draws;
        let ranked = draws.clone().into_par_iter();
        let ranked = ranked.map(|n| subspace(map.width(), map.rank(), &mut draw("random subspace", n)).map(form));
        let matched = draws.into_par_iter().map(|n| {
            let found = matched_subspace(sigma, map.rank(), variance, &mut draw("matched subspace", n))?;
            Ok(form(found.basis))
        });
        let (ranked, matched) = (ranked.collect::<Result<_, _>>()?, matched.collect::<Result<_, Degenerate>>()?);
        eraser = Self { ranked, matched, ..eraser };
        Ok(eraser)
    }

    /// One of its kinds; `None` where there was nothing to erase.
    pub fn form(&self, kind: Kind, draw: Option<u32>) -> Option<&Form> {
        let drawn = draw.unwrap_or(0) as usize;
        let form = match kind {
            Kind::Real => Some(&self.real),
            Kind::Shuffled => self.shuffled.as_ref(),
            Kind::RandomRank => self.ranked.get(drawn),
            Kind::RandomVariance => self.matched.get(drawn),
        };
        form.filter(|form| !matches!(form, Form::LowRank { map, .. } if map.rank() == 0))
    }
}

/// Covariances of the images of one fold and axis, about the mean token or the means of patches.
struct Gathered {
    real: Moments,
    shuffled: Moments,
}

/// Every eraser that is asked for, at every site.
///
/// # Errors
/// A concept that no image has; a fit that fails, with the reason.
pub(super) fn fit(
    bench: &Bench<'_>,
    sites: &[Site],
    asked: &EraseSpec,
    folds: &ImageFolds,
) -> Result<BTreeMap<Key, Eraser>> {
    let names = names(bench.items);
    let mut erasers = BTreeMap::new();
    let sightings = match asked.methods.contains(&Method::Inlp) {
        true => Some(Sightings::of(bench, sites, folds)?),
        false => None,
    };
    for &concept in &asked.concepts {
        let cells = if concept.of_image() { Some(Cells::sum(bench, sites, folds)?) } else { None };
        let gathered = gather(bench, sites, folds, concept, &names, cells.as_ref())?;
        if gathered.is_empty() {
            return Err(Error::data(format!("no image has the concept `{concept}`"))
                .with_help("it is told by the objects' boxes and names: give the items `objects` with boxes"));
        }
        let mut parts: Vec<(Site, Option<Axis>)> =
            gathered.keys().map(|(site, _, axis)| (*site, axis.and_then(named))).collect();
        parts.dedup();
        parts.sort_unstable_by_key(|(site, axis)| (*site, axis.map(Axis::word)));
        parts.dedup();
        for (site, axis) in parts {
            for fold in folds.all() {
                let train = |pick: fn(&Gathered) -> &Moments| {
                    let others =
                        gathered.iter().filter(|((s, f, a), _)| *s == site && *f != fold && *a == axis.map(Axis::word));
                    joined(others.map(|(_, gathered)| pick(gathered)))
                };
                let place = |reason: Degenerate| Error::data(format!("eraser of `{concept}` at `{site}`: {reason}"));
                // An axis with too few images outside the fold has no eraser.
                let Some(real) = train(|gathered| &gathered.real) else { continue };
                let covariance = match real.covariance(Shrinkage::Optimal) {
                    Err(Degenerate::TooFew(_) | Degenerate::ConstantConcept) => continue,
                    other => other.map_err(place)?,
                };
                let shuffled =
                    train(|gathered| &gathered.shuffled).map(|moments| moments.covariance(Shrinkage::Optimal));
                let shuffled = shuffled.transpose().map_err(place)?;
                let about = cells.as_ref().and_then(|cells| cells.mean(site, |other| other != fold));
                let sigma = eigen(covariance.xx.view()).map_err(|error| place(error.into()))?;
                for &method in &asked.methods {
                    let inlp = |fold| {
                        let sightings = sightings.as_ref()?;
                        Some(by_classifiers(
                            sightings,
                            site,
                            (concept, axis, fold),
                            &names,
                            &covariance,
                            asked,
                            bench.seed,
                        ))
                    };
                    let form = |covariance: &Covariance| -> Result<Option<Form>> {
                        let map = match method {
                            Method::Leace => covariance.leace(),
                            Method::Orthogonal => covariance.orthogonal(),
                            Method::Inlp => return Ok(None),
                            Method::Oracle => {
                                let oracle = covariance.oracle().map_err(place)?;
                                return Ok(Some(Form::Oracle { oracle, names: names.clone() }));
                            }
                        };
                        match map {
                            Err(Degenerate::NothingToErase) => Ok(None),
                            map => Ok(Some(Form::LowRank { map: map.map_err(place)?, cells: about.clone() })),
                        }
                    };
                    let real = match method {
                        Method::Inlp => inlp(fold).transpose()?.map(|map| Form::LowRank { map, cells: None }),
                        _ => form(&covariance)?,
                    };
                    let Some(real) = real else { continue };
                    let shuffled = shuffled.as_ref().map(form).transpose()?.flatten();
                    let purpose = format!("{concept} at {site}, fold {fold}");
                    let random = if method == Method::Oracle { 0 } else { asked.random };
                    let eraser = Eraser::new(real, shuffled, (&covariance, &sigma), random, (bench.seed, &purpose));
                    let eraser = eraser.map_err(place)?;
                    erasers.insert(Key { site, concept, method, fold, axis }, eraser);
                }
            }
        }
        for &method in &asked.methods {
            if !erasers.keys().any(|key: &Key| (key.concept, key.method) == (concept, method)) {
                return Err(Error::data(format!(
                    "`{concept}` does not vary over the images, or nothing varies with it"
                ))
                .with_help("take more items, or leave the concept out"));
            }
        }
    }
    Ok(erasers)
}

/// All objects' names, in alphabetical order.
pub(super) fn names(items: &[Item]) -> Vec<String> {
    let mut names: Vec<String> =
        items.iter().flat_map(|item| item.objects.iter().map(|object| object.name.clone())).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn named(word: &'static str) -> Option<Axis> {
    Axis::ALL.into_iter().find(|axis| axis.word() == word)
}

fn joined<'a>(mut parts: impl Iterator<Item = &'a Moments>) -> Option<Moments> {
    let first = parts.next()?.clone();
    Some(parts.fold(first, |mut all, part| {
        all.absorb(part);
        all
    }))
}

type Parts = BTreeMap<(Site, i16, Option<&'static str>), Gathered>;

fn gather(
    bench: &Bench<'_>,
    sites: &[Site],
    folds: &ImageFolds,
    concept: Concept,
    names: &[String],
    cells: Option<&Cells>,
) -> Result<Parts> {
    // A concept of the image is dealt out anew among images, one of patches among the patches of each image.
    let dealt = if concept.of_image() { Some(dealt(bench, concept, names)?) } else { None };
    let mut parts = Parts::new();
    look(bench, sites, |image, prompt, site, states| {
        let (Some(fold), Some(z)) = (folds.of(&prompt.item.image), concept.of(prompt, names)) else { return Ok(()) };
        let axis = concept.axis(prompt.item.axis()).map(Axis::word);
        let other = match &dealt {
            Some(dealt) => match dealt.get(&image) {
                Some(value) => Array2::from_elem(z.raw_dim(), *value),
                None => return Ok(()),
            },
            None => {
                let mut order: Vec<usize> = (0..z.nrows()).collect();
                order.shuffle(&mut rng(bench.seed, &format!("concept {concept} dealt anew"), image as u64));
                z.select(Dimension(0), &order)
            }
        };
        let fresh = || Gathered {
            real: Moments::new(states.ncols(), z.ncols()),
            shuffled: Moments::new(states.ncols(), z.ncols()),
        };
        let part = parts.entry((site, fold, axis)).or_insert_with(fresh);
        if part.real.concept() != z.ncols() {
            return Err(Error::usage(format!(
                "`{concept}` has {} values in image `{}` and {} in others",
                z.ncols(),
                prompt.item.image,
                part.real.concept()
            ))
            .with_help("erase in items with equally many objects: name one source as `dataset`"));
        }
        // About the means of their own fold, so that no fold knows of another.
        let means = cells.and_then(|cells| cells.mean(site, |other| other == fold));
        let centred = means.map_or_else(|| states.clone(), |means| states - &means);
        part.real.push(centred.view(), z.view());
        part.shuffled.push(centred.view(), other.view());
        Ok(())
    })?;
    Ok(parts)
}

/// The concept of every image, exchanged among the images of its axis.
fn dealt(bench: &Bench<'_>, concept: Concept, names: &[String]) -> Result<BTreeMap<usize, f64>> {
    let mut own: BTreeMap<&'static str, Vec<(usize, f64)>> = BTreeMap::new();
    let first = Site::ProjectorOut;
    look(bench, &[first], |image, prompt: &Prompt, _, _| {
        if let Some(value) = concept.of(prompt, names).and_then(|z| z.first().copied()) {
            own.entry(prompt.item.axis().word()).or_default().push((image, value));
        }
        Ok(())
    })?;
    let mut dealt = BTreeMap::new();
    for (axis, images) in own {
        let mut values: Vec<f64> = images.iter().map(|(_, value)| *value).collect();
        values.shuffle(&mut rng(bench.seed, &format!("concept {concept} dealt anew, {axis}"), 0));
        dealt.extend(images.into_iter().map(|(image, _)| image).zip(values));
    }
    Ok(dealt)
}

/// INLP at the objects' means; `None` of a reason, and an error where a fit fails.
fn by_classifiers(
    sightings: &Sightings,
    site: Site,
    (concept, axis, fold): (Concept, Option<Axis>, i16),
    names: &[String],
    covariance: &Covariance,
    asked: &EraseSpec,
    seed: u64,
) -> Result<LowRank> {
    let wrong = |reason: String| Error::data(format!("classifiers of `{concept}` at `{site}`: {reason}"));
    let states = sightings.states.get(&site).ok_or_else(|| wrong("no states".into()))?;
    let chosen: Vec<(usize, usize)> = sightings
        .rows
        .iter()
        .enumerate()
        .filter(|(_, seen)| seen.fold != fold && axis.is_none_or(|axis| axis == seen.axis))
        .filter_map(|(row, seen)| Some((row, concept.class(seen.rank, &seen.name, names)?)))
        .collect();
    let (rows, raw): (Vec<usize>, Vec<usize>) = chosen.into_iter().unzip();
    // Only classes that occur, numbered without gaps.
    let mut known = raw.clone();
    known.sort_unstable();
    known.dedup();
    let y: Vec<usize> = raw.iter().map(|class| known.binary_search(class).unwrap_or_default()).collect();
    let groups: Vec<usize> = rows.iter().map(|&row| sightings.rows[row].image).collect();
    let x = states.select(Dimension(0), &rows).mapv(f64::from);
    let (mean, n): (Array1<f64>, f64) = (covariance.mean_x.clone(), y.len() as f64);
    let fit = Inner { lambdas: vec![1e-2], folds: 2, rule: Rule::Best, seed };
    let splits = folds::grouped(&groups, 5, seed).map_err(|reason| wrong(reason.to_string()))?;
    let majority = metrics::majority(&y);
    let floor = majority + (majority * (1.0 - majority) / n).sqrt();
    let read = |eraser: &LowRank| -> std::result::Result<Reader, Stop> {
        let left = eraser.erase(x.view()).mapv(|value| value as f32);
        let rows = Rows { x: left.view(), groups: &groups };
        let labels = Labels { y: &y, classes: known.len() };
        let held_out = cross_validate(rows, labels, &splits, Fit::Standard, &fit).map_err(Stop::Undefined)?;
        let accuracy = metrics::accuracy(held_out.prob.view(), &held_out.truth(&y));
        let weights = fit_all(rows, labels, Fit::Standard, &fit).map_err(Stop::Undefined)?.w;
        Ok(Reader { weights, accuracy, floor })
    };
    let inlp = Inlp::fit(mean, asked.rounds, read).map_err(|stop| wrong(stop.to_string()))?;
    Ok(inlp.eraser)
}

/// Why INLP stopped short.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Degenerate(#[from] Degenerate),
    #[error(transparent)]
    Undefined(Undefined),
}
