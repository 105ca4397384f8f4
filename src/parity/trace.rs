//! Everything a forward pass passes by, kept.

use std::borrow::Cow;
use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};

use super::Reference;
use crate::error::{Error, Result};
use crate::model::language::{Position, farthest};
use crate::model::vision::{PatchGrid, Patching};
use crate::model::{Hook, Hooks, Inputs, Rows, Site, VisionLanguage};

/// One forward pass on the reference's inputs.
pub(super) struct Trace {
    inputs: Inputs,
    ids: Vec<u32>,
    sites: HashMap<Site, Vec<f32>>,
    depth: usize,
    normalised: Vec<f32>,
    logits: Vec<f32>,
    tower: Vec<f32>,
    pooled: Option<Vec<f32>>,
    positions: Vec<Position>,
    patches: Option<Patches>,
}

/// The patches of an encoder of any size, whose states the reference lists in an order of its own.
struct Patches {
    patching: Patching,
    grid: PatchGrid,
}

impl Trace {
    pub(super) fn of(model: &dyn VisionLanguage, visual: &[u32], reference: &Reference) -> Result<Self> {
        let inputs = inputs(model, visual, reference)?;
        let patches = patches(model, reference)?;
        let mut keep = Keep { sites: model.sites().iter().map(|spec| spec.site).collect(), kept: HashMap::new() };
        let hooks = &mut Hooks::one(&mut keep);
        let visual = model.encode(&inputs, hooks)?;
        let stream = model.embed(&inputs, visual, hooks)?;
        let stream = model.blocks(0, stream, hooks)?;
        let logits = values(model.readout(stream.residual.clone(), hooks)?);
        let last = keep.kept.iter().filter_map(|(site, tensor)| match (site, tensor) {
            (Site::VisionResid(slot), Kept::Tokens(tensor)) => Some((slot, tensor)),
            _ => None,
        });
        let (_, last) = last.max_by_key(|(slot, _)| **slot).ok_or_else(|| Error::data("the tower has no states"))?;
        Ok(Self {
            ids: reference.ids("in.input_ids")?,
            depth: model.depth(),
            normalised: values(model.normalise(stream.residual)),
            logits,
            tower: values(last.clone()),
            pooled: model.pool(last.clone()).map(values),
            positions: model.positions(&inputs)?.into_iter().flatten().collect(),
            patches,
            sites: keep.kept.into_iter().map(|(site, kept)| (site, kept.values())).collect(),
            inputs,
        })
    }

    /// Our values for a tensor of the reference, by its name.
    pub(super) fn find(&self, name: &str) -> Option<Cow<'_, [f32]>> {
        if let Some(found) = self.patches.as_ref().and_then(|patches| self.find_patches(patches, name)) {
            return Some(found);
        }
        let site = |site| self.sites.get(&site).map(|values| Cow::Borrowed(values.as_slice()));
        if name == "out.logits" {
            return Some(Cow::Borrowed(&self.logits));
        }
        if name == "out.image_hidden_states" || name.ends_with("multi_modal_projector") {
            return site(Site::ProjectorOut);
        }
        if name.ends_with("last_hidden_state") {
            return Some(Cow::Borrowed(&self.tower));
        }
        if name.ends_with("pooler_output") {
            return self.pooled.as_deref().map(Cow::Borrowed);
        }
        if let Some(n) = name.strip_prefix("out.hidden.").and_then(|n| n.parse().ok()) {
            return if n == self.depth { Some(Cow::Borrowed(&self.normalised)) } else { site(Site::LmResid(n)) };
        }
        if let Some(n) = name.strip_prefix("out.attn.").and_then(|n| n.parse().ok()) {
            return site(Site::LmAttn(n));
        }
        let layer = name.split(".layers.").nth(1)?.split('.').next()?.parse().ok()?;
        match (name.contains("vision_tower"), name.contains("language_model")) {
            (true, _) => site(Site::VisionAttn(layer)),
            (_, true) => site(Site::LmAttn(layer)),
            _ => None,
        }
    }

    /// The states of patches, in the reference's order.
    fn find_patches(&self, Patches { patching, grid }: &Patches, name: &str) -> Option<Cow<'_, [f32]>> {
        let path = name.split_once("visual").map(|(_, path)| path)?;
        let site = |site| self.sites.get(&site);
        let listed = || patching.windowed(*grid).into_iter().flatten();
        match path {
            ".last_hidden_state" => Some(rows(&self.tower, grid.count(), listed()).into()),
            ".pooler_output" | "" => site(Site::ProjectorOut).map(|values| values.into()),
            ".merger" => {
                let merge = patching.merge;
                // A cell's first patch stands at its corner.
                let corners = listed().filter(|at| {
                    let (row, col) = (at / grid.cols % grid.rows, at % grid.cols);
                    row % merge == 0 && col % merge == 0
                });
                let (rows_of, cols) = (grid.rows / merge, grid.cols / merge);
                let cell = |at: usize| {
                    let (time, row, col) = (at / (grid.rows * grid.cols), at / grid.cols % grid.rows, at % grid.cols);
                    (time * rows_of + row / merge) * cols + col / merge
                };
                let tokens = grid.times * rows_of * cols;
                Some(rows(site(Site::ProjectorOut)?, tokens, corners.map(cell)).into())
            }
            _ => {
                let (layer, window) = path.strip_prefix(".blocks.")?.split_once(".attn.")?;
                let layer = layer.parse().ok()?;
                let window = patching.neighbourhoods(layer, *grid).into_iter().nth(window.parse().ok()?)?;
                let (weights, count) = (site(Site::VisionAttn(layer))?, grid.count());
                let heads = weights.chunks_exact(count * count);
                Some(heads.flat_map(|head| square(head, count, &window)).collect())
            }
        }
    }

    /// Our whole numbers for a tensor of the reference, by its name.
    pub(super) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        match name {
            "position_ids" => Some(
                (0..3).flat_map(|axis| self.positions.iter().map(move |position| signed(position[axis]))).collect(),
            ),
            "rope_delta" => Some(vec![signed(farthest(&self.positions)) - signed(self.positions.len())]),
            "grid" => {
                self.patches.as_ref().map(|Patches { grid, .. }| [grid.times, grid.rows, grid.cols].map(signed).into())
            }
            _ => None,
        }
    }

    /// Prompt and greedy continuation up to `length` tokens, ends ignored.
    pub(super) fn generate(&self, model: &dyn VisionLanguage, length: usize) -> Result<Vec<u32>> {
        let new = model.generate(&self.inputs, length.saturating_sub(self.ids.len()), &[])?;
        Ok(self.ids.iter().copied().chain(new).collect())
    }
}

/// Rows of a matrix of `count` rows, in another order.
fn rows(matrix: &[f32], count: usize, order: impl Iterator<Item = usize>) -> Vec<f32> {
    let width = matrix.len() / count.max(1);
    order.flat_map(|row| &matrix[row * width..(row + 1) * width]).copied().collect()
}

/// Rows and columns of a square matrix of side `count`.
fn square<'m>(matrix: &'m [f32], count: usize, of: &'m [usize]) -> impl Iterator<Item = f32> + 'm {
    of.iter().flat_map(move |row| of.iter().map(move |col| matrix[row * count + col]))
}

/// The reference's own ids and pixels.
fn inputs(model: &dyn VisionLanguage, visual: &[u32], reference: &Reference) -> Result<Inputs> {
    let ids = reference.ids("in.input_ids")?;
    let (pixels, shape) = pixels(model, reference)?;
    let frames_a_group = model.patching().map_or(1, |patching| patching.frames);
    let seconds = match reference.holds("in.second_per_grid_ts") {
        true => reference.floats("in.second_per_grid_ts")?.first().map_or(0.0, |&group| f64::from(group)),
        false => 0.0,
    };
    let flat: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    let device = &model.device();
    Ok(Inputs {
        pixels: Tensor::from_data(TensorData::new(pixels, shape), device),
        frame_seconds: vec![seconds / frames_a_group as f64],
        lengths: vec![flat.len()],
        ids: Tensor::from_data(TensorData::new(flat, [1, ids.len()]), device),
        image: vec![(0..ids.len()).filter(|&i| visual.contains(&ids[i])).collect()],
    })
}

/// The reference's pixels as `[1, frames, 3, height, width]`.
pub(super) fn pixels(model: &dyn VisionLanguage, reference: &Reference) -> Result<(Vec<f32>, [usize; 5])> {
    let (name, _) = reference.pixels().ok_or_else(|| Error::data("the reference has no pixels"))?;
    let (values, shape) = (reference.floats(name)?, reference.shape(name));
    let wrong = |expected: &str| Err(Error::data(format!("`{name}` has shape {shape:?}; expected {expected}")));
    if let Some(Patches { patching, grid }) = patches(model, reference)? {
        let (height, width) = (grid.rows * patching.patch, grid.cols * patching.patch);
        let frames = grid.times * patching.frames;
        let shape = [1, frames, 3, height, width];
        if values.len() != shape.iter().product::<usize>() {
            return wrong(&format!("the patches of {frames} frames of {height} x {width} pixels"));
        }
        return Ok((patching.frames_of(&values, 3, grid), shape));
    }
    match shape.as_slice() {
        &[1, channels, height, width] => Ok((values, [1, 1, channels, height, width])),
        _ => wrong("[1, 3, height, width]"),
    }
}

fn patches(model: &dyn VisionLanguage, reference: &Reference) -> Result<Option<Patches>> {
    let (Some(patching), Some((_, name))) = (model.patching(), reference.pixels()) else { return Ok(None) };
    let sizes: Vec<usize> = reference.ids(name)?.into_iter().map(|size| size as usize).collect();
    let &[times, rows, cols] = sizes.as_slice() else {
        return Err(Error::data(format!("`{name}` holds {sizes:?}; expected one image: frame groups, rows, columns")));
    };
    let patching = patching.clone();
    // Refuses what the model could not have made.
    let grid = patching.grid(times * patching.frames, rows * patching.patch, cols * patching.patch)?;
    Ok(Some(Patches { patching, grid }))
}

/// A hook that keeps all it sees.
struct Keep {
    sites: Vec<Site>,
    kept: HashMap<Site, Kept>,
}

enum Kept {
    Tokens(Tensor<3>),
    Rows(Tensor<4>),
}

impl Kept {
    fn values(self) -> Vec<f32> {
        match self {
            Self::Tokens(tensor) => values(tensor),
            Self::Rows(tensor) => values(tensor),
        }
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

impl Hook for Keep {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        Rows::All
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.kept.insert(site, Kept::Tokens(tokens.clone()));
        Ok(tokens)
    }

    fn attention(&mut self, site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.kept.insert(site, Kept::Rows(rows.clone()));
        Ok(rows)
    }
}
