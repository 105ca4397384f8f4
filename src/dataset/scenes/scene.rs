//! A scene as a description, not pixels: what is where, on which background. Counterparts (mirrored, swapped, …) are
//! made from the description and then drawn, so that nothing else changes.

use image::RgbImage;

use super::background::Background;
use super::identity::Identity;
use super::raster;
use super::relation::Axis;
use crate::dataset::PixelBox;

/// A place in pixels, origin top left. Whole numbers lie on the corners of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

/// A shape that fills the square of `size` pixels around `centre`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entity {
    pub identity: Identity,
    pub centre: Point,
    /// Even, so that the square's edges lie on pixel edges.
    pub size: i32,
}

impl Entity {
    pub fn pixel_box(&self) -> PixelBox {
        let half = self.size / 2;
        PixelBox {
            x1: f64::from(self.centre.x - half),
            y1: f64::from(self.centre.y - half),
            x2: f64::from(self.centre.x + half),
            y2: f64::from(self.centre.y + half),
        }
    }
}

/// Entities on a square canvas. They do not overlap.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width and height in pixels.
    pub canvas: u32,
    pub background: Background,
    /// In the order in which an item lists its objects.
    pub entities: Vec<Entity>,
}

impl Scene {
    pub fn render(&self) -> RgbImage {
        let mut image = self.background.render(self.canvas);
        for Entity { identity, centre, size } in &self.entities {
            raster::draw(&mut image, *identity, centre.x - size / 2, centre.y - size / 2, *size);
        }
        image
    }

    /// Left and right exchanged (horizontal), or above and below (vertical). Entities stay upright: an upside-down
    /// triangle would be another shape.
    pub fn mirrored(&self, axis: Axis) -> Self {
        let side = self.canvas as i32;
        let mirror = |centre: Point| match axis {
            Axis::Horizontal => Point { x: side - centre.x, ..centre },
            Axis::Vertical => Point { y: side - centre.y, ..centre },
        };
        let entities = self.entities.iter().map(|entity| Entity { centre: mirror(entity.centre), ..*entity });
        Self { background: self.background.mirrored(axis), entities: entities.collect(), ..*self }
    }

    /// Two entities exchange places, each keeping its size. None where there is no such entity.
    pub fn swapped(&self, first: usize, second: usize) -> Option<Self> {
        let (one, other) = (self.entities.get(first)?.centre, self.entities.get(second)?.centre);
        let mut swapped = self.clone();
        swapped.entities.get_mut(first)?.centre = other;
        swapped.entities.get_mut(second)?.centre = one;
        Some(swapped)
    }

    /// One entity alone, where it was. None where there is no such entity.
    pub fn isolated(&self, entity: usize) -> Option<Self> {
        Some(Self { entities: vec![*self.entities.get(entity)?], ..self.blank() })
    }

    /// One entity alone, in the middle of the canvas: stripped of its place. None where there is no such entity.
    pub fn centred(&self, entity: usize) -> Option<Self> {
        let middle = self.canvas as i32 / 2;
        let alone = Entity { centre: Point { x: middle, y: middle }, ..*self.entities.get(entity)? };
        Some(Self { entities: vec![alone], ..self.blank() })
    }

    /// The background alone.
    pub fn blank(&self) -> Self {
        Self { entities: Vec::new(), ..self.clone() }
    }

    /// All entities moved right by `dx` and down by `dy` pixels, the background staying. None where one would leave
    /// the canvas.
    pub fn shifted(&self, dx: i32, dy: i32) -> Option<Self> {
        let mut shifted = self.clone();
        for entity in &mut shifted.entities {
            entity.centre = Point { x: entity.centre.x + dx, y: entity.centre.y + dy };
        }
        let side = f64::from(self.canvas);
        let inside = |entity: &Entity| {
            let PixelBox { x1, y1, x2, y2 } = entity.pixel_box();
            x1 >= 0.0 && y1 >= 0.0 && x2 <= side && y2 <= side
        };
        shifted.entities.iter().all(inside).then_some(shifted)
    }
}
