//! Linear edits on the device: the hook that steers and erases.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array1, Array2};

use super::overwrite::Apply;
use crate::error::Result;
use crate::model::{Effect, Hook, Site};
use crate::record::numbers;
use crate::stats::edit::{Edit, Length, LowRank};

/// The change that a unit's states undergo at dose 1.
#[derive(Clone, Debug)]
pub enum Change {
    /// `left (right x) + offset`: `[rank, width]` transposed, `[width, rank]` transposed, `[1, width]`.
    Map { right: Tensor<2>, left: Tensor<2>, offset: Tensor<2> },
    /// `left (right x) + offset` with an offset a row, `[rows, width]`.
    Rows { map: Option<(Tensor<2>, Tensor<2>)>, offset: Tensor<2> },
}

impl Change {
    /// `left right (x - mean)`.
    pub fn low_rank(map: &LowRank, device: &Device) -> Self {
        let offset = -map.left.dot(&map.right.dot(&map.mean));
        Self::Map {
            right: matrix(&map.right.t().to_owned(), device),
            left: matrix(&map.left.t().to_owned(), device),
            offset: row(&offset, device),
        }
    }

    /// As [`low_rank`](Self::low_rank), each row with a mean of its own: `means` is `[rows, width]`.
    pub fn low_rank_about(map: &LowRank, means: &Array2<f64>, device: &Device) -> Self {
        let offset = -means.dot(&map.right.t()).dot(&map.left.t());
        let maps = (matrix(&map.right.t().to_owned(), device), matrix(&map.left.t().to_owned(), device));
        Self::Rows { map: Some(maps), offset: matrix(&offset, device) }
    }

    /// The same whatever the states, `[rows, width]`.
    pub fn constant(rows: &Array2<f64>, device: &Device) -> Self {
        Self::Rows { map: None, offset: matrix(rows, device) }
    }

    /// An [`Edit`] of states with these signs, one a row.
    pub fn edit(edit: &Edit, signs: &[f64], device: &Device) -> Self {
        match edit {
            Edit::Map(map) => Self::low_rank(map, device),
            Edit::Add(vector) => {
                Self::constant(&Array2::from_shape_fn((signs.len(), vector.len()), |(_, i)| vector[i]), device)
            }
            Edit::AddSigned(vector) => {
                let rows = Array2::from_shape_fn((signs.len(), vector.len()), |(token, i)| signs[token] * vector[i]);
                Self::constant(&rows, device)
            }
        }
    }

    /// Of states `[rows, width]`.
    fn of(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Map { right, left, offset } => x.matmul(right.clone()).matmul(left.clone()) + offset.clone(),
            Self::Rows { map: None, offset } => offset.clone(),
            Self::Rows { map: Some((right, left)), offset } => {
                x.matmul(right.clone()).matmul(left.clone()) + offset.clone()
            }
        }
    }
}

/// What one unit undergoes at one site.
#[derive(Clone, Debug)]
pub struct Step {
    pub change: Arc<Change>,
    /// A null is scaled so that it moves the unit's states exactly as far, in root mean square, as this change does.
    pub as_far_as: Option<Arc<Change>>,
}

/// How hard, and whether tokens keep their norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dose {
    pub dose: f64,
    pub length: Length,
}

/// A hook that adds `dose` times its change to the states at each unit's positions; `steps[site][unit]`.
pub fn steer(sites: Vec<Site>, positions: Vec<Vec<usize>>, steps: Vec<Vec<Step>>, dose: Dose) -> Box<dyn Hook> {
    let counts: Vec<usize> = positions.iter().map(Vec::len).collect();
    let known = sites.clone();
    Box::new(Apply::new(sites, positions, move |site, rows: Tensor<2>| {
        let steps = known.iter().position(|known| *known == site).and_then(|at| steps.get(at));
        let mut start = 0;
        let mut parts = Vec::with_capacity(counts.len());
        for (unit, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let own = rows.clone().narrow(0, start, count);
            start += count;
            parts.push(match steps.and_then(|steps| steps.get(unit)) {
                Some(step) => stepped(own, step, dose)?,
                None => own,
            });
        }
        Ok(Tensor::cat(parts, 0))
    }))
}

/// Several hooks as one, each at sites of its own.
pub struct Both {
    hooks: Vec<Box<dyn Hook>>,
    sites: Vec<Site>,
}

impl Both {
    pub fn new(hooks: Vec<Box<dyn Hook>>) -> Self {
        Self { sites: hooks.iter().flat_map(|hook| hook.sites().iter().copied()).collect(), hooks }
    }
}

impl Hook for Both {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn effect(&self) -> Effect {
        Effect::Rewrites
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let mut here = self.hooks.iter_mut().filter(|hook| hook.sites().contains(&site));
        here.try_fold(tokens, |tokens, hook| hook.tokens(site, tokens))
    }
}

fn stepped(x: Tensor<2>, step: &Step, Dose { dose, length }: Dose) -> Result<Tensor<2>> {
    let mut change = step.change.of(x.clone()) * dose;
    if let Some(real) = &step.as_far_as {
        let (far, own) = (squares(real.of(x.clone()) * dose)?, squares(change.clone())?);
        change = change * if own > 0.0 { (far / own).sqrt() } else { 0.0 };
    }
    let after = x.clone() + change;
    Ok(match length {
        Length::Free => after,
        Length::Kept => {
            let norm = |x: Tensor<2>| x.powi_scalar(2).sum_dim(1).sqrt();
            let scale = norm(x) / norm(after.clone()).clamp_min(f32::MIN_POSITIVE);
            after * scale
        }
    })
}

/// Sum of squares, added up in `f64`.
fn squares(x: Tensor<2>) -> Result<f64> {
    Ok(numbers(x.powi_scalar(2).sum_dim(1).into_data())?.into_iter().map(f64::from).sum())
}

/// To the device, in `f32`.
pub(super) fn matrix(values: &Array2<f64>, device: &Device) -> Tensor<2> {
    let flat: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(flat, [values.nrows(), values.ncols()]), device)
}

fn row(values: &Array1<f64>, device: &Device) -> Tensor<2> {
    let flat: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(flat, [1, values.len()]), device)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::stats::edit::random::{normal, subspace};
    use crate::stats::seed::rng;

    const SITE: Site = Site::LmResid(0);

    fn states() -> Array2<f64> {
        normal(6, 5, &mut rng(1, "steer", 0))
    }

    /// Two units of three tokens each.
    fn tokens() -> Tensor<3> {
        matrix(&states(), &Device::flex()).reshape([2, 3, 5])
    }

    fn after(steps: Vec<Step>, positions: Vec<Vec<usize>>, dose: f64, length: Length) -> Array2<f64> {
        let mut hook = steer(vec![SITE], positions, vec![steps], Dose { dose, length });
        let values: Vec<f32> = hook.tokens(SITE, tokens()).unwrap().into_data().try_into_vec().unwrap();
        Array2::from_shape_fn((6, 5), |(token, i)| f64::from(values[token * 5 + i]))
    }

    fn plain(change: Change) -> Step {
        Step { change: Arc::new(change), as_far_as: None }
    }

    fn close(a: &Array2<f64>, b: &Array2<f64>) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5), "{a} is not {b}");
    }

    #[test]
    fn the_device_does_what_the_formulas_say() {
        let device = Device::flex();
        let w = normal(5, 2, &mut rng(2, "steer", 0));
        let mean = array![0.3, -0.2, 0.1, 0.0, 1.0];
        let edits = [
            Edit::gain_raw(w.view()),
            Edit::gain_projected(w.view(), mean.clone()).unwrap(),
            Edit::add(w.view(), 2.0).unwrap(),
            Edit::add_signed(&w.column(0).to_owned(), 2.0).unwrap(),
        ];
        let signs = [1.0, 0.0, -1.0];
        for edit in &edits {
            for length in [Length::Free, Length::Kept] {
                let steps = vec![plain(Change::edit(edit, &signs, &device)); 2];
                let found = after(steps, vec![vec![0, 1, 2]; 2], 1.5, length);
                let expected = edit.apply(states().view(), &[signs, signs].concat(), 1.5, length);
                close(&found, &expected);
            }
        }
    }

    #[test]
    fn erasing_about_means_of_its_own_leaves_those_means() {
        let device = Device::flex();
        let basis = subspace(5, 2, &mut rng(3, "steer", 0)).unwrap();
        let map = LowRank::projection(basis, Array1::zeros(5));
        let means = normal(3, 5, &mut rng(4, "steer", 0));
        let steps = vec![plain(Change::low_rank_about(&map, &means, &device)); 2];
        let found = after(steps, vec![vec![0, 1, 2]; 2], -1.0, Length::Free);
        for (token, row) in found.rows().into_iter().enumerate() {
            let mean = means.row(token % 3);
            let own = states();
            let expected = &mean + &map.complement().dot(&(&own.row(token) - &mean));
            assert!((&row - &expected).iter().all(|gap| gap.abs() < 1e-5));
        }
    }

    #[test]
    fn a_null_moves_each_unit_as_far_as_the_real_change() {
        let device = Device::flex();
        let direction = |index| Edit::gain_raw(subspace(5, 1, &mut rng(5, "steer", index)).unwrap().view());
        let change = |index| Arc::new(Change::edit(&direction(index), &[0.0; 3], &device));
        let real = vec![Step { change: change(0), as_far_as: None }; 2];
        let null = vec![Step { change: change(1), as_far_as: Some(change(0)) }; 2];
        let positions = || vec![vec![0, 2], vec![1]];
        let (real, null) = (after(real, positions(), -3.0, Length::Free), after(null, positions(), -3.0, Length::Free));
        for unit in 0..2 {
            let far = |edited: &Array2<f64>| {
                let gap = edited - &states();
                gap.rows().into_iter().skip(3 * unit).take(3).flatten().map(|gap| gap * gap).sum::<f64>()
            };
            assert!((far(&real) / far(&null) - 1.0).abs() < 1e-4 && far(&real) > 0.0);
        }
        // What no unit names is untouched, bit by bit.
        let untouched: Vec<f32> = tokens().into_data().try_into_vec().unwrap();
        for token in [1, 3, 5] {
            assert!((0..5).all(|i| null[[token, i]] as f32 == untouched[token * 5 + i]));
        }
    }
}
