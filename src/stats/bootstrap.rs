//! Cluster bootstrap: how far an estimate moves when other images had been taken.
//!
//! Images are drawn with replacement and bring all their items along, so several questions about one image count as what
//! they are. The draw is made once and used for every layer, head and score: replicates are paired, and differences
//! between layers can be read replicate by replicate.

use rand::Rng;

use super::lanes::{Block, LANES, Lanes};
use super::seed::rng;
use super::{Pairs, Ranking, Sum, Tally};

/// How often each item was drawn, in each replicate.
#[derive(Clone, Debug)]
pub struct Replicates {
    weights: Lanes,
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

    /// Tallies each part (the ranking of one group) in every replicate: `[part][replicate]`, O(ranked items) each.
    pub fn tallies(&self, parts: &[Ranking], scores: &[f64], right: &[bool]) -> Vec<Vec<Tally>> {
        self.weights.map(parts, |weights, part| {
            let mut lanes = TallyLanes::default();
            for tie in part.ties() {
                if let &[item] = tie {
                    let item = item as usize;
                    if right[item] {
                        lanes.one_right(&weights[item], scores[item]);
                    } else {
                        lanes.one_wrong(&weights[item], scores[item]);
                    }
                } else {
                    // Wrong items first, so that right ones can count those of the tie half.
                    let before = lanes.wrong;
                    for &item in tie.iter().filter(|&&item| !right[item as usize]) {
                        lanes.one_wrong(&weights[item as usize], scores[item as usize]);
                    }
                    let after = lanes.wrong;
                    lanes.wrong = std::array::from_fn(|lane| (before[lane] + after[lane]) / 2.0);
                    for &item in tie.iter().filter(|&&item| right[item as usize]) {
                        lanes.one_right(&weights[item as usize], scores[item as usize]);
                    }
                    lanes.wrong = after;
                }
            }
            lanes.finish()
        })
    }

    /// Weighted sum of `values` over `items` in each replicate.
    pub fn sums(&self, values: &[f64], items: &[u32]) -> Vec<Sum> {
        let walk = |weights: &Block, items: &&[u32]| {
            let (mut total, mut weight) = ([0.0; LANES], [0.0; LANES]);
            for &item in *items {
                add(&mut total, &mut weight, &weights[item as usize], values[item as usize]);
            }
            std::array::from_fn(|lane| Sum { total: total[lane], weight: weight[lane] })
        };
        self.weights.map(&[items], walk).concat()
    }
}

/// A tally in every lane, while walking up a ranking.
struct TallyLanes {
    right: [f64; LANES],
    right_total: [f64; LANES],
    wrong: [f64; LANES],
    wrong_total: [f64; LANES],
    concordant: [f64; LANES],
}

impl Default for TallyLanes {
    fn default() -> Self {
        let zero = [0.0; LANES];
        Self { right: zero, right_total: zero, wrong: zero, wrong_total: zero, concordant: zero }
    }
}

impl TallyLanes {
    fn one_right(&mut self, weights: &[f64; LANES], score: f64) {
        for ((concordant, wrong), weight) in self.concordant.iter_mut().zip(&self.wrong).zip(weights) {
            *concordant += weight * wrong;
        }
        add(&mut self.right_total, &mut self.right, weights, score);
    }

    fn one_wrong(&mut self, weights: &[f64; LANES], score: f64) {
        add(&mut self.wrong_total, &mut self.wrong, weights, score);
    }

    fn finish(&self) -> [Tally; LANES] {
        std::array::from_fn(|lane| Tally {
            right: Sum { total: self.right_total[lane], weight: self.right[lane] },
            wrong: Sum { total: self.wrong_total[lane], weight: self.wrong[lane] },
            pairs: Pairs { concordant: self.concordant[lane], total: self.right[lane] * self.wrong[lane] },
        })
    }
}

fn add(total: &mut [f64; LANES], sum: &mut [f64; LANES], weights: &[f64; LANES], value: f64) {
    for ((total, sum), weight) in total.iter_mut().zip(sum).zip(weights) {
        *total += weight * value;
        *sum += weight;
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
        let total = |replicate: usize| [0, 1, 3, 4].iter().map(|&item: &usize| drawn[item][replicate]).sum::<f64>();
        assert!((0..50).all(|replicate| total(replicate) == 4.0));
        assert!(drawn[0].contains(&0.0) && drawn[0].iter().any(|&weight| weight > 1.0));
    }

    #[test]
    fn weighted_pairs_equal_repeated_items() {
        let scores = [0.3, 0.3, 0.8, 0.1, 0.3, 0.9, f64::NAN];
        let right = [true, false, true, false, true, false, true];
        let replicates = Replicates::draw(&[0, 1, 2, 3, 4, 5, 6], 40, 3);
        let drawn = weights(&replicates, 7);
        let ranking = Ranking::of(&scores);
        let [tallies] = &replicates.tallies(&[ranking], &scores, &right)[..] else { panic!("one part") };
        for (replicate, tally) in tallies.iter().enumerate() {
            let repeated: Vec<usize> =
                (0..7).flat_map(|item| std::iter::repeat_n(item, drawn[item][replicate] as usize)).collect();
            let scores: Vec<f64> = repeated.iter().map(|&item| scores[item]).collect();
            let right: Vec<bool> = repeated.iter().map(|&item| right[item]).collect();
            let group_of = vec![Some(0); scores.len()];
            let expected = Tally::by_group(&Ranking::of(&scores), &scores, &right, &group_of, 1)[0];
            assert_eq!(
                (tally.pairs, tally.right.weight, tally.wrong.weight),
                (expected.pairs, expected.right.weight, expected.wrong.weight)
            );
            assert!((tally.right.total - expected.right.total).abs() < 1e-12);
            assert!((tally.wrong.total - expected.wrong.total).abs() < 1e-12);
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
            let tallies = replicates.tallies(&[Ranking::of(&values)], &values, &right).concat();
            let auroc = Interval::of_draws(tallies.into_iter().filter_map(|tally| tally.pairs.auroc())).unwrap();
            mean_held += u32::from(mean.lo <= 0.8 && 0.8 <= mean.hi);
            auroc_held += u32::from(auroc.lo <= 0.875 && 0.875 <= auroc.hi);
        }
        let (mean_held, auroc_held) = (f64::from(mean_held) / 300.0, f64::from(auroc_held) / 300.0);
        assert!((0.90..=0.985).contains(&mean_held), "mean held {mean_held}");
        assert!((0.88..=0.985).contains(&auroc_held), "auroc held {auroc_held}");
    }
}
