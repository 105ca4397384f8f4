//! Sums that pool: what is counted in one group adds to what is counted in another.

use super::{Pairs, Ranking};

/// A weighted sum and its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    pub total: f64,
    pub weight: f64,
}

impl Sum {
    /// Over the listed items, each once.
    pub fn over(values: &[f64], items: impl Iterator<Item = u32>) -> Self {
        items.fold(Self::default(), |sum, item| sum + Self::one(values[item as usize]))
    }

    fn one(total: f64) -> Self {
        Self { total, weight: 1.0 }
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

/// All that means and AUROC need to know about a group of items.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Scores of the right items.
    pub right: Sum,
    /// Scores of the wrong items.
    pub wrong: Sum,
    pub pairs: Pairs,
}

impl Tally {
    /// Tallies each group in one pass over the ranked items. `group_of` gives each item's group, `None` for no group.
    pub fn by_group(
        ranking: &Ranking,
        scores: &[f64],
        right: &[bool],
        group_of: &[Option<usize>],
        groups: usize,
    ) -> Vec<Self> {
        let mut tallies = vec![Self::default(); groups];
        // Right and wrong items of each group in the current tie.
        let mut here = vec![(0.0, 0.0); groups];
        for tie in ranking.ties() {
            for &item in tie {
                let item = item as usize;
                let Some(group) = group_of[item] else { continue };
                if right[item] {
                    tallies[group].right += Sum::one(scores[item]);
                    here[group].0 += 1.0;
                } else {
                    tallies[group].wrong += Sum::one(scores[item]);
                    here[group].1 += 1.0;
                }
            }
            for &item in tie {
                let Some(group) = group_of[item as usize] else { continue };
                // The first item of a group settles the tie for all of them.
                let (right, wrong) = std::mem::take(&mut here[group]);
                let tally = &mut tallies[group];
                tally.pairs.concordant += right * (tally.wrong.weight - wrong / 2.0);
            }
        }
        for tally in &mut tallies {
            tally.pairs.total = tally.right.weight * tally.wrong.weight;
        }
        tallies
    }

    /// Right and wrong together.
    pub fn all(self) -> Sum {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_as_if_alone() {
        let scores = [0.3, 0.3, 0.8, 0.1, 0.3, 0.9, f64::NAN, 0.3];
        let right = [true, false, true, false, true, false, true, false];
        let group_of = [Some(0), Some(0), Some(1), Some(1), Some(1), Some(0), Some(0), None];
        let ranking = Ranking::of(&scores);
        let tallies = Tally::by_group(&ranking, &scores, &right, &group_of, 3);
        for (tally, part) in tallies.iter().zip(ranking.split(&group_of, 3)) {
            assert_eq!(tally.pairs, Pairs::count(&part, &right));
        }
        assert_eq!(tallies[1].right, Sum { total: 1.1, weight: 2.0 });
        assert_eq!(tallies[0].wrong.mean(), Some(0.6));
        assert_eq!(tallies[0].all().weight, 3.0);
        assert_eq!((tallies[2], tallies[2].all().mean()), (Tally::default(), None));
    }
}
