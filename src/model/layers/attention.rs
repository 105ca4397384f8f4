//! Multi-head attention with grouped key/value heads: fused where nobody looks, explicit for the rows that are asked for.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation, module, ops::AttentionModuleOptions};

use super::host::{self, Sight};
use super::{Across, Norm, Rotary, Windows};
use crate::error::Result;
use crate::model::hook::{Effect, Hooks};
use crate::model::site::Site;

/// How the width is cut into heads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    pub heads: usize,
    /// Divides `heads`; each key/value head serves `heads / kv_heads` consecutive query heads.
    pub kv_heads: usize,
    pub head_dim: usize,
    /// What query-key products are multiplied by.
    pub scale: f64,
}

impl AttentionShape {
    /// Products scaled by `1 / sqrt(head_dim)`.
    pub fn new(heads: usize, kv_heads: usize, head_dim: usize) -> Self {
        Self { heads, kv_heads, head_dim, scale: (head_dim as f64).powf(-0.5) }
    }
}

/// Which keys a query may see.
#[derive(Clone, Debug)]
pub enum Mask {
    /// All of them.
    Full,
    /// Those at its own position or before; the queries are those of the last keys.
    Causal,
    /// All but those marked true, `[batch or 1, 1, query, key]`.
    Hidden(Box<Tensor<4, Bool>>),
    /// Those of its own window.
    Windows(Box<Windows>),
}

impl Mask {
    /// The mask of `tokens` queries that each continue the same `seen` positions: they see those and themselves, but not one
    /// another, `[1, 1, tokens, seen + tokens]`.
    pub fn side_by_side(seen: usize, tokens: usize, device: &Device) -> Self {
        let keys = seen + tokens;
        let hidden: Vec<bool> = (0..tokens).flat_map(|q| (0..keys).map(move |k| k >= seen && k != seen + q)).collect();
        Self::Hidden(Box::new(Tensor::from_data(TensorData::new(hidden, [1, 1, tokens, keys]), device)))
    }
}

/// Where hooks look into one attention layer, and how long each item of the batch is.
pub struct Tap<'t, 'h> {
    pub hooks: &'t mut Hooks<'h>,
    /// Before mask and softmax; not offered by every tower.
    pub scores: Option<Site>,
    /// After softmax; not offered by every tower.
    pub weights: Option<Site>,
    /// The layer whose heads can be visited one by one; not offered by every tower.
    pub heads: Option<usize>,
    /// What queries look at by frames; of layers that see several.
    pub across: Option<Across>,
    pub lengths: &'t [usize],
}

/// Keys and values of the positions seen so far, each `[batch, kv_heads, tokens, head_dim]`.
#[derive(Clone, Debug)]
pub struct KeyValue {
    key: Tensor<4>,
    value: Tensor<4>,
}

impl KeyValue {
    /// How many positions.
    pub fn count(&self) -> usize {
        let [_, _, count, _] = self.key.dims();
        count
    }

    /// The first `count` positions, `[batch, kv_heads, count, head_dim]`.
    pub fn first(&self, count: usize) -> Self {
        let cut = |x: &Tensor<4>| x.clone().narrow(2, 0, count);
        Self { key: cut(&self.key), value: cut(&self.value) }
    }

    /// These items of the batch, which may come several times, `[rows, kv_heads, tokens, head_dim]`.
    pub fn select(&self, rows: &Tensor<1, Int>) -> Self {
        Self { key: self.key.clone().select(0, rows.clone()), value: self.value.clone().select(0, rows.clone()) }
    }

    /// These positions of one item of the batch, `[1, kv_heads, positions, head_dim]`.
    pub fn of(&self, item: usize, positions: &[usize]) -> Self {
        let index: Vec<i64> = positions.iter().map(|&at| at as i64).collect();
        let index: Tensor<1, Int> = Tensor::from_data(index.as_slice(), &self.key.device());
        let pick = |x: &Tensor<4>| x.clone().narrow(0, item, 1).select(2, index.clone());
        Self { key: pick(&self.key), value: pick(&self.value) }
    }

    /// The same positions for `times` continuations of each item, `[batch * times, kv_heads, tokens, head_dim]`.
    pub fn shared_by(self, times: usize) -> Self {
        let share = |x: Tensor<4>| {
            let [batch, heads, tokens, dim] = x.dims();
            x.unsqueeze_dim::<5>(1).repeat_dim(1, times).reshape([batch * times, heads, tokens, dim])
        };
        Self { key: share(self.key), value: share(self.value) }
    }
}

/// Norms of every head's queries and keys, before they are turned.
#[derive(Module, Debug)]
pub struct HeadNorms {
    pub(crate) q: Norm,
    pub(crate) k: Norm,
}

/// `o(softmax(scale q k^T) v)`.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) q: Linear,
    pub(crate) k: Linear,
    pub(crate) v: Linear,
    pub(crate) o: Linear,
    pub(crate) norms: Option<HeadNorms>,
    #[module(skip)]
    pub(crate) shape: AttentionShape,
}

impl Attention {
    /// `[batch, tokens, width]` to the same. With `past`, the tokens continue it and it grows by them.
    pub fn forward(
        &self,
        x: Tensor<3>,
        rotary: Option<&Rotary>,
        mask: &Mask,
        past: Option<&mut Option<KeyValue>>,
        tap: &mut Tap<'_, '_>,
    ) -> Result<Tensor<3>> {
        let heads = self.shape.heads;
        let mut query = self.split(self.q.forward(x.clone()), heads);
        if let Some(norms) = &self.norms {
            query = norms.q.forward(query);
        }
        if let Some(rotary) = rotary {
            query = rotary.turn(query);
        }
        let known = match past {
            None => self.known(x, rotary, None),
            Some(past) => {
                let seen = past.take();
                past.insert(self.known(x, rotary, seen)).clone()
            }
        };
        if let Some(across) = tap.across {
            across.visit(&query, &shared(known.key.clone(), heads), self.shape.scale, tap.hooks)?;
        }
        let context = self.attend(query, known, mask, tap)?;
        let context = self.visit_heads(context, tap)?;
        let [batch, _, tokens, _] = context.dims();
        Ok(self.o.forward(context.swap_dims(1, 2).reshape([batch, tokens, heads * self.shape.head_dim])))
    }

    /// Keys and values of `[batch, tokens, width]`, behind those of the `past`.
    pub fn known(&self, x: Tensor<3>, rotary: Option<&Rotary>, past: Option<KeyValue>) -> KeyValue {
        let kv_heads = self.shape.kv_heads;
        let mut key = self.split(self.k.forward(x.clone()), kv_heads);
        let value = self.split(self.v.forward(x), kv_heads);
        if let Some(norms) = &self.norms {
            key = norms.k.forward(key);
        }
        if let Some(rotary) = rotary {
            key = rotary.turn(key);
        }
        match past {
            None => KeyValue { key, value },
            Some(past) => {
                KeyValue { key: Tensor::cat(vec![past.key, key], 2), value: Tensor::cat(vec![past.value, value], 2) }
            }
        }
    }

    /// Shows each head's `[batch, tokens, head_dim]` of `[batch, heads, tokens, head_dim]` to the hooks that ask for it.
    fn visit_heads(&self, mut context: Tensor<4>, tap: &mut Tap<'_, '_>) -> Result<Tensor<4>> {
        let Some(layer) = tap.heads else { return Ok(context) };
        let [batch, heads, tokens, dim] = context.dims();
        for head in (0..heads).filter(|head| tap.hooks.want(Site::LmHead(layer, *head))).collect::<Vec<_>>() {
            let one = context.clone().narrow(1, head, 1).squeeze_dim(1);
            let seen = tap.hooks.tokens(Site::LmHead(layer, head), one)?;
            context = context.slice_assign([0..batch, head..head + 1, 0..tokens, 0..dim], seen.unsqueeze_dim(1));
        }
        Ok(context)
    }

    /// Values averaged by attention, `[batch, heads, query, head_dim]`.
    fn attend(
        &self,
        query: Tensor<4>,
        KeyValue { key, value }: KeyValue,
        mask: &Mask,
        tap: &mut Tap<'_, '_>,
    ) -> Result<Tensor<4>> {
        let AttentionShape { heads, scale, .. } = self.shape;
        let sites: Vec<Site> = tap.scores.into_iter().chain(tap.weights).collect();
        let Some(rows) = tap.hooks.rows(&sites, tap.lengths) else {
            return Ok(fused([query, key, value], mask, scale));
        };
        let fused = fused([query.clone(), key.clone(), value.clone()], mask, scale);
        let (key, value) = (shared(key, heads), shared(value, heads));

        let [[batch, _, keys, _], [_, _, queries, _]] = [key.dims(), query.dims()];
        let mut scores = rows.pick(query).matmul(key.swap_dims(2, 3)) * scale;
        let mut effect = Effect::Reads;
        if let Some(site) = tap.scores.filter(|site| tap.hooks.want(*site)) {
            (scores, effect) = tap.hooks.attention(site, &rows, tap.lengths, scores)?;
        }
        let hidden = match mask {
            Mask::Full => None,
            Mask::Causal => Some(rows.future(batch, keys - queries, keys, &scores.device())),
            Mask::Hidden(mask) => Some(rows.pick_mask(mask.as_ref().clone().expand([batch, 1, queries, keys]))),
            Mask::Windows(windows) => {
                Some(rows.pick_mask(windows.hidden(&scores.device()).expand([batch, 1, keys, keys])))
            }
        };
        if let Some(hidden) = hidden {
            let shape = scores.dims();
            scores = scores.mask_fill(hidden.expand(shape), f32::NEG_INFINITY);
        }
        let weights = activation::softmax(scores, 3);
        let (weights, rewritten) = match tap.weights {
            Some(site) => tap.hooks.attention(site, &rows, tap.lengths, weights)?,
            None => (weights, Effect::Reads),
        };
        if effect == Effect::Rewrites || rewritten == Effect::Rewrites {
            return Ok(rows.put(fused, weights.matmul(value)));
        }
        Ok(fused)
    }

    /// `[batch, tokens, heads * head_dim]` to `[batch, heads, tokens, head_dim]`.
    fn split(&self, x: Tensor<3>, heads: usize) -> Tensor<4> {
        let [batch, tokens, _] = x.dims();
        x.reshape([batch, tokens, heads, self.shape.head_dim]).swap_dims(1, 2)
    }
}

/// Each key/value head repeated for the query heads it serves, `[batch, heads, tokens, head_dim]`.
fn shared(x: Tensor<4>, heads: usize) -> Tensor<4> {
    let [batch, kv_heads, tokens, head_dim] = x.dims();
    if heads == kv_heads {
        return x;
    }
    x.unsqueeze_dim::<5>(2).repeat_dim(2, heads / kv_heads).reshape([batch, heads, tokens, head_dim])
}

fn fused([query, key, value]: [Tensor<4>; 3], mask: &Mask, scale: f64) -> Tensor<4> {
    let [batch, heads, queries, _] = query.dims();
    let [_, _, keys, _] = key.dims();
    let sight = match mask {
        Mask::Windows(windows) => {
            return windows.each([query, shared(key, heads), shared(value, heads)], |query, key, value| {
                fused([query, key, value], &Mask::Full, scale)
            });
        }
        Mask::Full => Some(Sight::All),
        Mask::Causal => Some(Sight::Past),
        Mask::Hidden(_) => None,
    };
    if let Some(sight) = sight.filter(|_| host::serves(&query)) {
        return host::attention([query, key, value], sight, scale);
    }
    let hidden = match mask {
        Mask::Hidden(mask) => Some(mask.as_ref().clone().expand([batch, heads, queries, keys])),
        _ => None,
    };
    let options = AttentionModuleOptions { scale: Some(scale), is_causal: sight == Some(Sight::Past), softcap: None };
    module::attention(query, shared(key, heads), shared(value, heads), hidden, None, options)
}
