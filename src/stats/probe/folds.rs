//! Grouped cross-validation: whole images go to one side of a fold or the other.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::Undefined;
use crate::stats::seed::rng;

/// Rows to fit on and rows to test on. A row may stand in neither; the test rows of different folds may overlap (leaving out
/// each pair of identities in turn).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

impl Fold {
    /// Tests on the rows `held_out` says, fits on all others.
    ///
    /// # Errors
    /// Either side is empty, or a group stands on both.
    pub fn holding_out(groups: &[usize], held_out: impl Fn(usize) -> bool) -> Result<Self, Undefined> {
        let (test, train) = (0..groups.len()).partition(|&row| held_out(row));
        let fold = Self { train, test };
        fold.check(groups)?;
        Ok(fold)
    }

    /// Both sides have rows, and no group stands on both.
    pub fn check(&self, groups: &[usize]) -> Result<(), Undefined> {
        if self.train.is_empty() || self.test.is_empty() {
            return Err(Undefined::EmptyFold);
        }
        let of = |rows: &[usize]| {
            rows.iter().filter_map(|&row| groups.get(row).copied()).collect::<std::collections::BTreeSet<_>>()
        };
        match of(&self.train).intersection(&of(&self.test)).next() {
            Some(&group) => Err(Undefined::Straddles { group }),
            None => Ok(()),
        }
    }
}

/// `k` folds in which every group is tested once; groups are dealt at random, as evenly as can be.
///
/// # Errors
/// Fewer groups than folds, or fewer than two folds.
pub fn grouped(groups: &[usize], k: usize, seed: u64) -> Result<Vec<Fold>, Undefined> {
    deal(groups, |_| 0, k, seed)
}

/// As [`grouped`], each stratum (of a group's first row; a label, a setting) dealt evenly over the folds.
///
/// # Errors
/// As [`grouped`].
pub fn stratified(groups: &[usize], strata: &[usize], k: usize, seed: u64) -> Result<Vec<Fold>, Undefined> {
    if groups.len() != strata.len() {
        return Err(Undefined::Lengths { rows: groups.len(), labels: strata.len(), groups: groups.len() });
    }
    deal(groups, |row| strata.get(row).copied().unwrap_or_default(), k, seed)
}

fn deal(groups: &[usize], stratum: impl Fn(usize) -> usize, k: usize, seed: u64) -> Result<Vec<Fold>, Undefined> {
    let mut first = BTreeMap::new();
    for (row, &group) in groups.iter().enumerate() {
        first.entry(group).or_insert(row);
    }
    if k < 2 || first.len() < k {
        return Err(Undefined::TooFewGroups { groups: first.len(), folds: k });
    }
    let mut strata: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (&group, &row) in &first {
        strata.entry(stratum(row)).or_default().push(group);
    }
    let mut rng = rng(seed, "folds", k as u64);
    let mut dealt = Vec::with_capacity(first.len());
    for members in strata.values_mut() {
        members.shuffle(&mut rng);
        dealt.append(members);
    }
    let fold_of: BTreeMap<usize, usize> = dealt.into_iter().enumerate().map(|(i, group)| (group, i % k)).collect();
    (0..k).map(|fold| Fold::holding_out(groups, |row| fold_of.get(&groups[row]) == Some(&fold))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_tested_once_and_no_image_is_split() {
        let groups: Vec<usize> = (0..60).map(|row| 100 + row / 4).collect();
        let folds = grouped(&groups, 5, 3).unwrap();
        let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..60).collect::<Vec<_>>());
        for fold in &folds {
            assert_eq!((fold.test.len(), fold.train.len()), (12, 48));
            fold.check(&groups).unwrap();
        }
        assert_ne!(folds, grouped(&groups, 5, 4).unwrap());
    }

    #[test]
    fn strata_are_dealt_evenly() {
        let groups: Vec<usize> = (0..50).collect();
        let strata: Vec<usize> = (0..50).map(|row| usize::from(row < 10)).collect();
        for fold in stratified(&groups, &strata, 5, 1).unwrap() {
            assert_eq!(fold.test.iter().filter(|&&row| row < 10).count(), 2);
        }
    }

    #[test]
    fn too_few_images_are_refused() {
        assert_eq!(grouped(&[1, 1, 2, 2], 5, 0), Err(Undefined::TooFewGroups { groups: 2, folds: 5 }));
        assert_eq!(grouped(&[], 2, 0), Err(Undefined::TooFewGroups { groups: 0, folds: 2 }));
        assert_eq!(stratified(&[1, 2], &[1], 2, 0), Err(Undefined::Lengths { rows: 2, labels: 1, groups: 2 }));
        assert_eq!(Fold::holding_out(&[7, 7, 8], |row| row == 1), Err(Undefined::Straddles { group: 7 }));
        assert_eq!(Fold::holding_out(&[7, 8], |_| false), Err(Undefined::EmptyFold));
    }
}
