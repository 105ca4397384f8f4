//! What flows through a decoder: the residual stream and everything the blocks need beside it.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::model::layers::{KeyValue, Mask, Rotary};

/// The residual stream on its way through the blocks.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `[batch, tokens, width]`.
    pub residual: Tensor<3>,
    pub sight: Sight,
    /// Of layers that look at their neighbourhood only, where a decoder has them.
    pub near: Option<Sight>,
    /// Tokens of each item; what lies behind them is padding, which a mask keeps out of sight.
    pub lengths: Vec<usize>,
    /// Keys and values of earlier positions, by layer; empty where nothing is generated.
    pub past: Vec<Option<KeyValue>>,
}

/// How a layer's queries see keys: turned by what, and which of them.
#[derive(Clone, Debug)]
pub struct Sight {
    pub rotary: Rotary,
    pub mask: Mask,
}

impl Sight {
    fn select(&self, rows: &Tensor<1, Int>) -> Self {
        let mask = match &self.mask {
            Mask::Hidden(mask) if mask.dims()[0] > 1 => {
                Mask::Hidden(Box::new(mask.as_ref().clone().select(0, rows.clone())))
            }
            other => other.clone(),
        };
        Self { rotary: self.rotary.select(rows), mask }
    }

    /// What the last position sees, `seen` keys before itself, for `times` of it side by side.
    fn again(&self, seen: usize, times: usize, device: &Device) -> Self {
        let mask = match (&self.mask, Mask::side_by_side(seen, times, device)) {
            // What lies outside its window stays outside.
            (Mask::Hidden(mask), Mask::Hidden(beside)) => {
                let before = mask.as_ref().clone().narrow(2, seen, 1).narrow(3, 0, seen).repeat_dim(2, times);
                let items = before.dims()[0];
                let copies = beside.narrow(3, seen, times).repeat_dim(0, items);
                Mask::Hidden(Box::new(Tensor::cat(vec![before, copies], 3)))
            }
            (_, beside) => beside,
        };
        Self { rotary: self.rotary.repeated(seen, times), mask }
    }
}

impl Stream {
    /// These items of the batch, which may come several times; without a past.
    pub fn select(&self, rows: &[usize]) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index: Tensor<1, Int> = Tensor::from_data(TensorData::new(index, [rows.len()]), &self.residual.device());
        Self {
            sight: self.sight.select(&index),
            near: self.near.as_ref().map(|near| near.select(&index)),
            residual: self.residual.clone().select(0, index),
            lengths: rows.iter().map(|&row| self.lengths[row]).collect(),
            past: Vec::new(),
        }
    }

    /// Whether the prompts are equally long, so that their last positions stand in one place.
    pub fn is_even(&self) -> bool {
        let [_, tokens, _] = self.residual.dims();
        self.lengths.iter().all(|&length| length == tokens)
    }

    /// At least the last `count` positions of prompts of one length, after everything before them, whose keys and values
    /// `past` holds (of the whole prompt). What they become is, to the last bit, what they become among all positions.
    /// `None` where tokens before may see those behind, so that what changes there changes them too.
    pub fn tail(&self, count: usize, past: &[Option<KeyValue>]) -> Option<Self> {
        let [_, tokens, _] = self.residual.dims();
        // Products of a single row go through kernels that sum in another order.
        let count = count.max(2);
        let is_causal = matches!(self.sight.mask, Mask::Causal) && self.near.is_none();
        if !is_causal || !self.is_even() || count > tokens {
            return None;
        }
        let start = tokens - count;
        let before = |known: &KeyValue| known.first(known.count().saturating_sub(count));
        Some(Self {
            residual: self.residual.clone().narrow(1, start, count),
            sight: Sight { rotary: self.sight.rotary.from(start), mask: Mask::Causal },
            near: None,
            lengths: vec![count; self.lengths.len()],
            past: past.iter().map(|layer| layer.as_ref().map(before)).collect(),
        })
    }

    /// The last position of prompts of one length, `times` times side by side, `[batch, times, width]`, after everything
    /// before it, whose keys and values `past` holds (of the whole prompt; its last position is left out). Each of the rows
    /// is the prompt's last one once more: what is done to one of them, the others do not see.
    ///
    /// # Errors
    /// Prompts of different lengths.
    pub fn last_again(&self, past: &[Option<KeyValue>], times: usize) -> Result<Self> {
        let [batch, tokens, _] = self.residual.dims();
        if !self.is_even() {
            return Err(Error::data("prompts of different lengths have their last position in different places"));
        }
        let seen = tokens.saturating_sub(1);
        Ok(Self {
            residual: self.residual.clone().narrow(1, seen, 1).repeat_dim(1, times),
            sight: self.sight.again(seen, times, &self.residual.device()),
            near: self.near.as_ref().map(|near| near.again(seen, times, &self.residual.device())),
            lengths: vec![times; batch],
            past: past.iter().map(|layer| layer.as_ref().map(|known| known.first(seen))).collect(),
        })
    }

    /// The residual of each item's last position, `[batch, 1, width]`.
    pub fn last(&self) -> Tensor<3> {
        let [batch, tokens, width] = self.residual.dims();
        let rows: Vec<i64> = self.lengths.iter().enumerate().map(|(b, &n)| (b * tokens + n - 1) as i64).collect();
        let index = Tensor::from_data(rows.as_slice(), &self.residual.device());
        self.residual.clone().reshape([batch * tokens, width]).select(0, index).reshape([batch, 1, width])
    }
}
