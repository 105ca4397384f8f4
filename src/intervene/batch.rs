//! The units of one forward pass, with what their runs left.

use std::collections::HashMap;

use burn::tensor::{Int, Tensor, TensorData};

use super::unit::{Prompt, Role, Unit};
use crate::error::{Error, Result};
use crate::model::{Site, VisionLanguage};
use crate::processor::Processor;

/// Units of equal prompt length, run once in every role.
pub struct Batch<'a> {
    pub model: &'a dyn VisionLanguage,
    pub processor: &'a Processor,
    pub units: Vec<Unit>,
    /// Of each role, each unit's prompt, in the order of `units`.
    pub prompts: HashMap<Role, Vec<Prompt>>,
    /// The units that arms are made for: not dropped and, if the design asks for it, right on both sides.
    pub live: Vec<usize>,
    pub(super) states: HashMap<(Role, Site), Kept>,
    pub(super) answers: HashMap<Role, Vec<super::answers::Reading>>,
    pub seed: u64,
}

/// Positions of a site, of every unit of the batch.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Positions along the site's token axis, ascending; the same for every unit.
    pub positions: Vec<usize>,
    /// `[units, positions, width]`, on the device.
    pub states: Tensor<3>,
}

impl Batch<'_> {
    /// A unit's prompt in a role.
    pub fn prompt(&self, role: Role, unit: usize) -> Result<&Prompt> {
        let found = self.prompts.get(&role).and_then(|prompts| prompts.get(unit));
        found.ok_or_else(|| Error::data(format!("unit {unit} has no run {role:?}")))
    }

    /// What a run left at a site, as far as the design's needs asked for it.
    pub fn state(&self, role: Role, site: Site) -> Result<&Kept> {
        self.states
            .get(&(role, site))
            .ok_or_else(|| Error::data(format!("the states of {role:?} at `{site}` were not kept")))
    }

    /// The readings of a run's answer, one a unit; empty where the run only had to be encoded.
    pub fn readings(&self, role: Role) -> &[super::answers::Reading] {
        self.answers.get(&role).map_or(&[], Vec::as_slice)
    }
}

impl Kept {
    /// Where a position is among those that were kept.
    pub fn index(&self, position: usize) -> Result<usize> {
        self.positions.binary_search(&position).map_err(|_| Error::data(format!("position {position} was not kept")))
    }

    /// Rows `[rows, width]`: each a unit of the batch and a position of the site.
    pub fn rows(&self, wanted: &[(usize, usize)]) -> Result<Tensor<2>> {
        let [units, positions, width] = self.states.dims();
        let row = |&(unit, position): &(usize, usize)| Ok((unit * positions + self.index(position)?) as i64);
        let index: Vec<i64> = wanted.iter().map(row).collect::<Result<_>>()?;
        let index: Tensor<1, Int> = Tensor::from_data(TensorData::new(index, [wanted.len()]), &self.states.device());
        Ok(self.states.clone().reshape([units * positions, width]).select(0, index))
    }
}
