//! Planted truths for the whole pipeline: nothing there, more features than rows, and data that give no number.

use ndarray::{Array2, array};
use rand::Rng;

use super::*;
use crate::stats::permutation::p_value;
use crate::stats::seed::rng;

/// `[rows, columns]` standard normal numbers.
pub fn gaussian(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let mut rng = rng(seed, "gaussian", (rows * columns) as u64);
    Array2::from_shape_simple_fn((rows, columns), || {
        let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
        radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
    })
}

/// Three classes, one an image, `rows_each` rows an image; the first feature moves by `signal` from class to class.
struct Study {
    x: Array2<f32>,
    y: Vec<usize>,
    groups: Vec<usize>,
}

impl Study {
    fn new(images: usize, rows_each: usize, features: usize, signal: f32, seed: u64) -> Self {
        let groups: Vec<usize> = (0..images * rows_each).map(|row| row / rows_each).collect();
        let mut draw = rng(seed, "classes", 0);
        let of_image: Vec<usize> = (0..images).map(|_| draw.random_range(0..3)).collect();
        let y: Vec<usize> = groups.iter().map(|&group| of_image[group]).collect();
        let mut x = gaussian(groups.len(), features, seed);
        x.column_mut(0).iter_mut().zip(&y).for_each(|(value, &y)| *value += signal * y as f32);
        Self { x, y, groups }
    }

    fn rows(&self) -> Rows<'_> {
        Rows { x: self.x.view(), groups: &self.groups }
    }

    fn labels(&self) -> Labels<'_> {
        Labels { y: &self.y, classes: 3 }
    }

    fn cross_validate(&self, fit: Fit) -> CrossValidated {
        let folds = folds::grouped(&self.groups, 5, 1).unwrap();
        cross_validate(self.rows(), self.labels(), &folds, fit, &Inner::default()).unwrap()
    }

    fn accuracy(&self, fit: Fit) -> f64 {
        let held_out = self.cross_validate(fit);
        metrics::accuracy(held_out.prob.view(), &held_out.truth(&self.y))
    }
}

/// Is an accuracy over `n` independent images what guessing one of three gives, 99 times of 100?
fn is_chance(accuracy: f64, n: usize) -> bool {
    (accuracy - 1.0 / 3.0).abs() < 2.576 * (2.0 / 9.0 / n as f64).sqrt()
}

#[test]
fn every_fit_finds_what_is_planted() {
    let study = Study::new(90, 2, 20, 5.0, 3);
    // The middle class lies between the others, where a score against the rest is weak.
    let fits = [(Fit::Standard, 0.95), (Fit::MeanDifference, 0.6), (Fit::NearestCentroid, 0.7)];
    for (fit, least) in fits {
        let accuracy = study.accuracy(fit);
        assert!(accuracy > least, "{fit:?}: {accuracy}");
    }
}

#[test]
fn held_out_images_of_more_features_than_rows_are_at_chance() {
    let study = Study::new(100, 2, 400, 0.0, 5);
    let accuracy = study.accuracy(Fit::Standard);
    assert!(is_chance(accuracy, 100), "{accuracy}");
    let weak = Inner { lambdas: vec![1e-4], ..Inner::default() };
    let probe = fit_all(study.rows(), study.labels(), Fit::Standard, &weak).unwrap();
    assert_eq!(metrics::accuracy(probe.predict(study.x.view()).view(), &study.y), 1.0);
}

#[test]
fn shuffled_labels_are_at_chance_and_the_planted_ones_are_not() {
    let study = Study::new(150, 2, 30, 2.0, 8);
    let folds = folds::grouped(&study.groups, 5, 1).unwrap();
    let shuffled = relabel::between_images(&study.y, &study.groups, &vec![0; 300], 40, 2).unwrap();
    let inner = Inner::default();
    let null = permuted(study.rows(), &shuffled, 3, &folds, Fit::Standard, &inner, metrics::accuracy).unwrap();
    let mean = null.iter().sum::<f64>() / 40.0;
    assert!(is_chance(mean, 150), "{mean}");
    assert_eq!(p_value(study.accuracy(Fit::Standard), null.into_iter()), 1.0 / 41.0);
}

#[test]
fn p_values_are_uniform_without_effect() {
    let inner = Inner { lambdas: vec![0.01, 1.0, 100.0], folds: 3, ..Inner::default() };
    let mut p_values: Vec<f64> = (0..200)
        .map(|run| {
            let study = Study::new(36, 1, 4, 0.0, 1000 + run);
            let folds = folds::grouped(&study.groups, 3, run).unwrap();
            let mut labellings = relabel::between_images(&study.y, &study.groups, &[0; 36], 19, run).unwrap();
            labellings.push(study.y.clone());
            let score = |prob: ArrayView2<f64>, y: &[usize]| -metrics::log_loss(prob, y);
            let mut null = permuted(study.rows(), &labellings, 3, &folds, Fit::Standard, &inner, score).unwrap();
            let observed = null.pop().unwrap();
            p_value(observed, null.into_iter())
        })
        .collect();
    p_values.sort_by(f64::total_cmp);
    // Kolmogorov and Smirnov at the 0.1 % level, and half a step of 1/20.
    let distance = (0..200).map(|i| (p_values[i] - (i as f64 + 0.5) / 200.0).abs()).fold(0.0, f64::max);
    assert!(distance < 1.95 / 200f64.sqrt() + 0.05, "{distance}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let study = Study::new(40, 2, 100, 1.0, 4);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| study.cross_validate(Fit::Standard).prob)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn many_labellings_are_fitted_as_one_by_one() {
    let study = Study::new(40, 2, 12, 1.0, 6);
    let folds = folds::grouped(&study.groups, 4, 1).unwrap();
    let other = control_labels(&study.groups, 3, 1);
    let single = vec![0; 80];
    let labels = [&study.y, &other, &single].map(|y| Labels { y, classes: 3 });
    let inner = Inner::default();
    let many = cross_validate_many(study.rows(), &labels, &folds, Fit::Standard, &inner).unwrap();
    for (labels, many) in labels.into_iter().zip(many) {
        match cross_validate(study.rows(), labels, &folds, Fit::Standard, &inner) {
            Ok(alone) => assert_eq!(alone.prob, many.unwrap().prob),
            Err(undefined) => assert_eq!((undefined, many.err()), (Undefined::OneClass, Some(Undefined::OneClass))),
        }
    }
}

#[test]
fn a_class_a_fold_has_not_seen_gets_nothing() {
    let study = Study::new(40, 1, 6, 3.0, 6);
    let y: Vec<usize> = (0..40).map(|row| if row == 7 { 2 } else { row % 2 }).collect();
    let folds = folds::grouped(&study.groups, 4, 1).unwrap();
    let labels = Labels { y: &y, classes: 3 };
    let fitted = cross_validate(study.rows(), labels, &folds, Fit::Standard, &Inner::default()).unwrap();
    let at = fitted.rows.iter().position(|&row| row == 7).unwrap();
    assert_eq!(fitted.prob[[at, 2]], 0.0);
    assert!(metrics::log_loss(fitted.prob.view(), &fitted.truth(&y)).is_finite());
}

#[test]
fn what_gives_no_number_says_why() {
    let study = Study::new(20, 2, 4, 0.0, 7);
    let folds = folds::grouped(&study.groups, 4, 1).unwrap();
    let inner = Inner::default();
    let fit = |x: &Array2<f32>, y: &[usize], folds: &[Fold], inner: &Inner| {
        let rows = Rows { x: x.view(), groups: &study.groups };
        cross_validate(rows, Labels { y, classes: 3 }, folds, Fit::Standard, inner).err()
    };
    assert_eq!(fit(&study.x, &[1; 40], &folds, &inner), Some(Undefined::OneClass));
    assert_eq!(fit(&Array2::ones((40, 4)), &study.y, &folds, &inner), Some(Undefined::ConstantFeatures));
    assert_eq!(fit(&study.x, &[3; 40], &folds, &inner), Some(Undefined::UnknownClass { label: 3, classes: 3 }));
    let mut broken = study.x.clone();
    broken[[5, 2]] = f32::NAN;
    assert_eq!(fit(&broken, &study.y, &folds, &inner), Some(Undefined::NonFinite { row: 5 }));
    let rows = Rows { x: broken.view(), groups: &study.groups };
    for direct in [Fit::Paper { seed: 0 }, Fit::MeanDifference, Fit::NearestCentroid] {
        let fitted = cross_validate(rows, study.labels(), &folds, direct, &inner);
        assert_eq!(fitted.err(), Some(Undefined::NonFinite { row: 5 }));
    }
    let few = Inner { folds: 16, ..Inner::default() };
    assert_eq!(fit(&study.x, &study.y, &folds, &few), Some(Undefined::TooFewGroups { groups: 15, folds: 16 }));
    let negative = Inner { lambdas: vec![1.0, -1.0], ..Inner::default() };
    assert_eq!(fit(&study.x, &study.y, &folds, &negative), Some(Undefined::Lambda { lambda: -1.0 }));
    let split = Fold { train: (1..40).collect(), test: vec![0] };
    assert_eq!(fit(&study.x, &study.y, &[split], &inner), Some(Undefined::Straddles { group: 0 }));
    assert_eq!(
        fit(&study.x, &study.y[1..], &folds, &inner),
        Some(Undefined::Lengths { rows: 40, labels: 39, groups: 40 })
    );
    let two = folds::grouped(&[0, 1], 2, 0).unwrap();
    let x = array![[0.0f32], [1.0]];
    let rows = Rows { x: x.view(), groups: &[0, 1] };
    let fitted = cross_validate(rows, Labels { y: &[0, 1], classes: 2 }, &two, Fit::Standard, &inner);
    assert_eq!(fitted.err(), Some(Undefined::TooFewGroups { groups: 1, folds: 5 }));
}

#[test]
fn a_constant_feature_weighs_nothing() {
    let mut study = Study::new(60, 1, 5, 4.0, 2);
    study.x.column_mut(3).fill(7.5);
    let held_out = study.cross_validate(Fit::Standard);
    assert!(held_out.probes.iter().all(|probe| probe.w.row(3).iter().all(|&w| w == 0.0) && probe.scale[3] == 1.0));
    assert!(metrics::accuracy(held_out.prob.view(), &held_out.truth(&study.y)) > 0.8);
}
