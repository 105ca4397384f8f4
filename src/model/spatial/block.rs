//! The pre-norm block of all three stacks: DINOv2's, within frames, across frames. They differ in data.

use burn::module::{Module, Param};
use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use super::config::VggtConfig;
use crate::error::Result;
use crate::model::checkpoint::{Builder, Role};
use crate::model::hook::Hooks;
use crate::model::layers::{
    Across, Activation, Attention, AttentionShape, HeadNorms, Mask, Mlp, Norm, NormKind, Rotary, Tap,
};

/// Which stack a block belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    Dino,
    /// Within frames or across them: queries and keys are normalised head by head.
    Alternating,
}

/// `x + ls1 attention(norm1 x)`, then `x + ls2 mlp(norm2 x)`.
#[derive(Module, Debug)]
pub(super) struct Block {
    norm1: LayerNorm,
    attention: Attention,
    scale1: Param<Tensor<1>>,
    norm2: LayerNorm,
    mlp: Mlp,
    scale2: Param<Tensor<1>>,
}

impl Block {
    pub fn build(weights: &mut Builder<'_>, config: &VggtConfig, stack: Stack) -> Result<Self> {
        let VggtConfig { width, head_dim, .. } = *config;
        // No configuration says it.
        let epsilon = if stack == Stack::Dino { 1e-6 } else { 1e-5 };
        let norm1 = weights.layer_norm("norm1", width, epsilon)?;
        let mut attention = weights.within("attn");
        let [q, k, v] = attention.fused_biased("qkv", width, width)?;
        let o = attention.linear_biased("proj", width, width, Role::Residual)?;
        let mut norm = |name| Norm::build(&mut attention, name, NormKind::Layer, head_dim, epsilon);
        let norms = match stack {
            Stack::Dino => None,
            Stack::Alternating => Some(HeadNorms { q: norm("q_norm")?, k: norm("k_norm")? }),
        };
        let shape = AttentionShape::new(config.heads(), config.heads(), head_dim);
        let attention = Attention { q, k, v, o, norms, shape };
        let scale1 = weights.param("ls1.gamma", [width], Role::Scale)?;
        let norm2 = weights.layer_norm("norm2", width, epsilon)?;
        let mlp = Mlp::build(&mut weights.within("mlp"), width, 4 * width, Activation::Gelu)?;
        let scale2 = weights.param("ls2.gamma", [width], Role::Scale)?;
        Ok(Self { norm1, attention, scale1, norm2, mlp, scale2 })
    }

    /// `[batch, tokens, width]` to the same.
    pub fn forward(
        &self,
        x: Tensor<3>,
        rotary: Option<&Rotary>,
        across: Option<Across>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let [batch, tokens, _] = x.dims();
        let lengths = vec![tokens; batch];
        let mut tap = Tap { hooks, scores: None, weights: None, heads: None, across, lengths: &lengths };
        let attended = self.attention.forward(self.norm1.forward(x.clone()), rotary, &Mask::Full, None, &mut tap)?;
        let middle = x + attended * self.scale1.val().unsqueeze();
        let added = self.mlp.forward(self.norm2.forward(middle.clone()));
        Ok(middle + added * self.scale2.val().unsqueeze())
    }
}
