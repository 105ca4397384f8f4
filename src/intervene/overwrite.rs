//! The two ways to rewrite token states: put other states there, or map those that are there.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::batch::Kept;
use crate::error::{Error, Result};
use crate::model::{Effect, Hook, Site};

/// Puts given states at given positions of one or more sites; every other state goes on bit by bit.
pub struct Overwrite {
    sites: Vec<Site>,
    writes: Vec<Write>,
}

/// What [`Overwrite`] puts at one site.
struct Write {
    /// Of each unit: which row of `rows` goes to which position.
    places: Vec<Vec<(usize, usize)>>,
    rows: Lent,
}

/// Where the rows come from.
enum Lent {
    /// `[rows, width]`.
    Rows(Tensor<2>),
    /// A unit and a position for each row, gathered when they are needed: many arms lend from one run.
    Kept(Kept, Vec<(usize, usize)>),
}

impl Overwrite {
    pub fn new() -> Self {
        Self { sites: Vec::new(), writes: Vec::new() }
    }

    /// Adds a site. `places` holds, for each unit that the hook sees, pairs of a position and the row of `rows`
    /// (`[rows, width]`) that goes there.
    pub fn at(mut self, site: Site, places: Vec<Vec<(usize, usize)>>, rows: Tensor<2>) -> Self {
        self.sites.push(site);
        self.writes.push(Write { places, rows: Lent::Rows(rows) });
        self
    }

    /// As [`at`](Self::at), the rows being these units' states at these positions of a run.
    pub fn lent(
        mut self,
        site: Site,
        places: Vec<Vec<(usize, usize)>>,
        kept: &Kept,
        rows: Vec<(usize, usize)>,
    ) -> Self {
        self.sites.push(site);
        self.writes.push(Write { places, rows: Lent::Kept(kept.clone(), rows) });
        self
    }
}

impl Default for Overwrite {
    fn default() -> Self {
        Self::new()
    }
}

impl Hook for Overwrite {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn effect(&self) -> Effect {
        Effect::Rewrites
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let here = self.sites.iter().zip(&self.writes).filter(|(at, _)| **at == site);
        here.map(|(_, write)| write).try_fold(tokens, |tokens, write| {
            let [units, count, width] = tokens.dims();
            let rows = match &write.rows {
                Lent::Rows(rows) => rows.clone(),
                Lent::Kept(kept, rows) => kept.rows(rows)?,
            };
            let [_, wide] = rows.dims();
            if wide != width || write.places.len() != units {
                return Err(Error::data(format!(
                    "states of {} units, {wide} numbers wide, do not fit into `{site}` with {units} of {width}",
                    write.places.len()
                )));
            }
            let mut source: Vec<i64> = (0..(units * count) as i64).collect();
            for (unit, places) in write.places.iter().enumerate() {
                for &(position, row) in places {
                    let at = source.get_mut(unit * count + position).filter(|_| position < count);
                    *at.ok_or_else(|| Error::data(format!("`{site}` has no position {position}")))? =
                        (units * count + row) as i64;
                }
            }
            let all = Tensor::cat(vec![tokens.reshape([units * count, width]), rows], 0);
            let source = indices(source, &all.device());
            Ok(all.select(0, source).reshape([units, count, width]))
        })
    }
}

/// Maps the states at given positions of one or more sites; every other state goes on bit by bit.
pub struct Apply<F> {
    sites: Vec<Site>,
    /// Of each unit that the hook sees: the positions to map, the same at every site.
    positions: Vec<Vec<usize>>,
    map: F,
}

impl<F: FnMut(Site, Tensor<2>) -> Result<Tensor<2>>> Apply<F> {
    /// `map` gets the states `[rows, width]` of all positions, unit by unit in the order given, and returns as many.
    pub fn new(sites: Vec<Site>, positions: Vec<Vec<usize>>, map: F) -> Self {
        Self { sites, positions, map }
    }
}

impl<F: FnMut(Site, Tensor<2>) -> Result<Tensor<2>> + Send> Hook for Apply<F> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn effect(&self) -> Effect {
        Effect::Rewrites
    }

    fn tokens(&mut self, site: Site, tokens: Tensor<3>) -> Result<Tensor<3>> {
        let [_, count, width] = tokens.dims();
        let at: Vec<i64> = self
            .positions
            .iter()
            .enumerate()
            .flat_map(|(unit, positions)| positions.iter().map(move |position| (unit * count + position) as i64))
            .collect();
        if at.is_empty() {
            return Ok(tokens);
        }
        let (device, dims) = (tokens.device(), tokens.dims());
        let rows = tokens.clone().reshape([dims[0] * count, width]).select(0, indices(at, &device));
        let mapped = (self.map)(site, rows)?;
        let mut row = 0..;
        let places = self.positions.iter().map(|positions| positions.iter().copied().zip(&mut row).collect()).collect();
        Overwrite::new().at(site, places, mapped).tokens(site, tokens)
    }
}

fn indices(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tensor<3> {
        Tensor::from_data(
            [[[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]]],
            &Device::flex(),
        )
    }

    fn numbers(tensor: Tensor<3>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn rows_go_where_they_are_sent_and_nothing_else_changes() {
        let rows = Tensor::<2>::from_data([[-1.0f32, -2.0], [-3.0, -4.0]], &Device::flex());
        let site = Site::LmResid(0);
        let mut hook = Overwrite::new().at(site, vec![vec![(2, 1)], vec![(0, 0), (1, 1)]], rows.clone());
        let expected = [1.0, 2.0, 3.0, 4.0, -3.0, -4.0, -1.0, -2.0, -3.0, -4.0, 11.0, 12.0];
        assert_eq!(numbers(hook.tokens(site, tokens()).unwrap()), expected);
        let mut outside = Overwrite::new().at(site, vec![vec![(3, 0)], vec![]], rows);
        assert!(outside.tokens(site, tokens()).unwrap_err().to_string().contains("no position 3"));
    }

    #[test]
    fn a_map_sees_its_rows_alone() {
        let site = Site::LmResid(1);
        let mut seen = Vec::new();
        let mut hook = Apply::new(vec![site], vec![vec![1], vec![0, 2]], |_, rows: Tensor<2>| {
            seen = rows.clone().into_data().try_into_vec::<f32>().unwrap();
            Ok(rows * 10.0)
        });
        let after = numbers(hook.tokens(site, tokens()).unwrap());
        assert_eq!(after, [1.0, 2.0, 30.0, 40.0, 5.0, 6.0, 70.0, 80.0, 9.0, 10.0, 110.0, 120.0]);
        drop(hook);
        assert_eq!(seen, [3.0, 4.0, 7.0, 8.0, 11.0, 12.0]);
    }
}
