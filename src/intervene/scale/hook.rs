//! The hook that scales scores.

use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::operator::Scaling;
use crate::error::{Error, Result};
use crate::model::{Effect, Hook, Rows, Site};

/// Rewrites the scores of some query rows over some columns, in some heads, before mask and softmax.
pub struct Scale {
    /// `lm.*.scores`.
    sites: Vec<Site>,
    rows: Rows,
    /// Of each row, or of all alike: alpha, and the factors of the scores and of the shift, `[1, 1, rows or 1, 1]`.
    alpha: Tensor<4>,
    factor: Tensor<4>,
    shift: Tensor<4>,
    /// Where there is something to scale, `[units, 1, rows or 1, keys]`.
    columns: Tensor<4, Bool>,
    /// The same in the chosen heads alone, `[units, heads, rows or 1, keys]`.
    written: Tensor<4, Bool>,
}

/// Which entries of the scores are scaled.
#[derive(Clone, Debug)]
pub struct Reach<'a> {
    /// `lm.*.scores`.
    pub sites: Vec<Site>,
    pub rows: Rows,
    /// Of each unit and row (or one for all rows): its columns.
    pub columns: Vec<Vec<Vec<usize>>>,
    pub keys: usize,
    /// All heads where none are named.
    pub heads: Option<&'a [usize]>,
    /// How many there are.
    pub of_heads: usize,
}

impl Scale {
    /// One scaling for each row, or one for all.
    pub fn new(reach: Reach<'_>, scalings: &[Scaling], device: &Device) -> Self {
        let number = |of: &dyn Fn(&Scaling) -> f64| {
            let values: Vec<f32> = scalings.iter().map(|one| of(one) as f32).collect();
            Tensor::from_data(TensorData::new(values, [1, 1, scalings.len(), 1]), device)
        };
        let (units, rows) = (reach.columns.len(), reach.columns.first().map_or(0, Vec::len));
        let mut marked = Vec::with_capacity(units * rows * reach.keys);
        for columns in reach.columns.iter().flatten() {
            let from = marked.len();
            marked.resize(from + reach.keys, false);
            columns.iter().for_each(|&column| marked[from + column] = true);
        }
        let columns: Tensor<4, Bool> = Tensor::from_data(TensorData::new(marked, [units, 1, rows, reach.keys]), device);
        let wanted: Vec<bool> =
            (0..reach.of_heads).map(|head| reach.heads.is_none_or(|heads| heads.contains(&head))).collect();
        let wanted: Tensor<4, Bool> = Tensor::from_data(TensorData::new(wanted, [1, reach.of_heads, 1, 1]), device);
        let all = [units, reach.of_heads, rows, reach.keys];
        Self {
            sites: reach.sites,
            rows: reach.rows,
            alpha: number(&|one| one.alpha.get()),
            factor: number(&|one| one.operator.factors(one.alpha).0),
            shift: number(&|one| one.operator.factors(one.alpha).1),
            written: columns.clone().expand(all).bool_and(wanted.expand(all)),
            columns,
        }
    }

    /// `logsumexp` over the columns, `[units, heads, rows, 1]`.
    fn log_sum_exp(&self, scores: Tensor<4>) -> Tensor<4> {
        let shape = scores.dims();
        let there = scores.mask_fill(self.columns.clone().bool_not().expand(shape), f32::NEG_INFINITY);
        // A row without columns: whatever it gives is not written.
        let top = there.clone().max_dim(3).clamp_min(f32::MIN);
        (there - top.clone()).exp().sum_dim(3).log() + top
    }
}

impl Hook for Scale {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        self.rows.clone()
    }

    fn effect(&self) -> Effect {
        Effect::Rewrites
    }

    fn attention(&mut self, site: Site, scores: Tensor<4>) -> Result<Tensor<4>> {
        let ([units, heads, rows, keys], mask) = (scores.dims(), self.written.dims());
        if mask[0] != units || mask[1] != heads || mask[3] != keys || ![1, rows].contains(&mask[2]) {
            return Err(Error::data(format!("a scaling of {mask:?} does not fit `{site}`, {:?}", scores.dims())));
        }
        let shift = self.log_sum_exp(scores.clone()) - self.log_sum_exp(scores.clone() * self.alpha.clone());
        let scaled = scores.clone() * self.factor.clone() + shift * self.shift.clone();
        Ok(scores.mask_where(self.written.clone().expand([units, heads, rows, keys]), scaled))
    }
}

#[cfg(test)]
mod tests {
    use super::super::operator::{Alpha, Operator};
    use super::*;

    /// Scores of two heads over five keys, of which 1 and 2 are the image.
    const SCORES: [[f32; 5]; 2] = [[1.0, -2.0, -4.0, 0.5, 0.0], [0.0, -1.0, -3.0, 2.0, 1.0]];

    fn scaled(scalings: &[Scaling], heads: Option<&[usize]>) -> Vec<Vec<Vec<f64>>> {
        let device = Device::flex();
        let reach = Reach {
            sites: vec![Site::LmScores(0)],
            rows: Rows::Last,
            columns: vec![vec![vec![1, 2]]],
            keys: 5,
            heads,
            of_heads: 2,
        };
        let mut hook = Scale::new(reach, scalings, &device);
        let scores = Tensor::<3>::from_data(SCORES.map(|head| [head]), &device).unsqueeze_dim::<4>(0);
        let scores = scores.repeat_dim(2, scalings.len());
        let after: Vec<f32> = hook.attention(Site::LmScores(0), scores).unwrap().into_data().try_into_vec().unwrap();
        let rows: Vec<Vec<f64>> = after.chunks(5).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
        rows.chunks(scalings.len()).map(<[Vec<f64>]>::to_vec).collect()
    }

    fn softmax(scores: &[f64]) -> Vec<f64> {
        let total: f64 = scores.iter().map(|score| score.exp()).sum();
        scores.iter().map(|score| score.exp() / total).collect()
    }

    /// Share of the image, and of its first patch within it.
    fn looks(scores: &[f64]) -> (f64, f64) {
        let weights = softmax(scores);
        (weights[1] + weights[2], weights[1] / (weights[1] + weights[2]))
    }

    fn scaling(operator: Operator, alpha: f64) -> Scaling {
        Scaling { operator, alpha: Alpha::new(alpha).unwrap() }
    }

    #[test]
    fn raw_is_temperature_and_mass_together() {
        for alpha in [0.0, 0.5, 2.0] {
            let rows = [Operator::Raw, Operator::Temperature, Operator::Mass].map(|one| scaling(one, alpha));
            let after = scaled(&[rows[0], rows[1], rows[2], Scaling::NONE], None);
            for (head, rows) in after.iter().enumerate() {
                let before: Vec<f64> = SCORES[head].iter().map(|&x| f64::from(x)).collect();
                let by_hand: Vec<f64> =
                    before.iter().enumerate().map(|(k, x)| if [1, 2].contains(&k) { alpha * x } else { *x }).collect();
                let [raw, temperature, mass] = [0, 1, 2].map(|row: usize| looks(&rows[row]));
                let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "alpha {alpha}, head {head}: {a} {b}");
                let (share, shape) = looks(&by_hand);
                close(raw.0, share);
                close(raw.1, shape);
                close(temperature.0, looks(&before).0);
                close(temperature.1, shape);
                close(mass.0, share);
                close(mass.1, looks(&before).1);
                assert_eq!(rows[3], before, "alpha 1 changes nothing");
            }
        }
    }

    #[test]
    fn heads_that_are_not_named_stay() {
        let after = scaled(&[scaling(Operator::Raw, 0.5)], Some(&[1]));
        assert_eq!(after[0][0], SCORES[0].map(f64::from));
        assert_eq!(after[1][0], [0.0, -0.5, -1.5, 2.0, 1.0]);
    }
}
