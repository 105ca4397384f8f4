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

mod cells;
mod concept;
mod fit;
mod residual;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use burn::tensor::Device;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use concept::Concept;
use fit::{Eraser, Form, Key, Kind};

use super::linear::Both;
use super::observe::{ImageFolds, token_sites};
use super::{
    Arm, Batch, Bench, Change, Control, DecodedRow, Design, Dose, Labels, Prompt, Region, Role, Source, Step, Unit,
    Units, steer,
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
    /// Sites at which fresh readers, linear and with a hidden layer, are fitted to the objects' tokens after erasing: does
    /// the concept come back?
    #[serde(default)]
    pub read: Vec<SitePattern>,
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
    decoded: Vec<DecodedRow>,
}

impl EraseSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(Erasure {
            asked: self.clone(),
            folds: ImageFolds::default(),
            erasers: BTreeMap::new(),
            decoded: Vec::new(),
        })
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
        if !self.asked.read.is_empty() {
            token_sites(&self.asked.read, source.sites)?;
        }
        self.folds = ImageFolds::deal(source.items, self.asked.folds, source.seed)?;
        let items = source.items.iter().take(source.limit.unwrap_or(usize::MAX));
        let unit = |item: &Item| Unit { fold: self.folds.of(&item.image), ..Unit::alone(item) };
        Ok(Units { units: items.map(unit).collect(), dropped: Vec::new() })
    }

    fn fit(&mut self, bench: &Bench<'_>) -> Result<()> {
        self.sketch(bench)?;
        self.decoded = residual::read(self, bench)?;
        Ok(())
    }

    fn sketch(&mut self, bench: &Bench<'_>) -> Result<()> {
        let starts = token_sites(&self.asked.sites, &bench.model.sites())?;
        let mut sites: Vec<Site> = starts.iter().flat_map(|&site| self.asked.reached(site, bench.model)).collect();
        sites.sort_unstable();
        sites.dedup();
        self.erasers = fit::fit(bench, &sites, &self.asked, &self.folds)?;
        Ok(())
    }

    fn decoded(&self) -> &[DecodedRow] {
        &self.decoded
    }

    fn decodes(&self) -> bool {
        !self.asked.read.is_empty()
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
        what: (Concept, Method),
        (kind, draw): (Kind, Option<u32>),
    ) -> Result<Option<Arm>> {
        let mut players = Vec::with_capacity(batch.live.len());
        for &unit in &batch.live {
            let Unit { pair, fold, axis, .. } = &batch.units[unit];
            if let (Some(fold), Some(axis)) = (*fold, *axis) {
                let prompt = batch.prompt(Role::Clean, unit)?;
                players.push((unit, Player { prompt, pair: *pair, fold, axis }));
            }
        }
        let cast: Vec<&Player> = players.iter().map(|(_, player)| player).collect();
        let erasing = self.erasing(&cast, sites, scope, what, (kind, draw), (batch.seed, &batch.model.device()))?;
        let Some(Erasing { reached, written, hook }) = erasing else { return Ok(None) };
        let (concept, method) = what;
        let (control, basis) = match kind {
            Kind::Real => (Control::None, concept.to_string()),
            Kind::Shuffled => (Control::Shuffled, concept.to_string()),
            Kind::RandomRank => (Control::Random, format!("{concept}, same rank")),
            Kind::RandomVariance => (Control::Random, format!("{concept}, same variance")),
        };
        let labels = Labels {
            control,
            window: sites.len(),
            basis: Some(basis),
            draw,
            ..Labels::new(self.arm_name(method), sites[0], scope)
        };
        let units = reached.into_iter().map(|at| players[at].0).collect();
        Ok(Some(Arm { labels, units, written, hook: Box::new(hook) }))
    }

    fn arm_name(&self, method: Method) -> String {
        match self.asked.from {
            From::Site => method.name().to_string(),
            From::Onwards => format!("{}+onwards", method.name()),
        }
    }

    /// The hook that erases from those of the prompts that have such tokens and an eraser; `None` where none has.
    fn erasing(
        &self,
        players: &[&Player<'_>],
        sites: &[Site],
        scope: Region,
        (concept, method): (Concept, Method),
        (kind, draw): (Kind, Option<u32>),
        (seed, device): (u64, &Device),
    ) -> Result<Option<Erasing>> {
        let mut reached = Vec::new();
        let mut steps: Vec<Vec<Step>> = vec![Vec::new(); sites.len()];
        let mut positions: Vec<Vec<Vec<usize>>> = vec![Vec::new(); sites.len()];
        let mut shared: HashMap<(usize, i16, Axis), Arc<Change>> = HashMap::new();
        for (index, Player { prompt, pair, fold, axis }) in players.iter().enumerate() {
            let patches = scope.at(Site::ProjectorOut, prompt, *pair, seed);
            if patches.is_empty() {
                continue;
            }
            let key = |site: Site| Key { site, concept, method, fold: *fold, axis: concept.axis(*axis) };
            let form = |&site: &Site| self.erasers.get(&key(site)).and_then(|eraser| eraser.form(kind, draw));
            let forms: Option<Vec<&Form>> = sites.iter().map(form).collect();
            // An eraser that found nothing to erase erases nothing.
            let Some(forms) = forms else { continue };
            for (at, form) in forms.into_iter().enumerate() {
                let change = || on_device(form, prompt, concept, &patches, device).map(Arc::new);
                let change = match form {
                    // The same for every unit of a fold and axis.
                    Form::LowRank { cells: None, .. } => match shared.entry((at, *fold, *axis)) {
                        Entry::Occupied(known) => known.get().clone(),
                        Entry::Vacant(new) => new.insert(change()?).clone(),
                    },
                    _ => change()?,
                };
                steps[at].push(Step { change, as_far_as: None });
                // The prompt's positions differ from the image's own where the site holds patches alone.
                positions[at].push(scope.at(sites[at], prompt, *pair, seed));
            }
            reached.push(index);
        }
        if reached.is_empty() {
            return Ok(None);
        }
        let written = positions[0].clone();
        let dose = Dose { dose: -1.0, length: Length::Free };
        let hooks = sites.iter().zip(positions).zip(steps);
        let hooks = hooks.map(|((&site, at), steps)| steer(vec![site], at, vec![steps], dose)).collect();
        Ok(Some(Erasing { reached, written, hook: Both::new(hooks) }))
    }
}

/// A prompt from which something is erased.
struct Player<'a> {
    prompt: &'a Prompt,
    pair: [usize; 2],
    fold: i16,
    axis: Axis,
}

/// What erases, from which of the prompts, at which positions of the first site.
struct Erasing {
    reached: Vec<usize>,
    written: Vec<Vec<usize>>,
    hook: Both,
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
