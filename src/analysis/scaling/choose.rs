//! What is chosen on some images and used on others: an alpha, or a threshold.

use crate::stats::probe::Undefined;
use crate::stats::probe::folds::grouped;

/// What each item gets when the choice is made on the images of the other folds.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Of each item: which of the candidates.
    pub of_item: Vec<usize>,
    /// Of each fold.
    pub of_fold: Vec<usize>,
}

/// Of candidates, each with which items it gets right, the one that gets the most right on the other folds. Of several that
/// do, the one in the middle of the longest run of such neighbours, so that it stands far from where things turn worse.
///
/// # Errors
/// Fewer images than folds.
pub fn cross_validated(right: &[Vec<bool>], images: &[usize], folds: usize, seed: u64) -> Result<Chosen, Undefined> {
    let folds = grouped(images, folds, seed)?;
    let mut of_item = vec![0; images.len()];
    let mut of_fold = Vec::with_capacity(folds.len());
    for fold in &folds {
        let score = |right: &Vec<bool>| fold.train.iter().filter(|&&item| right[item]).count();
        let best = best(&right.iter().map(score).collect::<Vec<_>>());
        fold.test.iter().for_each(|&item| of_item[item] = best);
        of_fold.push(best);
    }
    Ok(Chosen { of_item, of_fold })
}

/// The middle of the longest run of largest scores; of runs of one length, the first.
pub fn best(scores: &[usize]) -> usize {
    let top = scores.iter().max().copied().unwrap_or(0);
    let (mut from, mut longest) = (None, (0, 0));
    for at in 0..=scores.len() {
        match (scores.get(at) == Some(&top), from) {
            (true, None) => from = Some(at),
            (false, Some(begin)) => {
                if at - begin > longest.1 - longest.0 {
                    longest = (begin, at);
                }
                from = None;
            }
            _ => {}
        }
    }
    (longest.0 + longest.1.saturating_sub(1)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_longest_plateau() {
        assert_eq!(best(&[1, 3, 2, 3, 3, 3, 0]), 4);
        assert_eq!(best(&[2, 2]), 0);
        assert_eq!(best(&[0, 5]), 1);
        assert_eq!(best(&[]), 0);
    }

    #[test]
    fn what_an_image_gets_does_not_depend_on_it() {
        let images: Vec<usize> = (0..40).collect();
        // The second candidate is right everywhere but on image 0.
        let right = vec![vec![false; 40], images.iter().map(|&image| image != 0).collect()];
        let chosen = cross_validated(&right, &images, 4, 1).unwrap();
        assert_eq!((chosen.of_item, chosen.of_fold), (vec![1; 40], vec![1; 4]));
        // Candidates without any effect: held out, the choice is no better than chance; here each is right on its own half.
        assert!(cross_validated(&right, &[0, 0, 1], 4, 1).is_err());
    }
}
