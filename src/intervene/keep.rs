//! What is kept of a run: wanted positions of wanted sites, on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::batch::Kept;
use crate::error::Result;
use crate::model::{Hook, Hooks, Site};

/// Which positions of a site are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    All,
    /// Ascending, along the site's token axis.
    At(Vec<usize>),
}

impl Wanted {
    /// These positions of `[units, tokens, width]`.
    pub fn keep(&self, tokens: Tensor<3>) -> Kept {
        let [_, count, _] = tokens.dims();
        match self {
            Self::All => Kept { positions: (0..count).collect(), states: tokens },
            Self::At(positions) => {
                let positions: Vec<usize> = positions.iter().copied().filter(|at| *at < count).collect();
                let index: Vec<i64> = positions.iter().map(|&at| at as i64).collect();
                let index: Tensor<1, Int> =
                    Tensor::from_data(TensorData::new(index, [positions.len()]), &tokens.device());
                Kept { positions, states: tokens.select(1, index) }
            }
        }
    }
}

/// A hook that keeps.
pub struct Keep {
    sites: Vec<Site>,
    wanted: Vec<Wanted>,
    /// As they were met.
    pub states: Vec<(Site, Tensor<3>)>,
    positions: Vec<Vec<usize>>,
}

impl Keep {
    /// A site that is wanted twice is kept with all positions that either wants.
    pub fn new(wanted: Vec<(Site, Wanted)>) -> Self {
        let mut merged: Vec<(Site, Wanted)> = Vec::new();
        for (site, want) in wanted {
            let known = merged.iter_mut().find(|(known, _)| *known == site);
            match (known, want) {
                (None, want) => merged.push((site, want)),
                (Some((_, known)), Wanted::All) => *known = Wanted::All,
                (Some((_, Wanted::All)), _) => {}
                (Some((_, Wanted::At(known))), Wanted::At(more)) => {
                    known.extend(more);
                    known.sort_unstable();
                    known.dedup();
                }
            }
        }
        let (sites, wanted) = merged.into_iter().unzip();
        Self { sites, wanted, states: Vec::new(), positions: Vec::new() }
    }

    /// Itself alone, or nothing where it keeps nothing.
    pub fn hooks(&mut self) -> Hooks<'_> {
        if self.sites.is_empty() { Hooks::none() } else { Hooks::one(self) }
    }

    /// What was kept, by site.
    pub fn kept(self) -> impl Iterator<Item = (Site, Kept)> {
        let states = self.states.into_iter().zip(self.positions);
        states.map(|((site, states), positions)| (site, Kept { positions, states }))
    }
}

impl Hook for Keep {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let wanted = self.sites.iter().position(|known| *known == site).map(|at| &self.wanted[at]);
        if let Some(wanted) = wanted {
            let Kept { positions, states } = wanted.keep(tokens.clone());
            self.states.push((site, states));
            self.positions.push(positions);
        }
        Ok(tokens)
    }
}

/// Rows of the batch axis.
pub fn select(states: &Tensor<3>, rows: &[usize]) -> Tensor<3> {
    let [units, ..] = states.dims();
    match chosen(rows, units, &states.device()) {
        Some(index) => states.clone().select(0, index),
        None => states.clone(),
    }
}

/// Rows of a batch of so many units, to select; `None` where they are all of them, in their order.
pub fn chosen(rows: &[usize], units: usize, device: &Device) -> Option<Tensor<1, Int>> {
    if rows.iter().copied().eq(0..units) {
        return None;
    }
    let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    Some(Tensor::from_data(TensorData::new(index, [rows.len()]), device))
}
