//! DINOv2 with registers (Oquab et al. 2023, arXiv 2304.07193; Darcet et al. 2023, arXiv 2309.16588): frames to patches.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::block::{Block, Stack};
use super::config::VggtConfig;
use super::positions::resampling;
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role};
use crate::model::hook::Hooks;

/// Tokens of a frame that belong to no patch and that nothing reads.
const REGISTERS: usize = 4;

/// The mean and spread of ImageNet, by which frames are normalised here and not in the processor.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const SPREAD: [f32; 3] = [0.229, 0.224, 0.225];

#[derive(Module, Debug)]
pub(super) struct Dino {
    class: Param<Tensor<2>>,
    /// Of the class token and of a square grid of patches.
    positions: Param<Tensor<2>>,
    registers: Param<Tensor<2>>,
    /// Stands for hidden patches in its own training; kept so that a file has it.
    hidden_patch: Param<Tensor<2>>,
    patches: Linear,
    blocks: Vec<Block>,
    norm: LayerNorm,
    #[module(skip)]
    config: VggtConfig,
}

impl Dino {
    /// `weights` stands at `patch_embed`.
    pub fn build(weights: &mut Builder<'_>, config: &VggtConfig) -> Result<Self> {
        let VggtConfig { width, patch, tower, .. } = *config;
        let rows = 1 + config.side() * config.side();
        Ok(Self {
            class: weights.flattened("cls_token", [1, 1, width], [1, width])?,
            positions: weights.flattened("pos_embed", [1, rows, width], [rows, width])?,
            registers: weights.flattened("register_tokens", [1, REGISTERS, width], [REGISTERS, width])?,
            hidden_patch: weights.param("mask_token", [1, width], Role::Embedding)?,
            patches: weights.within("patch_embed").patches_biased("proj", width, [3, patch])?,
            blocks: (0..tower)
                .map(|i| Block::build(&mut weights.within(format!("blocks.{i}")), config, Stack::Dino))
                .collect::<Result<_>>()?,
            norm: weights.layer_norm("norm", width, 1e-6)?,
            config: config.clone(),
        })
    }

    /// Rows and columns of patches of frames `[batch, frames, 3, height, width]`.
    ///
    /// # Errors
    /// Sides that patches do not divide, or other than three channels.
    pub fn grid(&self, frames: &Tensor<5>) -> Result<[usize; 2]> {
        let [_, _, channels, height, width] = frames.dims();
        let patch = self.config.patch;
        let divides = |side: usize| side > 0 && side.is_multiple_of(patch);
        if channels != 3 || !divides(height) || !divides(width) {
            return Err(Error::data(format!(
                "the spatial encoder reads 3 channels and sides of whole {patch} pixels, the frames have {channels} \
                 channels and {width} x {height} pixels"
            )));
        }
        Ok([height / patch, width / patch])
    }

    /// The table of positions on a grid, class token first, `[1 + rows * cols, width]`.
    pub fn positions(&self, grid @ [rows, cols]: [usize; 2]) -> Tensor<2> {
        let (table, side) = (self.positions.val(), self.config.side());
        if rows == side && cols == side {
            return table;
        }
        let patches = table.clone().narrow(0, 1, side * side);
        let resampled = resampling(side, grid, &table.device()).matmul(patches);
        Tensor::cat(vec![table.narrow(0, 0, 1), resampled], 0)
    }

    /// Frames `[batch, frames, 3, height, width]` from 0 to 1 to patches `[batch * frames, patches, width]`.
    pub fn forward(&self, frames: Tensor<5>) -> Result<Tensor<3>> {
        let [rows, cols] = self.grid(&frames)?;
        let VggtConfig { patch, width, .. } = self.config;
        let [batch, count, channels, height, wide] = frames.dims();
        let all = batch * count;
        let channel = |values: [f32; 3]| Tensor::<1>::from_data(values, &frames.device()).reshape([1, 3, 1, 1]);
        let whole = frames.clone().reshape([all, channels, height, wide]);
        let whole = (whole - channel(MEAN)) / channel(SPREAD);
        let cut = whole.reshape([all, channels, rows, patch, cols, patch]).permute([0, 2, 4, 1, 3, 5]);
        let patches = self.patches.forward(cut.reshape([all, rows * cols, channels * patch * patch]));
        let each = |tokens: Tensor<2>| tokens.unsqueeze::<3>().repeat_dim(0, all);
        let placed = Tensor::cat(vec![each(self.class.val()), patches], 1) + self.positions([rows, cols]).unsqueeze();
        let class = placed.clone().narrow(1, 0, 1);
        let patches = placed.narrow(1, 1, rows * cols);
        let mut tokens = Tensor::cat(vec![class, each(self.registers.val()), patches], 1);
        for block in &self.blocks {
            tokens = block.forward(tokens, None, None, &mut Hooks::none())?;
        }
        debug_assert_eq!(tokens.dims()[2], width);
        Ok(self.norm.forward(tokens).narrow(1, 1 + REGISTERS, rows * cols))
    }
}
