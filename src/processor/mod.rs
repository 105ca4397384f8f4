//! Images and questions to what a model reads, and back: pixels, token ids, and the map of which position is which
//! patch or word.
//!
//! A [`Processor`] is made of parts that all families share ([`chat`], [`tokenizer`], [`tokens`], [`geometry`],
//! [`resample`]) and of one [`Family`], which turns an image into pixels and says how many places it takes in the prompt.
//! To add a family, write one file beside [`llava`] and one line in [`FAMILIES`].

mod answers;
pub mod chat;
mod date;
pub mod folder;
mod gemma3;
pub mod geometry;
mod group;
mod idefics3;
pub mod image;
mod internvl;
mod layout;
pub mod llava;
mod llava_next;
mod paligemma;
pub mod point_frames;
mod python;
mod question;
pub mod qwen_vl;
pub mod resample;
pub mod size;
mod square;
mod tiles;
pub mod tokenizer;
pub mod tokens;
mod view;

use std::path::Path;

use ::image::RgbImage;

use self::image::ImageProcessing;
pub use answers::AnswerForms;
use chat::{ChatTemplate, Medium, Prompt};
use folder::Json;
pub use geometry::{Axis, Grid, ImageGeometry, Patch};
pub use group::{Group, Member, Place};
pub use layout::{Coverage, Layout, shown};
use resample::Resampler;
use tokenizer::TextTokenizer;
pub use tokens::{OptionTokens, TokenMap, Word};
pub use view::{Mark, Mosaic, View};

use crate::error::{Error, Result};

/// Seconds from one frame of a video to the next where nothing says otherwise: two frames a second, as the published
/// processors assume.
pub const FRAME_SECONDS: f64 = 0.5;

/// One item, ready for the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Token ids of the prompt, the image's positions included.
    pub ids: Vec<u32>,
    /// Normalised pixels, `[image, channel, height, width]`.
    pub pixels: Vec<f32>,
    /// Images for the encoder (frames of a video, tiles; else 1), channels (red, green, blue), height, width.
    pub pixel_shape: [usize; 4],
    /// Seconds from one frame to the next.
    pub frame_seconds: f64,
    /// The pixels from 0 to 1, before normalisation, where the model has an encoder that reads them so.
    pub plain: Option<Vec<f32>>,
    pub map: TokenMap,
}

/// One image or video, ready for the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Normalised pixels, `[image, channel, height, width]`.
    pub pixels: Vec<f32>,
    /// Images for the encoder (frames of a video, tiles; else 1), channels (red, green, blue), height, width.
    pub pixel_shape: [usize; 4],
    /// Seconds from one frame to the next.
    pub frame_seconds: f64,
    /// What marks its place in the chat template.
    pub place: String,
    /// The token that stands at each of its positions.
    pub token: String,
    /// What stands for it in the prompt: such tokens, and whatever the family puts around them.
    pub text: String,
    /// The finest view.
    pub main: View,
    /// The others, in their order.
    pub aside: Vec<View>,
    /// Tokens that show no part of the image.
    pub marks: Vec<Mark>,
}

/// What differs from family to family.
pub trait Family: Send + Sync {
    /// The token at every image position of the prompt.
    fn image_token(&self) -> &str;

    /// What marks the image in the chat template.
    fn image_place(&self) -> &str {
        self.image_token()
    }

    /// What stands between the last image token and what the template says next.
    fn image_end(&self) -> &str {
        ""
    }

    /// The documented prompt, for folders without a chat template.
    fn prompt(&self) -> &'static str;

    /// How an image's pixels are resized and normalised.
    fn processing(&self) -> &ImageProcessing;

    /// An image as pixels and as text.
    fn picture(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture>;

    /// The token that marks a video, for families that read them.
    fn video_token(&self) -> Option<&str> {
        None
    }

    /// Whether the model also reads pixels from 0 to 1, before normalisation.
    fn reads_plain(&self) -> bool {
        false
    }

    /// Frames of equal size, so many seconds apart, as pixels and as text.
    fn video(&self, _frames: &[RgbImage], _seconds: f64) -> Result<Picture> {
        Err(Error::data("this family reads single images, not videos"))
    }
}

/// Reads a family's own files: the checkpoint's folder, and its `config.json`.
type Open = fn(&Path, &Json) -> Result<Box<dyn Family>>;

/// Every family, by its `model_type`.
const FAMILIES: [(&str, Open); 10] = [
    ("llava", |folder, config| boxed(llava::Llava::open(folder, config))),
    ("qwen2_vl", |folder, config| boxed(qwen_vl::QwenVl::open(folder, config))),
    ("qwen2_5_vl", |folder, config| boxed(qwen_vl::QwenVl::open(folder, config))),
    ("spatial-mllm", |folder, config| boxed(qwen_vl::QwenVl::open(folder, config))),
    ("gemma3", |folder, config| boxed(gemma3::Gemma3::open(folder, config))),
    ("idefics3", |folder, config| boxed(idefics3::Idefics3::open(folder, config))),
    ("smolvlm", |folder, config| boxed(idefics3::Idefics3::open(folder, config))),
    ("llava_next", |folder, config| boxed(llava_next::LlavaNext::open(folder, config))),
    ("paligemma", |folder, config| boxed(paligemma::PaliGemma::open(folder, config))),
    ("internvl", |folder, config| boxed(internvl::InternVl::open(folder, config))),
];

fn boxed<F: Family + 'static>(family: Result<F>) -> Result<Box<dyn Family>> {
    Ok(Box::new(family?))
}

/// What to do about processor files that contradict `config.json`.
const OTHER_CHECKPOINT: &str = "the processor files and config.json belong to different checkpoints";

/// Everything a checkpoint folder says about its inputs: image preprocessing, chat template, tokenizer.
pub struct Processor {
    family: Box<dyn Family>,
    chat: ChatTemplate,
    tokenizer: TextTokenizer,
    image_token_id: u32,
    bos_id: Option<u32>,
    eos_ids: Vec<u32>,
}

impl Processor {
    /// Reads `config.json`, the processor and chat-template files and `tokenizer.json` of a Hugging Face folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let config = Json::require(folder, "config.json")?;
        let model_type: Option<String> = config.get("model_type", "the name of a family")?;
        let opened = FAMILIES.iter().find(|(name, _)| Some(*name) == model_type.as_deref());
        let Some((_, open)) = opened else {
            let names = FAMILIES.map(|(name, _)| format!("\"{name}\"")).join(", ");
            return Err(config.wrong("model_type", &format!("a supported family: {names}")));
        };
        let family = open(folder, &config)?;
        let tokenizer = TextTokenizer::open(folder)?;
        let image_token_id = image_token_id(folder, &config, &tokenizer, family.image_token())?;
        let chat = ChatTemplate::open(folder, tokenizer.special().to_vec(), Some(family.prompt()))?;
        let bos_id = tokenizer.named("bos_token").and_then(|token| tokenizer.id(token));
        let eos_ids = eos_ids(folder, &config, &tokenizer)?;
        Ok(Self { family, chat, tokenizer, image_token_id, bos_id, eos_ids })
    }

    /// The prompt for one question about one image, answers to be chosen among `options` (may be empty).
    pub fn prepare(&self, image: &RgbImage, question: &str, options: &[String]) -> Result<Prepared> {
        self.ask(self.picture(image)?, question, options)
    }

    /// As [`prepare`](Self::prepare), about an image that is prepared already: several questions about one image share it.
    pub fn ask(&self, picture: Picture, question: &str, options: &[String]) -> Result<Prepared> {
        let prompt = self.prompt(question, self.medium(&picture))?;
        let (text, question_at) = expand(&prompt, &picture.place, &picture.text)?;
        let encoded = self.tokenizer.encode(&text)?;
        let places = self.image_positions(&encoded.ids, &picture)?;
        let at = |token: usize| places.get(token).copied().unwrap_or_default();
        let placed = |view: View| View { tokens: view.tokens.into_iter().map(at).collect(), ..view };
        let main = placed(picture.main);
        let first_ids = self.first_ids(&prompt.text, options)?;
        let map = TokenMap {
            len: encoded.ids.len(),
            bos: encoded.ids.iter().position(|id| Some(*id) == self.bos_id),
            image: main.tokens,
            words: tokens::words(question, question_at, &encoded)?,
            options: tokens::options(question, question_at, &encoded, options, &first_ids),
            last: encoded.ids.len() - 1,
            geometry: main.geometry,
            mosaic: main.mosaic,
            aside: picture.aside.into_iter().map(placed).collect(),
            marks: picture.marks.into_iter().map(|mark| Mark { token: at(mark.token), ..mark }).collect(),
        };
        let Picture { pixels, pixel_shape, frame_seconds, .. } = picture;
        let plain = self.family.reads_plain().then(|| self.plain(&pixels, pixel_shape));
        Ok(Prepared { ids: encoded.ids, pixels, pixel_shape, frame_seconds, plain, map })
    }

    /// Pixels before normalisation, from 0 to 1.
    fn plain(&self, pixels: &[f32], [_, _, height, width]: [usize; 4]) -> Vec<f32> {
        let (mean, std) = (self.family.processing().mean(), self.family.processing().std());
        let channels = pixels.chunks(height * width).zip((0..3).cycle());
        let plain = |(values, channel): (&[f32], usize)| -> Vec<f32> {
            // Whole 255ths, as they were: normalisation rounds.
            let value = |value: &f32| ((value * std[channel] + mean[channel]) * 255.0).round() / 255.0;
            values.iter().map(value).collect()
        };
        channels.flat_map(plain).collect()
    }

    /// The mean colour of each token's patch (of a video, in the first of its frames) as the model sees it, before normalisation:
    /// red, green, blue, 0 to 1, `[patches, 3]`.
    pub fn patch_colours(&self, prepared: &Prepared) -> Vec<f32> {
        let ([count, _, height, width], mosaic) = (prepared.pixel_shape, prepared.map.mosaic);
        let frames = (count / mosaic.images.max(1)).max(1);
        // What the patches leave over at the right and at the bottom, the model does not see.
        let (tall, wide) = (height / mosaic.tile.rows, width / mosaic.tile.cols);
        let (mean, std) = (self.family.processing().mean(), self.family.processing().std());
        let colour = |token: Patch, channel: usize| {
            let (image, patch) = mosaic.tile_of(token);
            let image = image * frames;
            let row = |y: usize| {
                let start = ((image * 3 + channel) * height + patch.row * tall + y) * width + patch.col * wide;
                prepared.pixels[start..start + wide].iter().map(|&value| f64::from(value)).sum::<f64>()
            };
            let average = (0..tall).map(row).sum::<f64>() / (tall * wide) as f64;
            (average * f64::from(std[channel]) + f64::from(mean[channel])) as f32
        };
        let grid = prepared.map.geometry.grid;
        grid.patches().flat_map(|patch| [0, 1, 2].map(|channel| colour(patch, channel))).collect()
    }

    /// What normalisation divides each channel by: the size of a unit of pixel, for comparisons.
    pub fn pixel_std(&self) -> [f32; 3] {
        self.family.processing().std()
    }

    /// What an item shows, without a question: one frame is a picture, several are a video with the frames
    /// [`FRAME_SECONDS`] apart.
    ///
    /// # Errors
    /// As [`picture`](Self::picture) and [`video`](Self::video).
    pub fn shown(&self, frames: &[RgbImage]) -> Result<Picture> {
        match frames {
            [image] => self.picture(image),
            frames => self.video(frames, FRAME_SECONDS),
        }
    }

    /// One image, without a question.
    pub fn picture(&self, image: &RgbImage) -> Result<Picture> {
        self.picture_resized_by(image, Resampler::default())
    }

    /// As [`picture`](Self::picture), with another library's resizing: references differ in it.
    pub fn picture_resized_by(&self, image: &RgbImage, resampler: Resampler) -> Result<Picture> {
        if image.width() == 0 || image.height() == 0 {
            return Err(Error::data(format!(
                "the image has no pixels: its size is {} x {}",
                image.width(),
                image.height()
            )));
        }
        self.family.picture(image, resampler)
    }

    /// One video without a question: frames of equal size, so many seconds apart.
    ///
    /// # Errors
    /// A family that reads no videos; frames that are empty, differ in size or do not fill whole groups.
    pub fn video(&self, frames: &[RgbImage], seconds: f64) -> Result<Picture> {
        let Some(first) = frames.first() else { return Err(Error::data("a video without frames")) };
        if let Some((n, other)) = frames.iter().enumerate().find(|(_, frame)| frame.dimensions() != first.dimensions())
        {
            let ((w, h), (x, y)) = (first.dimensions(), other.dimensions());
            return Err(Error::data(format!("frame {n} of the video has {x} x {y} pixels, the first has {w} x {h}")));
        }
        if first.width() == 0 || first.height() == 0 {
            return Err(Error::data("the frames of the video have no pixels"));
        }
        if !(seconds.is_finite() && seconds >= 0.0) {
            return Err(Error::data(format!("frames {seconds} seconds apart: expected a number from 0 on")));
        }
        self.family.video(frames, seconds)
    }

    fn medium(&self, picture: &Picture) -> Medium {
        match self.family.video_token() {
            Some(token) if token == picture.place => Medium::Video,
            _ => Medium::Image,
        }
    }

    /// Ids back to text, special tokens left out.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.tokenizer.decode(ids)
    }

    /// The id that stands at every image position.
    pub fn image_token_id(&self) -> u32 {
        self.image_token_id
    }

    /// The ids that stand at the positions of images and videos.
    pub fn visual_token_ids(&self) -> Vec<u32> {
        let video = self.family.video_token().and_then(|token| self.tokenizer.id(token));
        std::iter::once(self.image_token_id).chain(video).collect()
    }

    /// The ids that end an answer.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos_ids
    }

    /// The prompt before the image's places are filled in.
    fn prompt(&self, question: &str, medium: Medium) -> Result<Prompt> {
        let image = [self.family.image_token(), self.family.image_place()].map(Some);
        let tokens = image.into_iter().chain([self.family.video_token()]);
        if let Some(token) = tokens.flatten().find(|token| question.contains(token)) {
            return Err(Error::data(format!("the question `{question}` contains the image token `{token}`"))
                .with_help("leave it out: the chat template puts the image where it belongs"));
        }
        self.chat.prompt(question, medium)
    }

    /// The position of each of a picture's tokens.
    fn image_positions(&self, ids: &[u32], picture: &Picture) -> Result<Vec<usize>> {
        let token = picture.token.as_str();
        let id = self.tokenizer.id(token);
        let places: Vec<usize> = (0..ids.len()).filter(|at| Some(ids[*at]) == id).collect();
        let expected = picture.text.matches(token).count();
        if places.len() != expected {
            return Err(Error::data(format!(
                "the prompt holds {} image tokens where the image needs {expected}",
                places.len()
            ))
            .with_help(format!("expected `{token}` to be one added token in tokenizer.json")));
        }
        Ok(places)
    }

    /// The id by which each answer would start after the prompt: of prompt and answer encoded together, the first one
    /// that the prompt alone does not have. A space goes between them unless the prompt ends in white space.
    fn first_ids(&self, prompt: &str, options: &[String]) -> Result<Vec<u32>> {
        let alone = self.tokenizer.encode(prompt)?.ids;
        let between = if prompt.ends_with(char::is_whitespace) { "" } else { " " };
        let mut firsts: Vec<u32> = Vec::with_capacity(options.len());
        for option in options {
            let together = self.tokenizer.encode(&format!("{prompt}{between}{option}"))?.ids;
            let common = alone.iter().zip(&together).take_while(|(a, b)| a == b).count();
            let first = *together.get(common).ok_or_else(|| {
                Error::data(format!("the tokenizer gives the option `{option}` no token"))
                    .with_help("an option must be a word or a phrase of the model's vocabulary")
            })?;
            if let Some(same) = firsts.iter().position(|id| *id == first) {
                return Err(Error::data(format!(
                    "the options `{}` and `{option}` begin with the same token, `{}`",
                    options[same],
                    self.tokenizer.decode_all(&[first])?
                ))
                .with_help(
                    "a model is scored by an answer's first token: word the options so that they differ there",
                ));
            }
            firsts.push(first);
        }
        Ok(firsts)
    }
}

/// The image token's id, on which tokenizer and `config.json` must agree.
fn image_token_id(folder: &Path, config: &Json, tokenizer: &TextTokenizer, token: &str) -> Result<u32> {
    const EXPECTED: &str = "the id of the image token";
    let file = folder.join("tokenizer.json");
    let id = tokenizer.id(token).ok_or_else(|| {
        Error::data(format!("`{}` has no image token `{token}`", file.display()))
            .with_help("expected it among `added_tokens`; is this the tokenizer of the language model alone?")
    })?;
    let configured = ["image_token_index", "image_token_id"].into_iter().find(|key| config.value(key).is_some());
    let Some(key) = configured else { return Ok(id) };
    match config.get::<u32>(key, EXPECTED)? {
        Some(other) if other != id => {
            Err(config.wrong(key, &format!("{id}, the id of `{token}` in `{}`", file.display())))
        }
        _ => Ok(id),
    }
}

/// Where an answer ends: `generation_config.json`, else the language model's configuration, else the tokenizer.
fn eos_ids(folder: &Path, config: &Json, tokenizer: &TextTokenizer) -> Result<Vec<u32>> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Ids {
        One(u32),
        Several(Vec<u32>),
    }
    let generation = Json::read(folder, "generation_config.json")?;
    for json in [generation, config.section("text_config")?, Some(config.clone())].into_iter().flatten() {
        match json.get("eos_token_id", "a token id or a list of them")? {
            Some(Ids::One(id)) => return Ok(vec![id]),
            Some(Ids::Several(ids)) => return Ok(ids),
            None => {}
        }
    }
    Ok(tokenizer.named("eos_token").and_then(|token| tokenizer.id(token)).into_iter().collect())
}

/// The prompt with `filling` in place of its one image token, and where the question has moved to.
fn expand(prompt: &Prompt, token: &str, filling: &str) -> Result<(String, usize)> {
    let mut places = prompt.text.match_indices(token);
    let (Some((at, _)), None) = (places.next(), places.next()) else {
        return Err(Error::data(format!(
            "the chat template puts {} image tokens `{token}` into the prompt, expected one",
            prompt.text.matches(token).count()
        )));
    };
    let text = [&prompt.text[..at], filling, &prompt.text[at + token.len()..]].concat();
    let moved = if at < prompt.question_at { filling.len() } else { token.len() };
    Ok((text, prompt.question_at + moved - token.len()))
}
