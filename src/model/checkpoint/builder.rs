//! Modules are built from their tensors, never initialised and filled later: what is missing cannot go unnoticed.

use std::sync::Arc;

use burn::module::{Param, ParamId};
use burn::nn::{Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, RmsNorm, RmsNormConfig};
use burn::tensor::{Device, Tensor, TensorData};

use super::files::Files;
use super::save::{Layout, ParamKeys};
use crate::error::Result;
use crate::model::layers::Gain;

/// What a tensor is for; a random source draws each kind differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A matrix, `[out, in, ..]`.
    Weight,
    /// A matrix whose output is added to the residual stream.
    Residual,
    /// Rows that are looked up, positions, class tokens.
    Embedding,
    /// The matrix from the last state to the vocabulary.
    Head,
    Bias,
    /// The gain of a norm.
    Scale,
}

/// Where tensors come from: a checkpoint, or a random generator.
pub trait Source {
    /// The values of a tensor in row-major order of `shape`, which is PyTorch's (`[out, in]` for a matrix).
    ///
    /// # Errors
    /// The tensor is missing, or its shape or type does not fit.
    fn values(&mut self, name: &str, shape: &[usize], role: Role) -> Result<Vec<f32>>;

    /// Takes a tensor without reading it.
    ///
    /// # Errors
    /// As [`values`](Self::values).
    fn claim(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        self.values(name, shape, Role::Weight).map(drop)
    }

    /// The files behind it, if blocks are to be read from them only when their turn comes.
    fn files(&self) -> Option<Arc<Files>> {
        None
    }
}

/// Takes tensors out of a source under a prefix and makes modules of them.
pub struct Builder<'s> {
    source: &'s mut dyn Source,
    keys: &'s mut ParamKeys,
    prefix: String,
    device: Device,
}

impl<'s> Builder<'s> {
    pub fn new(source: &'s mut dyn Source, keys: &'s mut ParamKeys, device: &Device) -> Self {
        Self { source, keys, prefix: String::new(), device: device.clone() }
    }

    /// The same source, one name further in.
    pub fn within(&mut self, name: impl std::fmt::Display) -> Builder<'_> {
        let prefix = format!("{}{name}.", self.prefix);
        Builder { source: self.source, keys: self.keys, prefix, device: self.device.clone() }
    }

    /// Takes a tensor without reading it.
    pub fn claim(&mut self, name: &str, shape: &[usize]) -> Result<()> {
        self.source.claim(&format!("{}{name}", self.prefix), shape)
    }

    /// What stands under this prefix, to be built later; `None` where everything is built at once.
    pub fn later(&self) -> Option<Later> {
        let files = self.source.files()?;
        Some(Later { files, prefix: self.prefix.clone(), device: self.device.clone() })
    }

    /// A tensor as it stands in the file.
    pub fn param<const D: usize>(&mut self, name: &str, shape: [usize; D], role: Role) -> Result<Param<Tensor<D>>> {
        let key = format!("{}{name}", self.prefix);
        let values = self.source.values(&key, &shape, role)?;
        let param = named(&key, Tensor::from_data(TensorData::new(values, shape), &self.device));
        self.keys.record(param.id, key, Layout::Plain(shape.to_vec()));
        Ok(param)
    }

    /// A tensor that stands in the file with another shape, of as many numbers in the same order.
    pub fn flattened<const F: usize, const D: usize>(
        &mut self,
        name: &str,
        in_file: [usize; F],
        shape: [usize; D],
    ) -> Result<Param<Tensor<D>>> {
        let key = format!("{}{name}", self.prefix);
        let values = self.source.values(&key, &in_file, Role::Embedding)?;
        let param = named(&key, Tensor::from_data(TensorData::new(values, shape), &self.device));
        self.keys.record(param.id, key, Layout::Plain(in_file.to_vec()));
        Ok(param)
    }

    /// A matrix `[out, ..]` of the file as `[in, out]`, the way Burn multiplies; trailing axes are flattened into `in`.
    fn matrix(&mut self, name: &str, shape: &[usize], role: Role) -> Result<Param<Tensor<2>>> {
        let key = format!("{}{name}", self.prefix);
        let values = self.source.values(&key, shape, role)?;
        let output = shape[0];
        let input = values.len() / output;
        let values = transposed(&values, output, input);
        let param = named(&key, Tensor::from_data(TensorData::new(values, [input, output]), &self.device));
        self.keys.record(param.id, key, Layout::Transposed(shape.to_vec()));
        Ok(param)
    }

    /// `O = I W`.
    pub fn linear(&mut self, name: &str, input: usize, output: usize, role: Role) -> Result<Linear> {
        Ok(Linear { weight: self.matrix(&format!("{name}.weight"), &[output, input], role)?, bias: None })
    }

    /// `O = I W + b`.
    pub fn linear_biased(&mut self, name: &str, input: usize, output: usize, role: Role) -> Result<Linear> {
        let weight = self.matrix(&format!("{name}.weight"), &[output, input], role)?;
        Ok(Linear { weight, bias: Some(self.param(&format!("{name}.bias"), [output], Role::Bias)?) })
    }

    /// A convolution without bias whose stride is its kernel, as the matrix it is: `[channels * patch * patch, width]`.
    pub fn patches(&mut self, name: &str, width: usize, [channels, patch]: [usize; 2]) -> Result<Linear> {
        let shape = [width, channels, patch, patch];
        Ok(Linear { weight: self.matrix(&format!("{name}.weight"), &shape, Role::Weight)?, bias: None })
    }

    /// The same with a bias.
    pub fn patches_biased(&mut self, name: &str, width: usize, sides: [usize; 2]) -> Result<Linear> {
        let bias = Some(self.param(&format!("{name}.bias"), [width], Role::Bias)?);
        Ok(Linear { bias, ..self.patches(name, width, sides)? })
    }

    /// A transposed convolution whose stride is its kernel, as the matrix it is: `[width, width * side * side]`. The bias of a
    /// channel goes to all of its places. It has no key of its own: such a module can be read, not saved.
    pub fn enlarging(&mut self, name: &str, width: usize, side: usize) -> Result<Linear> {
        let key = format!("{}{name}", self.prefix);
        let (weight, bias) = (format!("{key}.weight"), format!("{key}.bias"));
        let values = self.source.values(&weight, &[width, width, side, side], Role::Weight)?;
        let biases = self.source.values(&bias, &[width], Role::Bias)?;
        let places = width * side * side;
        let biases: Vec<f32> = biases.iter().flat_map(|value| std::iter::repeat_n(*value, side * side)).collect();
        let bias = named(&bias, Tensor::from_data(TensorData::new(biases, [places]), &self.device));
        let weight = named(&weight, Tensor::from_data(TensorData::new(values, [width, places]), &self.device));
        Ok(Linear { weight, bias: Some(bias) })
    }

    /// The same over `frames` images at once: `[channels * frames * patch * patch, width]`.
    pub fn patch_volumes(&mut self, name: &str, width: usize, [channels, frames, patch]: [usize; 3]) -> Result<Linear> {
        let shape = [width, channels, frames, patch, patch];
        Ok(Linear { weight: self.matrix(&format!("{name}.weight"), &shape, Role::Weight)?, bias: None })
    }

    /// Queries, keys and values that the file holds as one matrix of `[3 * width, input]` and one bias.
    pub fn fused_biased(&mut self, name: &str, input: usize, width: usize) -> Result<[Linear; 3]> {
        let (key, bias_key) = (format!("{}{name}.weight", self.prefix), format!("{}{name}.bias", self.prefix));
        let weights = self.source.values(&key, &[3 * width, input], Role::Weight)?;
        let biases = self.source.values(&bias_key, &[3 * width], Role::Bias)?;
        let mut part = |n: usize| {
            let rows = transposed(&weights[n * width * input..(n + 1) * width * input], width, input);
            let rows = Tensor::from_data(TensorData::new(rows, [input, width]), &self.device);
            let bias = biases[n * width..(n + 1) * width].to_vec();
            let bias =
                named(&format!("{bias_key}.{n}"), Tensor::from_data(TensorData::new(bias, [width]), &self.device));
            let weight = named(&format!("{key}.{n}"), rows);
            let part = |whole: Layout| Layout::Part { number: n, of: 3, whole: Box::new(whole) };
            self.keys.record(weight.id, key.clone(), part(Layout::Transposed(vec![3 * width, input])));
            self.keys.record(bias.id, bias_key.clone(), part(Layout::Plain(vec![3 * width])));
            Linear { weight, bias: Some(bias) }
        };
        Ok([part(0), part(1), part(2)])
    }

    pub fn embedding(&mut self, name: &str, rows: usize, width: usize) -> Result<Embedding> {
        // The configuration's initial values are lazy and never drawn: the parameter is replaced at once.
        let mut embedding = EmbeddingConfig::new(rows, width).init(&self.device);
        embedding.weight = self.param(&format!("{name}.weight"), [rows, width], Role::Embedding)?;
        Ok(embedding)
    }

    pub fn layer_norm(&mut self, name: &str, width: usize, epsilon: f64) -> Result<LayerNorm> {
        let mut norm = LayerNormConfig::new(width).with_epsilon(epsilon).init(&self.device);
        norm.gamma = self.param(&format!("{name}.weight"), [width], Role::Scale)?;
        norm.beta = Some(self.param(&format!("{name}.bias"), [width], Role::Bias)?);
        Ok(norm)
    }

    pub fn rms_norm(&mut self, name: &str, width: usize, epsilon: f64, gain: Gain) -> Result<RmsNorm> {
        let mut norm = RmsNormConfig::new(width).with_epsilon(epsilon).init(&self.device);
        let key = format!("{name}.weight");
        norm.gamma = match gain {
            Gain::Plain => self.param(&key, [width], Role::Scale)?,
            Gain::OnePlus => self.shifted(&key, width)?,
        };
        Ok(norm)
    }

    /// A gain that the file holds less one. It has no key of its own: such a module can be read, not saved.
    fn shifted(&mut self, name: &str, width: usize) -> Result<Param<Tensor<1>>> {
        let key = format!("{}{name}", self.prefix);
        // Drawn like a bias, around nothing, it is a gain around one.
        let values: Vec<f32> =
            self.source.values(&key, &[width], Role::Bias)?.iter().map(|value| 1.0 + value).collect();
        Ok(named(&key, Tensor::from_data(TensorData::new(values, [width]), &self.device)))
    }
}

/// A part of a checkpoint that is built when it is needed, as often as it is needed.
#[derive(Clone)]
pub struct Later {
    files: Arc<Files>,
    prefix: String,
    device: Device,
}

/// Names of tensors, each with its shape in the file.
pub type Parts = Vec<(String, Vec<usize>)>;

impl Later {
    /// Reads what `make` asks for under a name.
    ///
    /// # Errors
    /// A tensor that is missing, does not fit or cannot be read.
    pub fn build<T>(&self, name: &str, make: impl FnOnce(&mut Builder<'_>) -> Result<T>) -> Result<T> {
        Ok(self.build_and_list(name, make)?.0)
    }

    /// The same, and what it asked for.
    pub fn build_and_list<T>(
        &self,
        name: &str,
        make: impl FnOnce(&mut Builder<'_>) -> Result<T>,
    ) -> Result<(T, Parts)> {
        let prefix = format!("{}{name}.", self.prefix);
        let mut source = Listing { files: &self.files, taken: Vec::new() };
        let mut keys = ParamKeys::default();
        let made = make(&mut Builder {
            source: &mut source,
            keys: &mut keys,
            prefix: prefix.clone(),
            device: self.device.clone(),
        })?;
        let own = |name: String| name.strip_prefix(&prefix).map_or(name.clone(), str::to_owned);
        Ok((made, source.taken.into_iter().map(|(name, shape)| (own(name), shape)).collect()))
    }
}

/// Reads, and remembers what.
struct Listing<'f> {
    files: &'f Files,
    taken: Parts,
}

impl Source for Listing<'_> {
    fn values(&mut self, name: &str, shape: &[usize], _role: Role) -> Result<Vec<f32>> {
        self.taken.push((name.to_owned(), shape.to_vec()));
        self.files.values(name, shape)
    }
}

/// A parameter whose identity is its key, so that an optimiser's state written by one process fits the next.
fn named<const D: usize>(key: &str, value: Tensor<D>) -> Param<Tensor<D>> {
    let mut param = Param::from_tensor(value);
    let hash = blake3::hash(key.as_bytes());
    let mut start = [0; 8];
    start.copy_from_slice(&hash.as_bytes()[..8]);
    param.id = ParamId::from(u64::from_le_bytes(start));
    param
}

/// `[rows, columns]` to `[columns, rows]`.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    /// Side of the squares that are turned one by one: both of them fit the processor's first cache.
    const SIDE: usize = 32;
    let mut out = vec![0.0; values.len()];
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            for c in left..columns.min(left + SIDE) {
                for r in top..rows.min(top + SIDE) {
                    out[c * rows + r] = values[r * columns + c];
                }
            }
        }
    }
    out
}
