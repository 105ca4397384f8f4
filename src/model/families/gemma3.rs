//! Gemma 3: SigLIP tower, pooled to a fixed number of tokens, a decoder most of whose layers look at their neighbourhood
//! only, image tokens seeing each other (Gemma Team 2025, arXiv 2503.19786).

use serde_json::Value;

use super::composed::{Binding, Blueprint, Recipe, Rows};
use super::{SIGLIP_LAYOUTS, is_spare_head, part};
use crate::error::{Error, Result};
use crate::model::checkpoint::field;
use crate::model::language::{GEMMA3, LlamaConfig};
use crate::model::vision::{ConnectorConfig, ConnectorKind, Join, SIGLIP, VitConfig};

pub const RECIPE: Recipe = Recipe { read: blueprint, layouts: &SIGLIP_LAYOUTS, spare: is_spare_head };

/// `config.json` of `model_type: gemma3`.
fn blueprint(json: &Value) -> Result<Blueprint> {
    let vision = VitConfig::from_json(&part(json, "vision_config", &["siglip_vision_model"])?, &SIGLIP)
        .map_err(|error| error.within("vision_config"))?;
    let mut text = LlamaConfig::of_class(&part(json, "text_config", &["gemma3_text"])?, &GEMMA3)
        .map_err(|error| error.within("text_config"))?;
    text.tied = field(json, "tie_word_embeddings", text.tied)?;
    let tokens: usize = field(json, "mm_tokens_per_image", 256)?;
    let side = tokens.isqrt();
    if tokens == 0 || side * side != tokens || !vision.side().is_multiple_of(side) {
        return Err(Error::data(format!(
            "`mm_tokens_per_image` is {tokens}: expected the square of a number that divides {}, the patches of a side",
            vision.side()
        )));
    }
    let connector = ConnectorConfig {
        join: Join::Mean(vision.side() / side),
        patches: vision.side(),
        input: vision.width,
        output: text.width,
        kind: ConnectorKind::Soft { epsilon: vision.epsilon },
    };
    Ok(Blueprint { slots: vec![vision.layers], rows: Rows::Plain, binding: Binding::Image, vision, text, connector })
}
