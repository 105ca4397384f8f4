//! The arm of vlmscope: the tasks as its commands do them, with nothing but the public library.

mod alphas;
mod capture;
mod probes;
mod sweep;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;
use vlmscope::model::{Hooks, Inputs, VisionLanguage, families};

use crate::Fallible;
use crate::inputs::{About, read_f32, read_i64};
use crate::task::{Outputs, Task};

/// A loaded arm: does items, and shows what came out of the first.
pub trait Arm {
    /// Does so many items, the first of them being number `first`; says how many bytes it left on disk.
    fn run(&mut self, first: usize, count: usize) -> Fallible<u64>;

    fn outputs(&mut self) -> Fallible<Outputs>;
}

pub fn open(task: Task, folder: &Path, scratch: &Path) -> Fallible<Box<dyn Arm>> {
    Ok(match task {
        Task::T6 => Box::new(probes::Probes::open(folder)?),
        Task::T0 => Box::new(Forward(Opened::of(folder)?)),
        Task::T2 => Box::new(capture::Capture::open(Opened::of(folder)?, scratch)?),
        Task::T3 => Box::new(sweep::Sweep(Opened::of(folder)?)),
        Task::T5 => Box::new(alphas::Alphas(Opened::of(folder)?)),
    })
}

/// A model and its items.
pub struct Opened {
    pub model: Box<dyn VisionLanguage>,
    pub about: About,
    clean: Prompts,
    partner: Prompts,
}

/// Which of an item's two prompts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Clean,
    Partner,
}

/// One side of all items.
struct Prompts {
    /// `[items, tokens]`.
    ids: (Vec<usize>, Vec<i64>),
    /// `[items, 3, height, width]`.
    pixels: (Vec<usize>, Vec<f32>),
}

impl Opened {
    fn of(folder: &Path) -> Fallible<Self> {
        let model = families::open(folder, &Device::flex())?;
        let about: About = serde_json::from_str(&std::fs::read_to_string(folder.join("about.json"))?)?;
        let bytes = std::fs::read(folder.join("inputs.safetensors"))?;
        let file = SafeTensors::deserialize(&bytes)?;
        let prompts = |ids: &str, pixels: &str| -> Fallible<Prompts> {
            Ok(Prompts { ids: read_i64(&file, ids)?, pixels: read_f32(&file, pixels)? })
        };
        let (clean, partner) = (prompts("ids", "pixels")?, prompts("partner_ids", "partner_pixels")?);
        Ok(Self { model, about, clean, partner })
    }

    /// These items as one batch; item numbers start over behind the last.
    pub fn inputs(&self, items: &[usize], side: Side) -> Inputs {
        let Prompts { ids: (of_ids, ids), pixels: (of_pixels, pixels) } = match side {
            Side::Clean => &self.clean,
            Side::Partner => &self.partner,
        };
        let (tokens, size) = (of_ids[1], of_pixels[1..].iter().product::<usize>());
        let (device, count) = (self.model.device(), items.len());
        let chosen = || items.iter().map(|item| item % of_ids[0]);
        let ids: Vec<i64> = chosen().flat_map(|item| &ids[item * tokens..][..tokens]).copied().collect();
        let pixels: Vec<f32> = chosen().flat_map(|item| &pixels[item * size..][..size]).copied().collect();
        let shape = [count, 1, of_pixels[1], of_pixels[2], of_pixels[3]];
        Inputs {
            pixels: Tensor::from_data(TensorData::new(pixels, shape), &device),
            plain: None,
            frame_seconds: vec![0.0; count],
            ids: Tensor::from_data(TensorData::new(ids, [count, tokens]), &device),
            lengths: vec![tokens; count],
            image: vec![self.about.image.clone(); count],
            sources: vec![(0..self.about.image.len()).collect(); count],
        }
    }

    /// Logit of the first answer minus that of the second, of each row of `[rows, vocabulary]`.
    pub fn differences(&self, logits: Tensor<2>) -> Fallible<Vec<f32>> {
        let [a, b] = self.about.options;
        let difference = logits.clone().narrow(1, a, 1) - logits.narrow(1, b, 1);
        numbers(difference)
    }
}

/// A tensor on the host.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Fallible<Vec<f32>> {
    tensor.into_data().try_into_vec().map_err(|error| format!("no numbers: {error:?}").into())
}

struct Forward(Opened);

impl Forward {
    fn logits(&self, item: usize) -> Fallible<Vec<f32>> {
        numbers(self.0.model.run(&self.0.inputs(&[item], Side::Clean), &mut Hooks::none())?)
    }
}

impl Arm for Forward {
    fn run(&mut self, first: usize, count: usize) -> Fallible<u64> {
        (first..first + count).try_for_each(|item| self.logits(item).map(drop))?;
        Ok(0)
    }

    fn outputs(&mut self) -> Fallible<Outputs> {
        let logits = self.logits(0)?;
        Ok(Outputs::from([("logits".into(), (vec![logits.len()], logits))]))
    }
}
