//! One regression at one site: where along an axis is the object?

use ndarray::Array2;

use super::context::Context;
use super::counterpart::apply;
use super::judge::distances;
use super::outcome::{Here, Null, Outcome, counts};
use super::row::{Control, Row};
use super::sample::{States, geometry, pixels};
use super::score::Estimate;
use crate::stats::probe::{Fold, Probe, Regressed, Rows, regress};
use crate::stats::{Interval, mean, quantile};
use crate::study::{FitMode, Split};

/// Labels are few where each permutation is a regression of its own.
const MOST_PERMUTATIONS: usize = 200;

/// Tries a sample at a site.
pub fn judge(here: &Here, states: &States, colours: Option<&States>) -> Outcome {
    let context = here.context;
    let units = &context.problem.units;
    let coordinate = Coordinate {
        here,
        context,
        images: here.sample.images(&context.problem),
        y: here.sample.observations.iter().map(|one| units[one.unit].truth.value()).collect(),
    };
    let features = here.sample.features(states);
    let mut outcome = Outcome::default();
    for &split in &context.asked.splits {
        coordinate.split(split, &features, states, colours, &mut outcome);
    }
    outcome
}

struct Coordinate<'a> {
    here: &'a Here<'a>,
    context: &'a Context<'a>,
    images: Vec<usize>,
    y: Vec<f64>,
}

impl Coordinate<'_> {
    fn fit(&self, features: &Array2<f32>, y: &[f64], folds: &[Fold]) -> Result<Regressed, String> {
        let rows = Rows { x: features.view(), groups: &self.images };
        regress(rows, y, folds, &self.context.inner()).map_err(|error| error.to_string())
    }

    fn r2(&self, held: &Regressed) -> Estimate {
        let image: Vec<usize> = held.rows.iter().map(|&row| self.images[row]).collect();
        let y: Vec<f64> = held.rows.iter().map(|&row| self.y[row]).collect();
        self.context.resamples.r2(&image, &held.predicted, &y)
    }

    fn split(
        &self,
        split: Split,
        features: &Array2<f32>,
        states: &States,
        colours: Option<&States>,
        outcome: &mut Outcome,
    ) {
        let row = || self.here.row(FitMode::Standard, split, "r2");
        let held =
            self.context.folds(split, &self.images).and_then(|folds| Ok((self.fit(features, &self.y, &folds)?, folds)));
        let (held, folds) = match held {
            Ok(held) => held,
            Err(reason) => return outcome.rows.push(row().undefined(reason)),
        };
        let lambdas: Vec<f64> = held.probes.iter().map(|probe| probe.lambda).collect();
        let lambda = quantile(&lambdas, 0.5);
        if split == Split::HeldOutPosition {
            return outcome.rows.push(self.moved(row(), &held.probes, states));
        }
        let own = self.r2(&held);
        let image: Vec<usize> = held.rows.iter().map(|&row| self.images[row]).collect();
        let plain = Row { counts: counts(&folds, &image, 0), lambda, ..row().with_value(&own, 0.0) };
        outcome.rows.push(plain.clone());
        let Context { problem, asked, scenes, .. } = self.context;
        let sample = self.here.sample;
        let place = geometry(problem, asked, sample, scenes);
        let colour = colours.and_then(|colours| pixels(problem, asked, sample, colours, scenes));
        let untrained = states
            .variants("untrained_")
            .first()
            .and_then(|variant| sample.elsewhere(problem, states, variant).map(|there| there.features(states)));
        for (kind, features) in
            [(Control::GeometryOnly, place), (Control::Pixels, colour), (Control::Untrained, untrained)]
        {
            let tried = features.ok_or_else(|| "not recorded for these rows".to_owned());
            let tried = tried.and_then(|features| self.fit(&features, &self.y, &folds));
            outcome.rows.push(match tried {
                Ok(held) => plain.against(kind, &self.r2(&held), &own),
                Err(reason) => plain.without(kind, reason),
            });
        }
        if split == Split::RandomImage {
            self.shuffled(&plain, &own, features, &folds, outcome);
            for (fold, probe) in held.probes.iter().enumerate() {
                outcome.weights.add(self.here, &format!("fold_{fold}"), probe);
            }
        }
    }

    fn shuffled(&self, plain: &Row, own: &Estimate, features: &Array2<f32>, folds: &[Fold], outcome: &mut Outcome) {
        let count = self.context.permutations(self.here.site).min(MOST_PERMUTATIONS);
        let null = self.context.relabeled(self.here.sample, count).and_then(|labellings| {
            let values = labellings.iter().map(|truths| {
                let y: Vec<f64> = truths.iter().map(|truth| truth.value()).collect();
                let held = self.fit(features, &y, folds)?;
                let truth: Vec<f64> = held.rows.iter().map(|&row| y[row]).collect();
                Ok(crate::stats::probe::metrics::r2(&held.predicted, &truth))
            });
            values.collect::<Result<Vec<f64>, String>>()
        });
        let (null, centre) = match null.map(|null| (mean(&null), null)) {
            Ok((Some(centre), null)) => (null, centre),
            Ok((None, _)) => {
                return outcome.rows.push(plain.without(Control::Shuffled, "no permutation could be fitted"));
            }
            Err(reason) => return outcome.rows.push(plain.without(Control::Shuffled, reason)),
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
    }

    /// Trained on the images as they are, tried on the shifted test images.
    fn moved(&self, row: Row, probes: &[Probe], states: &States) -> Row {
        let (mut image, mut predicted, mut y) = (Vec::new(), Vec::new(), Vec::new());
        for variant in states.variants("shifted_") {
            if let Some(applied) = apply(self.context, self.here.sample, states, probes, &variant) {
                image.extend(applied.predictions.image);
                predicted.extend(applied.predictions.prob.column(0).iter());
                y.extend(applied.values);
            }
        }
        if image.is_empty() {
            return row.undefined("no shifted variant was recorded here");
        }
        let counts = counts(&[], &image, 0);
        Row { counts, ..row.with_value(&self.context.resamples.r2(&image, &predicted, &y), 0.0) }
    }
}
