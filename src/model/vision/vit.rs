//! Square vision transformers: patches, learned positions, pre-norm blocks. CLIP (Radford et al. 2021, arXiv 2103.00020),
//! SigLIP (Zhai et al. 2023, arXiv 2303.15343), InternViT.
//!
//! An item may have several images, its views. They lie one behind the other along the token axis, `[batch, views * tokens,
//! width]`, and no patch sees another view's.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::vit_config::{VitConfig, VitKind};
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role};
use crate::model::hook::Hooks;
use crate::model::layers::{Attention, AttentionShape, Mask, Mlp, Tap, Windows};
use crate::model::site::{Site, SiteSpec};

/// One pre-norm block.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    mlp: Mlp,
    /// What each half adds is multiplied by these, channel by channel, where a tower has them.
    scales: Option<Scales>,
}

#[derive(Module, Debug)]
struct Scales {
    attention: Param<Tensor<1>>,
    mlp: Param<Tensor<1>>,
}

/// Images to hidden states of patches.
#[derive(Module, Debug)]
pub struct VitTower {
    class: Option<Param<Tensor<1>>>,
    patches: Linear,
    positions: Param<Tensor<2>>,
    pre_norm: Option<LayerNorm>,
    blocks: Vec<Block>,
    /// Of the last state, or of CLIP's pooled output alone.
    post_norm: Option<LayerNorm>,
    #[module(skip)]
    config: VitConfig,
}

impl VitTower {
    pub fn build(weights: &mut Builder<'_>, config: &VitConfig) -> Result<Self> {
        let VitConfig { width, epsilon, kind, .. } = *config;
        let (tokens, sides) = (config.tokens(), [config.channels, config.patch]);
        let mut embeddings = weights.within("embeddings");
        let (class, patches, positions) = match kind {
            VitKind::Clip => (
                Some(embeddings.param("class_embedding", [width], Role::Embedding)?),
                embeddings.patches("patch_embedding", width, sides)?,
                embeddings.param("position_embedding.weight", [tokens, width], Role::Embedding)?,
            ),
            VitKind::Siglip => (
                None,
                embeddings.patches_biased("patch_embedding", width, sides)?,
                embeddings.param("position_embedding.weight", [tokens, width], Role::Embedding)?,
            ),
            VitKind::Intern => (
                Some(embeddings.flattened("cls_token", [1, 1, width], [width])?),
                embeddings.patches_biased("patch_embeddings.projection", width, sides)?,
                embeddings.flattened("position_embeddings", [1, tokens, width], [tokens, width])?,
            ),
        };
        let pre_norm = match kind {
            VitKind::Clip => Some(weights.layer_norm("pre_layrnorm", width, epsilon)?),
            VitKind::Siglip | VitKind::Intern => None,
        };
        let name = if kind == VitKind::Intern { "encoder.layer" } else { "encoder.layers" };
        let blocks = (0..config.layers)
            .map(|i| Block::build(&mut weights.within(format!("{name}.{i}")), config))
            .collect::<Result<Vec<_>>>()?;
        let post_norm = match kind {
            VitKind::Clip | VitKind::Siglip => Some(weights.layer_norm("post_layernorm", width, epsilon)?),
            VitKind::Intern => None,
        };
        Ok(Self { class, patches, positions, pre_norm, blocks, post_norm, config: config.clone() })
    }

    pub fn config(&self) -> &VitConfig {
        &self.config
    }

    /// `tokens` is how many an item has, as text: a number, or what it depends on.
    pub fn sites(&self, tokens: &str) -> Vec<SiteSpec> {
        let VitConfig { width, heads, layers, .. } = self.config;
        let resid =
            |s, meaning| SiteSpec { site: Site::VisionResid(s), shape: format!("[batch, {tokens}, {width}]"), meaning };
        let (begin, attention, after) = match self.config.kind {
            VitKind::Clip => (
                "encoder input: patches and class token with positions, normalised",
                "encoder attention after softmax, class token first",
                "after the encoder block, class token first",
            ),
            VitKind::Siglip => (
                "encoder input: patches with positions",
                "encoder attention after softmax",
                "after the encoder block, before any final norm",
            ),
            VitKind::Intern => (
                "encoder input: class token and patches with positions",
                "encoder attention after softmax, class token first",
                "after the encoder block, class token first",
            ),
        };
        let mut sites = vec![resid(0, begin)];
        for i in 0..layers {
            let shape = format!("[batch, {heads}, {tokens}, {tokens}]");
            sites.push(SiteSpec { site: Site::VisionAttn(i), shape, meaning: attention });
            sites.push(resid(i + 1, after));
        }
        sites
    }

    /// Hidden states at the given slots, each `[batch, views * tokens, width]`, from pixels `[batch, views, 3, height,
    /// width]`.
    ///
    /// Blocks behind the last slot run only if a hook wants to see them.
    pub fn forward(&self, pixels: Tensor<5>, slots: &[usize], hooks: &mut Hooks<'_>) -> Result<Vec<Tensor<3>>> {
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
        let (lengths, mask) = (vec![tokens; batch], self.by_view(tokens, &residual));
        for (i, block) in self.blocks.iter().enumerate().take(last.unwrap_or(0)).skip(from) {
            let weights = Some(Site::VisionAttn(i));
            let mut tap = Tap { hooks, scores: None, weights, heads: None, across: None, lengths: &lengths };
            residual = block.forward(residual, &mask, &mut tap)?;
            residual = hooks.tokens(Site::VisionResid(i + 1), residual)?;
            if wanted(&(i + 1)) {
                states.push((i + 1, residual.clone()));
            }
        }
        Ok(slots.iter().filter_map(|slot| states.iter().find(|(s, _)| s == slot).map(|(_, x)| x.clone())).collect())
    }

    /// The tower's own output, `[batch, tokens, width]`, of its last state: normalised where the tower does that.
    pub fn finish(&self, last: Tensor<3>) -> Tensor<3> {
        match (&self.post_norm, self.config.kind) {
            (Some(norm), VitKind::Siglip) => norm.forward(last),
            _ => last,
        }
    }

    /// CLIP's pooled output, `[batch * views, width]`: the class token of the last state, normalised.
    pub fn pool(&self, last: Tensor<3>) -> Option<Tensor<2>> {
        let norm = self.post_norm.as_ref().filter(|_| self.config.kind == VitKind::Clip)?;
        let [batch, tokens, width] = last.dims();
        let each = self.config.tokens();
        let views = last.reshape([batch * tokens / each, each, width]);
        Some(norm.forward(views.narrow(1, 0, 1)).squeeze_dim(1))
    }

    /// Patches alone, `[batch, views * patches, width]`, of states with class tokens.
    pub fn without_class(&self, states: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, width] = states.dims();
        let (each, patches) = (self.config.tokens(), self.config.patches());
        let views = tokens / each;
        let split = states.reshape([batch * views, each, width]);
        split.narrow(1, each - patches, patches).reshape([batch, views * patches, width])
    }

    /// Each view's tokens see each other.
    fn by_view(&self, tokens: usize, residual: &Tensor<3>) -> Mask {
        let each = self.config.tokens();
        if tokens <= each {
            return Mask::Full;
        }
        let views: Vec<Vec<usize>> = (0..tokens).step_by(each).map(|start| (start..start + each).collect()).collect();
        Mask::Windows(Box::new(Windows::new(&views, &residual.device())))
    }

    fn embed(&self, pixels: Tensor<5>) -> Result<Tensor<3>> {
        let [batch, views, channels, height, width] = pixels.dims();
        let VitConfig { patch, image, .. } = self.config;
        if channels != self.config.channels || height != image || width != image {
            return Err(Error::data(format!(
                "the image processor makes [{channels}, {height}, {width}] pixels, the tower reads [{}, {image}, {image}]",
                self.config.channels
            ))
            .with_help("the size in the processor's configuration and `image_size` in config.json must agree"));
        }
        let (side, count) = (self.config.side(), batch * views);
        let whole = pixels.reshape([count, channels, height, width]);
        let whole = whole.narrow(2, 0, side * patch).narrow(3, 0, side * patch);
        let cut = whole.reshape([count, channels, side, patch, side, patch]).permute([0, 2, 4, 1, 3, 5]).reshape([
            count,
            side * side,
            channels * patch * patch,
        ]);
        let mut tokens = self.patches.forward(cut);
        if let Some(class) = &self.class {
            let class = class.val().reshape([1, 1, self.config.width]).repeat_dim(0, count);
            tokens = Tensor::cat(vec![class, tokens], 1);
        }
        tokens = tokens + self.positions.val().unsqueeze();
        if let Some(norm) = &self.pre_norm {
            tokens = norm.forward(tokens);
        }
        Ok(tokens.reshape([batch, views * self.config.tokens(), self.config.width]))
    }
}

impl Block {
    fn build(weights: &mut Builder<'_>, config: &VitConfig) -> Result<Self> {
        let VitConfig { width, hidden, heads, epsilon, .. } = *config;
        let shape = AttentionShape::new(heads, heads, width / heads);
        let is_intern = config.kind == VitKind::Intern;
        let (before, after) =
            if is_intern { ("layernorm_before", "layernorm_after") } else { ("layer_norm1", "layer_norm2") };
        let norm1 = weights.layer_norm(before, width, epsilon)?;
        let mut attention = weights.within(if is_intern { "attention" } else { "self_attn" });
        let mut input = |name: &str| match config.biased {
            true => attention.linear_biased(name, width, width, Role::Weight),
            false => attention.linear(name, width, width, Role::Weight),
        };
        let [q, k, v] = [input("q_proj")?, input("k_proj")?, input("v_proj")?];
        let output = if is_intern { "projection_layer" } else { "out_proj" };
        let o = attention.linear_biased(output, width, width, Role::Residual)?;
        let attention = Attention { q, k, v, o, norms: None, shape };
        let norm2 = weights.layer_norm(after, width, epsilon)?;
        let mlp = Mlp::build(&mut weights.within("mlp"), width, hidden, config.activation)?;
        let mut scale = |name: &str| weights.param(name, [width], Role::Scale);
        let scales = match is_intern {
            true => Some(Scales { attention: scale("lambda_1")?, mlp: scale("lambda_2")? }),
            false => None,
        };
        Ok(Self { norm1, attention, norm2, mlp, scales })
    }

    fn forward(&self, residual: Tensor<3>, mask: &Mask, tap: &mut Tap<'_, '_>) -> Result<Tensor<3>> {
        let attended = self.attention.forward(self.norm1.forward(residual.clone()), None, mask, None, tap)?;
        let Some(scales) = &self.scales else {
            let middle = residual + attended;
            return Ok(middle.clone() + self.mlp.forward(self.norm2.forward(middle)));
        };
        let middle = residual + attended * scales.attention.val().unsqueeze();
        let added = self.mlp.forward(self.norm2.forward(middle.clone()));
        Ok(middle + added * scales.mlp.val().unsqueeze())
    }
}
