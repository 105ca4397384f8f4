//! What is done: tasks, and the numbers that show that two arms did the same.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde::{Deserialize, Serialize};

use crate::Fallible;
use crate::inputs::read_f32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "UPPER")]
pub enum Task {
    /// A forward pass: logits of the last position.
    T0,
    /// What a study of attention records: of every layer and head the last query's attention to the image tokens, and the
    /// residual stream entering every layer, at the last position and as mean over the image tokens. On disk.
    T2,
    /// A sweep: the residual stream entering every layer, at each of four groups of tokens, taken from the partner's run;
    /// difference of two answers' logits.
    T3,
    /// Attention scores of the last query over the image tokens times each of six alphas, in every layer; the same difference.
    T5,
    /// A cross-validated linear probe of one layer's features, penalty chosen by inner folds; held-out accuracy.
    T6,
}

impl Task {
    pub fn name(self) -> &'static str {
        match self {
            Self::T0 => "T0",
            Self::T2 => "T2",
            Self::T3 => "T3",
            Self::T5 => "T5",
            Self::T6 => "T6",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Self::T0 => "forward pass",
            Self::T2 => "study capture to disk",
            Self::T3 => "slot sweep",
            Self::T5 => "alpha sweep",
            Self::T6 => "linear probes",
        }
    }

    /// What an item is.
    pub fn item(self) -> &'static str {
        match self {
            Self::T0 | Self::T2 | Self::T5 => "prompt",
            Self::T3 => "pair of prompts",
            Self::T6 => "layer",
        }
    }

    /// Items of one measured repetition: enough for the clock, and for what a tool does once for many.
    pub fn items(self, shape: &str) -> usize {
        match (self, shape) {
            (Self::T0 | Self::T2, "tiny") => 32,
            (Self::T3 | Self::T5, "tiny") => 8,
            (Self::T2, "medium") => 4,
            (Self::T0, _) | (Self::T2, _) => 2,
            (Self::T3 | Self::T5 | Self::T6, _) => 1,
        }
    }

    /// How far apart two arms' numbers of this name may be, as a share of the reference's largest.
    pub fn tolerance(self, name: &str) -> f32 {
        match (self, name) {
            (Self::T2, "attention") => 1e-5,
            (Self::T3 | Self::T5, _) => 1e-3,
            // One row of them all.
            (Self::T6, _) => 1.0 / crate::inputs::ROWS as f32 + 1e-6,
            _ => 1e-4,
        }
    }
}

/// Numbers by name, with their shapes.
pub type Outputs = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub fn save(outputs: &Outputs, path: &Path) -> Fallible<()> {
    let bytes: Vec<(&str, &[usize], Vec<u8>)> = outputs
        .iter()
        .map(|(name, (shape, values))| {
            (name.as_str(), shape.as_slice(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views =
        bytes.iter().map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)));
    let views = views.collect::<Fallible<Vec<_>>>()?;
    Ok(serialize_to_file(views, None, path)?)
}

pub fn load(path: &Path) -> Fallible<Outputs> {
    let bytes = std::fs::read(path)?;
    let file = SafeTensors::deserialize(&bytes)?;
    file.names().into_iter().map(|name| Ok((name.to_owned(), read_f32(&file, name)?))).collect()
}
