//! Whose released code to follow where it computes otherwise than its paper says or than is right.

use serde::{Deserialize, Serialize};

use crate::model::Quirks;

/// Whose released code to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// AdaptVis (Chen et al., ICML 2025): RMS norms with an epsilon of 1e-6, prompts padded on the left to 77 ids, confidence
    /// rounded to two decimals, answers scored by substring, torn pairs and sets counted wrong.
    Adaptvis,
}

impl Compat {
    /// As studies and frames name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptvis => "adaptvis",
        }
    }

    /// How its code runs a model.
    pub fn quirks(self) -> Quirks {
        match self {
            // Its decoder is built without the checkpoint's configuration, whose epsilon for LLaVA-1.5 is 1e-5.
            Self::Adaptvis => Quirks { epsilon: Some(1e-6), padded_to: Some(77) },
        }
    }
}
