//! A mean over readings with its interval over images.

use std::collections::HashSet;

use crate::stats::{Interval, Replicates};

/// A value of one reading.
#[derive(Clone, Copy, Debug)]
pub struct One {
    pub item: usize,
    pub image: usize,
    pub value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    pub value: f64,
    pub interval: Option<Interval>,
    /// Items.
    pub n: u32,
    pub images: u32,
}

impl Mean {
    /// `images` says how many there are in all; no interval from a single one. `None` without values.
    pub fn of(values: &[One], images: usize, replicates: &Replicates) -> Option<Self> {
        let (mut part, mut whole) = (vec![0.0; images], vec![0.0; images]);
        for one in values {
            part[one.image] += one.value;
            whole[one.image] += 1.0;
        }
        let seen: Vec<u32> = (0..).zip(&whole).filter(|(_, whole)| **whole > 0.0).map(|(image, _)| image).collect();
        if seen.is_empty() {
            return None;
        }
        let draws = || {
            let (parts, wholes) = (replicates.sums(&part, &seen), replicates.sums(&whole, &seen));
            let pairs = parts.into_iter().zip(wholes).filter(|(_, whole)| whole.total > 0.0);
            pairs.map(|(part, whole)| part.total / whole.total).collect::<Vec<_>>()
        };
        Some(Self {
            value: part.iter().sum::<f64>() / whole.iter().sum::<f64>(),
            interval: (seen.len() >= 2).then(|| Interval::of_draws(draws().into_iter())).flatten(),
            n: values.iter().map(|one| one.item).collect::<HashSet<_>>().len() as u32,
            images: seen.len() as u32,
        })
    }
}
