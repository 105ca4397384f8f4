//! Permuted labels: how well a probe does when nothing is there to be read.
//!
//! Images, not rows, exchange labels: the rows of one image resemble each other, and a null in which they do not is too narrow.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::Undefined;
use crate::stats::seed::rng;

/// Labels of an image as a whole: `count` labellings in which images of the same composition (as many rows, in the same strata)
/// exchange all their labels.
///
/// # Errors
/// [`Undefined::NothingToPermute`] where no exchange can change a label.
pub fn between_images(
    y: &[usize],
    groups: &[usize],
    strata: &[usize],
    count: usize,
    seed: u64,
) -> Result<Vec<Vec<usize>>, Undefined> {
    let mut images: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (row, (&group, &stratum)) in groups.iter().zip(strata).enumerate() {
        images.entry(group).or_default().push((stratum, row));
    }
    let mut exchangeable: BTreeMap<Vec<usize>, Vec<Vec<usize>>> = BTreeMap::new();
    for mut image in images.into_values() {
        image.sort_unstable();
        let (composition, rows) = image.into_iter().unzip();
        exchangeable.entry(composition).or_default().push(rows);
    }
    let labels = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
    if exchangeable.values().all(|images| images.windows(2).all(|pair| labels(&pair[0]) == labels(&pair[1]))) {
        return Err(Undefined::NothingToPermute);
    }
    let draw = |permutation: usize| {
        let mut rng = rng(seed, "labels between images", permutation as u64);
        let mut permuted = y.to_vec();
        for images in exchangeable.values() {
            let mut from: Vec<usize> = (0..images.len()).collect();
            from.shuffle(&mut rng);
            for (image, from) in images.iter().zip(from) {
                for (&row, &source) in image.iter().zip(&images[from]) {
                    permuted[row] = y[source];
                }
            }
        }
        permuted
    };
    Ok((0..count).map(draw).collect())
}

/// Labels that tell rows of one image apart (which object is first): `count` labellings in which the labels of each image change
/// names among themselves, all rows of a label together.
///
/// # Errors
/// [`Undefined::NothingToPermute`] where no image has two labels.
pub fn within_images(y: &[usize], groups: &[usize], count: usize, seed: u64) -> Result<Vec<Vec<usize>>, Undefined> {
    let mut images: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (row, (&group, &label)) in groups.iter().zip(y).enumerate() {
        let (rows, labels) = images.entry(group).or_default();
        rows.push(row);
        labels.push(label);
    }
    for (_, labels) in images.values_mut() {
        labels.sort_unstable();
        labels.dedup();
    }
    if images.values().all(|(_, labels)| labels.len() < 2) {
        return Err(Undefined::NothingToPermute);
    }
    let draw = |permutation: usize| {
        let mut rng = rng(seed, "labels within images", permutation as u64);
        let mut permuted = y.to_vec();
        for (rows, labels) in images.values() {
            let mut renamed = labels.clone();
            renamed.shuffle(&mut rng);
            for &row in rows {
                if let Ok(at) = labels.binary_search(&y[row]) {
                    permuted[row] = renamed[at];
                }
            }
        }
        permuted
    };
    Ok((0..count).map(draw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_exchange_all_their_labels_within_their_stratum() {
        let groups: Vec<usize> = (0..24).map(|row| row / 2).collect();
        let y: Vec<usize> = groups.iter().map(|group| group % 3).collect();
        let strata: Vec<usize> = groups.iter().map(|group| usize::from(*group < 6)).collect();
        let drawn = between_images(&y, &groups, &strata, 50, 1).unwrap();
        for labels in &drawn {
            assert!(labels.chunks(2).all(|image| image[0] == image[1]));
            for part in [&labels[..12], &labels[12..]] {
                let mut sorted = part.to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
            }
        }
        assert!(drawn.iter().any(|labels| labels != &y));
    }

    #[test]
    fn labels_of_an_image_change_names() {
        let groups: Vec<usize> = (0..40).map(|row| row / 4).collect();
        let y: Vec<usize> = (0..40).map(|row| row % 4 / 2).collect();
        let drawn = within_images(&y, &groups, 30, 1).unwrap();
        for labels in &drawn {
            assert!(labels.chunks(4).all(|image| image[0] == image[1] && image[2] == image[3] && image[0] != image[2]));
        }
        let changed = drawn.iter().flatten().zip(y.iter().cycle()).filter(|(a, b)| a != b).count();
        assert!((400..800).contains(&changed), "{changed}");
    }

    #[test]
    fn what_cannot_change_is_said() {
        assert_eq!(within_images(&[0, 1, 1], &[0, 1, 1], 3, 0), Err(Undefined::NothingToPermute));
        // Every image has the same labels in the same order: exchanging images changes nothing.
        assert_eq!(between_images(&[0, 1, 0, 1], &[0, 0, 1, 1], &[0; 4], 3, 0), Err(Undefined::NothingToPermute));
    }
}
