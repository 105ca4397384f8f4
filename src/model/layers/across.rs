//! What the queries of one frame look at in the others: attention over many frames reduced while it is computed, never held
//! whole. Sixteen frames of 640 x 480 are 25,104 tokens; one layer's weights would take 40 GB.

use burn::tensor::{Int, Tensor, activation};

use crate::error::Result;
use crate::model::hook::{Hooks, QueryRows};
use crate::model::site::Site;

/// How many scores are held at a time: 16 MB of them.
const AT_ONCE: usize = 1 << 22;

/// A layer whose tokens are those of several frames, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Across {
    pub layer: usize,
    pub frames: usize,
    /// Tokens of a frame.
    pub tokens: usize,
    /// How many of those, the first ones, are no patches.
    pub special: usize,
}

/// Whose attention is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Query {
    /// The mean over all patches of a frame.
    Frame,
    /// One patch.
    Patch,
}

impl Across {
    /// Shows the hooks the shares that they ask for: `queries` and `keys` are `[batch, heads, tokens, head_dim]`.
    pub(super) fn visit(self, queries: &Tensor<4>, keys: &Tensor<4>, scale: f64, hooks: &mut Hooks<'_>) -> Result<()> {
        let [batch, ..] = queries.dims();
        let patches = self.frames * (self.tokens - self.special);
        for (site, query, count) in [
            (Site::SpatialFrames(self.layer), Query::Frame, self.frames),
            (Site::SpatialShares(self.layer), Query::Patch, patches),
        ] {
            let lengths = vec![count; batch];
            let Some(rows) = hooks.rows(&[site], &lengths) else { continue };
            let items = (0..batch).map(|item| {
                let of = |x: &Tensor<4>| x.clone().narrow(0, item, 1);
                let wanted: Vec<usize> = match &rows {
                    QueryRows::All => (0..count).collect(),
                    QueryRows::At(rows) => rows[item].clone(),
                };
                self.shares(of(queries), of(keys), scale, query, &wanted)
            });
            let shares = Tensor::cat(items.collect(), 0);
            hooks.attention(site, &rows, &lengths, shares)?;
        }
        Ok(())
    }

    /// Shares of attention by frame of one item, `[1, heads, wanted, frames]`; each row sums to 1.
    fn shares(self, queries: Tensor<4>, keys: Tensor<4>, scale: f64, query: Query, wanted: &[usize]) -> Tensor<4> {
        let keys = keys.swap_dims(2, 3);
        let patches = self.tokens - self.special;
        match query {
            Query::Frame => {
                let rows = wanted.iter().map(|frame| {
                    let first = frame * self.tokens + self.special;
                    let tokens: Vec<usize> = (first..first + patches).collect();
                    self.by_block(&queries, &keys, scale, &tokens, |shares| shares.sum_dim(2))
                });
                let rows = rows.map(|blocks| Tensor::cat(blocks, 2).sum_dim(2) / patches as f32);
                Tensor::cat(rows.collect(), 2)
            }
            Query::Patch => {
                let token = |patch: &usize| patch / patches * self.tokens + self.special + patch % patches;
                let tokens: Vec<usize> = wanted.iter().map(token).collect();
                Tensor::cat(self.by_block(&queries, &keys, scale, &tokens, |shares| shares), 2)
            }
        }
    }

    /// What `reduce` makes of the shares of some query tokens, `[1, heads, some, frames]`, block after block.
    fn by_block(
        self,
        queries: &Tensor<4>,
        keys: &Tensor<4>,
        scale: f64,
        tokens: &[usize],
        reduce: impl Fn(Tensor<4>) -> Tensor<4>,
    ) -> Vec<Tensor<4>> {
        let [_, heads, _, all] = keys.dims();
        let block = (AT_ONCE / (heads * all).max(1)).max(1);
        let of = |tokens: &[usize]| {
            let index: Vec<i64> = tokens.iter().map(|&token| token as i64).collect();
            let index: Tensor<1, Int> = Tensor::from_data(index.as_slice(), &queries.device());
            let scores = queries.clone().select(2, index).matmul(keys.clone()) * scale;
            let weights = activation::softmax(scores, 3);
            let by_frame = weights.reshape([heads, tokens.len(), self.frames, self.tokens]).sum_dim(3);
            reduce(by_frame.reshape([1, heads, tokens.len(), self.frames]))
        };
        tokens.chunks(block).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::model::hook::{Hook, Rows};

    const ACROSS: Across = Across { layer: 3, frames: 3, tokens: 4, special: 1 };

    struct Take(Vec<Site>, Rows, Option<Tensor<4>>);

    impl Hook for Take {
        fn sites(&self) -> &[Site] {
            &self.0
        }

        fn rows(&self, _: Site) -> Rows {
            self.1.clone()
        }

        fn attention(&mut self, _: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
            self.2 = Some(rows.clone());
            Ok(rows)
        }
    }

    fn taken(site: Site, rows: Rows, [queries, keys]: [&Tensor<4>; 2]) -> Vec<f32> {
        let mut take = Take(vec![site], rows, None);
        ACROSS.visit(queries, keys, 0.5, &mut Hooks::one(&mut take)).unwrap();
        take.2.unwrap().into_data().iter::<f32>().collect()
    }

    /// Against the whole matrix, item by item and head by head.
    #[test]
    fn shares_are_those_of_the_whole_matrix() {
        let device = Device::flex();
        device.seed(3);
        let draw = || Tensor::<4>::random([2, 2, 12, 4], Distribution::Normal(0.0, 1.5), &device);
        let (queries, keys) = (draw(), draw());
        let weights = activation::softmax(queries.clone().matmul(keys.clone().swap_dims(2, 3)) * 0.5, 3);
        let weights: Vec<f32> = weights.into_data().iter::<f32>().collect();
        let share = |item: usize, head: usize, query: usize, frame: usize| -> f32 {
            let row = &weights[((item * 2 + head) * 12 + query) * 12..][..12];
            row[4 * frame..4 * frame + 4].iter().sum()
        };
        let both = [&queries, &keys];
        let shares = taken(Site::SpatialShares(3), Rows::All, both);
        let frames = taken(Site::SpatialFrames(3), Rows::All, both);
        for item in 0..2 {
            for head in 0..2 {
                for to in 0..3 {
                    for from in 0..3 {
                        let of = |patch: usize| share(item, head, 4 * from + 1 + patch, to);
                        let mean = (0..3).map(of).sum::<f32>() / 3.0;
                        let map = frames[((item * 2 + head) * 3 + from) * 3 + to];
                        assert!((map - mean).abs() < 1e-6, "{map} {mean}");
                        for patch in 0..3 {
                            let one = shares[((item * 2 + head) * 9 + 3 * from + patch) * 3 + to];
                            assert!((one - of(patch)).abs() < 1e-6);
                        }
                    }
                }
            }
        }
        // Chosen rows: the second and the last patch of the first item, the first and the third of the second.
        let chosen = taken(Site::SpatialShares(3), Rows::At(vec![vec![1, 8], vec![0, 2]]), both);
        assert_eq!(chosen[..3], shares[3..6]);
        assert_eq!(chosen[18 - 6..18 - 3], shares[2 * 27..2 * 27 + 3]);
        let last = taken(Site::SpatialFrames(3), Rows::Last, both);
        assert_eq!(last[..3], frames[6..9]);
    }
}
