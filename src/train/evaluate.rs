//! Accuracy on the held-out test sets, by relation and familiarity.

use std::collections::BTreeMap;

use crate::dataset::{self, Familiarity, Item};
use crate::error::Result;
use crate::model::{Hooks, Inputs, VisionLanguage};
use crate::processor::{Prepared, Processor};
use crate::record::choose;

/// Items a forward pass.
const BATCH: usize = 30;

/// Right answers of a stratum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub dataset: String,
    pub stratum: String,
    pub right: usize,
    pub n: usize,
}

/// Answers `limit` items of each test set, evenly over all of them: the option whose first token is most probable.
pub fn evaluate(model: &dyn VisionLanguage, processor: &Processor, sets: &[&str], limit: usize) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    for &name in sets {
        let dataset = dataset::open(name)?;
        let every = dataset.items().len().div_ceil(limit.max(1)).max(1);
        let items: Vec<&Item> = dataset.items().iter().step_by(every).collect();
        let mut strata: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for batch in items.chunks(BATCH) {
            let prepared = batch
                .iter()
                .map(|item| processor.ask(processor.shown(&dataset.frames(item)?)?, &item.question, &item.options))
                .collect::<Result<Vec<Prepared>>>()?;
            let inputs = Inputs::collate(&prepared.iter().collect::<Vec<_>>(), &model.device())?;
            let logits = model.run(&inputs, &mut Hooks::none())?;
            let [_, vocabulary] = logits.dims();
            let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
            for ((item, prepared), logits) in batch.iter().zip(&prepared).zip(logits.chunks(vocabulary)) {
                let answer = choose(item, &prepared.map.options, logits, None);
                for stratum in strata_of(item) {
                    let (right, n) = strata.entry(stratum).or_default();
                    *right += usize::from(answer.correct);
                    *n += 1;
                }
            }
        }
        tallies.extend(strata.into_iter().map(|(stratum, (right, n))| Tally {
            dataset: name.to_owned(),
            stratum,
            right,
            n,
        }));
    }
    Ok(tallies)
}

fn strata_of(item: &Item) -> impl Iterator<Item = String> {
    let familiarity = item.familiarity.map(|familiarity| match familiarity {
        Familiarity::Familiar => "familiar".to_owned(),
        Familiarity::Unfamiliar => "unfamiliar".to_owned(),
    });
    std::iter::once("all".to_owned()).chain(item.relation.clone()).chain(familiarity)
}

/// The tallies in one line.
pub fn line(tallies: &[Tally]) -> String {
    let one = |tally: &Tally| {
        let set = tally.dataset.rsplit('/').next().unwrap_or_default();
        format!("{set} {} {:.1} %", tally.stratum, 100.0 * tally.right as f64 / tally.n.max(1) as f64)
    };
    tallies.iter().map(one).collect::<Vec<_>>().join(", ")
}
