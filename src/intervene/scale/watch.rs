//! What attention becomes under a scaling, layer by layer.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::Result;
use crate::model::{Hook, Rows, Site};
use crate::record::numbers;

/// Reads the weights of some query rows over each unit's image columns.
pub struct Watch {
    /// `lm.*.attn`, one a layer.
    sites: Vec<Site>,
    rows: Rows,
    /// `[units, 1, 1, patches]`.
    image: Tensor<4, Int>,
    /// The layer whose rows are kept.
    map: Option<Site>,
    /// By layer: `[units * rows]`.
    shares: Vec<Vec<f32>>,
    entropies: Vec<Vec<f32>>,
    /// `[units * rows * patches]`.
    maps: Vec<f32>,
    patches: usize,
}

/// Below this share of the attention, single precision does not know its shape.
const LEAST: f32 = 1e-30;

/// What one query row looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// By layer: share of the attention that goes to the image, mean over heads.
    pub image_share: Vec<f32>,
    /// By layer: entropy of the attention within the image over that of an even one, 0 to 1, mean over the heads that look
    /// there; not a number where none does.
    pub entropy: Vec<f32>,
    /// At the layer of the map: mean over heads of the weight of each patch, row-major.
    pub map: Vec<f32>,
}

impl Watch {
    /// `image`: each unit's image columns, equally many.
    pub fn new(layers: usize, rows: Rows, image: &[Vec<usize>], map: Option<usize>, device: &Device) -> Self {
        let patches = image.first().map_or(0, Vec::len);
        let columns: Vec<i64> = image.iter().flatten().map(|&column| column as i64).collect();
        Self {
            sites: (0..layers).map(Site::LmAttn).collect(),
            rows,
            image: Tensor::from_data(TensorData::new(columns, [image.len(), 1, 1, patches]), device),
            map: map.map(Site::LmAttn),
            shares: Vec::new(),
            entropies: Vec::new(),
            maps: Vec::new(),
            patches,
        }
    }

    /// Of each row of each unit: what it looked at.
    pub fn looks(&self) -> Vec<Look> {
        let count = self.shares.first().map_or(0, Vec::len);
        let of = |layers: &[Vec<f32>], row: usize| layers.iter().map(|layer| layer[row]).collect();
        let look = |row: usize| Look {
            image_share: of(&self.shares, row),
            entropy: of(&self.entropies, row),
            map: self.maps.get(row * self.patches..(row + 1) * self.patches).map_or(Vec::new(), <[f32]>::to_vec),
        };
        (0..count).map(look).collect()
    }
}

impl Hook for Watch {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        self.rows.clone()
    }

    fn attention(&mut self, site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        let [_, heads, queries, _] = rows.dims();
        let index = self.image.clone().repeat_dim(1, heads).repeat_dim(2, queries);
        let patches = rows.clone().gather(3, index);
        let share = patches.clone().sum_dim(3);
        // Of p = w / share: -sum p ln p = ln share - sum w ln w / share. Nothing, times its logarithm, is nothing.
        let w_ln_w = (patches.clone() * patches.clone().clamp_min(1e-37).log()).sum_dim(3);
        let entropy = share.clone().log() - w_ln_w / share.clone();
        let entropy = entropy / (self.patches.max(2) as f64).ln();
        // A head that does not look at the image at all has no shape there; where none does, the mean is not a number.
        let looks = share.clone().greater_elem(LEAST);
        let looking = looks.clone().float().sum_dim(1);
        let entropy = entropy.mask_fill(looks.bool_not(), 0.0).sum_dim(1) / looking;
        self.shares.push(numbers(share.mean_dim(1).into_data())?);
        self.entropies.push(numbers(entropy.into_data())?);
        if self.map == Some(site) {
            self.maps = numbers(patches.mean_dim(1).into_data())?;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_entropy_by_hand() {
        let device = Device::flex();
        let mut watch = Watch::new(1, Rows::All, &[vec![1, 2]], Some(0), &device);
        // One head, two rows: evenly over the image, and on one patch alone.
        let weights = Tensor::<4>::from_data([[[[0.5, 0.25, 0.25], [0.2, 0.8, 0.0]]]], &device);
        watch.attention(Site::LmAttn(0), weights).unwrap();
        let looks = watch.looks();
        assert_eq!((looks[0].image_share[0], looks[1].image_share[0]), (0.5, 0.8));
        assert!((looks[0].entropy[0] - 1.0).abs() < 1e-6 && looks[1].entropy[0].abs() < 1e-6, "{looks:?}");
        watch.attention(Site::LmAttn(0), Tensor::<4>::from_data([[[[1.0, 0.0, 0.0]]]], &device)).unwrap();
        assert!(watch.entropies[1][0].is_nan() && watch.shares[1][0] == 0.0, "what nobody looks at has no shape");
        assert_eq!((looks[0].map.as_slice(), looks[1].map.as_slice()), (&[0.25, 0.25][..], &[0.8, 0.0][..]));
    }
}
