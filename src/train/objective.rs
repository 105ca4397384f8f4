//! What is minimised.

use burn::tensor::{Int, Tensor, activation};

use super::pack::Batch;
use super::student::Student;
use crate::error::Result;
use crate::model::Hooks;

/// One look at a batch.
pub struct Losses {
    /// Mean negative log probability of the answers (and ends), and `naming` times that of the patches' names.
    pub total: Tensor<1>,
    pub answer: Tensor<1>,
    /// Whether each answer was right, `[questions]`.
    pub right: Tensor<1, Int>,
}

/// Answers predicted from image and question; with weight `naming`, image tokens named through the embedding table.
pub fn losses(model: &Student, batch: &Batch, naming: f64) -> Result<Losses> {
    let hooks = &mut Hooks::none();
    let visual = model.walk().encode(&batch.prefix, hooks)?;
    let logits = answers(model, batch, visual.clone())?;
    let log_probability = activation::log_softmax(logits.clone(), 1);
    let labels: Tensor<2, Int> = batch.labels.clone().unsqueeze_dim(1);
    let answer = (log_probability.gather(1, labels).squeeze_dim::<1>(1) * batch.weights.clone()).sum().neg();
    let right = logits.narrow(0, 0, batch.answers).argmax(1).squeeze_dim::<1>(1);
    let right = right.equal(batch.labels.clone().narrow(0, 0, batch.answers)).int();
    let total = if naming > 0.0 { answer.clone() + named(model, batch, visual) * naming } else { answer.clone() };
    Ok(Losses { total, answer, right })
}

#[cfg(test)]
pub(super) fn answers_alone(model: &Student, batch: &Batch) -> Result<Tensor<2>> {
    let visual = model.walk().encode(&batch.prefix, &mut Hooks::none())?;
    answers(model, batch, visual)
}

/// Logits at the rows where a token is predicted, `[rows, vocabulary]`.
fn answers(student: &Student, batch: &Batch, visual: Tensor<3>) -> Result<Tensor<2>> {
    let (model, hooks) = (student.walk(), &mut Hooks::none());
    let mut prefix = model.embed(&batch.prefix, visual, hooks)?;
    prefix.past = vec![None; model.depth()];
    let mut asked = student.asked(&batch.prefix, batch.questions.clone())?;
    asked.past = vec![None; model.depth()];
    for layer in 0..model.depth() {
        prefix = model.block(layer, prefix, hooks)?;
        asked.past[layer] = prefix.past[layer].take().map(|past| past.shared_by(batch.per_image));
        asked = model.block(layer, asked, hooks)?;
        asked.past[layer] = None;
    }
    let [questions, tokens, width] = asked.residual.dims();
    let rows = asked.residual.reshape([questions * tokens, width]).select(0, batch.rows.clone());
    Ok(model.readout(rows.unsqueeze_dim(0), hooks)?.squeeze_dim(0))
}

/// Mean negative log probability of colour and shape words, reading each image token through the embedding table.
fn named(model: &Student, batch: &Batch, visual: Tensor<3>) -> Tensor<1> {
    let [images, patches, width] = visual.dims();
    let tokens = visual.reshape([images * patches, width]);
    let length = (tokens.clone().square().mean_dim(1) + 1e-5).sqrt();
    let sharpness = 2.0 / (width as f64).sqrt();
    let logits = (tokens / length).matmul(model.words().transpose()) * sharpness;
    let log_probability = activation::log_softmax(logits, 1);
    let names = log_probability.gather(1, batch.names.clone()).mean_dim(1).squeeze_dim::<1>(1);
    (names * batch.name_weights.clone()).sum().neg()
}
