//! The LLaMA decoder: RMS norms, rotary positions, grouped-query attention, gated MLPs.

use burn::module::Module;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Int, Tensor};
use serde_json::Value;

use super::Stream;
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role, field};
use crate::model::hook::Hooks;
use crate::model::layers::{Activation, Attention, AttentionShape, GatedMlp, Rotary, Tap};
use crate::model::site::{Site, SiteSpec};

/// `text_config` of `model_type: llama`.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    pub vocabulary: usize,
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub epsilon: f64,
    pub theta: f32,
    pub activation: Activation,
    pub tied: bool,
}

impl LlamaConfig {
    /// Reads the sparse JSON; what is left out has the class's default.
    pub fn from_json(json: &Value) -> Result<Self> {
        let width = field(json, "hidden_size", 4096)?;
        let heads = field(json, "num_attention_heads", 32)?;
        if heads == 0 {
            return Err(Error::data("`num_attention_heads` is 0"));
        }
        let config = Self {
            vocabulary: field(json, "vocab_size", 32000)?,
            width,
            hidden: field(json, "intermediate_size", 11008)?,
            layers: field(json, "num_hidden_layers", 32)?,
            heads,
            kv_heads: field(json, "num_key_value_heads", heads)?,
            head_dim: field(json, "head_dim", width / heads)?,
            epsilon: field(json, "rms_norm_eps", 1e-6)?,
            theta: theta(json)?,
            activation: Activation::from_config("hidden_act", &field(json, "hidden_act", "silu".to_owned())?)?,
            tied: field(json, "tie_word_embeddings", false)?,
        };
        if config.kv_heads == 0 || !config.heads.is_multiple_of(config.kv_heads) {
            return Err(Error::data(format!(
                "`num_attention_heads` {} must divide by `num_key_value_heads` {}",
                config.heads, config.kv_heads
            )));
        }
        for (key, off) in [("attention_bias", false), ("mlp_bias", false)] {
            if field(json, key, off)? != off {
                return Err(Error::data(format!("`{key}` is true; only decoders without these biases are read")));
            }
        }
        Ok(config)
    }
}

/// The rotary base, in the old spelling (`rope_theta`, `rope_scaling`) or the new (`rope_parameters`).
fn theta(json: &Value) -> Result<f32> {
    let nested = json.get("rope_parameters").or_else(|| json.get("rope_scaling")).filter(|value| !value.is_null());
    if let Some(rope) = nested {
        let kind: String = field(rope, "rope_type", field(rope, "type", "default".to_owned())?)?;
        if kind != "default" {
            return Err(Error::data(format!("rotary scaling `{kind}` is not supported; expected `default`")));
        }
        if rope.get("rope_theta").is_some() {
            return field(rope, "rope_theta", 10_000.0);
        }
    }
    field(json, "rope_theta", 10_000.0)
}

#[derive(Module, Debug)]
struct Block {
    norm1: RmsNorm,
    attention: Attention,
    norm2: RmsNorm,
    mlp: GatedMlp,
}

/// Embeddings to logits, block by block.
#[derive(Module, Debug)]
pub struct Llama {
    embedding: Embedding,
    blocks: Vec<Block>,
    norm: RmsNorm,
    /// None where the output is tied to the embedding.
    head: Option<Linear>,
    #[module(skip)]
    config: LlamaConfig,
}

impl Llama {
    /// `weights` stands at the decoder's root, which holds `model.*` and `lm_head.weight`.
    pub fn build(weights: &mut Builder<'_>, config: &LlamaConfig) -> Result<Self> {
        let LlamaConfig { width, hidden, epsilon, heads, kv_heads, head_dim, .. } = *config;
        let shape = AttentionShape { heads, kv_heads, head_dim };
        let mut model = weights.within("model");
        let embedding = model.embedding("embed_tokens", config.vocabulary, width)?;
        let blocks = (0..config.layers)
            .map(|l| {
                let mut block = model.within(format!("layers.{l}"));
                let norm1 = block.rms_norm("input_layernorm", width, epsilon)?;
                let mut attention = block.within("self_attn");
                let attention = Attention {
                    q: attention.linear("q_proj", width, heads * head_dim, Role::Weight)?,
                    k: attention.linear("k_proj", width, kv_heads * head_dim, Role::Weight)?,
                    v: attention.linear("v_proj", width, kv_heads * head_dim, Role::Weight)?,
                    o: attention.linear("o_proj", heads * head_dim, width, Role::Residual)?,
                    shape,
                };
                let norm2 = block.rms_norm("post_attention_layernorm", width, epsilon)?;
                let mlp = GatedMlp::build(&mut block.within("mlp"), width, hidden, config.activation)?;
                Ok(Block { norm1, attention, norm2, mlp })
            })
            .collect::<Result<Vec<_>>>()?;
        let norm = model.rms_norm("norm", width, epsilon)?;
        let head = match config.tied {
            true => None,
            false => Some(weights.linear("lm_head", width, config.vocabulary, Role::Head)?),
        };
        Ok(Self { embedding, blocks, norm, head, config: config.clone() })
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
        self.embedding.forward(ids)
    }

    /// The angles of the given positions.
    pub fn rotary(&self, positions: &[usize]) -> Rotary {
        Rotary::new(positions, self.config.head_dim, self.config.theta, &self.device())
    }

    /// Passes the stream through block `layer`.
    pub fn block(&self, layer: usize, mut stream: Stream, hooks: &mut Hooks<'_>) -> Result<Stream> {
        let block = &self.blocks[layer];
        let Stream { residual, rotary, mask, lengths, past } = &mut stream;
        let mut tap = Tap {
            hooks,
            scores: Some(Site::LmScores(layer)),
            weights: Site::LmAttn(layer),
            heads: Some(layer),
            lengths,
        };
        let normed = block.norm1.forward(residual.clone());
        let attended = block.attention.forward(normed, Some(rotary), mask, past.get_mut(layer), &mut tap)?;
        let middle = residual.clone() + hooks.tokens(Site::LmAttnOut(layer), attended)?;
        let added = block.mlp.forward(block.norm2.forward(middle.clone()));
        let after = middle + hooks.tokens(Site::LmMlpOut(layer), added)?;
        stream.residual = hooks.tokens(Site::LmResid(layer + 1), after)?;
        Ok(stream)
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
