//! The runs of a batch before any arm: every role once, what is asked for of each kept, and its answer read.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::Tensor;

use super::answers::Reading;
use super::batch::Batch;
use super::clean::Clean;
use super::design::{Design, Need};
use super::encoded::{Encoded, wanted};
use super::keep::{Keep, Wanted};
use super::region::is_image_only;
use super::unit::Role;
use crate::error::{Error, Result};
use crate::model::{Hook, Hooks, Inputs, Site};
use crate::processor::{AnswerForms, Prepared};
use crate::record::numbers;

/// The tokens of each unit's answers.
pub fn forms(batch: &Batch<'_>) -> Result<Vec<AnswerForms>> {
    let mut known: HashMap<&[String], AnswerForms> = HashMap::new();
    let mut forms = Vec::with_capacity(batch.units.len());
    for unit in &batch.units {
        let item = &unit.clean.item;
        if !known.contains_key(item.options.as_slice()) {
            let new = batch.processor.answer_forms(&item.question, &item.options);
            known.insert(&item.options, new.map_err(|error| error.within(format!("item `{}`", item.id)))?);
        }
        forms.extend(known.get(item.options.as_slice()).cloned());
    }
    Ok(forms)
}

/// Runs every role that must be run, and keeps what is asked for.
pub fn run_roles(
    design: &dyn Design,
    batch: &mut Batch<'_>,
    encoded: &Encoded,
    needs: &[Need],
    forms: &[AnswerForms],
) -> Result<(Clean, u64)> {
    let model = batch.model;
    let mut roles: Vec<Role> = batch.prompts.keys().copied().collect();
    roles.sort_unstable();
    // What every run gets may read any run's states as they are, so it is made before any of them changes.
    let mut under: Vec<(Role, Vec<Box<dyn Hook>>)> = Vec::new();
    for &role in roles.iter().filter(|role| matches!(role, Role::Clean | Role::Cf)) {
        under.push((role, design.under(batch, role)?));
    }
    let (mut clean, mut full) = (None, 0);
    for role in roles {
        let of_role = |need: &&Need| need.role == role;
        let asked: Vec<(Site, Wanted)> = needs
            .iter()
            .filter(of_role)
            .flat_map(|need| need.sites.iter().map(move |site| (*site, need)))
            .filter(|(site, _)| !is_image_only(*site))
            .map(|(site, need)| Ok((site, wanted(site, need, batch)?)))
            .collect::<Result<_>>()?;
        if matches!(role, Role::Other(_)) && asked.is_empty() {
            continue;
        }
        let prepared: Vec<&Prepared> = batch.prompts[&role].iter().map(|prompt| &prompt.prepared).collect();
        let inputs = Inputs::collate(&prepared, &model.device())?;
        let mut visual = encoded.visual(role)?;
        let mut own = under.iter_mut().filter(|(of, _)| *of == role).flat_map(|(_, hooks)| hooks.iter_mut());
        let mut hooks = Hooks::none();
        own.by_ref().for_each(|hook| hooks.push(hook.as_mut()));
        visual = hooks.tokens(Site::ProjectorOut, visual)?;
        for need in needs.iter().filter(of_role).filter(|need| need.sites.contains(&Site::ProjectorOut)) {
            let wanted = wanted(Site::ProjectorOut, need, batch)?;
            batch.states.insert((role, Site::ProjectorOut), wanted.keep(visual.clone()));
        }
        let mut keep = Keep::new(asked);
        let mut hooks = keep.hooks();
        let mut stream = model.embed(&inputs, visual.clone(), &mut hooks)?;
        let begun = stream.clone();
        let mut residuals = vec![stream.residual.clone()];
        if role == Role::Clean {
            stream.past = vec![None; model.depth()];
        }
        for layer in 0..model.depth() {
            stream = model.block(layer, stream, &mut hooks)?;
            if role == Role::Clean {
                residuals.push(stream.residual.clone());
            }
        }
        let logits = model.readout(stream.last(), &mut hooks)?.squeeze_dim(1);
        drop(hooks);
        full += inputs.batch() as u64;
        let readings = readings(logits, &(0..inputs.batch()).collect::<Vec<_>>(), forms, batch)?;
        batch.answers.insert(role, readings);
        for (site, kept) in keep.kept() {
            batch.states.insert((role, site), kept);
        }
        if role == Role::Clean {
            let past = std::mem::take(&mut stream.past);
            clean =
                Some(Clean { inputs, visual, stream: begun, residuals, past, vision: BTreeMap::new(), addends: None });
        }
    }
    let clean = clean.ok_or_else(|| Error::data("a unit has no clean run"))?;
    Ok((clean, full))
}

/// Logits `[rows, vocabulary]` of these units to readings.
pub fn readings(logits: Tensor<2>, units: &[usize], forms: &[AnswerForms], batch: &Batch<'_>) -> Result<Vec<Reading>> {
    let [_, vocabulary] = logits.dims();
    let logits = numbers(logits.into_data())?;
    let one = |(row, &unit): (&[f32], &usize)| {
        Reading::of(row, &forms[unit]).map_err(|error| error.within(format!("item `{}`", batch.units[unit].id)))
    };
    logits.chunks_exact(vocabulary).zip(units).map(one).collect()
}
