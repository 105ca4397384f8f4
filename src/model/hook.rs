//! A hook reads or rewrites the tensor at a site while the model walks past it.

use burn::tensor::{Bool, Int, Tensor, TensorData};

use super::site::{Site, SiteSpec};
use crate::error::{Error, Result};

/// Which query rows of an attention matrix a hook wants. Attention weights exist only for rows somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The last position of each item.
    Last,
    /// Every position.
    All,
    /// These positions of each item of the batch, equally many for each.
    At(Vec<Vec<usize>>),
}

/// Whether a hook only looks, or puts something back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Reads,
    Rewrites,
}

/// Something that reads or rewrites tensors at sites.
pub trait Hook: Send {
    /// The sites it visits; see [`select`](super::site::select) for patterns.
    fn sites(&self) -> &[Site];

    /// The query rows it needs at an attention site.
    fn rows(&self, _site: Site) -> Rows {
        Rows::Last
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    /// Visits a site of tokens, `[batch, tokens, width]`. What it returns goes on if the hook rewrites.
    fn tokens(&mut self, _site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        Ok(tokens)
    }

    /// Visits an attention site, `[batch, heads, rows, key]`, with the rows it asked for. What it returns goes on if the
    /// hook rewrites.
    fn attention(&mut self, _site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        Ok(rows)
    }
}

/// The hooks of one forward pass, visited in order.
#[derive(Default)]
pub struct Hooks<'a> {
    hooks: Vec<&'a mut dyn Hook>,
}

impl<'a> Hooks<'a> {
    /// A bare forward pass.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn one(hook: &'a mut dyn Hook) -> Self {
        Self { hooks: vec![hook] }
    }

    pub fn push(&mut self, hook: &'a mut dyn Hook) {
        self.hooks.push(hook);
    }

    /// Refuses a hook that would never be visited.
    ///
    /// # Errors
    /// A hook without sites, or with one that the model does not have.
    pub fn check(&self, sites: &[SiteSpec]) -> Result<()> {
        self.hooks.iter().try_for_each(|hook| Self::check_sites(hook.sites(), sites))
    }

    /// As [`check`](Self::check), of the sites of one hook.
    pub fn check_sites(wanted: &[Site], sites: &[SiteSpec]) -> Result<()> {
        if wanted.is_empty() {
            return Err(Error::usage("a hook matches no site of this model, so it would do nothing"));
        }
        match wanted.iter().find(|site| !sites.iter().any(|spec| spec.site == **site)) {
            Some(site) => Err(Error::usage(format!("site `{site}` does not exist in this model"))
                .with_help("`vlmscope sites MODEL` lists this model's sites")),
            None => Ok(()),
        }
    }

    /// Whether any hook visits the site.
    pub fn want(&self, site: Site) -> bool {
        self.hooks.iter().any(|hook| hook.sites().contains(&site))
    }

    /// Whether any hook looks into a block of the language model.
    pub fn look_into(&self, block: usize) -> bool {
        self.hooks.iter().any(|hook| hook.sites().iter().any(|site| site.block() == Some(block)))
    }

    /// Shows a site of tokens to every hook that visits it.
    pub fn tokens(&mut self, site: Site, mut tokens: Tensor<3>) -> Result<Tensor<3>> {
        for hook in self.hooks.iter_mut().filter(|hook| hook.sites().contains(&site)) {
            let returned = hook.tokens(site, tokens.clone())?;
            if hook.effect() == Effect::Rewrites {
                tokens = returned;
            }
        }
        Ok(tokens)
    }

    /// The query rows that must be computed so that every hook at these sites gets its own.
    pub(super) fn rows(&self, sites: &[Site], lengths: &[usize]) -> Option<QueryRows> {
        let mut union: Option<QueryRows> = None;
        for hook in &self.hooks {
            for &site in sites.iter().filter(|site| hook.sites().contains(site)) {
                let wanted = QueryRows::resolve(&hook.rows(site), lengths);
                union = Some(match union {
                    None => wanted,
                    Some(union) if union == wanted => union,
                    Some(_) => QueryRows::All,
                });
            }
        }
        union
    }

    /// Shows attention rows to every hook that visits the site, each its own rows; says whether any rewrote them.
    pub(super) fn attention(
        &mut self,
        site: Site,
        computed: &QueryRows,
        lengths: &[usize],
        mut rows: Tensor<4>,
    ) -> Result<(Tensor<4>, Effect)> {
        let mut effect = Effect::Reads;
        for hook in self.hooks.iter_mut().filter(|hook| hook.sites().contains(&site)) {
            let wanted = QueryRows::resolve(&hook.rows(site), lengths);
            let own = if wanted == *computed { rows.clone() } else { wanted.pick(rows.clone()) };
            let returned = hook.attention(site, own)?;
            if hook.effect() == Effect::Rewrites {
                effect = Effect::Rewrites;
                rows = if wanted == *computed { returned } else { wanted.put(rows, returned) };
            }
        }
        Ok((rows, effect))
    }
}

/// Query rows with the batch's lengths filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QueryRows {
    All,
    At(Vec<Vec<usize>>),
}

impl QueryRows {
    fn resolve(rows: &Rows, lengths: &[usize]) -> Self {
        match rows {
            Rows::All => Self::All,
            Rows::Last => Self::At(lengths.iter().map(|&length| vec![length - 1]).collect()),
            Rows::At(rows) => Self::At(rows.clone()),
        }
    }

    /// These rows of `[batch, heads, tokens, n]`: `[batch, heads, rows, n]`.
    pub(super) fn pick(&self, all: Tensor<4>) -> Tensor<4> {
        let Self::At(rows) = self else { return all };
        let [_, heads, _, n] = all.dims();
        let index = self.index(rows, &all.device());
        all.gather(2, index.repeat_dim(1, heads).repeat_dim(3, n))
    }

    /// These rows of a mask `[batch, 1, tokens, n]`.
    pub(super) fn pick_mask(&self, all: Tensor<4, Bool>) -> Tensor<4, Bool> {
        let Self::At(rows) = self else { return all };
        let [_, _, _, n] = all.dims();
        let index = self.index(rows, &all.device());
        all.int().gather(2, index.repeat_dim(3, n)).equal_elem(1)
    }

    /// `all` with these rows replaced.
    pub(super) fn put(&self, all: Tensor<4>, replaced: Tensor<4>) -> Tensor<4> {
        let Self::At(rows) = self else { return replaced };
        let [_, heads, _, n] = all.dims();
        rows.iter().enumerate().fold(all, |all, (item, rows)| {
            rows.iter().enumerate().fold(all, |all, (r, &row)| {
                let one = replaced.clone().slice([item..item + 1, 0..heads, r..r + 1, 0..n]);
                all.slice_assign([item..item + 1, 0..heads, row..row + 1, 0..n], one)
            })
        })
    }

    /// Which of `keys` columns each row must not see under a causal mask, the first row being that of column `seen`:
    /// `[batch, 1, rows, keys]`.
    pub(super) fn future(
        &self,
        batch: usize,
        seen: usize,
        keys: usize,
        device: &burn::tensor::Device,
    ) -> Tensor<4, Bool> {
        let positions: Vec<Vec<usize>> = match self {
            Self::All => vec![(0..keys - seen).collect(); batch],
            Self::At(rows) => rows.clone(),
        };
        let count = positions.first().map_or(0, Vec::len);
        let hidden: Vec<bool> =
            positions.iter().flatten().flat_map(|&row| (0..keys).map(move |key| key > seen + row)).collect();
        Tensor::from_data(TensorData::new(hidden, [batch, 1, count, keys]), device)
    }

    fn index(&self, rows: &[Vec<usize>], device: &burn::tensor::Device) -> Tensor<4, Int> {
        let count = rows.first().map_or(0, Vec::len);
        let flat: Vec<i64> = rows.iter().flatten().map(|&row| row as i64).collect();
        Tensor::from_data(TensorData::new(flat, [rows.len(), 1, count, 1]), device)
    }
}
