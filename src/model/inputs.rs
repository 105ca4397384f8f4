//! A batch on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::processor::Prepared;

/// Prepared items, padded on the right to the longest. A causal decoder never looks right, so padding changes nothing.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// `[batch, 3, height, width]`.
    pub pixels: Tensor<4>,
    /// `[batch, tokens]`.
    pub ids: Tensor<2, Int>,
    /// Tokens of each item.
    pub lengths: Vec<usize>,
    /// Positions of each item's image tokens, in the order of the visual tokens.
    pub image: Vec<Vec<usize>>,
}

impl Inputs {
    /// Stacks items whose pixels have one shape.
    ///
    /// # Errors
    /// No items, or items of different pixel shapes.
    pub fn collate(items: &[&Prepared], device: &Device) -> Result<Self> {
        let first = items.first().ok_or_else(|| Error::data("an empty batch"))?;
        if let Some(other) = items.iter().find(|item| item.pixel_shape != first.pixel_shape) {
            return Err(Error::data(format!(
                "a batch mixes images of {:?} and {:?} pixels",
                first.pixel_shape, other.pixel_shape
            )));
        }
        let lengths: Vec<usize> = items.iter().map(|item| item.ids.len()).collect();
        let tokens = lengths.iter().copied().max().unwrap_or(0);
        let ids: Vec<i64> = items
            .iter()
            .flat_map(|item| item.ids.iter().map(|&id| i64::from(id)).chain(std::iter::repeat(0)).take(tokens))
            .collect();
        let [channels, height, width] = first.pixel_shape;
        let pixels: Vec<f32> = items.iter().flat_map(|item| item.pixels.iter().copied()).collect();
        Ok(Self {
            pixels: Tensor::from_data(TensorData::new(pixels, [items.len(), channels, height, width]), device),
            ids: Tensor::from_data(TensorData::new(ids, [items.len(), tokens]), device),
            image: items.iter().map(|item| item.map.image.clone()).collect(),
            lengths,
        })
    }

    /// These items of the batch, which may come several times.
    pub fn select(&self, rows: &[usize]) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index: Tensor<1, Int> = Tensor::from_data(TensorData::new(index, [rows.len()]), &self.ids.device());
        Self {
            pixels: self.pixels.clone().select(0, index.clone()),
            ids: self.ids.clone().select(0, index),
            lengths: rows.iter().map(|&row| self.lengths[row]).collect(),
            image: rows.iter().map(|&row| self.image[row].clone()).collect(),
        }
    }

    pub fn batch(&self) -> usize {
        self.lengths.len()
    }
}
