//! Cluster bootstrap: how far an estimate moves when other images had been taken.
//!
//! Images are drawn with replacement and bring all their items along, so several questions about one image count as what
//! they are. The draw is made once and used for every layer, head and score: replicates are paired, and differences
//! between layers can be read replicate by replicate.

use rand::Rng;

use super::lanes::{LANES, Lanes};
use super::seed::rng;
use super::{Pairs, Ranking};

/// How often each item was drawn, in each replicate.
#[derive(Clone, Debug)]
pub struct Replicates {
    weights: Lanes,
}

/// A weighted sum and its weight: the mean of a group, ready to be pooled with another group's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub total: f64,
    pub weight: f64,
}

impl Sum {
    /// Over the listed items, each once.
    pub fn over(values: &[f64], items: impl Iterator<Item = u32>) -> Self {
        items.fold(Self::default(), |sum, item| sum + Self { total: values[item as usize], weight: 1.0 })
    }

    /// `None` where nothing was summed.
    pub fn mean(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.total / self.weight)
    }
}

impl std::ops::Add for Sum {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { total: self.total + other.total, weight: self.weight + other.weight }
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Replicates {
    /// Draws as many clusters as there are, with replacement, `count` times. `clusters` gives each item's cluster, numbered
    /// from 0 without gaps.
    pub fn draw(clusters: &[usize], count: usize, seed: u64) -> Self {
        let number = clusters.iter().max().map_or(0, |last| last + 1);
        let weights = Lanes::fill(clusters.len(), count, |replicate| {
            let mut rng = rng(seed, "bootstrap", replicate as u64);
            let mut drawn = vec![0.0; number];
            for _ in 0..number {
                drawn[rng.random_range(0..number)] += 1.0;
            }
            clusters.iter().map(|&cluster| drawn[cluster]).collect()
        });
        Self { weights }
    }

    /// Pairs of right and wrong items in each replicate, O(ranked items) each.
    pub fn pairs(&self, ranking: &Ranking, right: &[bool]) -> Vec<Pairs> {
        self.weights.map(|weights| {
            let (mut wrong, mut rights, mut concordant) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
            for tie in ranking.ties() {
                if let &[item] = tie {
                    let weight = &weights[item as usize];
                    if right[item as usize] {
                        for lane in 0..LANES {
                            concordant[lane] += weight[lane] * wrong[lane];
                            rights[lane] += weight[lane];
                        }
                    } else {
                        for lane in 0..LANES {
                            wrong[lane] += weight[lane];
                        }
                    }
                } else {
                    let (mut right_here, mut wrong_here) = ([0.0; LANES], [0.0; LANES]);
                    for &item in tie {
                        let here = if right[item as usize] { &mut right_here } else { &mut wrong_here };
                        for (sum, weight) in here.iter_mut().zip(&weights[item as usize]) {
                            *sum += weight;
                        }
                    }
                    for lane in 0..LANES {
                        concordant[lane] += right_here[lane] * (wrong[lane] + wrong_here[lane] / 2.0);
                        rights[lane] += right_here[lane];
                        wrong[lane] += wrong_here[lane];
                    }
                }
            }
            std::array::from_fn(|lane| Pairs { concordant: concordant[lane], total: rights[lane] * wrong[lane] })
        })
    }

    /// Weighted sum of `values` over `items` in each replicate.
    pub fn sums(&self, values: &[f64], items: &[u32]) -> Vec<Sum> {
        self.weights.map(|weights| {
            let (mut total, mut weight) = ([0.0; LANES], [0.0; LANES]);
            for &item in items {
                let value = values[item as usize];
                for (lane, drawn) in weights[item as usize].iter().enumerate() {
                    total[lane] += drawn * value;
                    weight[lane] += drawn;
                }
            }
            std::array::from_fn(|lane| Sum { total: total[lane], weight: weight[lane] })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    /// Each replicate's weights, read back through sums of indicators.
    fn weights(replicates: &Replicates, items: usize) -> Vec<Vec<f64>> {
        let of = |item| replicates.sums(&vec![1.0; items], &[item]).iter().map(|sum| sum.weight).collect();
        (0..items as u32).map(of).collect()
    }

    #[test]
    fn whole_clusters_are_drawn() {
        let replicates = Replicates::draw(&[0, 1, 1, 2, 3], 50, 1);
        let drawn = weights(&replicates, 5);
        assert_eq!(drawn[1], drawn[2]);
        for replicate in 0..50 {
            assert_eq!(drawn[0][replicate] + drawn[1][replicate] + drawn[3][replicate] + drawn[4][replicate], 4.0);
        }
        assert!(drawn[0].iter().any(|&weight| weight == 0.0) && drawn[0].iter().any(|&weight| weight > 1.0));
    }

    #[test]
    fn weighted_pairs_equal_repeated_items() {
        let scores = [0.3, 0.3, 0.8, 0.1, 0.3, 0.9, f64::NAN];
        let right = [true, false, true, false, true, false, true];
        let replicates = Replicates::draw(&[0, 1, 2, 3, 4, 5, 6], 40, 3);
        let drawn = weights(&replicates, 7);
        let pairs = replicates.pairs(&Ranking::of(&scores), &right);
        for (replicate, pairs) in pairs.into_iter().enumerate() {
            let repeated: Vec<usize> =
                (0..7).flat_map(|item| std::iter::repeat_n(item, drawn[item][replicate] as usize)).collect();
            let scores: Vec<f64> = repeated.iter().map(|&item| scores[item]).collect();
            let right: Vec<bool> = repeated.iter().map(|&item| right[item]).collect();
            assert_eq!(pairs, Pairs::count(&Ranking::of(&scores), &right));
        }
    }

    #[test]
    fn threads_do_not_matter() {
        let clusters: Vec<usize> = (0..30).collect();
        let draw = || weights(&Replicates::draw(&clusters, 100, 9), 30);
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(draw);
        let four = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap().install(draw);
        assert_eq!(one, four);
    }

    /// In simulated data of known truth, the 95 % interval of the mean and of the AUROC holds the truth about 95 % of the
    /// time; items of one image are copies, so an item bootstrap would fail this.
    #[test]
    fn intervals_cover_the_truth() {
        let (images, copies, studies) = (60, 2, 300);
        let clusters: Vec<usize> = (0..images * copies).map(|item| item / copies).collect();
        let items: Vec<u32> = (0..clusters.len() as u32).collect();
        let (mut mean_held, mut auroc_held) = (0, 0);
        for study in 0..studies {
            let mut rng = rng(11, "simulated study", study);
            let drawn: Vec<(f64, bool)> = (0..images)
                .map(|_| {
                    let right = rng.random_range(0.0..1.0) < 0.6;
                    // Uniform on a unit interval, shifted by a half for right answers: AUROC = 1 - 0.5^2 / 2 = 0.875.
                    (rng.random_range(0.0..1.0) + if right { 0.5 } else { 0.0 }, right)
                })
                .collect();
            let values: Vec<f64> = clusters.iter().map(|&image| drawn[image].0).collect();
            let right: Vec<bool> = clusters.iter().map(|&image| drawn[image].1).collect();
            let replicates = Replicates::draw(&clusters, 400, study);
            let means = replicates.sums(&values, &items);
            let mean = Interval::of_draws(means.into_iter().filter_map(Sum::mean)).unwrap();
            let pairs = replicates.pairs(&Ranking::of(&values), &right);
            let auroc = Interval::of_draws(pairs.into_iter().filter_map(Pairs::auroc)).unwrap();
            mean_held += u32::from(mean.lo <= 0.8 && 0.8 <= mean.hi);
            auroc_held += u32::from(auroc.lo <= 0.875 && 0.875 <= auroc.hi);
        }
        let (mean_held, auroc_held) = (f64::from(mean_held) / 300.0, f64::from(auroc_held) / 300.0);
        assert!((0.90..=0.985).contains(&mean_held), "mean held {mean_held}");
        assert!((0.88..=0.985).contains(&auroc_held), "auroc held {auroc_held}");
    }
}
