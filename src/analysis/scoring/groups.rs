//! Pairs and sets of items that count as right only together.

use std::collections::BTreeMap;

use crate::stats::{Interval, wilson};

/// How many groups are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupAccuracy {
    /// Groups of which every member was asked and is right.
    pub right: usize,
    /// Groups of which every member was asked.
    pub complete: usize,
    /// Items, in complete groups or not.
    pub items: usize,
    /// Members of a whole group.
    pub size: usize,
}

impl GroupAccuracy {
    /// Of the complete groups, the share that is right; `None` where none is complete.
    pub fn accuracy(self) -> Option<f64> {
        (self.complete > 0).then(|| self.right as f64 / self.complete as f64)
    }

    /// Wilson's 95 % interval of [`Self::accuracy`].
    pub fn interval(self) -> Option<Interval> {
        wilson(self.right, self.complete)
    }

    /// As the released code divides: by as many groups as the items would fill. Where a split has torn groups apart, they
    /// count as wrong, and 1 is out of reach; see [`Self::released_ceiling`].
    pub fn released(self) -> Option<f64> {
        (self.items > 0).then(|| self.right as f64 * self.size as f64 / self.items as f64)
    }

    /// What [`Self::released`] would be if every answer were right.
    pub fn released_ceiling(self) -> Option<f64> {
        Self { right: self.complete, ..self }.released()
    }
}

/// Counts groups of `size` members. Each item comes with its group, if it has one, and whether it is right. A group with
/// more members than `size` is not complete either: it is not the group that is meant.
pub fn group_accuracy<'a>(items: impl IntoIterator<Item = (Option<&'a str>, bool)>, size: usize) -> GroupAccuracy {
    let mut groups: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut count = 0;
    for (group, right) in items {
        count += 1;
        if let Some(group) = group {
            let (asked, answered) = groups.entry(group).or_default();
            *asked += 1;
            *answered += usize::from(right);
        }
    }
    let complete = groups.values().filter(|(asked, _)| *asked == size);
    let right = complete.clone().filter(|(asked, answered)| asked == answered).count();
    GroupAccuracy { right, complete: complete.count(), items: count, size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_groups_count() {
        let items = [(Some("a"), true), (Some("a"), true), (Some("b"), true), (Some("b"), false), (Some("c"), true)];
        let found = group_accuracy(items, 2);
        assert_eq!(found, GroupAccuracy { right: 1, complete: 2, items: 5, size: 2 });
        assert_eq!((found.accuracy(), found.released(), found.released_ceiling()), (Some(0.5), Some(0.4), Some(0.8)));
        assert!(found.interval().is_some_and(|interval| interval.lo < 0.5 && interval.hi > 0.5));
    }

    #[test]
    fn items_without_a_group_and_groups_too_large_are_not_complete() {
        let found = group_accuracy([(None, true), (Some("a"), true), (Some("a"), true), (Some("a"), true)], 2);
        assert_eq!((found.complete, found.items, found.accuracy()), (0, 4, None));
        let none = group_accuracy([], 2);
        assert_eq!((none.accuracy(), none.released(), none.interval()), (None, None, None));
    }

    /// The study's test split of Controlled_A: 132 of its 165 pairs and 48 of its 82.5 sets are whole.
    #[test]
    fn the_released_ceiling_of_the_published_split() {
        let percent = |complete, size| {
            let all = GroupAccuracy { right: 0, complete, items: 330, size };
            (all.released_ceiling().unwrap() * 1000.0).round() / 10.0
        };
        assert_eq!((percent(132, 2), percent(48, 4)), (80.0, 58.2));
    }
}
