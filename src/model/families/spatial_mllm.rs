//! Spatial-MLLM (Wu et al. 2025, arXiv 2505.23747): a Qwen2.5-VL whose image tokens each have something added to them that a
//! VGGT saw in all frames together. Both releases: v1.0, which calls itself `qwen2_5_vl`, and v1.1, `spatial-mllm`.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde_json::Value;

use super::is_buffer;
use super::qwen_vl::{QwenVl, QwenVlConfig};
use crate::error::{Error, Result};
use crate::model::checkpoint::{Builder, Checkpoint, KeyLayout, ParamKeys, Random, Source, Weights, field, read_json};
use crate::model::language::{Llama, Position, Stream};
use crate::model::spatial::{
    ConnectorVersion, PointHead, PointHeadConfig, SpatialConnector, SpatialConnectorConfig, Vggt, VggtConfig,
};
use crate::model::vision::Patching;
use crate::model::{Hooks, Inputs, Site, SiteSpec, VisionLanguage};

/// A tensor that only v1.0 has, by its name in the file.
pub(super) const MARK_OF_ONE: &str = "vggt.aggregator.camera_token";

/// Where the spatial encoder stands, by the canonical names, which are those of v1.1.
const ENCODER: &str = "spatial_encoder.vggt_model.";

const LAYOUTS: [KeyLayout; 2] = [
    KeyLayout { name: "v1.1", mark: "spatial_encoder.vggt_model.aggregator.camera_token", prefixes: &[] },
    KeyLayout {
        name: "v1.0",
        mark: MARK_OF_ONE,
        prefixes: &[
            (ENCODER, "vggt."),
            ("connector.ln_q.", "vggt_embedding_merger.token_merge_ln_q."),
            ("connector.mlp.", "vggt_embedding_merger.token_merge_mlp."),
            ("connector.language_ln_q.", "vggt_embedding_merger.vgg_to_language_ln_q."),
            ("connector.language_mlp.", "vggt_embedding_merger.vgg_to_language_mlp."),
        ],
    },
];

/// A VGGT by itself.
const VGGT_LAYOUTS: [KeyLayout; 1] = [KeyLayout { name: "VGGT", mark: "aggregator.camera_token", prefixes: &[] }];

/// VGGT's heads, which files hold or leave out; image tokens never depend on them.
const HEADS: [&str; 4] = ["camera_head.", "point_head.", "depth_head.", "track_head."];

/// Buffers, and the heads of the spatial encoder.
fn is_spare(key: &str) -> bool {
    let inside = [ENCODER, "vggt."].iter().find_map(|root| key.strip_prefix(root)).unwrap_or(key);
    is_buffer(key) || HEADS.iter().any(|head| inside.starts_with(head))
}

/// `config.json` of either release.
#[derive(Clone, Debug, PartialEq)]
pub struct SpatialMllmConfig {
    pub base: QwenVlConfig,
    pub spatial: VggtConfig,
    pub connector: SpatialConnectorConfig,
    /// The pair of blocks whose output is read, counted from 0.
    pub depth: usize,
}

impl SpatialMllmConfig {
    /// Reads the keys of config.json. Blocks and heads of the spatial encoder, of which it says nothing, have the published
    /// numbers, or those of the weights.
    pub fn from_json(json: &Value, weights: Option<&Checkpoint>) -> Result<Self> {
        let base = QwenVlConfig::from_json(json)?;
        let empty = Value::Object(serde_json::Map::new());
        let part = |key: &str| json.get(key).filter(|value| !value.is_null()).unwrap_or(&empty);
        let spatial = match weights {
            Some(weights) => VggtConfig::of_weights(part("spatial_config"), weights, ENCODER),
            None => VggtConfig::from_json(part("spatial_config")),
        };
        let spatial = spatial.map_err(|error| error.within("spatial_config"))?;
        let connector = part("connector_config");
        let kind: String = field(connector, "connector_type", "mlp_add".to_owned())?;
        if kind != "mlp_add" {
            return Err(Error::data(format!("`connector_config.connector_type` is `{kind}`; supported: `mlp_add`")));
        }
        let layer: i64 = field(connector, "spatial_embeds_layer_idx", -1)?;
        let pairs = spatial.depth as i64;
        if !(-pairs..pairs).contains(&layer) {
            let (least, most) = (-pairs, pairs - 1);
            return Err(Error::data(format!(
                "`connector_config.spatial_embeds_layer_idx` is {layer}; the spatial encoder has {pairs} pairs of blocks: \
                 expected {least} to {most}"
            )));
        }
        let version = match field(json, "model_type", String::new())?.as_str() {
            "spatial-mllm" => ConnectorVersion::OneOne,
            _ => ConnectorVersion::One,
        };
        let (features, output) = (2 * spatial.width, base.text.width);
        // The width between the stages of v1.0 is that of the language model; files are asked, where there are any.
        let between = weights.and_then(|weights| weights.shape("connector.language_ln_q.weight")?.first().copied());
        let connector = SpatialConnectorConfig { version, features, middle: between.unwrap_or(output), output };
        Self { base, spatial, connector, depth: layer.rem_euclid(pairs) as usize }.checked()
    }

    fn checked(self) -> Result<Self> {
        let Patching { patch, frames, merge, .. } = self.base.vision.patching;
        if patch != self.spatial.patch || frames != 2 || merge != 2 {
            return Err(Error::data(format!(
                "an image token is {merge} x {merge} patches of {patch} pixels in {frames} frames for the image encoder, \
                 2 x 2 of {} in 2 for the spatial one: they must be the same (`patch_size`)",
                self.spatial.patch
            )));
        }
        Ok(self)
    }
}

/// A Spatial-MLLM of either release.
#[derive(Module, Debug)]
pub struct SpatialMllm {
    base: QwenVl,
    spatial: Vggt,
    connector: SpatialConnector,
    #[module(skip)]
    config: SpatialMllmConfig,
}

impl SpatialMllm {
    /// Builds the model of a folder's configuration with random weights.
    pub fn untrained(folder: &Path, seed: u64, device: &Device) -> Result<Self> {
        let path = folder.join("config.json");
        // Where there are weights, they say how many blocks there are.
        let weights = Checkpoint::open(folder, &LAYOUTS, Weights::Resident).ok();
        let config = SpatialMllmConfig::from_json(&read_json(&path)?, weights.as_ref());
        let config = config.map_err(|error| error.within(path.display()))?;
        Ok(Self::build(&mut Random::new(seed, config.base.text.layers), &config, device)?.0)
    }

    /// Reads a checkpoint folder.
    pub fn open(folder: &Path, device: &Device, weights: Weights) -> Result<Self> {
        Ok(Self::read(folder, device, weights)?.0)
    }

    /// Reads a checkpoint folder, and remembers the key of each parameter for saving.
    pub fn open_with_keys(folder: &Path, device: &Device) -> Result<(Self, ParamKeys)> {
        Self::read(folder, device, Weights::Resident)
    }

    fn read(folder: &Path, device: &Device, weights: Weights) -> Result<(Self, ParamKeys)> {
        let path = folder.join("config.json");
        let mut checkpoint = Checkpoint::open(folder, &LAYOUTS, weights)?;
        let config = SpatialMllmConfig::from_json(&read_json(&path)?, Some(&checkpoint));
        let mut config = config.map_err(|error| error.within(path.display()))?;
        // A tied head is absent from the file; one that is stored all the same is read, as the reference does.
        config.base.text.tied &= !checkpoint.holds("lm_head.weight");
        let built = Self::build(&mut checkpoint, &config, device)?;
        checkpoint.finish(is_spare)?;
        Ok(built)
    }

    /// Builds the model from any source of tensors. What it shares with a Qwen2.5-VL comes first: random weights are the
    /// same in both.
    pub fn build(source: &mut dyn Source, config: &SpatialMllmConfig, device: &Device) -> Result<(Self, ParamKeys)> {
        let mut keys = ParamKeys::default();
        let mut weights = Builder::new(source, &mut keys, device);
        let base = QwenVl::assemble(&mut weights, &config.base)?;
        let spatial = Vggt::build(&mut weights.within(ENCODER.trim_end_matches('.')), &config.spatial)?;
        let connector = SpatialConnector::build(&mut weights.within("connector"), config.connector)?;
        Ok((Self { base, spatial, connector, config: config.clone() }, keys))
    }

    pub fn config(&self) -> &SpatialMllmConfig {
        &self.config
    }

    /// The Qwen2.5-VL inside.
    pub fn base(&self) -> &QwenVl {
        &self.base
    }

    /// The spatial encoder.
    pub fn spatial(&self) -> &Vggt {
        &self.spatial
    }

    /// What the spatial encoder adds to the image tokens, `[batch, image tokens, width]`, as the hooks at `spatial.*` and
    /// `connector.in` leave it.
    fn addend(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let frames = inputs.plain.clone().ok_or_else(|| {
            Error::data("the spatial encoder reads frames from 0 to 1, which these inputs do not hold")
                .with_help("prepare them with the processor of this checkpoint's folder")
        })?;
        let ([_, count, _, h, w], [_, expected, _, height, width]) = (frames.dims(), inputs.pixels.dims());
        if [count, h, w] != [expected, height, width] {
            return Err(Error::data(format!(
                "the image encoder reads {expected} frames of {width} x {height} pixels, the spatial one {count} of \
                 {w} x {h}: they must be the same"
            )));
        }
        let still = count == 1;
        let version = self.config.connector.version;
        let frames = if still && version == ConnectorVersion::OneOne { frames.repeat_dim(1, 2) } else { frames };
        let mut views = self.spatial.views(&frames)?;
        let mut features = self.spatial.features(frames, self.config.depth, hooks)?;
        if views.frames == 1 {
            (features, views.frames) = (features.repeat_dim(1, 2), 2);
        }
        self.connector.forward(features, views, hooks)
    }
}

impl VisionLanguage for SpatialMllm {
    fn language(&self) -> &Llama {
        self.base.language()
    }

    fn sites(&self) -> Vec<SiteSpec> {
        let width = self.config.base.text.width;
        let tokens = |site, meaning| SiteSpec { site, shape: format!("[batch, image tokens, {width}]"), meaning };
        let mut sites = self.base.tower_sites();
        sites.push(tokens(Site::Connector2d, "what the image encoder adds to the image tokens"));
        sites.extend(self.spatial.sites());
        sites.push(SiteSpec {
            site: Site::ConnectorIn,
            shape: format!("[batch, image tokens, {}]", self.config.connector.joined()),
            meaning: "exactly what enters the connector: the patches of an image token in both of its frames",
        });
        sites.push(tokens(Site::Connector3d, "what the spatial encoder adds to the image tokens"));
        sites
            .push(tokens(Site::ProjectorOut, "the sum of both: image tokens, row by row, frame pair after frame pair"));
        sites.extend(self.base.language_sites());
        sites
    }

    fn parameters(&self) -> usize {
        self.num_params() + self.base.language.streamed_parameters()
    }

    fn patching(&self) -> Option<&Patching> {
        self.base.patching()
    }

    fn positions(&self, inputs: &Inputs) -> Result<Vec<Vec<Position>>> {
        self.base.positions(inputs)
    }

    fn encode(&self, inputs: &Inputs, hooks: &mut Hooks<'_>) -> Result<Tensor<3>> {
        let image = self.base.merged(inputs, hooks)?;
        self.encode_addends(inputs, image, None, hooks)
    }

    fn encode_from(
        &self,
        inputs: &Inputs,
        slot: usize,
        state: &dyn Fn(usize) -> Result<Tensor<3>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let image = self.base.merged_from(inputs, slot, state(slot)?, hooks)?;
        self.encode_addends(inputs, image, None, hooks)
    }

    fn encode_addends(
        &self,
        inputs: &Inputs,
        image: Tensor<3>,
        spatial: Option<Tensor<3>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tensor<3>> {
        let image = hooks.tokens(Site::Connector2d, image)?;
        let spatial = match spatial {
            Some(spatial) => spatial,
            None => self.addend(inputs, hooks)?,
        };
        let spatial = hooks.tokens(Site::Connector3d, spatial)?;
        let ([_, tokens, _], [_, others, _]) = (image.dims(), spatial.dims());
        if tokens != others {
            return Err(Error::data(format!(
                "the image encoder makes {tokens} image tokens, the spatial encoder {others}: expected as many of each"
            )));
        }
        hooks.tokens(Site::ProjectorOut, image + spatial)
    }

    fn encoder_slots(&self) -> Vec<usize> {
        self.base.encoder_slots()
    }

    fn embed(&self, inputs: &Inputs, visual: Tensor<3>, hooks: &mut Hooks<'_>) -> Result<Stream> {
        self.base.embed(inputs, visual, hooks)
    }
}

/// Reads the folder of a VGGT by itself: `config.json` with `embed_dim`, `img_size` and `patch_size`, weights named
/// `aggregator.*`, heads beside them or not.
///
/// # Errors
/// Anything about the folder that does not fit, by file and key.
pub fn open_vggt(folder: &Path, device: &Device) -> Result<Vggt> {
    let mut checkpoint = Checkpoint::open(folder, &VGGT_LAYOUTS, Weights::Resident)?;
    let config = vggt_config(folder, &checkpoint, "")?;
    let mut keys = ParamKeys::default();
    let model = Vggt::build(&mut Builder::new(&mut checkpoint, &mut keys, device), &config)?;
    checkpoint.finish(is_spare)?;
    Ok(model)
}

/// Reads the spatial encoder of a folder, a VGGT's or a Spatial-MLLM's, and the head that says where in space each pixel lies.
///
/// # Errors
/// As [`open_vggt`]; a file whose heads were dropped.
pub fn open_point_head(folder: &Path, device: &Device) -> Result<(Vggt, PointHead)> {
    let layouts = [VGGT_LAYOUTS[0], LAYOUTS[0], LAYOUTS[1]];
    let mut checkpoint = Checkpoint::open(folder, &layouts, Weights::Resident)?;
    let root = if checkpoint.holds("aggregator.camera_token") { "" } else { ENCODER };
    let config = vggt_config(folder, &checkpoint, root)?;
    let head = PointHeadConfig::measured(&checkpoint, root).ok_or_else(|| {
        Error::data(format!("{}: the spatial encoder has no point head (`{root}point_head.*`)", folder.display()))
            .with_help("the heads were dropped from this file: use the published VGGT-1B, or recorded point maps")
    })?;
    let mut keys = ParamKeys::default();
    let mut weights = Builder::new(&mut checkpoint, &mut keys, device);
    if root.is_empty() {
        return Ok((Vggt::build(&mut weights, &config)?, PointHead::build(&mut weights, &config, &head)?));
    }
    let mut weights = weights.within(root.trim_end_matches('.'));
    Ok((Vggt::build(&mut weights, &config)?, PointHead::build(&mut weights, &config, &head)?))
}

/// The measures of a folder's spatial encoder.
fn vggt_config(folder: &Path, weights: &Checkpoint, root: &str) -> Result<VggtConfig> {
    let path = folder.join("config.json");
    let json = read_json(&path)?;
    let own = json.get("spatial_config").filter(|own| !own.is_null());
    let empty = Value::Object(serde_json::Map::new());
    let own = own.unwrap_or(if root.is_empty() { &json } else { &empty });
    VggtConfig::of_weights(own, weights, root).map_err(|error| error.within(path.display()))
}

/// Reads `connector.safetensors` beside the weights of a VGGT: a connector of v1.1 on its own, `connector.*`; none where
/// there is no such file.
pub fn open_spatial_connector(folder: &Path, features: usize, device: &Device) -> Result<Option<SpatialConnector>> {
    const LAYOUT: [KeyLayout; 1] = [KeyLayout { name: "connector", mark: "connector.ln_q.weight", prefixes: &[] }];
    let path = folder.join("connector.safetensors");
    if !path.is_file() {
        return Ok(None);
    }
    let mut checkpoint = Checkpoint::open_file(&path, &LAYOUT)?;
    let output = checkpoint.shape("connector.mlp.2.weight").and_then(|shape| shape.first().copied()).unwrap_or(0);
    let version = ConnectorVersion::OneOne;
    let config = SpatialConnectorConfig { version, features, middle: output, output };
    let mut keys = ParamKeys::default();
    let mut weights = Builder::new(&mut checkpoint, &mut keys, device);
    let connector = SpatialConnector::build(&mut weights.within("connector"), config)?;
    checkpoint.finish(|_| false)?;
    Ok(Some(connector))
}
