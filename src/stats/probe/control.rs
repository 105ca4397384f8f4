//! The control task of Hewitt and Liang, "Designing and Interpreting Probes with Control Tasks" (2019).

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::stats::seed::rng;

/// Each distinct identity (an object's name, a cell's number) gets a class at random, the same wherever it occurs; as many
/// identities a class as can be, so that the task has the chance level of the real one. A probe that does as well here as on
/// the real labels has memorised what it saw; selectivity is the difference.
pub fn control_labels(identities: &[usize], classes: usize, seed: u64) -> Vec<usize> {
    let mut class_of: BTreeMap<usize, usize> = identities.iter().map(|&identity| (identity, 0)).collect();
    let mut deck: Vec<usize> = (0..class_of.len()).map(|i| i % classes.max(1)).collect();
    deck.shuffle(&mut rng(seed, "control task", classes as u64));
    for (class, dealt) in class_of.values_mut().zip(deck) {
        *class = dealt;
    }
    identities.iter().map(|identity| class_of[identity]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_class_and_classes_are_dealt_evenly() {
        let identities = [9, 4, 9, 7, 1, 4, 3, 3, 2];
        let labels = control_labels(&identities, 3, 5);
        for (i, a) in identities.iter().zip(&labels) {
            assert!(identities.iter().zip(&labels).all(|(j, b)| i != j || a == b));
        }
        let distinct: BTreeMap<_, _> = identities.iter().zip(&labels).collect();
        assert!((0..3).all(|class| distinct.values().filter(|&&&label| label == class).count() == 2));
        assert!((0..20).any(|seed| control_labels(&identities, 3, seed) != labels));
    }
}
