//! From patches of frames to what is added to image tokens: two frames by two by two patches joined, a norm, an MLP.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Role};
use crate::model::hook::Hooks;
use crate::model::layers::{Activation, Gain};
use crate::model::site::Site;

use super::aggregator::Views;

/// Frames, rows and columns that one image token joins.
const JOINED: [usize; 3] = [2, 2, 2];

/// How the numbers of the joined patches follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeOrder {
    /// Frame, row, column, channel.
    FrameFirst,
    /// Row, column, channel, frame: the channels of both frames alternate.
    FrameLast,
}

/// Which release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorVersion {
    /// v1.0: two stages of norm and MLP; a single frame is encoded alone and its features count twice.
    One,
    /// v1.1: one stage; a single frame is shown twice.
    OneOne,
}

impl ConnectorVersion {
    pub fn order(self) -> MergeOrder {
        match self {
            Self::One => MergeOrder::FrameFirst,
            Self::OneOne => MergeOrder::FrameLast,
        }
    }
}

/// Widths of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpatialConnectorConfig {
    pub version: ConnectorVersion,
    /// Of the spatial encoder's features.
    pub features: usize,
    /// Between the two stages of v1.0.
    pub middle: usize,
    /// Of the language model.
    pub output: usize,
}

impl SpatialConnectorConfig {
    /// Numbers of the joined patches.
    pub fn joined(&self) -> usize {
        self.features * JOINED.iter().product::<usize>()
    }
}

/// `linear2(gelu(linear1(norm(x))))`.
#[derive(Module, Debug)]
struct Stage {
    norm: RmsNorm,
    linear1: Linear,
    linear2: Linear,
}

impl Stage {
    fn build(weights: &mut Builder<'_>, [norm, mlp]: [&str; 2], input: usize, output: usize) -> Result<Self> {
        Ok(Self {
            norm: weights.rms_norm(norm, input, 1e-6, Gain::Plain)?,
            linear1: weights.linear_biased(&format!("{mlp}.0"), input, input, Role::Weight)?,
            linear2: weights.linear_biased(&format!("{mlp}.2"), input, output, Role::Weight)?,
        })
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.linear2.forward(Activation::Gelu.forward(self.linear1.forward(self.norm.forward(x))))
    }
}

/// The connector of Spatial-MLLM.
#[derive(Module, Debug)]
pub struct SpatialConnector {
    stages: Vec<Stage>,
    #[module(skip)]
    config: SpatialConnectorConfig,
}

impl SpatialConnector {
    /// `weights` stands at the connector's root: `ln_q` and `mlp`; in v1.0 also `language_ln_q` and `language_mlp`.
    pub fn build(weights: &mut Builder<'_>, config: SpatialConnectorConfig) -> Result<Self> {
        let SpatialConnectorConfig { version, middle, output, .. } = config;
        let joined = config.joined();
        let stages = match version {
            ConnectorVersion::One => vec![
                Stage::build(weights, ["ln_q", "mlp"], joined, middle)?,
                Stage::build(weights, ["language_ln_q", "language_mlp"], middle, output)?,
            ],
            ConnectorVersion::OneOne => vec![Stage::build(weights, ["ln_q", "mlp"], joined, output)?],
        };
        Ok(Self { stages, config })
    }

    pub fn config(&self) -> &SpatialConnectorConfig {
        &self.config
    }

    /// Features of patches `[batch, frames * patches, features]` to what is added to the image tokens, `[batch, frames / 2 *
    /// rows / 2 * cols / 2, output]`.
    ///
    /// # Errors
    /// Frames, rows or columns that cannot be joined by two.
    pub fn forward(&self, features: Tensor<3>, views: Views, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let joined = hooks.tokens(Site::ConnectorIn, join(features, views, self.config.version.order())?)?;
        Ok(self.of_joined(joined))
    }

    /// Joined patches `[batch, image tokens, 8 * features]` to what is added to the image tokens.
    pub fn of_joined(&self, joined: Tensor<3>) -> Tensor<3> {
        self.stages.iter().fold(joined, |x, stage| stage.forward(x))
    }
}

/// Patches `[batch, frames * patches, features]` joined to image tokens, `[batch, tokens, 8 * features]`: pair of frames after
/// pair of frames, row by row.
pub fn join(features: Tensor<3>, views: Views, order: MergeOrder) -> Result<Tensor<3>> {
    let Views { frames, rows, cols } = views;
    let [times, tall, wide] = JOINED;
    if !frames.is_multiple_of(times) || !rows.is_multiple_of(tall) || !cols.is_multiple_of(wide) {
        return Err(Error::data(format!(
            "{frames} frames of {rows} x {cols} patches cannot be joined {times} x {tall} x {wide} into image tokens"
        ))
        .with_help("the image encoder joins as many: an even number of frames, sides of an even number of patches"));
    }
    let [batch, tokens, width] = features.dims();
    if tokens != frames * rows * cols {
        return Err(Error::data(format!(
            "the spatial features hold {tokens} patches, {frames} frames of {rows} x {cols} have {}",
            frames * rows * cols
        )));
    }
    let (groups, down, right) = (frames / times, rows / tall, cols / wide);
    let cut = features.reshape([batch * groups, times, down, tall, right, wide, width]);
    let cut = match order {
        MergeOrder::FrameFirst => cut.permute([0, 2, 4, 1, 3, 5, 6]),
        MergeOrder::FrameLast => cut.permute([0, 2, 4, 3, 5, 6, 1]),
    };
    Ok(cut.reshape([batch, groups * down * right, times * tall * wide * width]))
}
