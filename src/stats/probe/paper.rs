//! The probe of Cui et al. as they fitted it: AdamW on the mean cross-entropy, all rows at once, features as they are.

use ndarray::{Array1, Array2, Axis};
use rand::Rng;

use super::design::{moments, product};
use super::normalise;
use super::{Fold, Labels, Probe, Rows, Undefined};
use crate::stats::seed::rng;

const EPOCHS: i32 = 200;
const RATE: f64 = 1e-3;
const DECAY: f64 = 1e-4;
const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Fits the fold's training rows. Weights start from N(0, 1 / features), intercepts from 0; both decay, as in PyTorch's AdamW over
/// all parameters of a linear layer.
pub(super) fn fit(rows: Rows, labels: Labels, fold: &Fold, seed: u64) -> Result<Probe, Undefined> {
    let (mean, variance) = moments(rows, &fold.train)?;
    if !variance.iter().any(|&variance| variance >= super::design::LEAST_VARIANCE) {
        return Err(Undefined::ConstantFeatures);
    }
    let y: Vec<usize> = fold.train.iter().map(|&row| labels.y[row]).collect();
    if y.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Undefined::OneClass);
    }
    let features = rows.x.ncols();
    let mut x = Array2::ones((y.len(), features + 1));
    for (mut into, &row) in x.rows_mut().into_iter().zip(&fold.train) {
        into.iter_mut().zip(rows.x.row(row)).for_each(|(value, &recorded)| *value = f64::from(recorded));
    }
    let mut noise = rng(seed, "paper probe", 0);
    let spread = (features as f64).sqrt().recip();
    let mut w = Array2::from_shape_fn((features + 1, labels.classes), |(row, _)| {
        if row < features { spread * normal(&mut noise) } else { 0.0 }
    });
    let (mut first, mut second) = (Array2::<f64>::zeros(w.raw_dim()), Array2::<f64>::zeros(w.raw_dim()));
    for epoch in 1..=EPOCHS {
        let mut residual = product(x.view(), w.view());
        normalise(&mut residual);
        for (row, &y) in y.iter().enumerate() {
            residual[[row, y]] -= 1.0;
        }
        let gradient = product(x.t(), residual.view()) / y.len() as f64;
        first = first * BETA1 + &gradient * (1.0 - BETA1);
        second = second * BETA2 + gradient.mapv(|slope| slope * slope) * (1.0 - BETA2);
        let (unbias1, unbias2) = (1.0 - BETA1.powi(epoch), 1.0 - BETA2.powi(epoch));
        let step =
            ndarray::Zip::from(&first).and(&second).map_collect(|m, v| m / unbias1 / ((v / unbias2).sqrt() + EPSILON));
        w = w * (1.0 - RATE * DECAY) - step * RATE;
    }
    let b: Array1<f64> = w.row(features).to_owned();
    w.remove_index(Axis(0), features);
    Ok(Probe { w, b, mean, scale: Array1::ones(features), lambda: f64::NAN })
}

/// A standard normal number, by Box and Muller.
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
