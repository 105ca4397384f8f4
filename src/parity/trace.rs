//! Everything a forward pass passes by, kept.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};

use super::Reference;
use crate::error::{Error, Result};
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
    pooled: Vec<f32>,
}

impl Trace {
    pub(super) fn of(model: &dyn VisionLanguage, image_token: u32, reference: &Reference) -> Result<Self> {
        let inputs = inputs(model, image_token, reference)?;
        let mut keep = Keep { sites: model.sites().iter().map(|spec| spec.site).collect(), kept: HashMap::new() };
        let hooks = &mut Hooks::one(&mut keep);
        let visual = model.encode(inputs.pixels.clone(), hooks)?;
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
            pooled: values(model.pool(last.clone())),
            sites: keep.kept.into_iter().map(|(site, kept)| (site, kept.values())).collect(),
            inputs,
        })
    }

    /// Our values for a tensor of the reference, by its name.
    pub(super) fn find(&self, name: &str) -> Option<&[f32]> {
        let site = |site| self.sites.get(&site).map(Vec::as_slice);
        if name == "out.logits" {
            return Some(&self.logits);
        }
        if name == "out.image_hidden_states" || name.ends_with("multi_modal_projector") {
            return site(Site::ProjectorOut);
        }
        if name.ends_with("last_hidden_state") {
            return Some(&self.tower);
        }
        if name.ends_with("pooler_output") {
            return Some(&self.pooled);
        }
        if let Some(n) = name.strip_prefix("out.hidden.").and_then(|n| n.parse().ok()) {
            return if n == self.depth { Some(&self.normalised) } else { site(Site::LmResid(n)) };
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

    /// Prompt and greedy continuation up to `length` tokens, ends ignored.
    pub(super) fn generate(&self, model: &dyn VisionLanguage, length: usize) -> Result<Vec<u32>> {
        let new = model.generate(&self.inputs, length.saturating_sub(self.ids.len()), &[])?;
        Ok(self.ids.iter().copied().chain(new).collect())
    }
}

/// The reference's own ids and pixels.
fn inputs(model: &dyn VisionLanguage, image_token: u32, reference: &Reference) -> Result<Inputs> {
    let ids = reference.ids("in.input_ids")?;
    let shape = reference.shape("in.pixel_values");
    let Ok(shape) = <[usize; 4]>::try_from(shape.clone()) else {
        return Err(Error::data(format!("`in.pixel_values` has shape {shape:?}; expected [1, 3, height, width]")));
    };
    let image = (0..ids.len()).filter(|&i| ids[i] == image_token).collect();
    let flat: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    let device = &model.device();
    Ok(Inputs {
        pixels: Tensor::from_data(TensorData::new(reference.floats("in.pixel_values")?, shape), device),
        lengths: vec![flat.len()],
        ids: Tensor::from_data(TensorData::new(flat.clone(), [1, flat.len()]), device),
        image: vec![image],
    })
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
