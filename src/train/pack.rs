//! Lessons to one batch: the image and what stands before the question once, every question as a continuation of its own.
//!
//! A question attends to the shared prefix and to itself, at the positions it would have alone. So several questions an
//! image cost little, and each is exactly the prompt that the model will be asked later.

use std::collections::HashMap;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::lesson::{Lesson, Turn};
use crate::dataset::PixelBox;
use crate::error::{Error, Result};
use crate::model::Inputs;
use crate::processor::{Picture, Prepared, Processor};

/// Token that image tokens without an object are to be named by.
const NOTHING: u32 = 0;

/// Turns samples into batches on the host.
pub struct Packer<'p> {
    processor: &'p Processor,
    eos: u32,
    /// Ids of a whole prompt and of the answer's first token, by question and answer, which are few and come again.
    prompts: HashMap<String, (Vec<u32>, u32)>,
    /// What prompts are made about: one of the pictures or videos, which are all of one shape.
    shown: Option<Picture>,
}

/// A batch on the host.
pub struct Packed {
    prefix: Vec<Prepared>,
    /// Ids of a question with its answer, behind the prefix; `per_image` of them for each image.
    questions: Vec<Question>,
    per_image: usize,
    prefix_length: usize,
    /// For each image token of each image, the words for what it shows; none where there is nothing to name.
    names: Vec<Vec<u32>>,
}

struct Question {
    ids: Vec<u32>,
    /// Where the last prompt token stands in `ids`; the answer follows it.
    last: usize,
    weight: f32,
}

/// The same on a device.
pub struct Batch {
    pub prefix: Inputs,
    pub per_image: usize,
    /// `[images * per_image, tokens]`.
    pub questions: Tensor<2, Int>,
    /// Rows of the flattened questions at which a token is predicted: first all answers, then all ends.
    pub rows: Tensor<1, Int>,
    /// What is right there.
    pub labels: Tensor<1, Int>,
    /// Their weights, which sum to 1.
    pub weights: Tensor<1>,
    /// `[images * image tokens, words]`.
    pub names: Tensor<2, Int>,
    /// Weights of the image tokens, which sum to 1: half on objects, half on the rest.
    pub name_weights: Tensor<1>,
    /// How many of `rows` are answers.
    pub answers: usize,
}

/// The end token is easy and must not drown the answers.
const END_WEIGHT: f32 = 0.05;

impl<'p> Packer<'p> {
    pub fn new(processor: &'p Processor) -> Result<Self> {
        let eos = *processor.eos_ids().first().ok_or_else(|| Error::data("the tokenizer has no end token"))?;
        Ok(Self { processor, eos, prompts: HashMap::new(), shown: None })
    }

    /// The token that ends an answer.
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// Packs lessons; each image gets as many questions as the image with most, the missing ones without weight.
    pub fn pack(&mut self, lessons: &[Lesson]) -> Result<Packed> {
        let per_image = lessons.iter().map(|lesson| lesson.turns.len()).max().unwrap_or(0);
        let mut packed =
            Packed { prefix: Vec::new(), questions: Vec::new(), per_image, prefix_length: 0, names: Vec::new() };
        for lesson in lessons {
            let first = lesson.turns.first().ok_or_else(|| Error::data("a lesson without questions"))?;
            let shown = self.processor.shown(&lesson.frames)?;
            self.shown.get_or_insert_with(|| shown.clone());
            let mut prefix = self.processor.ask(shown, &first.question, &[])?;
            packed.prefix_length = prefix.map.visual().last().map_or(0, |last| last + 1);
            for turn in &lesson.turns {
                let question = self.question(turn, packed.prefix_length)?;
                packed.questions.push(question);
            }
            for _ in lesson.turns.len()..per_image {
                let mut idle = self.question(first, packed.prefix_length)?;
                idle.weight = 0.0;
                packed.questions.push(idle);
            }
            packed.names.extend(self.names(lesson, &prefix)?);
            prefix.ids.truncate(packed.prefix_length);
            packed.prefix.push(prefix);
        }
        Ok(packed)
    }

    fn question(&mut self, turn: &Turn, prefix: usize) -> Result<Question> {
        let (prompt, answer) = self.prompt(&turn.question, &turn.answer)?;
        let mut ids = prompt[prefix..].to_vec();
        let last = ids.len() - 1;
        ids.push(answer);
        Ok(Question { ids, last, weight: 1.0 })
    }

    /// Ids of the whole prompt, and the token that would start the answer.
    fn prompt(&mut self, question: &str, answer: &str) -> Result<(Vec<u32>, u32)> {
        let key = format!("{question} {answer}");
        if let Some(known) = self.prompts.get(&key) {
            return Ok(known.clone());
        }
        let shown =
            self.shown.clone().ok_or_else(|| Error::data("a question before there is anything to ask about"))?;
        let prepared = self.processor.ask(shown, question, &[answer.to_owned()])?;
        let first = prepared.map.options.first().ok_or_else(|| Error::data("an answer without tokens"))?.first_id;
        self.prompts.insert(key, (prepared.ids.clone(), first));
        Ok((prepared.ids, first))
    }

    /// For each image token, the words for what covers its centre in its first frame.
    fn names(&mut self, lesson: &Lesson, prepared: &Prepared) -> Result<Vec<Vec<u32>>> {
        let map = &prepared.map;
        let (geometry, moments) = (&map.geometry, map.mosaic.moments.max(1));
        let frames = lesson.frames.len().div_ceil(moments);
        let (rows, height) = (geometry.grid.rows / moments, f64::from(geometry.image_height) / moments as f64);
        let tokens = geometry.grid.patches().map(|patch| (patch.row / rows, geometry.patch_rect(patch)));
        let here = |(moment, rect): (usize, PixelBox)| {
            let (frame, above) = (moment * frames, moment as f64 * height);
            let (x, y) = ((rect.x1 + rect.x2) / 2.0, (rect.y1 + rect.y2) / 2.0 - above);
            let covers = |place: PixelBox| place.x1 < x && x < place.x2 && place.y1 < y && y < place.y2;
            lesson.named.iter().find(|named| named.frame == frame && covers(named.place))
        };
        let words: Vec<&[&str]> = tokens.map(|token| here(token).map_or(&[][..], |named| &named.words)).collect();
        words.into_iter().map(|words| words.iter().map(|word| self.word(word)).collect()).collect()
    }

    fn word(&mut self, word: &str) -> Result<u32> {
        Ok(self.prompt("", word)?.1)
    }
}

impl Packed {
    pub fn onto(&self, device: &Device, eos: u32) -> Result<Batch> {
        let prefix = Inputs::collate(&self.prefix.iter().collect::<Vec<_>>(), device)?;
        let tokens = self.questions.iter().map(|question| question.ids.len()).max().unwrap_or(0);
        let count = self.questions.len();
        let padded = |question: &Question| {
            question.ids.iter().map(|&id| i64::from(id)).chain(std::iter::repeat(0)).take(tokens).collect::<Vec<_>>()
        };
        let ids: Vec<i64> = self.questions.iter().flat_map(padded).collect();
        let row = |(index, question): (usize, &Question)| (index * tokens + question.last) as i64;
        let answers = self.questions.iter().enumerate().map(row);
        let ends = self.questions.iter().enumerate().map(|pair| row(pair) + 1);
        let rows: Vec<i64> = answers.chain(ends).collect();
        let right = |question: &Question| i64::from(question.ids[question.last + 1]);
        let labels: Vec<i64> =
            self.questions.iter().map(right).chain(std::iter::repeat_n(i64::from(eos), count)).collect();
        let asked = self.questions.iter().map(|question| question.weight);
        let total: f32 = asked.clone().sum();
        let weights: Vec<f32> = asked
            .clone()
            .map(|weight| (1.0 - END_WEIGHT) * weight / total)
            .chain(asked.map(|weight| END_WEIGHT * weight / total))
            .collect();
        let empty = self.names.iter().filter(|words| words.is_empty()).count();
        let (bare, full) = (0.5 / empty.max(1) as f32, 0.5 / (self.names.len() - empty).max(1) as f32);
        let name_weights: Vec<f32> =
            self.names.iter().map(|words| if words.is_empty() { bare } else { full }).collect();
        let most = self.names.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let filled = |words: &Vec<u32>| {
            words
                .iter()
                .map(|&id| i64::from(id))
                .chain(std::iter::repeat(i64::from(NOTHING)))
                .take(most)
                .collect::<Vec<_>>()
        };
        let names: Vec<i64> = self.names.iter().flat_map(filled).collect();
        Ok(Batch {
            prefix,
            per_image: self.per_image,
            questions: Tensor::from_data(TensorData::new(ids, [count, tokens]), device),
            rows: Tensor::from_data(rows.as_slice(), device),
            labels: Tensor::from_data(labels.as_slice(), device),
            weights: Tensor::from_data(weights.as_slice(), device),
            names: Tensor::from_data(TensorData::new(names, [self.names.len(), most]), device),
            name_weights: Tensor::from_data(name_weights.as_slice(), device),
            answers: count,
        })
    }
}
