//! The CLIP image tower: patches, a class token, learned positions, pre-norm blocks.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role, field};
use crate::model::hook::Hooks;
use crate::model::layers::{Activation, Attention, AttentionShape, Mask, Mlp, Tap};
use crate::model::site::{Site, SiteSpec};

/// `vision_config` of `model_type: clip_vision_model`.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipConfig {
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub image: usize,
    pub patch: usize,
    pub channels: usize,
    pub epsilon: f64,
    pub activation: Activation,
}

impl ClipConfig {
    /// Reads the sparse JSON; what is left out has the class's default.
    pub fn from_json(json: &Value) -> Result<Self> {
        let config = Self {
            width: field(json, "hidden_size", 768)?,
            hidden: field(json, "intermediate_size", 3072)?,
            layers: field(json, "num_hidden_layers", 12)?,
            heads: field(json, "num_attention_heads", 12)?,
            image: field(json, "image_size", 224)?,
            patch: field(json, "patch_size", 32)?,
            channels: field(json, "num_channels", 3)?,
            epsilon: field(json, "layer_norm_eps", 1e-5)?,
            activation: Activation::from_config("hidden_act", &field(json, "hidden_act", "quick_gelu".to_owned())?)?,
        };
        for (key, value) in [
            ("hidden_size", config.width),
            ("num_attention_heads", config.heads),
            ("image_size", config.image),
            ("patch_size", config.patch),
        ] {
            if value == 0 {
                return Err(Error::data(format!("`{key}` is 0")));
            }
        }
        if !config.width.is_multiple_of(config.heads) || !config.image.is_multiple_of(config.patch) {
            return Err(Error::data(format!(
                "`hidden_size` {} must divide by `num_attention_heads` {}, `image_size` {} by `patch_size` {}",
                config.width, config.heads, config.image, config.patch
            )));
        }
        Ok(config)
    }

    /// Patches along one side.
    pub fn side(&self) -> usize {
        self.image / self.patch
    }
}

/// One pre-norm block.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
}

/// Images to hidden states of class token and patches.
#[derive(Module, Debug)]
pub struct ClipTower {
    class: Param<Tensor<1>>,
    patches: Linear,
    positions: Param<Tensor<2>>,
    pre_norm: LayerNorm,
    blocks: Vec<Block>,
    /// Only CLIP's own pooled output uses it; kept because the checkpoint holds it.
    post_norm: LayerNorm,
    #[module(skip)]
    config: ClipConfig,
}

impl ClipTower {
    pub fn build(weights: &mut Builder<'_>, config: &ClipConfig) -> Result<Self> {
        let ClipConfig { width, hidden, epsilon, .. } = *config;
        let mut embeddings = weights.within("embeddings");
        let class = embeddings.param("class_embedding", [width], Role::Embedding)?;
        let patches = embeddings.patches("patch_embedding", width, config.channels, config.patch)?;
        let tokens = config.side() * config.side() + 1;
        let positions = embeddings.param("position_embedding.weight", [tokens, width], Role::Embedding)?;
        let pre_norm = weights.layer_norm("pre_layrnorm", width, epsilon)?;
        let shape = AttentionShape { heads: config.heads, kv_heads: config.heads, head_dim: width / config.heads };
        let blocks = (0..config.layers)
            .map(|i| {
                let mut block = weights.within(format!("encoder.layers.{i}"));
                let norm1 = block.layer_norm("layer_norm1", width, epsilon)?;
                let mut attention = block.within("self_attn");
                let attention = Attention {
                    q: attention.linear_biased("q_proj", width, width, Role::Weight)?,
                    k: attention.linear_biased("k_proj", width, width, Role::Weight)?,
                    v: attention.linear_biased("v_proj", width, width, Role::Weight)?,
                    o: attention.linear_biased("out_proj", width, width, Role::Residual)?,
                    shape,
                };
                let norm2 = block.layer_norm("layer_norm2", width, epsilon)?;
                let mlp = Mlp::build(&mut block.within("mlp"), width, hidden, config.activation)?;
                Ok(Block { norm1, attention, norm2, mlp })
            })
            .collect::<Result<Vec<_>>>()?;
        let post_norm = weights.layer_norm("post_layernorm", width, epsilon)?;
        Ok(Self { class, patches, positions, pre_norm, blocks, post_norm, config: config.clone() })
    }

    pub fn sites(&self) -> Vec<SiteSpec> {
        let ClipConfig { width, heads, layers, .. } = self.config;
        let tokens = self.config.side() * self.config.side() + 1;
        let resid =
            |s, meaning| SiteSpec { site: Site::VisionResid(s), shape: format!("[batch, {tokens}, {width}]"), meaning };
        let mut sites = vec![resid(0, "encoder input: patches and class token with positions, normalised")];
        for i in 0..layers {
            sites.push(SiteSpec {
                site: Site::VisionAttn(i),
                shape: format!("[batch, {heads}, {tokens}, {tokens}]"),
                meaning: "encoder attention after softmax, class token first",
            });
            sites.push(resid(i + 1, "after the encoder block, class token first"));
        }
        sites
    }

    /// Hidden states at the given slots, each `[batch, 1 + patches, width]`, from pixels `[batch, 3, height, width]`.
    ///
    /// Blocks behind the last slot run only if a hook wants to see them.
    pub fn forward(&self, pixels: Tensor<4>, slots: &[usize], hooks: &mut Hooks<'_>) -> Result<Vec<Tensor<3>>> {
        let begun = self.embed(pixels)?;
        self.forward_from(0, &|_| Ok(begun.clone()), slots, hooks)
    }

    /// As [`forward`](Self::forward), from the residual stream at slot `from` on. `state` gives the stream at any slot up
    /// to `from`; blocks before `from` do not run.
    pub fn forward_from(
        &self,
        from: usize,
        state: &dyn Fn(usize) -> Result<Tensor<3>>,
        slots: &[usize],
        hooks: &mut Hooks<'_>,
    ) -> Result<Vec<Tensor<3>>> {
        let wanted = |slot: &usize| slots.contains(slot);
        let seen =
            |i: usize, hooks: &Hooks<'_>| hooks.want(Site::VisionAttn(i)) || hooks.want(Site::VisionResid(i + 1));
        let last = (0..self.blocks.len()).filter(|&i| seen(i, hooks)).map(|i| i + 1).chain(slots.iter().copied()).max();

        let mut residual = hooks.tokens(Site::VisionResid(from), state(from)?)?;
        let before = slots.iter().filter(|slot| **slot < from).map(|&slot| Ok((slot, state(slot)?)));
        let mut states: Vec<(usize, Tensor<3>)> = before.collect::<Result<_>>()?;
        if wanted(&from) {
            states.push((from, residual.clone()));
        }
        let [batch, tokens, _] = residual.dims();
        let lengths = vec![tokens; batch];
        for (i, block) in self.blocks.iter().enumerate().take(last.unwrap_or(0)).skip(from) {
            let mut tap = Tap { hooks, scores: None, weights: Site::VisionAttn(i), heads: None, lengths: &lengths };
            let normed = block.norm1.forward(residual.clone());
            residual = residual + block.attention.forward(normed, None, &Mask::Full, None, &mut tap)?;
            residual = residual.clone() + block.mlp.forward(block.norm2.forward(residual));
            residual = hooks.tokens(Site::VisionResid(i + 1), residual)?;
            if wanted(&(i + 1)) {
                states.push((i + 1, residual.clone()));
            }
        }
        Ok(slots.iter().filter_map(|slot| states.iter().find(|(s, _)| s == slot).map(|(_, x)| x.clone())).collect())
    }

    /// CLIP's pooled output, `[batch, width]`: the class token of the last state, normalised.
    pub fn pool(&self, last: Tensor<3>) -> Tensor<2> {
        self.post_norm.forward(last.narrow(1, 0, 1)).squeeze_dim(1)
    }

    fn embed(&self, pixels: Tensor<4>) -> Result<Tensor<3>> {
        let [batch, channels, height, width] = pixels.dims();
        let ClipConfig { patch, image, .. } = self.config;
        if channels != self.config.channels || height != image || width != image {
            return Err(Error::data(format!(
                "the image processor makes [{channels}, {height}, {width}] pixels, the tower reads [{}, {image}, {image}]",
                self.config.channels
            ))
            .with_help("`crop_size` in the processor's configuration and `image_size` in config.json must agree"));
        }
        let side = self.config.side();
        let cut = pixels.reshape([batch, channels, side, patch, side, patch]).permute([0, 2, 4, 1, 3, 5]).reshape([
            batch,
            side * side,
            channels * patch * patch,
        ]);
        let class = self.class.val().reshape([1, 1, self.config.width]).repeat_dim(0, batch);
        let tokens = Tensor::cat(vec![class, self.patches.forward(cut)], 1);
        Ok(self.pre_norm.forward(tokens + self.positions.val().unsqueeze()))
    }
}
