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

#[cfg(test)]
mod tests {
    use super::super::background::Pattern;
    use super::super::dice::{Dice, Purpose};
    use super::super::identity::{Colour, Shape};
    use super::super::{Background, background};
    use super::*;

    /// A star and a triangle on every kind of background.
    fn scenes() -> impl Iterator<Item = Scene> {
        let entity =
            |shape, colour, x, y| Entity { identity: Identity { shape, colour }, centre: Point { x, y }, size: 30 };
        let entities = vec![entity(Shape::Star, Colour::Red, 31, 40), entity(Shape::Triangle, Colour::Blue, 90, 77)];
        background::Kind::VARIED.into_iter().enumerate().map(move |(index, kind)| {
            let background = Background::draw(&mut Dice::new(Purpose::Pairs, 5, index as u64), &[kind]);
            Scene { canvas: 128, background, entities: entities.clone() }
        })
    }

    #[test]
    fn the_horizontal_mirror_is_the_flipped_image() {
        for scene in scenes() {
            let flipped = image::imageops::flip_horizontal(&scene.render());
            assert!(scene.mirrored(Axis::Horizontal).render() == flipped, "{:?}", scene.background.pattern);
            assert_eq!(scene.mirrored(Axis::Horizontal).mirrored(Axis::Horizontal), scene);
        }
    }

    #[test]
    fn the_vertical_mirror_flips_places_and_background_but_not_shapes() {
        for scene in scenes() {
            let mirrored = scene.mirrored(Axis::Vertical);
            assert_eq!(mirrored.entities.iter().map(|entity| entity.centre.y).collect::<Vec<_>>(), [88, 51]);
            assert!(mirrored.blank().render() == image::imageops::flip_vertical(&scene.blank().render()));
            let foot = |scene: &Scene| scene.render().get_pixel(80, scene.entities[1].pixel_box().y2 as u32 - 1).0;
            assert_eq!(foot(&mirrored), Colour::Blue.rgb(), "the triangle still stands on its base");
            assert_eq!(mirrored.mirrored(Axis::Vertical), scene);
        }
    }

    #[test]
    fn swapping_exchanges_places_and_nothing_else() {
        let scene = scenes().next().unwrap();
        let swapped = scene.swapped(0, 1).unwrap();
        assert_eq!(swapped.render().get_pixel(31, 45).0, Colour::Blue.rgb());
        assert_eq!(swapped.render().get_pixel(90, 77).0, Colour::Red.rgb());
        assert_eq!(swapped.blank(), scene.blank());
        assert_eq!(swapped.swapped(1, 0).as_ref(), Some(&scene));
        assert_eq!(scene.swapped(0, 2), None);
    }

    #[test]
    fn one_alone_is_the_scene_in_its_box_and_the_background_outside() {
        for scene in scenes() {
            let (whole, blank) = (scene.render(), scene.blank().render());
            let alone = scene.isolated(1).unwrap();
            let PixelBox { x1, y1, x2, y2 } = alone.entities[0].pixel_box();
            for (x, y, pixel) in alone.render().enumerate_pixels() {
                let inside = (x1..x2).contains(&f64::from(x)) && (y1..y2).contains(&f64::from(y));
                assert_eq!(pixel, if inside { &whole } else { &blank }.get_pixel(x, y), "{x} {y}");
            }
            let centred = scene.centred(1).unwrap().entities[0].pixel_box();
            assert_eq!(centred, PixelBox { x1: 49.0, y1: 49.0, x2: 79.0, y2: 79.0 });
        }
        assert_eq!(scenes().next().unwrap().isolated(2), None);
    }

    #[test]
    fn shifting_moves_all_entities_or_none() {
        let scene = Scene { background: Background::WHITE, ..scenes().next().unwrap() };
        let (before, after) = (scene.render(), scene.shifted(20, -10).unwrap().render());
        let moved = after.enumerate_pixels().all(|(x, y, pixel)| {
            let from = x.checked_sub(20).and_then(|x| before.get_pixel_checked(x, y + 10));
            *pixel == from.copied().unwrap_or(image::Rgb([255; 3]))
        });
        assert!(moved);
        assert_eq!(scene.shifted(24, 0), None, "the triangle would leave the canvas");
        assert_eq!(scene.background.pattern, Pattern::Plain);
    }
}
