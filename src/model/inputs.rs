//! A batch on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::processor::Prepared;

/// Prepared items, padded on the right to the longest. A causal decoder never looks right, so padding changes nothing.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// `[batch, frames, 3, height, width]`; a still image is one frame.
    pub pixels: Tensor<5>,
    /// Seconds from one frame to the next, of each item.
    pub frame_seconds: Vec<f64>,
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
                "a batch mixes images of {:?} and {:?} (frames, channels, height, width)",
                first.pixel_shape, other.pixel_shape
            )));
        }
        let lengths: Vec<usize> = items.iter().map(|item| item.ids.len()).collect();
        let tokens = lengths.iter().copied().max().unwrap_or(0);
        let ids: Vec<i64> = items
            .iter()
            .flat_map(|item| item.ids.iter().map(|&id| i64::from(id)).chain(std::iter::repeat(0)).take(tokens))
            .collect();
        let [frames, channels, height, width] = first.pixel_shape;
        let pixels: Vec<f32> = items.iter().flat_map(|item| item.pixels.iter().copied()).collect();
        Ok(Self {
            pixels: Tensor::from_data(TensorData::new(pixels, [items.len(), frames, channels, height, width]), device),
            frame_seconds: items.iter().map(|item| item.frame_seconds).collect(),
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
            frame_seconds: rows.iter().map(|&row| self.frame_seconds[row]).collect(),
            ids: self.ids.clone().select(0, index),
            lengths: rows.iter().map(|&row| self.lengths[row]).collect(),
            image: rows.iter().map(|&row| self.image[row].clone()).collect(),
        }
    }

    pub fn batch(&self) -> usize {
        self.lengths.len()
    }

    /// The pixels of still images, `[batch, 3, height, width]`.
    ///
    /// # Errors
    /// Several frames an item.
    pub fn stills(&self) -> Result<Tensor<4>> {
        match self.pixels.dims() {
            [_, 1, ..] => Ok(self.pixels.clone().squeeze_dim(1)),
            [_, frames, ..] => Err(Error::data(format!("this model reads single images, not {frames} frames"))),
        }
    }
}
