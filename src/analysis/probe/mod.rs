//! What is linearly readable, where, and what does that say?
//!
//! # What it measures
//! How well a linear probe reads a label off hidden states, at every recorded site of encoder, projector and language model.
//! The targets answer different questions and are never mixed:
//!
//! | target | one observation | what a high accuracy shows |
//! |---|---|---|
//! | `slot` | a token of an object | some code of position at the object, *absolute or ordinal*: its place alone gives the label |
//! | `layout_at_fixed_location` | the token at one cell, over images | layout *at that cell*: the place is constant and cannot leak |
//! | `pair_relation` | an image: mean(object 1) - mean(object 2) | the relation is in the two objects' tokens |
//! | `relation_at_text` | a word of a question | the answer has arrived in the text |
//! | `abs_xy` | an object of an image (regression) | metric position |
//! | `distance` | an object of a video (regression) | how far from the camera it is, on average over the frames that show it |
//!
//! Readable is not used: that needs an intervention at the same site.
//!
//! # Formula
//! Fits: `standard`, z-scores and min_W mean CE + lambda/2 |W|^2, lambda out of 1e-4..1e4 by inner grouped cross-validation
//! and the one-standard-error rule; `paper`, the published optimiser settings; `mean_difference`; `nearest_centroid`. See
//! [`stats::probe`](crate::stats::probe). Mean, scale and lambda come from training images alone.
//! Splits are of whole images: `random_image` (5 folds, even in setting and axis); `held_out_content` (each test image shows
//! an identity that no training image shows: each pair of identities where there are at most six, else five groups of them;
//! what leaves fewer than ten images to train on is left out);
//! `held_out_pair` (a combination of identities that no training image shows); `held_out_position` (the probes of the random
//! folds on the shifted versions of their test images); `cross_setting` (trained on all other kinds of scene).
//! Metrics: `acc`, `bal_acc`, `auc` (one against the rest, averaged), `logloss` (nats), `r2`; `strip_index`, the share of an
//! image's cells that are called as the object nearest along the axis (cells halfway left out; chance: the best constant
//! answer); `mdl_bits` and `compression` of the online code over images in 5 orders, except at fixed cells (`ci`: least and
//! greatest of them).
//! `axis` is the images' axis; for `abs_xy` the coordinate, read in all images. Site `chosen` is the layer chosen in each
//! fold by the loss inside its training images (one tower, or all: tower empty); `control_variant` then lists the sites.
//! Rows with a cell are single probes; a layout map also has rows without one, the means over all cells (`background` empty),
//! over those that an object touches in some image ("no") and over pure background ("yes"), one row where all cells are of
//! one kind. In the group `background` a cell has only those images in which no object touches it.
//!
//! # Reads
//! `frames/hidden/*`, one site at a time; `frames/items`: item, dataset, image, set, relation, gold, grid, objects. States of
//! an image are read at the first of its items. Groups of one kind are pooled: `object_*`.
//!
//! # Writes
//! `tables/probe`: probe, target, label, dataset, axis, site, tower, slot, depth, group, cell_row, cell_col, background, fit_mode,
//! split, metric, value, ci_lo, ci_hi, chance, lambda (median of folds), n_train (mean of folds), n_test, n_groups_test, k,
//! control_kind, control_variant, control_value, control_lo, control_hi, selectivity (value - control_value), selectivity_lo,
//! selectivity_hi, p_perm, p_max, seed, undefined (why there is no number; empty if there is).
//! `tables/probe_pred` (standard fit, primary sites), `probe_map` (mean probability of each class in every cell by variant; for
//! layouts class "acc"), `probe_confusion`, `probe_curve`, `probe_claims`; `probe_weights.safetensors`, see [`weights`].
//!
//! # Controls
//! Of the standard fit; each is a row, and what each can show is:
//! * `shuffled`: whole images exchange labels inside setting and axis (the objects of an image among themselves where all
//!   images have the same labels), 1,000 times at primary sites, 20 elsewhere, lambda chosen anew. `p_perm` is two-sided
//!   about the mean of the null; `p_max` compares with the largest deviation over the primary sites under the same exchange.
//!   Shows that images, not tokens, carry the evidence; says nothing of *what* is read. Mind the sign of `selectivity`: where
//!   identities and labels are balanced by design, a probe that can read nothing but identities falls *below* chance (what a
//!   test image shows with one label, its training images show with the others), and that deviation is significant too.
//! * `control_content` (Hewitt and Liang): a random class for each identity, 5 maps. As good as the task: the probe can learn
//!   identities by heart. Held-out content makes that impossible.
//! * `control_location`: a random class for each cell. Near 1: location alone suffices at this site, and `slot` accuracy says
//!   nothing of order. Undefined at a fixed cell, where location cannot leak.
//! * `geometry_only`: centre, width, height, area without any state: the ceiling of the leak. Undefined at a fixed cell.
//! * `pixels`: mean colour beside one-hot row and column: what needs no model. `untrained`: random weights, same
//!   architecture: what needs no training. `majority`: what needs no image.
//! * `blank`, `noise`: the same probes on images with nothing in them. Strips that remain are absolute position; accuracy
//!   that remains is not of the objects: of `pair_relation`, it is which cells were averaged.
//! * `shift_ordinal`, `shift_absolute`: the same probes on moved objects: called by their rank, or by the slot in whose place
//!   they now stand (only where the two differ). Tells a code of order from one of position.
//! * Intervals: bootstrap over images, the same draws at all sites and for value and control, so `selectivity` is paired;
//!   Wilson's interval over images where all or none are right.
//!
//! # Paper
//! Cui et al., "The Dual Mechanisms of Spatial Reasoning in Vision-Language Models" (arXiv 2603.22278): slot probes after the
//! projector and their strips. Hewitt and Liang (2019) for selectivity; Voita and Titov (2020) for description length. The
//! other targets, splits and controls are additions.

mod cells;
mod choose;
pub mod claims;
mod code;
mod context;
mod controls;
mod coordinate;
mod counterpart;
mod depth;
mod division;
mod judge;
mod label;
mod moved;
mod outcome;
#[cfg(test)]
mod planted;
mod problem;
pub mod row;
mod sample;
mod scene;
mod score;
mod tables;
pub mod weights;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

use super::frames::HiddenSite;
use super::{Frames, Params};
use crate::error::{Error, Result};
use crate::processor::Patch;
use crate::stats::Maximum;
use crate::stats::permutation::p_value;
use crate::study::{FitMode, Probe, Split, Target};
use claims::Claim;
use context::Context;
use depth::Place;
use outcome::{Candidate, Here, Null, Outcome};
use problem::Problem;
use row::{Control, Key, Row};
use sample::{Sample, States};
use scene::Scene;
use score::Estimate;

/// Carries out a study's probes and writes their tables into `folder`; returns the files. `model`: the checkpoint's BLAKE3,
/// for the weights.
///
/// # Errors
/// A probe whose sites were not recorded; a frame that is not as documented; a table that cannot be written.
pub fn run(frames: &Frames, params: &Params, probes: &[Probe], model: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let probes: Vec<Probe> = probes.iter().map(|probe| probe.among(&frames.hidden)).collect();
    let probes = probes.as_slice();
    check_sites(probes, &frames.hidden)?;
    let scenes = Scene::all(&frames.items);
    let problems: Vec<Problem> =
        probes.iter().enumerate().flat_map(|(at, asked)| Problem::all(at, asked, &scenes)).collect();
    let contexts: Vec<Context> = problems
        .into_par_iter()
        .map(|problem| {
            let asked = &probes[problem.probe];
            Context::new(problem, asked, &scenes, params)
        })
        .collect();
    let mut all = Collected::new(&contexts);
    let bar = bar();
    let colours = match frames.hidden.iter().any(|site| site == "pixels") {
        true => Some(HiddenSite::read(&frames.folder, "pixels", &frames.items)?),
        false => None,
    };
    let colours = colours.as_ref().map(States::new);
    for (depth, site) in frames.hidden.iter().enumerate() {
        if !probes.iter().any(|probe| probe.sites.iter().any(|pattern| pattern.matches(site))) {
            continue;
        }
        bar.set_message(site.clone());
        let hidden = HiddenSite::read(&frames.folder, site, &frames.items)?;
        let states = States::new(&hidden);
        all.site(&states, colours.as_ref(), &Place::new(site, depth), &bar, frames.hidden.len() - depth);
    }
    bar.finish_and_clear();
    all.finish();
    all.write(frames, model, folder)
}

/// Every probe must have something to read.
fn check_sites(probes: &[Probe], recorded: &[String]) -> Result<()> {
    let unread = |probe: &&Probe| !recorded.iter().any(|site| probe.sites.iter().any(|pattern| pattern.matches(site)));
    match probes.iter().find(unread) {
        None => Ok(()),
        Some(probe) => {
            let help = match recorded {
                [] => "no hidden states were recorded: add [[record.hidden]] to the study".to_owned(),
                sites => format!("recorded: {}", sites.join(", ")),
            };
            Err(Error::usage(format!("probe `{}`: none of its `sites` was recorded", probe.name)).with_help(help))
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} probes  {eta} left  {msg}");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What all sites gave.
struct Collected<'a> {
    contexts: &'a [Context<'a>],
    all: Outcome,
    /// Whose rows they are: parallel to `all.rows`.
    context_of: Vec<usize>,
    nulls: Vec<Null>,
    candidates: Vec<(usize, Candidate)>,
    claims: Vec<Claim>,
}

impl<'a> Collected<'a> {
    fn new(contexts: &'a [Context<'a>]) -> Self {
        Self {
            contexts,
            all: Outcome::default(),
            context_of: Vec::new(),
            nulls: Vec::new(),
            candidates: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// Tries everything at one site.
    fn site(&mut self, states: &States, colours: Option<&States>, place: &Place, bar: &ProgressBar, sites_left: usize) {
        let asked = |context: &Context| {
            context.problem.undefined.is_empty()
                && context.asked.sites.iter().any(|pattern| pattern.matches(states.name()))
        };
        let jobs: Vec<(usize, Sample)> = self
            .contexts
            .iter()
            .enumerate()
            .filter(|(_, context)| asked(context))
            .flat_map(|(at, context)| {
                let samples = Sample::all(&context.problem, context.asked, states, "original", context.scenes);
                samples.into_iter().map(move |sample| (at, sample))
            })
            .collect();
        bar.set_length(bar.position() + (jobs.len() * sites_left) as u64);
        let outcomes: Vec<(usize, Outcome)> = jobs
            .par_iter()
            .map(|(at, sample)| {
                let here = Here { context: &self.contexts[*at], sample, site: states.name(), place };
                let outcome = match here.context.problem.is_regression() {
                    true => coordinate::judge(&here, states, colours),
                    false => judge::judge(&here, states, colours),
                };
                bar.inc(1);
                (*at, outcome)
            })
            .collect();
        let mut by_context: BTreeMap<usize, Vec<Outcome>> = BTreeMap::new();
        outcomes.into_iter().for_each(|(at, outcome)| by_context.entry(at).or_default().push(outcome));
        for (at, outcomes) in by_context {
            let context = &self.contexts[at];
            let means = (context.asked.target == Target::LayoutAtFixedLocation)
                .then(|| cells::means(context, &outcomes, context.is_primary(states.name())));
            outcomes.into_iter().chain(means).for_each(|outcome| self.absorb(at, outcome));
        }
    }

    fn absorb(&mut self, context: usize, outcome: Outcome) {
        let first = self.all.rows.len();
        self.nulls.extend(outcome.nulls.into_iter().map(|null| Null { row: first + null.row, ..null }));
        self.context_of.extend(outcome.rows.iter().map(|_| context));
        self.all.rows.extend(outcome.rows);
        self.candidates.extend(outcome.candidates.into_iter().map(|candidate| (context, candidate)));
        self.all.predictions.extend(outcome.predictions);
        self.all.cells.extend(outcome.cells);
        self.all.confusions.extend(outcome.confusions);
        self.all.curve.extend(outcome.curve);
        self.all.weights.absorb(outcome.weights);
    }

    /// What needs all sites: problems without a number, p-values over depth, the chosen layer, claims.
    fn finish(&mut self) {
        self.undefined();
        self.p_values();
        self.choose();
        self.claim();
    }

    fn undefined(&mut self) {
        for (at, context) in self.contexts.iter().enumerate() {
            if self.context_of.contains(&at) {
                continue;
            }
            let (asked, problem) = (context.asked, &context.problem);
            let reason = match problem.undefined.as_str() {
                "" => "none of its groups was recorded at its sites",
                reason => reason,
            };
            let key = Key {
                probe: asked.name.clone(),
                target: asked.target.name(),
                label: asked.label.map(|label| label.to_string()).unwrap_or_default(),
                dataset: asked.dataset.clone().unwrap_or_default(),
                axis: problem.axis_name(),
                site: String::new(),
                place: Place { tower: "", slot: -1, depth: -1 },
                group: asked.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                cell: None,
                background: None,
                fit: FitMode::Standard,
                split: Split::RandomImage,
                metric: if asked.target.is_number() { "r2" } else { "acc" },
            };
            self.context_of.push(at);
            self.all.rows.push(Row::new(key, context.params.seed).undefined(reason));
        }
    }

    fn p_values(&mut self) {
        type Family = (usize, String, Option<(usize, usize)>, Option<bool>);
        let family = |rows: &[Row], of: usize, null: &Null| -> Family {
            let key = &rows[null.row].key;
            (of, key.group.clone(), key.cell.map(|Patch { row, col }| (row, col)), key.background)
        };
        let mut families: BTreeMap<Family, Maximum> = BTreeMap::new();
        for null in self.nulls.iter().filter(|null| null.primary) {
            let family = family(&self.all.rows, self.context_of[null.row], null);
            families.entry(family).or_default().absorb(null.distances.iter().copied());
        }
        for null in &self.nulls {
            let p_perm = Some(p_value(null.observed, null.distances.iter().copied()));
            let family = family(&self.all.rows, self.context_of[null.row], null);
            let p_max = families.get(&family).filter(|_| null.primary).map(|maximum| maximum.p_value(null.observed));
            // The plain number bears its p-values as well: it stands before its controls.
            let key = self.all.rows[null.row].key.clone();
            let plain =
                self.all.rows[..null.row].iter().rposition(|row| row.control == Control::None && row.key == key);
            for row in plain.into_iter().chain([null.row]) {
                self.all.rows[row].p_perm = p_perm;
                self.all.rows[row].p_max = p_max;
            }
        }
    }

    fn choose(&mut self) {
        let mut groups: BTreeMap<(usize, String, Split), Vec<&Candidate>> = BTreeMap::new();
        for (context, candidate) in &self.candidates {
            let key = (*context, candidate.key.group.clone(), candidate.key.split);
            groups.entry(key).or_default().push(candidate);
        }
        for ((at, _, split), candidates) in groups {
            let context = &self.contexts[at];
            let chosen = |tower| choose::choose(context, &candidates, tower);
            let (vision, lm, all) = (chosen("vision"), chosen("lm"), chosen(""));
            let projector = candidates.iter().find(|one| one.key.site == "projector.out");
            let projector: Option<Estimate> = projector.map(|one| context.resamples.accuracy(&one.predictions));
            let content = context.asked.splits.contains(&Split::HeldOutContent)
                && context.divisions(Split::HeldOutContent).is_ok();
            if let Some(projector) = &projector
                && (split == Split::HeldOutContent || (split == Split::RandomImage && !content))
            {
                if let Some(vision) = &vision {
                    self.claims.push(claims::between(
                        "projector_loses",
                        "the chosen encoder layer reads better than what the projector hands on",
                        &vision.row.key,
                        &vision.accuracy,
                        projector,
                        "projector.out",
                    ));
                }
                if let Some(lm) = &lm {
                    self.claims.push(claims::between(
                        "lm_adds",
                        "the chosen layer of the language model reads better than what the projector hands it",
                        &lm.row.key,
                        &lm.accuracy,
                        projector,
                        "projector.out",
                    ));
                }
            }
            for chosen in [vision, lm, all].into_iter().flatten() {
                self.context_of.push(at);
                self.all.rows.push(chosen.row);
            }
        }
    }

    fn claim(&mut self) {
        let mut places: BTreeMap<(usize, i16, String), Vec<&Row>> = BTreeMap::new();
        for (row, &context) in self.all.rows.iter().zip(&self.context_of) {
            if row.key.place.depth >= 0 && row.key.cell.is_none() {
                places.entry((context, row.key.place.depth, row.key.group.clone())).or_default().push(row);
            }
        }
        for ((context, ..), rows) in places {
            self.claims.extend(claims::at_site(self.contexts[context].asked.target, &rows));
        }
    }

    fn write(self, frames: &Frames, model: &str, folder: &Path) -> Result<Vec<PathBuf>> {
        let tables = [
            ("probe", row::table(&self.all.rows)),
            ("probe_pred", tables::predictions(&self.all.predictions, &frames.items.id)),
            ("probe_map", tables::map(&self.all.cells)),
            ("probe_confusion", tables::confusion(&self.all.confusions)),
            ("probe_curve", tables::curve(&self.all.curve)),
            ("probe_claims", claims::table(&self.claims)),
        ];
        let mut written = Vec::new();
        for (name, table) in tables {
            written.extend(table.write(folder, name)?);
        }
        if !self.all.weights.is_empty() {
            written.push(self.all.weights.write(folder, model)?);
        }
        Ok(written)
    }
}
