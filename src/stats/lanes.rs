//! Replicates side by side in memory, so that one walk over the ranked items serves many of them at once.

use rayon::prelude::*;

/// Replicates worked on together: small enough for their accumulators to stay in the nearest cache.
pub(super) const LANES: usize = 32;

/// One number per item and lane.
pub(super) type Block = Vec<[f64; LANES]>;

/// One column of numbers (one an item) per replicate, stored in blocks of [`LANES`] replicates.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    count: usize,
    blocks: Vec<Block>,
}

impl Lanes {
    /// `column(replicate)` gives each replicate's `items` numbers; replicates are drawn in parallel, so it must depend on
    /// its argument alone.
    pub fn fill(items: usize, count: usize, column: impl Fn(usize) -> Vec<f64> + Sync) -> Self {
        let block = |first: usize| {
            let mut block = vec![[0.0; LANES]; items];
            for lane in 0..LANES.min(count - first) {
                for (row, value) in block.iter_mut().zip(column(first + lane)) {
                    row[lane] = value;
                }
            }
            block
        };
        Self { count, blocks: (0..count).into_par_iter().step_by(LANES).map(block).collect() }
    }

    /// Applies `walk` to every block and part; for each part, one result per replicate, in order. All parts are done with a
    /// block before the next one, which then need not come from memory again.
    pub fn map<P, T: Copy>(&self, parts: &[P], walk: impl Fn(&Block, &P) -> [T; LANES]) -> Vec<Vec<T>> {
        let mut results: Vec<Vec<T>> = parts.iter().map(|_| Vec::with_capacity(self.blocks.len() * LANES)).collect();
        for block in &self.blocks {
            for (results, part) in results.iter_mut().zip(parts) {
                results.extend_from_slice(&walk(block, part));
            }
        }
        results.iter_mut().for_each(|results| results.truncate(self.count));
        results
    }
}
