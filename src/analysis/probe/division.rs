//! Which images train a probe and which try it.
//!
//! Images are numbered from 0 inside one problem. Every division is of whole images, and the same at every site, so that
//! sites can be compared image by image.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;

use crate::stats::seed::rng;

/// Outer folds.
pub const FOLDS: usize = 5;
/// With so few identities, every pair of them is held out once.
const FEW: usize = 6;
/// Two images for each of five inner folds.
const LEAST_TRAINED: usize = 10;

/// Training and test images, disjoint, neither empty, both ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

impl Division {
    fn of(images: usize, is_test: impl Fn(usize) -> bool, is_train: impl Fn(usize) -> bool) -> Option<Self> {
        let test: Vec<usize> = (0..images).filter(|&image| is_test(image)).collect();
        let train: Vec<usize> = (0..images).filter(|&image| !is_test(image) && is_train(image)).collect();
        (!test.is_empty() && !train.is_empty()).then_some(Self { train, test })
    }
}

/// Images dealt at random to five folds, each stratum evenly. `strata`: one number an image.
///
/// # Errors
/// Fewer images than folds.
pub fn random_image(strata: &[usize], seed: u64) -> Result<Vec<Division>, String> {
    let mut order: Vec<usize> = (0..strata.len()).collect();
    order.shuffle(&mut rng(seed, "probe folds", 0));
    order.sort_by_key(|&image| strata[image]);
    deal(&order.into_iter().map(|image| vec![image]).collect::<Vec<_>>(), strata.len(), "images")
}

/// Every test image shows an identity that no training image shows. Of at most six identities each pair is held out once;
/// more are put into five groups, held out in turn. A division that leaves too few images for inner folds is left out.
/// `contents`: the identities of each image.
///
/// # Errors
/// Too few identities to hold any out: no division has both a training and a test image.
pub fn held_out_content(contents: &[Vec<usize>], seed: u64) -> Result<Vec<Division>, String> {
    let all: BTreeSet<usize> = contents.iter().flatten().copied().collect();
    let mut all: Vec<usize> = all.into_iter().collect();
    let held_out: Vec<Vec<usize>> = if all.len() <= FEW {
        let pairs =
            |(at, &first): (usize, &usize)| all[at + 1..].iter().map(move |&second| vec![first, second]).collect();
        all.iter().enumerate().flat_map(|pair| -> Vec<Vec<usize>> { pairs(pair) }).collect()
    } else {
        all.shuffle(&mut rng(seed, "probe identities", 0));
        (0..FOLDS).map(|fold| all.iter().copied().skip(fold).step_by(FOLDS).collect()).collect()
    };
    let shows = |image: usize, held_out: &[usize]| contents[image].iter().any(|identity| held_out.contains(identity));
    let divisions: Vec<Division> = held_out
        .iter()
        .filter_map(|held_out| Division::of(contents.len(), |image| shows(image, held_out), |_| true))
        .filter(|division| division.train.len() >= LEAST_TRAINED)
        .collect();
    if divisions.is_empty() {
        return Err(format!(
            "{} identities: none can be held out and leave {LEAST_TRAINED} images to train on",
            all.len()
        ));
    }
    Ok(divisions)
}

/// Every test image shows a combination of identities that no training image shows; the combinations are dealt at random
/// to five folds. `contents`: the identities of each image, in any order.
///
/// # Errors
/// Fewer combinations than folds.
pub fn held_out_pair(contents: &[Vec<usize>], seed: u64) -> Result<Vec<Division>, String> {
    let mut combinations: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (image, content) in contents.iter().enumerate() {
        let mut content = content.clone();
        content.sort_unstable();
        combinations.entry(content).or_default().push(image);
    }
    let mut combinations: Vec<Vec<usize>> = combinations.into_values().collect();
    combinations.shuffle(&mut rng(seed, "probe combinations", 0));
    deal(&combinations, contents.len(), "combinations of objects")
}

/// Trained on all other settings, tried on one; each in turn. `settings`: one number an image.
///
/// # Errors
/// A single setting.
pub fn cross_setting(settings: &[usize]) -> Result<Vec<Division>, String> {
    let all: BTreeSet<usize> = settings.iter().copied().collect();
    let divisions: Vec<Division> = all
        .iter()
        .filter_map(|setting| Division::of(settings.len(), |image| settings[image] == *setting, |_| true))
        .collect();
    if divisions.is_empty() { Err("only one kind of scene: nothing to cross over to".into()) } else { Ok(divisions) }
}

/// Deals groups of images to the folds in turn.
fn deal(groups: &[Vec<usize>], images: usize, what: &str) -> Result<Vec<Division>, String> {
    if groups.len() < FOLDS {
        return Err(format!("{} {what}, fewer than {FOLDS} folds", groups.len()));
    }
    let mut fold_of = vec![0; images];
    for (at, group) in groups.iter().enumerate() {
        group.iter().for_each(|&image| fold_of[image] = at % FOLDS);
    }
    Ok((0..FOLDS).filter_map(|fold| Division::of(images, |image| fold_of[image] == fold, |_| true)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disjoint(divisions: &[Division]) -> bool {
        divisions.iter().all(|division| division.train.iter().all(|image| !division.test.contains(image)))
    }

    #[test]
    fn random_folds_hold_every_image_once_and_every_stratum_evenly() {
        let strata: Vec<usize> = (0..40).map(|image| usize::from(image % 4 == 0)).collect();
        let divisions = random_image(&strata, 3).unwrap();
        let mut tested: Vec<usize> = divisions.iter().flat_map(|division| division.test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..40).collect::<Vec<_>>());
        for division in &divisions {
            assert_eq!(division.test.iter().filter(|&&image| strata[image] == 1).count(), 2);
            assert_eq!(division.train.len(), 32);
        }
        assert!(disjoint(&divisions));
        assert_eq!(random_image(&strata, 3).unwrap(), divisions);
        assert_ne!(random_image(&strata, 4).unwrap(), divisions);
        assert!(random_image(&[0; 4], 1).unwrap_err().contains("4 images"));
    }

    #[test]
    fn few_identities_are_held_out_in_pairs() {
        // All unordered triples of six, three times.
        let triples = (0..6).flat_map(|a| (a + 1..6).flat_map(move |b| (b + 1..6).map(move |c| vec![a, b, c])));
        let contents: Vec<Vec<usize>> = triples.flat_map(|triple| vec![triple; 3]).collect();
        let divisions = held_out_content(&contents, 1).unwrap();
        assert_eq!(divisions.len(), 15);
        for division in &divisions {
            let trained: BTreeSet<usize> = division.train.iter().flat_map(|&image| contents[image].clone()).collect();
            assert_eq!((division.train.len(), trained.len()), (12, 4));
            assert!(division.test.iter().all(|&image| contents[image].iter().any(|one| !trained.contains(one))));
        }
    }

    #[test]
    fn many_identities_are_held_out_in_five_groups() {
        let contents: Vec<Vec<usize>> =
            (0..60).map(|image| vec![image % 12, (image * 5 + 1 + image / 12) % 12]).collect();
        let divisions = held_out_content(&contents, 1).unwrap();
        assert_eq!(divisions.len(), 5);
        for division in &divisions {
            let trained: BTreeSet<usize> = division.train.iter().flat_map(|&image| contents[image].clone()).collect();
            assert!(division.test.iter().all(|&image| contents[image].iter().any(|one| !trained.contains(one))));
        }
        // Both identities in every image: whatever is held out, nothing is left.
        assert!(held_out_content(&vec![vec![0, 1]; 9], 1).unwrap_err().contains("2 identities"));
    }

    #[test]
    fn combinations_are_never_on_both_sides() {
        let contents: Vec<Vec<usize>> = (0..40).map(|image| vec![image % 8, 8 + image % 4]).collect();
        let turned: Vec<Vec<usize>> = contents.iter().map(|content| content.iter().rev().copied().collect()).collect();
        let contents = [contents, turned].concat();
        let divisions = held_out_pair(&contents, 1).unwrap();
        let known = |content: &Vec<usize>| content.iter().copied().collect::<BTreeSet<usize>>();
        for division in &divisions {
            let trained: Vec<_> = division.train.iter().map(|&image| known(&contents[image])).collect();
            assert!(division.test.iter().all(|&image| !trained.contains(&known(&contents[image]))));
        }
        assert!(held_out_pair(&contents[..4], 1).unwrap_err().contains("4 combinations"));
    }

    #[test]
    fn settings_are_tried_in_turn() {
        let divisions = cross_setting(&[0, 1, 0, 1, 1]).unwrap();
        assert_eq!(divisions[0], Division { train: vec![1, 3, 4], test: vec![0, 2] });
        assert_eq!(divisions.len(), 2);
        assert!(cross_setting(&[3, 3]).is_err());
    }
}
