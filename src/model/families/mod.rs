//! One file a family: configuration, key table, wiring, and little else.

mod composed;
mod gemma3;
mod idefics3;
mod internvl;
mod llava;
mod llava_next;
mod paligemma;
mod qwen_vl;
mod spatial_mllm;

use std::path::Path;

use burn::tensor::Device;
use composed::{Composed, Recipe};
pub use llava::{Llava, LlavaConfig};
pub use qwen_vl::{QwenVl, QwenVlConfig};
use serde_json::Value;
pub use spatial_mllm::{SpatialMllm, SpatialMllmConfig, open_point_head, open_spatial_connector, open_vggt};

use super::VisionLanguage;
use super::checkpoint::{KeyLayout, Weights, field, holds, read_json};
use crate::error::{Error, Result, suggestion};

/// A family of checkpoints that can be read, by its `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Llava,
    Qwen2Vl,
    Qwen25Vl,
    Gemma3,
    Idefics3,
    SmolVlm,
    LlavaNext,
    PaliGemma,
    InternVl,
    SpatialMllm,
}

const FAMILIES: [(&str, Family); 10] = [
    ("llava", Family::Llava),
    ("qwen2_vl", Family::Qwen2Vl),
    ("qwen2_5_vl", Family::Qwen25Vl),
    ("gemma3", Family::Gemma3),
    ("idefics3", Family::Idefics3),
    ("smolvlm", Family::SmolVlm),
    ("llava_next", Family::LlavaNext),
    ("paligemma", Family::PaliGemma),
    ("internvl", Family::InternVl),
    ("spatial-mllm", Family::SpatialMllm),
];

/// The three ways in which the tensors of LLaVA and its kin are named on disk, by the release of `transformers` that wrote
/// them; `mark` is a tensor of the tower's embeddings.
const fn layouts(original: &'static str, version_5: &'static str, in_memory: &'static str) -> [KeyLayout; 3] {
    [
        KeyLayout {
            name: "original",
            mark: original,
            prefixes: &[("vision_tower.", "vision_tower.vision_model."), ("language_model.", "language_model.")],
        },
        KeyLayout { name: "version 5", mark: version_5, prefixes: &[] },
        KeyLayout {
            name: "in memory",
            mark: in_memory,
            prefixes: &[
                ("vision_tower.", "model.vision_tower."),
                ("multi_modal_projector.", "model.multi_modal_projector."),
                ("image_newline", "model.image_newline"),
                ("language_model.model.", "model.language_model."),
                ("language_model.lm_head.", "lm_head."),
            ],
        },
    ]
}

/// With CLIP's tower.
const CLIP_LAYOUTS: [KeyLayout; 3] = layouts(
    "vision_tower.vision_model.embeddings.class_embedding",
    "vision_tower.embeddings.class_embedding",
    "model.vision_tower.embeddings.class_embedding",
);

/// With SigLIP's.
const SIGLIP_LAYOUTS: [KeyLayout; 3] = layouts(
    "vision_tower.vision_model.embeddings.patch_embedding.bias",
    "vision_tower.embeddings.patch_embedding.bias",
    "model.vision_tower.embeddings.patch_embedding.bias",
);

/// Buffers that old files carry and nothing learns.
fn is_buffer(key: &str) -> bool {
    ["rotary_emb.inv_freq", "rotary_pos_emb.inv_freq", "embeddings.position_ids"].iter().any(|name| key.ends_with(name))
}

/// Buffers, and the pooling head of some SigLIP files, which the language model never sees.
fn is_spare_head(key: &str) -> bool {
    is_buffer(key) || key.contains("vision_tower.head.") || key.contains("vision_tower.vision_model.head.")
}

/// A nested configuration, which must be of a kind that this family is wired for; the first if it does not say.
fn part(json: &Value, key: &str, expected: &[&str]) -> Result<Value> {
    let part = json.get(key).cloned().ok_or_else(|| Error::data(format!("`{key}` is missing")))?;
    let kind: String = field(&part, "model_type", expected.first().copied().unwrap_or_default().to_owned())?;
    if !expected.contains(&kind.as_str()) {
        let supported: Vec<_> = expected.iter().map(|name| format!("`{name}`")).collect();
        return Err(Error::data(format!("`{key}.model_type` is `{kind}`; supported: {}", supported.join(", "))));
    }
    Ok(part)
}

impl Family {
    /// Reads `model_type` from a folder's config.json. The first Spatial-MLLM calls itself a Qwen2.5-VL there; its weights
    /// tell them apart.
    ///
    /// # Errors
    /// No config.json, or a `model_type` that no family here answers to.
    pub fn of(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(Error::usage(format!("`{}` is not a folder", folder.display())).with_help(
                "a model is a Hugging Face folder: config.json, *.safetensors, tokenizer.json, processor files",
            ));
        }
        let path = folder.join("config.json");
        let config = read_json(&path)?;
        if let Some(method) = config.get("quantization_config").filter(|value| !value.is_null()) {
            let name = method.get("quant_method").and_then(|name| name.as_str()).unwrap_or("some method");
            let message = format!("{}: the weights are quantised (`{name}`), which is not supported", path.display());
            return Err(Error::data(message)
                .with_help("only f32, f16 and bf16 weights are read: use the checkpoint that this one was made from"));
        }
        let name = config.get("model_type").and_then(|value| value.as_str()).ok_or_else(|| {
            Error::data(format!("{}: `model_type` is missing", path.display()))
                .with_help(format!("supported: {}", Self::names().collect::<Vec<_>>().join(", ")))
        })?;
        let family = FAMILIES.iter().find(|(known, _)| *known == name).map(|(_, family)| *family);
        let spatial = |family| family == Family::Qwen25Vl && holds(folder, spatial_mllm::MARK_OF_ONE);
        family.map(|family| if spatial(family) { Self::SpatialMllm } else { family }).ok_or_else(|| {
            Error::data(format!("{}: `model_type` is `{name}`, which is not supported", path.display()))
                .with_help(suggestion(name, FAMILIES.iter().map(|(known, _)| *known)))
        })
    }

    /// Its `model_type`.
    pub fn name(self) -> &'static str {
        FAMILIES.iter().find(|(_, family)| *family == self).map_or("", |(name, _)| name)
    }

    /// The supported values of `model_type`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FAMILIES.iter().map(|(name, _)| *name)
    }
}

impl Family {
    /// How a model of tower, connector and decoder is put together; None of those that are put together by themselves.
    fn recipe(self) -> Option<&'static Recipe> {
        match self {
            Self::Llava | Self::Qwen2Vl | Self::Qwen25Vl | Self::SpatialMllm => None,
            Self::Gemma3 => Some(&gemma3::RECIPE),
            Self::Idefics3 | Self::SmolVlm => Some(&idefics3::RECIPE),
            Self::LlavaNext => Some(&llava_next::RECIPE),
            Self::PaliGemma => Some(&paligemma::RECIPE),
            Self::InternVl => Some(&internvl::RECIPE),
        }
    }
}

/// A model of a folder's configuration whose weights are drawn at random: the control that has the architecture but
/// learned nothing.
///
/// # Errors
/// A configuration that does not fit, by file and key.
pub fn untrained(folder: &Path, seed: u64, device: &Device) -> Result<Box<dyn VisionLanguage>> {
    let family = Family::of(folder)?;
    match (family.recipe(), family) {
        (Some(recipe), _) => Ok(Box::new(Composed::untrained(folder, recipe, seed, device)?)),
        (None, Family::Llava) => Ok(Box::new(Llava::untrained(folder, seed, device)?)),
        (None, Family::SpatialMllm) => Ok(Box::new(SpatialMllm::untrained(folder, seed, device)?)),
        (None, _) => Ok(Box::new(QwenVl::untrained(folder, seed, device)?)),
    }
}

/// Reads a checkpoint folder onto a device.
///
/// # Errors
/// Anything about the folder that does not fit, by file and key.
pub fn open(folder: &Path, device: &Device) -> Result<Box<dyn VisionLanguage>> {
    open_as(folder, device, Weights::Resident)
}

/// As [`open`], and where the weights are to be.
///
/// # Errors
/// As [`open`].
pub fn open_as(folder: &Path, device: &Device, weights: Weights) -> Result<Box<dyn VisionLanguage>> {
    let family = Family::of(folder)?;
    match (family.recipe(), family) {
        (Some(recipe), _) => Ok(Box::new(Composed::open(folder, recipe, device, weights)?)),
        (None, Family::Llava) => Ok(Box::new(Llava::open(folder, device, weights)?)),
        (None, Family::SpatialMllm) => Ok(Box::new(SpatialMllm::open(folder, device, weights)?)),
        (None, _) => Ok(Box::new(QwenVl::open(folder, device, weights)?)),
    }
}
