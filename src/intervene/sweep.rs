//! The engine: a batch of units through every arm, each restarted from the clean run as it was before the arm begins.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::answers::Reading;
use super::arm::Arm;
use super::batch::Batch;
use super::bench::Bench;
use super::clean::{Clean, Start};
use super::design::Design;
use super::encoded::Encoded;
use super::frames::{EffectRow, UnitRow};
use super::keep::select;
use super::lens::LensRow;
use super::prefix::Prefix;
use super::ready::Ready;
use super::region::is_image_only;
use super::runs::{forms, readings, run_roles};
use super::scale::ScalingRow;
use super::stack::Stack;
use super::unit::{Role, Run, Unit};
use crate::error::{Error, Result};
use crate::model::{Hooks, Site};
use crate::processor::AnswerForms;

/// Whether an arm computes what the clean run has computed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// No: arms begin at their first site, several in one pass.
    FromClean,
    /// Yes, every arm from the pixels on and by itself. For the tests and benchmarks that compare the two.
    FromPixels,
}

/// A design, ready to run batch by batch.
pub struct Sweep<'a> {
    pub bench: Bench<'a>,
    pub design: &'a dyn Design,
    /// The intervention's name in the study.
    pub name: &'a str,
    /// Whether only units that are right on both sides become arms.
    pub golden: bool,
    pub restart: Restart,
}

/// What a batch left behind.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub effects: Vec<EffectRow>,
    pub units: Vec<UnitRow>,
    pub lens: Vec<LensRow>,
    pub scaling: Vec<ScalingRow>,
    pub cost: Cost,
}

/// What was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Images through the whole encoder.
    pub images: u64,
    /// Prompts through the whole language model.
    pub full: u64,
    /// Prompts through a part of it: one for each unit of each arm.
    pub partial: u64,
    /// Blocks of the language model that the partial ones took, in all.
    pub blocks: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.full += other.full;
        self.partial += other.partial;
        self.blocks += other.blocks;
    }
}

/// What a unit answers under an arm, and how far the arm changed it.
type Measured = (Reading, Option<f64>);

/// Arms that share a forward pass, each with its number.
type Pass = Vec<(usize, Arm)>;

/// A pass that was carried out: its arms by number, and what the units of one after the other answered.
struct Passed {
    arms: Pass,
    readings: Vec<Measured>,
    cost: Cost,
}

impl Sweep<'_> {
    /// Runs one batch of units, whose clean prompts are equally long.
    ///
    /// # Errors
    /// A design that asks for what was not kept; a model whose logits are not numbers.
    pub fn batch(&self, units: &[Unit]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let Ready { units: ready, prompts, places } = Ready::new(&self.bench, units);
        outcome.units =
            units.iter().zip(&places).map(|(unit, place)| self.unit_row(unit, place.as_ref().err())).collect();
        if ready.is_empty() {
            return Ok(outcome);
        }
        let needs = self.design.needs(&ready);
        let encoded = Encoded::new(self.bench.model, &prompts, &needs, self.bench.batch)?;
        outcome.cost.images += encoded.images() as u64;
        let mut batch = Batch {
            model: self.bench.model,
            processor: self.bench.processor,
            live: (0..ready.len()).collect(),
            units: ready,
            prompts,
            states: HashMap::new(),
            answers: HashMap::new(),
            seed: self.bench.seed,
        };
        let forms = forms(&batch)?;
        for need in &needs {
            for site in need.sites.iter().filter(|site| is_image_only(**site)) {
                let kept = encoded.kept(*site, need, &batch)?;
                batch.states.insert((need.role, *site), kept);
            }
        }
        let (mut clean, full) = run_roles(self.design, &mut batch, &encoded, &needs, &forms)?;
        outcome.cost.full += full;
        let mut rows: Vec<&mut UnitRow> =
            outcome.units.iter_mut().zip(&places).filter(|(_, place)| place.is_ok()).map(|(row, _)| row).collect();
        self.choose(&mut batch, &mut rows)?;
        let arms = self.design.arms(&batch)?;
        for (unit, reason) in self.design.missing(&batch)? {
            let told = rows[unit].reason.take().map_or(String::new(), |before| format!("{before}; "));
            rows[unit].reason = Some(format!("{told}{reason}"));
        }
        self.check(&arms, &batch)?;
        outcome.lens = self.design.lens(&batch)?;
        outcome.scaling = self.design.scaling(&Prefix { batch: &batch, clean: &clean, forms: &forms })?;
        outcome.scaling.iter_mut().for_each(|row| row.design = self.name.to_string());
        clean.vision = self.vision(&arms, &batch, &encoded)?;
        clean.addends = self.addends(&arms, &batch, &encoded)?;
        // Passes do not see one another: small models leave a core alone busy, so that several run at a time.
        let passes = self.passes(arms, &clean.inputs.image);
        let passed: Vec<Passed> =
            passes.into_par_iter().map(|arms| self.pass(arms, &batch, &clean, &forms)).collect::<Result<_>>()?;
        let mut measured: Vec<(usize, Arm, Vec<Measured>)> = Vec::new();
        for Passed { arms, readings, cost } in passed {
            outcome.cost += cost;
            let mut readings = readings.into_iter();
            for (index, arm) in arms {
                let own = readings.by_ref().take(arm.units.len()).collect();
                measured.push((index, arm, own));
            }
        }
        measured.sort_by_key(|(index, ..)| *index);
        for (_, arm, measured) in &measured {
            for ((&unit, written), (reading, change)) in arm.units.iter().zip(&arm.written).zip(measured) {
                outcome.effects.push(self.row(&batch, arm, unit, written.len(), reading, *change));
            }
        }
        Ok(outcome)
    }

    /// Which units become arms.
    fn choose(&self, batch: &mut Batch<'_>, rows: &mut [&mut UnitRow]) -> Result<()> {
        let mut live = Vec::new();
        let unusable = self.design.unusable(batch)?;
        for (index, row) in rows.iter_mut().enumerate() {
            let unit = &batch.units[index];
            let right = |role: Role, run: Option<&Run>| {
                let reading = batch.readings(role).get(index)?;
                // The other side's answer is among the clean item's options, in the same order.
                Some(unit.clean.item.options.get(reading.answered)? == run?.answer())
            };
            row.correct_clean = right(Role::Clean, Some(&unit.clean));
            row.correct_cf = right(Role::Cf, unit.cf.as_ref());
            let golden = row.correct_clean == Some(true) && row.correct_cf != Some(false);
            row.golden = Some(golden);
            let misfit = unusable.iter().find(|(unit, _)| *unit == index);
            row.reason = match misfit {
                Some((_, reason)) => Some(reason.clone()),
                None if self.golden && !golden => Some("not right on both sides".into()),
                None => None,
            };
            row.used = row.reason.is_none();
            if row.used {
                live.push(index);
            }
        }
        batch.live = live;
        Ok(())
    }

    /// What an arm must be, so that a mistaken design is told and not measured.
    fn check(&self, arms: &[Arm], batch: &Batch<'_>) -> Result<()> {
        let sites = self.bench.model.sites();
        for arm in arms {
            let wrong = |what: &str| {
                Error::data(format!("{}, arm `{}` at `{}`: {what}", self.name, arm.labels.arm, arm.labels.site))
            };
            if arm.units.iter().any(|unit| !batch.live.contains(unit)) || arm.written.len() != arm.units.len() {
                return Err(wrong("covers units that are not there"));
            }
            let start = Start::of(arm.labels.site, self.bench.model);
            if arm.hook.sites().iter().any(|site| Start::of(*site, self.bench.model) < start) {
                return Err(wrong("its first site is not where it starts"));
            }
            Hooks::check_sites(arm.hook.sites(), &sites)?;
        }
        Ok(())
    }

    /// The encoder's states that arms restart from, by slot.
    fn vision(&self, arms: &[Arm], batch: &Batch<'_>, encoded: &Encoded) -> Result<BTreeMap<usize, Tensor<3>>> {
        let starts = arms.iter().filter_map(|arm| match Start::of(arm.labels.site, self.bench.model) {
            Start::Vision(slot) => Some(slot),
            _ => None,
        });
        let mut slots: Vec<usize> = starts.collect();
        let Some(last) = slots.iter().max().copied() else { return Ok(BTreeMap::new()) };
        self.nothing_under(batch)?;
        slots.extend(self.bench.model.encoder_slots().into_iter().filter(|slot| *slot < last));
        slots.sort_unstable();
        slots.dedup();
        encoded.slots(self.bench.model, &slots)
    }

    /// What both encoders add to the image tokens, where an arm restarts from there.
    fn addends(&self, arms: &[Arm], batch: &Batch<'_>, encoded: &Encoded) -> Result<Option<[Tensor<3>; 2]>> {
        let model = self.bench.model;
        let is_there = |arm: &Arm| matches!(Start::of(arm.labels.site, model), Start::Spatial | Start::Addends);
        if !arms.iter().any(is_there) {
            return Ok(None);
        }
        self.nothing_under(batch)?;
        Ok(Some(encoded.addends(model)?))
    }

    /// Refuses to rewrite the encoder where every run gets something behind it first.
    fn nothing_under(&self, batch: &Batch<'_>) -> Result<()> {
        if self.design.under(batch, Role::Clean)?.is_empty() {
            return Ok(());
        }
        Err(Error::usage(format!("{}: what every run gets first would be undone by rewriting the encoder", self.name))
            .with_help("leave out `under` or the noise, or the sites before `projector.out`"))
    }

    /// A unit as a row, nothing being known yet but whether it can be run.
    fn unit_row(&self, unit: &Unit, reason: Option<&String>) -> UnitRow {
        UnitRow {
            unit: self.labels(unit),
            golden: None,
            correct_clean: None,
            correct_cf: None,
            used: false,
            reason: reason.cloned(),
        }
    }

    /// Which arms share a pass, each with its number: they start at one place and look at tokens only, and those that leave
    /// most of a prompt alone go together.
    fn passes(&self, arms: Vec<Arm>, image: &[Vec<usize>]) -> Vec<Pass> {
        // More would save nothing: what a pass holds would no longer fit the processor's cache.
        let room = self.bench.batch.max(1);
        let mut passes: Vec<(Option<Start>, usize, Pass)> = Vec::new();
        let mut arms: Pass = arms.into_iter().enumerate().filter(|(_, arm)| !arm.units.is_empty()).collect();
        arms.sort_by_cached_key(|(_, arm)| arm.untouched(image));
        for (index, arm) in arms {
            let shares = self.restart == Restart::FromClean && Stack::takes(&arm);
            let start = shares.then(|| Start::of(arm.labels.site, self.bench.model));
            let open = passes
                .iter_mut()
                .rev()
                .find(|(of, rows, _)| start.is_some() && *of == start && rows + arm.units.len() <= room);
            match open {
                Some((_, rows, pass)) => {
                    *rows += arm.units.len();
                    pass.push((index, arm));
                }
                None => passes.push((start, arm.units.len(), vec![(index, arm)])),
            }
        }
        passes.into_iter().map(|(_, _, pass)| pass).collect()
    }

    /// One forward pass of some arms: a reading for each of their units, and how far each was changed.
    fn pass(&self, arms: Vec<(usize, Arm)>, batch: &Batch<'_>, clean: &Clean, forms: &[AnswerForms]) -> Result<Passed> {
        let model = self.bench.model;
        let (indices, mut arms): (Vec<usize>, Vec<Arm>) = arms.into_iter().unzip();
        let rows = Stack::rows(&arms);
        let site = arms.first().map_or(Site::Logits, |arm| arm.labels.site);
        let start = match self.restart {
            Restart::FromClean => Start::of(site, model),
            Restart::FromPixels => Start::Vision(0),
        };
        let untouched = arms.iter().map(|arm| arm.untouched(&clean.inputs.image)).min().unwrap_or(0);
        let mut stack = Stack::new(&mut arms);
        let logits = match self.restart {
            Restart::FromClean => clean.restarted(model, start, &rows, untouched, &mut Hooks::one(&mut stack))?,
            Restart::FromPixels => self.whole_pass(&rows, &mut stack, batch, clean)?,
        };
        let change = std::mem::take(&mut stack.change);
        let blocks = match start {
            Start::Slot(slot) => model.depth().saturating_sub(slot),
            _ => model.depth(),
        };
        let cost = Cost { partial: rows.len() as u64, blocks: (rows.len() * blocks) as u64, ..Cost::default() };
        let readings = readings(logits, &rows, forms, batch)?.into_iter().zip(change).collect();
        Ok(Passed { arms: indices.into_iter().zip(arms).collect(), readings, cost })
    }

    /// The same without anything that was computed before: logits `[rows, vocabulary]`.
    fn whole_pass(&self, rows: &[usize], stack: &mut Stack, batch: &Batch<'_>, clean: &Clean) -> Result<Tensor<2>> {
        let model = self.bench.model;
        let mut under = self.design.under(batch, Role::Clean)?;
        let inputs = clean.inputs.select(rows);
        let mut hooks = Hooks::one(stack);
        if under.is_empty() {
            return model.run(&inputs, &mut hooks);
        }
        // What every run gets is made for all units of the batch.
        let mut before = Hooks::none();
        under.iter_mut().for_each(|hook| before.push(hook.as_mut()));
        let visual = model.encode(&clean.inputs, &mut before)?;
        let visual = hooks.tokens(Site::ProjectorOut, select(&visual, rows))?;
        let stream = model.embed(&inputs, visual, &mut hooks)?;
        let stream = model.blocks(0, stream, &mut hooks)?;
        Ok(model.readout(stream.last(), &mut hooks)?.squeeze_dim(1))
    }
}
