//! A VGGT by itself against its reference.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::{Comparison, Reference, Verdict};
use crate::error::{Error, Result};
use crate::model::Hooks;
use crate::model::checkpoint::read_json;
use crate::model::families::{open_spatial_connector, open_vggt};
use crate::model::spatial::{MergeOrder, Vggt, Views, join};

/// Whether a folder is a VGGT's: its config.json names no `model_type`, but an `embed_dim`.
pub fn holds_vggt(folder: &Path) -> bool {
    let config = read_json(&folder.join("config.json"));
    config.is_ok_and(|config| config.get("model_type").is_none() && config.get("embed_dim").is_some())
}

/// Compares a VGGT folder with a reference.
///
/// | name | what it is |
/// |---|---|
/// | `in.video` `[1, frames, 3, h, w]` | frames from 0 to 1; every `*_square` is of their upper left square of the size that positions were learned on |
/// | `out.agg.N`, `out.agg_square.N` `[1, frames, tokens, 2 * width]` | after pair N of blocks, within and across frames side by side |
/// | `cap.dino.x_norm_patchtokens` `[frames, patches, width]` | what the image tower makes |
/// | `cap.frame_block.N` `[frames, tokens, width]`, `cap.global_block.N` `[1, frames * tokens, width]` | single blocks |
/// | `out.pos_embed_interp` `[1, 1 + patches, width]` | the position table, resampled |
/// | `out.merged_v10`, `out.merged_v11` `[image tokens, 16 * width]` | patches joined, in both orders |
/// | `in.video_embeds`, `out.fused` `[image tokens, output]` | with `connector.safetensors` beside the weights: what an image encoder made, and the sum |
///
/// # Errors
/// A folder that cannot be read, or a reference whose shapes do not belong to it.
pub fn verify_vggt(folder: &Path, reference: &Reference, tolerance: f64, device: &Device) -> Result<Verdict> {
    let model = open_vggt(folder, device)?;
    let whole = Pass::of(&model, reference)?;
    let square = whole.square(&model)?;
    let mut verdict = Verdict::default();
    let mut names: Vec<&str> = reference.names().filter(|name| !name.starts_with("in.")).collect();
    names.sort_by_key(|name| place(name));
    for name in names {
        let expected = reference.floats(name)?;
        // Captured tensors do not say which of the two passes they are of; their size does.
        let ours = [Some(&whole), square.as_ref()].into_iter().flatten().find_map(|pass| {
            let asked = name.starts_with("cap.") || name.contains("_square") == pass.is_square;
            let ours = if asked { pass.find(&model, folder, reference, name, device) } else { Ok(None) };
            match ours {
                Ok(Some(ours)) if ours.len() != expected.len() && name.starts_with("cap.") => None,
                Ok(None) => None,
                other => Some(other),
            }
        });
        match ours.transpose()?.flatten() {
            Some(ours) => {
                verdict.compared.push(Comparison::of(name, reference.shape(name), &expected, &ours, tolerance)?);
            }
            None => verdict.skipped.push((name.to_owned(), "nothing here corresponds to it".to_owned())),
        }
    }
    Ok(verdict)
}

/// One pass over some frames.
struct Pass {
    frames: Tensor<5>,
    views: Views,
    /// After each pair of blocks, `[1, frames, tokens, 2 * width]`.
    states: Vec<Tensor<4>>,
    is_square: bool,
}

impl Pass {
    fn of(model: &Vggt, reference: &Reference) -> Result<Self> {
        let (values, shape) = (reference.floats("in.video")?, reference.shape("in.video"));
        let &[batch, frames, channels, height, width] = shape.as_slice() else {
            let expected = "expected [1, frames, 3, height, width]";
            return Err(Error::data(format!("`in.video` has shape {shape:?}; {expected}")));
        };
        let shape = [batch, frames, channels, height, width];
        let side = model.config().image;
        Self::over(
            model,
            Tensor::from_data(TensorData::new(values, shape), &model.device()),
            [height, width] == [side; 2],
        )
    }

    fn over(model: &Vggt, frames: Tensor<5>, is_square: bool) -> Result<Self> {
        let views = model.views(&frames)?;
        let depths: Vec<usize> = (0..model.config().depth).collect();
        let states = model.forward(frames.clone(), &depths, &mut Hooks::none())?;
        Ok(Self { frames, views, states, is_square })
    }

    /// The upper left square for which positions are not resampled, where the frames are larger.
    fn square(&self, model: &Vggt) -> Result<Option<Self>> {
        let side = model.config().image;
        let [_, _, _, height, width] = self.frames.dims();
        if self.is_square || height < side || width < side {
            return Ok(None);
        }
        Ok(Some(Self::over(model, self.frames.clone().narrow(3, 0, side).narrow(4, 0, side), true)?))
    }

    fn find(
        &self,
        model: &Vggt,
        folder: &Path,
        reference: &Reference,
        name: &str,
        device: &Device,
    ) -> Result<Option<Vec<f32>>> {
        let width = model.config().width;
        let number = || name.rsplit('.').next().and_then(|number| number.parse::<usize>().ok());
        let state = || self.states.get(number()?).cloned();
        let half = |n: usize| state().map(|state| state.narrow(3, n * width, width)).map(values);
        let joined = |order| {
            let last = self.states.last().cloned().ok_or_else(|| Error::data("the spatial encoder has no blocks"))?;
            let special = last.dims()[2] - self.views.patches();
            let [batch, frames, _, wide] = last.dims();
            let patches = last.narrow(2, special, self.views.patches());
            join(patches.reshape([batch, frames * self.views.patches(), wide]), self.views, order)
        };
        Ok(match name {
            "cap.dino.x_norm_patchtokens" => Some(values(model.patches(self.frames.clone())?)),
            "out.pos_embed_interp" => Some(values(model.positions([self.views.rows, self.views.cols]))),
            "out.merged_v10" => Some(values(joined(MergeOrder::FrameFirst)?)),
            "out.merged_v11" => Some(values(joined(MergeOrder::FrameLast)?)),
            "out.fused" if reference.holds("in.video_embeds") => {
                let Some(connector) = open_spatial_connector(folder, 2 * width, device)? else { return Ok(None) };
                let added = values(connector.of_joined(joined(connector.config().version.order())?));
                let image = reference.floats("in.video_embeds")?;
                Some(image.iter().zip(&added).map(|(image, added)| image + added).collect())
            }
            _ if name.starts_with("out.agg") => state().map(values),
            _ if name.starts_with("cap.frame_block.") => half(0),
            _ if name.starts_with("cap.global_block.") => half(1),
            _ => None,
        })
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Where in the pass a tensor arises.
fn place(name: &str) -> (usize, usize) {
    let number = name.rsplit('.').next().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
    match name {
        "out.pos_embed_interp" => (0, 0),
        _ if name.starts_with("cap.dino") => (1, 0),
        _ if name.starts_with("cap.frame_block") => (2, 3 * number),
        _ if name.starts_with("cap.global_block") => (2, 3 * number + 1),
        _ if name.starts_with("out.agg") => (2, 3 * number + 2),
        "out.fused" => (4, 0),
        _ => (3, 0),
    }
}
