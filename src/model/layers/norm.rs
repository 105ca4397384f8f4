//! The norm of a block, whichever kind a family has.

use burn::module::Module;
use burn::nn::{LayerNorm, RmsNorm};
use burn::tensor::Tensor;

use crate::error::Result;
use crate::model::checkpoint::Builder;

/// Which norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Mean removed, scaled, shifted.
    Layer,
    /// Scaled only.
    Rms,
}

/// What the numbers of an RMS norm in a file multiply by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gain {
    /// Themselves.
    Plain,
    /// One more than themselves: Gemma.
    OnePlus,
}

/// A norm over the width.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a module holds a handful of them")]
pub enum Norm {
    Layer(LayerNorm),
    Rms(RmsNorm),
}

impl Norm {
    pub fn build(weights: &mut Builder<'_>, name: &str, kind: NormKind, width: usize, epsilon: f64) -> Result<Self> {
        Ok(match kind {
            NormKind::Layer => Self::Layer(weights.layer_norm(name, width, epsilon)?),
            NormKind::Rms => Self::Rms(weights.rms_norm(name, width, epsilon, Gain::Plain)?),
        })
    }

    /// `[.., width]` to the same.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}
