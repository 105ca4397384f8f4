//! T5 as the scaling design does it: the prompt once, then its last position once more for all alphas side by side.

use vlmscope::intervene::{Alpha, Operator, Reach, Scale, Scaling};
use vlmscope::model::{Hooks, Rows, Site};

use super::{Arm, Opened, Side};
use crate::Fallible;
use crate::task::Outputs;

pub struct Alphas(pub Opened);

impl Alphas {
    /// Logit differences: of the untouched run, and at each alpha.
    fn sweep(&self, item: usize) -> Fallible<(f32, Vec<f32>)> {
        let (model, about, hooks) = (self.0.model.as_ref(), &self.0.about, &mut Hooks::none());
        let inputs = self.0.inputs(&[item], Side::Clean);
        let visual = model.encode(&inputs, hooks)?;
        let start = model.embed(&inputs, visual, hooks)?;
        let mut stream = start.clone();
        stream.past = vec![None; model.depth()];
        let stream = model.blocks(0, stream, hooks)?;
        let untouched = self.0.differences(model.readout(stream.last(), hooks)?.squeeze_dim(1))?;
        let times = about.alphas.len();
        let heads = model.sites().iter().filter(|spec| matches!(spec.site, Site::LmHead(0, _))).count();
        let reach = Reach {
            sites: (0..model.depth()).map(Site::LmScores).collect(),
            rows: Rows::All,
            columns: vec![vec![about.image.clone()]],
            // Behind the prompt without its last position, each row has a column of its own.
            keys: inputs.lengths[0] - 1 + times,
            heads: None,
            of_heads: heads,
        };
        let scaling = |&alpha: &f64| Ok(Scaling { operator: Operator::Raw, alpha: Alpha::new(alpha)? });
        let scalings = about.alphas.iter().map(scaling).collect::<Fallible<Vec<_>>>()?;
        let mut scale = Scale::new(reach, &scalings, &model.device());
        let hooks = &mut Hooks::one(&mut scale);
        let again = model.blocks(0, start.last_again(&stream.past, times)?, hooks)?;
        let scaled = self.0.differences(model.readout(again.residual, hooks)?.squeeze_dim(0))?;
        Ok((untouched[0], scaled))
    }
}

impl Arm for Alphas {
    fn run(&mut self, first: usize, count: usize) -> Fallible<u64> {
        (first..first + count).try_for_each(|item| self.sweep(item).map(drop))?;
        Ok(0)
    }

    fn outputs(&mut self) -> Fallible<Outputs> {
        let (untouched, scaled) = self.sweep(0)?;
        let effects: Vec<f32> = scaled.iter().map(|scaled| scaled - untouched).collect();
        Ok(Outputs::from([("effects".into(), (vec![effects.len()], effects))]))
    }
}
