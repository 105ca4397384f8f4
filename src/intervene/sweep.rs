//! The engine: a batch of units through every arm, each restarted from the clean run as it was before the arm begins.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Int, Tensor, TensorData};
use rayon::prelude::*;

use super::answers::Reading;
use super::arm::Arm;
use super::batch::{Batch, Kept};
use super::bench::Bench;
use super::design::{Design, Need, Places};
use super::frames::{EffectRow, UnitLabels, UnitRow};
use super::keep::{Keep, Wanted};
use super::lens::LensRow;
use super::region::is_image_only;
use super::stack::Stack;
use super::unit::{Prompt, Role, Unit};
use crate::error::{Error, Result};
use crate::model::{Hook, Hooks, Inputs, Site, Stream, VisionLanguage};
use crate::processor::{AnswerForms, Prepared};
use crate::record::numbers;

/// Rows of the batch axis that arms may be stacked to, in multiples of a batch of units.
const STACKED: usize = 4;

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

/// Where a pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    Vision(usize),
    Projector,
    Slot(usize),
}

impl Start {
    /// Where the walk meets a site.
    fn of(site: Site, model: &dyn VisionLanguage) -> Self {
        match site {
            Site::VisionResid(slot) | Site::VisionAttn(slot) => Self::Vision(slot),
            Site::VisionOut => Self::Vision(model.encoder_slots().into_iter().max().unwrap_or(0)),
            Site::ProjectorOut => Self::Projector,
            Site::Logits => Self::Slot(model.depth()),
            other => Self::Slot(other.index().unwrap_or(0)),
        }
    }
}

/// The clean run, as far as arms restart from it.
struct Clean {
    inputs: Inputs,
    /// What leaves the projector, after anything that every run gets.
    visual: Tensor<3>,
    /// At `lm.0.resid`; its residual is replaced by that of the slot at hand.
    stream: Stream,
    /// By slot.
    residuals: Vec<Tensor<3>>,
    /// By slot of the encoder; only those that arms start from, and what the projector reads before them.
    vision: BTreeMap<usize, Tensor<3>>,
}

/// The encoder's part of every run of a batch.
struct Encoded {
    /// Of each role and unit: which image.
    of: HashMap<Role, Vec<usize>>,
    /// `[images, patches, width]`.
    visual: Tensor<3>,
    /// Sites of the encoder that were asked for.
    states: HashMap<Site, Tensor<3>>,
    /// The images, batch by batch.
    inputs: Vec<Inputs>,
}

impl Sweep<'_> {
    /// Runs one batch of units, whose clean prompts are equally long.
    ///
    /// # Errors
    /// A design that asks for what was not kept; a model whose logits are not numbers.
    pub fn batch(&self, units: &[Unit]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let (units, prompts) = self.prepare(units, &mut outcome.units);
        if units.is_empty() {
            return Ok(outcome);
        }
        let needs = self.design.needs(&units);
        let encoded = self.encode(&prompts, &needs, &mut outcome.cost)?;
        let mut batch = Batch {
            model: self.bench.model,
            processor: self.bench.processor,
            live: (0..units.len()).collect(),
            units,
            prompts,
            states: HashMap::new(),
            answers: HashMap::new(),
            seed: self.bench.seed,
        };
        let forms = self.forms(&batch)?;
        for need in &needs {
            for site in need.sites.iter().filter(|site| is_image_only(**site)) {
                let kept = encoded.kept(*site, need, &batch)?;
                batch.states.insert((need.role, *site), kept);
            }
        }
        let mut clean = self.run_roles(&mut batch, &encoded, &needs, &forms, &mut outcome.cost)?;
        self.choose(&mut batch, &mut outcome.units)?;
        let mut arms = self.design.arms(&batch)?;
        for (unit, reason) in self.design.missing(&batch)? {
            let name = &batch.units[unit].id;
            if let Some(row) = outcome.units.iter_mut().find(|row| {
                row.unit.item == self.labels(&batch.units[unit]).item
                    && row.unit.direction == batch.units[unit].direction.name()
            }) {
                let told = row.reason.take().map_or(String::new(), |before| format!("{before}; "));
                row.reason = Some(format!("{told}{reason}"));
            }
            tracing::debug!("{name}: {reason}");
        }
        self.check(&arms, &batch)?;
        outcome.lens = self.design.lens(&batch)?;
        self.keep_vision(&arms, &batch, &encoded, &mut clean)?;
        let mut measured: Vec<Vec<(Reading, Option<f64>)>> = arms.iter().map(|_| Vec::new()).collect();
        for range in self.passes(&arms) {
            let (rows, start) = self.pass(&mut arms, &range, &batch, &clean, &forms, &mut outcome.cost)?;
            debug_assert!(start <= Start::Slot(self.bench.model.depth()));
            let mut rows = rows.into_iter();
            for &arm in &range {
                measured[arm] = rows.by_ref().take(arms[arm].units.len()).collect();
            }
        }
        for (arm, measured) in arms.iter().zip(measured) {
            for ((&unit, written), (reading, change)) in arm.units.iter().zip(&arm.written).zip(measured) {
                outcome.effects.push(self.row(&batch, arm, unit, written.len(), &reading, change));
            }
        }
        Ok(outcome)
    }

    /// Every run of every unit, ready for the model; units that cannot be, are told in `rows`.
    fn prepare(&self, units: &[Unit], rows: &mut Vec<UnitRow>) -> (Vec<Unit>, HashMap<Role, Vec<Prompt>>) {
        let ready = |unit: &Unit| -> Result<Vec<(Role, Prompt)>> {
            let roles = unit.roles().into_iter().filter_map(|role| Some((role, unit.run(role)?)));
            let prompts: Vec<(Role, Prompt)> =
                roles.map(|(role, run)| Ok((role, self.bench.prepare(run)?))).collect::<Result<_>>()?;
            let length = |wanted: Role| {
                prompts.iter().find(|(role, _)| *role == wanted).map(|(_, prompt)| prompt.prepared.map.len)
            };
            match (length(Role::Clean), length(Role::Cf)) {
                (Some(clean), Some(cf)) if clean != cf => {
                    Err(Error::data(format!("prompts of unequal length: {clean} and {cf} tokens")))
                }
                _ => Ok(prompts),
            }
        };
        let prepared: Vec<Result<Vec<(Role, Prompt)>>> = units.par_iter().map(ready).collect();
        let (mut kept, mut prompts): (Vec<Unit>, HashMap<Role, Vec<Prompt>>) = (Vec::new(), HashMap::new());
        for (unit, ready) in units.iter().zip(prepared) {
            let mut row = UnitRow {
                unit: self.labels(unit),
                golden: None,
                correct_clean: None,
                correct_cf: None,
                used: false,
                reason: None,
            };
            match ready {
                Ok(ready) => {
                    ready.into_iter().for_each(|(role, prompt)| prompts.entry(role).or_default().push(prompt));
                    kept.push(unit.clone());
                }
                Err(error) => row.reason = Some(error.to_string()),
            }
            rows.push(row);
        }
        (kept, prompts)
    }

    /// Each image once, whoever shows it.
    fn encode(&self, prompts: &HashMap<Role, Vec<Prompt>>, needs: &[Need], cost: &mut Cost) -> Result<Encoded> {
        let mut known: HashMap<blake3::Hash, usize> = HashMap::new();
        let mut unique: Vec<&Prepared> = Vec::new();
        let mut of = HashMap::new();
        let mut roles: Vec<&Role> = prompts.keys().collect();
        roles.sort_unstable();
        for role in roles {
            let images = prompts[role].iter().map(|prompt| {
                let bytes: Vec<u8> = prompt.prepared.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect();
                *known.entry(blake3::hash(&bytes)).or_insert_with(|| {
                    unique.push(&prompt.prepared);
                    unique.len() - 1
                })
            });
            of.insert(*role, images.collect());
        }
        let mut sites: Vec<Site> = needs.iter().flat_map(|need| need.sites.iter().copied()).collect();
        sites.retain(|site| is_image_only(*site) && *site != Site::ProjectorOut);
        sites.sort_unstable();
        sites.dedup();
        let (mut visual, mut states, mut all) = (Vec::new(), HashMap::<Site, Vec<Tensor<3>>>::new(), Vec::new());
        for chunk in unique.chunks(self.bench.batch.max(1)) {
            let inputs = Inputs::collate(chunk, &self.bench.model.device())?;
            let mut keep = Keep::new(sites.iter().map(|site| (*site, Wanted::All)).collect());
            visual.push(self.bench.model.encode(&inputs, &mut keep.hooks())?);
            keep.states.into_iter().for_each(|(site, state)| states.entry(site).or_default().push(state));
            all.push(inputs);
        }
        cost.images += unique.len() as u64;
        let states = states.into_iter().map(|(site, parts)| (site, Tensor::cat(parts, 0))).collect();
        Ok(Encoded { of, visual: Tensor::cat(visual, 0), states, inputs: all })
    }

    /// The tokens of each unit's answers.
    fn forms(&self, batch: &Batch<'_>) -> Result<Vec<AnswerForms>> {
        let mut known: HashMap<&[String], AnswerForms> = HashMap::new();
        let mut forms = Vec::with_capacity(batch.units.len());
        for unit in &batch.units {
            let item = &unit.clean.item;
            if !known.contains_key(item.options.as_slice()) {
                let new = self.bench.processor.answer_forms(&item.question, &item.options);
                known.insert(&item.options, new.map_err(|error| error.within(format!("item `{}`", item.id)))?);
            }
            forms.extend(known.get(item.options.as_slice()).cloned());
        }
        Ok(forms)
    }

    /// Runs every role that must be run, and keeps what is asked for.
    fn run_roles(
        &self,
        batch: &mut Batch<'_>,
        encoded: &Encoded,
        needs: &[Need],
        forms: &[AnswerForms],
        cost: &mut Cost,
    ) -> Result<Clean> {
        let model = self.bench.model;
        let mut roles: Vec<Role> = batch.prompts.keys().copied().collect();
        roles.sort_unstable();
        // What every run gets may read any run's states as they are, so it is made before any of them changes.
        let mut under: Vec<(Role, Vec<Box<dyn Hook>>)> = Vec::new();
        for &role in roles.iter().filter(|role| matches!(role, Role::Clean | Role::Cf)) {
            under.push((role, self.design.under(batch, role)?));
        }
        let mut clean = None;
        for role in roles {
            let of_role = |need: &&Need| need.role == role;
            let wanted: Vec<(Site, Wanted)> = needs
                .iter()
                .filter(of_role)
                .flat_map(|need| need.sites.iter().map(move |site| (*site, need)))
                .filter(|(site, _)| !is_image_only(*site))
                .map(|(site, need)| Ok((site, self.wanted(site, need, batch)?)))
                .collect::<Result<_>>()?;
            if matches!(role, Role::Other(_)) && wanted.is_empty() {
                continue;
            }
            let prepared: Vec<&Prepared> = batch.prompts[&role].iter().map(|prompt| &prompt.prepared).collect();
            let inputs = Inputs::collate(&prepared, &model.device())?;
            let mut visual = select(&encoded.visual, &encoded.of[&role]);
            let mut own = under.iter_mut().filter(|(of, _)| *of == role).flat_map(|(_, hooks)| hooks.iter_mut());
            let mut hooks = Hooks::none();
            own.by_ref().for_each(|hook| hooks.push(hook.as_mut()));
            visual = hooks.tokens(Site::ProjectorOut, visual)?;
            for need in needs.iter().filter(of_role).filter(|need| need.sites.contains(&Site::ProjectorOut)) {
                let wanted = self.wanted(Site::ProjectorOut, need, batch)?;
                batch.states.insert((role, Site::ProjectorOut), wanted.keep(visual.clone()));
            }
            let mut keep = Keep::new(wanted);
            let mut hooks = keep.hooks();
            let mut stream = model.embed(&inputs, visual.clone(), &mut hooks)?;
            let begun = stream.clone();
            let mut residuals = vec![stream.residual.clone()];
            for layer in 0..model.depth() {
                stream = model.block(layer, stream, &mut hooks)?;
                if role == Role::Clean {
                    residuals.push(stream.residual.clone());
                }
            }
            let logits = model.readout(stream.last(), &mut hooks)?.squeeze_dim(1);
            drop(hooks);
            cost.full += inputs.batch() as u64;
            let readings = self.readings(logits, &(0..inputs.batch()).collect::<Vec<_>>(), forms, batch)?;
            batch.answers.insert(role, readings);
            for (site, kept) in keep.kept() {
                batch.states.insert((role, site), kept);
            }
            if role == Role::Clean {
                clean = Some(Clean { inputs, visual, stream: begun, residuals, vision: BTreeMap::new() });
            }
        }
        clean.ok_or_else(|| Error::data("a unit has no clean run"))
    }

    /// The positions of a need at a site, over all units of the batch.
    fn wanted(&self, site: Site, need: &Need, batch: &Batch<'_>) -> Result<Wanted> {
        wanted(site, need, batch)
    }

    /// Logits `[rows, vocabulary]` of these units to readings.
    fn readings(
        &self,
        logits: Tensor<2>,
        units: &[usize],
        forms: &[AnswerForms],
        batch: &Batch<'_>,
    ) -> Result<Vec<Reading>> {
        let [_, vocabulary] = logits.dims();
        let logits = numbers(logits.into_data())?;
        let one = |(row, &unit): (&[f32], &usize)| {
            Reading::of(row, &forms[unit]).map_err(|error| error.within(format!("item `{}`", batch.units[unit].id)))
        };
        logits.chunks_exact(vocabulary).zip(units).map(one).collect()
    }

    /// Which units become arms.
    fn choose(&self, batch: &mut Batch<'_>, rows: &mut [UnitRow]) -> Result<()> {
        let mut live = Vec::new();
        let unusable = self.design.unusable(batch)?;
        let used = rows.iter_mut().filter(|row| row.reason.is_none());
        for (index, row) in used.enumerate() {
            let unit = &batch.units[index];
            let right = |role: Role, run: Option<&super::unit::Run>| {
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

    /// The encoder's states that arms restart from.
    fn keep_vision(&self, arms: &[Arm], batch: &Batch<'_>, encoded: &Encoded, clean: &mut Clean) -> Result<()> {
        let starts = arms.iter().filter_map(|arm| match Start::of(arm.labels.site, self.bench.model) {
            Start::Vision(slot) => Some(slot),
            _ => None,
        });
        let mut slots: Vec<usize> = starts.collect();
        let Some(last) = slots.iter().max().copied() else { return Ok(()) };
        if !self.design.under(batch, Role::Clean)?.is_empty() {
            return Err(Error::usage(format!(
                "{}: an encoder that is rewritten changes what every run gets",
                self.name
            ))
            .with_help("leave out `under`, or the sites before `projector.out`"));
        }
        slots.extend(self.bench.model.encoder_slots().into_iter().filter(|slot| *slot < last));
        slots.sort_unstable();
        slots.dedup();
        let mut parts: HashMap<Site, Vec<Tensor<3>>> = HashMap::new();
        for inputs in &encoded.inputs {
            let mut keep = Keep::new(slots.iter().map(|slot| (Site::VisionResid(*slot), Wanted::All)).collect());
            self.bench.model.encode(inputs, &mut keep.hooks())?;
            keep.states.into_iter().for_each(|(site, state)| parts.entry(site).or_default().push(state));
        }
        for slot in slots {
            let states = parts.remove(&Site::VisionResid(slot)).unwrap_or_default();
            clean.vision.insert(slot, select(&Tensor::cat(states, 0), &encoded.of[&Role::Clean]));
        }
        Ok(())
    }

    /// Which arms share a pass, as indices: they start at one place and look at tokens only.
    fn passes(&self, arms: &[Arm]) -> Vec<Vec<usize>> {
        let room = STACKED * self.bench.batch.max(1);
        let mut passes: Vec<(Option<Start>, usize, Vec<usize>)> = Vec::new();
        for (index, arm) in arms.iter().enumerate().filter(|(_, arm)| !arm.units.is_empty()) {
            let shares = self.restart == Restart::FromClean && Stack::takes(arm);
            let start = shares.then(|| Start::of(arm.labels.site, self.bench.model));
            let open = passes
                .iter_mut()
                .rev()
                .find(|(of, rows, _)| start.is_some() && *of == start && rows + arm.units.len() <= room);
            match open {
                Some((_, rows, pass)) => {
                    *rows += arm.units.len();
                    pass.push(index);
                }
                None => passes.push((start, arm.units.len(), vec![index])),
            }
        }
        passes.into_iter().map(|(_, _, pass)| pass).collect()
    }

    /// One forward pass of some arms: a reading for each of their units, and how far each was changed.
    fn pass(
        &self,
        arms: &mut [Arm],
        chosen: &[usize],
        batch: &Batch<'_>,
        clean: &Clean,
        forms: &[AnswerForms],
        cost: &mut Cost,
    ) -> Result<(Vec<(Reading, Option<f64>)>, Start)> {
        let model = self.bench.model;
        // Passes take arms in their order, so what is chosen can be moved to the front of a slice of its own.
        let mut taken: Vec<Arm> =
            chosen.iter().map(|&index| std::mem::replace(&mut arms[index], Arm::none())).collect();
        let rows = Stack::rows(&taken);
        let site = taken.first().map_or(Site::Logits, |arm| arm.labels.site);
        let start = match self.restart {
            Restart::FromClean => Start::of(site, model),
            Restart::FromPixels => Start::Vision(0),
        };
        let mut stack = Stack::new(&mut taken);
        let logits = match self.restart {
            Restart::FromClean => self.restarted(start, &rows, clean, &mut Hooks::one(&mut stack))?,
            Restart::FromPixels => {
                let mut under = self.design.under(batch, Role::Clean)?;
                let inputs = clean.inputs.select(&rows);
                let mut hooks = Hooks::one(&mut stack);
                if under.is_empty() {
                    model.run(&inputs, &mut hooks)?
                } else {
                    // What every run gets is made for all units of the batch.
                    let mut before = Hooks::none();
                    under.iter_mut().for_each(|hook| before.push(hook.as_mut()));
                    let visual = model.encode(&clean.inputs, &mut before)?;
                    let visual = hooks.tokens(Site::ProjectorOut, select(&visual, &rows))?;
                    let stream = model.embed(&inputs, visual, &mut hooks)?;
                    let stream = model.blocks(0, stream, &mut hooks)?;
                    model.readout(stream.last(), &mut hooks)?.squeeze_dim(1)
                }
            }
        };
        let change = std::mem::take(&mut stack.change);
        cost.partial += rows.len() as u64;
        let blocks = match start {
            Start::Slot(slot) => model.depth().saturating_sub(slot),
            _ => model.depth(),
        };
        cost.blocks += (rows.len() * blocks) as u64;
        let readings = self.readings(logits, &rows, forms, batch)?;
        for (&index, arm) in chosen.iter().zip(taken) {
            arms[index] = arm;
        }
        Ok((readings.into_iter().zip(change).collect(), start))
    }

    /// Logits `[rows, vocabulary]` of the clean run's rows, from a place on.
    fn restarted(&self, start: Start, rows: &[usize], clean: &Clean, hooks: &mut Hooks<'_>) -> Result<Tensor<2>> {
        let model = self.bench.model;
        let (slot, stream) = match start {
            Start::Slot(slot) => {
                let residual = select(&clean.residuals[slot.min(model.depth())], rows);
                let mut stream = clean.stream.select(rows);
                stream.residual = hooks.tokens(Site::LmResid(slot), residual)?;
                (slot, stream)
            }
            Start::Projector => {
                let visual = hooks.tokens(Site::ProjectorOut, select(&clean.visual, rows))?;
                (0, model.embed(&clean.inputs.select(rows), visual, hooks)?)
            }
            Start::Vision(slot) => {
                let state = |slot: usize| {
                    let kept = clean.vision.get(&slot).map(|state| select(state, rows));
                    kept.ok_or_else(|| Error::data(format!("the encoder's state at slot {slot} was not kept")))
                };
                let inputs = clean.inputs.select(rows);
                let visual = model.encode_from(&inputs, slot, &state, hooks)?;
                (0, model.embed(&inputs, visual, hooks)?)
            }
        };
        let stream = model.blocks(slot, stream, hooks)?;
        Ok(model.readout(stream.last(), hooks)?.squeeze_dim(1))
    }

    fn labels(&self, unit: &Unit) -> UnitLabels {
        UnitLabels {
            design: self.name.to_string(),
            kind: self.design.kind(),
            item: unit.clean.name(),
            cf_item: unit.cf.as_ref().map(super::unit::Run::name),
            image: unit.image().to_string(),
            axis: unit.axis.map(crate::dataset::Axis::word),
            relation: unit.clean.item.relation.clone(),
            direction: unit.direction.name(),
        }
    }

    fn row(
        &self,
        batch: &Batch<'_>,
        arm: &Arm,
        index: usize,
        n_tokens: usize,
        reading: &Reading,
        dx_rel: Option<f64>,
    ) -> EffectRow {
        let unit = &batch.units[index];
        let options = &unit.clean.item.options;
        let right = unit.clean.item.gold;
        let named = |class: Option<usize>| class.and_then(|class| options.get(class).cloned());
        let before = &batch.readings(Role::Clean)[index];
        let cf = batch.readings(Role::Cf).get(index);
        let difference = |reading: &Reading| reading.logit_difference(right, unit.answer_cf);
        let cf_right = unit.cf.as_ref().is_none_or(|cf| {
            batch
                .readings(Role::Cf)
                .get(index)
                .is_some_and(|reading| options.get(reading.answered).map(String::as_str) == Some(cf.answer()))
        });
        EffectRow {
            unit: self.labels(unit),
            labels: arm.labels.clone(),
            golden: before.answered == right && cf_right,
            n_tokens: n_tokens as u32,
            fold: unit.fold,
            answer_clean: unit.clean.answer().to_string(),
            answer_cf: named(unit.answer_cf),
            expected: named(unit.expected),
            third: named(unit.third),
            correct_before: before.answered == right,
            answered: named(Some(reading.answered)).unwrap_or_default(),
            correct: reading.answered == right,
            top: named(reading.top),
            ld: [Some(difference(before)), cf.map(difference), Some(difference(reading))],
            p_right: reading.p[right],
            p_right_before: before.p[right],
            p_cf: unit.answer_cf.map(|class| reading.p[class]),
            p_third: unit.third.map(|class| reading.p[class]),
            p: reading.p.iter().map(|&p| p as f32).collect(),
            kl: reading.divergence(before),
            dx_rel,
        }
    }
}

impl Encoded {
    /// What a need keeps of an image-only site.
    fn kept(&self, site: Site, need: &Need, batch: &Batch<'_>) -> Result<Kept> {
        let all = if site == Site::ProjectorOut { Some(&self.visual) } else { self.states.get(&site) };
        let images = self.of.get(&need.role);
        let (Some(all), Some(images)) = (all, images) else {
            return Err(Error::data(format!("no run {:?} to keep `{site}` of", need.role)));
        };
        Ok(wanted(site, need, batch)?.keep(select(all, images)))
    }
}

/// The positions of a need at a site, over all units of the batch.
fn wanted(site: Site, need: &Need, batch: &Batch<'_>) -> Result<Wanted> {
    let Places::Of(places) = &need.places else { return Ok(Wanted::All) };
    let prompts = batch.prompts.get(&need.role).map_or(&[][..], Vec::as_slice);
    let mut positions: Vec<usize> = prompts.iter().flat_map(|prompt| places(prompt, site)).collect();
    positions.sort_unstable();
    positions.dedup();
    Ok(Wanted::At(positions))
}

/// Rows of the batch axis.
fn select(states: &Tensor<3>, rows: &[usize]) -> Tensor<3> {
    let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let index: Tensor<1, Int> = Tensor::from_data(TensorData::new(index, [rows.len()]), &states.device());
    states.clone().select(0, index)
}
