//! `vision_config` of a square vision transformer.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::checkpoint::field;
use crate::model::layers::Activation;

/// A class of towers: what its sparse JSON leaves out, and how it is built.
#[derive(Clone, Copy, Debug)]
pub struct VitClass {
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub image: usize,
    pub patch: usize,
    pub epsilon: f64,
    pub activation: &'static str,
    pub kind: VitKind,
}

/// How a tower is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VitKind {
    /// A class token, a norm before the blocks; the norm behind them is of the pooled output alone.
    Clip,
    /// Patches alone, and a norm of the last state.
    Siglip,
    /// A class token, what each half-block adds scaled channel by channel, no norm behind the blocks.
    Intern,
}

/// `model_type: clip_vision_model`.
pub const CLIP: VitClass = VitClass {
    width: 768,
    hidden: 3072,
    layers: 12,
    heads: 12,
    image: 224,
    patch: 32,
    epsilon: 1e-5,
    activation: "quick_gelu",
    kind: VitKind::Clip,
};

/// `model_type: siglip_vision_model`.
pub const SIGLIP: VitClass =
    VitClass { patch: 16, epsilon: 1e-6, activation: "gelu_pytorch_tanh", kind: VitKind::Siglip, ..CLIP };

/// `model_type: idefics3_vision` and `smolvlm_vision`.
pub const IDEFICS3: VitClass = VitClass { width: 1152, heads: 16, patch: 32, ..SIGLIP };

/// `model_type: internvl_vision`.
pub const INTERN: VitClass = VitClass {
    width: 1024,
    hidden: 4096,
    layers: 24,
    heads: 16,
    image: 448,
    patch: 14,
    epsilon: 1e-6,
    activation: "gelu",
    kind: VitKind::Intern,
};

/// `vision_config` of a tower that takes square images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct VitConfig {
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub image: usize,
    pub patch: usize,
    pub channels: usize,
    pub epsilon: f64,
    pub activation: Activation,
    /// Whether queries, keys and values have biases; the output always has.
    pub biased: bool,
    pub kind: VitKind,
}

impl VitConfig {
    /// Reads the sparse JSON; what is left out has the class's default.
    pub fn from_json(json: &Value, class: &VitClass) -> Result<Self> {
        let config = Self {
            width: field(json, "hidden_size", class.width)?,
            hidden: field(json, "intermediate_size", class.hidden)?,
            layers: field(json, "num_hidden_layers", class.layers)?,
            heads: field(json, "num_attention_heads", class.heads)?,
            image: side(json, "image_size", class.image)?,
            patch: side(json, "patch_size", class.patch)?,
            channels: field(json, "num_channels", 3)?,
            epsilon: field(json, "layer_norm_eps", class.epsilon)?,
            activation: Activation::from_config(
                "hidden_act",
                &field(json, "hidden_act", class.activation.to_owned())?,
            )?,
            biased: match class.kind {
                VitKind::Clip | VitKind::Siglip => true,
                VitKind::Intern => field(json, "attention_bias", false)?,
            },
            kind: class.kind,
        };
        for (key, value) in [
            ("hidden_size", config.width),
            ("num_attention_heads", config.heads),
            ("image_size", config.image),
            ("patch_size", config.patch),
        ] {
            if value == 0 {
                return Err(Error::data(format!("`{key}` is 0")));
            }
        }
        if !config.width.is_multiple_of(config.heads) || config.image < config.patch {
            return Err(Error::data(format!(
                "`hidden_size` {} must divide by `num_attention_heads` {}, `image_size` {} hold a `patch_size` of {}",
                config.width, config.heads, config.image, config.patch
            )));
        }
        Ok(config)
    }

    /// Patches along one side; what they leave over at the right and at the bottom, nobody sees.
    pub fn side(&self) -> usize {
        self.image / self.patch
    }

    /// Patches of one image.
    pub fn patches(&self) -> usize {
        self.side() * self.side()
    }

    /// Tokens before the patches.
    pub fn class_tokens(&self) -> usize {
        match self.kind {
            VitKind::Clip | VitKind::Intern => 1,
            VitKind::Siglip => 0,
        }
    }

    /// Tokens of one image.
    pub fn tokens(&self) -> usize {
        self.class_tokens() + self.patches()
    }
}

/// A side in pixels: a number, or two equal ones.
fn side(json: &Value, key: &str, default: usize) -> Result<usize> {
    match json.get(key) {
        Some(Value::Array(_)) => match field::<Vec<usize>>(json, key, Vec::new())?.as_slice() {
            [height, width] if height == width => Ok(*height),
            _ => Err(Error::data(format!("`{key}` is {}; expected a number or two equal ones", json[key]))),
        },
        _ => field(json, key, default),
    }
}
