//! How a recording is cut: items into batches, batches into shards.
//!
//! A shard is written at once and is what a killed recording loses at most. Its boundaries depend on nothing but the
//! study, and every shard is made of whole batches, so a resumed run computes the very batches of an unbroken one.

use std::ops::Range;

use super::schema::Frame;

/// Room for the rows of one shard in memory, bytes.
const SHARD_BYTES: usize = 48 << 20;
/// Items in a shard, at most (but at least one batch): what an interruption may cost.
const SHARD_ITEMS: usize = 64;

/// How much one item leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemSize {
    pub attention_rows: usize,
    pub patches: usize,
    pub hidden_rows: usize,
    pub width: usize,
}

impl ItemSize {
    /// Before compression; what the text columns and the shares take is estimated.
    pub fn bytes(&self) -> usize {
        512 + self.attention_rows * (4 * self.patches + 64) + self.hidden_rows * (4 * self.width + 32)
    }
}

/// How a recording is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub items: usize,
    /// Items of one forward pass.
    pub batch: usize,
    /// Items of one shard, a multiple of `batch`.
    pub shard: usize,
    /// In the order in which they are put in place; items last, because it marks the shard as whole.
    pub frames: Vec<Frame>,
    /// How many `object_{k}` columns there are.
    pub objects: usize,
    pub size: ItemSize,
}

impl Plan {
    pub fn new(items: usize, batch: usize, objects: usize, size: ItemSize) -> Self {
        let batch = batch.max(1);
        let batches = (SHARD_BYTES / (batch * size.bytes())).min(SHARD_ITEMS / batch).max(1);
        let mut frames = vec![Frame::Items];
        if size.attention_rows > 0 {
            frames.insert(0, Frame::Attention);
        }
        if size.hidden_rows > 0 {
            frames.insert(0, Frame::Hidden);
        }
        Self { items, batch, shard: batch * batches, frames, objects, size }
    }

    pub fn shards(&self) -> usize {
        self.items.div_ceil(self.shard)
    }

    /// The items of a shard.
    pub fn shard_items(&self, shard: usize) -> Range<usize> {
        (shard * self.shard).min(self.items)..((shard + 1) * self.shard).min(self.items)
    }

    /// The batches of a shard.
    pub fn batches(&self, shard: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (items, batch) = (self.shard_items(shard), self.batch);
        items.clone().step_by(batch).map(move |start| start..(start + batch).min(items.end))
    }

    /// Before compression.
    pub fn bytes(&self) -> u64 {
        self.items as u64 * self.size.bytes() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_whole_batches_and_cover_every_item_once() {
        let size = ItemSize { attention_rows: 32, patches: 64, ..ItemSize::default() };
        for (items, batch) in [(600, 16), (7, 16), (129, 24), (64, 1), (200, 100)] {
            let plan = Plan::new(items, batch, 2, size);
            assert_eq!(plan.shard % batch, 0);
            let covered: Vec<usize> = (0..plan.shards()).flat_map(|shard| plan.batches(shard).flatten()).collect();
            assert_eq!(covered, (0..items).collect::<Vec<_>>());
        }
    }

    #[test]
    fn large_rows_make_small_shards() {
        // LLaVA-1.5-7B, every head: 1,024 rows of 576 patches.
        let size = ItemSize { attention_rows: 1024, patches: 576, ..ItemSize::default() };
        let plan = Plan::new(400, 4, 2, size);
        assert!(plan.shard * size.bytes() <= SHARD_BYTES && plan.shard >= 16, "{}", plan.shard);
        assert_eq!(plan.frames, [Frame::Attention, Frame::Items]);
    }
}
