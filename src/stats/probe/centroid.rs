//! Probes that are not fitted: class means, and nothing else.

use ndarray::{Array1, Array2, Axis};

use super::design::moments;
use super::{Fold, Labels, Probe, Rows, Undefined};

/// Each class against the rest along the difference of their means, threshold halfway, features as they are. Divided by the
/// pooled variance within classes, so that the numbers do not depend on the scale of the features.
pub(super) fn mean_difference(rows: Rows, labels: Labels, fold: &Fold) -> Result<Probe, Undefined> {
    let means = Means::of(rows, labels, fold)?;
    let (features, classes) = (rows.x.ncols(), labels.classes);
    let (mut w, mut b) = (Array2::zeros((features, classes)), Array1::from_elem(classes, f64::NEG_INFINITY));
    let total: f64 = means.counts.iter().sum();
    for class in means.present() {
        let own = means.of_class.row(class);
        let others = total - means.counts[class];
        let rest = (&means.mean * total - &own * means.counts[class]) / others;
        let difference = (&own - &rest) / means.variance;
        b[class] = -difference.dot(&(&own + &rest)) / 2.0;
        w.column_mut(class).assign(&difference);
    }
    Ok(Probe { w, b, mean: means.mean, scale: Array1::ones(features), lambda: f64::NAN })
}

/// The class whose mean is nearest, features standardised by the training rows.
pub(super) fn nearest(rows: Rows, labels: Labels, fold: &Fold) -> Result<Probe, Undefined> {
    let means = Means::of(rows, labels, fold)?;
    let (features, classes) = (rows.x.ncols(), labels.classes);
    let (mut w, mut b) = (Array2::zeros((features, classes)), Array1::from_elem(classes, f64::NEG_INFINITY));
    for class in means.present() {
        let standard = means.weights() * (&means.of_class.row(class) - &means.mean);
        let direction = &standard * &means.weights();
        // -|z - c|^2 / 2 without what all classes share: z.c - |c|^2 / 2, z = (x - mean) / scale.
        b[class] = -direction.dot(&means.mean) - standard.dot(&standard) / 2.0;
        w.column_mut(class).assign(&direction);
    }
    Ok(Probe { w, b, mean: means.mean, scale: means.scale, lambda: f64::NAN })
}

struct Means {
    mean: Array1<f64>,
    /// 1 where a feature does not vary.
    scale: Array1<f64>,
    varies: Vec<bool>,
    /// `[classes, features]`; 0 for a class without training rows.
    of_class: Array2<f64>,
    counts: Vec<f64>,
    /// Mean over features of the variance within classes.
    variance: f64,
}

impl Means {
    fn of(rows: Rows, labels: Labels, fold: &Fold) -> Result<Self, Undefined> {
        let (mean, variance) = moments(rows, &fold.train)?;
        let varies: Vec<bool> = variance.iter().map(|&variance| variance >= super::design::LEAST_VARIANCE).collect();
        if !varies.contains(&true) {
            return Err(Undefined::ConstantFeatures);
        }
        let mut of_class = Array2::<f64>::zeros((labels.classes, rows.x.ncols()));
        let mut counts = vec![0.0f64; labels.classes];
        for &row in &fold.train {
            let class = labels.y[row];
            counts[class] += 1.0;
            of_class.row_mut(class).zip_mut_with(&rows.x.row(row), |sum, &value| *sum += f64::from(value));
        }
        if counts.iter().filter(|&&count| count > 0.0).count() < 2 {
            return Err(Undefined::OneClass);
        }
        for (mut sum, &count) in of_class.axis_iter_mut(Axis(0)).zip(&counts) {
            sum /= count.max(1.0);
        }
        let between: f64 = of_class
            .rows()
            .into_iter()
            .zip(&counts)
            .map(|(own, count)| count * (&own - &mean).mapv(|difference| difference * difference).sum())
            .sum::<f64>()
            / fold.train.len() as f64;
        let total = variance.sum();
        // Where classes are points, any positive number keeps their order.
        let within = (total - between).max(total * 1e-9) / mean.len() as f64;
        let scale = variance.iter().zip(&varies).map(|(variance, varies)| if *varies { variance.sqrt() } else { 1.0 });
        Ok(Self { scale: scale.collect(), mean, varies, of_class, counts, variance: within })
    }

    fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.counts.len()).filter(|&class| self.counts[class] > 0.0)
    }

    /// One over the scale; 0 for features that do not vary.
    fn weights(&self) -> Array1<f64> {
        self.scale.iter().zip(&self.varies).map(|(scale, varies)| if *varies { 1.0 / scale } else { 0.0 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn rows() -> (Array2<f32>, Vec<usize>) {
        (array![[0.0, 5.0, 1.0], [2.0, 5.0, 1.0], [10.0, 5.0, 4.0], [12.0, 5.0, 4.0]], vec![0, 0, 1, 1])
    }

    #[test]
    fn mean_difference_by_hand() {
        let (x, y) = rows();
        let (rows, labels) = (Rows { x: x.view(), groups: &[0, 1, 2, 3] }, Labels { y: &y, classes: 2 });
        let fold = Fold { train: vec![0, 1, 2, 3], test: vec![] };
        let probe = mean_difference(rows, labels, &fold).unwrap();
        // Means (1, 5, 1) and (11, 5, 4); variance within classes (1 + 0 + 0) / 3.
        assert!(
            (&probe.w.column(1) - &(array![10.0, 0.0, 3.0] * 3.0)).iter().all(|d: &f64| d.abs() < 1e-9),
            "{probe:?}"
        );
        // Halfway, (6, 5, 2.5), is undecided.
        let halfway = probe.predict(array![[6.0f32, 5.0, 2.5]].view());
        assert!((halfway[[0, 0]] - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_nearest_mean_wins() {
        let (x, y) = rows();
        let (rows, labels) = (Rows { x: x.view(), groups: &[0, 1, 2, 3] }, Labels { y: &y, classes: 3 });
        let fold = Fold { train: vec![0, 1, 2, 3], test: vec![] };
        let probe = nearest(rows, labels, &fold).unwrap();
        let prob = probe.predict(array![[5.9f32, -80.0, 2.4], [6.1, 80.0, 2.6]].view());
        assert!(prob[[0, 0]] > prob[[0, 1]] && prob[[1, 1]] > prob[[1, 0]], "{prob}");
        assert_eq!((prob[[0, 2]], prob[[1, 2]]), (0.0, 0.0));
    }

    #[test]
    fn what_has_no_means_is_undefined() {
        let (x, _) = rows();
        let rows = Rows { x: x.view(), groups: &[0, 1, 2, 3] };
        let fold = Fold { train: vec![0, 1], test: vec![2] };
        assert_eq!(nearest(rows, Labels { y: &[0, 0, 1, 1], classes: 2 }, &fold), Err(Undefined::OneClass));
        let flat = Array2::<f32>::ones((4, 2));
        let rows = Rows { x: flat.view(), groups: &[0, 1, 2, 3] };
        let all = mean_difference(rows, Labels { y: &[0, 1, 1, 0], classes: 2 }, &fold);
        assert_eq!(all, Err(Undefined::ConstantFeatures));
    }
}
