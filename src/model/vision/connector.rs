//! From an encoder's patches to tokens of the language model: patches joined into cells, a norm, one or two linear maps.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use crate::error::Result;
use crate::model::checkpoint::{Builder, Role};
use crate::model::layers::{Activation, Gain, Norm, NormKind};

/// What becomes of the patches of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Every patch is a token.
    None,
    /// The mean of a square of so many by so many.
    Mean(usize),
    /// All of them, one behind the other along the width, row by row.
    Concat(usize),
}

impl Join {
    /// Patches along each side of a cell.
    pub fn side(self) -> usize {
        match self {
            Self::None => 1,
            Self::Mean(side) | Self::Concat(side) => side,
        }
    }
}

/// How a connector is built, and what its tensors are called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConnectorConfig {
    pub join: Join,
    /// Along each side of the encoder's grid, a multiple of a cell's.
    pub patches: usize,
    /// Width of the encoder's patches.
    pub input: usize,
    /// Width of the language model.
    pub output: usize,
    pub kind: ConnectorKind,
}

/// The parts behind the joining.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConnectorKind {
    /// Two linear maps: LLaVA.
    Two { activation: Activation, biased: bool },
    /// One, with a bias: PaliGemma.
    One,
    /// One, without: Idefics3.
    Shuffle,
    /// A norm and one map: Gemma 3.
    Soft { epsilon: f64 },
    /// A norm and two maps: InternVL.
    NormTwo { activation: Activation },
}

/// `linear2(act(linear1(norm(joined))))`, as much of it as a family has.
#[derive(Module, Debug)]
pub struct Connector {
    norm: Option<Norm>,
    linear1: Linear,
    linear2: Option<Linear>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    config: ConnectorConfig,
}

impl Connector {
    pub fn build(weights: &mut Builder<'_>, config: ConnectorConfig) -> Result<Self> {
        let ConnectorConfig { join, input, output, .. } = config;
        let wide = match join {
            Join::Concat(side) => input * side * side,
            Join::None | Join::Mean(_) => input,
        };
        let one = |linear1| Self { norm: None, linear1, linear2: None, activation: Activation::Gelu, config };
        Ok(match config.kind {
            ConnectorKind::Two { activation, biased } => {
                let mut linear = |name: &str, input: usize| match biased {
                    true => weights.linear_biased(name, input, output, Role::Weight),
                    false => weights.linear(name, input, output, Role::Weight),
                };
                let linear1 = linear("linear_1", wide)?;
                Self { linear2: Some(linear("linear_2", output)?), activation, ..one(linear1) }
            }
            ConnectorKind::One => one(weights.linear_biased("linear", wide, output, Role::Weight)?),
            ConnectorKind::Shuffle => one(weights.linear("modality_projection.proj", wide, output, Role::Weight)?),
            ConnectorKind::Soft { epsilon } => {
                let norm = Norm::Rms(weights.rms_norm("mm_soft_emb_norm", wide, epsilon, Gain::OnePlus)?);
                // The one matrix that a file holds the way it multiplies.
                let weight = weights.param("mm_input_projection_weight", [wide, output], Role::Weight)?;
                Self { norm: Some(norm), ..one(Linear { weight, bias: None }) }
            }
            ConnectorKind::NormTwo { activation } => Self {
                norm: Some(Norm::build(weights, "layer_norm", NormKind::Layer, wide, 1e-5)?),
                linear2: Some(weights.linear_biased("linear_2", output, output, Role::Weight)?),
                activation,
                ..one(weights.linear_biased("linear_1", wide, output, Role::Weight)?)
            },
        })
    }

    /// `[batch, views * patches, width]` to `[batch, views * tokens, width]`, row by row within each view.
    pub fn forward(&self, patches: Tensor<3>) -> Tensor<3> {
        let joined = self.join(patches);
        let normed = match &self.norm {
            Some(norm) => norm.forward(joined),
            None => joined,
        };
        let projected = self.linear1.forward(normed);
        match &self.linear2 {
            Some(linear) => linear.forward(self.activation.forward(projected)),
            None => projected,
        }
    }

    fn join(&self, patches: Tensor<3>) -> Tensor<3> {
        let ConnectorConfig { join, patches: side, .. } = self.config;
        let [batch, tokens, width] = patches.dims();
        let (cell, views) = (join.side(), tokens / (side * side));
        let across = side / cell;
        let split = || {
            let rows = patches.clone().reshape([batch * views, side, side, width]);
            let cells = rows.reshape([batch * views, across, cell, across, cell, width]);
            cells.permute([0, 1, 3, 2, 4, 5]).reshape([batch, views * across * across, cell * cell, width])
        };
        match join {
            Join::None => patches,
            Join::Mean(_) => split().mean_dim(2).squeeze_dim(2),
            Join::Concat(_) => split().reshape([batch, views * across * across, cell * cell * width]),
        }
    }
}
