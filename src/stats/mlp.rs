//! A reader with one hidden layer: what is left of a concept for readers that are not linear?

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rand_chacha::ChaCha8Rng;

use super::edit::random::normal;
use super::probe::{Fold, Labels, Rows, Undefined};
use super::seed::rng;

/// Hidden units, rectified.
const HIDDEN: usize = 32;
/// Full-batch steps of Adam (learning rate, decay of both moments, its epsilon).
const STEPS: i32 = 300;
const RATE: f64 = 0.01;
const DECAY: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;
/// Weight of half the squared weights beside the mean cross-entropy.
const PENALTY: f64 = 1e-3;
/// Features that vary less than this over the training rows are left out.
const LEAST_VARIANCE: f64 = 1e-12;

/// Probability of each class for the test rows of every fold, fold after fold: `[predictions, classes]`, in the order of
/// `folds`. Features are standardised by the training rows; nothing is tuned, so no row needs a second split.
///
/// # Errors
/// [`Undefined`]: an image on both sides of a fold, one class only, features that do not vary or are not finite.
pub fn held_out(rows: Rows, labels: Labels, folds: &[Fold], seed: u64) -> Result<Array2<f64>, Undefined> {
    let mut prob = Array2::zeros((0, labels.classes));
    for (number, fold) in folds.iter().enumerate() {
        fold.check(rows.groups)?;
        let (train, test) = standardised(rows.x, fold)?;
        let y: Vec<usize> = fold.train.iter().map(|&row| labels.y[row]).collect();
        if y.iter().all(|class| *class == y[0]) {
            return Err(Undefined::OneClass);
        }
        let rng = &mut rng(seed, "one hidden layer", number as u64);
        let mut net = Net::draw(train.ncols(), labels.classes, rng);
        net.fit(train.view(), &y);
        for row in net.predict(test.view()).rows() {
            prob.push_row(row).map_err(|_| Undefined::EmptyFold)?;
        }
    }
    Ok(prob)
}

fn standardised(x: ArrayView2<f32>, fold: &Fold) -> Result<(Array2<f64>, Array2<f64>), Undefined> {
    let pick = |rows: &[usize]| x.select(Axis(0), rows).mapv(f64::from);
    let (train, test) = (pick(&fold.train), pick(&fold.test));
    for (rows, values) in [(&fold.train, &train), (&fold.test, &test)] {
        if let Some(row) = values.rows().into_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
            return Err(Undefined::NonFinite { row: rows[row] });
        }
    }
    let (mean, variance) = (train.mean_axis(Axis(0)).ok_or(Undefined::EmptyFold)?, train.var_axis(Axis(0), 0.0));
    let kept: Vec<usize> = (0..variance.len()).filter(|&column| variance[column] >= LEAST_VARIANCE).collect();
    if kept.is_empty() {
        return Err(Undefined::ConstantFeatures);
    }
    let scale = |x: Array2<f64>| ((x - &mean) / variance.mapv(f64::sqrt)).select(Axis(1), &kept);
    Ok((scale(train), scale(test)))
}

/// `softmax(b2 + relu(b1 + x w1) w2)`.
struct Net {
    w1: Array2<f64>,
    b1: Array1<f64>,
    w2: Array2<f64>,
    b2: Array1<f64>,
}

impl Net {
    fn draw(features: usize, classes: usize, rng: &mut ChaCha8Rng) -> Self {
        Self {
            w1: normal(features, HIDDEN, rng) * (2.0 / features as f64).sqrt(),
            b1: Array1::zeros(HIDDEN),
            w2: normal(HIDDEN, classes, rng) * (1.0 / HIDDEN as f64).sqrt(),
            b2: Array1::zeros(classes),
        }
    }

    fn hidden(&self, x: ArrayView2<f64>) -> Array2<f64> {
        (x.dot(&self.w1) + &self.b1).mapv_into(|value| value.max(0.0))
    }

    fn predict(&self, x: ArrayView2<f64>) -> Array2<f64> {
        softmax(self.hidden(x).dot(&self.w2) + &self.b2)
    }

    fn fit(&mut self, x: ArrayView2<f64>, y: &[usize]) {
        let n = y.len() as f64;
        let mut moments = self.parts().map(|part| vec![[0.0; 2]; part.len()]);
        for step in 1..=STEPS {
            let hidden = self.hidden(x);
            let mut residual = softmax(hidden.dot(&self.w2) + &self.b2) / n;
            for (mut row, &class) in residual.rows_mut().into_iter().zip(y) {
                row[class] -= 1.0 / n;
            }
            let mut back = residual.dot(&self.w2.t());
            back.zip_mut_with(&hidden, |slope, active| {
                if *active <= 0.0 {
                    *slope = 0.0;
                }
            });
            let slopes = [
                (x.t().dot(&back) + &self.w1 * PENALTY).into_iter().collect::<Vec<_>>(),
                back.sum_axis(Axis(0)).to_vec(),
                (hidden.t().dot(&residual) + &self.w2 * PENALTY).into_iter().collect(),
                residual.sum_axis(Axis(0)).to_vec(),
            ];
            let unbiased = DECAY.map(|decay| 1.0 - decay.powi(step));
            for ((part, slopes), moments) in self.parts().into_iter().zip(slopes).zip(&mut moments) {
                for ((weight, slope), [first, second]) in part.into_iter().zip(slopes).zip(moments) {
                    *first = DECAY[0] * *first + (1.0 - DECAY[0]) * slope;
                    *second = DECAY[1] * *second + (1.0 - DECAY[1]) * slope * slope;
                    *weight -= RATE * (*first / unbiased[0]) / ((*second / unbiased[1]).sqrt() + EPSILON);
                }
            }
        }
    }

    /// All weights, in row-major order.
    fn parts(&mut self) -> [Vec<&mut f64>; 4] {
        [
            self.w1.iter_mut().collect(),
            self.b1.iter_mut().collect(),
            self.w2.iter_mut().collect(),
            self.b2.iter_mut().collect(),
        ]
    }
}

fn softmax(mut logits: Array2<f64>) -> Array2<f64> {
    for mut row in logits.rows_mut() {
        let largest = row.fold(f64::NEG_INFINITY, |largest, &logit| largest.max(logit));
        row.mapv_inplace(|logit| (logit - largest).exp());
        let total = row.sum();
        row /= total;
    }
    logits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::probe::folds::grouped;

    fn accuracy(x: &Array2<f32>, y: &[usize]) -> f64 {
        let groups: Vec<usize> = (0..y.len()).collect();
        let folds = grouped(&groups, 4, 1).unwrap();
        let prob = held_out(Rows { x: x.view(), groups: &groups }, Labels { y, classes: 2 }, &folds, 1).unwrap();
        let tested = folds.iter().flat_map(|fold| fold.test.iter());
        let right = tested.zip(prob.rows()).filter(|(row, prob)| usize::from(prob[1] > prob[0]) == y[**row]).count();
        right as f64 / y.len() as f64
    }

    fn states() -> Array2<f32> {
        normal(240, 6, &mut rng(3, "mlp test", 0)).mapv(|value| value as f32)
    }

    #[test]
    fn what_no_linear_reader_sees_is_found() {
        let x = states();
        let y: Vec<usize> = x.rows().into_iter().map(|row| usize::from((row[0] > 0.0) != (row[1] > 0.0))).collect();
        assert!(accuracy(&x, &y) > 0.85, "{}", accuracy(&x, &y));
    }

    #[test]
    fn where_nothing_is_nothing_is_found() {
        let y: Vec<usize> = (0..240).map(|row| (row / 3) % 2).collect();
        let found = accuracy(&states(), &y);
        // Six standard errors of a half.
        assert!((found - 0.5).abs() < 6.0 * (0.25f64 / 240.0).sqrt(), "{found}");
    }

    #[test]
    fn degenerate_rows_are_told() {
        let (x, groups) = (Array2::<f32>::zeros((4, 2)), [0, 1, 2, 3]);
        let folds = grouped(&groups, 2, 1).unwrap();
        let of = |x: &Array2<f32>, y: &[usize]| {
            held_out(Rows { x: x.view(), groups: &groups }, Labels { y, classes: 2 }, &folds, 1).unwrap_err()
        };
        assert_eq!(of(&x, &[0, 1, 0, 1]), Undefined::ConstantFeatures);
        assert_eq!(
            of(&Array2::from_elem((4, 2), f32::NAN), &[0, 1, 0, 1]),
            Undefined::NonFinite { row: folds[0].train[0] }
        );
        let varied = Array2::from_shape_fn((4, 2), |(row, _)| row as f32);
        assert_eq!(of(&varied, &[1, 1, 1, 1]), Undefined::OneClass);
    }
}
