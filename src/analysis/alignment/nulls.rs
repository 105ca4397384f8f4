//! Two nulls for "attention sits on the object": boxes of the same size elsewhere, and boxes of other items.
//!
//! *Area-matched random boxes* keep each box's width and height (of the part that the model sees) and place it uniformly
//! within what the model sees; coverage is computed anew from the exact rectangles. They ask: would any place do?
//! *Other items' boxes* keep the places where objects tend to be, and ask: would the usual place do? A draw gives every
//! item the boxes of exactly one other item, of another image wherever there are enough images.

use rand::Rng;
use rand::seq::SliceRandom;

use crate::dataset::PixelBox;
use crate::processor::ImageGeometry;
use crate::stats::seed::rng;

/// Random counterparts of the boxes of every object of one item, in one draw. An item's draws depend on its name and not on
/// what else is in the run.
pub fn random_boxes(
    item: &str,
    geometry: &ImageGeometry,
    objects: &[&[PixelBox]],
    draw: usize,
    seed: u64,
) -> Vec<Vec<PixelBox>> {
    let mut rng = rng(seed, &format!("random boxes of {item}"), draw as u64);
    let seen = geometry.seen;
    let mut place = |one: &PixelBox| {
        let width = one.x2.min(seen.x2) - one.x1.max(seen.x1);
        let height = one.y2.min(seen.y2) - one.y1.max(seen.y1);
        // Both numbers are drawn for every box, so a box out of sight does not shift the others' draws.
        let (right, down) = (rng.random::<f64>(), rng.random::<f64>());
        let x1 = seen.x1 + right * (seen.x2 - seen.x1 - width);
        let y1 = seen.y1 + down * (seen.y2 - seen.y1 - height);
        (width > 0.0 && height > 0.0).then_some(PixelBox { x1, y1, x2: x1 + width, y2: y1 + height })
    };
    objects.iter().map(|boxes| boxes.iter().filter_map(&mut place).collect()).collect()
}

/// For every item the item whose boxes it borrows in this draw: a permutation without fixed points, none of them of the
/// same image unless more than half of the items share one. `None` with fewer than two items.
///
/// Images come in random order, their items next to each other in random order, and everybody borrows from the one so
/// many places further on as the largest image has items.
pub fn donors(clusters: &[usize], draw: usize, seed: u64) -> Option<Vec<usize>> {
    let n = clusters.len();
    if n < 2 {
        return None;
    }
    let mut rng = rng(seed, "other items' boxes", draw as u64);
    let number = clusters.iter().max().map_or(0, |last| last + 1);
    let mut images: Vec<Vec<usize>> = vec![Vec::new(); number];
    for (item, &cluster) in clusters.iter().enumerate() {
        images[cluster].push(item);
    }
    images.shuffle(&mut rng);
    images.iter_mut().for_each(|items| items.shuffle(&mut rng));
    let largest = images.iter().map(Vec::len).max().unwrap_or(1);
    let shift = if 2 * largest <= n { largest } else { 1 };
    let circle = images.concat();
    let mut donors = vec![0; n];
    for (at, &item) in circle.iter().enumerate() {
        donors[item] = circle[(at + shift) % n];
    }
    Some(donors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::Grid;

    fn geometry() -> ImageGeometry {
        let seen = PixelBox { x1: 20.0, y1: 0.0, x2: 100.0, y2: 80.0 };
        ImageGeometry { image_width: 120, image_height: 80, grid: Grid { rows: 8, cols: 8 }, seen }
    }

    #[test]
    fn random_boxes_keep_their_size_and_stay_in_sight() {
        let geometry = geometry();
        // The second box is half outside: 20 of its 40 pixels are seen. The third is not seen at all.
        let boxes = [
            PixelBox { x1: 30.0, y1: 10.0, x2: 54.0, y2: 22.0 },
            PixelBox { x1: 80.0, y1: 10.0, x2: 120.0, y2: 30.0 },
            PixelBox { x1: 0.0, y1: 0.0, x2: 10.0, y2: 10.0 },
        ];
        let mut places = Vec::new();
        for draw in 0..200 {
            let drawn = random_boxes("a", &geometry, &[&boxes[..1], &boxes[1..]], draw, 1);
            let ([first], [second]) = (&drawn[0][..], &drawn[1][..]) else { panic!("{drawn:?}") };
            for (one, width, height) in [(first, 24.0, 12.0), (second, 20.0, 20.0)] {
                assert!((one.x2 - one.x1 - width).abs() < 1e-9 && (one.y2 - one.y1 - height).abs() < 1e-9);
                assert!(one.x1 >= 20.0 && one.x2 <= 100.0 && one.y1 >= 0.0 && one.y2 <= 80.0);
                let area: f32 = geometry.coverage(&[*one]).iter().sum();
                assert!((f64::from(area) - width * height / 100.0).abs() < 1e-4);
            }
            places.push(first.x1);
        }
        // Uniform on 20..76: mean 48, standard error 56 / sqrt(12 * 200) = 1.1.
        assert!((places.iter().sum::<f64>() / 200.0 - 48.0).abs() < 4.0);
    }

    #[test]
    fn random_boxes_of_an_item_are_its_own() {
        let boxes = [PixelBox { x1: 30.0, y1: 10.0, x2: 54.0, y2: 22.0 }];
        let draw = |item, draw, seed| random_boxes(item, &geometry(), &[&boxes], draw, seed);
        assert_eq!(draw("a", 3, 1), draw("a", 3, 1));
        assert_ne!(draw("a", 3, 1), draw("b", 3, 1));
        assert_ne!(draw("a", 3, 1), draw("a", 4, 1));
        assert_ne!(draw("a", 3, 1), draw("a", 3, 2));
    }

    #[test]
    fn donors_are_other_images() {
        let clusters = [0, 0, 1, 2, 2, 2, 3, 4, 4];
        for draw in 0..100 {
            let donors = donors(&clusters, draw, 1).unwrap();
            assert!(donors.iter().enumerate().all(|(item, &donor)| clusters[item] != clusters[donor]));
            let mut sorted = donors.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..9).collect::<Vec<_>>());
        }
        assert_ne!(donors(&clusters, 0, 1), donors(&clusters, 1, 1));
    }

    #[test]
    fn donors_where_there_are_few() {
        let same_image = donors(&[0, 0, 0], 0, 1).unwrap();
        assert!(same_image.iter().enumerate().all(|(item, &donor)| item != donor));
        assert_eq!(donors(&[0, 1], 0, 1), Some(vec![1, 0]));
        assert_eq!(donors(&[0], 0, 1), None);
    }
}
