//! All that one score says about being right: sums and pairs, as observed, in every bootstrap replicate, under every
//! permutation and in every draw of a null. Evidence of several groups adds up.

use super::strata::{Partition, Pool, Strata};
use crate::stats::correlation::point_biserial;
use crate::stats::permutation::p_value;
use crate::stats::{Interval, Pairs, Ranking, Relabelings, Replicates, Sum};

/// What stays the same for every score of a run: labels, strata, and the draws of images and labels.
pub struct Judge<'a> {
    right: &'a [bool],
    strata: &'a Strata,
    replicates: Replicates,
    /// One per partition: labels move inside its groups only.
    relabelings: Vec<Relabelings>,
}

/// A value for every item in one draw of a null, NaN where undefined.
pub type Draw = Vec<f64>;

/// One score of every item (NaN where undefined), and the same score under the nulls.
pub struct Scored<'a> {
    pub own: &'a [f64],
    pub random: &'a [Draw],
    pub other: &'a [Draw],
}

/// What a score says in one stratum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    pub n_right: u32,
    pub n_wrong: u32,
    /// Mean score of all, right and wrong items.
    pub value: Estimate,
    pub value_right: Estimate,
    pub value_wrong: Estimate,
    /// Mean score under each null, and the range that holds 95 % of its draws.
    pub random_value: Estimate,
    pub other_value: Estimate,
    pub auroc: Estimate,
    /// The range that holds 95 % of the null's AUROCs.
    pub random_auroc: Option<Interval>,
    pub other_auroc: Option<Interval>,
    pub r_pb: Option<f64>,
    /// Of this test alone.
    pub p: Option<f64>,
    /// `|AUROC - 0.5|` under each permutation: for the max-statistic over the family that this test belongs to.
    pub null_distances: Vec<f64>,
}

/// A number with its 95 % interval; `None` where undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    pub value: Option<f64>,
    pub interval: Option<Interval>,
}

/// Additive evidence of one or more groups.
#[derive(Clone, Default)]
struct Evidence {
    observed: Tally,
    replicates: Vec<Tally>,
    permutations: Vec<Pairs>,
    random: Vec<Tally>,
    other: Vec<Tally>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    right: Sum,
    wrong: Sum,
    pairs: Pairs,
}

impl Tally {
    fn of(scores: &[f64], right: &[bool], ranking: &Ranking) -> Self {
        let (mut rights, mut wrongs) = (Sum::default(), Sum::default());
        for &item in ranking.items() {
            let one = Sum { total: scores[item as usize], weight: 1.0 };
            *(if right[item as usize] { &mut rights } else { &mut wrongs }) += one;
        }
        Self { right: rights, wrong: wrongs, pairs: Pairs::count(ranking, right) }
    }

    fn all(self) -> Sum {
        self.right + self.wrong
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.pairs += other.pairs;
    }
}

impl<'a> Judge<'a> {
    /// Draws images and labels once, for all scores. `clusters` numbers each item's image.
    pub fn new(
        right: &'a [bool],
        clusters: &[usize],
        strata: &'a Strata,
        bootstrap: usize,
        permutations: usize,
        seed: u64,
    ) -> Self {
        let relabel =
            |partition: &Partition| Relabelings::draw(right, clusters, &partition.group_of, permutations, seed);
        Self {
            right,
            strata,
            replicates: Replicates::draw(clusters, bootstrap, seed),
            relabelings: strata.partitions.iter().map(relabel).collect(),
        }
    }

    /// One verdict per stratum, in table order.
    pub fn weigh(&self, scored: &Scored) -> Vec<Verdict> {
        let own = Ranking::of(scored.own);
        let random: Vec<Ranking> = scored.random.iter().map(|draw| Ranking::of(draw)).collect();
        let other: Vec<Ranking> = scored.other.iter().map(|draw| Ranking::of(draw)).collect();
        let mut verdicts: Vec<Option<Verdict>> = vec![None; self.strata.strata.len()];
        for (at, partition) in self.strata.partitions.iter().enumerate() {
            let rankings = own.split(&partition.group_of, partition.groups);
            let mut evidence: Vec<Evidence> =
                rankings.iter().map(|ranking| self.evidence(scored, at, ranking)).collect();
            for (draws, rankings, into) in [
                (scored.random, &random, (|e| &mut e.random) as fn(&mut Evidence) -> &mut Vec<Tally>),
                (scored.other, &other, |e| &mut e.other),
            ] {
                for (draw, ranking) in draws.iter().zip(rankings) {
                    let parts = ranking.split(&partition.group_of, partition.groups);
                    for (evidence, part) in evidence.iter_mut().zip(&parts) {
                        into(evidence).push(Tally::of(draw, self.right, part));
                    }
                }
            }
            for (stratum, verdict) in self.strata.strata.iter().zip(&mut verdicts).filter(|(s, _)| s.partition == at) {
                *verdict = Some(match stratum.pool {
                    Pool::One(group) => self.verdict(scored.own, &evidence[group], &[rankings[group].items()]),
                    Pool::Within => {
                        let both = |group: &usize| evidence[*group].observed.pairs.total > 0.0;
                        let groups: Vec<usize> = (0..partition.groups).filter(both).collect();
                        let items: Vec<&[u32]> = groups.iter().map(|&group| rankings[group].items()).collect();
                        let pooled = Evidence::sum(groups.into_iter().map(|group| &evidence[group]));
                        self.verdict(scored.own, &pooled, &items)
                    }
                });
            }
        }
        verdicts.into_iter().flatten().collect()
    }

    /// Observed, resampled and relabelled, but without nulls.
    fn evidence(&self, scored: &Scored, partition: usize, ranking: &Ranking) -> Evidence {
        let (right, wrong): (Vec<u32>, Vec<u32>) = ranking.items().iter().partition(|&&item| self.right[item as usize]);
        let rights = self.replicates.sums(scored.own, &right);
        let wrongs = self.replicates.sums(scored.own, &wrong);
        let pairs = self.replicates.pairs(ranking, self.right);
        let replicates = rights.into_iter().zip(wrongs).zip(pairs);
        Evidence {
            observed: Tally::of(scored.own, self.right, ranking),
            replicates: replicates.map(|((right, wrong), pairs)| Tally { right, wrong, pairs }).collect(),
            permutations: self.relabelings[partition].pairs(ranking),
            ..Evidence::default()
        }
    }

    fn verdict(&self, scores: &[f64], evidence: &Evidence, groups: &[&[u32]]) -> Verdict {
        let Evidence { observed, replicates, permutations, random, other } = evidence;
        let (n_right, n_wrong) = (observed.right.weight as u32, observed.wrong.weight as u32);
        // One item alone gives replicates that are all the same: no interval is better than one of width 0.
        let mean = |of: fn(Tally) -> Sum| Estimate {
            value: of(*observed).mean(),
            interval: (of(*observed).weight >= 2.0)
                .then(|| Interval::of_draws(replicates.iter().filter_map(|replicate| of(*replicate).mean())))
                .flatten(),
        };
        let null_mean = |draws: &[Tally]| {
            let means: Vec<f64> = draws.iter().filter_map(|draw| draw.all().mean()).collect();
            Estimate { value: crate::stats::mean(&means), interval: Interval::of_draws(means.into_iter()) }
        };
        let null_auroc = |draws: &[Tally]| Interval::of_draws(draws.iter().filter_map(|draw| draw.pairs.auroc()));
        let null_distances: Vec<f64> = permutations.iter().map(|pairs| pairs.distance()).collect();
        let auroc = observed.pairs.auroc();
        Verdict {
            n_right,
            n_wrong,
            value: mean(Tally::all),
            value_right: mean(|tally| tally.right),
            value_wrong: mean(|tally| tally.wrong),
            random_value: null_mean(random),
            other_value: null_mean(other),
            auroc: Estimate {
                value: auroc,
                interval: (n_right >= 2 && n_wrong >= 2)
                    .then(|| Interval::of_draws(replicates.iter().filter_map(|replicate| replicate.pairs.auroc())))
                    .flatten(),
            },
            random_auroc: auroc.and_then(|_| null_auroc(random)),
            other_auroc: auroc.and_then(|_| null_auroc(other)),
            r_pb: point_biserial(scores, self.right, groups),
            p: auroc.map(|_| p_value(observed.pairs.distance(), null_distances.iter().copied())),
            null_distances,
        }
    }
}

impl Evidence {
    fn sum<'a>(groups: impl Iterator<Item = &'a Self>) -> Self {
        groups
            .cloned()
            .reduce(|mut sum, group| {
                sum.observed += group.observed;
                add(&mut sum.replicates, &group.replicates);
                add(&mut sum.permutations, &group.permutations);
                add(&mut sum.random, &group.random);
                add(&mut sum.other, &group.other);
                sum
            })
            .unwrap_or_default()
    }
}

fn add<T: std::ops::AddAssign + Copy>(sums: &mut [T], more: &[T]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += *more;
    }
}
