//! Token ablation: does the answer need what stands at these positions, and of that, the place or the content?
//!
//! | kind | what the tokens become |
//! |---|---|
//! | `zero` | nothing; far from anything the model knows, for comparison only |
//! | `mean_global` | the mean image token of all images |
//! | `mean_cell` | the mean of the same patch over all images: its place stays, its content goes |
//! | `resample` | the same patch of another image, drawn at random |
//! | `noise` | drawn from a normal distribution with the mean and covariance of image tokens |
//! | `reference` | objects: the same object alone in the middle; background: a blank image |
//! | `reference_own` | objects: the same object alone in its own place; background: a blank image |
//!
//! The factorial crosses where objects come from with where the background comes from: own place on a blank image removes the
//! context and keeps absolute position, the middle removes position as well, and what accuracy is left above chance is what the
//! language model supplies by itself.
//!
//! Source: Cui et al. (arXiv 2603.22278), "ordering ablation"; Neo et al. (ICLR 2025) for the means.

mod means;
mod replace;

use std::num::NonZeroUsize;
use std::sync::Arc;

use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

use means::Means;
use replace::{Fill, Plan};

use super::observe::{distinct, patches, token_sites, window};
use super::{
    Arm, Batch, Bench, Design, Labels, Need, Objects, Places, Prompt, Region, Role, Run, Source, Unit, Units, position,
};
use crate::dataset::{Counterpart, Item};
use crate::error::{Error, Result};
use crate::model::Site;
use crate::processor::Group;
use crate::stats::seed::rng;
use crate::study::SitePattern;

/// `design = "ablate"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AblateSpec {
    pub kinds: Vec<Kind>,
    #[serde(default = "projector")]
    pub sites: Vec<SitePattern>,
    /// Of the kinds other than the references, which concern the whole image.
    #[serde(default = "image")]
    pub groups: Vec<Region>,
    /// Slots of the language model that are rewritten one after the other.
    #[serde(default = "one")]
    pub windows: Vec<NonZeroUsize>,
    /// With `background`: the factorial.
    #[serde(default)]
    pub objects: Vec<Objects>,
    #[serde(default)]
    pub background: Vec<Ground>,
    /// Of `resample` and `noise`.
    #[serde(default = "ten")]
    pub draws: u32,
}

fn projector() -> Vec<SitePattern> {
    SitePattern::try_from("projector.out".to_string()).into_iter().collect()
}

fn image() -> Vec<Region> {
    vec![Region::One(Group::Image)]
}

fn one() -> Vec<NonZeroUsize> {
    vec![NonZeroUsize::MIN]
}

fn ten() -> u32 {
    10
}

/// What tokens become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Zero,
    MeanGlobal,
    MeanCell,
    Resample,
    Noise,
    Reference,
    ReferenceOwn,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::MeanGlobal => "mean_global",
            Self::MeanCell => "mean_cell",
            Self::Resample => "resample",
            Self::Noise => "noise",
            Self::Reference => "reference",
            Self::ReferenceOwn => "reference_own",
        }
    }
}

/// Where the background's tokens come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ground {
    Original,
    /// The scene without objects.
    Blank,
    /// Another image.
    Other,
}

fn name(objects: Objects) -> &'static str {
    match objects {
        Objects::Original => "original",
        Objects::Own => "own",
        Objects::Middle => "middle",
    }
}

impl Ground {
    fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Blank => "blank",
            Self::Other => "other",
        }
    }
}

/// What a unit's other runs are, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lenders {
    pub blank: bool,
    /// Objects alone in their own place, and in the middle.
    pub own: bool,
    pub middle: bool,
    /// Other images.
    pub others: usize,
}

impl Lenders {
    pub fn blank(self) -> Role {
        Role::Other(0)
    }

    /// Object `k`, from 0, of `count`.
    pub fn own(self, k: usize) -> Role {
        Role::Other(usize::from(self.blank) + k)
    }

    pub fn middle(self, k: usize, count: usize) -> Role {
        Role::Other(usize::from(self.blank) + usize::from(self.own) * count + k)
    }

    pub fn other(self, draw: usize, count: usize) -> Role {
        let alone = (usize::from(self.own) + usize::from(self.middle)) * count;
        Role::Other(usize::from(self.blank) + alone + draw)
    }
}

/// The design, with what it measured.
pub struct Ablation {
    asked: AblateSpec,
    sites: Vec<Site>,
    means: Option<Means>,
}

impl AblateSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(Ablation { asked: self.clone(), sites: Vec::new(), means: None })
    }

    fn lenders(&self) -> Lenders {
        let has = |kind| self.kinds.contains(&kind);
        let crossed = !self.objects.is_empty() && !self.background.is_empty();
        let reference = has(Kind::Reference) || has(Kind::ReferenceOwn);
        let others = if has(Kind::Resample) { self.draws as usize } else { 0 };
        let another = crossed && self.background.contains(&Ground::Other);
        Lenders {
            blank: reference || crossed && self.background.contains(&Ground::Blank),
            own: has(Kind::ReferenceOwn) || crossed && self.objects.contains(&Objects::Own),
            middle: has(Kind::Reference) || crossed && self.objects.contains(&Objects::Middle),
            others: others.max(usize::from(another)),
        }
    }

    /// Where objects and background come from, with how the arm is called and its group.
    fn crossings(&self) -> Vec<(&'static str, String, Objects, Ground)> {
        let references = self.kinds.iter().filter_map(|kind| match kind {
            Kind::Reference => Some((kind.name(), "image".to_string(), Objects::Middle, Ground::Blank)),
            Kind::ReferenceOwn => Some((kind.name(), "image".to_string(), Objects::Own, Ground::Blank)),
            _ => None,
        });
        let cells =
            self.objects.iter().flat_map(|&objects| self.background.iter().map(move |&ground| (objects, ground)));
        // Originals on the original background are the clean run.
        let cells = cells.filter(|cell| *cell != (Objects::Original, Ground::Original));
        let named = |(objects, ground): (Objects, Ground)| {
            ("factorial", format!("{}+{}", name(objects), ground.name()), objects, ground)
        };
        references.chain(cells.map(named)).collect()
    }

    fn check(&self) -> Result<()> {
        if self.objects.is_empty() != self.background.is_empty() {
            return Err(Error::usage("the factorial needs both `objects` and `background`"));
        }
        if self.kinds.is_empty() && self.objects.is_empty() {
            return Err(Error::usage("`kinds` is empty, and there is no factorial: nothing would be ablated"));
        }
        match self.groups.iter().find(|group| group.has_text()) {
            None => Ok(()),
            Some(group) => Err(Error::usage(format!("`{group}` holds words; what words would become is not defined"))
                .with_help("name groups of image patches, as `object` or `background`")),
        }
    }

    /// The runs that lend states to an item; `None`, with the reason, where it lacks one.
    fn runs(
        &self,
        item: &Item,
        source: &Source<'_>,
        images: &[&Item],
    ) -> Result<std::result::Result<Vec<Run>, String>> {
        let lenders = self.lenders();
        let count = item.objects.len();
        let mut wanted: Vec<Counterpart> = Vec::new();
        wanted.extend(lenders.blank.then_some(Counterpart::Blank));
        wanted.extend((1..=count).filter(|_| lenders.own).map(Counterpart::Isolated));
        wanted.extend((1..=count).filter(|_| lenders.middle).map(Counterpart::Centred));
        let mut runs = Vec::new();
        for counterpart in wanted {
            match Run::counterpart(source.dataset, item, counterpart, source.seed)? {
                Some(run) => runs.push(run),
                None => return Ok(Err(format!("it has no counterpart `{counterpart}`"))),
            }
        }
        let others: Vec<&&Item> = images.iter().filter(|other| other.image != item.image).collect();
        if others.len() < lenders.others {
            return Ok(Err(format!("only {} other images, {} are needed", others.len(), lenders.others)));
        }
        let rng = &mut rng(source.seed, &format!("other images for {}", item.id), 0);
        runs.extend(sample(rng, others.len(), lenders.others).into_iter().map(|at| Run::original(others[at])));
        Ok(Ok(runs))
    }
}

impl Design for Ablation {
    fn kind(&self) -> &'static str {
        "ablate"
    }

    fn units(&mut self, source: &Source<'_>) -> Result<Units> {
        self.asked.check()?;
        token_sites(&self.asked.sites, source.sites)?;
        let images = distinct(source.items);
        let mut units = Units::default();
        let most = source.items.iter().map(|item| item.objects.len()).max().unwrap_or(0);
        let alone = self.asked.lenders().own || self.asked.lenders().middle;
        for item in source.items.iter().take(source.limit.unwrap_or(usize::MAX)) {
            if alone && item.objects.len() != most {
                units.drop(item, format!("{} objects where other items have {most}", item.objects.len()));
                continue;
            }
            match self.asked.runs(item, source, &images)? {
                Ok(others) => units.units.push(Unit { others, ..Unit::alone(item) }),
                Err(reason) => units.drop(item, reason),
            }
        }
        Ok(units)
    }

    fn fit(&mut self, bench: &Bench<'_>) -> Result<()> {
        let starts = token_sites(&self.asked.sites, &bench.model.sites())?;
        let windows = self.asked.windows.iter();
        let mut sites: Vec<Site> = windows
            .flat_map(|width| starts.iter().filter_map(|&site| window(site, width.get(), bench.model)))
            .flatten()
            .collect();
        sites.sort_unstable();
        sites.dedup();
        let measured = |kind: &Kind| matches!(kind, Kind::MeanGlobal | Kind::MeanCell | Kind::Noise);
        if self.asked.kinds.iter().any(measured) {
            self.means = Some(Means::of(bench, &sites)?);
        }
        self.sites = sites;
        Ok(())
    }

    fn needs(&self, units: &[Unit]) -> Vec<Need> {
        let image: Places = Places::Of(Arc::new(|prompt: &Prompt, site| {
            patches(prompt).filter_map(|place| position(place, site, prompt)).collect()
        }));
        (0..units.first().map_or(0, |unit| unit.others.len()))
            .map(|n| Need { role: Role::Other(n), sites: self.sites.clone(), places: image.clone() })
            .collect()
    }

    fn arms(&self, batch: &Batch<'_>) -> Result<Vec<Arm>> {
        let mut arms = Vec::new();
        for plan in self.plans(batch)? {
            for start in token_sites(&self.asked.sites, &batch.model.sites())? {
                for width in &self.asked.windows {
                    let Some(sites) = window(start, width.get(), batch.model) else { continue };
                    let labels = Labels {
                        window: width.get(),
                        draw: plan.draw,
                        ..Labels::new(plan.arm, start, plan.group.clone())
                    };
                    arms.extend(replace::arm(batch, &plan, &sites, labels, self.means.as_ref())?);
                }
            }
        }
        Ok(arms)
    }

    fn missing(&self, batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        let mut missing: Vec<(usize, String)> = self.plans(batch)?.into_iter().flat_map(|plan| plan.missing).collect();
        missing.sort_unstable();
        missing.dedup();
        Ok(missing)
    }
}

impl Ablation {
    /// What every arm does, whatever the site.
    fn plans(&self, batch: &Batch<'_>) -> Result<Vec<Plan>> {
        let mut plans = Vec::new();
        let lenders = self.asked.lenders();
        for &kind in &self.asked.kinds {
            let draws: Vec<Option<u32>> = match kind {
                Kind::Resample | Kind::Noise => (0..self.asked.draws).map(Some).collect(),
                Kind::Reference | Kind::ReferenceOwn => continue,
                _ => vec![None],
            };
            for group in &self.asked.groups {
                for &draw in &draws {
                    let number = draw.unwrap_or(0);
                    let fill = |_: usize, patch: usize, unit: usize| match kind {
                        Kind::Zero => Fill::Zero,
                        Kind::MeanGlobal => Fill::Mean,
                        Kind::MeanCell => Fill::Cell(patch),
                        Kind::Noise => Fill::Noise(number),
                        _ => {
                            let count = batch.units[unit].clean.item.objects.len();
                            Fill::State(lenders.other(number as usize, count), patch)
                        }
                    };
                    plans.push(Plan::of_group(batch, kind.name(), *group, draw, fill)?);
                }
            }
        }
        for (arm, group, objects, background) in self.asked.crossings() {
            plans.push(Plan::crossing(batch, (arm, group), objects, background, lenders)?);
        }
        Ok(plans)
    }
}
