//! Where a patch of the model's grid lies in the original image, and how much of it a box covers.
//!
//! Resizing, cropping and padding are all linear in each axis, so the part of the image that the model sees is one
//! rectangle in original pixels ([`ImageGeometry::seen`]) which the patch grid divides evenly. Everything here is exact
//! rectangle arithmetic in `f64`; no mask is ever painted and resampled.

use crate::dataset::PixelBox;

/// Rows and columns of image patches as the language model receives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Grid {
    pub rows: usize,
    pub cols: usize,
}

/// One cell of the grid, row 0 at the top, column 0 at the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Patch {
    pub row: usize,
    pub col: usize,
}

impl Grid {
    /// How many patches there are.
    pub fn count(&self) -> usize {
        self.rows * self.cols
    }

    /// Where a patch lies in a grid `times` as fine in each direction, row-major: `times * times` indices.
    pub fn finer(self, patch: Patch, times: usize) -> impl Iterator<Item = usize> {
        let cols = self.cols * times;
        let corner = patch.row * times * cols + patch.col * times;
        (0..times).flat_map(move |row| (0..times).map(move |col| corner + row * cols + col))
    }

    /// All patches, row-major: the order of every `[rows * cols]` array in this crate.
    pub fn patches(self) -> impl Iterator<Item = Patch> {
        (0..self.rows).flat_map(move |row| (0..self.cols).map(move |col| Patch { row, col }))
    }
}

/// How the original image maps onto the patch grid.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ImageGeometry {
    /// Pixels of the original image.
    pub image_width: u32,
    /// Pixels of the original image.
    pub image_height: u32,
    pub grid: Grid,
    /// The part of the original image that maps linearly onto the grid, in original pixels. Smaller than the image where
    /// it was cropped; reaches outside the image (negative, or past its edge) where it was padded.
    pub seen: PixelBox,
}

impl ImageGeometry {
    /// Of an image that nobody here has seen: nothing has any size.
    pub const UNKNOWN: Self = Self {
        image_width: 0,
        image_height: 0,
        grid: Grid { rows: 0, cols: 0 },
        seen: PixelBox { x1: 0.0, y1: 0.0, x2: 0.0, y2: 0.0 },
    };

    /// Whether there is anything to draw on.
    pub fn is_known(&self) -> bool {
        self.grid.count() > 0
    }
}

/// What happens to one axis between the original image and the grid, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Length in the original image.
    pub original: u32,
    /// Length after resizing.
    pub resized: u32,
    /// First pixel kept, after resizing; negative where the image was padded.
    pub offset: i64,
    /// How many pixels after resizing the grid covers: patches times patch size.
    pub covered: u32,
}

impl Axis {
    /// `offset` and `offset + covered`, in original pixels. Multiplied before divided, so whole numbers stay whole.
    fn seen(self) -> (f64, f64) {
        let original = |resized: i64| (resized as f64 * f64::from(self.original)) / f64::from(self.resized);
        (original(self.offset), original(self.offset + i64::from(self.covered)))
    }
}

impl ImageGeometry {
    /// The geometry of an image that was resized, then cropped or padded, each axis on its own.
    pub fn new(x: Axis, y: Axis, grid: Grid) -> Self {
        let ((x1, x2), (y1, y2)) = (x.seen(), y.seen());
        Self { image_width: x.original, image_height: y.original, grid, seen: PixelBox { x1, y1, x2, y2 } }
    }

    /// The rectangle of a patch, in original pixels.
    pub fn patch_rect(&self, patch: Patch) -> PixelBox {
        // Both edges come from the same expression, so neighbours share theirs to the last bit.
        let x = |col: usize| edge(self.seen.x1, self.seen.x2, col, self.grid.cols);
        let y = |row: usize| edge(self.seen.y1, self.seen.y2, row, self.grid.rows);
        PixelBox { x1: x(patch.col), y1: y(patch.row), x2: x(patch.col + 1), y2: y(patch.row + 1) }
    }

    /// The patch that a point of the original image falls into; `None` outside [`seen`](Self::seen).
    pub fn patch_at(&self, x: f64, y: f64) -> Option<Patch> {
        let cell = |value: f64, low: f64, high: f64, count: usize| {
            let at = (value - low) / (high - low) * count as f64;
            (value >= low && value < high).then(|| (at as usize).min(count - 1))
        };
        Some(Patch {
            row: cell(y, self.seen.y1, self.seen.y2, self.grid.rows)?,
            col: cell(x, self.seen.x1, self.seen.x2, self.grid.cols)?,
        })
    }

    /// Share of the box's area that the model sees, 0 to 1. A box without area counts as unseen.
    pub fn visible(&self, of: &PixelBox) -> f64 {
        self.visible_union(std::slice::from_ref(of))
    }

    /// Share of the area of the boxes' union that the model sees, 0 to 1; 0 where the union has no area.
    pub fn visible_union(&self, boxes: &[PixelBox]) -> f64 {
        let everywhere = PixelBox { x1: f64::MIN, y1: f64::MIN, x2: f64::MAX, y2: f64::MAX };
        let total = union_area(boxes, &everywhere);
        if total > 0.0 { (union_area(boxes, &self.seen) / total).min(1.0) } else { 0.0 }
    }

    /// Share of each patch's area that the union of the boxes covers, 0 to 1, row-major `[rows * cols]`.
    pub fn coverage(&self, boxes: &[PixelBox]) -> Vec<f32> {
        self.grid
            .patches()
            .map(|patch| {
                let rect = self.patch_rect(patch);
                let area = (rect.x2 - rect.x1) * (rect.y2 - rect.y1);
                (union_area(boxes, &rect) / area).min(1.0) as f32
            })
            .collect()
    }
}

/// Boundary `index` of `count` equal cells between `low` and `high`.
fn edge(low: f64, high: f64, index: usize, count: usize) -> f64 {
    low + (high - low) * index as f64 / count as f64
}

/// Area of the union of the boxes inside `within`, in square pixels. Boxes without area (reversed, NaN) count for nothing.
pub fn union_area(boxes: &[PixelBox], within: &PixelBox) -> f64 {
    let mut inside = boxes.iter().filter_map(|one| intersect(one, within));
    let (first, second) = (inside.next(), inside.next());
    match (first, second) {
        (None, _) => 0.0,
        (Some(only), None) => (only.x2 - only.x1) * (only.y2 - only.y1),
        (Some(first), Some(second)) => sweep([first, second].into_iter().chain(inside).collect()),
    }
}

/// The common part of two boxes, if it has an area.
fn intersect(a: &PixelBox, b: &PixelBox) -> Option<PixelBox> {
    let (x1, y1, x2, y2) = (a.x1.max(b.x1), a.y1.max(b.y1), a.x2.min(b.x2), a.y2.min(b.y2));
    let whole = a.x1 < a.x2 && a.y1 < a.y2;
    (whole && x1 < x2 && y1 < y2).then_some(PixelBox { x1, y1, x2, y2 })
}

/// Area of a union: between two neighbouring x edges the covered height is constant.
fn sweep(mut boxes: Vec<PixelBox>) -> f64 {
    boxes.sort_by(|a, b| a.y1.total_cmp(&b.y1));
    let mut edges: Vec<f64> = boxes.iter().flat_map(|one| [one.x1, one.x2]).collect();
    edges.sort_by(f64::total_cmp);
    let slab = |x1: f64, x2: f64| {
        let mut height = 0.0;
        let mut top = f64::NEG_INFINITY;
        for one in boxes.iter().filter(|one| one.x1 <= x1 && one.x2 >= x2) {
            height += (one.y2 - one.y1.max(top)).max(0.0);
            top = top.max(one.y2);
        }
        (x2 - x1) * height
    };
    edges.windows(2).map(|pair| slab(pair[0], pair[1])).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An image resized to a shorter side of `side` and cropped to a square of it, with patches of `patch` pixels.
    fn cropped((width, height): (u32, u32), side: u32, patch: u32) -> ImageGeometry {
        let longer = |long: u32, short: u32| (u64::from(side) * u64::from(long) / u64::from(short)) as u32;
        let resized = if width <= height { (side, longer(height, width)) } else { (longer(width, height), side) };
        let across = side / patch;
        let axis = |original, resized: u32| Axis {
            original,
            resized,
            offset: i64::from(resized - side) / 2,
            covered: across * patch,
        };
        let grid = Grid { rows: across as usize, cols: across as usize };
        ImageGeometry::new(axis(width, resized.0), axis(height, resized.1), grid)
    }

    fn area(of: &PixelBox) -> f64 {
        (of.x2 - of.x1) * (of.y2 - of.y1)
    }

    fn pixel_box(x1: f64, y1: f64, x2: f64, y2: f64) -> PixelBox {
        PixelBox { x1, y1, x2, y2 }
    }

    /// The closed form for photographs of 1280 x 960 at 336: column = (x - 160) / 40, row = y / 40.
    #[test]
    fn photographs_of_four_to_three_lose_160_pixels_at_each_side() {
        let geometry = cropped((1280, 960), 336, 14);
        assert_eq!(geometry.seen, pixel_box(160.0, 0.0, 1120.0, 960.0));
        assert_eq!(geometry.patch_rect(Patch { row: 2, col: 3 }), pixel_box(280.0, 80.0, 320.0, 120.0));
        assert_eq!(geometry.patch_at(319.9, 80.0), Some(Patch { row: 2, col: 3 }));
        assert_eq!(geometry.patch_at(159.9, 80.0), None);
        assert_eq!(geometry.visible(&pixel_box(140.0, 0.0, 180.0, 10.0)), 0.5);
        assert_eq!(geometry.visible(&pixel_box(0.0, 0.0, 160.0, 10.0)), 0.0);
    }

    #[test]
    fn coverage_is_the_share_of_each_patch() {
        let grid = Grid { rows: 2, cols: 2 };
        let axis = Axis { original: 20, resized: 20, offset: 0, covered: 20 };
        let geometry = ImageGeometry::new(axis, axis, grid);
        let right = pixel_box(5.0, 0.0, 15.0, 10.0);
        assert_eq!(geometry.coverage(&[right]), [0.5, 0.5, 0.0, 0.0]);
        // Overlapping boxes count once.
        assert_eq!(geometry.coverage(&[right, right, pixel_box(0.0, 5.0, 10.0, 20.0)]), [0.75, 0.5, 1.0, 0.0]);
        assert_eq!(geometry.coverage(&[]), [0.0; 4]);
        // Reversed, empty and NaN boxes cover nothing, even beside a good one.
        let bad = [pixel_box(9.0, 0.0, 1.0, 9.0), pixel_box(1.0, 1.0, 1.0, 9.0), pixel_box(f64::NAN, 0.0, 9.0, 9.0)];
        assert_eq!(geometry.coverage(&bad), [0.0; 4]);
        assert_eq!(geometry.coverage(&[&bad[..], &[right]].concat()), [0.5, 0.5, 0.0, 0.0]);
        assert_eq!(geometry.visible(&bad[2]), 0.0);
    }

    #[test]
    fn a_patch_is_a_square_of_a_finer_grid() {
        let grid = Grid { rows: 2, cols: 3 };
        let finer = |row, col, times| grid.finer(Patch { row, col }, times).collect::<Vec<_>>();
        assert_eq!(finer(1, 2, 1), [5]);
        assert_eq!(finer(1, 2, 2), [16, 17, 22, 23]);
        let mut all: Vec<usize> = grid.patches().flat_map(|patch| grid.finer(patch, 3)).collect();
        all.sort_unstable();
        assert_eq!(all, (0..54).collect::<Vec<_>>());
    }

    #[test]
    fn padding_reaches_outside_the_image() {
        let axis = Axis { original: 10, resized: 20, offset: -10, covered: 40 };
        let geometry = ImageGeometry::new(axis, axis, Grid { rows: 4, cols: 4 });
        assert_eq!(geometry.seen, pixel_box(-5.0, -5.0, 15.0, 15.0));
        assert_eq!(geometry.coverage(&[pixel_box(0.0, 0.0, 10.0, 10.0)]).iter().sum::<f32>(), 4.0);
    }

    prop_compose! {
        /// Tall, wide and tiny images at several grids.
        fn geometries()(width in 1u32..3000, height in 1u32..3000, patch in 1u32..20, count in 1u32..25, odd in 0u32..5)
            -> ImageGeometry {
            cropped((width, height), patch * count + odd.min(patch - 1), patch)
        }
    }

    prop_compose! {
        /// Boxes that may reach outside the image, as fractions of it.
        fn fractions()(x in -0.2..1.1f64, y in -0.2..1.1f64, w in 0.0..1.0f64, h in 0.0..1.0f64) -> [f64; 4] {
            [x, y, x + w, y + h]
        }
    }

    fn boxes_of(geometry: &ImageGeometry, fractions: &[[f64; 4]]) -> Vec<PixelBox> {
        let (w, h) = (f64::from(geometry.image_width), f64::from(geometry.image_height));
        fractions.iter().map(|f| pixel_box(f[0] * w, f[1] * h, f[2] * w, f[3] * h)).collect()
    }

    proptest! {
        #[test]
        fn patches_tile_what_is_seen(geometry in geometries()) {
            let total: f64 = geometry.grid.patches().map(|patch| area(&geometry.patch_rect(patch))).sum();
            prop_assert!((total / area(&geometry.seen) - 1.0).abs() < 1e-9);
            for patch in geometry.grid.patches() {
                let rect = geometry.patch_rect(patch);
                if patch.col + 1 < geometry.grid.cols {
                    prop_assert_eq!(rect.x2, geometry.patch_rect(Patch { col: patch.col + 1, ..patch }).x1);
                }
                if patch.row + 1 < geometry.grid.rows {
                    prop_assert_eq!(rect.y2, geometry.patch_rect(Patch { row: patch.row + 1, ..patch }).y1);
                }
                prop_assert_eq!(geometry.patch_at((rect.x1 + rect.x2) / 2.0, (rect.y1 + rect.y2) / 2.0), Some(patch));
            }
        }

        #[test]
        fn a_cropped_grid_stays_inside_the_image(geometry in geometries()) {
            let (seen, slack) = (geometry.seen, 1e-9 * f64::from(geometry.image_width.max(geometry.image_height)));
            prop_assert!(seen.x1 >= 0.0 && seen.y1 >= 0.0);
            prop_assert!(seen.x2 <= f64::from(geometry.image_width) + slack);
            prop_assert!(seen.y2 <= f64::from(geometry.image_height) + slack);
        }

        #[test]
        fn coverage_adds_up_to_the_seen_area(geometry in geometries(), fractions in prop::collection::vec(fractions(), 0..5)) {
            let boxes = boxes_of(&geometry, &fractions);
            let coverage = geometry.coverage(&boxes);
            let cell = area(&geometry.seen) / geometry.grid.count() as f64;
            let covered: f64 = coverage.iter().map(|share| f64::from(*share) * cell).sum();
            let expected = union_area(&boxes, &geometry.seen);
            prop_assert!((covered - expected).abs() <= 1e-5 * area(&geometry.seen), "{} {}", covered, expected);
            prop_assert!(coverage.iter().all(|share| (0.0..=1.0).contains(share)));
        }

        #[test]
        fn a_union_is_what_inclusion_and_exclusion_say(geometry in geometries(), fractions in prop::collection::vec(fractions(), 2)) {
            let boxes = boxes_of(&geometry, &fractions);
            let everywhere = pixel_box(f64::MIN, f64::MIN, f64::MAX, f64::MAX);
            let common = intersect(&boxes[0], &boxes[1]).map_or(0.0, |both| area(&both));
            let expected = area(&boxes[0]) + area(&boxes[1]) - common;
            prop_assert!((union_area(&boxes, &everywhere) - expected).abs() <= 1e-9 * expected.max(1.0));
            let visible = geometry.visible_union(&boxes);
            prop_assert!((0.0..=1.0).contains(&visible));
        }
    }
}
