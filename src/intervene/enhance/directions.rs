//! The directions that an image's tokens are pushed along, fitted to other images.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Axis as Dimension, concatenate};

use super::{Basis, Probes};
use crate::dataset::Axis;
use crate::error::{Error, Result};
use crate::intervene::Bench;
use crate::intervene::observe::{ImageFolds, Sighting, Sightings, look};
use crate::model::Site;
use crate::stats::decomposition::{eigen, svd};
use crate::stats::edit::Moments;
use crate::stats::probe::{Fit, Fold, Inner, Labels, Rows, cross_validate, relabel};

/// Which directions: of one axis, for images of one fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub site: Site,
    pub basis: Basis,
    pub fold: i16,
    pub axis: Axis,
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |key: &Self| (key.site, key.basis, key.fold, key.axis.word());
        key(self).cmp(&key(other))
    }
}

/// Directions, and the one among them that points from the last place to the first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Directions {
    /// `[width, k]`.
    pub columns: Array2<f64>,
    /// `[width]`.
    pub ordered: Array1<f64>,
}

impl Directions {
    /// The first column leads.
    pub fn random(columns: Array2<f64>) -> Self {
        Self { ordered: columns.column(0).to_owned(), columns }
    }

    /// One column a place, in their order.
    pub fn of_places(columns: Array2<f64>) -> Self {
        let ordered = &columns.column(0) - &columns.column(columns.ncols() - 1);
        Self { columns, ordered }
    }
}

/// What was fitted to the images of all folds but one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fitted {
    pub real: Directions,
    /// From labels exchanged within each image; `None` where the basis knows no labels.
    pub shuffled: Option<Directions>,
    pub other_axis: Option<Directions>,
    /// The mean image token, `[width]`.
    pub mean: Array1<f64>,
    /// The mean norm of an image token.
    pub length: f64,
}

/// Image tokens of the images of one fold.
#[derive(Clone, Debug)]
struct Tokens {
    moments: Moments,
    norms: f64,
}

/// Every basis at every site, for every fold and axis that has the images for it.
///
/// # Errors
/// No annotated objects; fits that did not converge, with the reason; probes of another run that do not fit.
pub(super) fn fit(
    bench: &Bench<'_>,
    sites: &[Site],
    bases: &[Basis],
    folds: &ImageFolds,
    probes: Option<&Probes>,
) -> Result<BTreeMap<Key, Fitted>> {
    let sightings = Sightings::of(bench, sites, folds)?;
    let tokens = tokens(bench, sites, folds)?;
    let mut fitted = BTreeMap::new();
    for &site in sites {
        let x = sightings.states.get(&site).ok_or_else(|| Error::data(format!("no states at `{site}`")))?;
        for &basis in bases {
            let mut of_axis: BTreeMap<(i16, &'static str), (Axis, Directions, Option<Directions>)> = BTreeMap::new();
            for axis in Axis::ALL {
                let rows: Vec<usize> =
                    (0..sightings.rows.len()).filter(|&row| sightings.rows[row].axis == axis).collect();
                if rows.is_empty() {
                    continue;
                }
                let seen: Vec<&Sighting> = rows.iter().map(|&row| &sightings.rows[row]).collect();
                let x = x.select(Dimension(0), &rows);
                if basis == Basis::File {
                    let found = probes.map(|probes| probes.of(site, axis, x.ncols())).transpose()?.flatten();
                    let found = found
                        .into_iter()
                        .flat_map(|found| folds.all().into_iter().map(move |fold| (fold, found.clone())));
                    of_axis.extend(found.map(|(fold, found)| ((fold, axis.word()), (axis, found, None))));
                    continue;
                }
                let of = |labels: &[usize]| directions(basis, &seen, &x, labels, folds, &tokens[&site]);
                let labels: Vec<usize> = seen.iter().map(|seen| seen.rank).collect();
                let place = |error: Error| error.within(format!("{} directions at `{site}`", axis.word()));
                let real = of(&labels).map_err(place)?;
                let mut shuffled = BTreeMap::new();
                if matches!(basis, Basis::Probe | Basis::MeanDifference) {
                    let images: Vec<usize> = seen.iter().map(|seen| seen.image).collect();
                    if let Ok(exchanged) = relabel::within_images(&labels, &images, 1, bench.seed) {
                        shuffled = of(&exchanged[0]).map_err(place)?;
                    }
                }
                for (fold, real) in real {
                    of_axis.insert((fold, axis.word()), (axis, real, shuffled.remove(&fold)));
                }
            }
            for ((fold, _), (axis, real, shuffled)) in &of_axis {
                let other = Axis::ALL.into_iter().find(|other| other != axis).map_or("", Axis::word);
                let train = others(&tokens[&site], *fold);
                let value = Fitted {
                    real: real.clone(),
                    shuffled: shuffled.clone(),
                    other_axis: of_axis.get(&(*fold, other)).map(|(_, directions, _)| directions.clone()),
                    mean: train.moments.mean().clone(),
                    length: train.norms / train.moments.n().max(1) as f64,
                };
                fitted.insert(Key { site, basis, fold: *fold, axis: *axis }, value);
            }
        }
    }
    Ok(fitted)
}

/// Directions for each fold, fitted to the rows of the others.
fn directions(
    basis: Basis,
    seen: &[&Sighting],
    x: &Array2<f32>,
    labels: &[usize],
    folds: &ImageFolds,
    tokens: &BTreeMap<i16, Tokens>,
) -> Result<BTreeMap<i16, Directions>> {
    let classes = labels.iter().max().map_or(0, |most| most + 1);
    let split = |fold: i16| -> Fold {
        let (test, train) = (0..seen.len()).partition(|&row| seen[row].fold == fold);
        Fold { train, test }
    };
    if basis == Basis::Probe {
        let present: Vec<i16> = folds.all().into_iter().filter(|&fold| !split(fold).test.is_empty()).collect();
        let splits: Vec<Fold> = present.iter().map(|&fold| split(fold)).collect();
        let groups: Vec<usize> = seen.iter().map(|seen| seen.image).collect();
        let fitted = cross_validate(
            Rows { x: x.view(), groups: &groups },
            Labels { y: labels, classes },
            &splits,
            Fit::Standard,
            &Inner::default(),
        );
        let fitted = fitted.map_err(|reason| Error::data(format!("the probe cannot be fitted: {reason}")))?;
        return Ok(present
            .into_iter()
            .zip(fitted.probes.into_iter().map(|probe| Directions::of_places(probe.w)))
            .collect());
    }
    let mut all = BTreeMap::new();
    for fold in folds.all() {
        let train = split(fold).train;
        let x = x.select(Dimension(0), &train).mapv(f64::from);
        let found = match basis {
            // Those of another run were never fitted here.
            Basis::File => None,
            Basis::Probe | Basis::MeanDifference => {
                let labels: Vec<usize> = train.iter().map(|&row| labels[row]).collect();
                class_means(&x, &labels, classes).map(|means| Directions::of_places(means.reversed_axes()))
            }
            Basis::Content => {
                let mut names: Vec<&String> = train.iter().map(|&row| &seen[row].name).collect();
                let labels = numbered(&mut names);
                let count = labels.iter().max().map_or(0, |most| most + 1);
                let means = class_means(&x, &labels, count).filter(|_| count > 1);
                let widest = means.map(|means| svd(means.view())).transpose();
                let widest = widest.map_err(|error| Error::data(error.to_string()))?;
                let keep = classes.saturating_sub(1).max(1);
                widest.map(|svd| Directions::random(leading(&svd.v, keep)))
            }
            Basis::Pca => {
                let spread = others(tokens, fold).moments.spread();
                let eigen = eigen(spread.view()).map_err(|error| Error::data(error.to_string()))?;
                Some(Directions::random(leading(&eigen.vectors, classes.saturating_sub(1).max(1))))
            }
        };
        // A place that the other folds never show leaves this one without directions.
        all.extend(found.map(|found| (fold, found)));
    }
    Ok(all)
}

/// Means of the classes less the mean of those means, `[classes, width]`; `None` where a class has no row.
fn class_means(x: &Array2<f64>, labels: &[usize], classes: usize) -> Option<Array2<f64>> {
    let mut means = Array2::zeros((classes, x.ncols()));
    for class in 0..classes {
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        means.row_mut(class).assign(&x.select(Dimension(0), &rows).mean_axis(Dimension(0))?);
    }
    let centre = means.mean_axis(Dimension(0))?;
    Some(means - &centre)
}

/// Names as numbers, in alphabetical order.
fn numbered(names: &mut [&String]) -> Vec<usize> {
    let mut known: Vec<&String> = names.to_vec();
    known.sort_unstable();
    known.dedup();
    names.iter().map(|name| known.binary_search(name).unwrap_or_default()).collect()
}

fn leading(columns: &Array2<f64>, count: usize) -> Array2<f64> {
    let kept = columns.columns().into_iter().take(count).map(|column| column.insert_axis(Dimension(1)));
    let kept: Vec<_> = kept.collect();
    concatenate(Dimension(1), &kept).unwrap_or_else(|_| Array2::zeros((columns.nrows(), 0)))
}

fn tokens(bench: &Bench<'_>, sites: &[Site], folds: &ImageFolds) -> Result<BTreeMap<Site, BTreeMap<i16, Tokens>>> {
    let mut all: BTreeMap<Site, BTreeMap<i16, Tokens>> = BTreeMap::new();
    look(bench, sites, |_, prompt, site, states| {
        let Some(fold) = folds.of(&prompt.item.image) else { return Ok(()) };
        let fresh = || Tokens { moments: Moments::new(states.ncols(), 0), norms: 0.0 };
        let tokens = all.entry(site).or_default().entry(fold).or_insert_with(fresh);
        tokens.moments.push(states.view(), Array2::zeros((states.nrows(), 0)).view());
        tokens.norms += states.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum::<f64>();
        Ok(())
    })?;
    Ok(all)
}

/// The tokens of all folds but one.
fn others(tokens: &BTreeMap<i16, Tokens>, fold: i16) -> Tokens {
    let width = tokens.values().next().map_or(0, |tokens| tokens.moments.mean().len());
    let mut joined = Tokens { moments: Moments::new(width, 0), norms: 0.0 };
    for (_, other) in tokens.iter().filter(|(known, _)| **known != fold) {
        joined.moments.absorb(&other.moments);
        joined.norms += other.norms;
    }
    joined
}
