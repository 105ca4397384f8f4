//! Is a model here equal to the reference implementation? Tensor by tensor, from the input on.
//!
//! A reference file is a safetensors file of what another implementation saw on one image and one prompt:
//!
//! | name | what it is | compared with |
//! |---|---|---|
//! | `in.input_ids` `[1, tokens]` | prompt, image token repeated | our chat template and tokenizer |
//! | `in.pixel_values` `[images, 3, h, w]`, `[1, images, 3, h, w]` | processed image | our processor, on `input.png` beside the file |
//! | `out.hidden.N` | N = 0 embeddings, N = 1..L-1 after layer N-1, N = L after the final norm | `lm.N.resid` |
//! | `out.attn.N` `[1, heads, query, key]` | after softmax | `lm.N.attn` |
//! | `out.logits` `[1, tokens, vocabulary]` | | `logits` |
//! | `out.generate` `[1, tokens + n]` | prompt and greedy continuation, ends ignored | greedy generation |
//! | `out.image_hidden_states` | in the order of the prompt | `projector.out` |
//! | `cap.*multi_modal_projector`, `cap.*connector` | image after image | `projector.out`, as much as becomes a token |
//! | `cap.*vision_{tower,model}.last_hidden_state`, `.pooler_output` | | the tower's own output, its pooled output |
//! | `in.pixel_values` `[patches, values]`, `in.image_grid_thw` | towers of any size; the same with `_videos`, `video_` | the same pixels |
//! | `cap.*visual.last_hidden_state`, `.merger`; `cap.*visual`, `.pooler_output` | in window order; row by row | the tower's last state, `projector.out`; `projector.out` |
//! | `attn.*visual.blocks.N.attn.W` | window W of layer N | `vision.N.attn` |
//! | `position_ids` `[3, 1, tokens]`, `rope_delta`, `grid` | in `ref_mrope.safetensors`, or as `out.*` | positions for the rotary embedding |
//! | `in.video_tchw` `[frames, 3, h, w]` (`in.image_tchw`) | what a spatial encoder saw, from 0 to 1 | fed to it |
//! | `cap.visual`, `cap.connector.merged`, `cap.connector.mlp`, `cap.connector` | of a Spatial-MLLM | `connector.2d`, `connector.in`, `connector.3d`, `projector.out` |
//! | `attn.*vision_{tower,model}*layers.N.*`, `attn.*{language,text}_model*layers.N.*` | after softmax | `vision.N.attn`, `lm.N.attn` |
//!
//! A reference of a VGGT by itself is another: see [`verify_vggt`].
//!
//! The model is fed the reference's own ids and pixels, so that a difference in the processor cannot hide one in the model.

mod reference;
mod trace;
mod vggt;

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::VisionLanguage;
use crate::processor::folder::Json;
use crate::processor::resample::Resampler;
use crate::processor::{Picture, Processor};
pub use reference::Reference;
use trace::{Found, Trace};
pub use vggt::{holds_vggt, verify_vggt};

/// One compared tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub name: String,
    pub shape: Vec<usize>,
    /// Largest absolute difference; for ids, how many differ.
    pub worst: f64,
    /// The same of numbers beyond 1 relative to themselves: what must be within the tolerance. In single precision, numbers of
    /// a thousand, which real models have, are 1e-4 apart from their neighbours.
    pub relative: f64,
    pub tolerance: f64,
}

impl Comparison {
    /// Of a reference's tensor with ours.
    fn of(name: &str, shape: Vec<usize>, expected: &[f32], ours: &[f32], tolerance: f64) -> Result<Self> {
        if expected.len() != ours.len() {
            let message = format!("reference tensor `{name}` has shape {shape:?}, ours holds {} values", ours.len());
            return Err(Error::data(message).with_help("was the reference made from this checkpoint?"));
        }
        let [worst, relative] = [|_| 1.0, |x: f32| x.abs().max(1.0)].map(|unit| worst(expected, ours, unit));
        Ok(Self { name: name.to_owned(), shape, worst, relative, tolerance })
    }

    /// Of what has one measure of its own.
    fn measured(name: &str, shape: Vec<usize>, worst: f64, tolerance: f64) -> Self {
        Self { name: name.to_owned(), shape, worst, relative: worst, tolerance }
    }

    pub fn holds(&self) -> bool {
        // Written so that a NaN fails.
        self.relative <= self.tolerance
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    pub compared: Vec<Comparison>,
    /// Tensors of the reference that nothing here corresponds to, and what could not be checked, with the reason.
    pub skipped: Vec<(String, String)>,
}

impl Verdict {
    pub fn holds(&self) -> bool {
        !self.compared.is_empty() && self.compared.iter().all(Comparison::holds)
    }

    /// The largest absolute difference of anything that was computed from the inputs.
    pub fn worst(&self) -> f64 {
        self.compared.iter().filter(|row| !row.name.starts_with("in.")).map(|row| row.worst).fold(0.0, f64::max)
    }
}

/// One step of an 8-bit image, and what single precision adds to it: how far processed pixels may be from the reference,
/// before normalisation. Libraries differ by as much and more, so the resizing of each is tried.
const PIXEL_STEP: f64 = 1.0 / 255.0 + 1e-6;

/// Compares every tensor of the reference.
///
/// # Errors
/// A reference without inputs, or one whose shapes do not belong to this model.
pub fn verify(
    model: &dyn VisionLanguage,
    processor: &Processor,
    reference: &Reference,
    image: Option<&Path>,
    tolerance: f64,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    check_processor(model, processor, reference, image, &mut verdict)?;
    let picture = match (image, reference.holds("in.pixel_values")) {
        (Some(image), true) => Some(processor.picture(&crate::dataset::image_file::open_rgb(image)?)?),
        _ => None,
    };
    let walked = verify_model(model, &processor.visual_token_ids(), picture.as_ref(), reference, tolerance)?;
    verdict.compared.extend(walked.compared);
    verdict.skipped.extend(walked.skipped);
    Ok(verdict)
}

/// The ids that stand for images and videos, as `config.json` has them.
///
/// # Errors
/// A configuration without them.
pub fn visual_ids(folder: &Path) -> Result<Vec<u32>> {
    let config = Json::require(folder, "config.json")?;
    let mut ids = Vec::new();
    for key in ["image_token_index", "image_token_id", "video_token_id"] {
        ids.extend(config.get::<u32>(key, "the id of a token")?);
    }
    if ids.is_empty() {
        return Err(config.wrong("image_token_id", "the id of the token that stands for an image"));
    }
    Ok(ids)
}

/// Compares what the model makes of the reference's own inputs. `visual` are the ids that stand for images and videos;
/// `picture` says what each image token shows, which a model of several views must know.
///
/// # Errors
/// As [`verify`]; no picture where the number of image tokens follows from the image's size.
pub fn verify_model(
    model: &dyn VisionLanguage,
    visual: &[u32],
    picture: Option<&Picture>,
    reference: &Reference,
    tolerance: f64,
) -> Result<Verdict> {
    if picture.is_none() && reference.holds("in.image_sizes") {
        let message = "which image tokens there are depends on the size of the image here, which is not at hand";
        return Err(Error::data(message).with_help("name the image by `--image`, and leave out `--model-only`"));
    }
    let mut verdict = Verdict::default();
    let trace = Trace::of(model, visual, picture, reference)?;
    let mut names: Vec<&str> = reference.names().filter(|name| !name.starts_with("in.")).collect();
    names.sort_by_key(|name| place(name));
    for name in names {
        if name == "out.generate" {
            let expected = reference.ids(name)?;
            let generated = trace.generate(model, expected.len())?;
            let differing = expected.iter().zip(&generated).filter(|(a, b)| a != b).count();
            let missing = expected.len().abs_diff(generated.len());
            let shape = reference.shape(name);
            let worst = (differing + missing) as f64;
            verdict.compared.push(Comparison::measured(name, shape, worst, 0.0));
            continue;
        }
        if let Some(ours) = trace.integers(name) {
            let expected = reference.integers(name)?;
            let differing = expected.iter().zip(&ours).filter(|(a, b)| a != b).count();
            let worst = (differing + expected.len().abs_diff(ours.len())) as f64;
            let shape = reference.shape(name);
            verdict.compared.push(Comparison::measured(name, shape, worst, 0.0));
            continue;
        }
        match trace.find(name) {
            None => verdict.skipped.push((name.to_owned(), "nothing here corresponds to it".to_owned())),
            Some(Found { values, rows }) => {
                let all = reference.floats(name)?;
                let expected = match rows {
                    Some(rows) => pick(&all, reference.shape(name).last().copied().unwrap_or(1), &rows),
                    None => all,
                };
                verdict.compared.push(Comparison::of(name, reference.shape(name), &expected, &values, tolerance)?);
            }
        }
    }
    Ok(verdict)
}

/// These rows of a matrix; none of those that it does not have.
fn pick(matrix: &[f32], width: usize, rows: &[usize]) -> Vec<f32> {
    rows.iter().flat_map(|row| matrix.get(row * width..(row + 1) * width).unwrap_or_default()).copied().collect()
}

/// Where in the walk a tensor arises, so that the first difference is the cause of the later ones.
fn place(name: &str) -> (u8, usize) {
    let number = || name.rsplit('.').find_map(|part| part.parse().ok()).unwrap_or(0);
    let blocks = [".layers.", ".layer."].into_iter().find(|part| name.contains(part)).unwrap_or(".blocks.");
    let layer = || name.split(blocks).nth(1).and_then(|rest| rest.split('.').next()?.parse().ok()).unwrap_or(0);
    match name {
        "out.logits" => (4, 0),
        "out.generate" => (5, 0),
        "out.image_hidden_states" => (2, 0),
        // Attention of layer l lies between the states l and l + 1.
        _ if name.starts_with("out.hidden.") => (3, 2 * number()),
        _ if name.starts_with("out.attn.") => (3, 2 * number() + 1),
        _ if name.contains("language_model") || name.contains("text_model") => (3, 2 * layer() + 1),
        _ if name.contains("multi_modal_projector")
            || name.ends_with("connector")
            || name.ends_with("visual.merger") =>
        {
            (2, 0)
        }
        _ if name.contains(blocks) => (0, layer()),
        _ => (1, 0),
    }
}

fn check_processor(
    model: &dyn VisionLanguage,
    processor: &Processor,
    reference: &Reference,
    image: Option<&Path>,
    verdict: &mut Verdict,
) -> Result<()> {
    let expected = reference.ids("in.input_ids")?;
    let (Some(image), true) = (image, reference.holds("in.pixel_values")) else {
        verdict
            .skipped
            .push(("in.input_ids and in.pixel_values".to_owned(), "no image beside the reference".to_owned()));
        return Ok(());
    };
    let image = crate::dataset::image_file::open_rgb(image)?;
    let question = match reference.question() {
        Some(question) => Some(question.to_owned()),
        None => processor.question_of(&expected)?,
    };
    match question {
        None => {
            let why = "a prompt that the chat template cannot make about an image".to_owned();
            verdict.skipped.push(("in.input_ids".to_owned(), why));
        }
        Some(question) => {
            let ids = processor.prepare(&image, &question, &[])?.ids;
            let differing = expected.iter().zip(&ids).filter(|(a, b)| a != b).count();
            let differing = (differing + expected.len().abs_diff(ids.len())) as f64;
            let shape = reference.shape("in.input_ids");
            verdict.compared.push(Comparison::measured("in.input_ids", shape, differing, 0.0));
        }
    }
    let picture = processor.picture(&image)?;
    let (pixels, [_, frames, ..]) = trace::pixels(model, reference)?;
    // A still image is as many equal frames as the model takes at once.
    let [ours, ..] = picture.pixel_shape;
    let times = frames / ours.max(1);
    let apart = |ours: &[f32]| pixels_apart(&pixels, &ours.repeat(times), frames, processor.pixel_std());
    let row = |name: &str, worst| Comparison::measured(name, reference.shape("in.pixel_values"), worst, PIXEL_STEP);
    // Which library resized, the reference does not say: the first that fits is named where it is not our own.
    let mut rows = vec![row("in.pixel_values", apart(&picture.pixels))];
    for resampler in Resampler::ALL.into_iter().filter(|other| *other != Resampler::default()) {
        let picture = processor.picture_resized_by(&image, resampler)?;
        rows.push(row(&format!("in.pixel_values (resized by {})", resampler.name()), apart(&picture.pixels)));
    }
    let fits = rows.iter().position(Comparison::holds).unwrap_or(0);
    verdict.compared.push(rows.swap_remove(fits));
    Ok(())
}

/// Largest difference of the pixels of an image before normalisation, where 1 is from black to white. Both are `frames`
/// times `[3, height, width]`.
pub fn pixels_apart(expected: &[f32], ours: &[f32], frames: usize, std: [f32; 3]) -> f64 {
    if expected.len() != ours.len() || expected.is_empty() {
        return f64::INFINITY;
    }
    let channel = expected.len().div_ceil(3 * frames.max(1));
    let channels = expected.chunks(channel).zip(ours.chunks(channel)).zip(std.into_iter().cycle());
    channels.map(|((expected, ours), std)| worst(expected, ours, |_| 1.0) * f64::from(std)).fold(0.0, f64::max)
}

/// The largest difference, each in units of what is expected.
fn worst(expected: &[f32], ours: &[f32], unit: fn(f32) -> f32) -> f64 {
    expected.iter().zip(ours).fold(0.0, |worst: f64, (a, b)| {
        let difference = f64::from((a - b).abs() / unit(*a));
        if difference.is_nan() {
            f64::NAN
        } else if worst.is_nan() {
            worst
        } else {
            worst.max(difference)
        }
    })
}
