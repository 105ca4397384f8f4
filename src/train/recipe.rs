//! A recipe: everything that decides what a model organism becomes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::dataset::scenes::Mix;
use crate::error::{Error, Result};

/// `vlmscope train RECIPE.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub name: String,
    pub seed: u64,
    pub model: Shape,
    pub optimiser: Optimiser,
    /// One after the other.
    pub phases: Vec<Phase>,
    /// The step to end at, where that is before the phases do. The learning rate still follows the whole plan.
    #[serde(default)]
    pub stop: Option<usize>,
    /// Steps between two looks at held-out accuracy, each followed by a checkpoint to resume from.
    pub look_every: usize,
    /// Items of each test set in such a look; the model card counts all of them.
    pub look_items: usize,
}

/// The architecture, an exact LLaVA-1.5.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    pub image: usize,
    pub patch: usize,
    pub vision_width: usize,
    pub vision_hidden: usize,
    pub vision_layers: usize,
    pub vision_heads: usize,
    pub width: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
}

/// AdamW with linear warm-up and cosine decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimiser {
    pub rate: f64,
    /// The rate at the end, as a share of the highest.
    pub floor: f64,
    pub warm_up: usize,
    pub beta_1: f32,
    pub beta_2: f32,
    pub weight_decay: f32,
    /// Gradients longer than this, over all parameters together, are shortened to it.
    pub clip: f64,
}

/// A stretch of training on one mix of images and questions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub steps: usize,
    /// Images a step.
    pub images: usize,
    /// Weight of the patch-naming loss at the first and the last step of the phase: image tokens are asked, through the
    /// language model's own embedding table, for the colour and shape of what their patch shows.
    #[serde(default)]
    pub naming: [f64; 2],
    pub mix: Mix,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// An unknown key or a value that does not fit, with its place.
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let recipe: Self = toml::from_str(&text).map_err(|error| Error::Text {
            message: error.message().to_owned(),
            help: None,
            path: PathBuf::from(path),
            span: error.span().unwrap_or_default(),
            text: text.clone(),
        })?;
        for phase in &recipe.phases {
            phase.mix.check().map_err(|error| error.within(path.display()))?;
            if phase.images == 0 || phase.steps == 0 {
                return Err(Error::usage(format!("{}: a phase without steps or images", path.display())));
            }
        }
        if recipe.phases.is_empty() || recipe.look_every == 0 {
            return Err(Error::usage(format!("{}: `phases` and `look_every` must not be empty", path.display())));
        }
        Ok(recipe)
    }

    /// Steps that are planned.
    fn planned(&self) -> usize {
        self.phases.iter().map(|phase| phase.steps).sum()
    }

    /// Steps that are taken.
    pub fn steps(&self) -> usize {
        self.stop.map_or(self.planned(), |stop| stop.min(self.planned()))
    }

    /// The phase of a step, and how far into it the step is, from 0 to 1.
    pub fn phase(&self, step: usize) -> (usize, f64) {
        let mut start = 0;
        for (index, phase) in self.phases.iter().enumerate() {
            if step < start + phase.steps {
                return (index, (step - start) as f64 / phase.steps as f64);
            }
            start += phase.steps;
        }
        (self.phases.len() - 1, 1.0)
    }

    /// The learning rate of a step.
    pub fn rate(&self, step: usize) -> f64 {
        let Optimiser { rate, floor, warm_up, .. } = self.optimiser;
        if step < warm_up {
            return rate * (step + 1) as f64 / warm_up as f64;
        }
        let done = (step - warm_up) as f64 / self.planned().saturating_sub(warm_up).max(1) as f64;
        rate * (floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
    }
}
