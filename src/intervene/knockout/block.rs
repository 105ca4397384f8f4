//! The hook that keeps queries from keys.

use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::edge::Blocked;
use crate::error::{Error, Result};
use crate::model::{Effect, Hook, Rows, Site};

/// Beyond so many query rows, all are computed at once.
const FEW: usize = 4;

/// Sets scores to minus infinity before the softmax, so that what is left still sums to one.
pub struct Block {
    /// `lm.*.scores`.
    sites: Vec<Site>,
    rows: Rows,
    /// `[units, 1, rows, keys]`; none where nothing is blocked.
    hidden: Option<Tensor<4, Bool>>,
}

impl Block {
    /// `blocked`, one a unit, holds in every layer of `sites`; all units are `tokens` long.
    ///
    /// # Errors
    /// A query that would see nothing at all.
    pub fn new(sites: Vec<Site>, blocked: &[Blocked], tokens: usize, device: &Device) -> Result<Self> {
        blocked.iter().try_for_each(Blocked::check)?;
        let most = blocked.iter().map(|blocked| blocked.queries().count()).max().unwrap_or(0);
        if most == 0 {
            return Ok(Self { sites, rows: Rows::Last, hidden: None });
        }
        // Each unit needs equally many rows: short lists repeat a row, which is then put back twice.
        let padded = |blocked: &Blocked| -> Vec<usize> {
            let queries: Vec<usize> = blocked.queries().collect();
            let last = queries.last().copied().unwrap_or(0);
            queries.into_iter().chain(std::iter::repeat(last)).take(most).collect()
        };
        let (queries, rows): (Vec<Vec<usize>>, Rows) = if most <= FEW {
            let queries: Vec<_> = blocked.iter().map(padded).collect();
            (queries.clone(), Rows::At(queries))
        } else {
            (vec![(0..tokens).collect(); blocked.len()], Rows::All)
        };
        let mut mask = Vec::with_capacity(blocked.len() * queries[0].len() * tokens);
        for (blocked, queries) in blocked.iter().zip(&queries) {
            for &query in queries {
                let keys = blocked.keys(query);
                mask.extend((0..tokens).map(|key| keys.contains(&key)));
            }
        }
        let shape = [blocked.len(), 1, queries[0].len(), tokens];
        Ok(Self { sites, rows, hidden: Some(Tensor::from_data(TensorData::new(mask, shape), device)) })
    }
}

impl Hook for Block {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn rows(&self, _site: Site) -> Rows {
        self.rows.clone()
    }

    /// Where nothing is blocked it only looks, so that the run is the bare one bit by bit.
    fn effect(&self) -> Effect {
        if self.hidden.is_some() { Effect::Rewrites } else { Effect::Reads }
    }

    fn attention(&mut self, site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
        let Some(hidden) = &self.hidden else { return Ok(rows) };
        let ([units, heads, queries, keys], mask) = (rows.dims(), hidden.dims());
        if [units, 1, queries, keys] != mask {
            return Err(Error::data(format!("a mask of {mask:?} does not fit `{site}`, {:?}", rows.dims())));
        }
        Ok(rows.mask_fill(hidden.clone().expand([units, heads, queries, keys]), f32::NEG_INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::super::toy::{Picture, Toy};
    use super::*;
    use crate::model::Hooks;

    const WORD: usize = 3;
    const LAST: usize = 4;

    fn block(layers: &[usize], queries: &[usize], keys: &[usize]) -> Block {
        let sites = layers.iter().map(|&l| Site::LmScores(l)).collect();
        Block::new(sites, &[Blocked::new(queries, keys)], 5, &Device::flex()).unwrap()
    }

    /// The word gathers from the image in layer 0, the last position from the word in layer 1.
    #[test]
    fn only_the_informative_edges_matter() {
        let toy = Toy::new();
        let left = toy.difference(Picture::Left, &mut Hooks::none());
        let right = toy.difference(Picture::Right, &mut Hooks::none());
        let nothing = toy.difference(Picture::Blank, &mut Hooks::none());
        assert!(left > 1.0 && (left + right).abs() < 1e-5 && nothing.abs() < 1e-5, "{left} {right} {nothing}");

        let image = [1, 2];
        for (layer, queries, keys) in [(0, WORD, &image[..]), (1, LAST, &[WORD][..])] {
            let mut informative = block(&[layer], &[queries], keys);
            let cut = toy.difference(Picture::Left, &mut Hooks::one(&mut informative));
            assert!((cut - nothing).abs() < 1e-5, "layer {layer}: {cut} instead of {nothing}");
        }
        for layer in 0..2 {
            for query in 0..5 {
                for key in (0..query).chain((query > 0).then_some(query)) {
                    // The informative token stands at position 1; position 2 is an image token that says nothing.
                    if [(0, WORD, 1), (1, LAST, WORD)].contains(&(layer, query, key)) {
                        continue;
                    }
                    let mut other = block(&[layer], &[query], &[key]);
                    let after = toy.difference(Picture::Left, &mut Hooks::one(&mut other));
                    let same =
                        if (layer, query, key) == (0, WORD, 2) { after >= left } else { (after - left).abs() < 1e-5 };
                    assert!(same, "layer {layer}, {key}->{query}: {after} instead of {left}");
                }
            }
        }
    }

    #[test]
    fn blocking_nothing_is_the_bare_run_bit_by_bit() {
        let toy = Toy::new();
        let bare = toy.logits(Picture::Left, &mut Hooks::none());
        let mut nothing = block(&[0, 1], &[LAST], &[]);
        assert_eq!(toy.logits(Picture::Left, &mut Hooks::one(&mut nothing)), bare);
    }

    /// Watches the weights after the softmax.
    struct Watch(Vec<Site>, Vec<Tensor<4>>);

    impl Hook for Watch {
        fn sites(&self) -> &[Site] {
            &self.0
        }

        fn rows(&self, _site: Site) -> Rows {
            Rows::All
        }

        fn attention(&mut self, _site: Site, rows: Tensor<4>) -> Result<Tensor<4>> {
            self.1.push(rows.clone());
            Ok(rows)
        }
    }

    #[test]
    fn what_is_left_still_sums_to_one() {
        let toy = Toy::new();
        for queries in [&[LAST][..], &[1, 2, 3, 4]] {
            let mut hook = block(&[0, 1], queries, &[1, 2]);
            let mut watch = Watch(vec![Site::LmAttn(0), Site::LmAttn(1)], Vec::new());
            let mut hooks = Hooks::one(&mut hook);
            hooks.push(&mut watch);
            toy.logits(Picture::Left, &mut hooks);
            for weights in watch.1 {
                let weights: Vec<f32> = weights.into_data().try_into_vec().unwrap();
                for (query, row) in weights.chunks(5).enumerate() {
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                    let cut = queries.contains(&query);
                    assert!(!cut || (row[1] == 0.0 && row[2] == 0.0), "query {query}: {row:?}");
                }
            }
        }
    }

    #[test]
    fn units_lose_their_own_edges() {
        let toy = Toy::new();
        let cut = Blocked::new(&[WORD], &[1, 2]);
        let sites = vec![Site::LmScores(0)];
        let mut hook = Block::new(sites, &[Blocked::default(), cut], 5, &Device::flex()).unwrap();
        let [kept, lost] = toy.differences([Picture::Left, Picture::Left], &mut Hooks::one(&mut hook));
        assert!((kept - toy.difference(Picture::Left, &mut Hooks::none())).abs() < 1e-5 && lost.abs() < 1e-5);
    }

    #[test]
    fn emptied_rows_are_refused() {
        let emptied = Blocked::new(&[2], &[0, 1, 2]);
        assert!(Block::new(vec![Site::LmScores(0)], &[emptied], 5, &Device::flex()).is_err());
    }
}
