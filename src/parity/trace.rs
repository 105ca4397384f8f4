//! Everything a forward pass passes by, kept.

use std::borrow::Cow;
use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::Reference;
use crate::error::{Error, Result};
use crate::model::language::{Position, farthest};
use crate::model::vision::{PatchGrid, Patching};
use crate::model::{Hook, Hooks, Inputs, Rows, Site, VisionLanguage};
use crate::processor::Picture;

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
    /// Images of the encoder, and all their tokens.
    images: usize,
    tower_tokens: usize,
    /// Whether the model puts a token of its own at the end of each row.
    ends_rows: bool,
}

/// Our values for a tensor of the reference.
pub(super) struct Found<'t> {
    pub values: Cow<'t, [f32]>,
    /// Which rows of the reference's they are, where the model drops others.
    pub rows: Option<Vec<usize>>,
}

impl<'t> Found<'t> {
    fn whole(values: impl Into<Cow<'t, [f32]>>) -> Self {
        Self { values: values.into(), rows: None }
    }
}

/// The patches of an encoder of any size, whose states the reference lists in an order of its own.
struct Patches {
    patching: Patching,
    grid: PatchGrid,
}

impl Trace {
    /// `visual` are the ids that stand for images; `picture` says what each shows, where the reference's image is at hand.
    pub(super) fn of(
        model: &dyn VisionLanguage,
        visual: &[u32],
        picture: Option<&Picture>,
        reference: &Reference,
    ) -> Result<Self> {
        let inputs = inputs(model, visual, picture, reference)?;
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
            tower: values(model.finish(last.clone())),
            images: inputs.pixels.dims()[1],
            tower_tokens: last.dims()[1],
            ends_rows: picture.is_some_and(Picture::ends_rows),
            pooled: model.pool(last.clone()).map(values),
            positions: model.positions(&inputs)?.into_iter().flatten().collect(),
            patches,
            sites: keep.kept.into_iter().map(|(site, kept)| (site, kept.values())).collect(),
            inputs,
        })
    }

    /// Our values for a tensor of the reference, by its name.
    pub(super) fn find(&self, name: &str) -> Option<Found<'_>> {
        if let Some(found) = self.patches.as_ref().and_then(|patches| self.find_patches(patches, name)) {
            return Some(Found::whole(found));
        }
        let site = |site| self.sites.get(&site).map(|values| Found::whole(values.as_slice()));
        if name == "out.logits" {
            return Some(Found::whole(self.logits.as_slice()));
        }
        if name == "out.image_hidden_states" {
            return Some(Found::whole(self.in_order_of(&self.inputs.image)?));
        }
        if name.ends_with("multi_modal_projector") || name.ends_with("connector") {
            return self.projected();
        }
        if name.ends_with("connector.merged") {
            return site(Site::ConnectorIn);
        }
        if name.ends_with("connector.mlp") {
            return site(Site::Connector3d);
        }
        if name.ends_with("last_hidden_state") {
            return Some(Found::whole(self.tower.as_slice()));
        }
        if name.ends_with("pooler_output") {
            return self.pooled.as_deref().map(Found::whole);
        }
        if let Some(n) = name.strip_prefix("out.hidden.").and_then(|n| n.parse().ok()) {
            return if n == self.depth {
                Some(Found::whole(self.normalised.as_slice()))
            } else {
                site(Site::LmResid(n))
            };
        }
        if let Some(n) = name.strip_prefix("out.attn.").and_then(|n| n.parse().ok()) {
            return site(Site::LmAttn(n));
        }
        let layer = name.split(".layers.").nth(1).or_else(|| name.split(".layer.").nth(1))?;
        let layer = layer.split('.').next()?.parse().ok()?;
        let is = |names: [&str; 2]| names.iter().any(|part| name.contains(part));
        match (is(["vision_tower", "vision_model"]), is(["language_model", "text_model"])) {
            (true, _) => self.sites.get(&Site::VisionAttn(layer)).map(|weights| Found::whole(self.by_image(weights))),
            (_, true) => site(Site::LmAttn(layer)),
            _ => None,
        }
    }

    /// Image tokens sorted by these numbers.
    fn in_order_of(&self, keys: &[Vec<usize>]) -> Option<Vec<f32>> {
        let (tokens, keys) = (self.sites.get(&Site::ProjectorOut)?, keys.first()?);
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|&token| keys[token]);
        Some(rows(tokens, keys.len(), order.into_iter()))
    }

    /// What the projector makes, image after image: all that becomes a token of the prompt.
    fn projected(&self) -> Option<Found<'_>> {
        let mut sources = self.inputs.sources.first()?.clone();
        sources.sort_unstable();
        let tokens = self.in_order_of(&self.inputs.sources)?;
        let width = tokens.len() / sources.len().max(1);
        // The model's own end of a row, several times the same, is none of the projector's.
        sources.dedup();
        let own = sources.len() - usize::from(self.ends_rows);
        Some(Found { values: tokens[..own * width].to_vec().into(), rows: Some(sources[..own].to_vec()) })
    }

    /// Attention of the encoder, image after image.
    fn by_image<'m>(&self, weights: &'m [f32]) -> Cow<'m, [f32]> {
        if self.images == 1 || self.patches.is_some() {
            return weights.into();
        }
        let tokens = self.tower_tokens;
        let each = tokens / self.images;
        let image = |n: usize| {
            let own: Vec<usize> = (n * each..(n + 1) * each).collect();
            let heads = weights.chunks_exact(tokens * tokens);
            heads.flat_map(|head| square(head, tokens, &own).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        (0..self.images).flat_map(image).collect::<Vec<_>>().into()
    }

    /// The states of patches, in the reference's order.
    fn find_patches(&self, Patches { patching, grid }: &Patches, name: &str) -> Option<Cow<'_, [f32]>> {
        let path = name.split_once("visual").map(|(_, path)| path)?;
        let site = |site| self.sites.get(&site);
        let listed = || patching.windowed(*grid).into_iter().flatten();
        // Where a second encoder adds to what the first one makes, this is what the first one makes.
        let merged = || site(Site::Connector2d).or_else(|| site(Site::ProjectorOut));
        match path {
            ".last_hidden_state" => Some(rows(&self.tower, grid.count(), listed()).into()),
            ".pooler_output" | "" => merged().map(|values| values.into()),
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
                Some(rows(merged()?, tokens, corners.map(cell)).into())
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
        match name.strip_prefix("out.").unwrap_or(name) {
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
fn inputs(
    model: &dyn VisionLanguage,
    visual: &[u32],
    picture: Option<&Picture>,
    reference: &Reference,
) -> Result<Inputs> {
    let ids = reference.ids("in.input_ids")?;
    let (pixels, shape) = pixels(model, reference)?;
    let frames_a_group = model.patching().map_or(1, |patching| patching.frames);
    let seconds = match reference.holds("in.second_per_grid_ts") {
        true => reference.floats("in.second_per_grid_ts")?.first().map_or(0.0, |&group| f64::from(group)),
        false => 0.0,
    };
    let flat: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    let device = &model.device();
    let places: Vec<usize> = (0..ids.len()).filter(|&i| visual.contains(&ids[i])).collect();
    // What the reference's image shows is known only if it has as many tokens as the prompt.
    let arranged = picture.map(Picture::arranged).filter(|arranged| arranged.len() == places.len());
    let arranged = arranged.unwrap_or_else(|| (0..places.len()).map(|token| (token, token)).collect());
    let mut pixels = Tensor::<5>::from_data(TensorData::new(pixels, shape), device);
    let plain = plain(reference, device)?;
    if plain.as_ref().is_some_and(|plain| plain.dims()[1] == 1) {
        // A still image, which the reference's processor has doubled for one encoder and not for the other.
        pixels = pixels.narrow(1, 0, 1);
    }
    Ok(Inputs {
        pixels,
        plain,
        frame_seconds: vec![seconds / frames_a_group as f64],
        lengths: vec![flat.len()],
        ids: Tensor::from_data(TensorData::new(flat, [1, ids.len()]), device),
        image: vec![arranged.iter().map(|&(token, _)| places[token]).collect()],
        sources: vec![arranged.iter().map(|&(_, source)| source).collect()],
    })
}

/// The frames from 0 to 1 that the reference showed a spatial encoder, `[1, frames, 3, height, width]`.
fn plain(reference: &Reference, device: &Device) -> Result<Option<Tensor<5>>> {
    const NAMES: [&str; 4] = ["in.video_tchw", "in.image_tchw", "in.videos_input", "in.images_input"];
    let Some(name) = NAMES.into_iter().find(|name| reference.holds(name)) else { return Ok(None) };
    let (values, shape) = (reference.floats(name)?, reference.shape(name));
    let (&[frames, channels, height, width] | &[1, frames, channels, height, width]) = shape.as_slice() else {
        let expected = "expected [frames, 3, height, width], or the same with a 1 before it";
        return Err(Error::data(format!("`{name}` has shape {shape:?}; {expected}")));
    };
    Ok(Some(Tensor::from_data(TensorData::new(values, [1, frames, channels, height, width]), device)))
}

/// The reference's pixels as `[1, images, 3, height, width]`.
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
    match *shape.as_slice() {
        [images, channels, height, width] | [1, images, channels, height, width] => {
            Ok((values, [1, images, channels, height, width]))
        }
        _ => wrong("[images, 3, height, width], or the same with a 1 before it"),
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
