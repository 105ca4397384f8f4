//! Feed-forward halves of a block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

use super::Activation;
use crate::error::Result;
use crate::model::checkpoint::{Builder, Role};
use crate::model::memory::MLP_AT_ONCE;

/// `fc2(act(fc1(x)))`, with biases: CLIP, SigLIP, DINOv2.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    activation: Activation,
}

impl Mlp {
    pub fn build(weights: &mut Builder<'_>, width: usize, hidden: usize, activation: Activation) -> Result<Self> {
        Ok(Self {
            fc1: weights.linear_biased("fc1", width, hidden, Role::Weight)?,
            fc2: weights.linear_biased("fc2", hidden, width, Role::Residual)?,
            activation,
        })
    }

    /// `[batch, tokens, width]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.fc2.forward(self.activation.forward(self.fc1.forward(x)))
    }
}

/// `down(act(gate(x)) * up(x))`: without biases in LLaMA, Mistral, Qwen2; with them in Qwen2.5-VL's tower.
#[derive(Module, Debug)]
pub struct GatedMlp {
    gate: Linear,
    up: Linear,
    down: Linear,
    #[module(skip)]
    activation: Activation,
}

impl GatedMlp {
    pub fn build(weights: &mut Builder<'_>, width: usize, hidden: usize, activation: Activation) -> Result<Self> {
        Ok(Self {
            gate: weights.linear("gate_proj", width, hidden, Role::Weight)?,
            up: weights.linear("up_proj", width, hidden, Role::Weight)?,
            down: weights.linear("down_proj", hidden, width, Role::Residual)?,
            activation,
        })
    }

    pub fn build_biased(
        weights: &mut Builder<'_>,
        width: usize,
        hidden: usize,
        activation: Activation,
    ) -> Result<Self> {
        Ok(Self {
            gate: weights.linear_biased("gate_proj", width, hidden, Role::Weight)?,
            up: weights.linear_biased("up_proj", width, hidden, Role::Weight)?,
            down: weights.linear_biased("down_proj", hidden, width, Role::Residual)?,
            activation,
        })
    }

    /// `[batch, tokens, width]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let [_, hidden] = self.gate.weight.dims();
        let rows = (MLP_AT_ONCE / hidden.max(1)).max(1);
        if batch * tokens <= rows {
            return self.part(x);
        }
        // A row knows nothing of the others: part by part, less is in memory at once.
        let x = x.reshape([1, batch * tokens, width]);
        let part = |start: usize| self.part(x.clone().narrow(1, start, rows.min(batch * tokens - start)));
        Tensor::cat((0..batch * tokens).step_by(rows).map(part).collect(), 1).reshape([batch, tokens, width])
    }

    fn part(&self, x: Tensor<3>) -> Tensor<3> {
        self.down.forward(self.activation.forward(self.gate.forward(x.clone())) * self.up.forward(x))
    }
}

/// The feed-forward half of a block, whichever kind a family has.
#[derive(Module, Debug)]
pub enum FeedForward {
    Plain(Mlp),
    Gated(GatedMlp),
}

impl FeedForward {
    /// `[batch, tokens, width]` to the same.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Plain(mlp) => mlp.forward(x),
            Self::Gated(mlp) => mlp.forward(x),
        }
    }
}
