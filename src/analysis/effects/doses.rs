//! The dose of an enhancement, chosen on other images than those it is judged on.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::frames::{Effect, Effects, Key};

/// Measurements of one fold at one dose.
type Doses = BTreeMap<usize, BTreeMap<i16, Vec<usize>>>;

/// Adds, for every enhancement with several positive doses, the measurements of a chosen dose: in each fold those of the dose
/// with the largest net accuracy in the other folds, the smaller of equals. Null draws choose for themselves, and what they
/// are drawn for chooses among their doses alone where they have fewer, so all have the same freedom. The key has no dose.
pub fn choose(effects: &mut Effects) {
    let mut sweeps: BTreeMap<(Key, Option<u32>), Doses> = BTreeMap::new();
    for (at, effect) in effects.rows.iter().enumerate() {
        let key = &effects.keys[effect.key];
        let (Some(fold), true) = (effect.fold, key.kind == "enhance" && key.dose().is_some_and(|dose| dose > 0.0))
        else {
            continue;
        };
        let sweep = sweeps.entry((key.any_dose(), effect.draw)).or_default();
        sweep.entry(effect.key).or_default().entry(fold).or_default().push(at);
    }
    // The doses that null draws have, by the key of the real thing.
    let mut drawn: BTreeMap<Key, BTreeSet<Option<i64>>> = BTreeMap::new();
    for ((key, _), doses) in sweeps.iter().filter(|((_, draw), _)| draw.is_some()) {
        drawn.entry(key.uncontrolled()).or_default().extend(doses.keys().map(|at| effects.keys[*at].dose));
    }
    let mut keys: BTreeMap<Key, usize> = BTreeMap::new();
    for ((key, draw), doses) in sweeps {
        let mut doses: Vec<_> = doses.into_iter().collect();
        if let (None, Some(offered)) = (draw, drawn.get(&key).filter(|offered| offered.len() > 1)) {
            doses.retain(|(at, _)| offered.contains(&effects.keys[*at].dose));
        }
        if doses.len() < 2 {
            continue;
        }
        let size = |of: &usize| effects.keys[*of].dose().unwrap_or(f64::INFINITY);
        doses.sort_by(|(one, _), (other, _)| size(one).total_cmp(&size(other)));
        let number = *keys.entry(key).or_insert_with_key(|key| {
            effects.keys.push(key.clone());
            effects.keys.len() - 1
        });
        let folds: Vec<i16> = doses.iter().flat_map(|(_, folds)| folds.keys().copied()).collect();
        for fold in BTreeSet::from_iter(folds) {
            let net = |folds: &BTreeMap<i16, Vec<usize>>| -> i64 {
                let others = folds.iter().filter(|(other, _)| **other != fold);
                others.flat_map(|(_, of)| of).map(|&at| gain(&effects.rows[at])).sum()
            };
            // The first of equals: doses stand from the smallest up.
            let best = doses.iter().rev().max_by_key(|(_, folds)| net(folds));
            let Some(here) = best.and_then(|(_, folds)| folds.get(&fold)) else { continue };
            let chosen: Vec<Effect> = here.iter().map(|&at| Effect { key: number, ..effects.rows[at] }).collect();
            effects.rows.extend(chosen);
        }
    }
}

fn gain(effect: &Effect) -> i64 {
    i64::from(effect.correct) - i64::from(effect.correct_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folds of ten items each; at a dose, this many are fixed in each fold.
    fn world(doses: &[(f64, [usize; 2])]) -> Effects {
        let mut effects = Effects::default();
        for (at, (dose, fixed)) in doses.iter().enumerate() {
            let mut key = Key::example("enhance", "image", "none");
            key.dose = Some((dose * 1e6) as i64);
            effects.keys.push(key);
            for (fold, &fixed) in fixed.iter().enumerate() {
                effects.rows.extend((0..10).map(|item| Effect {
                    key: at,
                    fold: Some(fold as i16),
                    correct: item < fixed,
                    ..Effect::default()
                }));
            }
        }
        effects
    }

    fn chosen(effects: &Effects) -> Option<usize> {
        let key = effects.keys.iter().position(|key| key.dose().is_none())?;
        Some(effects.rows.iter().filter(|row| row.key == key && row.correct).count())
    }

    #[test]
    fn a_fold_does_not_choose_its_own_dose() {
        // Dose 1 is best in fold 0, dose 2 in fold 1: each fold gets what the other likes.
        let mut effects = world(&[(1.0, [9, 1]), (2.0, [2, 8])]);
        choose(&mut effects);
        assert_eq!(chosen(&effects), Some(2 + 1));
    }

    #[test]
    fn of_equal_doses_the_smaller_is_chosen_and_one_dose_is_no_choice() {
        let mut effects = world(&[(1.0, [3, 3]), (4.0, [3, 3]), (-2.0, [9, 9])]);
        let before = effects.rows.len();
        choose(&mut effects);
        assert_eq!((chosen(&effects), effects.rows.len()), (Some(6), before + 20));
        let mut one = world(&[(1.0, [3, 3]), (-1.0, [9, 9])]);
        choose(&mut one);
        assert_eq!(chosen(&one), None);
    }

    #[test]
    fn the_real_thing_chooses_among_the_doses_of_its_null_draws() {
        let mut effects = world(&[(1.0, [3, 3]), (2.0, [9, 9]), (4.0, [5, 5])]);
        for dose in [1.0, 4.0] {
            let mut key = Key::example("enhance", "image", "random");
            key.dose = Some((dose * 1e6) as i64);
            effects.keys.push(key);
            let at = effects.keys.len() - 1;
            let row = |fold| Effect { key: at, fold: Some(fold), draw: Some(0), ..Effect::default() };
            effects.rows.extend([0, 1].map(row));
        }
        choose(&mut effects);
        assert_eq!(chosen(&effects), Some(5 + 5), "dose 2 is best, and not offered to the draw");
    }
}
