//! Which token becomes what, and the arm that does it.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::means::Means;
use super::{Ground, Lenders};
use crate::error::{Error, Result};
use crate::intervene::{Arm, Batch, Labels, Objects, Overwrite, Prompt, Region, Role, position};
use crate::model::Site;
use crate::processor::{Group, Patch, Place};

/// What a token becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fill {
    Zero,
    Mean,
    /// The mean of this patch.
    Cell(usize),
    /// This draw.
    Noise(u32),
    /// Another run's state at this patch.
    State(Role, usize),
}

/// What an arm writes, by patch, whatever the site.
pub(super) struct Plan {
    pub arm: &'static str,
    pub group: String,
    pub draw: Option<u32>,
    /// Unit, and its patches with what they become.
    units: Vec<(usize, Vec<(usize, Fill)>)>,
    /// Units left out, and why.
    pub missing: Vec<(usize, String)>,
}

impl Plan {
    /// Fills a group; `fill` is given how many patches came before, the patch and the unit.
    pub fn of_group(
        batch: &Batch<'_>,
        arm: &'static str,
        group: Region,
        draw: Option<u32>,
        fill: impl Fn(usize, usize, usize) -> Fill,
    ) -> Result<Self> {
        let mut plan = Self { arm, group: group.to_string(), draw, units: Vec::new(), missing: Vec::new() };
        for &unit in &batch.live {
            let prompt = batch.prompt(Role::Clean, unit)?;
            let patches = group.at(Site::ProjectorOut, prompt, batch.units[unit].pair, batch.seed);
            if patches.is_empty() {
                plan.missing.push((unit, format!("no token of `{group}`")));
                continue;
            }
            let filled = patches.iter().enumerate().map(|(n, &patch)| (patch, fill(n, patch, unit)));
            plan.units.push((unit, filled.collect()));
        }
        Ok(plan)
    }

    /// Objects from one place, background from another.
    pub fn crossing(
        batch: &Batch<'_>,
        (arm, group): (&'static str, String),
        objects: Objects,
        background: Ground,
        lenders: Lenders,
    ) -> Result<Self> {
        let mut plan = Self { arm, group, draw: None, units: Vec::new(), missing: Vec::new() };
        for &unit in &batch.live {
            match crossed(batch, unit, objects, background, lenders)? {
                Ok(fills) => plan.units.push((unit, fills)),
                Err(reason) => plan.missing.push((unit, reason)),
            }
        }
        Ok(plan)
    }
}

/// One unit's patches and what they become, or why not.
fn crossed(
    batch: &Batch<'_>,
    unit: usize,
    objects: Objects,
    background: Ground,
    lenders: Lenders,
) -> Result<std::result::Result<Vec<(usize, Fill)>, String>> {
    let prompt = batch.prompt(Role::Clean, unit)?;
    let at =
        |group, prompt: &Prompt| Region::One(group).at(Site::ProjectorOut, prompt, batch.units[unit].pair, batch.seed);
    let count = prompt.item.objects.len();
    let mut fills = Vec::new();
    let ground = match background {
        Ground::Original => None,
        Ground::Blank => Some(lenders.blank()),
        Ground::Other => Some(lenders.other(0, count)),
    };
    if let Some(role) = ground {
        fills.extend(at(Group::Background, prompt).into_iter().map(|patch| (patch, Fill::State(role, patch))));
    }
    for k in 0..count {
        let role = match objects {
            Objects::Original => continue,
            Objects::Own => lenders.own(k),
            Objects::Middle => lenders.middle(k, count),
        };
        let own = at(Group::Object(k + 1), prompt);
        let Some(moved) = moved(&own, prompt, batch.prompt(role, unit)?, k) else {
            return Ok(Err(format!("object {} cannot be laid over the same object alone", k + 1)));
        };
        for (patch, from) in own.into_iter().zip(moved) {
            // A patch that two objects touch belongs to the first.
            if !fills.iter().any(|(known, _)| *known == patch) {
                fills.push((patch, Fill::State(role, from)));
            }
        }
    }
    Ok(if fills.is_empty() { Err("it has no annotated object".to_string()) } else { Ok(fills) })
}

/// For each of an object's patches: the patch of the run in which it stands alone that shows the same part of it. The object
/// has moved by whole patches, to the nearest; `None` where it is not annotated, or a part would lie outside the image.
fn moved(own: &[usize], prompt: &Prompt, alone: &Prompt, object: usize) -> Option<Vec<usize>> {
    let grid = prompt.layout.geometry.grid;
    if own.is_empty() || alone.layout.geometry.grid != grid {
        return None;
    }
    let patch_at = |prompt: &Prompt| -> Option<[f64; 2]> {
        let centre = prompt.layout.centres.get(object).copied().flatten()?;
        let rect = prompt.layout.geometry.patch_rect(Patch { row: 0, col: 0 });
        Some([(centre[0] - rect.x1) / (rect.x2 - rect.x1), (centre[1] - rect.y1) / (rect.y2 - rect.y1)])
    };
    let (here, there) = (patch_at(prompt)?, patch_at(alone)?);
    let step = |axis: usize| (there[axis] - here[axis]).round() as isize;
    let shifted = |patch: usize| {
        let row = (patch / grid.cols).checked_add_signed(step(1)).filter(|row| *row < grid.rows)?;
        let col = (patch % grid.cols).checked_add_signed(step(0)).filter(|col| *col < grid.cols)?;
        Some(row * grid.cols + col)
    };
    own.iter().map(|&patch| shifted(patch)).collect()
}

/// The arm of a plan at the sites of a window; nothing where no unit is left.
pub(super) fn arm(
    batch: &Batch<'_>,
    plan: &Plan,
    sites: &[Site],
    labels: Labels,
    means: Option<&Means>,
) -> Result<Option<Arm>> {
    if plan.units.is_empty() {
        return Ok(None);
    }
    let mut hook = Overwrite::new();
    let mut written = Vec::new();
    for &site in sites {
        let (places, rows) = rows(batch, plan, site, means)?;
        if written.is_empty() {
            written = places.iter().map(|unit| unit.iter().map(|(position, _)| *position).collect()).collect();
        }
        hook = hook.at(site, places, rows);
    }
    let units = plan.units.iter().map(|(unit, _)| *unit).collect();
    Ok(Some(Arm { labels, units, written, hook: Box::new(hook) }))
}

/// Of one unit: which position gets which row.
type Moves = Vec<(usize, usize)>;

/// Pairs of position and row of each unit, and the rows `[rows, width]`, at one site.
fn rows(batch: &Batch<'_>, plan: &Plan, site: Site, means: Option<&Means>) -> Result<(Vec<Moves>, Tensor<2>)> {
    let device = batch.model.device();
    let place = |prompt: &Prompt, patch: usize| {
        let cols = prompt.layout.geometry.grid.cols;
        let there = position(Place::Patch(Patch { row: patch / cols, col: patch % cols }), site, prompt);
        there.ok_or_else(|| Error::data(format!("`{site}` has no patch {patch}")))
    };
    let means = || means.ok_or_else(|| Error::data("no means were taken"));
    // Rows are gathered source by source; `next` says where the next one goes.
    let mut parts: Vec<Tensor<2>> = Vec::new();
    let mut states: BTreeMap<Role, Vec<(usize, usize)>> = BTreeMap::new();
    let mut sources: BTreeMap<Fill, usize> = BTreeMap::new();
    let mut next = 0;
    // First what does not depend on the unit.
    for (_, fills) in &plan.units {
        for &(_, fill) in fills {
            let part = match fill {
                Fill::Zero => Tensor::zeros([1, width(batch, site)?], &device),
                Fill::Mean => means()?.token(site, &device)?,
                Fill::Cell(_) => means()?.cells(site, &device)?,
                _ => continue,
            };
            // All patches of `Cell` come at once, in their order.
            let key = if let Fill::Cell(_) = fill { Fill::Cell(0) } else { fill };
            if let std::collections::btree_map::Entry::Vacant(entry) = sources.entry(key) {
                entry.insert(next);
                next += part.dims()[0];
                parts.push(part);
            }
        }
    }
    let mut places = Vec::with_capacity(plan.units.len());
    let mut pending: Vec<(usize, usize, Role, usize)> = Vec::new();
    for (index, (unit, fills)) in plan.units.iter().enumerate() {
        let prompt = batch.prompt(Role::Clean, *unit)?;
        let noisy = fills.iter().find_map(|(_, fill)| if let Fill::Noise(draw) = fill { Some(*draw) } else { None });
        let first_noise = next;
        if let Some(draw) = noisy {
            let noise = means()?.noise(site, fills.len(), (batch.seed, &batch.units[*unit].id, draw), &device)?;
            next += fills.len();
            parts.push(noise);
        }
        let mut own = Vec::with_capacity(fills.len());
        for (n, &(patch, fill)) in fills.iter().enumerate() {
            let here = place(prompt, patch)?;
            match fill {
                Fill::Zero | Fill::Mean => own.push((here, sources[&fill])),
                Fill::Cell(cell) => own.push((here, sources[&Fill::Cell(0)] + cell)),
                Fill::Noise(_) => own.push((here, first_noise + n)),
                Fill::State(role, from) => {
                    let of_role = states.entry(role).or_default();
                    pending.push((index, here, role, of_role.len()));
                    of_role.push((*unit, place(batch.prompt(role, *unit)?, from)?));
                }
            }
        }
        places.push(own);
    }
    let mut starts = BTreeMap::new();
    for (role, wanted) in states {
        starts.insert(role, next);
        next += wanted.len();
        parts.push(batch.state(role, site)?.rows(&wanted)?);
    }
    for (index, here, role, row) in pending {
        places[index].push((here, starts[&role] + row));
    }
    Ok((places, Tensor::cat(parts, 0)))
}

/// How wide a site is, by the clean run's shape.
fn width(batch: &Batch<'_>, site: Site) -> Result<usize> {
    let spec = batch.model.sites().into_iter().find(|spec| spec.site == site);
    let width = spec.and_then(|spec| spec.shape.trim_end_matches(']').rsplit(", ").next()?.parse().ok());
    width.ok_or_else(|| Error::data(format!("the width of `{site}` is not known")))
}
