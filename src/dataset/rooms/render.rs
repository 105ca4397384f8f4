//! A small ray caster: images, exact depth, and which pixels show what.

use image::{Rgb, RgbImage};

use super::camera::Camera;
use super::room::{HALF, HEIGHT, Room};
use super::solid::{Body, Meeting, Solid};
use super::vector::Vec3;
use crate::dataset::PixelBox;

/// What a camera sees of one thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// The smallest rectangle around the pixels that show it.
    pub area: PixelBox,
    /// Pixels that show it, as a share of those that would if nothing stood before it and the image had no edges.
    pub share: f64,
    /// How many pixels show it.
    pub pixels: usize,
}

/// Of every pixel's centre.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Pixels across and down.
    pub canvas: u32,
    /// Which thing, by its place in [`Room::solids`]; none where it is floor, wall or ceiling. Row by row.
    pub solids: Vec<Option<usize>>,
    /// Metres along the optical axis. Row by row.
    pub depth: Vec<f64>,
}

/// Samples along each side of a pixel that an edge crosses.
const SAMPLES: u32 = 3;

const SKY: [f64; 3] = [244.0, 244.0, 240.0];

/// First surfaces: floor (two colours), ceiling, four walls. Those of a thing follow, this many each.
const SHELL: u16 = 7;
const FACES: u16 = 8;

/// What one ray meets.
#[derive(Clone, Copy)]
struct Hit {
    depth: f64,
    /// Equal on one smooth piece of one thing.
    surface: u16,
    colour: [f64; 3],
}

/// A room before one camera.
pub(super) struct Shot<'r> {
    room: &'r Room,
    camera: Camera,
    canvas: u32,
    /// Of each solid, and its [`bounds`].
    bodies: Vec<(Body, [f64; 4])>,
    light: Vec3,
}

impl<'r> Shot<'r> {
    pub fn new(room: &'r Room, camera: Camera, canvas: u32) -> Self {
        let body = |solid: &Solid| (solid.before(camera.eye), bounds(&camera, canvas, solid.around()));
        let bodies = room.solids.iter().map(body).collect();
        // No part of it to the east or west, so that a mirrored room is lit alike.
        Self { room, camera, canvas, bodies, light: Vec3::new(0.0, -0.45, 0.9).unit() }
    }

    /// Smooth edges: a pixel that shows several surfaces is the mean of nine samples.
    pub fn image(&self) -> RgbImage {
        let side = self.canvas as usize;
        let hits: Vec<Hit> = (0..side * side).map(|pixel| self.trace(self.middle(pixel))).collect();
        RgbImage::from_fn(self.canvas, self.canvas, |x, y| {
            let at = y as usize * side + x as usize;
            let surface = hits[at].surface;
            let differs = |neighbour: usize| hits[neighbour].surface != surface;
            let (x_end, y_end) = (x as usize + 1 == side, y as usize + 1 == side);
            let edge = (x > 0 && differs(at - 1))
                || (!x_end && differs(at + 1))
                || (y > 0 && differs(at - side))
                || (!y_end && differs(at + side));
            let colour = if edge { self.mean([x, y]) } else { hits[at].colour };
            Rgb(colour.map(|channel| (channel + 0.5) as u8))
        })
    }

    pub fn survey(&self) -> Survey {
        let pixels = (self.canvas * self.canvas) as usize;
        let hits = (0..pixels).map(|pixel| self.trace(self.middle(pixel)));
        let (solids, depth) =
            hits.map(|hit| (hit.surface.checked_sub(SHELL).map(|past| usize::from(past / FACES)), hit.depth)).unzip();
        Survey { canvas: self.canvas, solids, depth }
    }

    /// Of each thing, in the order of [`Room::solids`]; none where it is out of view or hidden.
    pub fn sightings(&self) -> Vec<Option<Sighting>> {
        let mut seen: Vec<Option<([u32; 4], usize)>> = vec![None; self.room.solids.len()];
        let side = f64::from(self.canvas);
        for (solid, (_, bounds)) in self.bodies.iter().enumerate() {
            // Only where this thing may be; who is nearest there is asked of all.
            let [left, right, top, bottom] = bounds.map(|edge| edge.clamp(0.0, side).floor() as u32);
            for y in top..(bottom + 1).min(self.canvas) {
                for x in left..(right + 1).min(self.canvas) {
                    let point = [f64::from(x) + 0.5, f64::from(y) + 0.5];
                    let nearest = self.nearest_solid(point, self.camera.ray(point, self.canvas));
                    if nearest.is_none_or(|(nearest, _)| nearest != solid) {
                        continue;
                    }
                    let ([x1, y1, x2, y2], pixels) = seen[solid].unwrap_or(([x, y, x, y], 0));
                    seen[solid] = Some(([x1.min(x), y1.min(y), x2.max(x), y2.max(y)], pixels + 1));
                }
            }
        }
        let sighting = |(solid, seen): (usize, Option<([u32; 4], usize)>)| {
            let ([left, top, right, bottom], pixels) = seen?;
            let [x1, y1, x2, y2] = [left, top, right + 1, bottom + 1].map(f64::from);
            let share = pixels as f64 / self.silhouette(solid).max(pixels) as f64;
            Some(Sighting { area: PixelBox { x1, y1, x2, y2 }, share, pixels })
        };
        seen.into_iter().enumerate().map(sighting).collect()
    }

    /// Pixels that would show a thing if nothing stood before it and the image had no edges (but for one canvas more on
    /// every side).
    fn silhouette(&self, solid: usize) -> usize {
        let side = f64::from(self.canvas);
        let (body, bounds) = &self.bodies[solid];
        let [left, right, top, bottom] = bounds.map(|edge| edge.clamp(-side, 2.0 * side).floor() as i64);
        let shown = |x: i64, y: i64| {
            let ray = self.camera.ray([x as f64 + 0.5, y as f64 + 0.5], self.canvas);
            body.meet(ray).is_some()
        };
        (top..=bottom).map(|y| (left..=right).filter(|x| shown(*x, y)).count()).sum()
    }

    fn middle(&self, pixel: usize) -> [f64; 2] {
        let side = self.canvas as usize;
        [(pixel % side) as f64 + 0.5, (pixel / side) as f64 + 0.5]
    }

    /// Mean colour of a pixel.
    fn mean(&self, [x, y]: [u32; 2]) -> [f64; 3] {
        let offset = |sample: u32| (f64::from(sample) + 0.5) / f64::from(SAMPLES);
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let point = [f64::from(x) + offset(sample % SAMPLES), f64::from(y) + offset(sample / SAMPLES)];
            let colour = self.trace(point).colour;
            sum = std::array::from_fn(|channel| sum[channel] + colour[channel]);
        }
        sum.map(|channel| channel / f64::from(SAMPLES * SAMPLES))
    }

    fn nearest_solid(&self, [x, y]: [f64; 2], ray: Vec3) -> Option<(usize, Meeting)> {
        let mut nearest: Option<(usize, Meeting)> = None;
        for (index, (body, [left, right, top, bottom])) in self.bodies.iter().enumerate() {
            if x < *left || x > *right || y < *top || y > *bottom {
                continue;
            }
            let Some(meeting) = body.meet(ray) else { continue };
            if nearest.is_none_or(|(_, known)| meeting.distance < known.distance) {
                nearest = Some((index, meeting));
            }
        }
        nearest
    }

    fn trace(&self, point: [f64; 2]) -> Hit {
        let ray = self.camera.ray(point, self.canvas);
        if let Some((index, Meeting { distance, normal, face })) = self.nearest_solid(point, ray) {
            let light = 0.68 + 0.32 * normal.dot(self.light).max(0.0);
            let colour = self.room.solids[index].identity.tint.rgb().map(|channel| f64::from(channel) * light);
            return Hit { depth: distance, surface: SHELL + FACES * index as u16 + face, colour };
        }
        self.shell(ray)
    }

    /// Floor, ceiling or wall: where a ray leaves the room.
    fn shell(&self, ray: Vec3) -> Hit {
        let eye = self.camera.eye;
        let beyond = |at: f64, along: f64, low: f64, high: f64| {
            if along > 0.0 { ((high - at) / along, 1) } else { ((low - at) / along, 0) }
        };
        let (across, east) = beyond(eye.x, ray.x, -HALF, HALF);
        let (along, north) = beyond(eye.y, ray.y, -HALF, HALF);
        let (up, above) = beyond(eye.z, ray.z, 0.0, HEIGHT);
        // A ray along an axis never leaves across it: infinite, or not a number, which `min` passes over.
        let depth = across.abs().min(along.abs()).min(up.abs());
        let rgb = |colour: [u8; 3]| colour.map(f64::from);
        let (surface, colour) = if depth == up.abs() {
            let at = eye + ray * depth;
            let odd = (at.x.round() + at.y.round()).rem_euclid(2.0) as usize;
            if above == 1 { (2, SKY) } else { (odd as u16, rgb(self.room.floor[odd])) }
        } else {
            let wall = if depth == across.abs() { 2 - 2 * east } else { 3 - 2 * north };
            (3 + wall as u16, rgb(self.room.walls[wall]))
        };
        Hit { depth, surface, colour }
    }
}

/// The image points that can show a ball, from the extremes of its coordinates over those of its depth.
fn bounds(camera: &Camera, canvas: u32, (centre, radius): (Vec3, f64)) -> [f64; 4] {
    let side = f64::from(canvas);
    let Vec3 { x, y, z } = camera.seen(centre);
    let (near, far) = (z - radius, z + radius);
    if far <= 0.0 {
        return [side, 0.0, side, 0.0];
    }
    if near <= 0.05 {
        return [0.0, side, 0.0, side];
    }
    let least = |at: f64| if at < 0.0 { at / near } else { at / far };
    let most = |at: f64| if at > 0.0 { at / near } else { at / far };
    let scale = side * camera.focal;
    let edge = |tangent: f64| side / 2.0 + tangent * scale;
    [edge(least(x - radius)), edge(most(x + radius)), edge(least(y - radius)), edge(most(y + radius))]
}
