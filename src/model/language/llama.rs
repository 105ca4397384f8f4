//! The LLaMA decoder and its kin: RMS norms, rotary positions, grouped-query attention, gated MLPs.

use std::ops::Deref;
use std::sync::Arc;

use burn::module::Module;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Int, Tensor};

use super::bonds::{self, Bonds};
use super::class::{Biases, Embeddings, Norms};
use super::streamed::Streamed;
use super::{LlamaConfig, Position, Sight, Stream};
use crate::error::Result;
use crate::model::checkpoint::{Builder, Role};
use crate::model::hook::Hooks;
use crate::model::layers::{Attention, AttentionShape, GatedMlp, HeadNorms, Mask, Norm, Rotary, Tap, Wheels};
use crate::model::site::{Site, SiteSpec};

#[derive(Module, Debug)]
pub(super) struct Block {
    norm1: RmsNorm,
    attention: Attention,
    /// Of what attention adds, where a class has it.
    after_attention: Option<RmsNorm>,
    norm2: RmsNorm,
    mlp: GatedMlp,
    /// Of what the MLP adds, where a class has it.
    after_mlp: Option<RmsNorm>,
}

impl Block {
    pub(super) fn build(weights: &mut Builder<'_>, config: &LlamaConfig) -> Result<Self> {
        let LlamaConfig { width, hidden, epsilon, heads, kv_heads, head_dim, style, .. } = *config;
        let shape = AttentionShape { heads, kv_heads, head_dim, scale: config.scale.powf(-0.5) };
        let norm1 = weights.rms_norm("input_layernorm", width, epsilon, style.gain)?;
        let mut attention = weights.within("self_attn");
        let mut input = |name: &str, output: usize| match style.biases {
            Biases::None => attention.linear(name, width, output, Role::Weight),
            Biases::QueryKeyValue => attention.linear_biased(name, width, output, Role::Weight),
        };
        let [q, k, v] = [
            input("q_proj", heads * head_dim)?,
            input("k_proj", kv_heads * head_dim)?,
            input("v_proj", kv_heads * head_dim)?,
        ];
        let o = attention.linear("o_proj", heads * head_dim, width, Role::Residual)?;
        let norms = match style.norms {
            Norms::Two => None,
            Norms::FourAndHeads => Some(HeadNorms {
                q: Norm::Rms(attention.rms_norm("q_norm", head_dim, epsilon, style.gain)?),
                k: Norm::Rms(attention.rms_norm("k_norm", head_dim, epsilon, style.gain)?),
            }),
        };
        let attention = Attention { q, k, v, o, norms, shape };
        let mlp = GatedMlp::build(&mut weights.within("mlp"), width, hidden, config.activation)?;
        let mut norm = |name: &str| weights.rms_norm(name, width, epsilon, style.gain);
        Ok(match style.norms {
            Norms::Two => {
                let norm2 = norm("post_attention_layernorm")?;
                Self { norm1, attention, after_attention: None, norm2, mlp, after_mlp: None }
            }
            Norms::FourAndHeads => Self {
                norm1,
                attention,
                after_attention: Some(norm("post_attention_layernorm")?),
                norm2: norm("pre_feedforward_layernorm")?,
                mlp,
                after_mlp: Some(norm("post_feedforward_layernorm")?),
            },
        })
    }
}

/// A block, from wherever it is.
enum Held<'a> {
    Resident(&'a Block),
    Brought(Arc<Block>),
}

impl Deref for Held<'_> {
    type Target = Block;

    fn deref(&self) -> &Block {
        match self {
            Self::Resident(block) => block,
            Self::Brought(block) => block,
        }
    }
}

/// Embeddings to logits, block by block.
#[derive(Module, Debug)]
pub struct Llama {
    embedding: Embedding,
    /// None where they stay in the file.
    blocks: Vec<Block>,
    #[module(skip)]
    streamed: Option<Streamed>,
    norm: RmsNorm,
    /// None where the output is tied to the embedding.
    head: Option<Linear>,
    #[module(skip)]
    config: LlamaConfig,
}

impl Llama {
    /// `weights` stands at the decoder's root, which holds `model.*` and `lm_head.weight`.
    pub fn build(weights: &mut Builder<'_>, config: &LlamaConfig) -> Result<Self> {
        let LlamaConfig { width, .. } = *config;
        let mut model = weights.within("model");
        let embedding = model.embedding("embed_tokens", config.vocabulary, width)?;
        let streamed = model.later().map(|later| Streamed::new(&mut model, later, config)).transpose()?;
        let resident = if streamed.is_some() { 0 } else { config.layers };
        let blocks = (0..resident)
            .map(|l| Block::build(&mut model.within(format!("layers.{l}")), config))
            .collect::<Result<Vec<_>>>()?;
        let norm = model.rms_norm("norm", width, config.epsilon, config.style.gain)?;
        let head = match config.tied {
            true => None,
            false => Some(weights.linear("lm_head", width, config.vocabulary, Role::Head)?),
        };
        Ok(Self { embedding, blocks, streamed, norm, head, config: config.clone() })
    }

    /// The same decoder with another epsilon in every norm.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.config.epsilon = epsilon;
        self.norm.epsilon = epsilon;
        for block in &mut self.blocks {
            block.norm1.epsilon = epsilon;
            block.norm2.epsilon = epsilon;
        }
        self.streamed = self.streamed.map(|blocks| blocks.configured(&self.config));
        self
    }

    /// Numbers of the blocks that stay in the file.
    pub fn streamed_parameters(&self) -> usize {
        self.streamed.as_ref().map_or(0, Streamed::parameters)
    }

    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    pub fn sites(&self) -> Vec<SiteSpec> {
        let LlamaConfig { width, heads, head_dim, layers, vocabulary, .. } = self.config;
        let tokens = |site, meaning| SiteSpec { site, shape: format!("[batch, tokens, {width}]"), meaning };
        let rows = |site, meaning| SiteSpec { site, shape: format!("[batch, {heads}, query, key]"), meaning };
        let mut sites = vec![tokens(Site::LmResid(0), "embeddings with image tokens spliced in")];
        for l in 0..layers {
            sites.push(rows(Site::LmScores(l), "attention before mask and softmax"));
            sites.push(rows(Site::LmAttn(l), "attention after softmax"));
            sites.extend((0..heads).map(|h| SiteSpec {
                site: Site::LmHead(l, h),
                shape: format!("[batch, tokens, {head_dim}]"),
                meaning: "what the head has gathered, before the output projection",
            }));
            sites.push(tokens(Site::LmAttnOut(l), "what attention adds to the residual stream"));
            sites.push(tokens(Site::LmMlpOut(l), "what the MLP adds to the residual stream"));
            sites.push(tokens(Site::LmResid(l + 1), "after the block, before any final norm"));
        }
        sites.push(SiteSpec {
            site: Site::Logits,
            shape: format!("[batch, rows, {vocabulary}]"),
            meaning: "at the rows that are read out",
        });
        sites
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.embedding.weight.val().device()
    }

    /// The embedding matrix, `[vocabulary, width]`.
    pub fn embeddings(&self) -> Tensor<2> {
        self.embedding.weight.val()
    }

    /// Token ids `[batch, tokens]` to `[batch, tokens, width]`.
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let embedded = self.embedding.forward(ids);
        match self.config.style.embeddings {
            Embeddings::Plain => embedded,
            Embeddings::ByRootOfWidth => embedded * (self.config.width as f32).sqrt(),
        }
    }

    /// The stream of prompts `[batch, tokens, width]` whose positions are counted from 0; `bonds` are runs of tokens that
    /// see each other whichever comes first.
    pub fn prompt(&self, residual: Tensor<3>, lengths: Vec<usize>, bonds: &Bonds) -> Stream {
        let [_, tokens, _] = residual.dims();
        let device = residual.device();
        let positions: Vec<usize> = (0..tokens).collect();
        let sight = |wheels: &Wheels, window| Sight {
            rotary: Rotary::new(&positions, wheels, &device),
            mask: bonds::mask(tokens, &lengths, bonds, window, &device),
        };
        let near = self.config.near.as_ref();
        Stream {
            sight: sight(&self.wheels(), None),
            near: near.map(|near| sight(&near.rope.line(self.config.head_dim), Some(near.window))),
            residual,
            lengths,
            past: Vec::new(),
        }
    }

    /// The stream of one more token for each item, `[batch, 1]`, behind `position` others.
    pub fn next(&self, ids: Tensor<2, Int>, position: usize) -> Stream {
        let [batch, _] = ids.dims();
        let device = self.device();
        let near = self.config.near.as_ref().map(|near| Sight {
            rotary: Rotary::new(&[position], &near.rope.line(self.config.head_dim), &device),
            mask: bonds::mask_of_next(position, near.window, &device),
        });
        let sight = Sight { rotary: self.rotary(&[position]), mask: Mask::Full };
        Stream { residual: self.embed(ids), sight, near, lengths: vec![1; batch], past: Vec::new() }
    }

    /// The stream of text tokens `[batch, tokens]` with positions and mask of the caller's choosing.
    pub fn text(&self, ids: Tensor<2, Int>, positions: &[usize], mask: Mask, lengths: Vec<usize>) -> Stream {
        let sight = Sight { rotary: self.rotary(positions), mask };
        Stream { residual: self.embed(ids), sight, near: None, lengths, past: Vec::new() }
    }

    /// The angles of positions that all items share.
    pub fn rotary(&self, positions: &[usize]) -> Rotary {
        Rotary::new(positions, &self.wheels(), &self.device())
    }

    /// The angles of each item's positions, in time, row and column.
    pub fn rotary_at(&self, positions: &[Vec<Position>]) -> Rotary {
        Rotary::at(positions, &self.wheels(), &self.device())
    }

    fn wheels(&self) -> Wheels {
        let LlamaConfig { head_dim, rope, .. } = self.config;
        match self.config.sections.as_slice() {
            [] => rope.line(head_dim),
            sections => Wheels::sections(head_dim, rope.theta, sections, 3),
        }
    }

    /// Passes the stream through block `layer`.
    pub fn block(&self, layer: usize, mut stream: Stream, hooks: &mut Hooks<'_>) -> Result<Stream> {
        let block = self.at(layer)?;
        let Sight { rotary, mask } = &self.sight(layer, &stream).clone();
        let Stream { residual, lengths, past, .. } = &mut stream;
        let mut tap = Tap {
            hooks,
            scores: Some(Site::LmScores(layer)),
            weights: Some(Site::LmAttn(layer)),
            heads: Some(layer),
            across: None,
            lengths: &*lengths,
        };
        let after = |norm: &Option<RmsNorm>, added: Tensor<3>| match norm {
            Some(norm) => norm.forward(added),
            None => added,
        };
        let normed = block.norm1.forward(residual.clone());
        let attended = block.attention.forward(normed, Some(rotary), mask, past.get_mut(layer), &mut tap)?;
        let attended = after(&block.after_attention, attended);
        let middle = residual.clone() + hooks.tokens(Site::LmAttnOut(layer), attended)?;
        let added = after(&block.after_mlp, block.mlp.forward(block.norm2.forward(middle.clone())));
        let end = middle + hooks.tokens(Site::LmMlpOut(layer), added)?;
        stream.residual = hooks.tokens(Site::LmResid(layer + 1), end)?;
        Ok(stream)
    }

    /// As [`block`](Self::block), for the sake of prompts' last position alone: of the others, keys and values are all that
    /// it takes. What leaves the block may be more than that position, or less than all.
    pub fn block_of_last(&self, layer: usize, stream: Stream, hooks: &mut Hooks<'_>) -> Result<Stream> {
        let block = self.at(layer)?;
        let normed = block.norm1.forward(stream.residual.clone());
        let seen = stream.past.get(layer).cloned().flatten();
        let known = block.attention.known(normed, Some(&self.sight(layer, &stream).rotary), seen);
        let mut past = vec![None; layer];
        past.push(Some(known));
        let tail = stream.tail(1, &past);
        self.block(layer, tail.unwrap_or(stream), hooks)
    }

    fn at(&self, layer: usize) -> Result<Held<'_>> {
        match &self.streamed {
            Some(blocks) => Ok(Held::Brought(blocks.block(layer)?)),
            None => Ok(Held::Resident(&self.blocks[layer])),
        }
    }

    /// How a layer's queries see keys.
    fn sight<'s>(&self, layer: usize, stream: &'s Stream) -> &'s Sight {
        let is_near = self.config.near.as_ref().is_some_and(|near| near.layers.contains(&layer));
        stream.near.as_ref().filter(|_| is_near).unwrap_or(&stream.sight)
    }

    /// The final norm, `[batch, rows, width]` to the same.
    pub fn normalise(&self, residual: Tensor<3>) -> Tensor<3> {
        self.norm.forward(residual)
    }

    /// Logits `[batch, rows, vocabulary]` of residual rows `[batch, rows, width]`, final norm included.
    pub fn readout(&self, rows: Tensor<3>) -> Tensor<3> {
        let normed = self.normalise(rows);
        match &self.head {
            Some(head) => head.forward(normed),
            None => normed.matmul(self.embedding.weight.val().transpose().unsqueeze()),
        }
    }
}
