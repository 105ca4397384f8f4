//! How a recording is cut: items into batches, batches into shards.
//!
//! A shard is written at once and is what a killed recording loses at most. Its boundaries depend on nothing but the
//! study, and every shard is made of whole batches, so a resumed run computes the very batches of an unbroken one.

use std::ops::Range;

use super::asked::Spot;
use super::schema::Frame;
use crate::study::Precision;

/// Room for the rows of one shard in memory, bytes.
const SHARD_BYTES: u64 = 48 << 20;
/// Items in a shard, at most (but at least one batch): what an interruption may cost.
const SHARD_ITEMS: usize = 64;

/// How much attention one item leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemSize {
    pub attention_rows: usize,
    pub patches: usize,
    /// Rows of the frame of attention from frames to frames.
    pub cross_frame_rows: usize,
}

/// The frame of one site's hidden states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenFrame {
    pub spot: Spot,
    /// Numbers of a state.
    pub width: usize,
    pub dtype: Precision,
    /// Of the whole recording, about.
    pub rows: usize,
}

/// How a recording is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub items: usize,
    /// Items of one forward pass.
    pub batch: usize,
    /// Items of one shard, a multiple of `batch`.
    pub shard: usize,
    /// How many `object_{k}` columns there are.
    pub objects: usize,
    pub size: ItemSize,
    /// In the order of the walk.
    pub hidden: Vec<HiddenFrame>,
}

impl Plan {
    pub fn new(items: usize, batch: usize, objects: usize, size: ItemSize, hidden: Vec<HiddenFrame>) -> Self {
        let batch = batch.max(1);
        let mut plan = Self { items, batch, shard: batch, objects, size, hidden };
        let of_batch = (batch as u64 * plan.bytes() / items.max(1) as u64).max(1);
        let batches = ((SHARD_BYTES / of_batch) as usize).min(SHARD_ITEMS / batch).max(1);
        plan.shard = batch * batches;
        plan
    }

    /// In the order in which they are put in place; items last, because it marks the shard as whole.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        let hidden = self.hidden.iter().map(|frame| Frame::Hidden(frame.spot));
        let attention = (self.size.attention_rows > 0).then_some(Frame::Attention);
        let cross_frame = (self.size.cross_frame_rows > 0).then_some(Frame::CrossFrame);
        hidden.chain(attention).chain(cross_frame).chain([Frame::Items])
    }

    /// How many rows a frame will have; of hidden states, about.
    pub fn rows(&self, frame: Frame) -> usize {
        match frame {
            Frame::Items => self.items,
            Frame::Attention => self.items * self.size.attention_rows,
            Frame::CrossFrame => self.items * self.size.cross_frame_rows,
            Frame::Hidden(spot) => self.hidden_frame(spot).map_or(0, |frame| frame.rows),
        }
    }

    /// What a frame will take before compression; the part of the text columns and the shares is estimated.
    pub fn frame_bytes(&self, frame: Frame) -> u64 {
        let row = match frame {
            Frame::Items => 512,
            Frame::Attention => 4 * self.size.patches + 64,
            Frame::CrossFrame => 32,
            Frame::Hidden(spot) => self.hidden_frame(spot).map_or(0, |of| of.dtype.bytes() * of.width + 32),
        };
        self.rows(frame) as u64 * row as u64
    }

    pub(super) fn hidden_frame(&self, spot: Spot) -> Option<&HiddenFrame> {
        self.hidden.iter().find(|frame| frame.spot == spot)
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
        self.frames().map(|frame| self.frame_bytes(frame)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Site;

    #[test]
    fn shards_are_whole_batches_and_cover_every_item_once() {
        let size = ItemSize { attention_rows: 32, patches: 64, ..ItemSize::default() };
        for (items, batch) in [(600, 16), (7, 16), (129, 24), (64, 1), (200, 100)] {
            let plan = Plan::new(items, batch, 2, size, vec![]);
            assert_eq!(plan.shard % batch, 0);
            let covered: Vec<usize> = (0..plan.shards()).flat_map(|shard| plan.batches(shard).flatten()).collect();
            assert_eq!(covered, (0..items).collect::<Vec<_>>());
        }
    }

    #[test]
    fn large_rows_make_small_shards() {
        // LLaVA-1.5-7B, every head: 1,024 rows of 576 patches.
        let size = ItemSize { attention_rows: 1024, patches: 576, ..ItemSize::default() };
        let plan = Plan::new(400, 4, 2, size, vec![]);
        assert!(plan.shard as u64 * plan.bytes() / 400 <= SHARD_BYTES && plan.shard >= 16, "{}", plan.shard);
        assert_eq!(plan.frames().collect::<Vec<_>>(), [Frame::Attention, Frame::Items]);
        // Every token of it at 33 sites: 600 rows of 4,096 numbers an item and site, 9.8 MB each, fill a shard with one batch.
        let frame = |s| HiddenFrame {
            spot: Spot::Model(Site::LmResid(s)),
            width: 4096,
            dtype: Precision::F16,
            rows: 400 * 600,
        };
        let plan = Plan::new(400, 4, 2, ItemSize::default(), (0..33).map(frame).collect());
        assert_eq!((plan.shard, plan.frames().count()), (4, 34));
        assert_eq!(plan.frame_bytes(Frame::Hidden(Spot::Model(Site::LmResid(3)))), 400 * 600 * (2 * 4096 + 32));
    }
}
