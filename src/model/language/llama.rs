//! The LLaMA decoder and its kin: RMS norms, rotary positions, grouped-query attention, gated MLPs.

use burn::module::Module;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Int, Tensor};
use serde_json::Value;

use super::{Position, Stream};
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role, field};
use crate::model::hook::Hooks;
use crate::model::layers::{Activation, Attention, AttentionShape, GatedMlp, Rotary, Tap, Wheels};
use crate::model::site::{Site, SiteSpec};

/// What a class of decoders assumes where its sparse JSON is silent.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub vocabulary: usize,
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    /// None: as many as heads.
    pub kv_heads: Option<usize>,
    pub epsilon: f64,
    pub theta: f32,
    pub biases: Biases,
    /// Lengths of the runs of rotary frequencies that time, row and column turn; empty where positions are plain numbers.
    pub sections: &'static [usize],
}

/// Which projections of an attention layer have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Biases {
    None,
    /// Queries, keys and values have, the output has not.
    QueryKeyValue,
}

/// `model_type: llama`.
pub const LLAMA: Defaults = Defaults {
    vocabulary: 32000,
    width: 4096,
    hidden: 11008,
    layers: 32,
    heads: 32,
    kv_heads: None,
    epsilon: 1e-6,
    theta: 10_000.0,
    biases: Biases::None,
    sections: &[],
};

/// The decoder inside `model_type: qwen2_vl` and `qwen2_5_vl`.
pub const QWEN2_VL: Defaults = Defaults {
    vocabulary: 152_064,
    width: 8192,
    hidden: 29_568,
    layers: 80,
    heads: 64,
    kv_heads: Some(8),
    epsilon: 1e-5,
    theta: 1_000_000.0,
    biases: Biases::QueryKeyValue,
    sections: &[16, 24, 24],
};

/// `text_config` of a decoder of this kind.
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
    pub biases: Biases,
    /// As in [`Defaults::sections`].
    pub sections: Vec<usize>,
}

impl LlamaConfig {
    /// Reads the sparse JSON of `model_type: llama`.
    pub fn from_json(json: &Value) -> Result<Self> {
        Self::of_class(json, &LLAMA)
    }

    /// Reads the sparse JSON; what is left out has the class's default.
    pub fn of_class(json: &Value, class: &Defaults) -> Result<Self> {
        let width = field(json, "hidden_size", class.width)?;
        let heads = field(json, "num_attention_heads", class.heads)?;
        if heads == 0 {
            return Err(Error::data("`num_attention_heads` is 0"));
        }
        let head_dim = field(json, "head_dim", width / heads)?;
        let config = Self {
            vocabulary: field(json, "vocab_size", class.vocabulary)?,
            width,
            hidden: field(json, "intermediate_size", class.hidden)?,
            layers: field(json, "num_hidden_layers", class.layers)?,
            heads,
            kv_heads: field(json, "num_key_value_heads", class.kv_heads.unwrap_or(heads))?,
            head_dim,
            epsilon: field(json, "rms_norm_eps", class.epsilon)?,
            theta: theta(json, class.theta)?,
            activation: Activation::from_config("hidden_act", &field(json, "hidden_act", "silu".to_owned())?)?,
            tied: field(json, "tie_word_embeddings", false)?,
            biases: class.biases,
            sections: sections(json, class, head_dim)?,
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
        if field(json, "use_sliding_window", false)? {
            return Err(Error::data("`use_sliding_window` is true; only attention to all earlier positions is read"));
        }
        Ok(config)
    }
}

/// The rotary settings, in the old spelling (`rope_scaling`) or the new (`rope_parameters`).
fn rope(json: &Value) -> Option<&Value> {
    json.get("rope_parameters").or_else(|| json.get("rope_scaling")).filter(|value| !value.is_null())
}

/// The rotary base, beside the settings (`rope_theta`) or among them.
fn theta(json: &Value, default: f32) -> Result<f32> {
    if let Some(rope) = rope(json) {
        let kind: String = field(rope, "rope_type", field(rope, "type", "default".to_owned())?)?;
        // What others call default with sections, old files call mrope.
        if kind != "default" && kind != "mrope" {
            return Err(Error::data(format!("rotary scaling `{kind}` is not supported; expected `default`")));
        }
        if rope.get("rope_theta").is_some() {
            return field(rope, "rope_theta", default);
        }
    }
    field(json, "rope_theta", default)
}

/// `mrope_section`, which must deal out every frequency.
fn sections(json: &Value, class: &Defaults, head_dim: usize) -> Result<Vec<usize>> {
    if class.sections.is_empty() {
        return Ok(Vec::new());
    }
    let default = class.sections.to_vec();
    let sections = rope(json).map_or(Ok(default.clone()), |rope| field(rope, "mrope_section", default))?;
    let (dealt, frequencies) = (sections.iter().sum::<usize>(), head_dim / 2);
    if dealt != frequencies {
        return Err(Error::data(format!(
            "`mrope_section` {sections:?} deals out {dealt} rotary frequencies, a head of {head_dim} has {frequencies}"
        )));
    }
    Ok(sections)
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
                let mut input = |name: &str, output: usize| match config.biases {
                    Biases::None => attention.linear(name, width, output, Role::Weight),
                    Biases::QueryKeyValue => attention.linear_biased(name, width, output, Role::Weight),
                };
                let attention = Attention {
                    q: input("q_proj", heads * head_dim)?,
                    k: input("k_proj", kv_heads * head_dim)?,
                    v: input("v_proj", kv_heads * head_dim)?,
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

    /// The same decoder with another epsilon in every norm.
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.config.epsilon = epsilon;
        self.norm.epsilon = epsilon;
        for block in &mut self.blocks {
            block.norm1.epsilon = epsilon;
            block.norm2.epsilon = epsilon;
        }
        self
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

    /// The angles of positions that all items share.
    pub fn rotary(&self, positions: &[usize]) -> Rotary {
        Rotary::new(positions, &self.wheels(), &self.device())
    }

    /// The angles of each item's positions, in time, row and column.
    pub fn rotary_at(&self, positions: &[Vec<Position>]) -> Rotary {
        Rotary::at(positions, &self.wheels(), &self.device())
    }

    fn wheels(&self) -> Wheels {
        let LlamaConfig { head_dim, theta, .. } = self.config;
        match self.config.sections.as_slice() {
            [] => Wheels::line(head_dim, theta),
            sections => Wheels::sections(head_dim, theta, sections, 3),
        }
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
