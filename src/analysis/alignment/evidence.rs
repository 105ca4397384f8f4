//! All that one score says about being right: sums and pairs, as observed, in every bootstrap replicate, under every
//! permutation and in every draw of a null. Evidence of several groups adds up.

use super::strata::{Partition, Pool, Strata, Stratum};
use crate::stats::correlation::point_biserial;
use crate::stats::permutation::p_value;
use crate::stats::{Interval, Pairs, Ranking, Relabelings, Replicates, Sum, Tally};

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
        let ranking = Ranking::of(scored.own);
        let split = |partition: &Partition| ranking.split(&partition.group_of, partition.groups);
        let parts: Vec<Vec<Ranking>> = self.strata.partitions.iter().map(split).collect();
        let evidence = self.evidence(scored, &ranking, &parts);
        let verdict = |stratum: &Stratum| {
            let (parts, evidence) = (&parts[stratum.partition], &evidence[stratum.partition]);
            match stratum.pool {
                Pool::One(group) => self.verdict(scored.own, &evidence[group], &[parts[group].items()]),
                Pool::Within => {
                    let both = |group: &usize| evidence[*group].observed.pairs.total > 0.0;
                    let groups: Vec<usize> = (0..parts.len()).filter(both).collect();
                    let items: Vec<&[u32]> = groups.iter().map(|&group| parts[group].items()).collect();
                    self.verdict(scored.own, &Evidence::sum(groups.iter().map(|&group| &evidence[group])), &items)
                }
            }
        };
        self.strata.strata.iter().map(verdict).collect()
    }

    /// Of every group of every partition.
    fn evidence(&self, scored: &Scored, ranking: &Ranking, parts: &[Vec<Ranking>]) -> Vec<Vec<Evidence>> {
        let mut replicates = self.replicates.tallies(&parts.concat(), scored.own, self.right).into_iter();
        let by_group = |scores: &[f64], ranking: &Ranking| -> Vec<Vec<Tally>> {
            let of = |p: &Partition| Tally::by_group(ranking, scores, self.right, &p.group_of, p.groups);
            self.strata.partitions.iter().map(of).collect()
        };
        let mut evidence: Vec<Vec<Evidence>> = by_group(scored.own, ranking)
            .into_iter()
            .zip(&self.relabelings)
            .zip(parts)
            .map(|((observed, relabelings), parts)| {
                let permutations = relabelings.pairs(parts);
                let groups = observed.into_iter().zip(permutations).zip(&mut replicates);
                let gather = |((observed, permutations), replicates)| Evidence {
                    observed,
                    replicates,
                    permutations,
                    ..Evidence::default()
                };
                groups.map(gather).collect()
            })
            .collect();
        for (draws, into) in [
            (scored.random, (|evidence| &mut evidence.random) as fn(&mut Evidence) -> &mut Vec<Tally>),
            (scored.other, |evidence| &mut evidence.other),
        ] {
            for draw in draws {
                let tallies = by_group(draw, &Ranking::of(draw));
                for (evidence, tally) in evidence.iter_mut().flatten().zip(tallies.into_iter().flatten()) {
                    into(evidence).push(tally);
                }
            }
        }
        evidence
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
                // Where right and wrong are perfectly apart every replicate agrees: the sample is too small to say how
                // sure that is, not large enough to be certain.
                interval: (n_right >= 2 && n_wrong >= 2)
                    .then(|| Interval::of_draws(replicates.iter().filter_map(|replicate| replicate.pairs.auroc())))
                    .flatten()
                    .filter(|interval| interval.lo < interval.hi),
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
