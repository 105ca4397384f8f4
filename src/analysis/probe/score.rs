//! What held-out predictions are worth, with intervals from a bootstrap over images.
//!
//! Every number of one problem comes from the same replicates, so a difference of two is paired image by image.

use ndarray::Array2;

use crate::stats::probe::{CrossValidated, metrics};
use crate::stats::{Interval, Ranking, Replicates, wilson};

/// Images drawn with replacement, once for a problem.
pub struct Resamples {
    images: usize,
    replicates: Replicates,
    count: usize,
    seed: u64,
}

/// A number with its bootstrap.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub interval: Option<Interval>,
    /// One a replicate; NaN where it is undefined.
    draws: Vec<f64>,
    /// Whether the interval is Wilson's, because every replicate is the same.
    wilson: bool,
}

/// Held-out predictions of classes.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Of each prediction.
    pub image: Vec<usize>,
    pub y: Vec<usize>,
    /// `[predictions, classes]`.
    pub prob: Array2<f64>,
}

impl Predictions {
    /// `images` and `y`: of each observation.
    pub fn of(held: &CrossValidated, images: &[usize], y: &[usize]) -> Self {
        let image = held.rows.iter().map(|&row| images[row]).collect();
        Self { image, y: held.truth(y), prob: held.prob.clone() }
    }

    pub fn predicted(&self) -> Vec<usize> {
        self.prob.rows().into_iter().map(metrics::predicted).collect()
    }

    /// 1 where the prediction is right, 0 where not.
    pub fn right(&self) -> Vec<f64> {
        self.predicted().iter().zip(&self.y).map(|(predicted, y)| f64::from(u8::from(predicted == y))).collect()
    }

    pub fn accuracy(&self) -> f64 {
        metrics::accuracy(self.prob.view(), &self.y)
    }
}

impl Resamples {
    pub fn draw(images: usize, count: usize, seed: u64) -> Self {
        let clusters: Vec<usize> = (0..images).collect();
        Self { images, replicates: Replicates::draw(&clusters, count, seed), count, seed }
    }

    /// Sum over the rows of each image, in every replicate, and over all.
    fn sums(&self, image: &[usize], values: impl Iterator<Item = f64>) -> (f64, Vec<f64>) {
        let mut per_image = vec![0.0; self.images];
        image.iter().zip(values).for_each(|(&image, value)| per_image[image] += value);
        let items: Vec<u32> = (0..self.images as u32).collect();
        let draws = self.replicates.sums(&per_image, &items).into_iter().map(|sum| sum.total).collect();
        (per_image.iter().sum(), draws)
    }

    /// Mean over rows, images as clusters.
    pub fn mean(&self, image: &[usize], values: &[f64]) -> Estimate {
        let (total, totals) = self.sums(image, values.iter().copied());
        let (n, ns) = self.sums(image, values.iter().map(|_| 1.0));
        Estimate::new(total / n, totals.iter().zip(&ns).map(|(total, n)| total / n).collect())
    }

    /// A share of rows that are right: as [`mean`](Self::mean), but where all or none are, the bootstrap has nothing to
    /// resample and Wilson's interval over images stands in.
    pub fn share(&self, image: &[usize], right: &[f64]) -> Estimate {
        let mut estimate = self.mean(image, right);
        if estimate.value == 0.0 || estimate.value == 1.0 {
            let mut images: Vec<usize> = image.to_vec();
            images.sort_unstable();
            images.dedup();
            estimate.interval = wilson(if estimate.value > 0.5 { images.len() } else { 0 }, images.len());
            estimate.wilson = true;
        }
        estimate
    }

    /// Accuracy.
    pub fn accuracy(&self, of: &Predictions) -> Estimate {
        self.share(&of.image, &of.right())
    }

    /// Mean over the classes of the share of their rows that are right.
    pub fn balanced_accuracy(&self, of: &Predictions) -> Estimate {
        let right = of.right();
        let recalls: Vec<Estimate> = (0..of.prob.ncols())
            .filter_map(|class| {
                let rows: Vec<usize> = (0..of.y.len()).filter(|&row| of.y[row] == class).collect();
                let image: Vec<usize> = rows.iter().map(|&row| of.image[row]).collect();
                let right: Vec<f64> = rows.iter().map(|&row| right[row]).collect();
                (!rows.is_empty()).then(|| self.mean(&image, &right))
            })
            .collect();
        Estimate::average(&recalls)
    }

    /// Mean surprise at the true class, nats.
    pub fn log_loss(&self, of: &Predictions) -> Estimate {
        let surprise = |(row, &y): (usize, &usize)| -of.prob[[row, y]].max(f64::EPSILON).ln();
        let surprises: Vec<f64> = of.y.iter().enumerate().map(surprise).collect();
        self.mean(&of.image, &surprises)
    }

    /// Area under the ROC curve, each class against the rest, averaged.
    pub fn auc(&self, of: &Predictions) -> Option<Estimate> {
        let replicates = Replicates::draw(&of.image, self.count, self.seed);
        let areas: Vec<Estimate> = (0..of.prob.ncols())
            .filter_map(|class| {
                let of_class: Vec<bool> = of.y.iter().map(|&y| y == class).collect();
                let scores = of.prob.column(class).to_vec();
                let ranking = Ranking::of(&scores);
                let value = crate::stats::Pairs::count(&ranking, &of_class).auroc()?;
                let tallies = replicates.tallies(&[ranking], &scores, &of_class).concat();
                let draws = tallies.into_iter().map(|tally| tally.pairs.auroc().unwrap_or(f64::NAN)).collect();
                Some(Estimate::new(value, draws))
            })
            .collect();
        (!areas.is_empty()).then(|| Estimate::average(&areas))
    }

    /// Share of the variance of `y` that the predictions explain.
    pub fn r2(&self, image: &[usize], predicted: &[f64], y: &[f64]) -> Estimate {
        let (error, errors) = self.sums(image, predicted.iter().zip(y).map(|(p, y)| (y - p).powi(2)));
        let (n, ns) = self.sums(image, y.iter().map(|_| 1.0));
        let (total, totals) = self.sums(image, y.iter().copied());
        let (square, squares) = self.sums(image, y.iter().map(|y| y * y));
        let r2 = |error: f64, n: f64, total: f64, square: f64| 1.0 - error / (square - total * total / n);
        let draws = (0..errors.len()).map(|at| r2(errors[at], ns[at], totals[at], squares[at])).collect();
        Estimate::new(r2(error, n, total, square), draws)
    }
}

impl Estimate {
    fn new(value: f64, draws: Vec<f64>) -> Self {
        let interval = Interval::of_draws(draws.iter().copied().filter(|draw| draw.is_finite()));
        Self { value, interval: interval.filter(|_| value.is_finite()), draws, wilson: false }
    }

    /// `self - other`, replicate by replicate; where both are the same in all of them, as far apart as their intervals allow.
    pub fn minus(&self, other: &Self) -> Self {
        let draws = self.draws.iter().zip(&other.draws).map(|(own, other)| own - other).collect();
        let mut difference = Self::new(self.value - other.value, draws);
        let constant = difference.interval.is_some_and(|interval| interval.lo == interval.hi);
        if let (true, true, Some(own), Some(other)) =
            (constant, self.wilson || other.wilson, self.interval, other.interval)
        {
            difference.interval = Some(Interval { lo: own.lo - other.hi, hi: own.hi - other.lo });
        }
        difference
    }

    /// The mean of several, replicate by replicate; NaN draws of one are left out of that replicate.
    pub fn average(all: &[Self]) -> Self {
        let count = all.iter().map(|one| one.draws.len()).max().unwrap_or(0);
        let mean = |at: usize| {
            let draws: Vec<f64> = all.iter().filter_map(|one| one.draws.get(at).copied()).collect();
            crate::stats::mean(&draws).unwrap_or(f64::NAN)
        };
        let value = all.iter().map(|one| one.value).sum::<f64>() / all.len() as f64;
        Self::new(value, (0..count).map(mean).collect())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Two rows an image; the second image has one row right, the last none.
    fn predictions() -> Predictions {
        Predictions {
            image: vec![0, 0, 1, 1, 2, 2],
            y: vec![0, 1, 0, 1, 0, 1],
            prob: array![[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.4, 0.6], [0.9, 0.1]],
        }
    }

    #[test]
    fn by_hand() {
        let (resamples, of) = (Resamples::draw(3, 400, 1), predictions());
        assert_eq!(resamples.accuracy(&of).value, 0.5);
        // Two of three zeros, one of three ones.
        assert!((resamples.balanced_accuracy(&of).value - 0.5).abs() < 1e-12);
        assert!((resamples.auc(&of).unwrap().value - metrics::auc(of.prob.view(), &of.y)).abs() < 1e-12);
        assert!((resamples.log_loss(&of).value - metrics::log_loss(of.prob.view(), &of.y)).abs() < 1e-12);
        let interval = resamples.accuracy(&of).interval.unwrap();
        assert_eq!((interval.lo, interval.hi), (0.0, 1.0));
    }

    #[test]
    fn a_difference_is_paired() {
        let (resamples, of) = (Resamples::draw(3, 400, 1), predictions());
        let own = resamples.accuracy(&of);
        let difference = own.minus(&resamples.accuracy(&of));
        assert_eq!((difference.value, difference.interval), (0.0, Some(Interval { lo: 0.0, hi: 0.0 })));
    }

    #[test]
    fn all_right_is_still_uncertain() {
        let resamples = Resamples::draw(50, 200, 1);
        let image: Vec<usize> = (0..100).map(|row| row / 2).collect();
        let interval = resamples.share(&image, &[1.0; 100]).interval.unwrap();
        assert!((interval.lo - 0.9287).abs() < 5e-4 && interval.hi == 1.0);
        assert!(resamples.share(&image, &[0.0; 100]).interval.unwrap().hi > 0.07);
        // Nor is all right for certain better than half right in every replicate.
        let half: Vec<f64> = (0..100).map(|row| f64::from(row % 2)).collect();
        let all = resamples.share(&image, &[1.0; 100]);
        let difference = all.minus(&resamples.share(&image, &half)).interval.unwrap();
        assert!((difference.lo - 0.4287).abs() < 5e-4 && difference.hi == 0.5);
    }

    #[test]
    fn explained_variance_by_hand() {
        let resamples = Resamples::draw(4, 200, 1);
        let (image, y) = ([0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(resamples.r2(&image, &y, &y).value, 1.0);
        assert!((resamples.r2(&image, &[2.5; 4], &y).value).abs() < 1e-12);
        assert!((resamples.r2(&image, &[1.0, 2.0, 3.0, 3.0], &y).value - 0.8).abs() < 1e-12);
    }
}
