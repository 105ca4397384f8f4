//! Image tokens without their context: objects as they look alone, on a background without objects.
//!
//! After the ablation of ordering information in Cui et al. 2026 (arXiv 2603.22278, section 5.3).

use std::sync::Arc;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::design::{Need, Places};
use super::overwrite::Overwrite;
use super::region::group_at;
use super::unit::{Prompt, Role, Run};
use crate::dataset::{Counterpart, Dataset, Item};
use crate::error::Result;
use crate::model::Site;
use crate::processor::Group;

/// What becomes of the objects' tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objects {
    Original,
    /// Those of the object alone, where it stands.
    Own,
    /// Those of the object alone in the middle of the canvas: stripped of its place.
    Middle,
}

/// What becomes of all other image tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    Original,
    /// Those of the background without objects.
    Blank,
}

/// A replacement of the image tokens at `projector.out` by those of reference images.
///
/// Reads further runs of the unit: one for each object, then the blank one; [`runs`](Self::runs) makes them, and they are
/// expected from `first` on among the unit's `others`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    pub objects: Objects,
    pub background: Background,
    pub first: usize,
}

impl Reference {
    /// The runs that it reads for an item with so many objects; `None` where the item lacks one of them.
    ///
    /// # Errors
    /// A dataset that cannot take its images apart.
    pub fn runs(&self, dataset: &dyn Dataset, item: &Item, seed: u64) -> Result<Option<Vec<Run>>> {
        let alone = |k: usize| match self.objects {
            Objects::Original => None,
            Objects::Own => Some(Counterpart::Isolated(k)),
            Objects::Middle => Some(Counterpart::Centred(k)),
        };
        let blank = (self.background == Background::Blank).then_some(Counterpart::Blank);
        let wanted = (1..=item.objects.len()).filter_map(alone).chain(blank);
        wanted.map(|counterpart| Run::counterpart(dataset, item, counterpart, seed)).collect()
    }

    /// The needs of those runs, for items with so many objects.
    pub fn needs(&self, objects: usize) -> Vec<Need> {
        let count = self.sources(objects) + usize::from(self.background == Background::Blank);
        let need =
            |n| Need { role: Role::Other(self.first + n), sites: vec![Site::ProjectorOut], places: Places::Everywhere };
        (0..count).map(need).collect()
    }

    fn sources(&self, objects: usize) -> usize {
        if self.objects == Objects::Original { 0 } else { objects }
    }

    /// Rewrites `projector.out` of the run `role`, of these units of the batch in this order. What does not fit is left as
    /// it is: ask [`misfit`](Self::misfit) first.
    pub fn hook(&self, batch: &Batch<'_>, role: Role, units: &[usize]) -> Result<Overwrite> {
        let (mut rows, mut places) = (Vec::new(), Vec::with_capacity(units.len()));
        for &unit in units {
            let moves = self.moves(batch, role, unit)?.unwrap_or_default();
            let mut own = Vec::with_capacity(moves.len());
            for (to, source, from) in moves {
                own.push((to, rows.len()));
                rows.push((source, unit, from));
            }
            places.push(own);
        }
        let mut states: Vec<Tensor<2>> = Vec::new();
        // Rows of one source follow each other only within an object, so they are gathered run by run.
        let mut at = 0;
        while at < rows.len() {
            let source = rows[at].0;
            let end = rows[at..].iter().position(|row| row.0 != source).map_or(rows.len(), |n| at + n);
            let wanted: Vec<(usize, usize)> = rows[at..end].iter().map(|&(_, unit, from)| (unit, from)).collect();
            states.push(batch.state(Role::Other(source), Site::ProjectorOut)?.rows(&wanted)?);
            at = end;
        }
        if states.is_empty() {
            return Ok(Overwrite::new());
        }
        Ok(Overwrite::new().at(Site::ProjectorOut, places, Tensor::cat(states, 0)))
    }

    /// Why a unit's run cannot be rewritten, if it cannot.
    pub fn misfit(&self, batch: &Batch<'_>, role: Role, unit: usize) -> Result<Option<String>> {
        Ok(self.moves(batch, role, unit)?.err())
    }

    /// Positions of the run that are written: to, which of the unit's others, from.
    fn moves(&self, batch: &Batch<'_>, role: Role, unit: usize) -> Result<std::result::Result<Moves, String>> {
        let prompt = batch.prompt(role, unit)?;
        let at = |group: Group, prompt: &Prompt| group_at(group, Site::ProjectorOut, prompt);
        let objects = prompt.item.objects.len();
        let mut moves = Moves::new();
        for k in (1..=objects).take(self.sources(objects)) {
            let source = self.first + k - 1;
            let there = at(Group::Object(k), batch.prompt(Role::Other(source), unit)?);
            let (Some(here), Some(there)) = (at(Group::Object(k), prompt), there) else {
                return Ok(Err(format!("object {k} covers no patch")));
            };
            if here.len() != there.len() {
                return Ok(Err(format!("object {k} covers {} patches, alone {}", here.len(), there.len())));
            }
            moves.extend(here.into_iter().zip(there).map(|(to, from)| (to, source, from)));
        }
        if self.background == Background::Blank {
            let source = self.first + self.sources(objects);
            let background = at(Group::Background, prompt).unwrap_or_default();
            moves.extend(background.into_iter().map(|to| (to, source, to)));
        }
        Ok(Ok(moves))
    }
}

type Moves = Vec<(usize, usize, usize)>;

/// The positions of every image patch at `projector.out` and elsewhere, as a need wants them.
pub fn whole_image() -> Places {
    Places::Of(Arc::new(|prompt, site| group_at(Group::Image, site, prompt).unwrap_or_default()))
}
