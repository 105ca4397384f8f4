//! What each item shows, in the words of the probes: axis, rank of each object along it, what stands nearest to a cell.

use std::collections::BTreeMap;

use crate::analysis::frames::Items;
use crate::dataset::{Axis, Object, PixelBox};
use crate::processor::{ImageGeometry, Patch};

/// One item as it was shown.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Number of its image; items that share it are one cluster.
    pub image: usize,
    /// Whether it is the first item with its image: the one at which the image's own states were recorded.
    pub first: bool,
    /// The source that the item comes from; empty where unknown.
    pub dataset: String,
    /// Source and kind of scene: `scenes/rows squares`. What `cross_setting` crosses.
    pub setting: String,
    pub axis: Axis,
    pub relation: Option<String>,
    /// The right answer; empty where unknown.
    pub gold: String,
    pub geometry: ImageGeometry,
    /// `[k - 1]`; `None` where nobody annotated it.
    pub objects: Vec<Option<Seen>>,
}

/// An annotated object.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub name: String,
    /// Parts of it, original pixels.
    pub boxes: Vec<PixelBox>,
    /// Centre (x, y) of the rectangle around it, original pixels.
    pub centre: [f64; 2],
    /// Place along the axis among the annotated objects, from 0.
    pub rank: usize,
    /// As in [`Object`].
    pub metres: Option<f64>,
}

impl Scene {
    /// All items of a run.
    pub fn all(items: &Items) -> Vec<Self> {
        let clusters = items.clusters();
        let mut first_of: BTreeMap<usize, usize> = BTreeMap::new();
        for (item, image) in clusters.iter().enumerate() {
            first_of.entry(*image).or_insert(item);
        }
        let one = |item: usize| {
            let objects: Vec<Object> = items.objects[item]
                .iter()
                .map(|object| Object {
                    metres: object.metres,
                    ..Object::new(object.name.clone(), object.boxes.clone())
                })
                .collect();
            let relation = items.relation[item].clone();
            let axis = Axis::of(relation.as_deref(), objects.iter().filter_map(Object::centre));
            let dataset = items.dataset[item].clone();
            Self {
                image: clusters[item],
                first: first_of[&clusters[item]] == item,
                setting: setting(&dataset, items.set[item].as_deref()),
                dataset,
                axis,
                relation,
                gold: items.gold[item].clone(),
                geometry: items.geometry[item],
                objects: ranked(&objects, axis),
            }
        };
        (0..items.len()).map(one).collect()
    }

    /// The scene after its objects were moved along the axis by so many original pixels.
    pub fn shifted(&self, pixels: f64) -> Self {
        let (dx, dy) = match self.axis {
            Axis::Horizontal => (pixels, 0.0),
            Axis::Vertical => (0.0, pixels),
        };
        let mut shifted = self.clone();
        for object in shifted.objects.iter_mut().flatten() {
            object.centre = [object.centre[0] + dx, object.centre[1] + dy];
            for part in &mut object.boxes {
                *part = PixelBox { x1: part.x1 + dx, y1: part.y1 + dy, x2: part.x2 + dx, y2: part.y2 + dy };
            }
        }
        shifted
    }

    /// Annotated objects with their number, from 1.
    pub fn seen(&self) -> impl Iterator<Item = (usize, &Seen)> {
        (1..).zip(&self.objects).filter_map(|(k, object)| Some((k, object.as_ref()?)))
    }

    /// Object `k`, from 1.
    pub fn object(&self, k: usize) -> Option<&Seen> {
        self.objects.get(k.checked_sub(1)?)?.as_ref()
    }

    /// The object (from 1) that covers most of a cell; `None` where none touches it.
    pub fn covering(&self, cell: Patch) -> Option<usize> {
        let rect = self.geometry.patch_rect(cell);
        let covered = self.seen().map(|(k, object)| (k, crate::processor::geometry::union_area(&object.boxes, &rect)));
        covered
            .filter(|(_, area)| *area > 0.0)
            .reduce(|most, next| if next.1 > most.1 { next } else { most })
            .map(|(k, _)| k)
    }

    /// The object (from 1) whose centre is nearest to a cell's along the axis; `None` where two are equally near.
    pub fn nearest(&self, cell: Patch) -> Option<usize> {
        let at = self.axis.along(centre_of(&self.geometry, cell));
        let mut by_distance: Vec<(f64, usize)> =
            self.seen().map(|(k, object)| ((self.axis.along(object.centre) - at).abs(), k)).collect();
        by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
        match by_distance[..] {
            [] => None,
            [(_, only)] => Some(only),
            [(nearest, k), (second, _), ..] => (second - nearest > 1e-9).then_some(k),
        }
    }

    /// The slot in whose place an object stands that was moved along the axis to `at`: the rank of the object of this (the
    /// unmoved) scene that is less than half a pitch away. The pitch is the smallest distance of neighbours.
    pub fn slot_at(&self, at: f64) -> Option<usize> {
        let mut places: Vec<(f64, usize)> =
            self.seen().map(|(_, object)| (self.axis.along(object.centre), object.rank)).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let pitch = places.windows(2).map(|pair| pair[1].0 - pair[0].0).reduce(f64::min)?;
        places.into_iter().find(|(place, _)| (place - at).abs() < pitch / 2.0 - 1e-9).map(|(_, rank)| rank)
    }

    /// The names of what is shown, in any order.
    pub fn contents(&self) -> Vec<String> {
        self.seen().map(|(_, object)| object.name.clone()).collect()
    }

    /// The name of the object of this rank.
    pub fn name_at(&self, rank: usize) -> Option<&str> {
        self.seen().find(|(_, object)| object.rank == rank).map(|(_, object)| object.name.as_str())
    }

    /// A point of the original image as shares of what the model sees.
    pub fn relative(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let seen = self.geometry.seen;
        [(x - seen.x1) / (seen.x2 - seen.x1), (y - seen.y1) / (seen.y2 - seen.y1)]
    }
}

/// The centre (x, y) of a patch, original pixels.
pub fn centre_of(geometry: &ImageGeometry, cell: Patch) -> [f64; 2] {
    let rect = geometry.patch_rect(cell);
    [(rect.x1 + rect.x2) / 2.0, (rect.y1 + rect.y2) / 2.0]
}

/// Sets are numbered inside their kind, `squares-007`: the kind is what stands before the number.
fn setting(dataset: &str, set: Option<&str>) -> String {
    let kind =
        set.and_then(|set| set.rsplit_once('-')).filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    match kind {
        Some((kind, _)) => format!("{dataset} {kind}"),
        None => dataset.to_owned(),
    }
}

fn ranked(objects: &[Object], axis: Axis) -> Vec<Option<Seen>> {
    let mut order: Vec<(f64, usize)> =
        objects.iter().enumerate().filter_map(|(at, object)| Some((axis.along(object.centre()?), at))).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let rank = |at: usize| order.iter().position(|(_, one)| *one == at).unwrap_or_default();
    let seen = |(at, object): (usize, &Object)| {
        let centre = object.centre()?;
        Some(Seen {
            name: object.name.clone(),
            boxes: object.boxes.clone(),
            centre,
            rank: rank(at),
            metres: object.metres,
        })
    };
    objects.iter().enumerate().map(seen).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::processor::Grid;

    /// Objects of 16 pixels on a row of 128 x 128, seen as 8 x 8 patches of 16; `(name, x)` of each centre.
    pub fn row(image: usize, objects: &[(&str, f64)]) -> Scene {
        let around = |x: f64| PixelBox { x1: x - 8.0, y1: 48.0, x2: x + 8.0, y2: 64.0 };
        let objects: Vec<Object> = objects.iter().map(|(name, x)| Object::new(*name, vec![around(*x)])).collect();
        let seen = PixelBox { x1: 0.0, y1: 0.0, x2: 128.0, y2: 128.0 };
        Scene {
            image,
            first: true,
            dataset: "scenes/rows".into(),
            setting: "scenes/rows squares".into(),
            axis: Axis::Horizontal,
            relation: Some("left".into()),
            gold: "red".into(),
            geometry: ImageGeometry { image_width: 128, image_height: 128, grid: Grid { rows: 8, cols: 8 }, seen },
            objects: ranked(&objects, Axis::Horizontal),
        }
    }

    #[test]
    fn objects_are_ranked_found_and_moved() {
        let scene = row(0, &[("b", 72.0), ("a", 24.0), ("c", 120.0)]);
        let ranks: Vec<usize> = scene.seen().map(|(_, object)| object.rank).collect();
        assert_eq!((ranks, scene.name_at(0)), (vec![1, 0, 2], Some("a")));
        assert_eq!(scene.covering(Patch { row: 3, col: 1 }), Some(2));
        assert_eq!(scene.covering(Patch { row: 2, col: 1 }), None);
        assert_eq!(scene.nearest(Patch { row: 0, col: 0 }), Some(2));
        // Column 4 ends at 80; its centre, 72, is the first object's. Column 2 (40) is nearer to 24, column 3 (56) to 72.
        assert_eq!([1, 2, 3, 4].map(|col| scene.nearest(Patch { row: 7, col })), [Some(2), Some(2), Some(1), Some(1)]);
        let moved = scene.shifted(48.0);
        assert_eq!(moved.object(2).unwrap().centre, [72.0, 56.0]);
        assert_eq!(moved.covering(Patch { row: 3, col: 4 }), Some(2));
        // One pitch on, the first stands in the second's place; half a pitch on, nobody stands anywhere.
        assert_eq!(
            [24.0, 72.0, 120.0, 48.0, 168.0].map(|at| scene.slot_at(at)),
            [Some(0), Some(1), Some(2), None, None]
        );
        assert_eq!(scene.relative([64.0, 32.0]), [0.5, 0.25]);
    }

    #[test]
    fn a_cell_in_the_middle_of_two_belongs_to_neither() {
        let scene = row(0, &[("a", 24.0), ("b", 56.0)]);
        assert_eq!(scene.nearest(Patch { row: 0, col: 2 }), None);
        assert_eq!(row(0, &[]).nearest(Patch { row: 0, col: 2 }), None);
    }

    #[test]
    fn the_kind_stands_before_the_number() {
        assert_eq!(setting("scenes/rows", Some("squares-007")), "scenes/rows squares");
        assert_eq!(setting("mine", Some("a-b")), "mine");
        assert_eq!(setting("mine", None), "mine");
    }
}
