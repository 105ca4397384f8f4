//! Qwen2-VL and Qwen2.5-VL: a tower for images and videos of any size, a merger, the Qwen2 decoder with positions in time
//! and space (Wang et al. 2024, arXiv 2409.12191; Bai et al. 2025, arXiv 2502.13923).

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde_json::Value;

use super::is_buffer;
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Checkpoint, KeyLayout, ParamKeys, Random, Source, Weights, field, read_json};
use crate::model::language::{Clip, Llama, LlamaConfig, Position, QWEN2_VL, Sight, Stream, positions};
use crate::model::vision::{PatchGrid, Patching, QwenTower, QwenTowerConfig};
use crate::model::walk::{PROMPT, splice, start};
use crate::model::{Hooks, Inputs, Site, SiteSpec, VisionLanguage};

/// The two ways the tensors are named on disk.
const LAYOUTS: [KeyLayout; 2] = [
    KeyLayout { name: "original", mark: "visual.patch_embed.proj.weight", prefixes: &[] },
    KeyLayout {
        name: "in memory",
        mark: "model.visual.patch_embed.proj.weight",
        prefixes: &[("visual.", "model.visual."), ("model.", "model.language_model.")],
    },
];

/// `config.json` of `model_type: qwen2_vl` or `qwen2_5_vl`.
#[derive(Clone, Debug, PartialEq)]
pub struct QwenVlConfig {
    pub vision: QwenTowerConfig,
    pub text: LlamaConfig,
    /// How far a second of video moves the time coordinate; None where every frame group moves it by one.
    pub per_second: Option<f32>,
}

impl QwenVlConfig {
    /// Reads `config.json` of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        Self::from_json(&read_json(&path)?).map_err(|error| error.within(path.display()))
    }

    pub fn from_json(json: &Value) -> Result<Self> {
        let empty = Value::Object(serde_json::Map::new());
        let vision = json.get("vision_config").filter(|value| !value.is_null()).unwrap_or(&empty);
        let within = |error: Error| error.within("vision_config");
        let (vision, per_second) = match field(json, "model_type", String::new())?.as_str() {
            "qwen2_vl" => (QwenTowerConfig::second(vision).map_err(within)?, None),
            _ => {
                let rate = field(vision, "tokens_per_second", 4.0).map_err(within)?;
                (QwenTowerConfig::second_and_a_half(vision).map_err(within)?, Some(rate))
            }
        };
        let text_json = text_config(json)?;
        let mut text = LlamaConfig::of_class(text_json, &QWEN2_VL).map_err(|error| match json.get("text_config") {
            Some(_) => error.within("text_config"),
            None => error,
        })?;
        // Root or text: either says it, and a root that says no does not overrule the text.
        text.tied |= field(json, "tie_word_embeddings", false)?;
        if vision.out != text.width {
            return Err(Error::data(format!(
                "the merger makes tokens of {} numbers, the language model reads {} (`hidden_size`)",
                vision.out, text.width
            )));
        }
        Ok(Self { vision, text, per_second })
    }
}

/// The language model's keys, which old files hold at the root and new ones under `text_config`.
///
/// # Errors
/// Both, contradicting each other about a size.
fn text_config(json: &Value) -> Result<&Value> {
    const SIZES: [&str; 6] = [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
    ];
    let Some(nested) = json.get("text_config").filter(|value| !value.is_null()) else {
        if json.get("hidden_size").is_none() {
            return Err(Error::data("the language model's sizes are missing: neither `hidden_size` nor `text_config`"));
        }
        return Ok(json);
    };
    let contradicts = |key: &&&str| matches!((json.get(**key), nested.get(**key)), (Some(a), Some(b)) if a != b);
    match SIZES.iter().find(contradicts) {
        None => Ok(nested),
        Some(key) => {
            Err(Error::data(format!("`{key}` is {} at the root and {} in text_config", json[*key], nested[*key])))
        }
    }
}

/// A Qwen2-VL or Qwen2.5-VL model.
#[derive(Module, Debug)]
pub struct QwenVl {
    tower: QwenTower,
    pub(crate) language: Llama,
    #[module(skip)]
    config: QwenVlConfig,
}

impl QwenVl {
    /// Builds the model of a folder's configuration with random weights.
    pub fn untrained(folder: &Path, seed: u64, device: &Device) -> Result<Self> {
        let config = QwenVlConfig::read(folder)?;
        Ok(Self::build(&mut Random::new(seed, config.text.layers), &config, device)?.0)
    }

    /// Reads a checkpoint folder.
    pub fn open(folder: &Path, device: &Device, weights: Weights) -> Result<Self> {
        Ok(Self::read(folder, device, weights)?.0)
    }

    /// Reads a checkpoint folder, and remembers the key of each parameter for saving.
    pub fn open_with_keys(folder: &Path, device: &Device) -> Result<(Self, ParamKeys)> {
        Self::read(folder, device, Weights::Resident)
    }

    fn read(folder: &Path, device: &Device, weights: Weights) -> Result<(Self, ParamKeys)> {
        let mut config = QwenVlConfig::read(folder)?;
        let mut checkpoint = Checkpoint::open(folder, &LAYOUTS, weights)?;
        // A tied head is absent from the file; one that is stored all the same is read, as the reference does.
        config.text.tied &= !checkpoint.holds("lm_head.weight");
        let built = Self::build(&mut checkpoint, &config, device)?;
        checkpoint.finish(is_buffer)?;
        Ok(built)
    }

    /// Builds the model from any source of tensors.
    pub fn build(source: &mut dyn Source, config: &QwenVlConfig, device: &Device) -> Result<(Self, ParamKeys)> {
        let mut keys = ParamKeys::default();
        let model = Self::assemble(&mut Builder::new(source, &mut keys, device), config)?;
        Ok((model, keys))
    }

    /// `weights` stands at the root, which holds `visual`, `model` and `lm_head`.
    pub(super) fn assemble(weights: &mut Builder<'_>, config: &QwenVlConfig) -> Result<Self> {
        let tower = QwenTower::build(&mut weights.within("visual"), &config.vision)?;
        let language = Llama::build(weights, &config.text)?;
        Ok(Self { tower, language, config: config.clone() })
    }

    pub fn config(&self) -> &QwenVlConfig {
        &self.config
    }

    /// The patches of the inputs.
    pub(super) fn grid(&self, inputs: &Inputs) -> Result<PatchGrid> {
        self.tower.grid(&inputs.pixels)
    }

    /// What the merger makes of the inputs' pixels, `[batch, image tokens, width]`.
    pub(super) fn merged(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        self.merged_from(inputs, 0, self.tower.embed(inputs.pixels.clone())?, hooks)
    }

    /// As [`merged`](Self::merged), from the tower's residual stream at a slot on.
    pub(super) fn merged_from(
        &self,
        inputs: &Inputs,
        slot: usize,
        state: Tensor<3>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let grid = self.grid(inputs)?;
        let patches = self.tower.forward_from(slot, state, grid, hooks)?;
        Ok(self.tower.merge(hooks.tokens(Site::VisionOut, patches)?, grid))
    }

    /// Sites of the tower up to what enters the merger.
    pub(super) fn tower_sites(&self) -> Vec<SiteSpec> {
        let mut sites = self.tower.sites();
        sites.push(SiteSpec {
            site: Site::VisionOut,
            shape: format!("[batch, patches, {}]", self.config.vision.width),
            meaning: "exactly what enters the merger: patches row by row, before they are joined into tokens",
        });
        sites
    }

    /// Sites from the language model's input on.
    pub(super) fn language_sites(&self) -> Vec<SiteSpec> {
        self.language.sites()
    }

    /// The run of image tokens in one item's prompt.
    fn clip(&self, inputs: &Inputs, item: usize, grid: PatchGrid) -> Result<Clip> {
        let Patching { merge, frames, .. } = self.config.vision.patching;
        let (image, seconds) = (&inputs.image[item], inputs.frame_seconds[item]);
        let (rows, cols) = (grid.rows / merge, grid.cols / merge);
        let start = image.first().copied().unwrap_or(0);
        let tokens = grid.times * rows * cols;
        if image.len() != tokens || image.last().is_some_and(|last| *last + 1 != start + tokens) {
            return Err(Error::data(format!(
                "the prompt holds {} image tokens from position {start} on, the image makes {tokens} in one run",
                image.len()
            )));
        }
        // In this order and precision, as the reference multiplies.
        let time_step = self.config.per_second.map_or(1.0, |rate| rate * (seconds * frames as f64) as f32);
        Ok(Clip { start, times: grid.times, rows, cols, time_step })
    }
}

impl VisionLanguage for QwenVl {
    fn language(&self) -> &Llama {
        &self.language
    }

    fn sites(&self) -> Vec<SiteSpec> {
        let mut sites = self.tower_sites();
        sites.push(SiteSpec {
            site: Site::ProjectorOut,
            shape: format!("[batch, image tokens, {}]", self.config.text.width),
            meaning: "image tokens in the language model's space, row by row, frame group after frame group",
        });
        sites.extend(self.language_sites());
        sites
    }

    fn parameters(&self) -> usize {
        self.num_params() + self.language.streamed_parameters()
    }

    fn patching(&self) -> Option<&Patching> {
        Some(&self.config.vision.patching)
    }

    fn positions(&self, inputs: &Inputs) -> Result<Vec<Vec<Position>>> {
        let grid = self.tower.grid(&inputs.pixels)?;
        let [_, tokens] = inputs.ids.dims();
        (0..inputs.batch()).map(|item| Ok(positions(tokens, &[self.clip(inputs, item, grid)?]))).collect()
    }

    fn encode(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let tokens = self.merged(inputs, hooks)?;
        hooks.tokens(Site::ProjectorOut, tokens)
    }

    fn encode_from(
        &self,
        inputs: &Inputs,
        slot: usize,
        state: &dyn Fn(usize) -> Result<Tensor<3>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let tokens = self.merged_from(inputs, slot, state(slot)?, hooks)?;
        hooks.tokens(Site::ProjectorOut, tokens)
    }

    fn encoder_slots(&self) -> Vec<usize> {
        vec![self.config.vision.layers]
    }

    fn embed(&self, inputs: &Inputs, visual: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Stream> {
        let residual = splice(self.language.embed(inputs.ids.clone()), visual, &inputs.image)?;
        let sight = Sight { rotary: self.language.rotary_at(&self.positions(inputs)?), mask: PROMPT };
        let residual = start(residual, hooks)?;
        Ok(Stream { residual, sight, near: None, lengths: inputs.lengths.clone(), past: Vec::new() })
    }
}
