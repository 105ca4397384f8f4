//! The image towers of Qwen2-VL and Qwen2.5-VL: images and videos of any size, two-dimensional rotary positions, attention
//! inside frames (Wang et al. 2024, arXiv 2409.12191; Bai et al. 2025, arXiv 2502.13923).
//!
//! Everything here lies row by row, frame group after frame group: windows are a matter of attention alone.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde_json::Value;

use super::patching::{PatchGrid, Patching};
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role, field};
use crate::model::hook::Hooks;
use crate::model::layers::{
    Activation, Attention, AttentionShape, FeedForward, GatedMlp, Mask, Mlp, Norm, NormKind, Rotary, Tap, Wheels,
    Windows,
};
use crate::model::site::{Site, SiteSpec};

/// `vision_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct QwenTowerConfig {
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub channels: usize,
    /// Width of the tokens that the merger makes.
    pub out: usize,
    pub theta: f32,
    pub activation: Activation,
    pub norm: NormKind,
    pub patching: Patching,
}

/// Of all the norms in the tower; no configuration says it.
const EPSILON: f64 = 1e-6;

impl QwenTowerConfig {
    /// Reads the sparse JSON of Qwen2-VL: layer norms, plain MLPs, no windows.
    pub fn second(json: &Value) -> Result<Self> {
        let width = field(json, "embed_dim", 1280)?;
        Self {
            width,
            hidden: width * field(json, "mlp_ratio", 4)?,
            out: field(json, "hidden_size", 3584)?,
            norm: NormKind::Layer,
            ..Self::common(json, "quick_gelu")?
        }
        .checked()
    }

    /// Reads the sparse JSON of Qwen2.5-VL: RMS norms, gated MLPs, windows in most layers.
    pub fn second_and_a_half(json: &Value) -> Result<Self> {
        let config = Self::common(json, "silu")?;
        let window: usize = field(json, "window_size", 112)?;
        let cell = config.patching.cell();
        if window < cell {
            return Err(Error::data(format!("`window_size` is {window} pixels, a merged cell has {cell}")));
        }
        let full = field(json, "fullatt_block_indexes", vec![7, 15, 23, 31])?;
        Self {
            width: field(json, "hidden_size", 3584)?,
            hidden: field(json, "intermediate_size", 3420)?,
            out: field(json, "out_hidden_size", 3584)?,
            norm: NormKind::Rms,
            patching: Patching { window: Some(window / cell), full, ..config.patching },
            ..config
        }
        .checked()
    }

    /// What both share; widths and norm are still to be filled in.
    fn common(json: &Value, activation: &str) -> Result<Self> {
        let patching = Patching {
            patch: field(json, "patch_size", 14)?,
            frames: field(json, "temporal_patch_size", 2)?,
            merge: field(json, "spatial_merge_size", 2)?,
            window: None,
            full: Vec::new(),
        };
        let sides = [
            ("patch_size", patching.patch),
            ("temporal_patch_size", patching.frames),
            ("spatial_merge_size", patching.merge),
        ];
        if let Some((key, _)) = sides.iter().find(|(_, value)| *value == 0) {
            return Err(Error::data(format!("`{key}` is 0")));
        }
        let rope = json.get("rope_parameters").filter(|value| !value.is_null());
        Ok(Self {
            width: 0,
            hidden: 0,
            layers: field(json, "depth", 32)?,
            heads: field(json, "num_heads", 16)?,
            channels: field(json, "in_channels", 3)?,
            out: 0,
            theta: rope.map_or(Ok(10_000.0), |rope| field(rope, "rope_theta", 10_000.0))?,
            activation: Activation::from_config("hidden_act", &field(json, "hidden_act", activation.to_owned())?)?,
            norm: NormKind::Layer,
            patching,
        })
    }

    fn checked(self) -> Result<Self> {
        let Self { width, heads, .. } = self;
        // Rows and columns each turn a whole number of pairs.
        if heads == 0 || width == 0 || !width.is_multiple_of(heads) || !(width / heads).is_multiple_of(4) {
            return Err(Error::data(format!(
                "a width of {width} cannot be cut into {heads} heads (`num_heads`) of a multiple of 4"
            )));
        }
        Ok(self)
    }
}

/// One pre-norm block.
#[derive(Module, Debug)]
struct Block {
    norm1: Norm,
    attention: Attention,
    norm2: Norm,
    mlp: FeedForward,
}

/// Frames to hidden states of patches, and patches to tokens.
#[derive(Module, Debug)]
pub struct QwenTower {
    patches: Linear,
    blocks: Vec<Block>,
    norm: Norm,
    linear1: Linear,
    linear2: Linear,
    #[module(skip)]
    config: QwenTowerConfig,
}

impl QwenTower {
    /// `weights` stands at the tower's root, which holds `patch_embed`, `blocks` and `merger`.
    pub fn build(weights: &mut Builder<'_>, config: &QwenTowerConfig) -> Result<Self> {
        let QwenTowerConfig { width, hidden, heads, channels, activation, norm, .. } = *config;
        let Patching { patch, frames, merge, .. } = config.patching;
        let patches = weights.patch_volumes("patch_embed.proj", width, [channels, frames, patch])?;
        let shape = AttentionShape::new(heads, heads, width / heads);
        let blocks = (0..config.layers)
            .map(|i| {
                let mut block = weights.within(format!("blocks.{i}"));
                let norm1 = Norm::build(&mut block, "norm1", norm, width, EPSILON)?;
                let mut attention = block.within("attn");
                let [q, k, v] = attention.fused_biased("qkv", width, width)?;
                let o = attention.linear_biased("proj", width, width, Role::Residual)?;
                let norm2 = Norm::build(&mut block, "norm2", norm, width, EPSILON)?;
                let mut mlp = block.within("mlp");
                let mlp = match norm {
                    NormKind::Layer => FeedForward::Plain(Mlp::build(&mut mlp, width, hidden, activation)?),
                    NormKind::Rms => FeedForward::Gated(GatedMlp::build_biased(&mut mlp, width, hidden, activation)?),
                };
                Ok(Block { norm1, attention: Attention { q, k, v, o, norms: None, shape }, norm2, mlp })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut merger = weights.within("merger");
        let wide = merge * merge * width;
        Ok(Self {
            patches,
            blocks,
            norm: Norm::build(&mut merger, "ln_q", norm, width, EPSILON)?,
            linear1: merger.linear_biased("mlp.0", wide, wide, Role::Weight)?,
            linear2: merger.linear_biased("mlp.2", wide, config.out, Role::Weight)?,
            config: config.clone(),
        })
    }

    pub fn config(&self) -> &QwenTowerConfig {
        &self.config
    }

    pub fn sites(&self) -> Vec<SiteSpec> {
        let QwenTowerConfig { width, heads, layers, .. } = self.config;
        let resid =
            |s, meaning| SiteSpec { site: Site::VisionResid(s), shape: format!("[batch, patches, {width}]"), meaning };
        let mut sites = vec![resid(0, "encoder input: patches, row by row")];
        for i in 0..layers {
            sites.push(SiteSpec {
                site: Site::VisionAttn(i),
                shape: format!("[batch, {heads}, patches, patches]"),
                meaning: "encoder attention after softmax, row by row, 0 outside a patch's window or frame",
            });
            sites.push(resid(i + 1, "after the encoder block, patches row by row"));
        }
        sites
    }

    /// The patches of frames `[batch, frames, channels, height, width]`.
    pub fn grid(&self, pixels: &Tensor<5>) -> Result<PatchGrid> {
        let [_, frames, channels, height, width] = pixels.dims();
        if channels != self.config.channels {
            let expected = self.config.channels;
            return Err(Error::data(format!("the image has {channels} channels, the encoder reads {expected}")));
        }
        self.config.patching.grid(frames, height, width)
    }

    /// Frames `[batch, frames, channels, height, width]` to patches `[batch, patches, width]`, at `vision.0.resid`.
    pub fn embed(&self, pixels: Tensor<5>) -> Result<Tensor<3>> {
        let PatchGrid { times, rows, cols } = self.grid(&pixels)?;
        let Patching { patch, frames, .. } = self.config.patching;
        let [batch, count, channels, ..] = pixels.dims();
        let whole = if count == 1 { pixels.repeat_dim(1, frames) } else { pixels };
        let cut = whole.reshape([batch, times, frames, channels, rows, patch, cols, patch]);
        let vectors = cut.permute([0, 1, 4, 6, 3, 2, 5, 7]).reshape([
            batch,
            times * rows * cols,
            channels * frames * patch * patch,
        ]);
        Ok(self.patches.forward(vectors))
    }

    /// The residual stream, `[batch, patches, width]`, from slot `from` through all blocks.
    pub fn forward_from(
        &self,
        from: usize,
        residual: Tensor<3>,
        grid: PatchGrid,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let device = residual.device();
        let [batch, tokens, width] = residual.dims();
        if tokens != grid.count() {
            return Err(Error::data(format!("the encoder's state holds {tokens} patches, the image {}", grid.count())));
        }
        let places: Vec<[usize; 2]> = grid.places().collect();
        let wheels = Wheels::plane(width / self.config.heads, self.config.theta);
        let rotary = Rotary::at(&[places], &wheels, &device);
        let masks = Masks::new(&self.config.patching, grid, &device);
        let lengths = vec![tokens; batch];
        let mut residual = hooks.tokens(Site::VisionResid(from), residual)?;
        for (i, block) in self.blocks.iter().enumerate().skip(from) {
            let weights = Some(Site::VisionAttn(i));
            let mut tap = Tap { hooks, scores: None, weights, heads: None, across: None, lengths: &lengths };
            let normed = block.norm1.forward(residual.clone());
            residual = residual + block.attention.forward(normed, Some(&rotary), masks.of(i), None, &mut tap)?;
            residual = residual.clone() + block.mlp.forward(block.norm2.forward(residual));
            residual = hooks.tokens(Site::VisionResid(i + 1), residual)?;
        }
        Ok(residual)
    }

    /// Patches `[batch, patches, width]` to tokens `[batch, patches / merge^2, out]`, row by row over the merged cells.
    pub fn merge(&self, patches: Tensor<3>, grid: PatchGrid) -> Tensor<3> {
        let merge = self.config.patching.merge;
        let [batch, _, width] = patches.dims();
        let (rows, cols) = (grid.rows / merge, grid.cols / merge);
        let cells = self.norm.forward(patches).reshape([batch * grid.times, rows, merge, cols, merge, width]);
        let joined =
            cells.permute([0, 1, 3, 2, 4, 5]).reshape([batch, grid.times * rows * cols, merge * merge * width]);
        self.linear2.forward(Activation::Gelu.forward(self.linear1.forward(joined)))
    }
}

/// Who sees whom, in layers with windows and in layers without.
struct Masks<'c> {
    patching: &'c Patching,
    windowed: Mask,
    full: Mask,
}

impl<'c> Masks<'c> {
    fn new(patching: &'c Patching, grid: PatchGrid, device: &Device) -> Self {
        let mask = |neighbourhoods: Vec<Vec<usize>>| match neighbourhoods.len() {
            1 => Mask::Full,
            _ => Mask::Windows(Box::new(Windows::new(&neighbourhoods, device))),
        };
        Self { windowed: mask(patching.windowed(grid)), full: mask(patching.by_frame(grid)), patching }
    }

    fn of(&self, layer: usize) -> &Mask {
        if self.patching.has_windows(layer) { &self.windowed } else { &self.full }
    }
}
