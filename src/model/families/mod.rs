//! One file a family: configuration, key table, wiring, and little else.

mod llava;
mod qwen_vl;

use std::path::Path;

use burn::tensor::Device;
pub use llava::{Llava, LlavaConfig};
pub use qwen_vl::{QwenVl, QwenVlConfig};

use super::VisionLanguage;
use super::checkpoint::read_json;
use crate::error::{Error, Result, suggestion};

/// A family of checkpoints that can be read, by its `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Llava,
    Qwen2Vl,
    Qwen25Vl,
}

const FAMILIES: [(&str, Family); 3] =
    [("llava", Family::Llava), ("qwen2_vl", Family::Qwen2Vl), ("qwen2_5_vl", Family::Qwen25Vl)];

impl Family {
    /// Reads `model_type` from a folder's config.json.
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
        let name = config.get("model_type").and_then(|value| value.as_str()).ok_or_else(|| {
            Error::data(format!("{}: `model_type` is missing", path.display()))
                .with_help(format!("supported: {}", Self::names().collect::<Vec<_>>().join(", ")))
        })?;
        FAMILIES.iter().find(|(known, _)| *known == name).map(|(_, family)| *family).ok_or_else(|| {
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

/// A model of a folder's configuration whose weights are drawn at random: the control that has the architecture but
/// learned nothing.
///
/// # Errors
/// A configuration that does not fit, by file and key.
pub fn untrained(folder: &Path, seed: u64, device: &Device) -> Result<Box<dyn VisionLanguage>> {
    match Family::of(folder)? {
        Family::Llava => Ok(Box::new(Llava::untrained(folder, seed, device)?)),
        Family::Qwen2Vl | Family::Qwen25Vl => Ok(Box::new(QwenVl::untrained(folder, seed, device)?)),
    }
}

/// Reads a checkpoint folder onto a device.
///
/// # Errors
/// Anything about the folder that does not fit, by file and key.
pub fn open(folder: &Path, device: &Device) -> Result<Box<dyn VisionLanguage>> {
    match Family::of(folder)? {
        Family::Llava => Ok(Box::new(Llava::open(folder, device)?)),
        Family::Qwen2Vl | Family::Qwen25Vl => Ok(Box::new(QwenVl::open(folder, device)?)),
    }
}
