//! What flows through a decoder: the residual stream and everything the blocks need beside it.

use burn::tensor::Tensor;

use crate::model::layers::{KeyValue, Mask, Rotary};

/// The residual stream on its way through the blocks.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `[batch, tokens, width]`.
    pub residual: Tensor<3>,
    pub rotary: Rotary,
    pub mask: Mask,
    /// Tokens of each item; what lies behind them is padding, which a causal mask keeps out of sight.
    pub lengths: Vec<usize>,
    /// Keys and values of earlier positions, by layer; empty where nothing is generated.
    pub past: Vec<Option<KeyValue>>,
}

impl Stream {
    /// The residual of each item's last position, `[batch, 1, width]`.
    pub fn last(&self) -> Tensor<3> {
        let [batch, tokens, width] = self.residual.dims();
        let rows: Vec<i64> = self.lengths.iter().enumerate().map(|(b, &n)| (b * tokens + n - 1) as i64).collect();
        let index = Tensor::from_data(rows.as_slice(), &self.residual.device());
        self.residual.clone().reshape([batch * tokens, width]).select(0, index).reshape([batch, 1, width])
    }
}
