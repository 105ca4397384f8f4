//! The clean run as a place to start from: any slot, the projector, the encoder.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::keep::{chosen, select};
use crate::error::{Error, Result};
use crate::model::layers::KeyValue;
use crate::model::{Hooks, Inputs, Site, Stream, VisionLanguage};

/// Where a pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    Vision(usize),
    /// A second encoder: what the first one adds to the image tokens is kept.
    Spatial,
    /// The image tokens as a sum of what two encoders add.
    Addends,
    Projector,
    Slot(usize),
}

impl Start {
    /// Where the walk meets a site.
    pub fn of(site: Site, model: &dyn VisionLanguage) -> Self {
        match site {
            Site::VisionResid(slot) | Site::VisionAttn(slot) => Self::Vision(slot),
            Site::VisionOut => Self::Vision(model.encoder_slots().into_iter().max().unwrap_or(0)),
            Site::Connector2d | Site::Connector3d => Self::Addends,
            Site::ConnectorIn | Site::SpatialShares(_) | Site::SpatialFrames(_) => Self::Spatial,
            site if site.is_spatial() => Self::Spatial,
            Site::ProjectorOut => Self::Projector,
            Site::Logits => Self::Slot(model.depth()),
            other => Self::Slot(other.index().unwrap_or(0)),
        }
    }
}

/// The clean run, as far as arms restart from it.
pub struct Clean {
    pub inputs: Inputs,
    /// What leaves the projector, after anything that every run gets.
    pub visual: Tensor<3>,
    /// At `lm.0.resid`; its residual is replaced by that of the slot at hand.
    pub stream: Stream,
    /// By slot.
    pub residuals: Vec<Tensor<3>>,
    /// Keys and values by layer; empty where nothing restarts from them.
    pub past: Vec<Option<KeyValue>>,
    /// By slot of the encoder; only those that arms start from, and what the projector reads before them.
    pub vision: BTreeMap<usize, Tensor<3>>,
    /// At `connector.2d` and `connector.3d`, where an arm starts from either.
    pub addends: Option<[Tensor<3>; 2]>,
}

impl Clean {
    /// Logits `[rows, vocabulary]` of these units, from a place on; `untouched` positions at the beginning of each are as the
    /// clean run left them.
    pub fn restarted(
        &self,
        model: &dyn VisionLanguage,
        start: Start,
        rows: &[usize],
        untouched: usize,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<2>> {
        let (slot, stream) = match start {
            Start::Slot(slot) => {
                let residual = select(&self.residuals[slot.min(model.depth())], rows);
                let mut stream = self.stream.select(rows);
                stream.residual = hooks.tokens(Site::LmResid(slot), residual)?;
                (slot, stream)
            }
            Start::Projector => {
                let visual = hooks.tokens(Site::ProjectorOut, select(&self.visual, rows))?;
                (0, model.embed(&self.inputs.select(rows), visual, hooks)?)
            }
            Start::Spatial | Start::Addends => {
                let [image, spatial] =
                    self.addends.as_ref().ok_or_else(|| Error::data("the sum of the image tokens was not kept"))?;
                let spatial = (start == Start::Addends).then(|| select(spatial, rows));
                let inputs = self.inputs.select(rows);
                let visual = model.encode_addends(&inputs, select(image, rows), spatial, hooks)?;
                (0, model.embed(&inputs, visual, hooks)?)
            }
            Start::Vision(slot) => {
                let state = |slot: usize| {
                    let kept = self.vision.get(&slot).map(|state| select(state, rows));
                    kept.ok_or_else(|| Error::data(format!("the encoder's state at slot {slot} was not kept")))
                };
                let inputs = self.inputs.select(rows);
                let visual = model.encode_from(&inputs, slot, &state, hooks)?;
                (0, model.embed(&inputs, visual, hooks)?)
            }
        };
        let [_, tokens, _] = stream.residual.dims();
        // Less does not pay for fetching keys and values.
        let pays = slot < model.depth() && 8 * untouched > tokens;
        let tail = pays.then(|| stream.tail(tokens.saturating_sub(untouched), &self.known(slot, rows)));
        let last = model.last(slot, tail.flatten().unwrap_or(stream), hooks)?;
        Ok(model.readout(last, hooks)?.squeeze_dim(1))
    }

    /// Keys and values of these units in the layers behind a slot.
    fn known(&self, slot: usize, rows: &[usize]) -> Vec<Option<KeyValue>> {
        let index = chosen(rows, self.inputs.batch(), &self.visual.device());
        let these = |known: &KeyValue| index.as_ref().map_or_else(|| known.clone(), |index| known.select(index));
        let of = |known: &Option<KeyValue>| known.as_ref().map(these);
        let behind = self.past.iter().skip(slot).map(of);
        std::iter::repeat_n(None, slot).chain(behind).collect()
    }
}
