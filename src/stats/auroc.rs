//! AUROC: the chance that a right answer scores higher than a wrong one, a tie counting half.

use super::Ranking;

/// Pairs of one right and one wrong item, and how many of them agree with "right scores higher".
///
/// Counts of several groups add up: the AUROC of the sum pools only pairs from inside the groups (the stratified AUROC).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pairs {
    /// Pairs in which the right item scores higher, ties counting half.
    pub concordant: f64,
    pub total: f64,
}

impl Pairs {
    /// Counts the pairs of ranked items, in one pass.
    pub fn count(ranking: &Ranking, right: &[bool]) -> Self {
        let (mut wrong_below, mut rights, mut concordant) = (0.0, 0.0, 0.0);
        for tie in ranking.ties() {
            let right_here = tie.iter().filter(|&&item| right[item as usize]).count() as f64;
            let wrong_here = tie.len() as f64 - right_here;
            concordant += right_here * (wrong_below + wrong_here / 2.0);
            wrong_below += wrong_here;
            rights += right_here;
        }
        Self { concordant, total: rights * wrong_below }
    }

    /// `None` where there is no pair: all right, all wrong, or nothing at all.
    pub fn auroc(self) -> Option<f64> {
        (self.total > 0.0).then(|| self.concordant / self.total)
    }

    /// How far the AUROC is from saying nothing (0.5), 0 where it is undefined.
    pub fn distance(self) -> f64 {
        self.auroc().map_or(0.0, |auroc| (auroc - 0.5).abs())
    }
}

impl std::ops::AddAssign for Pairs {
    fn add_assign(&mut self, other: Self) {
        self.concordant += other.concordant;
        self.total += other.total;
    }
}

/// AUROC of scores against labels; items with NaN scores are left out. `None` where a class is missing.
pub fn auroc(scores: &[f64], right: &[bool]) -> Option<f64> {
    Pairs::count(&Ranking::of(scores), right).auroc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Right 0.9, 0.4; wrong 0.4, 0.1: pairs 1, 1, 0.5, 1 of 4.
        assert_eq!(auroc(&[0.9, 0.4, 0.4, 0.1], &[true, true, false, false]), Some(0.875));
        assert_eq!(auroc(&[1.0, 2.0, 3.0], &[false, true, true]), Some(1.0));
        assert_eq!(auroc(&[3.0, 2.0, 1.0], &[false, true, true]), Some(0.0));
        assert_eq!(auroc(&[7.0, 7.0, 7.0], &[false, true, true]), Some(0.5));
    }

    #[test]
    fn undefined_with_one_class() {
        assert_eq!(auroc(&[1.0, 2.0], &[true, true]), None);
        assert_eq!(auroc(&[], &[]), None);
        assert_eq!(auroc(&[f64::NAN, 2.0], &[false, true]), None);
    }

    #[test]
    fn equals_the_count_over_all_pairs() {
        let scores: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 23)).collect();
        let right: Vec<bool> = (0..60).map(|i| i * 11 % 7 < 3).collect();
        let mut expected = Pairs::default();
        for (i, _) in right.iter().enumerate().filter(|(_, right)| **right) {
            for (j, _) in right.iter().enumerate().filter(|(_, right)| !**right) {
                expected.total += 1.0;
                expected.concordant += if scores[i] > scores[j] {
                    1.0
                } else if scores[i] == scores[j] {
                    0.5
                } else {
                    0.0
                };
            }
        }
        assert_eq!(Pairs::count(&Ranking::of(&scores), &right), expected);
    }

    #[test]
    fn confounded_by_group() {
        // Two relations: one easy and with high scores, one hard and with low scores; inside each the score says nothing.
        let mut scores = Vec::new();
        let mut right = Vec::new();
        let mut groups = Vec::new();
        for i in 0..400u32 {
            let group = (i % 2) as usize;
            groups.push(Some(group));
            scores.push(f64::from(i / 2 * 73 % 199) / 199.0 + group as f64 * 5.0);
            right.push(if group == 1 { i % 40 != 1 } else { i % 40 == 0 });
        }
        let ranking = Ranking::of(&scores);
        assert!(Pairs::count(&ranking, &right).auroc().unwrap() > 0.93);
        let mut within = Pairs::default();
        for part in ranking.split(&groups, 2) {
            within += Pairs::count(&part, &right);
        }
        let within = within.auroc().unwrap();
        assert!((within - 0.5).abs() < 0.12, "{within}");
    }
}
