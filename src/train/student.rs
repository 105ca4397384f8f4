//! A model in training, of whichever family.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use crate::error::{Error, Result};
use crate::model::checkpoint::{ParamKeys, Random, read_json};
use crate::model::families::{Family, Llava, LlavaConfig, QwenVl, QwenVlConfig, SpatialMllm, SpatialMllmConfig};
use crate::model::language::farthest;
use crate::model::layers::Mask;
use crate::model::{Inputs, Stream, VisionLanguage};

/// The families that can be trained.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Student {
    Llava(Llava),
    Qwen(QwenVl),
    Spatial(SpatialMllm),
}

impl Student {
    /// A model of a folder's configuration with random weights, and the key of each parameter.
    pub fn fresh(folder: &Path, seed: u64, device: &Device) -> Result<(Self, ParamKeys)> {
        let json = read_json(&folder.join("config.json"))?;
        let source = |depth| Random::new(seed, depth);
        Ok(match Family::of(folder)? {
            Family::Llava => {
                let config = LlavaConfig::from_json(&json)?;
                let (model, keys) = Llava::build(&mut source(config.text.layers), &config, device)?;
                (Self::Llava(model), keys)
            }
            Family::Qwen25Vl => {
                let config = QwenVlConfig::from_json(&json)?;
                let (model, keys) = QwenVl::build(&mut source(config.text.layers), &config, device)?;
                (Self::Qwen(model), keys)
            }
            Family::SpatialMllm => {
                let config = SpatialMllmConfig::from_json(&json, None)?;
                let (model, keys) = SpatialMllm::build(&mut source(config.base.text.layers), &config, device)?;
                (Self::Spatial(model), keys)
            }
            other => return Err(Error::usage(format!("models of family `{}` cannot be trained here", other.name()))),
        })
    }

    /// Reads a checkpoint folder, and the key of each parameter.
    pub fn open(folder: &Path, device: &Device) -> Result<(Self, ParamKeys)> {
        Ok(match Family::of(folder)? {
            Family::Llava => {
                let (model, keys) = Llava::open_with_keys(folder, device)?;
                (Self::Llava(model), keys)
            }
            Family::Qwen25Vl => {
                let (model, keys) = QwenVl::open_with_keys(folder, device)?;
                (Self::Qwen(model), keys)
            }
            Family::SpatialMllm => {
                let (model, keys) = SpatialMllm::open_with_keys(folder, device)?;
                (Self::Spatial(model), keys)
            }
            other => return Err(Error::usage(format!("models of family `{}` cannot be trained here", other.name()))),
        })
    }

    pub fn walk(&self) -> &dyn VisionLanguage {
        match self {
            Self::Llava(model) => model,
            Self::Qwen(model) => model,
            Self::Spatial(model) => model,
        }
    }

    /// The table of word embeddings, `[vocabulary, width]`.
    pub fn words(&self) -> Tensor<2> {
        self.walk().language().embeddings()
    }

    /// Questions `[questions, tokens]` that continue prompts, each seeing its prompt and itself, at the positions that they
    /// would have there.
    ///
    /// # Errors
    /// Prompts that end at different positions.
    pub fn asked(&self, prompts: &Inputs, questions: Tensor<2, Int>) -> Result<Stream> {
        let ends: Vec<usize> = self.walk().positions(prompts)?.iter().map(|prompt| farthest(prompt)).collect();
        let first = ends.first().copied().unwrap_or(0);
        if ends.iter().any(|end| *end != first) {
            return Err(Error::data("a batch mixes images or videos behind which text stands at different positions"));
        }
        let [count, tokens] = questions.dims();
        let positions: Vec<usize> = (first..first + tokens).collect();
        Ok(self.walk().language().text(questions, &positions, Mask::Causal, vec![tokens; count]))
    }
}
