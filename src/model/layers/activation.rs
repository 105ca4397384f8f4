//! Activation functions, under the names that Hugging Face configurations use.

use burn::tensor::{Tensor, activation};

use crate::error::{Error, Result, suggestion};

/// An element-wise non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(1.702 x)`: CLIP, Qwen2-VL's tower.
    QuickGelu,
    /// `x * Phi(x)` with the exact normal distribution function.
    Gelu,
    /// The tanh approximation of GELU: SigLIP, Gemma.
    GeluTanh,
    /// `x * sigmoid(x)`.
    Silu,
}

const NAMES: [(&str, Activation); 6] = [
    ("quick_gelu", Activation::QuickGelu),
    ("gelu", Activation::Gelu),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_new", Activation::GeluTanh),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
];

impl Activation {
    /// Reads the value of a configuration key such as `hidden_act`.
    pub fn from_config(key: &str, name: &str) -> Result<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation).ok_or_else(|| {
            Error::data(format!("`{key}` is `{name}`, which is no activation function known here"))
                .with_help(suggestion(name, NAMES.iter().map(|(known, _)| *known)))
        })
    }

    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
            Self::Gelu => activation::gelu(x),
            Self::GeluTanh => activation::gelu_approximate(x),
            Self::Silu => activation::silu(x),
        }
    }
}
