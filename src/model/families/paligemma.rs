//! PaliGemma: SigLIP tower, one linear map, Gemma decoder whose whole prompt sees itself (Beyer et al. 2024, arXiv
//! 2407.07726).

use serde_json::{Value, json};

use super::composed::{Binding, Blueprint, Recipe, Rows};
use super::{SIGLIP_LAYOUTS, is_spare_head, part};
use crate::error::{Error, Result};
use crate::model::checkpoint::field;
use crate::model::language::{GEMMA, LlamaConfig};
use crate::model::vision::{ConnectorConfig, ConnectorKind, Join, SIGLIP, VitClass, VitConfig};

pub const RECIPE: Recipe = Recipe { read: blueprint, layouts: &SIGLIP_LAYOUTS, spare: is_spare_head };

/// `config.json` of `model_type: paligemma`.
fn blueprint(json: &Value) -> Result<Blueprint> {
    // Without a vision part, the family's own tower is meant; with one, its class's.
    const OWN: VitClass =
        VitClass { width: 1152, hidden: 4096, layers: 27, heads: 16, image: 224, patch: 14, ..SIGLIP };
    let vision = match json.get("vision_config") {
        Some(_) => VitConfig::from_json(&part(json, "vision_config", &["siglip_vision_model"])?, &SIGLIP),
        None => VitConfig::from_json(&json!({}), &OWN),
    }
    .map_err(|error| error.within("vision_config"))?;
    let text = part(json, "text_config", &["gemma"])?;
    let mut text = LlamaConfig::of_class(&text, &GEMMA).map_err(|error| error.within("text_config"))?;
    text.tied = field(json, "tie_word_embeddings", text.tied)?;
    let output: usize = field(json, "projection_dim", 2048)?;
    if output != text.width {
        let message = "makes tokens of that many numbers, the language model reads";
        return Err(Error::data(format!("`projection_dim` {output} {message} {} (`hidden_size`)", text.width)));
    }
    let connector = ConnectorConfig {
        join: Join::None,
        patches: vision.side(),
        input: vision.width,
        output,
        kind: ConnectorKind::One,
    };
    Ok(Blueprint { slots: vec![vision.layers], rows: Rows::Plain, binding: Binding::Prompt, vision, text, connector })
}
