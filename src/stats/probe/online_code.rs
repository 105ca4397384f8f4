//! Minimum description length: how many bits the labels cost when they are sent block by block, each with the probe fitted on
//! what went before (Voita and Titov, "Information-Theoretic Probing with Minimum Description Length", 2020).

use super::{Inner, Labels, Rows, Undefined};

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
/// order drawn from `seed`; an image is never split.
///
/// # Errors
/// As [`cross_validate`](super::cross_validate).
pub fn online_code(rows: Rows, labels: Labels, inner: &Inner, seed: u64) -> Result<OnlineCode, Undefined> {
    todo!()
}
