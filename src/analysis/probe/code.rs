//! How many bits a site saves in telling the labels: the online code, in several orders of the images.

use super::judge::Judge;
use super::outcome::{CurvePoint, Outcome};
use super::row::{Control, Counts, Row};
use crate::stats::probe::{Labels, OnlineCode, online_code};
use crate::stats::summary::quantile;
use crate::stats::{Interval, mean};
use crate::study::{FitMode, Split};

/// Orders in which the labels are sent.
const ORDERS: u64 = 5;

impl Judge<'_> {
    pub(super) fn description_length(&self, outcome: &mut Outcome) {
        let asked = self.context.asked;
        let standard = asked.fits.contains(&FitMode::Standard) && asked.splits.contains(&Split::RandomImage);
        if self.here.sample.cell.is_some() || !standard {
            return;
        }
        let seeds: Vec<u64> = (0..ORDERS).map(|order| self.context.params.seed.wrapping_add(order)).collect();
        let sent = |y: &[usize], seeds: &[u64]| -> Result<Vec<_>, String> {
            let labels = Labels { y, classes: self.context.classes() };
            let send = |seed: &u64| online_code(self.rows(), labels, &self.context.inner(), *seed);
            seeds.iter().map(|seed| send(seed).map_err(|error| error.to_string())).collect()
        };
        let codes = sent(&self.y, &seeds);
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
            // One order is enough to see that nothing is saved.
            sent(&labels, &seeds[..1])
        });
        for (metric, chance) in [("mdl_bits", self.y.len() as f64 * k.log2()), ("compression", 1.0)] {
            let of = |codes: &[OnlineCode]| -> Vec<f64> {
                let value = |code: &OnlineCode| match metric {
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
}

/// From the least to the greatest of several orders: not a sampling interval.
fn range(values: &[f64]) -> Option<Interval> {
    Some(Interval { lo: quantile(values, 0.0)?, hi: quantile(values, 1.0)? })
}
