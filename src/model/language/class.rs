//! Classes of decoders: what a sparse configuration leaves out, and what it never says.

use crate::model::layers::Gain;

/// What a class of decoders assumes where its sparse JSON is silent.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub vocabulary: usize,
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    /// None: as many as heads.
    pub kv_heads: Option<usize>,
    /// None: the width divided among the heads.
    pub head_dim: Option<usize>,
    pub epsilon: f64,
    pub theta: f32,
    /// The key of the activation function, and its value.
    pub activation: (&'static str, &'static str),
    pub tied: bool,
    /// Lengths of the runs of rotary frequencies that time, row and column turn; empty where positions are plain numbers.
    pub sections: &'static [usize],
    pub near: Option<NearDefaults>,
    pub style: Style,
}

/// Layers that see a window of positions only.
#[derive(Clone, Copy, Debug)]
pub struct NearDefaults {
    /// Positions that a query sees, its own among them; None: no layer has a window unless the file says so.
    pub window: Option<usize>,
    /// Rotary base of these layers, where it differs from the others'.
    pub theta: Option<f32>,
    /// Every so many layers, one sees everything; 0: none does.
    pub every: usize,
}

/// How a class is built, whatever the sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    pub biases: Biases,
    pub gain: Gain,
    pub norms: Norms,
    pub embeddings: Embeddings,
}

/// Which projections of an attention layer have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Biases {
    None,
    /// Queries, keys and values have, the output has not.
    QueryKeyValue,
}

/// Where a block has norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// Before attention and before the MLP.
    Two,
    /// Before and behind each of them, and over the queries and keys of each head.
    FourAndHeads,
}

/// What embeddings are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embeddings {
    Plain,
    /// The root of the width. Image tokens are spliced in as they are.
    ByRootOfWidth,
}

const PLAIN: Style =
    Style { biases: Biases::None, gain: Gain::Plain, norms: Norms::Two, embeddings: Embeddings::Plain };

/// `model_type: llama`.
pub const LLAMA: Defaults = Defaults {
    vocabulary: 32000,
    width: 4096,
    hidden: 11008,
    layers: 32,
    heads: 32,
    kv_heads: None,
    head_dim: None,
    epsilon: 1e-6,
    theta: 10_000.0,
    activation: ("hidden_act", "silu"),
    tied: false,
    sections: &[],
    near: None,
    style: PLAIN,
};

/// `model_type: mistral`.
pub const MISTRAL: Defaults = Defaults {
    hidden: 14_336,
    kv_heads: Some(8),
    near: Some(NearDefaults { window: Some(4096), theta: None, every: 0 }),
    ..LLAMA
};

/// `model_type: qwen2`.
pub const QWEN2: Defaults = Defaults {
    vocabulary: 151_936,
    hidden: 22_016,
    kv_heads: Some(32),
    style: Style { biases: Biases::QueryKeyValue, ..PLAIN },
    ..LLAMA
};

/// The decoder inside `model_type: qwen2_vl` and `qwen2_5_vl`.
pub const QWEN2_VL: Defaults = Defaults {
    vocabulary: 152_064,
    width: 8192,
    hidden: 29_568,
    layers: 80,
    heads: 64,
    kv_heads: Some(8),
    epsilon: 1e-5,
    theta: 1_000_000.0,
    sections: &[16, 24, 24],
    ..QWEN2
};

/// `model_type: gemma`.
pub const GEMMA: Defaults = Defaults {
    vocabulary: 256_000,
    width: 3072,
    hidden: 24_576,
    layers: 28,
    heads: 16,
    kv_heads: Some(16),
    head_dim: Some(256),
    activation: ("hidden_act", "gelu_pytorch_tanh"),
    tied: true,
    style: Style { gain: Gain::OnePlus, embeddings: Embeddings::ByRootOfWidth, ..PLAIN },
    ..LLAMA
};

/// `model_type: gemma3_text`.
pub const GEMMA3: Defaults = Defaults {
    vocabulary: 262_208,
    width: 2304,
    hidden: 9216,
    layers: 26,
    heads: 8,
    kv_heads: Some(4),
    theta: 1_000_000.0,
    activation: ("hidden_activation", "gelu_pytorch_tanh"),
    near: Some(NearDefaults { window: Some(4096), theta: Some(10_000.0), every: 6 }),
    style: Style { norms: Norms::FourAndHeads, ..GEMMA.style },
    ..GEMMA
};
