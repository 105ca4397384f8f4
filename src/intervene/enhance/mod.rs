//! Enhancement: does the answer get better when the directions in which the layout is written are made stronger?
//!
//! Directions are cross-fitted: what is applied to an image was fitted to the images of the other folds, and every dose is
//! measured on every item, right or wrong, so that what is broken counts as well as what is fixed. Every real direction comes
//! with nulls that move each item's states exactly as far: random directions, shuffled labels, the other axis.
//!
//! Source: Cui et al. (arXiv 2603.22278), "amplification"; their text adds a direction, their code multiplies the component.

mod directions;
mod file;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use directions::{Directions, Fitted, Key};
pub use file::ProbeFile;
use file::Probes;

use super::observe::{ImageFolds, token_sites};
use super::{Arm, Batch, Bench, Change, Control, Design, Dose, Labels, Region, Role, Source, Step, Unit, Units, steer};
use crate::dataset::{Axis, Item};
use crate::error::{Error, Result};
use crate::model::Site;
use crate::processor::{Group, Patch};
use crate::stats::edit::random::normal;
use crate::stats::edit::{Degenerate, Edit, Length};
use crate::stats::seed::rng;
use crate::study::{SitePattern, fingerprint_checkpoint};

/// `design = "enhance"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnhanceSpec {
    #[serde(default = "first_slot")]
    pub sites: Vec<SitePattern>,
    #[serde(default = "raw")]
    pub modes: Vec<Mode>,
    #[serde(default = "probe")]
    pub bases: Vec<Basis>,
    /// The probes of another run, for `bases = ["file"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ProbeFile>,
    /// Which tokens.
    #[serde(default = "image")]
    pub scopes: Vec<Region>,
    /// Doses; negative ones must hurt.
    pub alphas: Vec<f32>,
    /// Of the random directions; all of `alphas` where none are given.
    #[serde(default)]
    pub random_alphas: Vec<f32>,
    /// Whether tokens keep their norm.
    #[serde(default)]
    pub norm: Norm,
    /// Of the cross-fitting, over images.
    #[serde(default = "five")]
    pub folds: usize,
    /// Random directions, matched in norm.
    #[serde(default = "hundred")]
    pub random: u32,
    /// Further nulls.
    #[serde(default = "nulls")]
    pub controls: Vec<Null>,
}

fn first_slot() -> Vec<SitePattern> {
    SitePattern::try_from("lm.0.resid".to_string()).into_iter().collect()
}

fn raw() -> Vec<Mode> {
    vec![Mode::GainRaw]
}

fn probe() -> Vec<Basis> {
    vec![Basis::Probe]
}

fn image() -> Vec<Region> {
    vec![Region::One(Group::Image)]
}

fn five() -> usize {
    5
}

fn hundred() -> u32 {
    100
}

fn nulls() -> Vec<Null> {
    vec![Null::Shuffled, Null::WrongAxis]
}

/// The operator; see [`Edit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    GainRaw,
    GainProj,
    Add,
    AddSigned,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::GainRaw => "gain_raw",
            Self::GainProj => "gain_proj",
            Self::Add => "add",
            Self::AddSigned => "add_signed",
        }
    }
}

/// Whether tokens keep their norm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    #[default]
    Free,
    Keep,
}

/// Where directions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A linear probe of an object's place along the axis, at its tokens.
    Probe,
    /// The means of the places less the mean of all.
    MeanDifference,
    /// The widest directions of image tokens: a control that follows the data and knows nothing of places.
    Pca,
    /// The widest directions of the objects' means by name: identity instead of place.
    Content,
    /// The linear probes of another run, whatever they tell apart.
    File,
}

impl Basis {
    fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::MeanDifference => "mean_difference",
            Self::Pca => "pca",
            Self::Content => "content",
            Self::File => "file",
        }
    }
}

/// A null that is not random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Null {
    /// Fitted to labels that were exchanged within each image.
    Shuffled,
    /// Fitted to the other axis.
    WrongAxis,
}

/// The design, with its directions.
pub struct Enhancement {
    asked: EnhanceSpec,
    folds: ImageFolds,
    fitted: BTreeMap<Key, Fitted>,
}

impl EnhanceSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(Enhancement { asked: self.clone(), folds: ImageFolds::default(), fitted: BTreeMap::new() })
    }

    fn check(&self) -> Result<()> {
        let empty = [
            ("modes", self.modes.is_empty()),
            ("bases", self.bases.is_empty()),
            ("scopes", self.scopes.is_empty()),
            ("alphas", self.alphas.is_empty()),
        ];
        if let Some((key, _)) = empty.into_iter().find(|(_, empty)| *empty) {
            return Err(Error::usage(format!("`{key}` is empty: nothing would be enhanced")));
        }
        if let Some(alpha) = self.alphas.iter().chain(&self.random_alphas).find(|alpha| !alpha.is_finite()) {
            return Err(Error::usage(format!("`alphas` holds {alpha}; doses must be finite")));
        }
        if self.file.is_some() != self.bases.contains(&Basis::File) {
            return Err(Error::usage("`file` and `bases = [\"file\"]` go together").with_help(
                "as `file = { path = \"runs/probes/tables/probe_weights.safetensors\", probe = \"slot\" }`",
            ));
        }
        match self.scopes.iter().find(|scope| scope.has_text()) {
            None => Ok(()),
            Some(scope) => {
                Err(Error::usage(format!("scope `{scope}` holds words; directions are those of image tokens"))
                    .with_help("name groups of image patches, as `image`, `object`, `background` or `strip`"))
            }
        }
    }
}

impl Design for Enhancement {
    fn kind(&self) -> &'static str {
        "enhance"
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
        let sites = token_sites(&self.asked.sites, &bench.model.sites())?;
        let probes = match &self.asked.file {
            Some(file) => Some(Probes::open(file, &fingerprint_checkpoint(bench.checkpoint)?)?),
            None => None,
        };
        self.fitted = directions::fit(bench, &sites, &self.asked.bases, &self.folds, probes.as_ref())?;
        Ok(())
    }

    fn arms(&self, batch: &Batch<'_>) -> Result<Vec<Arm>> {
        let mut arms = Vec::new();
        for &site in &token_sites(&self.asked.sites, &batch.model.sites())? {
            for &scope in &self.asked.scopes {
                let cast = self.cast(batch, site, scope)?;
                for &basis in &self.asked.bases {
                    for &mode in &self.asked.modes {
                        self.of_basis(batch, &cast, (site, scope), basis, mode, &mut arms)?;
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

/// A unit on which a scope exists.
struct Player {
    unit: usize,
    fold: i16,
    axis: Axis,
    positions: Vec<usize>,
    /// Of each position: +1 on the left or upper side of the middle between the objects, -1 on the other, 0 on it.
    signs: Vec<f64>,
}

impl Enhancement {
    fn cast(&self, batch: &Batch<'_>, site: Site, scope: Region) -> Result<Vec<Player>> {
        let mut cast = Vec::new();
        for &unit in &batch.live {
            let prompt = batch.prompt(Role::Clean, unit)?;
            let Unit { pair, fold, axis, .. } = &batch.units[unit];
            let positions = scope.at(site, prompt, *pair, batch.seed);
            let (Some(fold), Some(axis), false) = (*fold, *axis, positions.is_empty()) else { continue };
            let geometry = &prompt.layout.geometry;
            let centres = pair.iter().filter_map(|&k| prompt.layout.centres.get(k.checked_sub(1)?).copied().flatten());
            let along: Vec<f64> = centres.map(|centre| axis.along(centre)).collect();
            let middle = along.iter().sum::<f64>() / along.len().max(1) as f64;
            let sign = |&patch: &usize| {
                let rect =
                    geometry.patch_rect(Patch { row: patch / geometry.grid.cols, col: patch % geometry.grid.cols });
                let at = axis.along([(rect.x1 + rect.x2) / 2.0, (rect.y1 + rect.y2) / 2.0]);
                if along.is_empty() || at == middle { 0.0 } else { (middle - at).signum() }
            };
            let signs = scope.at(Site::ProjectorOut, prompt, *pair, batch.seed).iter().map(sign).collect();
            cast.push(Player { unit, fold, axis, positions, signs });
        }
        Ok(cast)
    }

    /// All arms of one operator and basis.
    fn of_basis(
        &self,
        batch: &Batch<'_>,
        cast: &[Player],
        (site, scope): (Site, Region),
        basis: Basis,
        mode: Mode,
        arms: &mut Vec<Arm>,
    ) -> Result<()> {
        let device = batch.model.device();
        // Units with directions of their own; the other axis may be missing, or have too few images.
        let found: Vec<(&Player, &Fitted)> = cast
            .iter()
            .filter_map(|player| {
                let key = Key { site, basis, fold: player.fold, axis: player.axis };
                Some((player, self.fitted.get(&key)?))
            })
            .collect();
        let change = |player: &Player, directions: &Directions, fitted: &Fitted| -> Result<Arc<Change>> {
            let edit = edit(mode, directions, fitted).map_err(|reason| {
                Error::data(format!("`{}` from `{}` at `{site}`: {reason}", mode.name(), basis.name()))
            })?;
            Ok(Arc::new(Change::edit(&edit, &player.signs, &device)))
        };
        let real: Vec<(&Player, &Fitted, Arc<Change>)> = found
            .into_iter()
            .map(|(player, fitted)| Ok((player, fitted, change(player, &fitted.real, fitted)?)))
            .collect::<Result<_>>()?;
        let arm = |steps: Vec<(&Player, Step)>, alpha: f32, control: Control, draw: Option<u32>| {
            let (length, suffix) = match self.asked.norm {
                Norm::Free => (Length::Free, ""),
                Norm::Keep => (Length::Kept, "+norm_keep"),
            };
            let labels = Labels {
                control,
                dose: Some(alpha),
                basis: Some(basis.name().to_string()),
                draw,
                ..Labels::new(format!("{}{suffix}", mode.name()), site, scope)
            };
            let (units, positions): (Vec<usize>, Vec<Vec<usize>>) =
                steps.iter().map(|(player, _)| (player.unit, player.positions.clone())).unzip();
            let steps = vec![steps.into_iter().map(|(_, step)| step).collect()];
            let dose = Dose { dose: f64::from(alpha), length };
            Arm { labels, units, written: positions.clone(), hook: steer(vec![site], positions, steps, dose) }
        };
        let doses = |alphas: &[f32], steps: Vec<(&Player, Step)>, control, draw, arms: &mut Vec<Arm>| {
            if !steps.is_empty() {
                arms.extend(alphas.iter().map(|&alpha| arm(steps.clone(), alpha, control, draw)));
            }
        };
        let alphas = &self.asked.alphas;
        let own = real.iter().map(|(player, _, change)| (*player, Step { change: change.clone(), as_far_as: None }));
        doses(alphas, own.collect(), Control::None, None, arms);
        let as_far = |change: Arc<Change>, real: &Arc<Change>| Step { change, as_far_as: Some(real.clone()) };
        for &null in &self.asked.controls {
            let (control, mut steps) = match null {
                Null::Shuffled => (Control::Shuffled, Vec::new()),
                Null::WrongAxis => (Control::WrongAxis, Vec::new()),
            };
            for (player, fitted, real) in &real {
                let directions = match null {
                    Null::Shuffled => fitted.shuffled.as_ref(),
                    Null::WrongAxis => fitted.other_axis.as_ref(),
                };
                if let Some(directions) = directions {
                    steps.push((*player, as_far(change(player, directions, fitted)?, real)));
                }
            }
            doses(alphas, steps, control, None, arms);
        }
        let alphas = if self.asked.random_alphas.is_empty() { alphas } else { &self.asked.random_alphas };
        for draw in 0..self.asked.random {
            let mut steps = Vec::with_capacity(real.len());
            let mut shared: HashMap<(i16, Axis), Arc<Change>> = HashMap::new();
            for (player, fitted, real) in &real {
                let null = || {
                    let (width, columns) = fitted.real.columns.dim();
                    let purpose = format!("random directions for {} at {site}", basis.name());
                    let random = normal(width, columns, &mut rng(batch.seed, &purpose, draw.into()));
                    change(player, &Directions::random(random), fitted)
                };
                let null = match (mode, shared.entry((player.fold, player.axis))) {
                    // What is added depends on how many tokens a unit has, and on which side they lie.
                    (Mode::Add | Mode::AddSigned, _) => null()?,
                    (_, Entry::Occupied(known)) => known.get().clone(),
                    (_, Entry::Vacant(new)) => new.insert(null()?).clone(),
                };
                steps.push((*player, as_far(null, real)));
            }
            doses(alphas, steps, Control::Random, Some(draw), arms);
        }
        Ok(())
    }
}

/// The edit that an operator makes of directions.
fn edit(mode: Mode, directions: &Directions, fitted: &Fitted) -> std::result::Result<Edit, Degenerate> {
    match mode {
        Mode::GainRaw => Ok(Edit::gain_raw(directions.columns.view())),
        Mode::GainProj => Edit::gain_projected(directions.columns.view(), fitted.mean.clone()),
        Mode::Add => Edit::add(directions.ordered.view().insert_axis(ndarray::Axis(1)), fitted.length),
        Mode::AddSigned => Edit::add_signed(&directions.ordered, fitted.length),
    }
}
