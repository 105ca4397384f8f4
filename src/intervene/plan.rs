//! How the interventions of a study are cut into batches: before any model runs, and the same for every run of the study.

use std::collections::HashMap;

use rayon::prelude::*;

use super::bench::Bench;
use super::design::{Design, Source};
use super::frames::UnitRow;
use super::spec::Intervene;
use super::unit::{Dropped, Unit};
use crate::dataset::Item;
use crate::error::{Error, Result};

/// One intervention, cut.
pub struct Planned {
    pub intervene: Intervene,
    pub design: Box<dyn Design>,
    /// The items of its dataset.
    pub items: Vec<Item>,
    pub units: Vec<Unit>,
    pub dropped: Vec<Dropped>,
    /// Units of one forward pass: their clean prompts are equally long.
    pub batches: Vec<Vec<usize>>,
}

impl Planned {
    /// Finds the units of an intervention among the study's items, and which go together.
    ///
    /// # Errors
    /// A design that this dataset or model cannot meet; no unit at all.
    pub fn new(intervene: &Intervene, bench: &Bench<'_>) -> Result<Self> {
        let common = &intervene.common;
        let of_it = |item: &&Item| common.dataset.as_deref().is_none_or(|name| bench.dataset.source(item) == name);
        let items: Vec<Item> = bench.items.iter().filter(of_it).cloned().collect();
        let mut design = intervene.design.open();
        let found = design.units(&Source {
            dataset: bench.dataset,
            items: &items,
            limit: common.limit.map(std::num::NonZeroUsize::get),
            sites: &bench.model.sites(),
            seed: common.seed,
        })?;
        let (mut units, mut dropped) = (Vec::with_capacity(found.units.len()), found.dropped);
        let lengths: Vec<Result<usize>> =
            found.units.par_iter().map(|unit| Ok(bench.prepare(&unit.clean)?.prepared.map.len)).collect();
        let mut by_length: Vec<(usize, Vec<usize>)> = Vec::new();
        for (unit, length) in found.units.into_iter().zip(lengths) {
            match length {
                Ok(length) => {
                    match by_length.iter_mut().find(|(known, _)| *known == length) {
                        Some((_, members)) => members.push(units.len()),
                        None => by_length.push((length, vec![units.len()])),
                    }
                    units.push(unit);
                }
                Err(error) => dropped.push(Dropped {
                    item: unit.clean.name(),
                    cf_item: unit.cf.as_ref().map(super::unit::Run::name),
                    reason: error.to_string(),
                }),
            }
        }
        if units.is_empty() {
            let first =
                dropped.first().map_or(String::new(), |one| format!(", `{}` because: {}", one.item, one.reason));
            return Err(Error::data(format!("`{}`: none of {} items can be used{first}", common.name, items.len())));
        }
        let batches = by_length.iter().flat_map(|(_, members)| members.chunks(bench.batch.max(1)));
        let batches = batches.map(<[usize]>::to_vec).collect();
        Ok(Self { intervene: intervene.clone(), design, items, units, dropped, batches })
    }

    /// Drops all its units, for one reason.
    pub fn leave_out(&mut self, reason: &str) {
        let dropped = |unit: Unit| Dropped {
            item: unit.clean.name(),
            cf_item: unit.cf.as_ref().map(super::unit::Run::name),
            reason: reason.to_owned(),
        };
        self.dropped.extend(std::mem::take(&mut self.units).into_iter().map(dropped));
        self.batches.clear();
    }

    /// Parts of the frames: what was dropped, then one a batch.
    pub fn parts(&self) -> usize {
        1 + self.batches.len()
    }

    pub fn name(&self) -> &str {
        &self.intervene.common.name
    }

    pub fn golden(&self) -> bool {
        self.intervene.common.golden.unwrap_or(self.design.golden())
    }

    /// The units of a batch.
    pub fn batch(&self, batch: usize) -> Vec<Unit> {
        self.batches[batch].iter().map(|&unit| self.units[unit].clone()).collect()
    }

    /// What was dropped before any model ran, as rows of the units frame.
    pub fn dropped_rows(&self) -> Vec<UnitRow> {
        let images: HashMap<&str, &Item> = self.items.iter().map(|item| (item.id.as_str(), item)).collect();
        let row = |dropped: &Dropped| {
            let item = images.get(dropped.item.as_str());
            UnitRow {
                unit: super::frames::UnitLabels {
                    design: self.name().to_string(),
                    kind: self.design.kind(),
                    item: dropped.item.clone(),
                    cf_item: dropped.cf_item.clone(),
                    image: item.map_or(String::new(), |item| item.image.clone()),
                    axis: item.map(|item| item.axis().word()),
                    relation: item.and_then(|item| item.relation.clone()),
                    direction: super::unit::Direction::CleanFromCf.name(),
                },
                golden: None,
                correct_clean: None,
                correct_cf: None,
                used: false,
                reason: Some(dropped.reason.clone()),
            }
        };
        self.dropped.iter().map(row).collect()
    }
}
