//! T3 as a sweep does it: both images encoded in one pass, both runs kept, and every arm restarted from the clean run at its
//! layer, behind the positions that it leaves alone.

use burn::tensor::{Int, Tensor};
use vlmscope::intervene::Overwrite;
use vlmscope::model::layers::KeyValue;
use vlmscope::model::{Hook, Hooks, Inputs, Site, Stream};

use super::{Arm, Opened, Side};
use crate::Fallible;
use crate::task::Outputs;

pub struct Sweep(pub Opened);

/// A run, kept.
struct Run {
    /// By layer, as it enters.
    residuals: Vec<Tensor<3>>,
    start: Stream,
    past: Vec<Option<KeyValue>>,
    difference: Vec<f32>,
}

impl Sweep {
    /// Logit differences of the pairs: of their clean runs, and of each layer's slots, layer by layer.
    fn sweep(&self, pairs: &[usize]) -> Fallible<(Vec<f32>, Vec<Vec<f32>>)> {
        let model = self.0.model.as_ref();
        let count = pairs.len();
        let (clean, partner) = (self.0.inputs(pairs, Side::Clean), self.0.inputs(pairs, Side::Partner));
        let mut both = clean.clone();
        both.pixels = Tensor::cat(vec![clean.pixels.clone(), partner.pixels.clone()], 0);
        both.image.extend(partner.image.clone());
        both.sources.extend(partner.sources.clone());
        let visual = model.encode(&both, &mut Hooks::none())?;
        let clean = self.run(&clean, visual.clone().narrow(0, 0, count))?;
        let partner = self.run(&partner, visual.narrow(0, count, count))?;
        let slots = &self.0.about.slots;
        let arms = (0..model.depth()).flat_map(|layer| slots.iter().map(move |(_, places)| (layer, places)));
        let patched =
            arms.map(|(layer, places)| self.patched(layer, places, &clean, &partner)).collect::<Fallible<_>>()?;
        Ok((clean.difference, patched))
    }

    fn run(&self, inputs: &Inputs, visual: Tensor<3>) -> Fallible<Run> {
        let (model, hooks) = (self.0.model.as_ref(), &mut Hooks::none());
        let mut stream = model.embed(inputs, visual, hooks)?;
        let start = stream.clone();
        stream.past = vec![None; model.depth()];
        let mut residuals = Vec::new();
        for layer in 0..model.depth() {
            residuals.push(stream.residual.clone());
            stream = model.block(layer, stream, hooks)?;
        }
        let logits = model.readout(stream.last(), hooks)?.squeeze_dim(1);
        Ok(Run { residuals, start, past: stream.past, difference: self.0.differences(logits)? })
    }

    fn patched(&self, layer: usize, places: &[usize], clean: &Run, partner: &Run) -> Fallible<Vec<f32>> {
        let (model, site) = (self.0.model.as_ref(), Site::LmResid(layer));
        let [pairs, tokens, width] = clean.residuals[layer].dims();
        let at: Vec<i64> =
            (0..pairs).flat_map(|pair| places.iter().map(move |at| (pair * tokens + at) as i64)).collect();
        let at: Tensor<1, Int> = Tensor::from_data(at.as_slice(), &model.device());
        let lent = partner.residuals[layer].clone().reshape([pairs * tokens, width]).select(0, at);
        let mut row = 0..;
        let places_of = |_| places.iter().copied().zip(&mut row).collect();
        let mut overwrite = Overwrite::new().at(site, (0..pairs).map(places_of).collect(), lent);
        let residual = overwrite.tokens(site, clean.residuals[layer].clone())?;
        let stream = Stream { residual, ..clean.start.clone() };
        let untouched = places.iter().copied().min().unwrap_or(0);
        // Fetching keys and values of a few positions does not pay.
        let tail = (8 * untouched > tokens).then(|| stream.tail(tokens - untouched, &clean.past)).flatten();
        let hooks = &mut Hooks::none();
        let last = model.last(layer, tail.unwrap_or(stream), hooks)?;
        self.0.differences(model.readout(last, hooks)?.squeeze_dim(1))
    }
}

impl Arm for Sweep {
    fn run(&mut self, first: usize, count: usize) -> Fallible<u64> {
        self.sweep(&(first..first + count).collect::<Vec<_>>())?;
        Ok(0)
    }

    fn outputs(&mut self) -> Fallible<Outputs> {
        let (clean, patched) = self.sweep(&[0])?;
        let shape = vec![self.0.model.depth(), self.0.about.slots.len()];
        let effects = patched.iter().map(|patched| patched[0] - clean[0]).collect();
        Ok(Outputs::from([("effects".into(), (shape, effects))]))
    }
}
