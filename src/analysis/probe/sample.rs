//! Which rows of a site's frame are the observations of a problem.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ndarray::{Array2, ArrayView1};

use super::problem::Problem;
use super::scene::Scene;
use crate::analysis::frames::{HiddenRow, HiddenSite};
use crate::processor::Patch;
use crate::study::{Group, Probe, Target};

/// Item, cell and row of a state.
type Member = (usize, Option<Patch>, usize);

/// A site's rows, found by what they are.
pub struct States<'a> {
    site: &'a HiddenSite,
    /// By variant and group: item, cell and row, in the order of the frame.
    groups: HashMap<(u16, u16), Vec<Member>>,
    place: HashMap<HiddenRow, usize>,
}

impl<'a> States<'a> {
    pub fn new(site: &'a HiddenSite) -> Self {
        let mut groups: HashMap<_, Vec<_>> = HashMap::new();
        for (at, row) in site.rows.iter().enumerate() {
            groups.entry((row.variant, row.group)).or_default().push((row.item, row.cell, at));
        }
        let place = site.rows.iter().enumerate().map(|(at, row)| (*row, at)).collect();
        Self { site, groups, place }
    }

    pub fn name(&self) -> &str {
        &self.site.site
    }

    /// Item, cell and row of a group's states.
    pub fn of(&self, variant: &str, group: &str) -> &[Member] {
        let rows = self.key(variant, group).and_then(|key| self.groups.get(&key));
        rows.map_or(&[], Vec::as_slice)
    }

    /// A variant's and a group's number.
    fn key(&self, variant: &str, group: &str) -> Option<(u16, u16)> {
        let number = |names: &[String], name: &str| names.iter().position(|one| one == name).map(|at| at as u16);
        Some((number(self.site.variants(), variant)?, number(self.site.groups(), group)?))
    }

    /// The row of exactly this state.
    fn row(&self, variant: &str, group: &str, item: usize, cell: Option<Patch>) -> Option<usize> {
        let (variant, group) = self.key(variant, group)?;
        self.place.get(&HiddenRow { item, variant, group, cell }).copied()
    }

    fn vector(&self, row: usize) -> ArrayView1<'_, f32> {
        self.site.vectors.row(row)
    }

    /// Several rows, `[rows, width]`.
    pub fn vectors(&self, rows: impl Iterator<Item = usize>) -> Array2<f32> {
        self.site.vectors.select(ndarray::Axis(0), &rows.collect::<Vec<_>>())
    }

    /// The variants whose names begin so.
    pub fn variants(&self, prefix: &str) -> Vec<String> {
        self.site.variants().iter().filter(|variant| variant.starts_with(prefix)).cloned().collect()
    }
}

/// The rows that one probe is fitted on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The group, as the tables spell it; groups that differ in the object's number are pooled: `object_*`.
    pub group: String,
    /// The cell at which a layout is read.
    pub cell: Option<Patch>,
    /// Whether no object of any of its images touches that cell.
    pub background: Option<bool>,
    pub observations: Vec<Observation>,
}

/// One row of the design, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Index into the problem's units.
    pub unit: usize,
    /// Group in the frame.
    pub group: Group,
    pub cell: Option<Patch>,
    pub row: usize,
    /// The row that is taken off, of a difference.
    pub minus: Option<usize>,
}

impl Sample {
    /// All samples of a problem at a site, in one variant; `scenes` as they are in that variant.
    pub fn all(problem: &Problem, asked: &Probe, states: &States, variant: &str, scenes: &[Scene]) -> Vec<Self> {
        match asked.target {
            Target::PairRelation => pair(problem, states, variant).into_iter().collect(),
            Target::LayoutAtFixedLocation => cells(problem, asked, states, variant, scenes),
            Target::Slot | Target::AbsXy | Target::Distance | Target::RelationAtText => {
                pooled(problem, asked, states, variant, scenes)
            }
        }
    }

    /// Number of the image of each observation, in the problem.
    pub fn images(&self, problem: &Problem) -> Vec<usize> {
        self.observations.iter().map(|one| problem.units[one.unit].image).collect()
    }

    /// Observations as features, `[observations, width]`.
    pub fn features(&self, states: &States) -> Array2<f32> {
        let mut features = Array2::zeros((self.observations.len(), states.site.width));
        for (mut to, one) in features.outer_iter_mut().zip(&self.observations) {
            to.assign(&states.vector(one.row));
            if let Some(minus) = one.minus {
                to -= &states.vector(minus);
            }
        }
        features
    }

    /// The same observations at another site, or in another variant; `None` where one is missing.
    pub fn elsewhere(&self, problem: &Problem, states: &States, variant: &str) -> Option<Self> {
        let there = self.where_recorded(problem, states, variant);
        (there.observations.len() == self.observations.len()).then_some(there)
    }

    /// Those of the observations that were recorded at another site, or in another variant.
    pub fn where_recorded(&self, problem: &Problem, states: &States, variant: &str) -> Self {
        let find = |one: &Observation| {
            let item = problem.units[one.unit].item;
            let row = states.row(variant, &one.group.to_string(), item, one.cell)?;
            let minus = match one.minus {
                Some(_) => Some(states.row(variant, &Group::Object(2).to_string(), item, None)?),
                None => None,
            };
            Some(Observation { row, minus, ..one.clone() })
        };
        Self { observations: self.observations.iter().filter_map(find).collect(), ..self.clone() }
    }
}

/// `object_1` minus `object_2`, one row an image.
fn pair(problem: &Problem, states: &States, variant: &str) -> Option<Sample> {
    let mean = |k: usize, item: usize| states.row(variant, &Group::Object(k).to_string(), item, None);
    let observe = |(unit, one): (usize, &super::problem::Unit)| {
        let (row, minus) = (mean(1, one.item)?, Some(mean(2, one.item)?));
        Some(Observation { unit, group: Group::Object(1), cell: None, row, minus })
    };
    let observations: Vec<Observation> = problem.units.iter().enumerate().filter_map(observe).collect();
    let sample = Sample { group: "object_1 - object_2".into(), cell: None, background: None, observations };
    (!sample.observations.is_empty()).then_some(sample)
}

/// One sample a cell. Where `background` was not recorded, the image's tokens that no object touches are it: a cell then has
/// those images in which it is background.
fn cells(problem: &Problem, asked: &Probe, states: &States, variant: &str, scenes: &[Scene]) -> Vec<Sample> {
    let mut samples: BTreeMap<(usize, usize, usize), Sample> = BTreeMap::new();
    for (order, &group) in asked.groups.iter().enumerate() {
        let as_recorded = states.of(variant, &group.to_string());
        let from_image = group == Group::Background && as_recorded.is_empty();
        let (rows, from) = if from_image { (states.of(variant, "image"), Group::Image) } else { (as_recorded, group) };
        for &(item, cell, row) in rows {
            let (Some(unit), Some(place)) = (problem.unit(item, None), cell.or(fixed(group))) else { continue };
            let touched = scenes[item].covering(place).is_some();
            if from_image && touched {
                continue;
            }
            let sample = samples.entry((order, place.row, place.col)).or_insert_with(|| Sample {
                group: starred(group),
                cell: Some(place),
                background: Some(true),
                observations: Vec::new(),
            });
            sample.background = Some(sample.background == Some(true) && !touched);
            sample.observations.push(Observation { unit, group: from, cell, row, minus: None });
        }
    }
    let mut samples: Vec<Sample> = samples.into_values().collect();
    samples.iter_mut().for_each(|sample| sample.observations.sort_by_key(|one| one.unit));
    samples
}

fn fixed(group: Group) -> Option<Patch> {
    match group {
        Group::Cell(cell) => Some(cell),
        _ => None,
    }
}

/// One sample a group; groups that differ only in the object are one.
fn pooled(problem: &Problem, asked: &Probe, states: &States, variant: &str, scenes: &[Scene]) -> Vec<Sample> {
    let pool = asked.target != Target::RelationAtText;
    let name = |group: Group| if pool { starred(group) } else { group.to_string() };
    let names: Vec<String> = asked.groups.iter().map(|&group| name(group)).collect();
    let mut samples = Vec::new();
    for sample in names.iter().enumerate().filter(|(at, name)| !names[..*at].contains(name)).map(|(_, name)| name) {
        let mut observations = Vec::new();
        for &group in asked.groups.iter().zip(&names).filter(|(_, of)| *of == sample).map(|(group, _)| group) {
            let rows = states.of(variant, &group.to_string());
            // A group may be there both as tokens and as a mean: slots are read from tokens, the rest from means.
            let (tokens, means) = (rows.iter().any(|row| row.1.is_some()), rows.iter().any(|row| row.1.is_none()));
            let of_kind = |cell: Option<Patch>| match (tokens, means) {
                (true, true) => cell.is_some() == (asked.target == Target::Slot),
                _ => true,
            };
            for &(item, cell, row) in rows.iter().filter(|row| of_kind(row.1)) {
                let object = match asked.target {
                    Target::RelationAtText => None,
                    _ => match whose(group, cell, &scenes[item]) {
                        Some(object) => Some(object),
                        None => continue,
                    },
                };
                if let Some(unit) = problem.unit(item, object) {
                    observations.push(Observation { unit, group, cell, row, minus: None });
                }
            }
        }
        observations.sort_by_key(|one| (one.unit, one.cell.map(|cell| (cell.row, cell.col))));
        if !observations.is_empty() {
            samples.push(Sample { group: sample.clone(), cell: None, background: None, observations });
        }
    }
    samples
}

/// The object that a row speaks of: that of the group; else that which covers most of the cell; else, where no object is
/// asked for, the nearest along the axis.
fn whose(group: Group, cell: Option<Patch>, scene: &Scene) -> Option<usize> {
    match group {
        Group::Object(k) | Group::Strip(k) | Group::StripMinusObject(k) | Group::RandomBackground(k) => Some(k),
        Group::Ring { object, .. } => Some(object),
        Group::Objects => scene.covering(cell?),
        Group::Background | Group::Image | Group::Cell(_) => scene.nearest(cell.or(fixed(group))?),
        Group::Last | Group::Text | Group::Word(_) => None,
    }
}

/// `object_*` for `object_2`: the group as the tables spell it.
fn starred(group: Group) -> String {
    match group {
        Group::Object(_) => "object_*".into(),
        Group::Strip(_) => "strip_*".into(),
        Group::StripMinusObject(_) => "strip_minus_object_*".into(),
        Group::RandomBackground(_) => "random_background_*".into(),
        Group::Ring { width: 1, .. } => "ring_*".into(),
        Group::Ring { width, .. } => format!("ring_*_{width}"),
        Group::Cell(_) => "cell_*".into(),
        other => other.to_string(),
    }
}

/// Where an observation is, as a probe that sees no states would know it: centre, width, height and area of its patch or of
/// its object, as shares of what the model sees; of a difference those of both. `None` for text.
pub fn geometry(problem: &Problem, asked: &Probe, sample: &Sample, scenes: &[Scene]) -> Option<Array2<f32>> {
    let features = sample.observations.iter().map(|one| {
        let unit = &problem.units[one.unit];
        let scene = &scenes[unit.item];
        match (asked.target, one.cell.or(sample.cell)) {
            (Target::RelationAtText, _) => None,
            (Target::PairRelation, _) => {
                let (first, second) = (scene.object(1)?, scene.object(2)?);
                Some([extent(scene, &first.boxes), extent(scene, &second.boxes)].concat())
            }
            (_, Some(cell)) => Some(extent(scene, &[scene.geometry.patch_rect(cell)])),
            (_, None) => Some(extent(scene, &scene.object(unit.object?)?.boxes)),
        }
    });
    let rows = features.collect::<Option<Vec<Vec<f32>>>>()?;
    let width = rows.first()?.len();
    Array2::from_shape_vec((rows.len(), width), rows.concat()).ok()
}

fn extent(scene: &Scene, boxes: &[crate::dataset::PixelBox]) -> Vec<f32> {
    let low = |of: fn(&crate::dataset::PixelBox) -> f64| boxes.iter().map(of).fold(f64::INFINITY, f64::min);
    let high = |of: fn(&crate::dataset::PixelBox) -> f64| boxes.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let [x1, y1] = scene.relative([low(|one| one.x1), low(|one| one.y1)]);
    let [x2, y2] = scene.relative([high(|one| one.x2), high(|one| one.y2)]);
    [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1, (x2 - x1) * (y2 - y1)].map(|value| value as f32).to_vec()
}

/// The cell in which each observation is: its own, or that of its object's centre. `None` for text.
pub fn locations(problem: &Problem, asked: &Probe, sample: &Sample, scenes: &[Scene]) -> Option<Vec<Patch>> {
    let location = |one: &Observation| {
        let unit = &problem.units[one.unit];
        let scene = &scenes[unit.item];
        match (asked.target, one.cell.or(sample.cell)) {
            (Target::RelationAtText, _) => None,
            (_, Some(cell)) => Some(cell),
            (target, None) => {
                let k = if target == Target::PairRelation { 1 } else { unit.object? };
                let [x, y] = scene.object(k)?.centre;
                scene.geometry.patch_at(x, y)
            }
        }
    };
    sample.observations.iter().map(location).collect()
}

/// Mean colour of the patches beside one-hot row and column: what an observation's place and pixels say without a model.
/// `None` where no pixels were recorded for it.
pub fn pixels(
    problem: &Problem,
    asked: &Probe,
    sample: &Sample,
    states: &States,
    scenes: &[Scene],
) -> Option<Array2<f32>> {
    let colours = sample.elsewhere(problem, states, "original")?.features(states);
    let places = locations(problem, asked, sample, scenes)?;
    let rows: BTreeSet<usize> = places.iter().map(|place| place.row).collect();
    let cols: BTreeSet<usize> = places.iter().map(|place| place.col).collect();
    let (first, last) = (colours.ncols(), colours.ncols() + rows.len());
    let mut features = Array2::zeros((places.len(), last + cols.len()));
    for ((mut to, colour), place) in features.outer_iter_mut().zip(colours.outer_iter()).zip(&places) {
        to.slice_mut(ndarray::s![..first]).assign(&colour);
        to[first + rows.iter().take_while(|row| **row < place.row).count()] = 1.0;
        to[last + cols.iter().take_while(|col| **col < place.col).count()] = 1.0;
    }
    Some(features)
}

/// Rank of the object nearest to each cell of an item, for strips: `(cell, rank)`; cells halfway between two are left out.
pub fn strips(scene: &Scene) -> Vec<(Patch, usize)> {
    let of = |cell: Patch| Some((cell, scene.object(scene.nearest(cell)?)?.rank));
    scene.geometry.grid.patches().filter_map(of).collect()
}
