//! Idefics3 and SmolVLM: SigLIP tower, patches joined into few wide tokens and projected by one matrix, LLaMA decoder
//! (Laurençon et al. 2024, arXiv 2408.12637; Marafioti et al. 2025, arXiv 2504.05299).
//!
//! Every tile is square and full, so a patch's position is its place in the tile; the reference's positions for partly
//! padded tiles never arise here, nor does its dropping of tiles that are zero throughout, which no 8-bit image has.

use serde_json::Value;

use super::composed::{Binding, Blueprint, Recipe, Rows};
use super::{is_buffer, part};
use crate::error::{Error, Result};
use crate::model::checkpoint::{KeyLayout, field};
use crate::model::language::LlamaConfig;
use crate::model::vision::{ConnectorConfig, ConnectorKind, IDEFICS3, Join, VitConfig};

pub const RECIPE: Recipe = Recipe { read: blueprint, layouts: &LAYOUTS, spare: is_buffer };

/// All releases of `transformers` name the tensors alike.
const LAYOUTS: [KeyLayout; 1] = [KeyLayout {
    name: "original",
    mark: "model.vision_model.embeddings.patch_embedding.weight",
    prefixes: &[
        ("vision_tower.", "model.vision_model."),
        ("multi_modal_projector.", "model.connector."),
        ("language_model.model.", "model.text_model."),
        ("language_model.lm_head.", "lm_head."),
    ],
}];

/// `config.json` of `model_type: idefics3` or `smolvlm`.
fn blueprint(json: &Value) -> Result<Blueprint> {
    let kinds = ["idefics3_vision", "smolvlm_vision", "idefics3", "smolvlm"];
    let vision = VitConfig::from_json(&part(json, "vision_config", &kinds)?, &IDEFICS3)
        .map_err(|error| error.within("vision_config"))?;
    let mut text =
        LlamaConfig::from_json(&part(json, "text_config", &["llama"])?).map_err(|error| error.within("text_config"))?;
    text.tied = field(json, "tie_word_embeddings", text.tied)?;
    let factor = field(json, "scale_factor", 2)?;
    if factor == 0 {
        return Err(Error::data("`scale_factor` is 0"));
    }
    let connector = ConnectorConfig {
        join: Join::Concat(factor),
        patches: vision.side(),
        input: vision.width,
        output: text.width,
        kind: ConnectorKind::Shuffle,
    };
    Ok(Blueprint { slots: vec![vision.layers], rows: Rows::Plain, binding: Binding::None, vision, text, connector })
}
