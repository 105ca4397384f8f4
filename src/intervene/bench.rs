//! What a design may measure before its sweep.

use std::path::Path;

use burn::tensor::Tensor;

use super::unit::{Prompt, Run};
use crate::dataset::{Dataset, Item};
use crate::error::Result;
use crate::model::{Effect, Hook, Hooks, Inputs, Site, VisionLanguage};
use crate::processor::{Layout, Processor};

/// The model and the items, for fitting.
pub struct Bench<'a> {
    pub model: &'a dyn VisionLanguage,
    pub processor: &'a Processor,
    /// The checkpoint's folder.
    pub checkpoint: &'a Path,
    pub dataset: &'a dyn Dataset,
    /// The items that the study takes, of this intervention's dataset.
    pub items: &'a [Item],
    pub seed: u64,
    /// Items of a forward pass.
    pub batch: usize,
}

impl Bench<'_> {
    /// A run made ready for the model.
    pub fn prepare(&self, run: &Run) -> Result<Prompt> {
        let shown = self.processor.shown(&run.frames(self.dataset)?);
        let prepared = shown.and_then(|shown| self.processor.ask(shown, &run.item.question, &run.item.options));
        let prepared = prepared.map_err(|error| error.within(format!("item `{}`", run.name())))?;
        Ok(Prompt { layout: Layout::new(&run.item, &prepared.map, self.seed), item: run.item.clone(), prepared })
    }

    /// Runs the model over `runs`, batch by batch in their order, and hands over each batch's states at each of the sites
    /// (`[batch, tokens, width]`), in the order of the walk, with the prompts they belong to.
    ///
    /// Prompts of different lengths are padded on the right; look at `prepared.map.len`.
    pub fn visit(&self, runs: &[Run], sites: &[Site], take: &mut Take<'_>) -> Result<()> {
        self.visit_through(runs, sites, &mut |_| Ok(None), take)
    }

    /// As [`visit`](Self::visit), each batch rewritten on its way by the hook that `through` makes for its prompts.
    pub fn visit_through(
        &self,
        runs: &[Run],
        sites: &[Site],
        through: &mut Through<'_>,
        take: &mut Take<'_>,
    ) -> Result<()> {
        for batch in runs.chunks(self.batch.max(1)) {
            let prompts: Vec<Prompt> = batch.iter().map(|run| self.prepare(run)).collect::<Result<_>>()?;
            let prepared: Vec<_> = prompts.iter().map(|prompt| &prompt.prepared).collect();
            let inputs = Inputs::collate(&prepared, &self.model.device())?;
            let mut rewrites = through(&prompts)?;
            let mut tap = Visit { sites, prompts: &prompts, take };
            let mut hooks = Hooks::none();
            if let Some(rewrites) = &mut rewrites {
                hooks.push(rewrites.as_mut());
            }
            hooks.push(&mut tap);
            self.model.run(&inputs, &mut hooks)?;
        }
        Ok(())
    }
}

/// What is done with a batch's states at a site.
pub type Take<'a> = dyn FnMut(&[Prompt], Site, Tensor<3>) -> Result<()> + Send + 'a;

/// What a batch of prompts is rewritten by, if by anything.
pub type Through<'a> = dyn FnMut(&[Prompt]) -> Result<Option<Box<dyn Hook>>> + 'a;

struct Visit<'a, 't> {
    sites: &'a [Site],
    prompts: &'a [Prompt],
    take: &'a mut Take<'t>,
}

impl Hook for Visit<'_, '_> {
    fn sites(&self) -> &[Site] {
        self.sites
    }

    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        (self.take)(self.prompts, site, tokens.clone())?;
        Ok(tokens)
    }
}
