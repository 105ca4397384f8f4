//! Several arms in one forward pass: each sees its own rows of the batch.

use std::ops::Range;

use burn::tensor::Tensor;

use super::arm::Arm;
use crate::error::{Error, Result};
use crate::model::{Effect, Hook, Rows, Site};
use crate::record::numbers;

/// Arms side by side along the batch axis, as one hook. Measures what each changes at its first site.
pub struct Stack<'a> {
    arms: &'a mut [Arm],
    /// The rows of each arm.
    ranges: Vec<Range<usize>>,
    sites: Vec<Site>,
    /// Of each row: root mean square of the change over that of the state, at the written positions; `None` where nothing
    /// is written.
    pub change: Vec<Option<f64>>,
}

impl<'a> Stack<'a> {
    pub fn new(arms: &'a mut [Arm]) -> Self {
        let mut end = 0;
        let ranges = arms.iter().map(|arm| {
            let begin = end;
            end += arm.units.len();
            begin..end
        });
        let ranges: Vec<_> = ranges.collect();
        let mut sites: Vec<Site> = arms.iter().flat_map(|arm| arm.hook.sites().iter().copied()).collect();
        sites.sort_unstable();
        sites.dedup();
        Self { arms, ranges, sites, change: vec![None; end] }
    }

    /// Units of the batch, row by row.
    pub fn rows(arms: &[Arm]) -> Vec<usize> {
        arms.iter().flat_map(|arm| arm.units.iter().copied()).collect()
    }

    /// Whether an arm can share a pass with others: it looks at tokens only.
    pub fn takes(arm: &Arm) -> bool {
        !arm.hook.sites().iter().any(|site| site.is_attention())
    }
}

impl Hook for Stack<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, site: Site) -> Rows {
        // An arm that looks at attention has the pass to itself.
        self.arms.first().map_or(Rows::Last, |arm| arm.hook.rows(site))
    }

    fn effect(&self) -> Effect {
        let rewrites = |arm: &Arm| arm.hook.effect() == Effect::Rewrites;
        if self.arms.iter().any(rewrites) { Effect::Rewrites } else { Effect::Reads }
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let mut parts = Vec::with_capacity(self.arms.len());
        for (arm, range) in self.arms.iter_mut().zip(&self.ranges) {
            let own = tokens.clone().narrow(0, range.start, range.len());
            if !arm.hook.sites().contains(&site) {
                parts.push(own);
                continue;
            }
            let returned = arm.hook.tokens(site, own.clone())?;
            let after = if arm.hook.effect() == Effect::Rewrites { returned } else { own.clone() };
            if site == arm.labels.site {
                let change = change(own, after.clone(), &arm.written)?;
                self.change[range.clone()].clone_from_slice(&change);
            }
            parts.push(after);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 0) })
    }

    fn attention(&mut self, site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        match self.arms {
            [only] => only.hook.attention(site, rows),
            _ => Err(Error::data("arms that look at attention cannot share a forward pass")),
        }
    }
}

/// Of each unit: rms of `after - before` over rms of `before`, at the written positions.
fn change(before: Tensor<3>, after: Tensor<3>, written: &[Vec<usize>]) -> Result<Vec<Option<f64>>> {
    let [_, count, _] = before.dims();
    let squares = |x: Tensor<3>| numbers(x.powi_scalar(2).sum_dim(2).into_data());
    let (changed, there) = (squares(after - before.clone())?, squares(before)?);
    let ratio = |(unit, positions): (usize, &Vec<usize>)| {
        let sum = |of: &[f32]| {
            positions.iter().filter_map(|at| of.get(unit * count + at)).map(|&x| f64::from(x)).sum::<f64>()
        };
        let state = sum(&there);
        (!positions.is_empty() && state > 0.0).then(|| (sum(&changed) / state).sqrt())
    };
    Ok(written.iter().enumerate().map(ratio).collect())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::super::arm::Labels;
    use super::super::overwrite::Apply;
    use super::*;

    fn arm(site: Site, units: Vec<usize>, factor: f32) -> Arm {
        let written = vec![vec![1]; units.len()];
        let hook = Apply::new(vec![site], written.clone(), move |_, rows: Tensor<2>| Ok(rows * factor));
        Arm { labels: Labels::new("scaled", site, "image"), units, written, hook: Box::new(hook) }
    }

    #[test]
    fn each_arm_sees_and_changes_its_own_rows() {
        let site = Site::LmResid(0);
        let mut arms = [arm(site, vec![4, 2], 3.0), arm(Site::LmResid(1), vec![2], 5.0), arm(site, vec![0], 0.0)];
        assert_eq!(Stack::rows(&arms), [4, 2, 2, 0]);
        let tokens = Tensor::<3>::ones([4, 2, 1], &Device::flex());
        let mut stack = Stack::new(&mut arms);
        let after: Vec<f32> = stack.tokens(site, tokens).unwrap().into_data().try_into_vec().unwrap();
        assert_eq!(after, [1.0, 3.0, 1.0, 3.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(stack.change, [Some(2.0), Some(2.0), None, Some(1.0)]);
    }
}
