//! Label permutation: how large an AUROC comes about when the score has nothing to do with being right.
//!
//! Whole images exchange their labels, and only with images of the same composition (as many items, in the same strata),
//! so what an image's items have in common and how right each stratum is both stay as they are. One set of permutations
//! serves all scores, which is what makes the largest of many scores comparable with its own null (the max-statistic of
//! Westfall and Young, "Resampling-based multiple testing", 1993).

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::lanes::{LANES, Lanes};
use super::seed::rng;
use super::{Pairs, Ranking};

/// Permuted labels, one column a permutation.
#[derive(Clone, Debug)]
pub struct Relabelings {
    labels: Lanes,
}

impl Relabelings {
    /// Permutes `right` within strata, whole clusters at a time. `clusters` numbers each item's image; `strata` its
    /// stratum, `None` for items that take no part (their labels stay).
    pub fn draw(right: &[bool], clusters: &[usize], strata: &[Option<usize>], count: usize, seed: u64) -> Self {
        let exchangeable = exchangeable(clusters, strata);
        let labels = Lanes::fill(right.len(), count, |permutation| {
            let mut rng = rng(seed, "permutation", permutation as u64);
            let mut labels: Vec<f64> = right.iter().map(|&right| f64::from(u8::from(right))).collect();
            for images in &exchangeable {
                let mut from: Vec<usize> = (0..images.len()).collect();
                from.shuffle(&mut rng);
                for (image, from) in images.iter().zip(from) {
                    for (&item, &source) in image.iter().zip(&images[from]) {
                        labels[item] = f64::from(u8::from(right[source]));
                    }
                }
            }
            labels
        });
        Self { labels }
    }

    /// Pairs of each part (the ranking of one group) under every permutation: `[part][permutation]`, O(ranked items) each.
    ///
    /// With u the number of items that an item beats (ties half, itself included), concordant = sum of u over the items
    /// called right, less rights^2 / 2: among themselves the right ones beat each other exactly half of the time.
    pub fn pairs(&self, parts: &[Ranking]) -> Vec<Vec<Pairs>> {
        let parts: Vec<Vec<(u32, f64)>> = parts.iter().map(|part| part.beaten().collect()).collect();
        self.labels.map(&parts, |labels, part| {
            let n = part.len() as f64;
            let (mut rights, mut beaten) = ([0.0; LANES], [0.0; LANES]);
            for &(item, u) in part {
                for ((rights, beaten), label) in rights.iter_mut().zip(&mut beaten).zip(&labels[item as usize]) {
                    *rights += label;
                    *beaten += label * u;
                }
            }
            std::array::from_fn(|lane| Pairs {
                concordant: beaten[lane] - rights[lane] * rights[lane] / 2.0,
                total: rights[lane] * (n - rights[lane]),
            })
        })
    }
}

/// Images grouped by composition; each image lists its items by stratum.
fn exchangeable(clusters: &[usize], strata: &[Option<usize>]) -> Vec<Vec<Vec<usize>>> {
    let mut images: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (item, (&cluster, stratum)) in clusters.iter().zip(strata).enumerate() {
        if let &Some(stratum) = stratum {
            images.entry(cluster).or_default().push((stratum, item));
        }
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<Vec<usize>>> = BTreeMap::new();
    for mut image in images.into_values() {
        image.sort_unstable();
        let (composition, items) = image.into_iter().unzip();
        groups.entry(composition).or_default().push(items);
    }
    groups.into_values().collect()
}

/// Room for rounding when a permuted statistic is compared with the observed one it may equal.
const SAME: f64 = 1e-12;

/// Two-sided p-value of an observed distance among those under the null, `(1 + k) / (1 + n)`: never 0, because the data
/// themselves are one of the permutations.
pub fn p_value(observed: f64, null: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = null.len();
    let as_large = null.filter(|&distance| distance >= observed - SAME).count();
    (1 + as_large) as f64 / (1 + n) as f64
}

/// The largest distance of a family of tests in each permutation, gathered test by test in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maximum {
    largest: Vec<f64>,
}

impl Maximum {
    /// Takes another member of the family in: its distance under each permutation.
    pub fn absorb(&mut self, distances: impl Iterator<Item = f64>) {
        for (permutation, distance) in distances.enumerate() {
            match self.largest.get_mut(permutation) {
                Some(largest) => *largest = largest.max(distance),
                None => self.largest.push(distance),
            }
        }
    }

    /// p-value of one member, corrected for having looked at all of them.
    pub fn p_value(&self, observed: f64) -> f64 {
        p_value(observed, self.largest.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    /// What an item is called in each permutation.
    fn labels(relabelings: &Relabelings, item: usize) -> Vec<f64> {
        relabelings.labels.map(&[item], |block, &item| block[item]).concat()
    }

    #[test]
    fn labels_stay_in_their_stratum() {
        let right: Vec<bool> = (0..20).map(|item| item < 7).collect();
        let strata: Vec<Option<usize>> = (0..20).map(|item| (item != 19).then_some(item % 2)).collect();
        let clusters: Vec<usize> = (0..20).collect();
        let relabelings = Relabelings::draw(&right, &clusters, &strata, 40, 5);
        let columns: Vec<Vec<f64>> = (0..20).map(|item| labels(&relabelings, item)).collect();
        let rights = |permutation: usize, stratum: usize| -> f64 {
            columns.iter().take(19).skip(stratum).step_by(2).map(|column| column[permutation]).sum()
        };
        assert!((0..40).all(|permutation| (rights(permutation, 0), rights(permutation, 1)) == (4.0, 3.0)));
        assert!(columns[19].iter().all(|&label| label == 0.0));
        assert!(columns[0].contains(&0.0) && columns[18].contains(&1.0));
    }

    #[test]
    fn whole_images_exchange_labels() {
        // Two questions an image, always one right and one wrong: no permutation may part them.
        let right: Vec<bool> = (0..20).map(|item| item % 2 == 0).collect();
        let clusters: Vec<usize> = (0..20).map(|item| item / 2).collect();
        let relabelings = Relabelings::draw(&right, &clusters, &[Some(0); 20], 30, 5);
        for image in 0..10 {
            let (a, b) = (labels(&relabelings, 2 * image), labels(&relabelings, 2 * image + 1));
            assert!(a.iter().zip(&b).all(|(a, b)| a + b == 1.0));
        }
    }

    #[test]
    fn pairs_equal_a_direct_count() {
        let scores = [0.3, 0.3, 0.8, 0.1, f64::NAN, 0.9, 0.3];
        let right = [true, false, true, false, true, false, false];
        let clusters: Vec<usize> = (0..7).collect();
        let relabelings = Relabelings::draw(&right, &clusters, &[Some(0); 7], 64, 2);
        let columns: Vec<Vec<f64>> = (0..7).map(|item| labels(&relabelings, item)).collect();
        let ranking = Ranking::of(&scores);
        let pairs = relabelings.pairs(std::slice::from_ref(&ranking)).concat();
        for (permutation, pairs) in pairs.into_iter().enumerate() {
            let right: Vec<bool> = columns.iter().map(|column| column[permutation] == 1.0).collect();
            assert_eq!(pairs, Pairs::count(&ranking, &right));
        }
    }

    #[test]
    fn p_values_are_uniform_without_effect() {
        let clusters: Vec<usize> = (0..40).collect();
        let mut p_values: Vec<f64> = (0..200)
            .map(|study| {
                let mut rng = rng(21, "no effect", study);
                let scores: Vec<f64> = (0..40).map(|_| rng.random_range(0.0..1.0)).collect();
                let right: Vec<bool> = (0..40).map(|_| rng.random_range(0.0..1.0) < 0.6).collect();
                let ranking = Ranking::of(&scores);
                let relabelings = Relabelings::draw(&right, &clusters, &[Some(0); 40], 99, study);
                let observed = Pairs::count(&ranking, &right).distance();
                p_value(observed, relabelings.pairs(&[ranking]).concat().into_iter().map(Pairs::distance))
            })
            .collect();
        p_values.sort_by(f64::total_cmp);
        // Kolmogorov-Smirnov at the 0.1 % level: 1.95 / sqrt(200).
        let distance = (0..200).map(|i| (p_values[i] - (i as f64 + 0.5) / 200.0).abs()).fold(0.0, f64::max);
        assert!(distance < 1.95 / 200f64.sqrt(), "{distance}");
    }

    #[test]
    fn the_planted_layer_is_found_and_no_other() {
        let mut rng = rng(4, "planted layer", 0);
        let right: Vec<bool> = (0..120).map(|item| item % 3 != 0).collect();
        let clusters: Vec<usize> = (0..120).collect();
        let layers: Vec<Ranking> = (0..12)
            .map(|layer| {
                let shift = |right: bool| if layer == 7 && right { 0.45 } else { 0.0 };
                let scores: Vec<f64> = right.iter().map(|&right| rng.random_range(0.0..1.0) + shift(right)).collect();
                Ranking::of(&scores)
            })
            .collect();
        let relabelings = Relabelings::draw(&right, &clusters, &[Some(0); 120], 499, 1);
        let mut maximum = Maximum::default();
        for pairs in relabelings.pairs(&layers) {
            maximum.absorb(pairs.into_iter().map(Pairs::distance));
        }
        let p_max: Vec<f64> =
            layers.iter().map(|layer| maximum.p_value(Pairs::count(layer, &right).distance())).collect();
        assert_eq!(p_max[7], 1.0 / 500.0);
        assert!(p_max.iter().enumerate().all(|(layer, &p)| layer == 7 || p > 0.05), "{p_max:?}");
    }

    #[test]
    fn p_by_hand() {
        assert_eq!(p_value(0.3, [0.1, 0.3, 0.4].into_iter()), 0.75);
        assert_eq!(p_value(0.5, [0.1, 0.3, 0.4].into_iter()), 0.25);
    }
}
