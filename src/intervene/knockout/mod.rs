//! Attention knockout: which positions must read which others for the answer to be what it is?
//!
//! Scores of the named edges become minus infinity in a window of layers; what a query still sees sums to one again. Every
//! edge is measured with the same number of random patches blocked in place of its own where `random` asks for it.
//!
//! Source: Geva et al., "Dissecting Recall of Factual Associations in Auto-Regressive Language Models" (EMNLP 2023); for images
//! Neo et al., "Towards Interpreting Visual Information Processing in Vision-Language Models" (ICLR 2025).

mod block;
mod edge;
#[cfg(test)]
mod toy;

use std::num::NonZeroUsize;
use std::ops::Range;

use rand::seq::index::sample;
use serde::{Deserialize, Serialize};

pub use block::Block;
pub use edge::{Blocked, Edge, End};

use super::{Arm, Batch, Control, Design, Labels, Role, Source, Unit, Units};
use crate::error::{Error, Result};
use crate::model::{Site, SiteSpec, select};
use crate::processor::Group;
use crate::stats::seed::rng;
use crate::study::SitePattern;

/// `design = "knockout"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnockoutSpec {
    /// As `image->last`.
    pub edges: Vec<Edge>,
    /// How many layers lose the edge at once, centred on each layer in turn; cut off at both ends of the model.
    #[serde(default = "three")]
    pub windows: Vec<NonZeroUsize>,
    /// The layers at which windows are centred.
    #[serde(default = "every_layer")]
    pub sites: Vec<SitePattern>,
    /// Draws of random patches in place of an edge's own, as many and at the same queries.
    #[serde(default)]
    pub random: u32,
}

fn three() -> Vec<NonZeroUsize> {
    NonZeroUsize::new(3).into_iter().collect()
}

fn every_layer() -> Vec<SitePattern> {
    SitePattern::try_from("lm.*.scores".to_string()).into_iter().collect()
}

impl KnockoutSpec {
    pub fn design(&self) -> Box<dyn Design> {
        Box::new(self.clone())
    }

    /// The windows of layers, each once: `(asked width, layers)`.
    fn layers(&self, sites: &[SiteSpec]) -> Result<Vec<Range<usize>>> {
        let depth = sites.iter().filter(|spec| matches!(spec.site, Site::LmScores(_))).count();
        let mut windows = Vec::new();
        for site in select(&self.sites, sites)? {
            let Site::LmScores(centre) = site else {
                return Err(Error::usage(format!("attention cannot be knocked out at `{site}`"))
                    .with_help("expected layers of the language model, as `lm.*.scores`"));
            };
            for width in self.windows.iter().map(|width| width.get()) {
                let window = centre.saturating_sub(width / 2)..(centre + width.div_ceil(2)).min(depth);
                if !windows.contains(&window) {
                    windows.push(window);
                }
            }
        }
        Ok(windows)
    }

    /// What an edge blocks in each live unit that has it, and in each draw of random patches.
    fn blocked(&self, edge: Edge, batch: &Batch<'_>, draw: Option<u32>) -> Result<Vec<(usize, Blocked)>> {
        let mut blocked = Vec::new();
        for &unit in &batch.live {
            let prompt = batch.prompt(Role::Clean, unit)?;
            let pair = batch.units[unit].pair;
            let (mut keys, queries) = (edge.from.at(prompt, pair, batch.seed), edge.to.at(prompt, pair, batch.seed));
            if let Some(draw) = draw {
                let region = super::Region::One(Group::Image);
                let image = region.at(Site::LmResid(0), prompt, pair, batch.seed);
                let others: Vec<usize> = image.iter().copied().filter(|at| !keys.contains(at)).collect();
                // Text is no patch, and a group that fills the image leaves none to draw.
                if keys.iter().any(|key| !image.contains(key)) || others.len() < keys.len() {
                    continue;
                }
                let mut rng = rng(batch.seed, &format!("knockout {edge} of {}", batch.units[unit].id), draw.into());
                keys = sample(&mut rng, others.len(), keys.len()).into_iter().map(|at| others[at]).collect();
                keys.sort_unstable();
            }
            let own = Blocked::new(&queries, &keys);
            if !own.is_empty() {
                let place = |error: Error| error.within(format!("edge `{edge}`, item `{}`", batch.units[unit].id));
                own.check().map_err(place)?;
                blocked.push((unit, own));
            }
        }
        Ok(blocked)
    }
}

impl Design for KnockoutSpec {
    fn kind(&self) -> &'static str {
        "knockout"
    }

    fn units(&mut self, source: &Source<'_>) -> Result<Units> {
        self.layers(source.sites)?;
        let items = source.items.iter().take(source.limit.unwrap_or(usize::MAX));
        Ok(Units { units: items.map(Unit::alone).collect(), dropped: Vec::new() })
    }

    fn missing(&self, batch: &Batch<'_>) -> Result<Vec<(usize, String)>> {
        let mut missing = Vec::new();
        for &edge in &self.edges {
            let found = self.blocked(edge, batch, None)?;
            let lacks = batch.live.iter().filter(|unit| !found.iter().any(|(known, _)| known == *unit));
            missing.extend(lacks.map(|&unit| (unit, format!("`{edge}` blocks nothing"))));
        }
        Ok(missing)
    }

    fn arms(&self, batch: &Batch<'_>) -> Result<Vec<Arm>> {
        let windows = self.layers(&batch.model.sites())?;
        let tokens = batch.live.first().map(|&unit| batch.prompt(Role::Clean, unit)).transpose()?;
        let Some(tokens) = tokens.map(|prompt| prompt.prepared.map.len) else { return Ok(Vec::new()) };
        let mut arms = Vec::new();
        for &edge in &self.edges {
            for draw in std::iter::once(None).chain((0..self.random).map(Some)) {
                let (units, blocked): (Vec<usize>, Vec<Blocked>) = self.blocked(edge, batch, draw)?.into_iter().unzip();
                if units.is_empty() {
                    continue;
                }
                for window in &windows {
                    let sites: Vec<Site> = window.clone().map(Site::LmScores).collect();
                    let labels = Labels {
                        control: if draw.is_some() { Control::Random } else { Control::None },
                        window: window.len(),
                        edge: Some(edge.to_string()),
                        draw,
                        ..Labels::new("knockout", sites[0], edge.from)
                    };
                    let written = blocked.iter().map(Blocked::all_keys).collect();
                    let hook = Block::new(sites, &blocked, tokens, &batch.model.device())?;
                    arms.push(Arm { labels, units: units.clone(), written, hook: Box::new(hook) });
                }
            }
        }
        Ok(arms)
    }
}
