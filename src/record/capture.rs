//! Hooks that reduce attention rows and hidden states while they are at hand, so that nothing larger is ever kept.

use burn::tensor::Tensor;

use super::live::Groups;
use super::recorded::{AttentionRow, HiddenRow};
use super::shares::{Columns, reduce_layer};
use crate::error::{Error, Result};
use crate::model::{Hook, Rows, Site};
use crate::processor::{Coverage, Group, Layout, Place};
use crate::study::Heads;

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
    pub layout: &'a [Layout],
    pub rows: Vec<Vec<HiddenRow>>,
}

impl<'a> HiddenCapture<'a> {
    pub fn new(groups: &'a [Groups], layout: &'a [Layout]) -> Self {
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
        for ((item, layout), kept) in per_item {
            for &group in groups {
                let weights = weights(group, site, count, layout);
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
fn weights(group: Group, site: Site, count: usize, layout: &Layout) -> Vec<(usize, f64)> {
    // A class token, where there is one, comes before the patches.
    let class_tokens = count.saturating_sub(layout.image.len());
    let grid = layout.geometry.grid;
    let index = |place: Place| match place {
        Place::Patch(patch) if is_image_only(site) => class_tokens + patch.row * grid.cols + patch.col,
        place => place.position(layout),
    };
    let members = group.members(layout).unwrap_or_default();
    members.into_iter().map(|member| (index(member.place), f64::from(member.weight))).collect()
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
    use crate::dataset::{Axis, PixelBox};
    use crate::processor::{Grid, ImageGeometry};

    fn layout() -> Vec<(Columns, Coverage)> {
        let columns = Columns { bos: Some(0), image: vec![1, 2], last: 4, len: 5 };
        let coverage = Coverage { objects: vec![Some(vec![0.0, 1.0]), None], union: Some(vec![0.0, 1.0]) };
        // The second item is one token shorter: its last column is padding.
        let shorter = Columns { last: 3, len: 4, ..columns.clone() };
        vec![(columns, coverage.clone()), (shorter, coverage)]
    }

    fn layouts() -> Vec<Layout> {
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: 20.0, y2: 10.0 };
        let grid = Grid { rows: 1, cols: 2 };
        let of = |(columns, coverage): (Columns, Coverage)| Layout {
            geometry: ImageGeometry { image_width: 20, image_height: 10, grid, seen },
            coverage,
            axis: Axis::Horizontal,
            centres: vec![None, None],
            text: (3..columns.last).collect(),
            image: columns.image,
            words: vec![None, None],
            last: columns.last,
            item: "one".into(),
            seed: 1,
        };
        layout().into_iter().map(of).collect()
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
        let layout = layouts();
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
        let layout = layouts();
        let tensor = Tensor::<3>::from_data([[[1.0f32], [2.0], [3.0]], [[4.0], [5.0], [6.0]]], &Device::flex());
        let groups = [(Site::VisionResid(0), vec![Group::Image, Group::Object(1)])];
        let mut hidden = HiddenCapture::new(&groups, &layout);
        hidden.tokens(Site::VisionResid(0), tensor).unwrap();
        assert_eq!((&hidden.rows[0][0].vector, &hidden.rows[1][1].vector), (&vec![2.5], &vec![6.0]));
    }
}
