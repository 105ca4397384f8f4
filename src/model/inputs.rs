//! A batch on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::error::{Error, Result};
use crate::processor::Prepared;

/// Prepared items, padded on the right to the longest. A causal decoder never looks right, so padding changes nothing.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// `[batch, images, 3, height, width]`: frames of a video, tiles of an image, else one.
    pub pixels: Tensor<5>,
    /// The same from 0 to 1, before normalisation, for models with a second encoder that reads them so.
    pub plain: Option<Tensor<5>>,
    /// Seconds from one frame to the next, of each item.
    pub frame_seconds: Vec<f64>,
    /// `[batch, tokens]`.
    pub ids: Tensor<2, Int>,
    /// Tokens of each item.
    pub lengths: Vec<usize>,
    /// Positions of each item's image tokens, in the order of the visual tokens: the finest view row by row, then other views,
    /// then tokens that show nothing.
    pub image: Vec<Vec<usize>>,
    /// Of each visual token, which of the tokens that the projector makes of all the item's images it is; one beyond them: the
    /// model's own end of a row.
    pub sources: Vec<Vec<usize>>,
}

impl Inputs {
    /// Stacks items whose pixels have one shape.
    ///
    /// # Errors
    /// No items, or items of different pixel shapes or numbers of image tokens.
    pub fn collate(items: &[&Prepared], device: &Device) -> Result<Self> {
        let first = items.first().ok_or_else(|| Error::data("an empty batch"))?;
        if let Some(other) = items.iter().find(|item| item.pixel_shape != first.pixel_shape) {
            return Err(Error::data(format!(
                "a batch mixes images of {:?} and {:?} (images, channels, height, width)",
                first.pixel_shape, other.pixel_shape
            )));
        }
        let image: Vec<Vec<usize>> = items.iter().map(|item| item.map.visual()).collect();
        if let Some(other) = image.iter().find(|tokens| tokens.len() != image[0].len()) {
            return Err(Error::data(format!(
                "a batch mixes images of {} and of {} tokens",
                image[0].len(),
                other.len()
            )));
        }
        let lengths: Vec<usize> = items.iter().map(|item| item.ids.len()).collect();
        let tokens = lengths.iter().copied().max().unwrap_or(0);
        let ids: Vec<i64> = items
            .iter()
            .flat_map(|item| item.ids.iter().map(|&id| i64::from(id)).chain(std::iter::repeat(0)).take(tokens))
            .collect();
        let [frames, channels, height, width] = first.pixel_shape;
        let shape = [items.len(), frames, channels, height, width];
        let stacked = |pixels: Vec<f32>| Tensor::from_data(TensorData::new(pixels, shape), device);
        let plain: Option<Vec<&[f32]>> = items.iter().map(|item| item.plain.as_deref()).collect();
        Ok(Self {
            pixels: stacked(items.iter().flat_map(|item| item.pixels.iter().copied()).collect()),
            plain: plain.map(|plain| stacked(plain.concat())),
            frame_seconds: items.iter().map(|item| item.frame_seconds).collect(),
            ids: Tensor::from_data(TensorData::new(ids, [items.len(), tokens]), device),
            image,
            sources: items.iter().map(|item| item.map.sources()).collect(),
            lengths,
        })
    }

    /// These items of the batch, which may come several times.
    pub fn select(&self, rows: &[usize]) -> Self {
        let index: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let index: Tensor<1, Int> = Tensor::from_data(TensorData::new(index, [rows.len()]), &self.ids.device());
        Self {
            pixels: self.pixels.clone().select(0, index.clone()),
            plain: self.plain.clone().map(|plain| plain.select(0, index.clone())),
            frame_seconds: rows.iter().map(|&row| self.frame_seconds[row]).collect(),
            ids: self.ids.clone().select(0, index),
            lengths: rows.iter().map(|&row| self.lengths[row]).collect(),
            image: rows.iter().map(|&row| self.image[row].clone()).collect(),
            sources: rows.iter().map(|&row| self.sources[row].clone()).collect(),
        }
    }

    pub fn batch(&self) -> usize {
        self.lengths.len()
    }

    /// The pixels of still images, `[batch, 1, 3, height, width]`.
    ///
    /// # Errors
    /// Several frames an item.
    pub fn still(&self) -> Result<Tensor<5>> {
        match self.pixels.dims() {
            [_, 1, ..] => Ok(self.pixels.clone()),
            [_, frames, ..] => Err(Error::data(format!("this model reads single images, not {frames} frames"))),
        }
    }
}
