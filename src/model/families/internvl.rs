//! InternVL in the layout of `transformers` ("-hf"): InternViT, patches joined four by four, Qwen2 decoder (Zhu et al. 2025,
//! arXiv 2504.10479).

use serde_json::Value;

use super::composed::{Binding, Blueprint, Recipe, Rows};
use super::llava::slot;
use super::{is_buffer, layouts, part};
use crate::error::{Error, Result};
use crate::model::checkpoint::{KeyLayout, field};
use crate::model::language::{LLAMA, LlamaConfig, QWEN2};
use crate::model::layers::Activation;
use crate::model::vision::{ConnectorConfig, ConnectorKind, INTERN, Join, VitConfig};

pub const RECIPE: Recipe = Recipe { read: blueprint, layouts: &LAYOUTS, spare: is_buffer };

const LAYOUTS: [KeyLayout; 3] = layouts(
    "vision_tower.vision_model.embeddings.cls_token",
    "vision_tower.embeddings.cls_token",
    "model.vision_tower.embeddings.cls_token",
);

/// `config.json` of `model_type: internvl`.
fn blueprint(json: &Value) -> Result<Blueprint> {
    let vision = part(json, "vision_config", &["internvl_vision"])?;
    for (key, needed) in [("use_qk_norm", false), ("use_mean_pooling", true)] {
        let value = field(&vision, key, needed)?;
        if value != needed {
            return Err(Error::data(format!("`vision_config.{key}` is {value}; only towers with {needed} are read")));
        }
    }
    let norm: String = field(&vision, "norm_type", "layer_norm".to_owned())?;
    if norm != "layer_norm" {
        return Err(Error::data(format!("`vision_config.norm_type` is `{norm}`; expected `layer_norm`")));
    }
    let vision = VitConfig::from_json(&vision, &INTERN).map_err(|error| error.within("vision_config"))?;
    let text = part(json, "text_config", &["qwen2", "llama"])?;
    let class = if field(&text, "model_type", String::new())? == "llama" { &LLAMA } else { &QWEN2 };
    let mut text = LlamaConfig::of_class(&text, class).map_err(|error| error.within("text_config"))?;
    text.tied = field(json, "tie_word_embeddings", true)?;
    let ratio: f64 = field(json, "downsample_ratio", 0.5)?;
    let side = (1.0 / ratio).round();
    if !(1.0..=64.0).contains(&side) || (side * ratio - 1.0).abs() > 1e-9 {
        return Err(Error::data(format!("`downsample_ratio` is {ratio}: expected one over a whole number")));
    }
    let layer = json.get("vision_feature_layer").cloned().unwrap_or(Value::from(-1));
    let activation = field(json, "projector_hidden_act", "gelu".to_owned())?;
    let connector = ConnectorConfig {
        join: Join::Concat(side as usize),
        patches: vision.side(),
        input: vision.width,
        output: text.width,
        kind: ConnectorKind::NormTwo { activation: Activation::from_config("projector_hidden_act", &activation)? },
    };
    Ok(Blueprint {
        slots: vec![slot(&layer, vision.layers)?],
        rows: Rows::Plain,
        binding: Binding::None,
        vision,
        text,
        connector,
    })
}
