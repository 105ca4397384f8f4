//! Erasure: does the answer need a concept that a linear reader can find in the states?
//!
//! Erasers are cross-fitted: an image's states are rewritten by an eraser that was fitted to the images of the other folds.
//! Every eraser comes with random subspaces of the same rank, and of the same rank and removed variance, and with one fitted
//! to a shuffled concept.
//!
//! | concept | what a token is said to be | erased about |
//! |---|---|---|
//! | `slot` | the place, along the axis, of the object nearest to it | the mean token |
//! | `cell` | its column and row: the absolute code | the mean token |
//! | `order` | which of the image's two outermost objects, by name, comes first: the layout, at every patch | the mean of its patch |
//! | `content` | the name of the object nearest to it | the mean token |
//!
//! An eraser guards against linear readers of its own site alone; norms and later layers may bring a concept back, so
//! `from = "onwards"` erases after every later layer too.

mod concept;
mod fit;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use burn::tensor::Device;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use concept::Concept;
use fit::{Eraser, Form, Key, Kind};

use super::observe::{ImageFolds, token_sites};
use super::{
    Arm, Batch, Bench, Change, Control, Design, Dose, Labels, Prompt, Region, Role, Source, Step, Unit, Units, steer,
};
use crate::dataset::{Axis, Item};
use crate::error::{Error, Result};
use crate::model::{Site, VisionLanguage};
use crate::processor::Group;
use crate::stats::edit::Length;
use crate::study::SitePattern;

/// `design = "erase"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseSpec {
    #[serde(default = "projector")]
    pub sites: Vec<SitePattern>,
    #[serde(default = "leace")]
    pub methods: Vec<Method>,
    pub concepts: Vec<Concept>,
    /// Which tokens.
    #[serde(default = "image")]
    pub scopes: Vec<Region>,
    #[serde(default)]
    pub from: From,
    /// Of the cross-fitting, over images.
    #[serde(default = "five")]
    pub folds: usize,
    /// Random subspaces of each kind, for LEACE and INLP at most 100 are usual.
    #[serde(default = "hundred")]
    pub random: u32,
    /// Classifiers that INLP removes at most.
    #[serde(default = "sixteen")]
    pub rounds: usize,
}

fn projector() -> Vec<SitePattern> {
    SitePattern::try_from("projector.out".to_string()).into_iter().collect()
}

fn leace() -> Vec<Method> {
    vec![Method::Leace]
}

fn image() -> Vec<Region> {
    vec![Region::One(Group::Image)]
}

fn five() -> usize {
    5
}

fn sixteen() -> usize {
    16
}

fn hundred() -> u32 {
    100
}

/// How a concept is erased; see [`crate::stats::edit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Leace,
    Orthogonal,
    Inlp,
    /// Is told the concept of every token: an upper bound of surgery.
    Oracle,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Leace => "leace",
            Self::Orthogonal => "orthogonal",
            Self::Inlp => "inlp",
            Self::Oracle => "oracle",
        }
    }
}

/// Whether later layers are erased too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// At the site alone.
    #[default]
    Site,
    /// At the site and after every layer that follows.
    Onwards,
}

/// The design, with its erasers.
pub struct Erasure {
    asked: EraseSpec,
    folds: ImageFolds,
    erasers: BTreeMap<Key, Eraser>,
}

impl EraseSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(Erasure { asked: self.clone(), folds: ImageFolds::default(), erasers: BTreeMap::new() })
    }

    fn check(&self) -> Result<()> {
        if self.concepts.is_empty() || self.methods.is_empty() {
            return Err(Error::usage("`concepts` and `methods` must not be empty: nothing would be erased"));
        }
        if self.methods.contains(&Method::Inlp)
            && let Some(concept) = self.concepts.iter().find(|concept| !concept.has_classes())
        {
            return Err(Error::usage(format!(
                "`inlp` needs a concept with classes at the objects; `{concept}` has none"
            ))
            .with_help("take `leace` for it, or the concepts `slot` and `content`"));
        }
        match self.scopes.iter().find(|scope| scope.has_text()) {
            None => Ok(()),
            Some(scope) => {
                Err(Error::usage(format!("scope `{scope}` holds words; erasers are fitted to image tokens"))
                    .with_help("name groups of image patches, as `image`, `object`, `background` or `strip`"))
            }
        }
    }

    /// The sites that are rewritten when erasure begins at one.
    fn reached(&self, site: Site, model: &dyn VisionLanguage) -> Vec<Site> {
        let later = match (self.from, site) {
            (From::Site, _) => return vec![site],
            (From::Onwards, Site::LmResid(slot)) => slot + 1,
            (From::Onwards, _) => 1,
        };
        std::iter::once(site).chain((later..=model.depth()).map(Site::LmResid)).collect()
    }
}

impl Design for Erasure {
    fn kind(&self) -> &'static str {
        "erase"
    }

    fn units(&mut self, source: &Source<'_>) -> Result<Units> {
        self.asked.check()?;
        token_sites(&self.asked.sites, source.sites)?;
        self.folds = ImageFolds::deal(source.items, self.asked.folds, source.seed)?;
        let items = source.items.iter().take(source.limit.unwrap_or(usize::MAX));
        let unit = |item: &Item| Unit { fold: self.folds.of(&item.image), ..Unit::alone(item) };
        Ok(Units { units: items.map(unit).collect(), dropped: Vec::new() })
    }

    fn fit(&mut self, bench: &Bench<'_>) -> Result<()> {
        let starts = token_sites(&self.asked.sites, &bench.model.sites())?;
        let mut sites: Vec<Site> = starts.iter().flat_map(|&site| self.asked.reached(site, bench.model)).collect();
        sites.sort_unstable();
        sites.dedup();
        self.erasers = fit::fit(bench, &sites, &self.asked, &self.folds)?;
        Ok(())
    }

    fn arms(&self, batch: &Batch<'_>) -> Result<Vec<Arm>> {
        let mut arms = Vec::new();
        for &start in &token_sites(&self.asked.sites, &batch.model.sites())? {
            let sites = self.asked.reached(start, batch.model);
            for &scope in &self.asked.scopes {
                for &concept in &self.asked.concepts {
                    for &method in &self.asked.methods {
                        for (kind, draw) in self.kinds(method) {
                            arms.extend(self.arm(batch, &sites, scope, (concept, method), (kind, draw))?);
                        }
                    }
                }
            }
        }
        Ok(arms)
    }

    fn missing(&self, batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        let none = |unit: &usize, scope: &Region| {
            let prompt = batch.prompt(Role::Clean, *unit).ok()?;
            let empty = scope.at(Site::ProjectorOut, prompt, batch.units[*unit].pair, batch.seed).is_empty();
            empty.then(|| (*unit, format!("no token of `{scope}`")))
        };
        Ok(batch
            .live
            .iter()
            .flat_map(|unit| self.asked.scopes.iter().filter_map(move |scope| none(unit, scope)))
            .collect())
    }
}

impl Erasure {
    /// The eraser itself, and what it is compared with.
    fn kinds(&self, method: Method) -> Vec<(Kind, Option<u32>)> {
        let mut kinds = vec![(Kind::Real, None)];
        if method != Method::Oracle {
            kinds.push((Kind::Shuffled, None));
            for draw in 0..self.asked.random {
                kinds.push((Kind::RandomRank, Some(draw)));
                kinds.push((Kind::RandomVariance, Some(draw)));
            }
        }
        kinds
    }

    fn arm(
        &self,
        batch: &Batch<'_>,
        sites: &[Site],
        scope: Region,
        (concept, method): (Concept, Method),
        (kind, draw): (Kind, Option<u32>),
    ) -> Result<Option<Arm>> {
        let device = batch.model.device();
        let mut units = Vec::new();
        let mut steps: Vec<Vec<Step>> = vec![Vec::new(); sites.len()];
        let mut shared: HashMap<(usize, i16, Axis), Arc<Change>> = HashMap::new();
        for &unit in &batch.live {
            let prompt = batch.prompt(Role::Clean, unit)?;
            let Unit { pair, fold, axis, .. } = &batch.units[unit];
            let (Some(fold), Some(axis)) = (*fold, *axis) else { continue };
            let patches = scope.at(Site::ProjectorOut, prompt, *pair, batch.seed);
            if patches.is_empty() {
                continue;
            }
            let key = |site: Site| Key { site, concept, method, fold, axis: concept.axis(axis) };
            let erasers: Option<Vec<&Eraser>> = sites.iter().map(|&site| self.erasers.get(&key(site))).collect();
            let Some(erasers) = erasers else { continue };
            let forms: Option<Vec<&Form>> = erasers.into_iter().map(|eraser| eraser.form(kind, draw)).collect();
            // An eraser that found nothing to erase makes no arm.
            let Some(forms) = forms else { continue };
            for (at, form) in forms.into_iter().enumerate() {
                let change = || on_device(form, prompt, concept, &patches, &device).map(Arc::new);
                let change = match form {
                    // The same for every unit of a fold and axis.
                    Form::LowRank { cells: None, .. } => match shared.entry((at, fold, axis)) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(new) => new.insert(change()?).clone(),
                    },
                    _ => change()?,
                };
                steps[at].push(Step { change, as_far_as: None });
            }
            units.push(unit);
        }
        if units.is_empty() {
            return Ok(None);
        }
        let (control, basis) = match kind {
            Kind::Real => (Control::None, concept.to_string()),
            Kind::Shuffled => (Control::Shuffled, concept.to_string()),
            Kind::RandomRank => (Control::Random, format!("{concept}, same rank")),
            Kind::RandomVariance => (Control::Random, format!("{concept}, same variance")),
        };
        let arm = match self.asked.from {
            From::Site => method.name().to_string(),
            From::Onwards => format!("{}+onwards", method.name()),
        };
        let labels =
            Labels { control, window: sites.len(), basis: Some(basis), draw, ..Labels::new(arm, sites[0], scope) };
        // The prompt's positions differ from the image's own where the site holds patches alone.
        let at: Vec<Vec<Vec<usize>>> = sites
            .iter()
            .map(|&site| {
                units
                    .iter()
                    .map(|&unit| {
                        Ok(scope.at(site, batch.prompt(Role::Clean, unit)?, batch.units[unit].pair, batch.seed))
                    })
                    .collect()
            })
            .collect::<Result<_>>()?;
        let written = at[0].clone();
        let dose = Dose { dose: -1.0, length: Length::Free };
        let hooks =
            sites.iter().zip(at).zip(steps).map(|((&site, at), steps)| steer(vec![site], at, vec![steps], dose));
        Ok(Some(Arm { labels, units, written, hook: Box::new(super::linear::Both::new(hooks.collect())) }))
    }
}

/// What one eraser does to one unit's patches.
fn on_device(form: &Form, prompt: &Prompt, concept: Concept, patches: &[usize], device: &Device) -> Result<Change> {
    Ok(match form {
        Form::LowRank { map, cells: None } => Change::low_rank(map, device),
        Form::LowRank { map, cells: Some(cells) } => {
            if patches.iter().any(|&patch| patch >= cells.nrows()) {
                return Err(Error::data(format!("image `{}` has more patches than others", prompt.item.image)));
            }
            Change::low_rank_about(map, &cells.select(ndarray::Axis(0), patches), device)
        }
        Form::Oracle { oracle, names } => {
            let own = concept.of(prompt, names).map(|z| z.select(ndarray::Axis(0), patches));
            // Where the image does not have the concept, nothing is predicted beyond the mean.
            let mean = || Array2::from_shape_fn((patches.len(), oracle.mean.len()), |(_, k)| oracle.mean[k]);
            Change::constant(&oracle.prediction(own.unwrap_or_else(mean).view()), device)
        }
    })
}
