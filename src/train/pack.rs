//! Samples to one batch: the image and what stands before the question once, every question as a continuation of its own.
//!
//! A question attends to the shared prefix and to itself, at the positions it would have alone. So several questions an
//! image cost little, and each is exactly the prompt that the model will be asked later.

use std::collections::HashMap;

use burn::tensor::{Device, Int, Tensor, TensorData};
use image::RgbImage;

use crate::dataset::scenes::{CANVAS, NUMBERS, Sample, Turn};
use crate::error::{Error, Result};
use crate::model::Inputs;
use crate::processor::{Prepared, Processor};

/// Token that patches without an object are to be named by.
const NOTHING: u32 = 0;

/// Words that name a patch: colour, shape, column, row.
const NAMES: usize = 4;

/// Turns samples into batches on the host.
pub struct Packer<'p> {
    processor: &'p Processor,
    eos: u32,
    /// Ids of a whole prompt by its question; questions are few and come again.
    prompts: HashMap<String, Prepared>,
    blank: RgbImage,
}

/// A batch on the host.
pub struct Packed {
    prefix: Vec<Prepared>,
    /// Ids of a question with its answer, behind the prefix; `per_image` of them for each image.
    questions: Vec<Question>,
    per_image: usize,
    prefix_length: usize,
    /// For each patch of each image: tokens for the colour and shape of what it shows, and the column and row of its centre.
    names: Vec<[u32; NAMES]>,
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
    pub prefix_length: usize,
    pub per_image: usize,
    /// `[images * per_image, tokens]`.
    pub questions: Tensor<2, Int>,
    /// Rows of the flattened questions at which a token is predicted: first all answers, then all ends.
    pub rows: Tensor<1, Int>,
    /// What is right there.
    pub labels: Tensor<1, Int>,
    /// Their weights, which sum to 1.
    pub weights: Tensor<1>,
    /// `[images * patches, 4]`.
    pub names: Tensor<2, Int>,
    /// Weights of the patches, which sum to 1: half on objects, half on the rest.
    pub name_weights: Tensor<1>,
    /// How many of `rows` are answers.
    pub answers: usize,
}

/// The end token is easy and must not drown the answers.
const END_WEIGHT: f32 = 0.05;

impl<'p> Packer<'p> {
    pub fn new(processor: &'p Processor) -> Result<Self> {
        let eos = *processor.eos_ids().first().ok_or_else(|| Error::data("the tokenizer has no end token"))?;
        Ok(Self { processor, eos, prompts: HashMap::new(), blank: RgbImage::new(CANVAS, CANVAS) })
    }

    /// The token that ends an answer.
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// Packs samples; each image gets as many questions as the image with most, the missing ones without weight.
    pub fn pack(&mut self, samples: &[Sample]) -> Result<Packed> {
        let per_image = samples.iter().map(|sample| sample.turns.len()).max().unwrap_or(0);
        let mut packed =
            Packed { prefix: Vec::new(), questions: Vec::new(), per_image, prefix_length: 0, names: Vec::new() };
        for sample in samples {
            let first = sample.turns.first().ok_or_else(|| Error::data("a sample without questions"))?;
            let mut prefix = self.processor.prepare(&sample.image, &first.question, &[])?;
            packed.prefix_length = prefix.map.image.last().map_or(0, |last| last + 1);
            for turn in &sample.turns {
                let question = self.question(turn, packed.prefix_length)?;
                packed.questions.push(question);
            }
            for _ in sample.turns.len()..per_image {
                let mut idle = self.question(first, packed.prefix_length)?;
                idle.weight = 0.0;
                packed.questions.push(idle);
            }
            packed.names.extend(self.names(sample, &prefix)?);
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
        if !self.prompts.contains_key(&key) {
            let prepared = self.processor.prepare(&self.blank, question, &[answer.to_owned()])?;
            self.prompts.insert(key.clone(), prepared);
        }
        let prepared = &self.prompts[&key];
        let answer = prepared.map.options.first().ok_or_else(|| Error::data("an answer without tokens"))?;
        Ok((prepared.ids.clone(), answer.first_id))
    }

    /// For each patch, the words for what covers its centre: colour, shape, and where on the grid that thing's centre is.
    fn names(&mut self, sample: &Sample, prepared: &Prepared) -> Result<Vec<[u32; NAMES]>> {
        let geometry = &prepared.map.geometry;
        let (rows, cols) = (geometry.grid.rows, geometry.grid.cols);
        let side = f64::from(sample.scene.canvas);
        let mut names = Vec::with_capacity(rows * cols);
        for patch in 0..rows * cols {
            let x = ((patch % cols) as f64 + 0.5) * side / cols as f64;
            let y = ((patch / cols) as f64 + 0.5) * side / rows as f64;
            let here = sample.scene.entities.iter().find(|entity| {
                let half = f64::from(entity.size) / 2.0;
                (x - f64::from(entity.centre.x)).abs() < half && (y - f64::from(entity.centre.y)).abs() < half
            });
            names.push(match here {
                None => [NOTHING; NAMES],
                Some(entity) => {
                    let place = |centre: i32| NUMBERS[centre as usize * NUMBERS.len() / sample.scene.canvas as usize];
                    [
                        self.word(entity.identity.colour.word())?,
                        self.word(entity.identity.shape.word())?,
                        self.word(place(entity.centre.x))?,
                        self.word(place(entity.centre.y))?,
                    ]
                }
            });
        }
        Ok(names)
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
        let empty = self.names.iter().filter(|name| name[0] == NOTHING).count();
        let (bare, full) = (0.5 / empty.max(1) as f32, 0.5 / (self.names.len() - empty).max(1) as f32);
        let name_weights: Vec<f32> =
            self.names.iter().map(|name| if name[0] == NOTHING { bare } else { full }).collect();
        let names: Vec<i64> = self.names.iter().flatten().map(|&id| i64::from(id)).collect();
        Ok(Batch {
            prefix,
            prefix_length: self.prefix_length,
            per_image: self.per_image,
            questions: Tensor::from_data(TensorData::new(ids, [count, tokens]), device),
            rows: Tensor::from_data(rows.as_slice(), device),
            labels: Tensor::from_data(labels.as_slice(), device),
            weights: Tensor::from_data(weights.as_slice(), device),
            names: Tensor::from_data(TensorData::new(names, [self.names.len(), NAMES]), device),
            name_weights: Tensor::from_data(name_weights.as_slice(), device),
            answers: count,
        })
    }
}
