//! Items in ascending order of score: sorted once, then read by every bootstrap replicate and permutation.

/// Items by ascending score, ties marked. Items whose score is NaN are not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    order: Vec<u32>,
    /// One past the end, in `order`, of each run of equal scores.
    ends: Vec<u32>,
}

impl Ranking {
    /// Ranks the items `0..scores.len()`.
    pub fn of(scores: &[f64]) -> Self {
        let mut sorted: Vec<(f64, u32)> =
            scores.iter().copied().zip(0..).filter(|(score, _)| !score.is_nan()).collect();
        // The item's number decides between equals, so the order is one and only.
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut ends: Vec<u32> =
            sorted.windows(2).zip(1..).filter(|(pair, _)| pair[0].0 != pair[1].0).map(|(_, end)| end).collect();
        if !sorted.is_empty() {
            ends.push(sorted.len() as u32);
        }
        Self { order: sorted.into_iter().map(|(_, item)| item).collect(), ends }
    }

    /// Ranks within groups: `group_of` gives each item's group, `None` leaves it out of all.
    pub fn split(&self, group_of: &[Option<usize>], groups: usize) -> Vec<Self> {
        let mut parts = vec![Self::default(); groups];
        for tie in self.ties() {
            for &item in tie {
                if let Some(group) = group_of[item as usize] {
                    parts[group].order.push(item);
                }
            }
            for &item in tie {
                if let Some(group) = group_of[item as usize] {
                    let part = &mut parts[group];
                    let end = part.order.len() as u32;
                    if part.ends.last() != Some(&end) {
                        part.ends.push(end);
                    }
                }
            }
        }
        parts
    }

    /// How many items are ranked.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All items, ascending.
    pub fn items(&self) -> &[u32] {
        &self.order
    }

    /// Runs of items with equal scores, ascending.
    pub fn ties(&self) -> impl Iterator<Item = &[u32]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let tie = &self.order[start..end as usize];
            start = end as usize;
            tie
        })
    }

    /// Each item with the number of items it scores above, equals (itself among them) counted half.
    pub fn beaten(&self) -> impl Iterator<Item = (u32, f64)> {
        let mut below = 0.0;
        self.ties().flat_map(move |tie| {
            let size = tie.len() as f64;
            let beaten = below + size / 2.0;
            below += size;
            tie.iter().map(move |&item| (item, beaten))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_with_ties_and_gaps() {
        let ranking = Ranking::of(&[0.5, -1.0, f64::NAN, 0.5, 2.0]);
        assert_eq!(ranking.ties().collect::<Vec<_>>(), [&[1u32][..], &[0, 3], &[4]]);
        assert_eq!(ranking.beaten().collect::<Vec<_>>(), [(1, 0.5), (0, 2.0), (3, 2.0), (4, 3.5)]);
        assert_eq!(Ranking::of(&[0.0, -0.0]).ties().count(), 1);
        assert!(Ranking::of(&[]).is_empty());
    }

    #[test]
    fn splitting_keeps_order_and_ties() {
        let scores = [3.0, 1.0, 1.0, 3.0, 2.0, 1.0];
        let groups = [Some(0), Some(1), Some(0), Some(0), None, Some(0)];
        let parts = Ranking::of(&scores).split(&groups, 3);
        assert_eq!(parts[0].ties().collect::<Vec<_>>(), [&[2u32, 5][..], &[0, 3]]);
        assert_eq!(parts[1].items(), [1]);
        assert!(parts[2].is_empty());
    }
}
