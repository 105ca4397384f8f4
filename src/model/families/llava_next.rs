//! LLaVA-NeXT (1.6): LLaVA with tiles of any aspect ratio beside the whole image, each row of tokens ended by a token that
//! was learned; LLaMA, Mistral or Qwen2 decoders (Liu et al. 2024, "LLaVA-NeXT").

use serde_json::Value;

use super::composed::{Binding, Blueprint, Recipe, Rows};
use super::llava::slots;
use super::{CLIP_LAYOUTS, is_buffer, part};
use crate::error::{Error, Result};
use crate::model::checkpoint::field;
use crate::model::language::{LLAMA, LlamaConfig, MISTRAL, QWEN2};
use crate::model::layers::Activation;
use crate::model::vision::{CLIP, ConnectorConfig, ConnectorKind, Join, VitConfig};

pub const RECIPE: Recipe = Recipe { read: blueprint, layouts: &CLIP_LAYOUTS, spare: is_buffer };

/// `config.json` of `model_type: llava_next`.
fn blueprint(json: &Value) -> Result<Blueprint> {
    let vision = VitConfig::from_json(&part(json, "vision_config", &["clip_vision_model"])?, &CLIP)
        .map_err(|error| error.within("vision_config"))?;
    let text = part(json, "text_config", &["llama", "mistral", "qwen2"])?;
    let class = match field(&text, "model_type", String::new())?.as_str() {
        "mistral" => &MISTRAL,
        "qwen2" => &QWEN2,
        _ => &LLAMA,
    };
    let mut text = LlamaConfig::of_class(&text, class).map_err(|error| error.within("text_config"))?;
    text.tied = field(json, "tie_word_embeddings", text.tied)?;
    let strategy: String = field(json, "vision_feature_select_strategy", "default".to_owned())?;
    if strategy != "default" {
        let message = format!("`vision_feature_select_strategy` is `{strategy}`; only `default` has tiles");
        return Err(Error::data(message));
    }
    let slots = slots(json, vision.layers)?;
    let activation = field(json, "projector_hidden_act", "gelu".to_owned())?;
    let connector = ConnectorConfig {
        join: Join::None,
        patches: vision.side(),
        input: vision.width * slots.len(),
        output: text.width,
        kind: ConnectorKind::Two {
            activation: Activation::from_config("projector_hidden_act", &activation)?,
            biased: field(json, "multimodal_projector_bias", true)?,
        },
    };
    Ok(Blueprint { slots, rows: Rows::Ended, binding: Binding::None, vision, text, connector })
}
