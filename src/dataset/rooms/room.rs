//! A room as a description, not pixels: what stands where, and how the camera moves. Counterparts (empty, mirrored, swapped)
//! are made from the description and then rendered, so that nothing else changes.

use super::camera::Path;
use super::solid::Solid;

/// A square room, its middle at (0, 0), x to the east, y to the north, z up; metres.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// Colours of the walls to the east, north, west and south: sRGB, pale.
    pub walls: [[u8; 3]; 4],
    /// Colours of the floor's squares of one metre.
    pub floor: [[u8; 3]; 2],
    pub path: Path,
    /// In the order in which an item lists its objects.
    pub solids: Vec<Solid>,
}

/// From the middle of the room to a wall.
pub const HALF: f64 = 3.6;
/// Of the ceiling.
pub const HEIGHT: f64 = 2.6;

impl Room {
    /// Without the things in it.
    pub fn empty(&self) -> Self {
        Self { solids: Vec::new(), ..self.clone() }
    }

    /// East and west exchanged: every image is its mirror image, and left of something becomes right of it.
    pub fn mirrored(&self) -> Self {
        let [east, north, west, south] = self.walls;
        let mirror = |solid: &Solid| Solid { at: [-solid.at[0], solid.at[1]], yaw: -solid.yaw, ..*solid };
        Self {
            walls: [west, north, east, south],
            path: self.path.mirrored(),
            solids: self.solids.iter().map(mirror).collect(),
            ..*self
        }
    }

    /// Two things exchange places; sizes stay with the places. None where there is no such thing.
    pub fn swapped(&self, first: usize, second: usize) -> Option<Self> {
        let (one, other) = (*self.solids.get(first)?, *self.solids.get(second)?);
        let mut swapped = self.clone();
        swapped.solids[first] = Solid { identity: one.identity, ..other };
        swapped.solids[second] = Solid { identity: other.identity, ..one };
        Some(swapped)
    }
}
