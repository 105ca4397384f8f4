//! One attention row of one image and question: what the command line's `overlay` shows.

use burn::tensor::Tensor;
use image::RgbImage;

use crate::error::{Error, Result};
use crate::model::{Hook, Hooks, Inputs, Site, VisionLanguage};
use crate::processor::{ImageGeometry, Processor};

/// Where the last position of a prompt looks, at one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub geometry: ImageGeometry,
    /// Attention mass of each patch, row by row.
    pub row: Vec<f32>,
    /// Its sum: the share of the image.
    pub image: f32,
    /// Share of the first position, which often is a sink.
    pub first: f32,
    /// The most probable next token, and its probability over the whole vocabulary.
    pub next: String,
    pub probability: f32,
}

/// Runs the model once and keeps the last query's attention at `layer`, of one head or averaged over all.
///
/// # Errors
/// A layer or head that the model does not have, or anything about the inputs.
pub fn look(
    model: &dyn VisionLanguage,
    processor: &Processor,
    image: &RgbImage,
    question: &str,
    layer: usize,
    head: Option<usize>,
) -> Result<Look> {
    if layer >= model.depth() {
        let last = model.depth() - 1;
        return Err(Error::usage(format!("layer {layer} does not exist: this model has layers 0 to {last}")));
    }
    let prepared = processor.prepare(image, question, &[])?;
    let inputs = Inputs::collate(&[&prepared], &model.device())?;
    let mut keep = LastRow { site: [Site::LmAttn(layer)], row: None };
    let logits = model.run(&inputs, &mut Hooks::one(&mut keep))?;
    let rows = keep.row.ok_or_else(|| Error::data(format!("layer {layer} gave no attention")))?;
    let [_, heads, _, keys] = rows.dims();
    let chosen = match head {
        Some(head) if head >= heads => {
            return Err(Error::usage(format!(
                "head {head} does not exist: layer {layer} has heads 0 to {}",
                heads - 1
            )));
        }
        Some(head) => rows.narrow(1, head, 1),
        None => rows.mean_dim(1),
    };
    let weights: Vec<f32> = chosen.reshape([keys]).into_data().iter::<f32>().collect();
    let row: Vec<f32> = prepared.map.image.iter().map(|&position| weights[position]).collect();
    let probabilities: Vec<f32> = burn::tensor::activation::softmax(logits, 1).into_data().iter::<f32>().collect();
    let best = (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(0);
    Ok(Look {
        geometry: prepared.map.geometry,
        image: row.iter().sum(),
        first: weights.first().copied().unwrap_or(0.0),
        next: processor.decode(&[best as u32])?.trim().to_owned(),
        probability: probabilities[best],
        row,
    })
}

struct LastRow {
    site: [Site; 1],
    row: Option<Tensor<4>>,
}

impl Hook for LastRow {
    fn sites(&self) -> &[Site] {
        &self.site
    }

    fn attention(&mut self, _site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        self.row = Some(rows.clone());
        Ok(rows)
    }
}
