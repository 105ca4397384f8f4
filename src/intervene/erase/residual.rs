//! Does the concept come back? Fresh readers of the objects' tokens, at and after the site where it was erased.
//!
//! Readers are cross-fitted over the folds of the erasers: an object is read by one that saw neither its image nor, in the
//! eraser, its image's concept. Without erasing the same readers are fitted to the same images, so each has its ceiling.

use ndarray::{Array2, Axis as Dimension};

use super::fit::Kind;
use super::{Concept, Erasure, Method, Player};
use crate::dataset::Axis;
use crate::error::{Error, Result};
use crate::intervene::observe::{Sighting, Sightings, token_sites};
use crate::intervene::unit::outermost;
use crate::intervene::{Bench, DecodedRow, Prompt, Region};
use crate::model::{Hook, Site};
use crate::stats::mlp;
use crate::stats::probe::{Fit, Fold, Inner, Labels, Rows, cross_validate};

/// Everything that is asked to be read.
pub(super) fn read(erasure: &Erasure, bench: &Bench<'_>) -> Result<Vec<DecodedRow>> {
    let asked = &erasure.asked;
    if asked.read.is_empty() {
        return Ok(Vec::new());
    }
    let known = bench.model.sites();
    let at = token_sites(&asked.read, &known)?;
    let names = super::fit::names(bench.items);
    let concepts: Vec<Concept> = asked.concepts.iter().copied().filter(|concept| concept.has_classes()).collect();
    let mut rows = Vec::new();
    let clean = Sightings::of(bench, &at, &erasure.folds)?;
    for &concept in &concepts {
        let nothing = ("none".to_string(), "none".to_string(), "none".to_string());
        rows.extend(decode(&clean, &at, concept, &names, nothing, bench.seed)?);
    }
    for &start in &token_sites(&asked.sites, &known)? {
        let sites = asked.reached(start, bench.model);
        for &scope in &asked.scopes {
            for &concept in &concepts {
                for &method in &asked.methods {
                    let seen = erased(erasure, bench, &at, &sites, scope, (concept, method))?;
                    let labels = (start.to_string(), scope.to_string(), erasure.arm_name(method));
                    rows.extend(decode(&seen, &at, concept, &names, labels, bench.seed)?);
                }
            }
        }
    }
    Ok(rows)
}

/// What the network holds of the objects when a concept is erased on the way.
fn erased(
    erasure: &Erasure,
    bench: &Bench<'_>,
    at: &[Site],
    sites: &[Site],
    scope: Region,
    what: (Concept, Method),
) -> Result<Sightings> {
    let device = bench.model.device();
    Sightings::through(bench, at, &erasure.folds, &mut |prompts: &[Prompt]| {
        let players: Vec<Player<'_>> = prompts
            .iter()
            .filter_map(|prompt| {
                let fold = erasure.folds.of(&prompt.item.image)?;
                Some(Player { prompt, pair: outermost(&prompt.item), fold, axis: prompt.item.axis() })
            })
            .collect();
        let cast: Vec<&Player<'_>> = players.iter().collect();
        let erasing = erasure.erasing(&cast, sites, scope, what, (Kind::Real, None), (bench.seed, &device))?;
        match erasing {
            // A hook sees the whole batch; an image that it does not reach would be read as if it were erased.
            Some(erasing) if erasing.reached.len() == prompts.len() => {
                Ok(Some(Box::new(erasing.hook) as Box<dyn Hook>))
            }
            _ => Err(Error::data(format!(
                "`{}` cannot be erased from every image, so its readers cannot be compared",
                what.0
            ))
            .with_help("leave `read` out, or take items that all have the scope's tokens on both axes")),
        }
    })
}

/// Held-out readings of every object at every site, by both readers.
fn decode(
    seen: &Sightings,
    at: &[Site],
    concept: Concept,
    names: &[String],
    (site, group, arm): (String, String, String),
    seed: u64,
) -> Result<Vec<DecodedRow>> {
    let mut decoded = Vec::new();
    let axes: Vec<Option<Axis>> =
        if concept.axis(Axis::Horizontal).is_some() { Axis::ALL.map(Some).to_vec() } else { vec![None] };
    for axis in axes {
        let of_axis = |sighting: &Sighting| axis.is_none_or(|axis| axis == sighting.axis);
        let chosen: Vec<(usize, usize)> = (0..seen.rows.len())
            .filter(|&row| of_axis(&seen.rows[row]))
            .filter_map(|row| Some((row, concept.class(seen.rows[row].rank, &seen.rows[row].name, names)?)))
            .collect();
        if chosen.is_empty() {
            continue;
        }
        let (rows, raw): (Vec<usize>, Vec<usize>) = chosen.into_iter().unzip();
        let mut known = raw.clone();
        known.sort_unstable();
        known.dedup();
        let y: Vec<usize> = raw.iter().map(|class| known.binary_search(class).unwrap_or_default()).collect();
        let groups: Vec<usize> = rows.iter().map(|&row| seen.rows[row].image).collect();
        let mut numbers: Vec<i16> = rows.iter().map(|&row| seen.rows[row].fold).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let split = |&number: &i16| {
            let (test, train) = (0..rows.len()).partition(|&row| seen.rows[rows[row]].fold == number);
            Fold { train, test }
        };
        let folds: Vec<Fold> = numbers.iter().map(split).collect();
        for &read in at {
            let wrong = |reason| Error::data(format!("readers of `{concept}` at `{read}`: {reason}"));
            let states = seen.states.get(&read).ok_or_else(|| Error::data(format!("no states at `{read}`")))?;
            let x = states.select(Dimension(0), &rows);
            let (rows_, labels) = (Rows { x: x.view(), groups: &groups }, Labels { y: &y, classes: known.len() });
            let linear = cross_validate(rows_, labels, &folds, Fit::Standard, &Inner::default()).map_err(wrong)?.prob;
            let hidden = mlp::held_out(rows_, labels, &folds, seed).map_err(wrong)?;
            let readers: [(&'static str, Array2<f64>); 2] = [("linear", linear), ("mlp", hidden)];
            for (reader, prob) in readers {
                let tested = folds.iter().flat_map(|fold| fold.test.iter().copied());
                for (row, prob) in tested.zip(prob.rows()) {
                    let sighting = &seen.rows[rows[row]];
                    let best = (0..prob.len()).reduce(|best, k| if prob[k] > prob[best] { k } else { best });
                    decoded.push(DecodedRow {
                        image: sighting.name_of_image.clone(),
                        axis: sighting.axis.word(),
                        fold: sighting.fold,
                        object: sighting.name.clone(),
                        site: site.clone(),
                        group: group.clone(),
                        arm: arm.clone(),
                        concept: concept.to_string(),
                        read_site: read.to_string(),
                        read_slot: read.index().map_or(-1, |slot| slot as i16),
                        reader,
                        classes: known.len() as u16,
                        truth: y[row] as u16,
                        p_true: prob[y[row]] as f32,
                        correct: best == Some(y[row]),
                    });
                }
            }
        }
    }
    Ok(decoded)
}
