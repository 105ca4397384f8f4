//! One classifying probe at one site: every fit, split, metric and control.

use ndarray::Array2;

use super::context::Context;
use super::controls::{Controls, Tried};
use super::outcome::{Candidate, Confusion, Here, Null, Outcome, Predicted, counts, median_lambda};
use super::row::{Control, Counts, Row};
use super::sample::States;
use super::score::{Estimate, Predictions};
use crate::stats::probe::{
    CrossValidated, Fold, Inner, Labels, Rows, cross_validate, fit_all, folds, metrics, permuted,
};
use crate::stats::{Interval, mean};
use crate::study::{FitMode, Split};

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

pub(super) struct Judge<'a> {
    pub here: &'a Here<'a>,
    pub context: &'a Context<'a>,
    pub states: &'a States<'a>,
    pub colours: Option<&'a States<'a>>,
    /// `[observations, width]`.
    pub features: Array2<f32>,
    /// Of each observation.
    pub images: Vec<usize>,
    pub y: Vec<usize>,
}

impl Judge<'_> {
    pub fn rows(&self) -> Rows<'_> {
        Rows { x: self.features.view(), groups: &self.images }
    }

    pub fn labels(&self) -> Labels<'_> {
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
    pub fn metrics(
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

    pub fn against(&self, plain: &Row, kind: Control, own: &Estimate, tried: &Tried) -> Row {
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

    pub fn confusion(&self, variant: &str, predictions: &Predictions, outcome: &mut Outcome) {
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
    pub fn keep(
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
