//! LLaVA-1.5: CLIP tower, two-layer projector, LLaMA decoder (Liu et al. 2023, arXiv 2310.03744).

use std::path::Path;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use serde_json::Value;

use super::{CLIP_LAYOUTS, is_buffer, part};
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Checkpoint, ParamKeys, Random, Role, Source, Weights, field, read_json};
use crate::model::language::{Llama, LlamaConfig, Position, Sight, Stream};
use crate::model::layers::{Activation, Mask};
use crate::model::vision::{CLIP, VitConfig, VitTower};
use crate::model::walk::{PROMPT, arrange, splice, start};
use crate::model::{Hooks, Inputs, Quirks, Site, SiteSpec, VisionLanguage};

/// `config.json` of `model_type: llava`.
#[derive(Clone, Debug, PartialEq)]
pub struct LlavaConfig {
    pub vision: VitConfig,
    pub text: LlamaConfig,
    pub activation: Activation,
    pub projector_bias: bool,
    /// Slots of the tower whose states are joined along the width, each counted from 0.
    pub slots: Vec<usize>,
    pub keeps_class: bool,
}

impl LlavaConfig {
    /// Reads the `config.json` of a checkpoint folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        Self::from_json(&read_json(&path)?).map_err(|error| error.within(path.display()))
    }

    pub fn from_json(json: &Value) -> Result<Self> {
        let vision = VitConfig::from_json(&part(json, "vision_config", &["clip_vision_model"])?, &CLIP)
            .map_err(|error| error.within("vision_config"))?;
        let mut text = LlamaConfig::from_json(&part(json, "text_config", &["llama"])?)
            .map_err(|error| error.within("text_config"))?;
        text.tied = field(json, "tie_word_embeddings", text.tied)?;
        let slots = slots(json, vision.layers)?;
        let keeps_class = match field(json, "vision_feature_select_strategy", "default".to_owned())?.as_str() {
            "default" => false,
            "full" => true,
            other => {
                return Err(Error::data(format!(
                    "`vision_feature_select_strategy` is `{other}`; expected `default` or `full`"
                )));
            }
        };
        let act = field(json, "projector_hidden_act", "gelu".to_owned())?;
        Ok(Self {
            activation: Activation::from_config("projector_hidden_act", &act)?,
            projector_bias: field(json, "multimodal_projector_bias", true)?,
            vision,
            text,
            slots,
            keeps_class,
        })
    }
}

/// `vision_feature_layer`: one or several, the last but one unless it says otherwise.
pub(super) fn slots(json: &Value, layers: usize) -> Result<Vec<usize>> {
    match json.get("vision_feature_layer") {
        Some(Value::Array(list)) => list.iter().map(|value| slot(value, layers)).collect(),
        Some(value) => Ok(vec![slot(value, layers)?]),
        None => Ok(vec![slot(&Value::from(-2), layers)?]),
    }
}

/// A layer index of `vision_feature_layer`, which counts states and may count from the end.
pub(super) fn slot(value: &Value, layers: usize) -> Result<usize> {
    let states = layers as i64 + 1;
    let index = value.as_i64().filter(|index| (-states..states).contains(index)).ok_or_else(|| {
        Error::data(format!("`vision_feature_layer` is {value}; expected {} to {}", -states, states - 1))
    })?;
    Ok(index.rem_euclid(states) as usize)
}

#[derive(Module, Debug)]
struct Projector {
    linear1: Linear,
    linear2: Linear,
    #[module(skip)]
    activation: Activation,
}

/// A LLaVA-1.5 model.
#[derive(Module, Debug)]
pub struct Llava {
    tower: VitTower,
    projector: Projector,
    pub(crate) language: Llama,
    #[module(skip)]
    config: LlavaConfig,
    /// Token ids that prompts are padded to on the left; see [`Quirks::padded_to`].
    #[module(skip)]
    padded_to: usize,
}

impl Llava {
    /// Reads a checkpoint folder.
    pub fn open(folder: &Path, device: &Device, weights: Weights) -> Result<Self> {
        Ok(Self::read(folder, device, weights)?.0)
    }

    /// Reads a checkpoint folder, and remembers the key of each parameter for saving.
    pub fn open_with_keys(folder: &Path, device: &Device) -> Result<(Self, ParamKeys)> {
        Self::read(folder, device, Weights::Resident)
    }

    fn read(folder: &Path, device: &Device, weights: Weights) -> Result<(Self, ParamKeys)> {
        let mut config = LlavaConfig::read(folder)?;
        let mut checkpoint = Checkpoint::open(folder, &CLIP_LAYOUTS, weights)?;
        // A tied head is absent from the file; one that is stored all the same is read, as the reference does.
        config.text.tied &= !checkpoint.holds("language_model.lm_head.weight");
        let built = Self::build(&mut checkpoint, &config, device)?;
        checkpoint.finish(is_buffer)?;
        Ok(built)
    }

    /// Builds the model of a folder's configuration with random weights.
    pub fn untrained(folder: &Path, seed: u64, device: &Device) -> Result<Self> {
        let config = LlavaConfig::read(folder)?;
        Ok(Self::build(&mut Random::new(seed, config.text.layers), &config, device)?.0)
    }

    /// Builds the model from any source of tensors.
    pub fn build(source: &mut dyn Source, config: &LlavaConfig, device: &Device) -> Result<(Self, ParamKeys)> {
        let mut keys = ParamKeys::default();
        let mut weights = Builder::new(source, &mut keys, device);
        let (wide, width) = (config.vision.width * config.slots.len(), config.text.width);
        let tower = VitTower::build(&mut weights.within("vision_tower"), &config.vision)?;
        let mut part = weights.within("multi_modal_projector");
        let mut linear = |name: &str, input: usize| match config.projector_bias {
            true => part.linear_biased(name, input, width, Role::Weight),
            false => part.linear(name, input, width, Role::Weight),
        };
        let projector = Projector {
            linear1: linear("linear_1", wide)?,
            linear2: linear("linear_2", width)?,
            activation: config.activation,
        };
        let language = Llama::build(&mut weights.within("language_model"), &config.text)?;
        let model = Self { tower, projector, language, config: config.clone(), padded_to: 0 };
        Ok((model, keys))
    }

    pub fn config(&self) -> &LlavaConfig {
        &self.config
    }

    fn stream(&self, residual: Tensor<3>, positions: &[usize], mask: Mask, lengths: Vec<usize>) -> Stream {
        let sight = Sight { rotary: self.language.rotary(positions), mask };
        Stream { residual, sight, near: None, lengths, past: Vec::new() }
    }

    /// The stream at `lm.0.resid` with positions and mask of the caller's choosing, one set for the whole batch.
    pub fn embed_at(&self, inputs: &Inputs, visual: Tensor<3>, positions: &[usize], mask: Mask) -> Result<Stream> {
        let residual = splice(self.language.embed(inputs.ids.clone()), visual, &inputs.image)?;
        Ok(self.stream(residual, positions, mask, inputs.lengths.clone()))
    }

    /// What the projector makes of the tower's states at the slots that it reads.
    fn project(&self, inputs: &Inputs, states: Vec<Tensor<3>>, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let joined = Tensor::cat(states, 2);
        let [_, tokens, _] = joined.dims();
        let features = if self.config.keeps_class { joined } else { joined.narrow(1, 1, tokens - 1) };
        let features = hooks.tokens(Site::VisionOut, features)?;
        let Projector { linear1, linear2, activation } = &self.projector;
        let projected = linear2.forward(activation.forward(linear1.forward(features)));
        hooks.tokens(Site::ProjectorOut, arrange(projected, inputs, None)?)
    }
}

impl VisionLanguage for Llava {
    fn language(&self) -> &Llama {
        &self.language
    }

    fn sites(&self) -> Vec<SiteSpec> {
        let LlavaConfig { vision, text, slots, keeps_class, .. } = &self.config;
        let tokens = vision.side() * vision.side() + usize::from(*keeps_class);
        let mut sites = self.tower.sites(&vision.tokens().to_string());
        sites.push(SiteSpec {
            site: Site::VisionOut,
            shape: format!("[batch, {tokens}, {}]", vision.width * slots.len()),
            meaning: "exactly what enters the projector",
        });
        sites.push(SiteSpec {
            site: Site::ProjectorOut,
            shape: format!("[batch, {tokens}, {}]", text.width),
            meaning: "image tokens in the language model's space, row by row",
        });
        sites.extend(self.language.sites());
        sites
    }

    fn parameters(&self) -> usize {
        self.num_params() + self.language.streamed_parameters()
    }

    fn encode(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let states = self.tower.forward(inputs.still()?, &self.config.slots, hooks)?;
        self.project(inputs, states, hooks)
    }

    fn encode_from(
        &self,
        inputs: &Inputs,
        slot: usize,
        state: &dyn Fn(usize) -> Result<Tensor<3>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let states = self.tower.forward_from(slot, state, &self.config.slots, hooks)?;
        self.project(inputs, states, hooks)
    }

    fn encoder_slots(&self) -> Vec<usize> {
        self.config.slots.clone()
    }

    fn embed(&self, inputs: &Inputs, visual: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Stream> {
        let [_, tokens] = inputs.ids.dims();
        let positions: Vec<usize> = (0..tokens).collect();
        let mut stream = self.embed_at(inputs, visual, &positions, PROMPT)?;
        if self.padded_to > 0 {
            stream.sight.rotary = self.language.rotary_at(&self.positions(inputs)?);
        }
        stream.residual = start(stream.residual, hooks)?;
        Ok(stream)
    }

    fn positions(&self, inputs: &Inputs) -> Result<Vec<Vec<Position>>> {
        let [_, tokens] = inputs.ids.dims();
        let of = |(&length, image): (&usize, &Vec<usize>)| {
            let ids = length - image.len() + usize::from(!image.is_empty());
            let padding = self.padded_to.saturating_sub(ids);
            (padding..padding + tokens).map(|at| [at; 3]).collect()
        };
        Ok(inputs.lengths.iter().zip(&inputs.image).map(of).collect())
    }

    fn with_quirks(&self, quirks: Quirks) -> Option<Box<dyn VisionLanguage>> {
        let mut model = self.clone();
        if let Some(epsilon) = quirks.epsilon {
            model.language = model.language.with_epsilon(epsilon);
        }
        model.padded_to = quirks.padded_to.unwrap_or_default();
        Some(Box::new(model))
    }

    fn pool(&self, last: Tensor<3>) -> Option<Tensor<2>> {
        self.tower.pool(last)
    }
}
