//! A recipe: everything that decides what a model organism becomes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lesson::{self, Course, Naming, Topic};
use crate::dataset::{rooms, scenes};
use crate::error::{Error, Result};

/// `vlmscope train RECIPE.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub name: String,
    pub seed: u64,
    /// A LLaVA-1.5; or else [`video_model`](Self::video_model).
    #[serde(default)]
    pub model: Option<Shape>,
    /// A Spatial-MLLM, or the Qwen2.5-VL inside one.
    #[serde(default)]
    pub video_model: Option<VideoShape>,
    pub optimiser: Optimiser,
    /// One after the other.
    pub phases: Vec<Phase>,
    /// The step to end at, where that is before the phases do. The learning rate still follows the whole plan.
    #[serde(default)]
    pub stop: Option<usize>,
    /// Steps between two looks at held-out accuracy, each followed by a checkpoint to resume from.
    pub look_every: usize,
    /// Items of each test set in such a look.
    pub look_items: usize,
    /// Items of each test set that the model card counts; all of them if it does not say.
    #[serde(default)]
    pub card_items: Option<usize>,
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

/// The architecture of a Spatial-MLLM v1.1; without `spatial`, of the Qwen2.5-VL inside it, whose weights are drawn the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoShape {
    /// Pixels along each side of a frame.
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
    #[serde(default)]
    pub spatial: Option<SpatialShape>,
}

/// The spatial encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialShape {
    pub width: usize,
    pub heads: usize,
    /// Blocks that see a frame's patches before there are others.
    pub tower_layers: usize,
    /// Pairs of blocks: within frames, across frames.
    pub layers: usize,
}

/// Which of them a recipe makes.
#[derive(Clone, Copy, Debug)]
pub enum Architecture<'r> {
    Llava(&'r Shape),
    Video(&'r VideoShape),
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
    /// language model's own embedding table, for the colour and shape of what their patch shows, and for its place: in scenes
    /// column and row, in rooms left or right and the metres to the camera.
    #[serde(default)]
    pub naming: [f64; 2],
    /// Pictures of scenes; or else [`rooms`](Self::rooms).
    #[serde(default)]
    pub mix: Option<scenes::Mix>,
    /// Videos of rooms.
    #[serde(default)]
    pub rooms: Option<rooms::Mix>,
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
        recipe.architecture().map_err(|error| error.within(path.display()))?;
        for phase in &recipe.phases {
            phase.check().map_err(|error| error.within(path.display()))?;
            if phase.images == 0 || phase.steps == 0 {
                return Err(Error::usage(format!("{}: a phase without steps or images", path.display())));
            }
        }
        if recipe.phases.iter().any(|phase| phase.rooms.is_some() != recipe.phases[0].rooms.is_some()) {
            return Err(Error::usage(format!("{}: some phases show scenes, others rooms", path.display())));
        }
        if recipe.phases.is_empty() || recipe.look_every == 0 {
            return Err(Error::usage(format!("{}: `phases` and `look_every` must not be empty", path.display())));
        }
        Ok(recipe)
    }

    /// What is trained.
    ///
    /// # Errors
    /// None or two of `model` and `video_model`; sides of frames that patches and their merging do not divide.
    pub fn architecture(&self) -> Result<Architecture<'_>> {
        match (&self.model, &self.video_model) {
            (Some(shape), None) => Ok(Architecture::Llava(shape)),
            (None, Some(shape)) if shape.patch == 0 || !shape.image.is_multiple_of(2 * shape.patch) => {
                Err(Error::usage(format!(
                    "`video_model`: frames of {} pixels are no whole number of tokens of 2 x {} pixels",
                    shape.image, shape.patch
                )))
            }
            (None, Some(shape)) => Ok(Architecture::Video(shape)),
            _ => Err(Error::usage("expected one of `model` and `video_model`")),
        }
    }

    /// What it is trained on.
    pub fn topic(&self) -> Topic {
        if self.phases.iter().any(|phase| phase.rooms.is_some()) { Topic::Rooms } else { Topic::Scenes }
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

impl Phase {
    /// Its lessons.
    ///
    /// # Errors
    /// A mix that makes no sense.
    pub fn course(&self, seed: u64) -> Result<Box<dyn Course>> {
        let naming = if self.naming == [0.0; 2] { Naming::Unnamed } else { Naming::Named };
        match (&self.mix, &self.rooms) {
            (Some(mix), None) => lesson::scenes(mix, seed),
            (None, Some(mix)) => lesson::rooms(mix, seed, naming),
            _ => Err(Error::usage("a phase needs one of `mix` and `rooms`")),
        }
    }

    fn check(&self) -> Result<()> {
        match (&self.mix, &self.rooms) {
            (Some(mix), None) => mix.check(),
            (None, Some(mix)) => mix.check(),
            _ => Err(Error::usage("a phase needs one of `mix` and `rooms`")),
        }
    }
}
