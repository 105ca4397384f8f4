//! VGGT's point head: where in space every pixel of every frame lies, seen from the first frame's camera. A dense prediction
//! transformer (Ranftl et al. 2021, arXiv 2103.13413) over the features after four pairs of blocks.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{Device, Tensor, TensorData, activation, module, ops::ConvOptions};

use super::aggregator::{SPECIAL, Vggt, Views};
use super::config::VggtConfig;
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Checkpoint, Role};
use crate::model::hook::Hooks;

/// Features are read after these of 24 pairs of blocks, counted from 1; of another depth, in proportion.
const TAPS: [usize; 4] = [5, 12, 18, 24];

/// Places are added to features with this weight.
const PLACES: f32 = 0.1;

/// Widths of a head, which only its weights say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointHeadConfig {
    /// Of the four maps before they are joined.
    pub maps: [usize; 4],
    /// Where they are joined.
    pub width: usize,
    /// Before the last convolution.
    pub last: usize,
}

impl PointHeadConfig {
    /// Of a file's head below `root`; None where the file has none.
    pub fn measured(weights: &Checkpoint, root: &str) -> Option<Self> {
        let first = |name: &str| weights.shape(&format!("{root}point_head.{name}.weight"))?.first().copied();
        let map = |n: usize| first(&format!("projects.{n}"));
        let maps = [map(0)?, map(1)?, map(2)?, map(3)?];
        Some(Self { maps, width: first("scratch.layer1_rn")?, last: first("scratch.output_conv2.0")? })
    }
}

/// A convolution that keeps the size, or halves it.
#[derive(Module, Debug)]
struct Conv {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bias {
    With,
    Without,
}

impl Conv {
    fn build(weights: &mut Builder<'_>, name: &str, [input, output, side]: [usize; 3], bias: Bias) -> Result<Self> {
        let weight = weights.param(&format!("{name}.weight"), [output, input, side, side], Role::Weight)?;
        let bias = match bias {
            Bias::With => Some(weights.param(&format!("{name}.bias"), [output], Role::Bias)?),
            Bias::Without => None,
        };
        Ok(Self { weight, bias })
    }

    /// `[frames, channels, rows, columns]`.
    fn forward(&self, x: Tensor<4>, stride: usize) -> Tensor<4> {
        let [_, _, side, _] = self.weight.val().dims();
        let options = ConvOptions::new([stride; 2], [side / 2; 2], [1; 2], 1);
        module::conv2d(x, self.weight.val(), self.bias.as_ref().map(Param::val), options)
    }
}

/// `relu(x) + conv(relu(conv(relu(x))))`. The published code rectifies its input in place, so that what is skipped is
/// rectified too.
#[derive(Module, Debug)]
struct Residual {
    conv1: Conv,
    conv2: Conv,
}

impl Residual {
    fn build(weights: &mut Builder<'_>, width: usize) -> Result<Self> {
        let mut conv = |name| Conv::build(weights, name, [width, width, 3], Bias::With);
        Ok(Self { conv1: conv("conv1")?, conv2: conv("conv2")? })
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = activation::relu(x);
        let inner = self.conv2.forward(activation::relu(self.conv1.forward(x.clone(), 1)), 1);
        inner + x
    }
}

/// Joins a map to what came before.
#[derive(Module, Debug)]
struct Fusion {
    /// Not of the first, which has nothing to join.
    joined: Option<Residual>,
    after: Residual,
    out: Conv,
}

impl Fusion {
    /// One that joins nothing.
    fn build(weights: &mut Builder<'_>, width: usize) -> Result<Self> {
        let after = Residual::build(&mut weights.within("resConfUnit2"), width)?;
        Ok(Self { joined: None, after, out: Conv::build(weights, "out_conv", [width, width, 1], Bias::With)? })
    }

    fn joining(weights: &mut Builder<'_>, width: usize) -> Result<Self> {
        let joined = Some(Residual::build(&mut weights.within("resConfUnit1"), width)?);
        Ok(Self { joined, ..Self::build(weights, width)? })
    }

    fn forward(&self, before: Tensor<4>, map: Option<Tensor<4>>, size: [usize; 2]) -> Tensor<4> {
        let joined = match (&self.joined, map) {
            (Some(residual), Some(map)) => before + residual.forward(map),
            _ => before,
        };
        self.out.forward(stretched(self.after.forward(joined), size), 1)
    }
}

/// Features to points.
#[derive(Module, Debug)]
pub struct PointHead {
    norm: LayerNorm,
    projects: Vec<Linear>,
    /// Four times and twice as large, each place by itself: `[channels, channels * side * side]`, and a bias.
    enlarge: Vec<Linear>,
    halve: Conv,
    maps: Vec<Conv>,
    fusions: Vec<Fusion>,
    out1: Conv,
    out2: Conv,
    out3: Conv,
    #[module(skip)]
    config: PointHeadConfig,
}

/// A point and a confidence for each pixel.
#[derive(Clone, Debug)]
pub struct Points {
    /// `[batch, frames, rows, columns, 3]`: x, y, z from the first frame's camera.
    pub points: Tensor<5>,
    /// `[batch, frames, rows, columns]`, above 1.
    pub confidence: Tensor<4>,
}

impl PointHead {
    /// `weights` stands where `point_head` is.
    pub fn build(weights: &mut Builder<'_>, vggt: &VggtConfig, config: &PointHeadConfig) -> Result<Self> {
        let PointHeadConfig { maps: channels, width, last } = *config;
        let mut weights = weights.within("point_head");
        let norm = weights.layer_norm("norm", 2 * vggt.width, 1e-5)?;
        let projects =
            (0..4).map(|n| weights.patches_biased(&format!("projects.{n}"), channels[n], [2 * vggt.width, 1]));
        let projects = projects.collect::<Result<_>>()?;
        let enlarge =
            [(0, 4), (1, 2)].map(|(n, side)| weights.enlarging(&format!("resize_layers.{n}"), channels[n], side));
        let enlarge = enlarge.into_iter().collect::<Result<_>>()?;
        let halve = Conv::build(&mut weights, "resize_layers.3", [channels[3], channels[3], 3], Bias::With)?;
        let mut scratch = weights.within("scratch");
        let maps = (0..4)
            .map(|n| Conv::build(&mut scratch, &format!("layer{}_rn", n + 1), [channels[n], width, 3], Bias::Without));
        let maps = maps.collect::<Result<_>>()?;
        let fusions = (1..=4).map(|n| {
            let mut part = scratch.within(format!("refinenet{n}"));
            if n < 4 { Fusion::joining(&mut part, width) } else { Fusion::build(&mut part, width) }
        });
        let fusions = fusions.collect::<Result<_>>()?;
        let mut conv = |name, sizes| Conv::build(&mut scratch, name, sizes, Bias::With);
        let out1 = conv("output_conv1", [width, width / 2, 3])?;
        let out2 = conv("output_conv2.0", [width / 2, last, 3])?;
        let out3 = conv("output_conv2.2", [last, 4, 1])?;
        Ok(Self { norm, projects, enlarge, halve, maps, fusions, out1, out2, out3, config: config.clone() })
    }

    pub fn config(&self) -> &PointHeadConfig {
        &self.config
    }

    /// The points of frames `[batch, frames, 3, height, width]` from 0 to 1.
    ///
    /// # Errors
    /// As [`Vggt::forward`].
    pub fn points(&self, vggt: &Vggt, frames: Tensor<5>) -> Result<Points> {
        let views = vggt.views(&frames)?;
        let depth = vggt.config().depth;
        let mut depths = TAPS.map(|tap| (tap * depth).div_ceil(24) - 1);
        depths.sort_unstable();
        let mut kept = depths.to_vec();
        kept.dedup();
        let states = vggt.forward(frames, &kept, &mut Hooks::none())?;
        let tap = |depth: &usize| {
            let at = kept.iter().position(|known| known == depth).unwrap_or_default();
            states.get(at).cloned().ok_or_else(|| Error::data("the spatial encoder ended early"))
        };
        let taps = depths.iter().map(tap).collect::<Result<Vec<_>>>()?;
        let [batch, ..] = taps[0].dims();
        let size = [views.rows, views.cols].map(|side| side * vggt.config().patch);
        // Frame by frame: at full size, one takes as much memory as the aggregator's features of many.
        let one = |frame: usize| {
            let taps = taps.iter().map(|tap| tap.clone().narrow(1, frame, 1).narrow(2, SPECIAL, views.patches()));
            self.forward(taps.map(|tap| tap.squeeze_dim(1)).collect(), views, size)
        };
        let (points, confidence): (Vec<_>, Vec<_>) = (0..views.frames).map(one).unzip();
        let [rows, cols] = size;
        Ok(Points {
            points: Tensor::cat(points, 1).reshape([batch, views.frames, rows, cols, 3]),
            confidence: Tensor::cat(confidence, 1).reshape([batch, views.frames, rows, cols]),
        })
    }

    /// Of one frame of each item: patches `[batch, patches, 2 * width]` at four depths to points `[batch, 1, rows, columns,
    /// 3]` and confidence `[batch, 1, rows, columns]`.
    fn forward(&self, taps: Vec<Tensor<3>>, views: Views, size: [usize; 2]) -> (Tensor<5>, Tensor<4>) {
        let aspect = size[1] as f64 / size[0] as f64;
        let map = |(n, tap): (usize, Tensor<3>)| {
            let x = self.projects[n].forward(self.norm.forward(tap));
            let [batch, _, channels] = x.dims();
            let x = x.swap_dims(1, 2).reshape([batch, channels, views.rows, views.cols]);
            let x = placed(x, aspect);
            let x = match n {
                0 => enlarged(x, &self.enlarge[0]),
                1 => enlarged(x, &self.enlarge[1]),
                2 => x,
                _ => self.halve.forward(x, 2),
            };
            self.maps[n].forward(x, 1)
        };
        let maps: Vec<Tensor<4>> = taps.into_iter().enumerate().map(map).collect();
        let size_of = |n: usize| {
            let [_, _, rows, cols] = maps[n].dims();
            [rows, cols]
        };
        let mut x = self.fusions[3].forward(maps[3].clone(), None, size_of(2));
        x = self.fusions[2].forward(x, Some(maps[2].clone()), size_of(1));
        x = self.fusions[1].forward(x, Some(maps[1].clone()), size_of(0));
        x = self.fusions[0].forward(x, Some(maps[0].clone()), size_of(0).map(|side| 2 * side));
        let x = placed(stretched(self.out1.forward(x, 1), size), aspect);
        let out = self.out3.forward(activation::relu(self.out2.forward(x, 1)), 1);
        let [batch, _, rows, cols] = out.dims();
        let out = out.permute([0, 2, 3, 1]);
        let (points, confidence) = (out.clone().narrow(3, 0, 3), out.narrow(3, 3, 1));
        // Far points are many units away, so that the head says the logarithm of the distance.
        let points = points.clone().sign() * (points.abs().exp() - 1.0);
        let confidence = confidence.exp() + 1.0;
        (points.reshape([batch, 1, rows, cols, 3]), confidence.reshape([batch, 1, rows, cols]))
    }
}

/// Every place of `[frames, channels, rows, columns]` becomes `side` x `side` places of its own.
fn enlarged(x: Tensor<4>, linear: &Linear) -> Tensor<4> {
    let [batch, channels, rows, cols] = x.dims();
    let by_place = x.permute([0, 2, 3, 1]).reshape([batch, rows * cols, channels]);
    let made = linear.forward(by_place);
    let [_, _, wide] = made.dims();
    let side = ((wide / channels) as f64).sqrt().round() as usize;
    let cut = made.reshape([batch, rows, cols, channels, side, side]).permute([0, 3, 1, 4, 2, 5]);
    cut.reshape([batch, channels, rows * side, cols * side])
}

/// Bilinear, the corners aligned.
fn stretched(x: Tensor<4>, [rows, cols]: [usize; 2]) -> Tensor<4> {
    let [_, _, from_rows, from_cols] = x.dims();
    let device = x.device();
    let x = if from_cols == cols { x } else { x.matmul(line(from_cols, cols, &device).transpose().unsqueeze()) };
    if from_rows == rows { x } else { line(from_rows, rows, &device).unsqueeze::<4>().matmul(x) }
}

/// Linear interpolation of a line, `[to, from]`.
fn line(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let mut matrix = vec![0.0f32; to * from];
    for (out, row) in matrix.chunks_exact_mut(from).enumerate() {
        let at = if to > 1 { out as f64 * (from - 1) as f64 / (to - 1) as f64 } else { 0.0 };
        let first = (at as usize).min(from - 1);
        let share = (at - first as f64) as f32;
        row[first] += 1.0 - share;
        if let Some(next) = row.get_mut(first + 1) {
            *next += share;
        }
    }
    Tensor::from_data(TensorData::new(matrix, [to, from]), device)
}

/// Adds to every place of `[frames, channels, rows, columns]` where it is in the frame, whose sides are to each other as
/// `aspect` to 1: sines and cosines of the column, then of the row, the frame's half diagonal being 1.
fn placed(x: Tensor<4>, aspect: f64) -> Tensor<4> {
    let [_, channels, rows, cols] = x.dims();
    let half = (1.0 + aspect * aspect).sqrt();
    let along = |span: f64, count: usize| {
        let end = span * (count - 1) as f64 / count as f64;
        let step = if count > 1 { 2.0 * end / (count - 1) as f64 } else { 0.0 };
        (0..count).map(move |at| -end + step * at as f64).collect::<Vec<f64>>()
    };
    let (across, down) = (along(aspect / half, cols), along(1.0 / half, rows));
    let frequencies = channels / 4;
    let value = |channel: usize, row: usize, col: usize| {
        let (place, within) = match channel < channels / 2 {
            true => (across[col], channel),
            false => (down[row], channel - channels / 2),
        };
        let turn = place / 100f64.powf((within % frequencies) as f64 / frequencies as f64);
        if within < frequencies { turn.sin() } else { turn.cos() }
    };
    let mut values = Vec::with_capacity(channels * rows * cols);
    for channel in 0..channels {
        for row in 0..rows {
            values.extend((0..cols).map(|col| PLACES * value(channel, row, col) as f32));
        }
    }
    let places: Tensor<3> = Tensor::from_data(TensorData::new(values, [channels, rows, cols]), &x.device());
    x + places.unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_keeps_corners_and_goes_straight_between_them() {
        let device = Device::flex();
        let x = Tensor::<1>::from_data([0.0f32, 1.0, 3.0], &device).reshape([1, 1, 1, 3]);
        let wide: Vec<f32> = stretched(x, [1, 5]).into_data().iter::<f32>().collect();
        assert_eq!(wide, [0.0, 0.5, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn places_lie_around_the_middle() {
        let x = Tensor::<4>::zeros([1, 4, 2, 2], &Device::flex());
        let places: Vec<f32> = placed(x, 1.0).into_data().iter::<f32>().collect();
        // Columns at -1/4 and 1/4 of the diagonal: sine, cosine; then rows.
        let at = 0.5f64.sqrt() / 2.0;
        let (sin, cos) = ((0.1 * at.sin()) as f32, (0.1 * at.cos()) as f32);
        let expected = [-sin, sin, -sin, sin, cos, cos, cos, cos, -sin, -sin, sin, sin, cos, cos, cos, cos];
        assert!(places.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{places:?}");
    }
}
