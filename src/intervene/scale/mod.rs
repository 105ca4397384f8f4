//! Attention scaling: does the model answer better when its last position looks at the image otherwise?
//!
//! Scores of the prompt's last position over the image's columns are scaled before mask and softmax, in any layers and
//! heads; see [`Operator`] for the three ways. Keys and values of the prompt do not depend on its last row, so every further
//! alpha costs one decoding step, not a pass over the prompt; several are taken side by side. Other rows can be scaled too,
//! at the price of a pass each.
//!
//! Where text is generated, scaling ends with the prompt: later tokens are the untouched model's, as in the released code,
//! which scales only where there are as many queries as keys. They can still differ, through the first token and through
//! what the last position of the prompt left in the cache.
//!
//! Source: Chen et al., "Why Is Spatial Reasoning Hard for VLMs?" (ICML 2025), ScalingVis and AdaptVis. The other two operators
//! and the choice of heads and rows are ours.

mod hook;
mod operator;
mod row;
mod watch;

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub use hook::{Reach, Scale};
pub use operator::{Alpha, Operator, Scaling};
pub use row::{ScalingRow, frame};
pub use watch::{Look, Watch};

use super::prefix::{Passed, Prefix};
use super::{Batch, Design, Reading, Role, Source, Unit, Units, group_at};
use crate::error::{Error, Result};
use crate::model::{Hooks, Quirks, Rows, Site, SiteSpec, select};
use crate::processor::Group;
use crate::study::{Compat, SitePattern};

/// `design = "scale"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleSpec {
    #[serde(default = "raw")]
    pub operators: Vec<Operator>,
    /// How far; 1, the untouched model, is always measured and need not be named.
    pub alphas: Vec<Alpha>,
    /// `lm.*.scores`: every layer, as the paper has it.
    #[serde(default = "every_layer")]
    pub layers: Vec<SitePattern>,
    /// The same in each layer; all where none are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<Vec<usize>>,
    /// Query rows.
    #[serde(default = "last")]
    pub rows: Vec<Group>,
    /// Greedy tokens at most, for datasets whose answers are read from text; without it no text is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<NonZeroUsize>,
    /// The layer whose attention over the patches is kept, for overlays, as `lm.50%.attn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<SitePattern>,
    /// Compute as released code does instead of as the checkpoint says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
    /// The layers that are meant.
    #[serde(skip)]
    sites: Vec<Site>,
    /// The layer of the map.
    #[serde(skip)]
    map_layer: Option<usize>,
    /// Heads of a layer.
    #[serde(skip)]
    of_heads: usize,
}

fn raw() -> Vec<Operator> {
    vec![Operator::Raw]
}

fn every_layer() -> Vec<SitePattern> {
    SitePattern::try_from("lm.*.scores".to_string()).into_iter().collect()
}

fn last() -> Vec<Group> {
    vec![Group::Last]
}

impl ScaleSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(self.clone())
    }

    /// What is measured: the untouched model, then each operator at each alpha.
    pub fn scalings(&self) -> Vec<Scaling> {
        let each = |operator: &Operator| {
            let operator = *operator;
            self.alphas.iter().filter(|alpha| **alpha != Alpha::ONE).map(move |&alpha| Scaling { operator, alpha })
        };
        std::iter::once(Scaling::NONE).chain(self.operators.iter().flat_map(each)).collect()
    }

    /// Holds the request against the model.
    fn resolve(&mut self, sites: &[SiteSpec]) -> Result<()> {
        self.sites = select(&self.layers, sites)?;
        if let Some(other) = self.sites.iter().find(|site| !matches!(site, Site::LmScores(_))) {
            return Err(Error::usage(format!("attention cannot be scaled at `{other}`"))
                .with_help("expected layers of the language model, as `lm.*.scores`"));
        }
        self.of_heads = sites.iter().filter(|spec| matches!(spec.site, Site::LmHead(0, _))).count();
        if let Some(head) = self.heads.iter().flatten().find(|head| **head >= self.of_heads) {
            return Err(Error::usage(format!(
                "head {head} does not exist: layers have heads 0 to {}",
                self.of_heads - 1
            )));
        }
        self.map_layer = match &self.map {
            None => None,
            Some(map) => match select(&[map], sites)?.as_slice() {
                [Site::LmAttn(layer)] => Some(*layer),
                _ => {
                    return Err(Error::usage(format!("a map cannot be kept of `{map}`"))
                        .with_help("expected one layer of the language model, as `lm.50%.attn`"));
                }
            },
        };
        for (key, empty) in [
            ("alphas", self.alphas.is_empty()),
            ("operators", self.operators.is_empty()),
            ("rows", self.rows.is_empty()),
            ("heads", self.heads.as_ref().is_some_and(Vec::is_empty)),
        ] {
            if empty {
                return Err(Error::usage(format!("`{key}` is empty: nothing would be scaled")));
            }
        }
        Ok(())
    }

    /// The columns of each live unit's image.
    fn image<'a>(&self, batch: &'a Batch<'_>) -> Result<Vec<&'a Vec<usize>>> {
        (0..batch.units.len()).map(|unit| Ok(&batch.prompt(Role::Clean, unit)?.prepared.map.image)).collect()
    }

    /// All scalings of the last row side by side.
    fn beside(&self, prefix: &Prefix<'_>, watch: &mut Watch, keys: usize, image: &[Vec<usize>]) -> Result<Passed> {
        let scalings = self.scalings();
        let reach = Reach {
            sites: self.sites.clone(),
            rows: Rows::All,
            columns: image.iter().map(|columns| vec![columns.clone()]).collect(),
            // Behind the prompt without its last position, each row has a column of its own.
            keys: keys - 1 + scalings.len(),
            heads: self.heads.as_deref(),
            of_heads: self.of_heads,
        };
        let mut scale = Scale::new(reach, &scalings, &prefix.batch.model.device());
        let mut hooks = Hooks::one(&mut scale);
        hooks.push(watch);
        prefix.again(scalings.len(), &mut hooks)
    }

    /// One scaling of the named rows, in a pass over the whole prompt.
    fn whole(&self, prefix: &Prefix<'_>, watch: &mut Watch, keys: usize, scaling: Scaling) -> Result<Passed> {
        let batch = prefix.batch;
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for unit in 0..batch.units.len() {
            let prompt = batch.prompt(Role::Clean, unit)?;
            let groups = self.rows.iter().filter_map(|group| group_at(*group, Site::LmResid(0), prompt));
            let mut own: Vec<usize> = groups.flatten().collect();
            own.sort_unstable();
            own.dedup();
            rows.push(own);
        }
        // Each unit needs equally many rows: short lists repeat their last, which is then written twice alike.
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        for (unit, rows) in rows.iter_mut().enumerate() {
            let Some(&end) = rows.last() else {
                return Err(Error::data(format!("item `{}` has none of the rows", batch.units[unit].id)));
            };
            rows.resize(most, end);
            let image = &batch.prompt(Role::Clean, unit)?.prepared.map.image;
            let seen = |&row: &usize| image.iter().copied().filter(|&column| column <= row).collect();
            columns.push(rows.iter().map(seen).collect());
        }
        let reach = Reach {
            sites: self.sites.clone(),
            rows: Rows::At(rows),
            columns,
            keys,
            heads: self.heads.as_deref(),
            of_heads: self.of_heads,
        };
        let mut scale = Scale::new(reach, &[scaling], &batch.model.device());
        let mut hooks = Hooks::one(&mut scale);
        hooks.push(watch);
        prefix.whole(&mut hooks)
    }

    fn row(&self, batch: &Batch<'_>, unit: usize, scaling: Scaling, reading: &Reading, look: Look) -> ScalingRow {
        let unit = &batch.units[unit];
        let top = reading.log_p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let untouched = scaling.alpha == Alpha::ONE;
        ScalingRow {
            item: unit.id.clone(),
            image: unit.image().to_owned(),
            operator: if untouched { "none" } else { scaling.operator.name() }.into(),
            alpha: scaling.alpha.get(),
            compat: self.compat.map(|compat| compat.name().into()),
            answered: unit.clean.item.options.get(reading.answered).cloned(),
            confidence: Some(top.exp() as f32),
            p: Some(reading.p.iter().map(|&p| p as f32).collect()),
            look: Some(look),
            map_layer: self.map_layer.map(|layer| layer as i16),
            ..ScalingRow::default()
        }
    }
}

impl Design for ScaleSpec {
    fn kind(&self) -> &'static str {
        "scale"
    }

    fn units(&mut self, source: &Source<'_>) -> Result<Units> {
        self.resolve(source.sites)?;
        let items = source.items.iter().take(source.limit.unwrap_or(usize::MAX));
        Ok(Units { units: items.map(Unit::alone).collect(), dropped: Vec::new() })
    }

    fn scales(&self) -> bool {
        true
    }

    fn quirks(&self) -> Option<Quirks> {
        self.compat.map(Compat::quirks)
    }

    fn scaling(&self, prefix: &Prefix<'_>) -> Result<Vec<ScalingRow>> {
        let batch = prefix.batch;
        let (model, scalings) = (batch.model, self.scalings());
        let image: Vec<Vec<usize>> = self.image(batch)?.into_iter().cloned().collect();
        let Some(keys) = batch.prompts.get(&Role::Clean).and_then(|all| all.first()).map(|one| one.prepared.map.len)
        else {
            return Ok(Vec::new());
        };
        let watch = |rows| Watch::new(model.depth(), rows, &image, self.map_layer, &model.device());
        // Of each pass: the scalings that it holds, row by row.
        let mut passes: Vec<(Vec<Scaling>, Passed, Vec<Look>)> = Vec::new();
        if self.rows == [Group::Last] {
            let mut watch = watch(Rows::All);
            let passed = self.beside(prefix, &mut watch, keys, &image)?;
            passes.push((scalings, passed, watch.looks()));
        } else {
            for scaling in scalings {
                let mut watch = watch(Rows::Last);
                let passed = self.whole(prefix, &mut watch, keys, scaling)?;
                passes.push((vec![scaling], passed, watch.looks()));
            }
        }
        let mut rows = Vec::new();
        for (scalings, passed, looks) in &passes {
            for (unit, readings) in prefix.readings(passed)?.iter().enumerate() {
                for (at, (scaling, reading)) in scalings.iter().zip(readings).enumerate() {
                    let look = looks.get(unit * scalings.len() + at).cloned().unwrap_or_default();
                    let limit = self.max_new_tokens.map(NonZeroUsize::get);
                    let text = limit.map(|limit| prefix.text(passed, unit, at, limit)).transpose()?;
                    rows.push(ScalingRow { text, ..self.row(batch, unit, *scaling, reading, look) });
                }
            }
        }
        Ok(rows)
    }
}
