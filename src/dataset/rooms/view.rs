//! What the frames of a room's video show: pictures, boxes, depth, points.

use image::RgbImage;

use super::camera::Camera;
use super::render::{Shot, Sighting, Survey};
use super::room::Room;
use crate::dataset::Object;
use crate::dataset::video::PointMaps;
use crate::error::Result;

impl Room {
    /// The cameras of a video of so many frames.
    pub fn cameras(&self, frames: usize) -> Vec<Camera> {
        self.path.cameras(frames)
    }

    /// The video: `frames` square pictures of `canvas` pixels across.
    pub fn render(&self, frames: usize, canvas: u32) -> Vec<RgbImage> {
        self.shots(frames, canvas).map(|shot| shot.image()).collect()
    }

    /// Depth and what is seen, frame by frame.
    pub fn survey(&self, frames: usize, canvas: u32) -> Vec<Survey> {
        self.shots(frames, canvas).map(|shot| shot.survey()).collect()
    }

    /// What is seen of each thing, `[frames][things]`.
    pub fn sightings(&self, frames: usize, canvas: u32) -> Vec<Vec<Option<Sighting>>> {
        self.shots(frames, canvas).map(|shot| shot.sightings()).collect()
    }

    /// The point every pixel's centre shows, in metres from the first frame's camera (to its right, down, ahead), exactly; the
    /// confidence is 1 everywhere.
    ///
    /// # Errors
    /// No frame.
    pub fn point_maps(&self, frames: usize, canvas: u32) -> Result<PointMaps> {
        let cameras = self.cameras(frames);
        let mut points = Vec::with_capacity(frames * (canvas * canvas) as usize);
        for (camera, survey) in cameras.iter().zip(self.survey(frames, canvas)) {
            for (pixel, depth) in (0u32..).zip(survey.depth) {
                let at = [f64::from(pixel % canvas) + 0.5, f64::from(pixel / canvas) + 0.5];
                let seen = cameras[0].seen(camera.eye + camera.ray(at, canvas) * depth);
                points.push([seen.x, seen.y, seen.z].map(|metres| metres as f32));
            }
        }
        let confidence = vec![1.0; points.len()];
        PointMaps::new([frames, canvas as usize, canvas as usize], points, confidence)
    }

    /// The things at these places in [`Room::solids`], then the others, with their boxes in every frame.
    pub(super) fn objects(&self, first: &[usize], seen: &[Vec<Option<Sighting>>]) -> Vec<Object> {
        let others = (0..self.solids.len()).filter(|solid| !first.contains(solid));
        let cameras = self.cameras(seen.len());
        let object = |solid: usize| {
            let boxes = seen.iter().map(|frame| frame[solid].iter().map(|sighting| sighting.area).collect());
            let shown = cameras.iter().zip(seen).filter(|(_, frame)| frame[solid].is_some());
            let away: Vec<f64> = shown.map(|(camera, _)| self.solids[solid].away(camera.eye)).collect();
            // To the millimetre, which every file holds exactly.
            let metres = (!away.is_empty()).then(|| (1e3 * away.iter().sum::<f64>() / away.len() as f64).round() / 1e3);
            Object { metres, ..Object::in_frames(self.solids[solid].identity.to_string(), boxes.collect()) }
        };
        first.iter().copied().chain(others).map(object).collect()
    }

    fn shots(&self, frames: usize, canvas: u32) -> impl Iterator<Item = Shot<'_>> {
        self.cameras(frames).into_iter().map(move |camera| Shot::new(self, camera, canvas))
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::Path;
    use super::super::identity::{Form, Identity, Tint};
    use super::super::solid::Solid;
    use super::super::vector::Vec3;
    use super::*;

    fn room(path: Path) -> Room {
        let solid = |form, tint, at| Solid { identity: Identity { form, tint }, at, size: 0.4, yaw: 20.0 };
        Room {
            walls: [[230, 220, 210], [210, 225, 230], [225, 230, 215], [235, 215, 225]],
            floor: [[180, 175, 170], [160, 155, 150]],
            path,
            solids: vec![
                solid(Form::Box, Tint::Red, [1.0, 0.5]),
                solid(Form::Ball, Tint::Green, [-1.2, 0.3]),
                solid(Form::Post, Tint::Blue, [0.1, -1.5]),
            ],
        }
    }

    const ORBIT: Path = Path::Orbit { start: 30.0, turn: 100.0, radius: 3.2, height: 1.6 };

    #[test]
    fn boxes_are_around_the_pixels_of_each_thing() {
        let room = room(ORBIT);
        let (surveys, sightings) = (room.survey(3, 56), room.sightings(3, 56));
        for (survey, seen) in surveys.iter().zip(&sightings) {
            for (solid, sighting) in seen.iter().enumerate() {
                let pixels: Vec<usize> = (0..56 * 56).filter(|pixel| survey.solids[*pixel] == Some(solid)).collect();
                let Some(sighting) = sighting else {
                    assert!(pixels.is_empty());
                    continue;
                };
                assert_eq!(sighting.pixels, pixels.len());
                let across = pixels.iter().map(|pixel| (pixel % 56) as f64);
                assert_eq!(sighting.area.x1, across.clone().fold(f64::INFINITY, f64::min));
                assert_eq!(sighting.area.x2, across.fold(0.0, f64::max) + 1.0);
                assert!(sighting.share > 0.0 && sighting.share <= 1.0);
            }
        }
        assert!(sightings[0].iter().flatten().any(|sighting| sighting.share == 1.0));
    }

    #[test]
    fn what_is_hidden_has_a_smaller_share() {
        let mut room = room(Path::Turn { at: [0.0, 0.0], start: 0.0, turn: 0.0, height: 1.0 });
        room.solids.truncate(2);
        (room.solids[0].at, room.solids[1].at) = ([1.6, 0.0], [2.8, 0.3]);
        let seen = room.sightings(1, 84).remove(0);
        assert_eq!(seen[0].unwrap().share, 1.0);
        assert!(seen[1].is_none_or(|sighting| sighting.share < 0.6), "{seen:?}");
        room.path = Path::Turn { at: [0.0, 0.0], start: 180.0, turn: 0.0, height: 1.0 };
        assert_eq!(room.sightings(1, 84)[0], [None, None], "behind the camera");
    }

    #[test]
    fn depth_and_points_agree_between_frames() {
        let room = room(ORBIT);
        let (cameras, maps) = (room.cameras(4), room.point_maps(4, 56).unwrap());
        // Back in the room, every point of every frame lies on a surface: none outside, those on the floor at height 0.
        let mut floor = 0;
        for [x, y, z] in maps.points().iter().map(|point| point.map(f64::from)) {
            let at = cameras[0].eye + cameras[0].right * x + cameras[0].down * y + cameras[0].forward * z;
            assert!(at.x.abs() < 3.6001 && at.y.abs() < 3.6001 && at.z > -1e-4 && at.z < 2.6001, "{at:?}");
            floor += usize::from(at.z.abs() < 1e-4);
        }
        assert!(floor > 3000, "{floor}");
        // A spot of the floor is in the same place whichever frame shows it.
        let (spot, surveys) = (Vec3::new(1.6, -1.5, 0.0), room.survey(4, 56));
        let mut shown = 0;
        for (frame, camera) in cameras.iter().enumerate() {
            let seen = camera.seen(spot);
            let scale = 56.0 * camera.focal / seen.z;
            let (x, y) = ((28.0 + seen.x * scale) as usize, (28.0 + seen.y * scale) as usize);
            if surveys[frame].solids[y * 56 + x].is_none() {
                let [px, py, pz] = maps.points()[(frame * 56 + y) * 56 + x].map(f64::from);
                let point = cameras[0].right * px + cameras[0].down * py + cameras[0].forward * pz + cameras[0].eye;
                assert!((point - spot).dot(point - spot) < 0.05, "{frame}: {point:?}");
                shown += 1;
            }
        }
        assert!(shown >= 3, "{shown}");
    }

    #[test]
    fn a_mirrored_room_gives_mirrored_frames() {
        let room = room(ORBIT);
        let (frames, mirrored) = (room.render(3, 56), room.mirrored().render(3, 56));
        for (one, other) in frames.iter().zip(&mirrored) {
            let flipped = image::imageops::flip_horizontal(other);
            // A point may fall on the other side of an edge by a rounding.
            let differing = one
                .pixels()
                .zip(flipped.pixels())
                .filter(|(a, b)| a.0.iter().zip(b.0).any(|(a, b)| a.abs_diff(b) > 40));
            assert!(differing.count() <= 6);
        }
        assert_eq!(room.mirrored().mirrored().solids, room.solids);
    }

    #[test]
    fn one_number_of_frames_contains_the_other_s_ends() {
        let room = room(ORBIT);
        let (few, many) = (room.render(2, 28), room.render(8, 28));
        assert!(few[0] == many[0] && few[1] == many[7]);
    }
}
