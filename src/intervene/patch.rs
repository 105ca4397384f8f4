//! Patching: states of one run put into another, and what the answer becomes.
//!
//! After the interchange experiments of Cui et al. 2026 (arXiv 2603.22278), the mirrored images of Kang et al. and the
//! causal traces of Meng et al. 2022 (`noise`).

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::arm::{Arm, Control, Labels};
use super::batch::Batch;
use super::correspondence::correspondence;
use super::design::{Design, Need, Places, Source};
use super::overwrite::{Apply, Overwrite};
use super::pairing::Pairing;
use super::reference::{Background, Objects, Reference};
use super::region::{Region, group_at, is_image_only};
use super::unit::{Direction, Prompt, Role, Unit, Units, outermost};
use crate::error::{Error, Result};
use crate::model::{Hook, Site, select};
use crate::processor::Group;
use crate::stats::seed::rng;
use crate::study::SitePattern;

/// `design = "patch"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchSpec {
    pub pairing: Pairing,
    pub sites: Vec<SitePattern>,
    #[serde(default = "last")]
    pub groups: Vec<Region>,
    /// Slots (or layers) that are patched together, from the first on.
    #[serde(default = "single")]
    pub windows: Vec<usize>,
    #[serde(default = "forward")]
    pub directions: Vec<Direction>,
    /// `identity` (the run's own states) and `other_item` (another pair's).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<Control>,
    /// Both runs lose this first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Under>,
    /// Standard deviations of the image tokens that `noise` adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f32>,
    /// The sites that the study names, and all that the model has.
    #[serde(skip)]
    sites_there: Vec<Site>,
    #[serde(skip)]
    walk: Vec<Site>,
}

/// What both runs of a pair lose before anything is patched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Under {
    /// Objects look as each does alone in the middle, the background as it does without objects.
    Reference,
}

fn last() -> Vec<Region> {
    vec![Region::One(Group::Last)]
}

fn single() -> Vec<usize> {
    vec![1]
}

fn forward() -> Vec<Direction> {
    vec![Direction::CleanFromCf]
}

/// Of the study's noise, where it does not say: as in causal tracing.
const NOISE: f32 = 3.0;

/// What an object looks like alone in the middle, and the background alone.
const REFERENCE: Reference = Reference { objects: Objects::Middle, background: Background::Blank, first: 0 };

impl PatchSpec {
    fn check(&self) -> Result<()> {
        let wrong = |message: String| Err(Error::usage(message));
        if let Some(control) =
            self.controls.iter().find(|control| !matches!(control, Control::Identity | Control::OtherItem))
        {
            return wrong(format!("`controls` of patching are `identity` and `other_item`, not `{}`", control.name()));
        }
        if self.under.is_some() && !matches!(self.pairing, Pairing::Cross | Pairing::Mirror) {
            return wrong(
                "`under` goes with `pairing = \"cross\"` or `\"mirror\"`: the same things in other places".into(),
            );
        }
        if self.noise.is_some() && self.pairing != Pairing::Noise {
            return wrong("`noise` goes with `pairing = \"noise\"`".into());
        }
        if self.windows.is_empty() || self.windows.contains(&0) {
            return wrong("`windows` must name at least one slot".into());
        }
        if self.groups.is_empty() || self.directions.is_empty() {
            return wrong("`groups` and `directions` must not be empty".into());
        }
        Ok(())
    }

    /// The sites of a window that begins at `site`; `None` where the model ends before it does.
    fn window(&self, site: Site, width: usize) -> Option<Vec<Site>> {
        let step = |n: usize| match site {
            Site::VisionResid(s) => Some(Site::VisionResid(s + n)),
            Site::SpatialFrame(i) => Some(Site::SpatialFrame(i + n)),
            Site::SpatialGlobal(i) => Some(Site::SpatialGlobal(i + n)),
            Site::LmResid(s) => Some(Site::LmResid(s + n)),
            Site::LmHead(l, h) => Some(Site::LmHead(l + n, h)),
            Site::LmAttnOut(l) => Some(Site::LmAttnOut(l + n)),
            Site::LmMlpOut(l) => Some(Site::LmMlpOut(l + n)),
            other => (n == 0).then_some(other),
        };
        (0..width).map(|n| step(n).filter(|site| self.walk.contains(site))).collect()
    }

    /// Every site of every window.
    fn lent(&self) -> Vec<Site> {
        let windows = self.sites_there.iter().flat_map(|&site| self.windows.iter().map(move |&width| (site, width)));
        let mut sites: Vec<Site> = windows.filter_map(|(site, width)| self.window(site, width)).flatten().collect();
        sites.sort_unstable();
        sites.dedup();
        sites
    }

    /// Which positions of a unit's run a region writes at a site, and where each comes from in the other run.
    fn moves(&self, batch: &Batch<'_>, unit: usize, region: Region, site: Site) -> Result<Moves> {
        let (clean, cf) = (batch.prompt(Role::Clean, unit)?, batch.prompt(Role::Cf, unit)?);
        let pair = batch.units[unit].pair;
        if self.pairing == Pairing::Cross {
            return Ok(correspondence(region, site, clean, cf, pair));
        }
        let here = region.at(site, clean, pair, batch.seed);
        let there = match region {
            Region::One(group) if group.is_text() => region.at(site, cf, pair, batch.seed),
            Region::Word => region.at(site, cf, pair, batch.seed),
            _ => here.clone(),
        };
        if here.len() != there.len() {
            return Ok(Err(format!("{} positions and {}", here.len(), there.len())));
        }
        if here.is_empty() {
            return Ok(Err("no such positions".into()));
        }
        Ok(Ok(here.into_iter().zip(there).collect()))
    }

    /// The arm of a region and a window, over the units that have it.
    fn arm(&self, batch: &Batch<'_>, sites: &[Site], region: Region, control: Control) -> Result<Option<Arm>> {
        let site = sites[0];
        let (mut units, mut moves) = (Vec::new(), Vec::new());
        for &unit in &batch.live {
            if let Ok(found) = self.moves(batch, unit, region, site)? {
                units.push(unit);
                moves.push(found);
            }
        }
        // Another pair's states: those of the next unit in the batch.
        let lender = |n: usize| if control == Control::OtherItem { units[(n + 1) % units.len()] } else { units[n] };
        if units.is_empty() || (control == Control::OtherItem && units.len() < 2) {
            return Ok(None);
        }
        let role = if control == Control::Identity { Role::Clean } else { Role::Cf };
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for (n, moves) in moves.iter().enumerate() {
            let mut own = Vec::with_capacity(moves.len());
            for &(to, from) in moves {
                own.push((to, rows.len()));
                rows.push((lender(n), if control == Control::Identity { to } else { from }));
            }
            places.push(own);
        }
        let mut hook = Overwrite::new();
        for &site in sites {
            hook = hook.lent(site, places.clone(), batch.state(role, site)?, rows.clone());
        }
        let written = moves.iter().map(|moves| moves.iter().map(|(to, _)| *to).collect()).collect();
        let arm = match self.under {
            Some(Under::Reference) => format!("{} under reference", self.pairing.name()),
            None => self.pairing.name().to_owned(),
        };
        let mut labels = Labels::new(arm, site, region);
        labels.control = control;
        labels.window = sites.len();
        if self.pairing == Pairing::Noise {
            labels.dose = Some(self.noise.unwrap_or(NOISE));
        }
        Ok(Some(Arm { labels, units, written, hook: Box::new(hook) }))
    }

    /// Every region at every site, once.
    fn cells(&self) -> impl Iterator<Item = (Region, Site)> {
        let fits = |region: &Region, site: Site| !(region.has_text() && is_image_only(site) && *region != Region::All);
        self.sites_there.iter().flat_map(move |&site| {
            self.groups.iter().filter(move |region| fits(region, site)).map(move |&region| (region, site))
        })
    }
}

type Moves = std::result::Result<Vec<(usize, usize)>, String>;

impl Design for PatchSpec {
    fn kind(&self) -> &'static str {
        "patch"
    }

    fn units(&mut self, source: &Source<'_>) -> Result<Units> {
        self.check()?;
        self.sites_there = select(&self.sites, source.sites)?;
        self.walk = source.sites.iter().map(|spec| spec.site).collect();
        if let Some(site) = self.sites_there.iter().find(|site| site.is_attention() || **site == Site::Logits) {
            return Err(Error::usage(format!("`{site}` holds no token states")).with_help(
                "states are patched at vision.*.resid, projector.out, lm.*.resid, lm.*.head.*, lm.*.attn_out",
            ));
        }
        if self.cells().next().is_none() {
            return Err(Error::usage("none of the `groups` exists at any of the `sites`")
                .with_help("words and `last` are positions of the language model: lm.*.resid"));
        }
        let mut units = self.pairing.units(source, &self.directions)?;
        if self.under.is_some() {
            source.dataset.offers(crate::dataset::Counterpart::Centred(1))?;
            let mut kept = Vec::new();
            for unit in std::mem::take(&mut units.units) {
                match REFERENCE.runs(source.dataset, &unit.clean.base, source.seed)? {
                    Some(others) => kept.push(Unit { others, ..unit }),
                    None => units.drop(&unit.clean.base, "its objects cannot be shown alone"),
                }
            }
            let objects = kept.first().map_or(0, |unit| unit.others.len());
            let (same, other): (Vec<_>, Vec<_>) = kept.into_iter().partition(|unit| unit.others.len() == objects);
            units.units = same;
            other.iter().for_each(|unit| units.drop(&unit.clean.base, "not as many objects as the first item"));
        }
        Ok(units)
    }

    fn needs(&self, units: &[Unit]) -> Vec<Need> {
        let groups = self.groups.clone();
        let crosses = self.pairing == Pairing::Cross;
        let places = move |prompt: &Prompt, site: Site| -> Vec<usize> {
            let all = |group| group_at(group, site, prompt).unwrap_or_default();
            let of = |region: &Region| match region {
                Region::Object | Region::Ring(_) | Region::Strip | Region::StripMinusObject if crosses => {
                    region.at(site, prompt, outermost(&prompt.item), 0)
                }
                region if region.has_text() => region.at(site, prompt, outermost(&prompt.item), 0),
                // Which patches of the other run are read, may depend on where the objects are in this one.
                _ => all(Group::Image),
            };
            groups.iter().flat_map(of).collect()
        };
        let places = Places::Of(Arc::new(places));
        let lends = |role| Need { role, sites: self.lent(), places: places.clone() };
        let mut needs = vec![lends(Role::Cf)];
        if self.controls.contains(&Control::Identity) {
            needs.push(Need { places: Places::Everywhere, ..lends(Role::Clean) });
        }
        if self.under.is_some() {
            needs.extend(REFERENCE.needs(units.first().map_or(0, |unit| unit.clean.item.objects.len())));
        }
        needs
    }

    fn under(&self, batch: &Batch<'_>, role: Role) -> Result<Vec<Box<dyn Hook>>> {
        let all: Vec<usize> = (0..batch.units.len()).collect();
        Ok(match (self.under, self.pairing, role) {
            (Some(Under::Reference), _, _) => vec![Box::new(REFERENCE.hook(batch, role, &all)?)],
            (None, Pairing::Noise, Role::Clean) => vec![Box::new(self.noisy(batch, &all)?)],
            _ => Vec::new(),
        })
    }

    fn unusable(&self, batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        let mut found = Vec::new();
        if self.under.is_some() {
            for unit in 0..batch.units.len() {
                for role in [Role::Clean, Role::Cf] {
                    found.extend(REFERENCE.misfit(batch, role, unit)?.map(|reason| (unit, reason)));
                }
            }
        }
        Ok(found)
    }

    fn arms(&self, batch: &Batch<'_>) -> Result<Vec<Arm>> {
        let mut arms = Vec::new();
        for (region, site) in self.cells() {
            for sites in self.windows.iter().filter_map(|&width| self.window(site, width)) {
                for control in [Control::None].into_iter().chain(self.controls.iter().copied()) {
                    arms.extend(self.arm(batch, &sites, region, control)?);
                }
            }
        }
        Ok(arms)
    }

    fn missing(&self, batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        let mut missing: Vec<(usize, String)> = Vec::new();
        for (region, site) in self.cells() {
            for &unit in &batch.live {
                if let Err(reason) = self.moves(batch, unit, region, site)? {
                    let told = (unit, format!("{region}: {reason}"));
                    // At most sites the same; told once.
                    if !missing.contains(&told) {
                        missing.push(told);
                    }
                }
            }
        }
        Ok(missing)
    }

    fn golden(&self) -> bool {
        self.pairing != Pairing::Noise
    }
}

impl PatchSpec {
    /// Gaussian noise on every image token of these units.
    fn noisy(&self, batch: &Batch<'_>, units: &[usize]) -> Result<impl Hook + use<>> {
        let dose = self.noise.unwrap_or(NOISE);
        let mut positions = Vec::with_capacity(units.len());
        let mut names = Vec::with_capacity(units.len());
        for &unit in units {
            let prompt = batch.prompt(Role::Clean, unit)?;
            positions.push(group_at(Group::Image, Site::ProjectorOut, prompt).unwrap_or_default());
            names.push(format!("noise on {}", batch.units[unit].clean.name()));
        }
        let (lengths, seed): (Vec<usize>, u64) = (positions.iter().map(Vec::len).collect(), batch.seed);
        Ok(Apply::new(vec![Site::ProjectorOut], positions, move |_, rows: Tensor<2>| {
            let [_, width] = rows.dims();
            let mut begin = 0;
            let mut parts = Vec::with_capacity(lengths.len());
            for (name, &count) in names.iter().zip(&lengths) {
                let own = rows.clone().narrow(0, begin, count);
                begin += count;
                let spread = own.clone().var(0).mean().sqrt().reshape([1, 1]);
                let mut rng = rng(seed, name, 0);
                let drawn: Vec<f32> = (0..count * width).map(|_| dose * gaussian(&mut rng)).collect();
                let drawn = TensorData::new(drawn, [count, width]);
                parts.push(own + Tensor::<2>::from_data(drawn, &rows.device()) * spread);
            }
            Ok(Tensor::cat(parts, 0))
        }))
    }
}

/// A draw of the standard normal distribution (Box and Muller 1958).
fn gaussian(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}
