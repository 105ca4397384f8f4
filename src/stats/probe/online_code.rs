//! Minimum description length: how many bits the labels cost when they are sent block by block, each with the probe fitted on
//! what went before (Voita and Titov, "Information-Theoretic Probing with Minimum Description Length", 2020).

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::{Fit, Fold, Inner, Labels, Rows, Undefined, cross_validate, cross_validation, metrics};
use crate::stats::seed::rng;

/// Where blocks end, as shares of the images.
const ENDS: [f64; 11] = [0.001, 0.002, 0.004, 0.008, 0.016, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0];

/// What sending the labels cost.
#[derive(Clone, Debug, PartialEq)]
pub struct OnlineCode {
    pub code: Codelength,
    /// One a block, in the order sent.
    pub blocks: Vec<Block>,
}

/// One block of labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// Rows the probe was fitted on; 0 for the first block, which is sent with the uniform code.
    pub n_train: usize,
    /// Rows sent.
    pub n: usize,
    pub bits: f64,
}

/// Length of a code and what it saves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Codelength {
    pub bits: f64,
    /// Uniform code's length over this one's; 1 where the states tell nothing of the label.
    pub compression: f64,
}

/// Length of an online code: `first` labels at `log2 classes` bits each, then one label at each of `probabilities` (what the
/// probe fitted so far gave to the class that came).
pub fn codelength(classes: usize, first: usize, probabilities: &[f64]) -> Codelength {
    let uniform = (classes as f64).log2();
    let bits = first as f64 * uniform - probabilities.iter().map(|p| p.log2()).sum::<f64>();
    Codelength { bits, compression: (first + probabilities.len()) as f64 * uniform / bits }
}

/// Sends the labels in blocks that end at 0.1, 0.2, 0.4, 0.8, 1.6, 3.125, 6.25, 12.5, 25, 50 and 100 % of the images, in an
/// order drawn from `seed`; an image is never split, and ends that fall on the same image are one.
///
/// What a probe fitted on n rows says of a label is mixed with the uniform code, which counts for as many rows as there are
/// classes: `(n p + 1) / (n + classes)`. A class that has not come yet can so be sent. While there are too few images for the
/// inner folds, lambda is the strongest candidate; while there is one class only, the code stays uniform.
///
/// # Errors
/// As [`cross_validate`]; [`Undefined::OneClass`] where the labels do not vary at all.
pub fn online_code(rows: Rows, labels: Labels, inner: &Inner, seed: u64) -> Result<OnlineCode, Undefined> {
    cross_validation::check(rows, labels)?;
    if labels.y.iter().all(|label| *label == labels.y[0]) {
        return Err(Undefined::OneClass);
    }
    let mut images: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, &group) in rows.groups.iter().enumerate() {
        images.entry(group).or_default().push(row);
    }
    let mut images: Vec<Vec<usize>> = images.into_values().collect();
    images.shuffle(&mut rng(seed, "online code", 0));
    let mut ends: Vec<usize> =
        ENDS.iter().map(|share| ((share * images.len() as f64).round() as usize).max(1)).collect();
    ends.dedup();
    let mut blocks = Vec::with_capacity(ends.len());
    let mut probabilities = Vec::new();
    let mut first = 0;
    for (block, &end) in ends.iter().enumerate() {
        let start = if block == 0 { 0 } else { ends[block - 1] };
        let (train, test) = (images[..start].concat(), images[start..end].concat());
        let sent = if block == 0 {
            first = test.len();
            codelength(labels.classes, first, &[])
        } else {
            let said = said(rows, labels, Fold { train: train.clone(), test: test.clone() }, start, inner)?;
            let code = codelength(labels.classes, 0, &said);
            probabilities.extend(said);
            code
        };
        blocks.push(Block { n_train: train.len(), n: test.len(), bits: sent.bits });
    }
    Ok(OnlineCode { code: codelength(labels.classes, first, &probabilities), blocks })
}

/// What the probe fitted on the training rows gives to the class of each test row.
fn said(rows: Rows, labels: Labels, fold: Fold, images: usize, inner: &Inner) -> Result<Vec<f64>, Undefined> {
    let strongest = inner.lambdas.iter().copied().max_by(f64::total_cmp).into_iter().collect();
    let inner = if images < inner.folds { Inner { lambdas: strongest, ..inner.clone() } } else { inner.clone() };
    let (n, uniform) = (fold.train.len() as f64, 1.0 / labels.classes as f64);
    let test = fold.test.clone();
    match cross_validate(rows, labels, &[fold], Fit::Standard, &inner) {
        Ok(fitted) => {
            let surprises = metrics::surprises(fitted.prob.view(), &fitted.truth(labels.y)).collect::<Vec<_>>();
            let classes = labels.classes as f64;
            Ok(surprises.iter().map(|surprise| (n * (-surprise).exp() + classes * uniform) / (n + classes)).collect())
        }
        Err(Undefined::OneClass | Undefined::ConstantFeatures) => Ok(vec![uniform; test.len()]),
        Err(undefined) => Err(undefined),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::probe::planted::gaussian;

    #[test]
    fn golden_value() {
        let code = codelength(3, 2, &[0.5, 0.25, 0.5, 0.8, 0.9, 0.4]);
        assert!((code.bits - 8.965784).abs() < 5e-7, "{}", code.bits);
        assert!((code.compression - 1.414232).abs() < 5e-7, "{}", code.compression);
    }

    #[test]
    fn what_can_be_read_compresses_and_noise_does_not() {
        let mut x = gaussian(400, 12, 5);
        let groups: Vec<usize> = (0..400).map(|row| row / 2).collect();
        let y: Vec<usize> = (0..400).map(|row| row / 2 % 2).collect();
        let labels = Labels { y: &y, classes: 2 };
        let code = |x: &ndarray::Array2<f32>, seed| {
            online_code(Rows { x: x.view(), groups: &groups }, labels, &Inner::default(), seed).unwrap()
        };
        let noise = code(&x, 1);
        assert!((0.8..1.1).contains(&noise.code.compression), "{noise:?}");
        x.rows_mut().into_iter().zip(&y).for_each(|(mut row, &y)| row[3] += 6.0 * y as f32);
        let read = code(&x, 1);
        assert!(read.code.compression > 4.0, "{read:?}");
        assert_eq!(read.blocks.iter().map(|block| block.n).sum::<usize>(), 400);
        let total: f64 = read.blocks.iter().map(|block| block.bits).sum();
        assert!((total - read.code.bits).abs() < 1e-9);
        assert_eq!(read.blocks[0], Block { n_train: 0, n: 2, bits: 2.0 });
        assert_ne!(read, code(&x, 2));
    }

    #[test]
    fn one_class_is_undefined() {
        let x = gaussian(6, 2, 1);
        let rows = Rows { x: x.view(), groups: &[0, 1, 2, 3, 4, 5] };
        let code = online_code(rows, Labels { y: &[1; 6], classes: 2 }, &Inner::default(), 0);
        assert_eq!(code, Err(Undefined::OneClass));
    }
}
