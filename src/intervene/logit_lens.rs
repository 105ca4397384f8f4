//! The logit lens: what each state would answer, were it read out now, with the model's own final norm and head.
//!
//! The last slot is the model's answer itself. Early slots live in other coordinates, so the lens is biased there: the
//! divergence from the final distribution says how much.
//!
//! Source: nostalgebraist, "interpreting GPT: the logit lens" (2020).

use std::sync::Arc;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{
    Batch, Design, LensRow, Need, Places, Prompt, Reading, Role, Run, Source, Unit, Units, group_at, position,
};
use crate::dataset::Counterpart;
use crate::error::{Error, Result};
use crate::model::Site;
use crate::processor::{AnswerForms, Group, Member};

/// `design = "lens"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LensSpec {
    /// Positions that are read out; every token of a group has rows of its own.
    #[serde(default = "usual")]
    pub positions: Vec<Group>,
    /// Other images under the same question, as the prior of the words: `blank`, `noise`.
    #[serde(default)]
    pub variants: Vec<Counterpart>,
    /// Every slot of the model that is looked at.
    #[serde(skip)]
    slots: Vec<Site>,
}

fn usual() -> Vec<Group> {
    vec![Group::Last, Group::Word(1), Group::Word(2), Group::Image]
}

/// Rows of logits that are on the host at once.
const ROWS: usize = 64;

impl Design for LensSpec {
    fn kind(&self) -> &'static str {
        "lens"
    }

    fn units(&mut self, source: &Source<'_>) -> Result<Units> {
        if self.positions.is_empty() {
            return Err(Error::usage("`positions` is empty: the lens would read nothing")
                .with_help("name groups, as `last` or `image`"));
        }
        self.slots =
            source.sites.iter().map(|spec| spec.site).filter(|site| matches!(site, Site::LmResid(_))).collect();
        self.variants.iter().try_for_each(|variant| source.dataset.offers(*variant))?;
        let mut units = Units::default();
        for item in source.items.iter().take(source.limit.unwrap_or(usize::MAX)) {
            let mut others = Vec::with_capacity(self.variants.len());
            for variant in &self.variants {
                others.extend(Run::counterpart(source.dataset, item, *variant, source.seed)?);
            }
            if others.len() < self.variants.len() {
                units.drop(item, "it has not every counterpart that is asked for");
                continue;
            }
            units.units.push(Unit { others, ..Unit::alone(item) });
        }
        Ok(units)
    }

    fn reads(&self) -> bool {
        true
    }

    fn needs(&self, _units: &[Unit]) -> Vec<Need> {
        let positions = self.positions.clone();
        let places = Places::Of(Arc::new(move |prompt: &Prompt, site| {
            positions.iter().filter_map(|&group| group_at(group, site, prompt)).flatten().collect()
        }));
        let roles = std::iter::once(Role::Clean).chain((0..self.variants.len()).map(Role::Other));
        roles.map(|role| Need { role, sites: self.slots.clone(), places: places.clone() }).collect()
    }

    fn lens(&self, batch: &Batch<'_>) -> Result<Vec<LensRow>> {
        let mut rows = Vec::new();
        for &unit in &batch.live {
            rows.extend(self.read(batch, Role::Clean, "original", unit)?);
            for (n, variant) in self.variants.iter().enumerate() {
                rows.extend(self.read(batch, Role::Other(n), &variant.to_string(), unit)?);
            }
        }
        Ok(rows)
    }
}

/// A position that is read out.
struct Spot {
    group: Group,
    member: Member,
    position: usize,
}

impl LensSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(self.clone())
    }

    fn read(&self, batch: &Batch<'_>, role: Role, variant: &str, unit: usize) -> Result<Vec<LensRow>> {
        let prompt = batch.prompt(role, unit)?;
        let item = &batch.units[unit].clean.item;
        let forms = batch.processor.answer_forms(&item.question, &item.options)?;
        let mut spots = Vec::new();
        for &group in &self.positions {
            for member in group.members(&prompt.layout).unwrap_or_default() {
                if let Some(position) = position(member.place, Site::LmResid(0), prompt) {
                    spots.push(Spot { group, member, position });
                }
            }
        }
        let slots = &self.slots;
        let mut rows = Vec::with_capacity(spots.len() * slots.len() * item.options.len());
        for spots in spots.chunks((ROWS / slots.len()).max(1)) {
            let at: Vec<(usize, usize)> = spots.iter().map(|spot| (unit, spot.position)).collect();
            let states: Vec<Tensor<2>> =
                slots.iter().map(|&slot| batch.state(role, slot)?.rows(&at)).collect::<Result<_>>()?;
            let readings = read_out(batch, Tensor::cat(states, 0), &forms)?;
            for (at, spot) in spots.iter().enumerate() {
                let of = |slot: usize| &readings[slot * spots.len() + at];
                let last = of(slots.len() - 1);
                for slot in 0..slots.len() {
                    let reading = of(slot);
                    let top1 = batch.processor.decode(&[most_probable(reading)])?;
                    for (class, name) in item.options.iter().enumerate() {
                        rows.push(LensRow {
                            item: batch.units[unit].id.clone(),
                            image: batch.units[unit].image().to_owned(),
                            variant: variant.to_owned(),
                            pos_kind: spot.group.to_string(),
                            cell: spot.member.place.patch(),
                            slot: slot as i16,
                            class: name.clone(),
                            m_c: reading.m[class] as f32,
                            p_c: reading.p[class] as f32,
                            rank_c: 1 + reading.m.iter().filter(|&&m| m > reading.m[class]).count() as u32,
                            ld: reading.logit_difference(item.gold, None) as f32,
                            entropy: entropy(reading) as f32,
                            kl_to_final: reading.divergence(last) as f32,
                            top1: top1.clone(),
                        });
                    }
                }
            }
        }
        Ok(rows)
    }
}

/// What states `[rows, width]` say, by the model's final norm and head.
fn read_out(batch: &Batch<'_>, states: Tensor<2>, forms: &AnswerForms) -> Result<Vec<Reading>> {
    let logits = batch.model.readout(states.unsqueeze_dim(0), &mut crate::model::Hooks::none())?;
    let [_, _, vocabulary] = logits.dims();
    let logits: Vec<f32> = crate::record::numbers(logits.into_data())?;
    logits.chunks(vocabulary).map(|logits| Reading::of(logits, forms)).collect()
}

fn most_probable(reading: &Reading) -> u32 {
    let best =
        (0..reading.log_p.len()).reduce(|best, id| if reading.log_p[id] > reading.log_p[best] { id } else { best });
    best.unwrap_or(0) as u32
}

/// In nats, over the whole vocabulary.
fn entropy(reading: &Reading) -> f64 {
    -reading.log_p.iter().filter(|p| p.is_finite()).map(|p| p.exp() * p).sum::<f64>()
}
