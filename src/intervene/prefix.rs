//! The clean runs of a batch, kept so that their last position can be run again at the price of a decoding step.

use burn::tensor::Tensor;

use super::answers::Reading;
use super::batch::Batch;
use super::clean::Clean;
use crate::error::{Error, Result};
use crate::model::layers::KeyValue;
use crate::model::{Hooks, language};
use crate::processor::AnswerForms;
use crate::record::numbers;

/// The clean runs of a batch, with the keys and values of every position.
pub struct Prefix<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) clean: &'a Clean,
    pub(super) forms: &'a [AnswerForms],
}

/// What a pass left: logits, and the keys and values to go on from.
pub struct Passed {
    /// `[units, rows, vocabulary]`.
    pub logits: Tensor<3>,
    past: Vec<Option<KeyValue>>,
    /// Of the positions that all rows share.
    seen: usize,
}

impl Prefix<'_> {
    /// The last position of every unit, `times` times side by side; whatever hooks do to one of these rows, the others do not
    /// see. At attention sites the columns are those of the prompt, its last one left out, and then the rows' own.
    pub fn again(&self, times: usize, hooks: &mut Hooks<'_>) -> Result<Passed> {
        let model = self.batch.model;
        let stream = self.clean.stream.last_again(&self.clean.past, times)?;
        let [_, tokens, _] = self.clean.stream.residual.dims();
        let stream = model.blocks(0, stream, hooks)?;
        Ok(Passed { logits: model.readout(stream.residual, hooks)?, past: stream.past, seen: tokens.saturating_sub(1) })
    }

    /// Every position of every unit, from `lm.0.resid` on; only the last is read out.
    pub fn whole(&self, hooks: &mut Hooks<'_>) -> Result<Passed> {
        let model = self.batch.model;
        let mut stream = self.clean.stream.clone();
        stream.past = vec![None; model.depth()];
        let [_, tokens, _] = stream.residual.dims();
        let stream = model.blocks(0, stream, hooks)?;
        Ok(Passed { logits: model.readout(stream.last(), hooks)?, past: stream.past, seen: tokens.saturating_sub(1) })
    }

    /// What each row of each unit answers, unit by unit.
    pub fn readings(&self, passed: &Passed) -> Result<Vec<Vec<Reading>>> {
        let [_, rows, vocabulary] = passed.logits.dims();
        let logits = numbers(passed.logits.clone().into_data())?;
        let units = logits.chunks_exact(rows * vocabulary).zip(self.forms).enumerate();
        units
            .map(|(unit, (rows, forms))| {
                let read = |row: &[f32]| Reading::of(row, forms);
                let readings: Result<Vec<Reading>> = rows.chunks_exact(vocabulary).map(read).collect();
                readings.map_err(|error| error.within(format!("item `{}`", self.batch.units[unit].id)))
            })
            .collect()
    }

    /// Greedy text of one row of a unit, at most `limit` tokens: the first is what the pass says, the others follow from the
    /// untouched model, as in the code that scaling comes from, which scales in the prompt's pass alone.
    pub fn text(&self, passed: &Passed, unit: usize, row: usize, limit: usize) -> Result<String> {
        let model = self.batch.model;
        let positions = model.positions(&self.clean.inputs)?;
        let next = positions.get(unit).map(|prompt| language::farthest(prompt));
        let next = next.ok_or_else(|| Error::data(format!("unit {unit} has no prompt")))?;
        let own: Vec<usize> = (0..passed.seen).chain([passed.seen + row]).collect();
        let past = passed.past.iter().map(|layer| layer.as_ref().map(|known| known.of(unit, &own))).collect();
        let logits = passed.logits.clone().narrow(0, unit, 1).narrow(1, row, 1);
        let ids = model.go_on(logits, past, next, limit, self.batch.processor.eos_ids())?;
        self.batch.processor.decode(&ids)
    }
}
