//! A square vision transformer, a connector, a decoder: what most families are made of. A family's own file says which.

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Checkpoint, KeyLayout, ParamKeys, Random, Role, Source, Weights, read_json};
use crate::model::language::{Bonds, Llama, LlamaConfig, Stream, runs};
use crate::model::vision::{Connector, ConnectorConfig, VitConfig, VitTower};
use crate::model::walk::{arrange, splice, start};
use crate::model::{Hooks, Inputs, Site, SiteSpec, VisionLanguage};

/// How a family's checkpoint reads: a function from its `config.json`, and the names of its tensors.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    pub read: fn(&serde_json::Value) -> Result<Blueprint>,
    /// Published ways of naming tensors: `vision_tower.*`, `multi_modal_projector.*`, `image_newline`,
    /// `language_model.model.*` and `language_model.lm_head.*` here.
    pub layouts: &'static [KeyLayout],
    /// Tensors that a file may hold and nothing reads.
    pub spare: fn(&str) -> bool,
}

/// What a model is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Blueprint {
    pub vision: VitConfig,
    pub text: LlamaConfig,
    /// Slots of the tower whose states are joined along the width, each counted from 0.
    pub slots: Vec<usize>,
    pub connector: ConnectorConfig,
    pub rows: Rows,
    pub binding: Binding,
}

/// What ends a row of image tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    Plain,
    /// A token that was learned, `image_newline`.
    Ended,
}

/// Which tokens of a prompt see each other, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    None,
    /// Neighbouring image tokens.
    Image,
    /// The whole prompt.
    Prompt,
}

/// A model of any such family.
#[derive(Module, Debug)]
pub struct Composed {
    tower: VitTower,
    connector: Connector,
    end: Option<Param<Tensor<1>>>,
    language: Llama,
    #[module(skip)]
    blueprint: Blueprint,
}

impl Composed {
    /// Reads a checkpoint folder.
    pub fn open(folder: &Path, recipe: &Recipe, device: &Device, weights: Weights) -> Result<Self> {
        let mut blueprint = recipe.blueprint(folder)?;
        let mut checkpoint = Checkpoint::open(folder, recipe.layouts, weights)?;
        // A tied head is absent from the file; one that is stored all the same is read, as the reference does.
        blueprint.text.tied &= !checkpoint.holds("language_model.lm_head.weight");
        let model = Self::build(&mut checkpoint, blueprint, device)?;
        checkpoint.finish(recipe.spare)?;
        Ok(model)
    }

    /// Builds the model of a folder's configuration with random weights.
    pub fn untrained(folder: &Path, recipe: &Recipe, seed: u64, device: &Device) -> Result<Self> {
        let blueprint = recipe.blueprint(folder)?;
        Self::build(&mut Random::new(seed, blueprint.text.layers), blueprint, device)
    }

    fn build(source: &mut dyn Source, blueprint: Blueprint, device: &Device) -> Result<Self> {
        let mut keys = ParamKeys::default();
        let mut weights = Builder::new(source, &mut keys, device);
        let tower = VitTower::build(&mut weights.within("vision_tower"), &blueprint.vision)?;
        let connector = Connector::build(&mut weights.within("multi_modal_projector"), blueprint.connector)?;
        let end = match blueprint.rows {
            Rows::Plain => None,
            Rows::Ended => Some(weights.param("image_newline", [blueprint.text.width], Role::Embedding)?),
        };
        let language = Llama::build(&mut weights.within("language_model"), &blueprint.text)?;
        Ok(Self { tower, connector, end, language, blueprint })
    }

    /// What the connector makes of the tower's states at the slots that it reads.
    fn project(&self, inputs: &Inputs, states: Vec<Tensor<3>>, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let last = |state: Tensor<3>, slot: usize| match slot == self.blueprint.vision.layers {
            true => self.tower.finish(state),
            false => state,
        };
        let states = states.into_iter().zip(&self.blueprint.slots).map(|(state, &slot)| last(state, slot)).collect();
        let joined = Tensor::cat(states, 2);
        let features = hooks.tokens(Site::VisionOut, self.tower.without_class(joined))?;
        let tokens = arrange(self.connector.forward(features), inputs, self.end.as_ref().map(Param::val))?;
        hooks.tokens(Site::ProjectorOut, tokens)
    }

    fn bonds(&self, inputs: &Inputs) -> Bonds {
        match self.blueprint.binding {
            Binding::None => Bonds::new(),
            Binding::Image => {
                let sorted = |positions: &Vec<usize>| {
                    let mut positions = positions.clone();
                    positions.sort_unstable();
                    runs(&positions)
                };
                inputs.image.iter().map(sorted).collect()
            }
            Binding::Prompt => inputs.lengths.iter().map(|&length| std::iter::once(0..length).collect()).collect(),
        }
    }
}

impl Recipe {
    fn blueprint(&self, folder: &Path) -> Result<Blueprint> {
        let path = folder.join("config.json");
        (self.read)(&read_json(&path)?).and_then(Blueprint::checked).map_err(|error| error.within(path.display()))
    }
}

impl Blueprint {
    fn checked(self) -> Result<Self> {
        let (side, cell) = (self.vision.side(), self.connector.join.side());
        if cell == 0 || side == 0 || !side.is_multiple_of(cell) {
            return Err(Error::data(format!("{side} x {side} patches cannot be joined {cell} x {cell} into tokens")));
        }
        Ok(self)
    }
}

impl VisionLanguage for Composed {
    fn language(&self) -> &Llama {
        &self.language
    }

    fn sites(&self) -> Vec<SiteSpec> {
        let Blueprint { vision, text, slots, .. } = &self.blueprint;
        let mut sites = self.tower.sites("tokens of all tiles");
        sites.push(SiteSpec {
            site: Site::VisionOut,
            shape: format!("[batch, patches of all tiles, {}]", vision.width * slots.len()),
            meaning: "exactly what enters the projector: patches row by row, tile after tile",
        });
        sites.push(SiteSpec {
            site: Site::ProjectorOut,
            shape: format!("[batch, image tokens, {}]", text.width),
            meaning: "image tokens in the language model's space, row by row: the finest view, then others",
        });
        sites.extend(self.language.sites());
        sites
    }

    fn parameters(&self) -> usize {
        self.num_params() + self.language.streamed_parameters()
    }

    fn encode(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let states = self.tower.forward(inputs.pixels.clone(), &self.blueprint.slots, hooks)?;
        self.project(inputs, states, hooks)
    }

    fn encode_from(
        &self,
        inputs: &Inputs,
        slot: usize,
        state: &dyn Fn(usize) -> Result<Tensor<3>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let states = self.tower.forward_from(slot, state, &self.blueprint.slots, hooks)?;
        self.project(inputs, states, hooks)
    }

    fn encoder_slots(&self) -> Vec<usize> {
        self.blueprint.slots.clone()
    }

    fn embed(&self, inputs: &Inputs, visual: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Stream> {
        let residual = splice(self.language.embed(inputs.ids.clone()), visual, &inputs.image)?;
        let mut stream = self.language.prompt(residual, inputs.lengths.clone(), &self.bonds(inputs));
        stream.residual = start(stream.residual, hooks)?;
        Ok(stream)
    }

    fn finish(&self, last: Tensor<3>) -> Tensor<3> {
        self.tower.finish(last)
    }

    fn pool(&self, last: Tensor<3>) -> Option<Tensor<2>> {
        self.tower.pool(last)
    }
}
