//! Hooks that reduce attention rows and hidden states while they are at hand, so that nothing larger is ever kept.

use burn::tensor::Tensor;

use super::live::Groups;
use super::recorded::{AttentionRow, HiddenRow};
use super::shares::{Columns, Coverage, reduce_layer};
use crate::error::{Error, Result};
use crate::model::{Hook, Rows, Site};
use crate::study::{Group, Heads};

/// The last query row at some attention sites: the mean over the heads, and every head if asked for.
pub(super) struct AttentionCapture<'a> {
    pub sites: &'a [Site],
    pub heads: Heads,
    /// Of each item of the batch.
    pub layout: &'a [(Columns, Coverage)],
    /// Of each item of the batch: by layer, then head, because that is the order of the walk.
    pub rows: Vec<Vec<AttentionRow>>,
}

impl<'a> AttentionCapture<'a> {
    pub fn new(sites: &'a [Site], heads: Heads, layout: &'a [(Columns, Coverage)]) -> Self {
        Self { sites, heads, layout, rows: vec![Vec::new(); layout.len()] }
    }
}

impl Hook for AttentionCapture<'_> {
    fn sites(&self) -> &[Site] {
        self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        Rows::Last
    }

    /// `rows` is `[batch, heads, 1, key]`.
    fn attention(&mut self, site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        let [_, heads, _, keys] = rows.dims();
        let weights = numbers(rows.clone().into_data())?;
        let layer = site.index().unwrap_or(0) as i16;
        let per_item = weights.chunks_exact(heads * keys).zip(self.layout).zip(&mut self.rows);
        for ((item, (columns, coverage)), kept) in per_item {
            kept.extend(reduce_layer(layer, item, keys, self.heads, columns, coverage));
        }
        Ok(rows)
    }
}

/// Hidden states, averaged over groups of positions.
pub(super) struct HiddenCapture<'a> {
    pub sites: Vec<Site>,
    /// The groups asked for at each of `sites`.
    pub groups: &'a [Groups],
    /// Of each item of the batch.
    pub layout: &'a [(Columns, Coverage)],
    pub rows: Vec<Vec<HiddenRow>>,
}

impl<'a> HiddenCapture<'a> {
    pub fn new(groups: &'a [Groups], layout: &'a [(Columns, Coverage)]) -> Self {
        let sites = groups.iter().map(|(site, _)| *site).collect();
        Self { sites, groups, layout, rows: vec![Vec::new(); layout.len()] }
    }
}

impl Hook for HiddenCapture<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// `tokens` is `[batch, tokens, width]`; at the sites of the image tower, tokens are patches.
    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let [_, count, width] = tokens.dims();
        let states = numbers(tokens.clone().into_data())?;
        let groups = self.groups.iter().find(|(asked, _)| *asked == site).map_or(&[][..], |(_, groups)| groups);
        let per_item = states.chunks_exact(count * width).zip(self.layout).zip(&mut self.rows);
        for ((item, (columns, coverage)), kept) in per_item {
            for &group in groups {
                let weights = group_weights(group, site, count, columns, coverage);
                // An object that nobody annotated, or that lies outside what the model sees, leaves no row.
                if let Some(vector) = weighted_mean(item, width, &weights) {
                    kept.push(HiddenRow { site: site.to_string(), group: group.to_string(), vector });
                }
            }
        }
        Ok(tokens)
    }
}

/// Whether the tokens of a site are image patches alone, not a whole prompt.
pub(super) fn is_image_only(site: Site) -> bool {
    matches!(site, Site::VisionResid(_) | Site::VisionOut | Site::ProjectorOut)
}

/// Which of a site's tokens belong to a group, and how much.
fn group_weights(group: Group, site: Site, count: usize, columns: &Columns, coverage: &Coverage) -> Vec<(usize, f64)> {
    let patches = columns.image.len();
    // A class token, where there is one, comes before the patches.
    let class_tokens = count.saturating_sub(patches);
    let position = |patch: usize| if is_image_only(site) { class_tokens + patch } else { columns.image[patch] };
    match group {
        Group::Last => vec![(columns.last, 1.0)],
        Group::Image => (0..patches).map(|patch| (position(patch), 1.0)).collect(),
        Group::Object(k) => {
            let covered = coverage.objects.get(k - 1).and_then(Option::as_ref);
            let shares = covered.into_iter().flatten().enumerate().filter(|(_, share)| **share > 0.0);
            shares.map(|(patch, &share)| (position(patch), f64::from(share))).collect()
        }
        Group::Text => {
            let special = |at: &usize| Some(*at) == columns.bos || *at == columns.last || columns.image.contains(at);
            (0..columns.len).filter(|at| !special(at)).map(|at| (at, 1.0)).collect()
        }
    }
}

/// The weighted mean of rows of `width` numbers; `None` where nothing has weight.
fn weighted_mean(rows: &[f32], width: usize, weights: &[(usize, f64)]) -> Option<Vec<f32>> {
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let mean = |k: usize| weights.iter().map(|&(row, weight)| weight * f64::from(rows[row * width + k])).sum::<f64>();
    (total > 0.0).then(|| (0..width).map(|k| (mean(k) / total) as f32).collect())
}

/// A tensor's numbers as `f32`, whatever the device computes in.
pub(super) fn numbers(data: burn::tensor::TensorData) -> Result<Vec<f32>> {
    data.convert::<f32>().try_into_vec().map_err(|error| Error::data(format!("the device gave no numbers: {error:?}")))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn layout() -> Vec<(Columns, Coverage)> {
        let columns = Columns { bos: Some(0), image: vec![1, 2], last: 4, len: 5 };
        let coverage = Coverage { objects: vec![Some(vec![0.0, 1.0]), None], union: Some(vec![0.0, 1.0]) };
        // The second item is one token shorter: its last column is padding.
        let shorter = Columns { last: 3, len: 4, ..columns.clone() };
        vec![(columns, coverage.clone()), (shorter, coverage)]
    }

    #[test]
    fn heads_become_rows_or_their_mean() {
        let weights = [
            [[[0.5f32, 0.1, 0.2, 0.1, 0.1]], [[0.1, 0.3, 0.4, 0.1, 0.1]]],
            [[[0.4, 0.1, 0.2, 0.3, 0.0]], [[0.2, 0.3, 0.4, 0.1, 0.0]]],
        ];
        let tensor = Tensor::<4>::from_data(weights, &Device::flex());
        let (sites, layout) = ([Site::LmAttn(7)], layout());
        let mut all = AttentionCapture::new(&sites, Heads::All, &layout);
        all.attention(sites[0], tensor.clone()).unwrap();
        assert_eq!(all.rows[0].iter().map(|row| (row.layer, row.head)).collect::<Vec<_>>(), [(7, -1), (7, 0), (7, 1)]);
        assert_eq!(all.rows[0][2].patches, [0.3, 0.4]);
        assert_eq!((all.rows[1][1].shares.last, all.rows[1][1].shares.text), (0.3, 0.0));
        let mut mean = AttentionCapture::new(&sites, Heads::Mean, &layout);
        mean.attention(sites[0], tensor).unwrap();
        assert_eq!((mean.rows[0].len(), &mean.rows[1][0]), (1, &all.rows[1][0]));
        assert!((mean.rows[0][0].shares.image - 0.5).abs() < 1e-6);
        assert!((mean.rows[1][0].shares.objects[0].unwrap() - 0.3).abs() < 1e-6);
    }

    #[test]
    fn groups_are_averaged_at_their_positions() {
        let states: Vec<f32> = (0..20).map(|n| n as f32).collect();
        let tensor = Tensor::<1>::from_data(states.as_slice(), &Device::flex()).reshape([2, 5, 2]);
        let groups = [(
            Site::LmResid(1),
            vec![Group::Last, Group::Image, Group::Object(1), Group::Object(2), Group::Object(9), Group::Text],
        )];
        let layout = layout();
        let mut hidden = HiddenCapture::new(&groups, &layout);
        hidden.tokens(Site::LmResid(1), tensor).unwrap();
        let rows: Vec<_> = hidden.rows[0].iter().map(|row| (row.group.as_str(), row.vector.as_slice())).collect();
        let expected: [(&str, &[f32]); 4] =
            [("last", &[8.0, 9.0]), ("image", &[3.0, 4.0]), ("object_1", &[4.0, 5.0]), ("text", &[6.0, 7.0])];
        assert_eq!(rows, expected);
        // The shorter item has no text besides.
        assert_eq!(
            hidden.rows[1].iter().map(|row| row.group.as_str()).collect::<Vec<_>>(),
            ["last", "image", "object_1"]
        );
    }

    #[test]
    fn a_class_token_shifts_the_patches() {
        let layout = layout();
        let tensor = Tensor::<3>::from_data([[[1.0f32], [2.0], [3.0]], [[4.0], [5.0], [6.0]]], &Device::flex());
        let groups = [(Site::VisionResid(0), vec![Group::Image, Group::Object(1)])];
        let mut hidden = HiddenCapture::new(&groups, &layout);
        hidden.tokens(Site::VisionResid(0), tensor).unwrap();
        assert_eq!((&hidden.rows[0][0].vector, &hidden.rows[1][1].vector), (&vec![2.5], &vec![6.0]));
    }
}
