//! A hook that reduces attention rows while they are at hand, so that nothing larger is ever kept.

use burn::tensor::Tensor;

use super::recorded::AttentionRow;
use super::shares::{Columns, reduce_layer};
use crate::error::{Error, Result};
use crate::model::{Hook, Rows, Site};
use crate::processor::Coverage;
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

/// A tensor's numbers as `f32`, whatever the device computes in.
pub(crate) fn numbers(data: burn::tensor::TensorData) -> Result<Vec<f32>> {
    data.convert::<f32>().try_into_vec().map_err(|error| Error::data(format!("the device gave no numbers: {error:?}")))
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn layout() -> Vec<(Columns, Coverage)> {
        let columns = Columns { bos: Some(0), image: vec![1, 2], aside: vec![], last: 4, len: 5 };
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
}
