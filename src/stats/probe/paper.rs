//! The probe of Cui et al. as they fitted it: AdamW on the mean cross-entropy, all rows at once, features as they are.

use faer::Mat;
use ndarray::{Array1, Array2};
use rand::Rng;

use super::design::{Coordinates, moments, times};
use super::softmax::normalise;
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
    let x = Coordinates::new(Mat::from_fn(y.len(), features + 1, |i, j| {
        if j < features { f64::from(rows.x[[fold.train[i], j]]) } else { 1.0 }
    }));
    let mut noise = rng(seed, "paper probe", 0);
    let spread = (features as f64).sqrt().recip();
    let mut start = Mat::zeros(features + 1, labels.classes);
    for feature in 0..features {
        for class in 0..labels.classes {
            start[(feature, class)] = spread * normal(&mut noise);
        }
    }
    let w = descend(&x, &y, start);
    let weights = Array2::from_shape_fn((features, labels.classes), |(i, j)| w[(i, j)]);
    let b = Array1::from_shape_fn(labels.classes, |j| w[(features, j)]);
    Ok(Probe { w: weights, b, mean, scale: Array1::ones(features), lambda: f64::NAN })
}

/// AdamW from `w` `[features + 1, classes]`, intercepts last; the last column of `x` is 1.
fn descend(rows: &Coordinates, y: &[usize], mut w: Mat<f64>) -> Mat<f64> {
    let (mut first, mut second) = (Mat::<f64>::zeros(w.nrows(), w.ncols()), Mat::<f64>::zeros(w.nrows(), w.ncols()));
    for epoch in 1..=EPOCHS {
        let mut residual = times(rows.x.as_ref(), w.as_ref());
        normalise(&mut residual);
        for (row, &y) in y.iter().enumerate() {
            residual[(row, y)] -= 1.0;
        }
        let gradient = times(rows.xt.as_ref(), residual.as_ref());
        let (unbias1, unbias2) = (1.0 - BETA1.powi(epoch), 1.0 - BETA2.powi(epoch));
        for class in 0..w.ncols() {
            let moments = first.col_as_slice_mut(class).iter_mut().zip(second.col_as_slice_mut(class));
            let slopes = gradient.col_as_slice(class).iter().map(|slope| slope / y.len() as f64);
            for ((w, (m, v)), slope) in w.col_as_slice_mut(class).iter_mut().zip(moments).zip(slopes) {
                *m = BETA1 * *m + (1.0 - BETA1) * slope;
                *v = BETA2 * *v + (1.0 - BETA2) * slope * slope;
                *w -= RATE * DECAY * *w + RATE * (*m / unbias1) / ((*v / unbias2).sqrt() + EPSILON);
            }
        }
    }
    w
}

/// A standard normal number, by Box and Muller.
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytorch_ends_in_the_same_place() {
        let x = [[1.0, 0.5, 1.0], [-0.5, 2.0, 1.0], [0.0, -1.0, 1.0], [3.0, 1.0, 1.0]];
        let start = [[0.1, 0.0, -0.1], [-0.2, 0.3, 0.05], [0.0; 3]];
        let rows = Coordinates::new(Mat::from_fn(4, 3, |i, j| x[i][j]));
        let w = descend(&rows, &[0, 1, 2, 0], Mat::from_fn(3, 3, |i, j| start[i][j]));
        // torch.optim.AdamW(lr=1e-3, weight_decay=1e-4), 200 steps on the mean cross-entropy, in float64.
        let expected = [
            [0.2774252293844896, -0.18013874210966144, -0.27086326740832234],
            [-0.026279495189510223, 0.5015234532870272, -0.13586974656333078],
            [0.14993633155905112, -0.1724162131770638, -0.013901003430415518],
        ];
        let apart = (w - Mat::from_fn(3, 3, |i, j| expected[i][j])).norm_max();
        assert!(apart < 1e-12, "{apart:e}");
    }

    #[test]
    fn it_reads_what_many_features_say() {
        let y: Vec<usize> = (0..60).map(|row| row % 3).collect();
        let means = crate::stats::probe::planted::gaussian(3, 100, 1);
        let mut x = crate::stats::probe::planted::gaussian(60, 100, 2);
        x.rows_mut().into_iter().zip(&y).for_each(|(mut row, &y)| row += &means.row(y));
        let groups: Vec<usize> = (0..60).collect();
        let rows = Rows { x: x.view(), groups: &groups };
        let fold = Fold { train: (0..45).collect(), test: (45..60).collect() };
        let probe = fit(rows, Labels { y: &y, classes: 3 }, &fold, 0).unwrap();
        let held_out = probe.predict(x.slice(ndarray::s![45.., ..]));
        assert!(crate::stats::probe::metrics::accuracy(held_out.view(), &y[45..]) > 0.9);
        assert_ne!(probe, fit(rows, Labels { y: &y, classes: 3 }, &fold, 1).unwrap());
    }
}
