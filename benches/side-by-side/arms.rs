//! Who is compared.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::task::Task;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum ArmName {
    Vlmscope,
    /// Hugging Face as a notebook has it: `output_attentions`, `output_hidden_states`, a whole pass an arm.
    Hf,
    /// Plain PyTorch hooks on the fused path; the image encoded once, what fits into one batch in one batch.
    Hooks,
    /// The same by hand: restarted from kept residuals, alphas on the key-value cache. No library does this by itself.
    Restarted,
    TransformerLens,
    Nnsight,
    Sklearn,
}

pub const ARMS: [ArmName; 7] = [
    ArmName::Vlmscope,
    ArmName::Hf,
    ArmName::Hooks,
    ArmName::Restarted,
    ArmName::TransformerLens,
    ArmName::Nnsight,
    ArmName::Sklearn,
];

impl ArmName {
    pub fn name(self) -> &'static str {
        match self {
            Self::Vlmscope => "vlmscope",
            Self::Hf => "hf",
            Self::Hooks => "hooks",
            Self::Restarted => "restarted",
            Self::TransformerLens => "transformerlens",
            Self::Nnsight => "nnsight",
            Self::Sklearn => "sklearn",
        }
    }

    /// Whether there is anything of its own to do.
    pub fn does(self, task: Task) -> bool {
        match self {
            Self::Vlmscope => true,
            Self::Sklearn => task == Task::T6,
            Self::Hf => task != Task::T6,
            // A bare pass has no hooks, and hooks recompute nothing.
            Self::Hooks => matches!(task, Task::T2 | Task::T3 | Task::T5),
            Self::Restarted => matches!(task, Task::T3 | Task::T5),
            Self::TransformerLens | Self::Nnsight => task != Task::T6,
        }
    }

    /// Whose numbers the others' are held against.
    pub fn reference(task: Task) -> Self {
        if task == Task::T6 { Self::Sklearn } else { Self::Hf }
    }
}
