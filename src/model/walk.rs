//! The walk every family offers.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::hook::Hooks;
use super::inputs::Inputs;
use super::language::{Llama, Position, Stream, farthest, positions};
use super::layers::{KeyValue, Mask};
use super::site::{Site, SiteSpec};
use super::vision::Patching;
use crate::error::{Error, Result};

/// How other code computes with the same weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quirks {
    /// Epsilon of the language model's RMS norms, instead of the checkpoint's.
    pub epsilon: Option<f64>,
    /// Prompts are padded on the left to so many token ids, an image counting as one, and positions count the padding. It
    /// is hidden from every token, so all that it does is to move the others along.
    pub padded_to: Option<usize>,
}

/// A vision-language model, walked block by block.
pub trait VisionLanguage: Send + Sync {
    /// The language model.
    fn language(&self) -> &Llama;

    fn device(&self) -> Device {
        self.language().device()
    }

    /// Every site, in the order in which a forward pass meets them.
    fn sites(&self) -> Vec<SiteSpec>;

    /// How many numbers were learned.
    fn parameters(&self) -> usize;

    /// Blocks of the language model.
    fn depth(&self) -> usize {
        self.language().config().layers
    }

    /// The inputs' pixels to visual tokens `[batch, patches, width]`.
    fn encode(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>>;

    /// How the encoder cuts frames into patches, where it takes frames of any size.
    fn patching(&self) -> Option<&Patching> {
        None
    }

    /// Where each token of each item stands for the decoder's rotary embedding.
    ///
    /// # Errors
    /// Image tokens that do not fit the image.
    fn positions(&self, inputs: &Inputs) -> Result<Vec<Vec<Position>>> {
        let [_, tokens] = inputs.ids.dims();
        Ok(vec![positions(tokens, &[]); inputs.batch()])
    }

    /// As [`encode`](Self::encode), from the encoder's residual stream at `vision.{slot}.resid` on, which the hooks visit
    /// first. `inputs` are those whose states they are; `state` gives the stream at any slot up to that one; blocks before it do not run.
    fn encode_from(
        &self,
        inputs: &Inputs,
        slot: usize,
        state: &dyn Fn(usize) -> Result<Tensor<3>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>>;

    /// Image tokens from what two encoders add to them: the image encoder at `connector.2d`, `[batch, image tokens, width]`,
    /// and the spatial one at `connector.3d`, the same; None: what it makes of the inputs. Where a pass begins again without
    /// running the first, or either.
    ///
    /// # Errors
    /// A model of one encoder; addends of different numbers of tokens.
    fn encode_addends(
        &self,
        _inputs: &Inputs,
        _image: Tensor<3>,
        _spatial: Option<Tensor<3>>,
        _hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        Err(Error::usage("this model has one encoder: its image tokens are no sum"))
    }

    /// The slots of the encoder whose states the projector reads; what lies behind the last changes nothing.
    fn encoder_slots(&self) -> Vec<usize>;

    /// Token ids with visual tokens spliced in: the stream at `lm.0.resid`.
    fn embed(&self, inputs: &Inputs, visual: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Stream>;

    /// One more token for each item, `[batch, 1]`, at the given position: the stream at `lm.0.resid`.
    fn embed_next(&self, ids: Tensor<2, Int>, position: usize) -> Stream {
        self.language().next(ids, position)
    }

    /// Passes the stream through block `layer`.
    fn block(&self, layer: usize, stream: Stream, hooks: &mut Hooks<'_>) -> Result<Stream> {
        self.language().block(layer, stream, hooks)
    }

    /// Logits `[batch, rows, vocabulary]` of residual rows `[batch, rows, width]`.
    fn readout(&self, rows: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        hooks.tokens(Site::Logits, self.language().readout(rows))
    }

    /// The final norm alone, `[batch, rows, width]` to the same: what Hugging Face calls the last hidden state.
    fn normalise(&self, rows: Tensor<3>) -> Tensor<3> {
        self.language().normalise(rows)
    }

    /// The encoder's own output, `[batch, tokens, width]`, of its last state: normalised, where the encoder does that.
    fn finish(&self, last: Tensor<3>) -> Tensor<3> {
        last
    }

    /// The encoder's own pooled output, `[batch, width]`, from its last state, where it has one; the language model never
    /// sees it.
    fn pool(&self, _last: Tensor<3>) -> Option<Tensor<2>> {
        None
    }

    /// All blocks from `from` on.
    fn blocks(&self, from: usize, stream: Stream, hooks: &mut Hooks<'_>) -> Result<Stream> {
        (from..self.depth()).try_fold(stream, |stream, layer| self.block(layer, stream, hooks))
    }

    /// All blocks from `from` on, for the sake of each item's last position, `[batch, 1, width]`: where no hook looks into
    /// the last block, it need not compute the others there.
    ///
    /// # Errors
    /// A hook that fails.
    fn last(&self, from: usize, stream: Stream, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let last = self.depth().saturating_sub(1);
        if from > last || hooks.look_into(last) {
            return Ok(self.blocks(from, stream, hooks)?.last());
        }
        let stream = (from..last).try_fold(stream, |stream, layer| self.block(layer, stream, hooks))?;
        Ok(self.language().block_of_last(last, stream, hooks)?.last())
    }

    /// Logits at each item's last position, `[batch, vocabulary]`.
    ///
    /// # Errors
    /// A hook that matches nothing, or one that fails.
    fn run(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<2>> {
        hooks.check(&self.sites())?;
        let visual = self.encode(inputs, hooks)?;
        let stream = self.embed(inputs, visual, hooks)?;
        let stream = self.blocks(0, stream, hooks)?;
        Ok(self.readout(stream.last(), hooks)?.squeeze_dim(1))
    }

    /// Greedy continuation of one item, at most `limit` tokens, ended by any of `stop` (which is not returned).
    ///
    /// # Errors
    /// More than one item: items of different lengths would continue at different positions.
    fn generate(&self, inputs: &Inputs, limit: usize, stop: &[u32]) -> Result<Vec<u32>> {
        if inputs.batch() != 1 {
            return Err(Error::data(format!("generation takes one item at a time, got {}", inputs.batch())));
        }
        let hooks = &mut Hooks::none();
        let visual = self.encode(inputs, hooks)?;
        let mut stream = self.embed(inputs, visual, hooks)?;
        stream.past = vec![None; self.depth()];
        let position = self.positions(inputs)?.first().map_or(0, |prompt| farthest(prompt));
        let stream = self.blocks(0, stream, hooks)?;
        let logits = self.readout(stream.last(), hooks)?;
        self.go_on(logits, stream.past, position, limit, stop)
    }

    /// Greedy continuation of one item from the logits `[1, 1, vocabulary]` of its next token, which stands at `position`,
    /// and the keys and values of all tokens before it. As [`generate`](Self::generate).
    fn go_on(
        &self,
        mut logits: Tensor<3>,
        mut past: Vec<Option<KeyValue>>,
        position: usize,
        limit: usize,
        stop: &[u32],
    ) -> Result<Vec<u32>> {
        let hooks = &mut Hooks::none();
        let mut generated = Vec::new();
        while generated.len() < limit {
            let next = logits.argmax(2).into_data().iter::<i64>().next().unwrap_or_default();
            let id = u32::try_from(next).unwrap_or_default();
            if stop.contains(&id) {
                break;
            }
            generated.push(id);
            if generated.len() == limit {
                break;
            }
            let ids = Tensor::from_data(TensorData::new(vec![next], [1, 1]), &self.device());
            let stream = Stream { past, ..self.embed_next(ids, position + generated.len() - 1) };
            let stream = self.blocks(0, stream, hooks)?;
            logits = self.readout(stream.last(), hooks)?;
            past = stream.past;
        }
        Ok(generated)
    }

    /// The same weights, computed with as other code does; `None` where this family has no such code.
    fn with_quirks(&self, _quirks: Quirks) -> Option<Box<dyn VisionLanguage>> {
        None
    }
}

/// Image tokens in the order of [`Inputs::image`] of all that a projector makes of an item's images, `[batch, tokens, width]`
/// to the same width; `end` is the model's own token at the end of a row, `[width]`, where it has one.
///
/// # Errors
/// A token that the projector does not make.
pub(super) fn arrange(projected: Tensor<3>, inputs: &Inputs, end: Option<Tensor<1>>) -> Result<Tensor<3>> {
    let [batch, tokens, width] = projected.dims();
    let straight = |sources: &Vec<usize>| sources.iter().copied().eq(0..tokens);
    if inputs.sources.iter().all(straight) {
        return Ok(projected);
    }
    let rows = tokens + usize::from(end.is_some());
    if inputs.sources.iter().flatten().any(|&source| source >= rows) {
        let needed = inputs.sources.iter().flatten().max().map_or(0, |most| most + 1);
        return Err(Error::data(format!("the prompt needs {needed} tokens of the image, the encoder makes {tokens}")));
    }
    let projected = match end {
        Some(end) => Tensor::cat(vec![projected, end.reshape([1, 1, width]).repeat_dim(0, batch)], 1),
        None => projected,
    };
    let chosen = inputs.sources.iter().enumerate();
    let chosen: Vec<i64> = chosen.flat_map(|(b, of)| of.iter().map(move |&at| (b * rows + at) as i64)).collect();
    let count = inputs.sources.first().map_or(0, Vec::len);
    let chosen: Tensor<1, Int> = Tensor::from_data(chosen.as_slice(), &projected.device());
    Ok(projected.reshape([batch * rows, width]).select(0, chosen).reshape([batch, count, width]))
}

/// Puts visual tokens `[batch, patches, width]` at their positions among text embeddings `[batch, tokens, width]`.
///
/// # Errors
/// An item whose image positions are not as many as its visual tokens, with both numbers.
pub(super) fn splice(text: Tensor<3>, visual: Tensor<3>, image: &[Vec<usize>]) -> Result<Tensor<3>> {
    let [batch, tokens, width] = text.dims();
    let [_, patches, _] = visual.dims();
    if let Some(item) = image.iter().find(|positions| positions.len() != patches) {
        return Err(Error::data(format!("the prompt holds {} image tokens, the encoder makes {patches}", item.len()))
            .with_help("`patch_size` in the processor's configuration and in config.json must agree"));
    }
    let mut source: Vec<i64> = (0..(batch * tokens) as i64).collect();
    for (b, positions) in image.iter().enumerate() {
        for (i, &position) in positions.iter().enumerate() {
            source[b * tokens + position] = (batch * tokens + b * patches + i) as i64;
        }
    }
    let device = text.device();
    let rows = Tensor::cat(vec![text.reshape([batch * tokens, width]), visual.reshape([batch * patches, width])], 0);
    let source: Tensor<1, Int> = Tensor::from_data(source.as_slice(), &device);
    Ok(rows.select(0, source).reshape([batch, tokens, width]))
}

/// The visits a decoder makes before its first block.
pub(super) fn start(residual: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
    hooks.tokens(Site::LmResid(0), residual)
}

/// The mask of a prompt: right padding needs no other.
pub(super) const PROMPT: Mask = Mask::Causal;
