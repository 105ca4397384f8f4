//! The aggregator: blocks within frames and blocks across frames, in turns.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::block::{Block, Stack};
use super::config::VggtConfig;
use super::dino::Dino;
use super::positions::cells;
use crate::error::{Error, Result};
use crate::model::checkpoint::Builder;
use crate::model::hook::Hooks;
use crate::model::layers::{Across, Rotary, Wheels};
use crate::model::site::{Site, SiteSpec};

/// Registers of a frame in the aggregator, besides its camera token.
const REGISTERS: usize = 4;

/// Tokens of a frame before its patches.
pub(super) const SPECIAL: usize = 1 + REGISTERS;

/// The base of its rotary positions; no configuration says it.
const THETA: f32 = 100.0;

/// Frames to features that know of all frames.
#[derive(Module, Debug)]
pub struct Vggt {
    dino: Dino,
    /// Of the first frame, and of every other, `[2, 1, width]`.
    camera: Param<Tensor<3>>,
    /// The same, `[2, registers, width]`.
    registers: Param<Tensor<3>>,
    within: Vec<Block>,
    across: Vec<Block>,
    #[module(skip)]
    config: VggtConfig,
}

/// Frames as the aggregator sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    pub frames: usize,
    /// Patches of a frame.
    pub rows: usize,
    pub cols: usize,
}

impl Views {
    pub fn patches(self) -> usize {
        self.rows * self.cols
    }

    fn tokens(self) -> usize {
        SPECIAL + self.patches()
    }
}

impl Vggt {
    /// `weights` stands where `aggregator` is.
    pub fn build(weights: &mut Builder<'_>, config: &VggtConfig) -> Result<Self> {
        let VggtConfig { width, depth, .. } = *config;
        let mut weights = weights.within("aggregator");
        let camera = weights.flattened("camera_token", [1, 2, 1, width], [2, 1, width])?;
        let registers = weights.flattened("register_token", [1, 2, REGISTERS, width], [2, REGISTERS, width])?;
        let dino = Dino::build(&mut weights.within("patch_embed"), config)?;
        let mut stack = |name: &str| {
            let block = |i: usize| Block::build(&mut weights.within(format!("{name}.{i}")), config, Stack::Alternating);
            (0..depth).map(block).collect::<Result<Vec<_>>>()
        };
        let (within, across) = (stack("frame_blocks")?, stack("global_blocks")?);
        Ok(Self { dino, camera, registers, within, across, config: config.clone() })
    }

    pub fn config(&self) -> &VggtConfig {
        &self.config
    }

    pub fn device(&self) -> Device {
        self.camera.val().device()
    }

    pub fn sites(&self) -> Vec<SiteSpec> {
        let VggtConfig { width, depth, .. } = self.config;
        let heads = self.config.heads();
        let tokens = format!("[batch, frames * patches, {width}]");
        let spec = |site, shape: &str, meaning| SiteSpec { site, shape: shape.to_owned(), meaning };
        let shares = format!("[batch, {heads}, frames * patches, frames]");
        let frames = format!("[batch, {heads}, frames, frames]");
        let mut sites: Vec<SiteSpec> = (0..depth)
            .flat_map(|i| {
                [
                    spec(Site::SpatialFrame(i), &tokens, "after the block within frames: patches, frame after frame"),
                    spec(Site::SpatialShares(i), &shares, "share of a patch's attention that goes to each frame"),
                    spec(Site::SpatialFrames(i), &frames, "the same, mean over the patches of a frame"),
                    spec(Site::SpatialGlobal(i), &tokens, "after the block across frames: patches, frame after frame"),
                ]
            })
            .collect();
        let out = format!("[batch, frames * patches, {}]", 2 * width);
        sites.push(spec(
            Site::SpatialOut,
            &out,
            "what the spatial encoder makes: within and across frames, side by side",
        ));
        sites
    }

    /// Frames and patches of `[batch, frames, 3, height, width]`.
    ///
    /// # Errors
    /// No frames, or sides that patches do not divide.
    pub fn views(&self, frames: &Tensor<5>) -> Result<Views> {
        let [_, count, ..] = frames.dims();
        if count == 0 {
            return Err(Error::data("the spatial encoder was given no frames"));
        }
        let [rows, cols] = self.dino.grid(frames)?;
        Ok(Views { frames: count, rows, cols })
    }

    /// What the image tower makes of each frame alone, `[batch * frames, patches, width]`.
    pub fn patches(&self, frames: Tensor<5>) -> Result<Tensor<3>> {
        self.dino.forward(frames)
    }

    /// The image tower's table of positions on a grid, class token first, `[1 + rows * cols, width]`.
    pub fn positions(&self, grid: [usize; 2]) -> Tensor<2> {
        self.dino.positions(grid)
    }

    /// Frames `[batch, frames, 3, height, width]` from 0 to 1 to features `[batch, frames, camera + registers + patches,
    /// 2 * width]` after the given pairs of blocks (counted from 0, ascending): within and across frames side by side.
    ///
    /// Blocks behind the last of them run only if a hook wants to see them.
    ///
    /// # Errors
    /// No frames, sides that patches do not divide, a depth that there is not, or a hook that fails.
    pub fn forward(&self, frames: Tensor<5>, depths: &[usize], hooks: &mut Hooks<'_>) -> Result<Vec<Tensor<4>>> {
        let views = self.views(&frames)?;
        let [batch, ..] = frames.dims();
        if let Some(depth) = depths.iter().find(|depth| **depth >= self.config.depth) {
            let most = self.config.depth;
            return Err(Error::data(format!(
                "the spatial encoder has {most} pairs of blocks, pair {depth} is asked for"
            )));
        }
        let seen = |i: usize, hooks: &Hooks<'_>| {
            let sites = [Site::SpatialFrame(i), Site::SpatialShares(i), Site::SpatialFrames(i), Site::SpatialGlobal(i)];
            sites.into_iter().any(|site| hooks.want(site))
        };
        let last = (0..self.config.depth).filter(|&i| depths.contains(&i) || seen(i, hooks)).max();
        let Some(last) = last else { return Ok(Vec::new()) };

        let (width, tokens) = (self.config.width, views.tokens());
        let [within, across] = self.rotaries(views);
        let mut x = self.start(self.dino.forward(frames)?, batch, views);
        let mut kept = Vec::with_capacity(depths.len());
        for i in 0..=last {
            let each = x.reshape([batch * views.frames, tokens, width]);
            let local = self.within[i].forward(each, Some(&within), None, hooks)?;
            let local = visit(Site::SpatialFrame(i), local, batch, views, hooks)?;
            let reduced = Across { layer: i, frames: views.frames, tokens, special: SPECIAL };
            let all = local.clone().reshape([batch, views.frames * tokens, width]);
            let global = self.across[i].forward(all, Some(&across), Some(reduced), hooks)?;
            x = visit(Site::SpatialGlobal(i), global, batch, views, hooks)?;
            if depths.contains(&i) {
                kept.push(Tensor::cat(vec![local, x.clone()], 3));
            }
        }
        Ok(kept)
    }

    /// Camera, registers and patches of each frame, `[batch, frames, tokens, width]`.
    fn start(&self, patches: Tensor<3>, batch: usize, views: Views) -> Tensor<4> {
        let width = self.config.width;
        let patches = patches.reshape([batch, views.frames, views.patches(), width]);
        let special = Tensor::cat(vec![self.camera.val(), self.registers.val()], 1);
        // The first frame has tokens of its own: it is the one whose camera is the origin.
        let variant = |n: usize, times: usize| {
            special.clone().narrow(0, n, 1).reshape([1, 1, SPECIAL, width]).repeat_dim(0, batch).repeat_dim(1, times)
        };
        let special = match views.frames {
            1 => variant(0, 1),
            frames => Tensor::cat(vec![variant(0, 1), variant(1, frames - 1)], 1),
        };
        Tensor::cat(vec![special, patches], 2)
    }

    /// The angles of one frame's tokens, and of all frames': patches stand at their row and column, counted from 1, in every
    /// frame; camera and registers are not turned.
    fn rotaries(&self, views: Views) -> [Rotary; 2] {
        let places = cells(views.rows, views.cols).map(|(row, col)| [row + 1, col + 1]);
        let one: Vec<[usize; 2]> = std::iter::repeat_n([0; 2], SPECIAL).chain(places).collect();
        let all = one.repeat(views.frames);
        let wheels = Wheels::plane_by_halves(self.config.head_dim, THETA);
        [one, all].map(|places| Rotary::at(&[places], &wheels, &self.device()))
    }
}

/// Shows the patches of a state, which comes in any shape, to the hooks; `[batch, frames, tokens, width]`.
fn visit(site: Site, state: Tensor<3>, batch: usize, views: Views, hooks: &mut Hooks<'_>) -> Result<Tensor<4>> {
    let [_, _, width] = state.dims();
    let state = state.reshape([batch, views.frames, views.tokens(), width]);
    if !hooks.want(site) {
        return Ok(state);
    }
    let seen = hooks.tokens(site, patches_of(state.clone()))?;
    let patches = seen.reshape([batch, views.frames, views.patches(), width]);
    Ok(Tensor::cat(vec![state.narrow(2, 0, SPECIAL), patches], 2))
}

/// The patches alone, `[batch, frames * patches, width]`, of `[batch, frames, tokens, width]`.
pub(super) fn patches_of(state: Tensor<4>) -> Tensor<3> {
    let [batch, frames, tokens, width] = state.dims();
    state.narrow(2, SPECIAL, tokens - SPECIAL).reshape([batch, frames * (tokens - SPECIAL), width])
}

impl Vggt {
    /// The patches' features after one pair of blocks, `[batch, frames * patches, 2 * width]`, shown to the hooks at
    /// `spatial.out`. As [`forward`](Self::forward).
    pub fn features(&self, frames: Tensor<5>, depth: usize, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let kept = self.forward(frames, &[depth], hooks)?.pop();
        let kept = kept.ok_or_else(|| Error::data(format!("the spatial encoder has no pair {depth}")))?;
        hooks.tokens(Site::SpatialOut, patches_of(kept))
    }
}
