//! Two objects apart from each other along one axis, in the manner of What'sUp (Kamath et al. 2023, arXiv:2310.19785).

use super::background::Background;
use super::dice::Dice;
use super::identity::Identity;
use super::relation::{Axis, Relation};
use super::scene::{Entity, Point, Scene};

/// How two objects may lie. Lengths in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub canvas: i32,
    /// Least and greatest size, both even.
    pub size: [i32; 2],
    /// Least distance of the centres along the main axis. Across it they are at most half as far apart as along it.
    pub distance: i32,
}

/// Between boxes, and between a box and the edge of the canvas.
const GAP: i32 = 2;
const MARGIN: i32 = 1;

impl Geometry {
    /// A size from the range.
    pub fn draw_size(&self, dice: &mut Dice) -> i32 {
        2 * dice.between(self.size[0] / 2, self.size[1] / 2)
    }

    /// A centre at which an object of this size is inside the canvas.
    pub fn draw_centre(&self, dice: &mut Dice, size: i32) -> Point {
        let edge = size / 2 + MARGIN;
        Point { x: dice.between(edge, self.canvas - edge), y: dice.between(edge, self.canvas - edge) }
    }

    /// Whether two objects of the greatest size have room beside each other.
    pub fn has_room(&self) -> bool {
        let largest = self.size[1];
        self.canvas - largest - 2 * MARGIN >= self.distance.max(largest + GAP)
    }
}

/// Two different identities from a pool: with probability `sharing` exactly one attribute, shape or colour, is common
/// to both; otherwise they differ in both.
pub(super) fn draw_identities(dice: &mut Dice, pool: &[Identity], sharing: f64) -> [Identity; 2] {
    let share = dice.chance(sharing);
    let first = dice.pick(pool);
    let common = |other: &Identity| {
        usize::from(other.shape == first.shape) + usize::from(other.colour == first.colour) == usize::from(share)
    };
    let others: Vec<_> = pool.iter().copied().filter(|other| *other != first && common(other)).collect();
    [first, dice.pick(&others)]
}

/// Two centres, the first to the left of the second, drawn so that they may also be exchanged or turned to the vertical
/// (x and y exchanged): the four relations of one set are then equally hard in all but the relation.
pub(super) fn draw_layout(dice: &mut Dice, geometry: &Geometry, sizes: [i32; 2]) -> [Point; 2] {
    let edge = sizes[0].max(sizes[1]) / 2 + MARGIN;
    let (low, high) = (edge, geometry.canvas - edge);
    let distance = dice.between(geometry.distance.max((sizes[0] + sizes[1]) / 2 + GAP), high - low);
    let x = dice.between(low, high - distance);
    let y = dice.between(low, high);
    let off = dice.between((low - y).max(-distance / 2), (high - y).min(distance / 2));
    [Point { x, y }, Point { x: x + distance, y: y + off }]
}

/// The scene in which the first entity stands in `relation` to the second.
pub(super) fn arrange(
    geometry: &Geometry,
    background: Background,
    identities: [Identity; 2],
    sizes: [i32; 2],
    layout: [Point; 2],
    relation: Relation,
) -> Scene {
    let turned = match relation.axis() {
        Axis::Horizontal => layout,
        Axis::Vertical => layout.map(|Point { x, y }| Point { x: y, y: x }),
    };
    let [first, second] = turned;
    let centres = if relation == relation.axis().relations()[0] { [first, second] } else { [second, first] };
    let entity = |k: usize| Entity { identity: identities[k], centre: centres[k], size: sizes[k] };
    Scene { canvas: geometry.canvas as u32, background, entities: vec![entity(0), entity(1)] }
}
