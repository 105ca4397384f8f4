//! The measures of a VGGT: what its configuration says, and what only the weights say.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::checkpoint::{Checkpoint, field};

/// Sizes of the aggregator. A published config.json holds `embed_dim`, `img_size` and `patch_size` alone; how many blocks
/// and heads there are, the weights say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VggtConfig {
    pub width: usize,
    /// Pixels along each side of the image that the position table was learned on.
    pub image: usize,
    pub patch: usize,
    /// Numbers of a head, of the image tower as of the blocks behind it.
    pub head_dim: usize,
    /// Blocks of the image tower, DINOv2.
    pub tower: usize,
    /// Blocks within frames, and as many across them.
    pub depth: usize,
}

impl VggtConfig {
    /// Reads `config.json` of a VGGT folder, or the `spatial_config` of a Spatial-MLLM's. `num_heads`, `depth` and
    /// `tower_depth` are read where a file has them; else they have the published numbers.
    pub fn from_json(json: &Value) -> Result<Self> {
        Self::written(json)?.checked()
    }

    /// As [`from_json`](Self::from_json), but with blocks and heads as the weights have them, under the canonical names below
    /// `root`.
    ///
    /// # Errors
    /// Weights without an aggregator, or with more blocks of one kind than of the other.
    pub fn of_weights(json: &Value, weights: &Checkpoint, root: &str) -> Result<Self> {
        Self::written(json)?.measured(weights, root)?.checked()
    }

    fn written(json: &Value) -> Result<Self> {
        let width: usize = field(json, "embed_dim", 1024)?;
        let heads: usize = field(json, "num_heads", 16)?;
        if heads == 0 {
            return Err(Error::data("`num_heads` is 0"));
        }
        Ok(Self {
            width,
            image: field(json, "img_size", 518)?,
            patch: field(json, "patch_size", 14)?,
            head_dim: width / heads,
            tower: field(json, "tower_depth", 24)?,
            depth: field(json, "depth", 24)?,
        })
    }

    fn measured(self, weights: &Checkpoint, root: &str) -> Result<Self> {
        let blocks = |kind: &str| {
            let norm = |i: &usize| weights.holds(&format!("{root}aggregator.{kind}.{i}.norm1.weight"));
            (0..).take_while(norm).count()
        };
        let (within, across) = (blocks("frame_blocks"), blocks("global_blocks"));
        if within != across {
            return Err(Error::data(format!(
                "the spatial encoder has {within} blocks within frames (`frame_blocks`) and {across} across them \
                 (`global_blocks`): expected as many of each"
            )));
        }
        let gain = format!("{root}aggregator.frame_blocks.0.attn.q_norm.weight");
        let Some(&[head_dim]) = weights.shape(&gain) else {
            return Err(Error::data(format!("the spatial encoder's `{gain}` is missing: expected the norm of a head")));
        };
        Ok(Self { head_dim, depth: within, tower: blocks("patch_embed.blocks"), ..self })
    }

    fn checked(self) -> Result<Self> {
        let Self { width, image, patch, head_dim, depth, .. } = self;
        if patch == 0 || image < patch {
            return Err(Error::data(format!(
                "`patch_size` is {patch}, `img_size` {image}: expected at least one patch"
            )));
        }
        // Rows and columns have a half of each head, and turn it in pairs.
        if head_dim == 0 || !head_dim.is_multiple_of(4) || !width.is_multiple_of(head_dim) || depth == 0 {
            return Err(Error::data(format!(
                "a spatial encoder of {depth} blocks, width {width} and heads of {head_dim}: expected at least one block, \
                 and heads of a multiple of 4 that divides the width"
            )));
        }
        Ok(self)
    }

    pub fn heads(&self) -> usize {
        self.width / self.head_dim
    }

    /// Patches along each side of the position table.
    pub fn side(&self) -> usize {
        self.image / self.patch
    }
}
