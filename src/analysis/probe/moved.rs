//! A probe's answers where its objects are gone or moved, as rows, maps and confusions.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::controls::Controls;
use super::counterpart::{Applied, absolute, apply, everywhere, shift};
use super::judge::Judge;
use super::outcome::{CellMean, Outcome, counts, median_lambda};
use super::row::{Control, Counts, Row};
use super::score::{Estimate, Predictions};
use crate::stats::probe::{CrossValidated, Fold};
use crate::study::{FitMode, Split, Target};

impl Judge<'_> {
    /// What the trained probes say of images with nothing in them, and of images whose objects were moved.
    pub(super) fn counterparts(
        &self,
        plain: &Row,
        own: &Estimate,
        held: &CrossValidated,
        counts: Counts,
        outcome: &mut Outcome,
    ) {
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
        let mut shares: BTreeMap<String, (Estimate, f64)> = BTreeMap::new();
        let shifted = self.states.variants("shifted_");
        for variant in ["original", "blank", "noise"].map(String::from).into_iter().chain(shifted) {
            let Some(seen) = everywhere(self.context, self.states, &held.probes, &variant) else { continue };
            for (cell, probs, n) in &seen.cells {
                for (class, &prob) in self.context.problem.classes.iter().zip(probs) {
                    let (key, variant, class) = (key.clone(), variant.clone(), class.clone());
                    outcome.cells.push(CellMean { key, variant, cell: *cell, class, prob, interval: None, n: *n });
                }
            }
            let share = self.context.resamples.mean(&seen.image, &seen.share);
            shares.insert(variant, (share, seen.constant));
        }
        let Some((own, constant)) = shares.get("original") else {
            let reason = "strips need every image token: record the group `image` with states = \"tokens\"";
            return outcome.rows.push(Row::new(key, self.context.params.seed).undefined(reason));
        };
        let row = Row::new(key, self.context.params.seed).with_value(own, *constant);
        let plain = Row { counts, lambda: median_lambda(held), ..row };
        outcome.rows.push(plain.clone());
        for (kind, variant) in [(Control::Blank, "blank"), (Control::Noise, "noise")] {
            let row = match shares.get(variant) {
                Some((share, _)) => plain.against(kind, share, own),
                None => plain.without(kind, format!("`{variant}` was not recorded here")),
            };
            outcome.rows.push(row.in_variant(variant));
        }
    }

    /// Trained on the images as they are, tried on the shifted test images.
    pub(super) fn moved(&self, fit: FitMode, folds: &[Fold], held: &CrossValidated, outcome: &mut Outcome) {
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
            let majority = controls.majority();
            outcome.rows.push(self.against(&plain, Control::Majority, &own, &majority));
            if let Ok(majority) = majority {
                outcome.held_controls.insert((split, Control::Majority), majority);
            }
            outcome.held.insert(split, all);
        }
    }
}
