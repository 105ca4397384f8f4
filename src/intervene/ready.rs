//! A batch of units made ready for the model.

use std::collections::HashMap;

use rayon::prelude::*;

use super::bench::Bench;
use super::unit::{Prompt, Role, Unit};
use crate::error::{Error, Result};

/// The units that can be run, with every run's prompt.
#[derive(Default)]
pub struct Ready {
    pub units: Vec<Unit>,
    /// Of each role, each unit's prompt, in the order of `units`.
    pub prompts: HashMap<Role, Vec<Prompt>>,
    /// Of each unit that was asked for: its place in `units`, or why it has none.
    pub places: Vec<std::result::Result<usize, String>>,
}

impl Ready {
    /// Prepares every run of every unit.
    pub fn new(bench: &Bench<'_>, units: &[Unit]) -> Self {
        let prepared: Vec<Result<Vec<(Role, Prompt)>>> = units.par_iter().map(|unit| prompts(bench, unit)).collect();
        let mut ready = Self::default();
        for (unit, prompts) in units.iter().zip(prepared) {
            ready.places.push(match prompts {
                Ok(prompts) => {
                    prompts.into_iter().for_each(|(role, prompt)| ready.prompts.entry(role).or_default().push(prompt));
                    ready.units.push(unit.clone());
                    Ok(ready.units.len() - 1)
                }
                Err(error) => Err(error.to_string()),
            });
        }
        ready
    }
}

fn prompts(bench: &Bench<'_>, unit: &Unit) -> Result<Vec<(Role, Prompt)>> {
    let roles = unit.roles().into_iter().filter_map(|role| Some((role, unit.run(role)?)));
    let prompts: Vec<(Role, Prompt)> =
        roles.map(|(role, run)| Ok((role, bench.prepare(run)?))).collect::<Result<_>>()?;
    let length = |wanted: Role| prompts.iter().find(|(role, _)| *role == wanted).map(|(_, one)| one.prepared.map.len);
    match (length(Role::Clean), length(Role::Cf)) {
        (Some(clean), Some(cf)) if clean != cf => {
            Err(Error::data(format!("prompts of unequal length: {clean} and {cf} tokens")))
        }
        _ => Ok(prompts),
    }
}
