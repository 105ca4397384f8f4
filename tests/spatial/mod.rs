//! VGGT and Spatial-MLLM: equal to their references, and what only they have: a second encoder, its addend, frames that see
//! each other.

mod parity;
mod release;
mod sites;
mod study;

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::Dtype;
use vlmscope::error::Result;
use vlmscope::model::families;
use vlmscope::model::{Effect, Hook, Inputs, Site, VisionLanguage};
use vlmscope::parity::Reference;

use crate::support::{Stored, fixture};

const MLLM: &str = "spatial-mllm";
const VGGT: &str = "vggt";
fn floats((_, _, bytes): &Stored) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn of_floats(shape: &[usize], values: &[f32]) -> Stored {
    (Dtype::F32, shape.to_vec(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn video() -> Tensor<5> {
    let reference = Reference::open(&fixture(VGGT).join("ref.safetensors")).unwrap();
    let data = TensorData::new(reference.floats("in.video").unwrap(), [1, 4, 3, 56, 84]);
    Tensor::from_data(data, &Device::flex())
}

fn model() -> Box<dyn VisionLanguage> {
    families::open(&fixture(MLLM), &Device::flex()).unwrap()
}

/// The reference's own prompt about the first `frames` of its video (of six tokens a pair).
fn inputs(frames: usize) -> Inputs {
    let reference = Reference::open(&fixture(MLLM).join("ref_sec1.0.safetensors")).unwrap();
    let device = Device::flex();
    let plain = TensorData::new(reference.floats("in.video_tchw").unwrap(), [1, 4, 3, 56, 84]);
    let plain = Tensor::<5>::from_data(plain, &device).narrow(1, 0, frames);
    let channel = |values: [f32; 3]| Tensor::<1>::from_data(values, &device).reshape([1, 1, 3, 1, 1]);
    let mean = channel([0.481_454_66, 0.457_827_5, 0.408_210_73]);
    let std = channel([0.268_629_55, 0.261_302_6, 0.275_777_1]);
    let tokens = frames.div_ceil(2) * 6;
    let ids: Vec<i64> = [5, 6, 7, 387].into_iter().chain(vec![391; tokens]).chain([388, 8, 9]).collect();
    let length = ids.len();
    Inputs {
        pixels: (plain.clone() - mean) / std,
        plain: Some(plain),
        frame_seconds: vec![0.5],
        ids: Tensor::from_data(TensorData::new(ids, [1, length]), &device),
        lengths: vec![length],
        image: vec![(4..4 + tokens).collect()],
        sources: vec![(0..tokens).collect()],
    }
}

/// Keeps, and where told to, replaces what it sees.
struct Watch {
    sites: Vec<Site>,
    seen: HashMap<Site, Tensor<3>>,
    change: Option<fn(Tensor<3>) -> Tensor<3>>,
}

impl Watch {
    fn over(sites: &[Site]) -> Self {
        Self { sites: sites.to_vec(), seen: HashMap::new(), change: None }
    }

    fn changing(site: Site, change: fn(Tensor<3>) -> Tensor<3>) -> Self {
        Self { change: Some(change), ..Self::over(&[site]) }
    }
}

impl Hook for Watch {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn effect(&self) -> Effect {
        if self.change.is_some() { Effect::Rewrites } else { Effect::Reads }
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        self.seen.insert(site, tokens.clone());
        Ok(self.change.map_or(tokens.clone(), |change| change(tokens)))
    }
}
