//! One classifying probe at one site: every fit, split, metric and control.

use ndarray::Array2;
use std::collections::BTreeMap;

use super::context::Context;
use super::controls::{Controls, Tried};
use super::counterpart::{Applied, absolute, apply, everywhere, shift};
use super::outcome::{
    Candidate, CellMean, Confusion, CurvePoint, Here, Null, Outcome, Predicted, counts, median_lambda,
};
use super::row::{Control, Counts, Row};
use super::sample::States;
use super::score::{Estimate, Predictions};
use crate::stats::probe::{
    CrossValidated, Fold, Inner, Labels, Rows, cross_validate, fit_all, folds, metrics, online_code, permuted,
};
use crate::stats::summary::quantile;
use crate::stats::{Interval, mean};
use crate::study::{FitMode, Split, Target};

/// Orders in which the labels are sent for a description length.
const ORDERS: u64 = 5;
/// What is held against the accuracy of every split; the others belong to the random one.
const EVERYWHERE: [Control; 4] = [Control::Majority, Control::GeometryOnly, Control::Pixels, Control::Untrained];

/// Tries a sample at a site. `colours`: the recorded pixels.
pub fn judge(here: &Here, states: &States, colours: Option<&States>) -> Outcome {
    let judge = Judge {
        here,
        context: here.context,
        states,
        colours,
        features: here.sample.features(states),
        images: here.sample.images(&here.context.problem),
        y: here.context.truth(here.sample),
    };
    let mut outcome = Outcome::default();
    for &split in &here.context.asked.splits {
        for &fit in &here.context.asked.fits {
            judge.split(split, fit, &mut outcome);
        }
    }
    judge.description_length(&mut outcome);
    judge.weights_of_all(&mut outcome);
    outcome
}

struct Judge<'a> {
    here: &'a Here<'a>,
    context: &'a Context<'a>,
    states: &'a States<'a>,
    colours: Option<&'a States<'a>>,
    /// `[observations, width]`.
    features: Array2<f32>,
    /// Of each observation.
    images: Vec<usize>,
    y: Vec<usize>,
}

impl Judge<'_> {
    fn rows(&self) -> Rows<'_> {
        Rows { x: self.features.view(), groups: &self.images }
    }

    fn labels(&self) -> Labels<'_> {
        Labels { y: &self.y, classes: self.context.classes() }
    }

    fn split(&self, split: Split, fit: FitMode, outcome: &mut Outcome) {
        let undefined = |reason: String| self.here.row(fit, split, "acc").undefined(reason);
        let folds = match self.context.folds(split, &self.images) {
            Ok(folds) => folds,
            Err(reason) => return outcome.rows.push(undefined(reason)),
        };
        let held = cross_validate(self.rows(), self.labels(), &folds, self.context.fit(fit), &self.context.inner());
        let held = match held {
            Ok(held) => held,
            Err(reason) => return outcome.rows.push(undefined(reason.to_string())),
        };
        if split == Split::HeldOutPosition {
            return self.moved(fit, &folds, &held, outcome);
        }
        let predictions = Predictions::of(&held, &self.images, &self.y);
        let counts = counts(&folds, &predictions.image, self.context.classes());
        let lambda = median_lambda(&held);
        let plain = self.metrics(fit, split, &predictions, counts, lambda, outcome);
        if fit != FitMode::Standard {
            return;
        }
        let own = self.context.resamples.accuracy(&predictions);
        let controls = Controls {
            context: self.context,
            sample: self.here.sample,
            images: &self.images,
            y: &self.y,
            folds: &folds,
        };
        let mut kinds = EVERYWHERE.to_vec();
        if split == Split::RandomImage {
            kinds.extend([Control::ControlContent, Control::ControlLocation]);
        }
        for kind in kinds {
            let tried = controls.of(kind, &self.features, self.states, self.colours);
            outcome.rows.push(self.against(&plain, kind, &own, &tried));
            if let Ok(tried) = tried {
                outcome.held_controls.insert((split, kind), tried);
            }
        }
        if split == Split::RandomImage {
            self.shuffled(&plain, &own, &folds, outcome);
            self.counterparts(&plain, &own, &held, counts, outcome);
            self.weights_of_folds(&held, outcome);
            self.confusion("original", &predictions, outcome);
        }
        if self.here.sample.cell.is_none() && split != Split::CrossSetting && self.here.place.tower != "pixels" {
            outcome.candidates.extend(self.candidate(&plain, &held, &folds, &predictions, counts));
        }
        self.keep("original", split, &predictions, &held.fold, |at| self.here.place_of(held.rows[at]), outcome);
        outcome.held.insert(split, predictions);
    }

    /// The four metrics; returns the row of the accuracy.
    fn metrics(
        &self,
        fit: FitMode,
        split: Split,
        predictions: &Predictions,
        counts: Counts,
        lambda: Option<f64>,
        outcome: &mut Outcome,
    ) -> Row {
        let (resamples, k) = (&self.context.resamples, self.context.classes() as f64);
        let row = |metric, estimate: &Estimate, chance| {
            let row = self.here.row(fit, split, metric).with_value(estimate, chance);
            Row { counts, lambda, ..row }
        };
        let plain = row("acc", &resamples.accuracy(predictions), 1.0 / k);
        outcome.rows.push(plain.clone());
        outcome.rows.push(row("bal_acc", &resamples.balanced_accuracy(predictions), 1.0 / k));
        outcome.rows.push(match resamples.auc(predictions) {
            Some(auc) => row("auc", &auc, 0.5),
            None => self.here.row(fit, split, "auc").undefined("no class has rows on both sides"),
        });
        // The probabilities of fits that are none are ordered, not calibrated.
        if matches!(fit, FitMode::Standard | FitMode::Paper) {
            outcome.rows.push(row("logloss", &resamples.log_loss(predictions), k.ln()));
        }
        plain
    }

    fn against(&self, plain: &Row, kind: Control, own: &Estimate, tried: &Tried) -> Row {
        match tried {
            Ok(draws) => {
                let estimates: Vec<Estimate> =
                    draws.iter().map(|predictions| self.context.resamples.accuracy(predictions)).collect();
                plain.against(kind, &Estimate::average(&estimates), own)
            }
            Err(reason) => plain.without(kind, reason),
        }
    }

    /// The same pipeline on permuted labels.
    fn shuffled(&self, plain: &Row, own: &Estimate, folds: &[Fold], outcome: &mut Outcome) {
        let count = self.context.permutations(self.here.site);
        let null = self.context.relabeled(self.here.sample, count).and_then(|truths| {
            let labellings: Vec<Vec<usize>> =
                truths.iter().map(|truths| truths.iter().map(|truth| truth.class()).collect()).collect();
            let fit = self.context.fit(FitMode::Standard);
            let (classes, inner) = (self.context.classes(), self.context.inner());
            permuted(self.rows(), &labellings, classes, folds, fit, &inner, metrics::accuracy)
                .map_err(|error| error.to_string())
        });
        let null = match null {
            Ok(null) => null,
            Err(reason) => return outcome.rows.push(plain.without(Control::Shuffled, reason)),
        };
        let Some(centre) = mean(&null) else {
            return outcome.rows.push(plain.without(Control::Shuffled, "no permutation could be fitted"));
        };
        outcome.nulls.push(Null {
            row: outcome.rows.len(),
            observed: (own.value - centre).abs(),
            distances: distances(&null, centre),
            primary: self.context.is_primary(self.here.site),
        });
        outcome.rows.push(Row {
            control: Control::Shuffled,
            control_value: Some(centre),
            control_interval: Interval::of_draws(null.iter().copied()),
            selectivity: Some(own.value - centre),
            selectivity_interval: own.interval.map(|i| Interval { lo: i.lo - centre, hi: i.hi - centre }),
            ..plain.clone()
        });
        outcome.null_accuracies = null;
    }

    /// What the trained probes say of images with nothing in them, and of images whose objects were moved.
    fn counterparts(&self, plain: &Row, own: &Estimate, held: &CrossValidated, counts: Counts, outcome: &mut Outcome) {
        let resamples = &self.context.resamples;
        for (kind, variant) in [(Control::Blank, "blank"), (Control::Noise, "noise")] {
            let applied = apply(self.context, self.here.sample, self.states, &held.probes, variant);
            let row = match applied {
                Some(applied) => plain.against(kind, &resamples.accuracy(&applied.predictions), own),
                None => plain.without(kind, format!("`{variant}` was not recorded here")),
            };
            outcome.rows.push(row.in_variant(variant));
        }
        if self.context.asked.target == Target::Slot {
            self.strips(held, counts, outcome);
        }
        let variants = self.states.variants("shifted_");
        if variants.is_empty() {
            let reason = "no shifted variant was recorded here";
            outcome
                .rows
                .extend([Control::ShiftAbsolute, Control::ShiftOrdinal].map(|kind| plain.without(kind, reason)));
        }
        for variant in variants {
            let Some(applied) = apply(self.context, self.here.sample, self.states, &held.probes, &variant) else {
                let reason = format!("`{variant}` has no such rows");
                outcome.rows.push(plain.without(Control::ShiftOrdinal, reason).in_variant(&variant));
                continue;
            };
            self.confusion(&variant, &applied.predictions, outcome);
            let ordinal = resamples.accuracy(&applied.predictions);
            outcome.rows.push(plain.against(Control::ShiftOrdinal, &ordinal, own).in_variant(&variant));
            if self.context.asked.target == Target::Slot {
                outcome.rows.push(self.shift_absolute(plain, own, &applied, &variant));
            }
        }
    }

    fn shift_absolute(&self, plain: &Row, own: &Estimate, applied: &Applied, variant: &str) -> Row {
        let predicted = applied.predictions.predicted();
        let (mut image, mut right) = (Vec::new(), Vec::new());
        for (at, slot) in absolute(self.context, applied, variant).into_iter().enumerate() {
            if let Some(slot) = slot {
                image.push(applied.predictions.image[at]);
                right.push(f64::from(u8::from(predicted[at] == slot)));
            }
        }
        let row = if image.is_empty() {
            let pixels = shift(variant).unwrap_or(0.0);
            plain.without(
                Control::ShiftAbsolute,
                format!("moved by {pixels} pixels, no object stands in the place of another slot"),
            )
        } else {
            plain.against(Control::ShiftAbsolute, &self.context.resamples.share(&image, &right), own)
        };
        row.in_variant(variant)
    }

    /// Every image cell, with objects and without.
    fn strips(&self, held: &CrossValidated, counts: Counts, outcome: &mut Outcome) {
        let (fit, split) = (FitMode::Standard, Split::RandomImage);
        let key = self.here.key(fit, split, "strip_index");
        let mut shares: BTreeMap<String, Estimate> = BTreeMap::new();
        let shifted = self.states.variants("shifted_");
        for variant in ["original", "blank", "noise"].map(String::from).into_iter().chain(shifted) {
            let Some(seen) = everywhere(self.context, self.states, &held.probes, &variant) else { continue };
            for (cell, probs, n) in &seen.cells {
                for (class, &prob) in self.context.problem.classes.iter().zip(probs) {
                    let (key, variant, class) = (key.clone(), variant.clone(), class.clone());
                    outcome.cells.push(CellMean { key, variant, cell: *cell, class, prob, interval: None, n: *n });
                }
            }
            shares.insert(variant, self.context.resamples.mean(&seen.image, &seen.share));
        }
        let Some(own) = shares.get("original") else {
            let reason = "strips need every image token: record the group `image` with states = \"tokens\"";
            return outcome.rows.push(Row::new(key, self.context.params.seed).undefined(reason));
        };
        let row = Row::new(key, self.context.params.seed).with_value(own, 1.0 / self.context.classes() as f64);
        let plain = Row { counts, lambda: median_lambda(held), ..row };
        outcome.rows.push(plain.clone());
        for (kind, variant) in [(Control::Blank, "blank"), (Control::Noise, "noise")] {
            let row = match shares.get(variant) {
                Some(share) => plain.against(kind, share, own),
                None => plain.without(kind, format!("`{variant}` was not recorded here")),
            };
            outcome.rows.push(row.in_variant(variant));
        }
    }

    /// Trained on the images as they are, tried on the shifted test images.
    fn moved(&self, fit: FitMode, folds: &[Fold], held: &CrossValidated, outcome: &mut Outcome) {
        let split = Split::HeldOutPosition;
        let (mut all, mut fold) =
            (Predictions { image: Vec::new(), y: Vec::new(), prob: Array2::zeros((0, 0)) }, Vec::new());
        let mut probs = Vec::new();
        for variant in self.states.variants("shifted_") {
            let Some(applied) = apply(self.context, self.here.sample, self.states, &held.probes, &variant) else {
                continue;
            };
            if fit == FitMode::Standard {
                let place = |at: usize| {
                    let one = &applied.sample.observations[applied.observation[at]];
                    (self.context.problem.units[one.unit].item, one.cell.or(self.here.sample.cell))
                };
                self.keep(&variant, split, &applied.predictions, &applied.fold, place, outcome);
            }
            all.image.extend(&applied.predictions.image);
            all.y.extend(&applied.predictions.y);
            probs.push(applied.predictions.prob);
            fold.extend(applied.fold);
        }
        let views: Vec<_> = probs.iter().map(|prob| prob.view()).collect();
        match ndarray::concatenate(ndarray::Axis(0), &views) {
            Ok(prob) if !all.y.is_empty() => all.prob = prob,
            _ => {
                let row = self.here.row(fit, split, "acc").undefined("no shifted variant was recorded here");
                return outcome.rows.push(row);
            }
        }
        let counts = counts(folds, &all.image, self.context.classes());
        let plain = self.metrics(fit, split, &all, counts, median_lambda(held), outcome);
        if fit == FitMode::Standard {
            let controls =
                Controls { context: self.context, sample: self.here.sample, images: &self.images, y: &self.y, folds };
            let own = self.context.resamples.accuracy(&all);
            outcome.rows.push(self.against(&plain, Control::Majority, &own, &controls.majority()));
            outcome.held.insert(split, all);
        }
    }

    /// How well this site would have done inside each fold's training images: what a layer is chosen by.
    fn candidate(
        &self,
        plain: &Row,
        held: &CrossValidated,
        outer: &[Fold],
        predictions: &Predictions,
        counts: Counts,
    ) -> Option<Candidate> {
        let inner = outer
            .iter()
            .zip(&held.probes)
            .map(|(fold, probe)| {
                let x = self.features.select(ndarray::Axis(0), &fold.train);
                let pick = |of: &[usize]| fold.train.iter().map(|&row| of[row]).collect::<Vec<usize>>();
                let (groups, y) = (pick(&self.images), pick(&self.y));
                let settings = Inner { lambdas: vec![probe.lambda], ..self.context.inner() };
                let inside = folds::grouped(&groups, settings.folds, settings.seed).ok()?;
                let labels = Labels { y: &y, classes: self.context.classes() };
                let rows = Rows { x: x.view(), groups: &groups };
                let tried =
                    cross_validate(rows, labels, &inside, self.context.fit(FitMode::Standard), &settings).ok()?;
                Some(metrics::log_loss(tried.prob.view(), &tried.truth(&y)))
            })
            .collect::<Option<Vec<f64>>>()?;
        Some(Candidate {
            key: plain.key.clone(),
            inner,
            predictions: predictions.clone(),
            fold: held.fold.clone(),
            counts,
        })
    }

    fn description_length(&self, outcome: &mut Outcome) {
        let asked = self.context.asked;
        let standard = asked.fits.contains(&FitMode::Standard) && asked.splits.contains(&Split::RandomImage);
        if self.here.sample.cell.is_some() || !standard {
            return;
        }
        let seeds: Vec<u64> = (0..ORDERS).map(|order| self.context.params.seed.wrapping_add(order)).collect();
        let sent = |y: &[usize]| -> Result<Vec<_>, String> {
            let labels = Labels { y, classes: self.context.classes() };
            let send = |seed: &u64| online_code(self.rows(), labels, &self.context.inner(), *seed);
            seeds.iter().map(|seed| send(seed).map_err(|error| error.to_string())).collect()
        };
        let codes = sent(&self.y);
        let key = |metric| self.here.key(FitMode::Standard, Split::RandomImage, metric);
        let seed = self.context.params.seed;
        let codes = match codes {
            Ok(codes) => codes,
            Err(reason) => {
                return outcome.rows.push(Row::new(key("compression"), seed).undefined(reason));
            }
        };
        for (code, &order) in codes.iter().zip(&seeds) {
            let mut length = 0.0;
            for block in &code.blocks {
                length += block.bits;
                outcome.curve.push(CurvePoint {
                    key: key("mdl_bits"),
                    n_train: block.n_train as u32,
                    bits: block.bits / block.n.max(1) as f64,
                    codelength: length,
                    compression: code.code.compression,
                    seed: order,
                });
            }
        }
        let k = self.context.classes() as f64;
        let shuffled = self.context.relabeled(self.here.sample, 1).and_then(|truths| {
            let labels: Vec<usize> = truths.first().into_iter().flatten().map(|truth| truth.class()).collect();
            sent(&labels)
        });
        for (metric, chance) in [("mdl_bits", self.y.len() as f64 * k.log2()), ("compression", 1.0)] {
            let of = |codes: &[crate::stats::probe::OnlineCode]| -> Vec<f64> {
                let value = |code: &crate::stats::probe::OnlineCode| match metric {
                    "mdl_bits" => code.code.bits,
                    _ => code.code.compression,
                };
                codes.iter().map(value).collect()
            };
            let own = of(&codes);
            let plain = Row {
                value: mean(&own),
                interval: range(&own),
                chance: Some(chance),
                counts: Counts {
                    n_train: 0,
                    n_test: self.y.len() as u32,
                    n_groups_test: self.context.problem.pictures.len() as u32,
                    k: k as u32,
                },
                ..Row::new(key(metric), seed)
            };
            outcome.rows.push(plain.clone());
            outcome.rows.push(match &shuffled {
                Ok(codes) => {
                    let control = of(codes);
                    Row {
                        control: Control::Shuffled,
                        control_value: mean(&control),
                        control_interval: range(&control),
                        selectivity: mean(&own).zip(mean(&control)).map(|(own, control)| own - control),
                        ..plain
                    }
                }
                Err(reason) => plain.without(Control::Shuffled, reason),
            });
        }
    }

    fn confusion(&self, variant: &str, predictions: &Predictions, outcome: &mut Outcome) {
        let names = &self.context.problem.classes;
        let counts = metrics::confusion(predictions.prob.view(), &predictions.y);
        for ((y, predicted), &n) in counts.indexed_iter() {
            outcome.confusions.push(Confusion {
                key: self.here.key(FitMode::Standard, Split::RandomImage, "acc"),
                variant: variant.to_owned(),
                y: names[y].clone(),
                predicted: names[predicted].clone(),
                n: n as u32,
            });
        }
    }

    /// Predictions for `tables/probe_pred`, of primary sites.
    fn keep(
        &self,
        variant: &str,
        split: Split,
        predictions: &Predictions,
        fold: &[usize],
        place: impl Fn(usize) -> (usize, Option<crate::processor::Patch>),
        outcome: &mut Outcome,
    ) {
        if !self.context.is_primary(self.here.site) {
            return;
        }
        for (at, &fold) in fold.iter().enumerate() {
            let (item, cell) = place(at);
            outcome.predictions.push(Predicted {
                key: self.here.key(FitMode::Standard, split, "acc"),
                variant: variant.to_owned(),
                item,
                cell,
                y: predictions.y[at],
                prob: predictions.prob.row(at).to_vec(),
                fold,
            });
        }
    }

    fn weights_of_folds(&self, held: &CrossValidated, outcome: &mut Outcome) {
        if self.keeps_weights() {
            for (fold, probe) in held.probes.iter().enumerate() {
                outcome.weights.add(self.here, &format!("fold_{fold}"), probe);
            }
        }
    }

    fn weights_of_all(&self, outcome: &mut Outcome) {
        if self.keeps_weights() && outcome.held.contains_key(&Split::RandomImage) {
            let fit = self.context.fit(FitMode::Standard);
            if let Ok(probe) = fit_all(self.rows(), self.labels(), fit, &self.context.inner()) {
                outcome.weights.add(self.here, "full", &probe);
            }
        }
    }

    /// A map of probes is kept where it is primary; a single one everywhere.
    fn keeps_weights(&self) -> bool {
        self.here.sample.cell.is_none() || self.context.is_primary(self.here.site)
    }
}

/// How far each permuted accuracy is from their mean; one that could not be fitted counts as far as can be.
pub fn distances(null: &[f64], centre: f64) -> Vec<f64> {
    null.iter().map(|value| if value.is_nan() { f64::INFINITY } else { (value - centre).abs() }).collect()
}

/// From the least to the greatest of several orders: not a sampling interval.
fn range(values: &[f64]) -> Option<Interval> {
    Some(Interval { lo: quantile(values, 0.0)?, hi: quantile(values, 1.0)? })
}
