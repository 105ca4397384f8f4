//! Where things can stand and how a camera can move, drawn at random.

use super::camera::Path;
use super::identity::Identity;
use super::render::Sighting;
use super::room::Room;
use super::solid::Solid;
use crate::dataset::scenes::Dice;

/// How the camera moves, in kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motion {
    Orbit,
    Turn,
}

/// A room whose things are not chosen yet.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    room: Room,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: [f64; 2],
    size: f64,
    yaw: f64,
}

/// Least distance between the middles of two things.
const APART: f64 = 0.95;

impl Layout {
    pub fn draw(dice: &mut Dice, things: usize, motion: Motion) -> Self {
        let wall = |dice: &mut Dice| -> [u8; 3] {
            let light = dice.between(190, 225);
            std::array::from_fn(|_| (light + dice.between(-18, 18)) as u8)
        };
        let walls = std::array::from_fn(|_| wall(dice));
        let light = dice.between(135, 165) as u8;
        let floor = [[light + 14, light + 12, light + 8], [light - 14, light - 14, light - 16]];
        let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
        let start = dice.uniform(0.0, 360.0);
        let path = match motion {
            Motion::Orbit => Path::Orbit {
                start,
                turn: sign * dice.uniform(90.0, 180.0),
                radius: dice.uniform(3.1, 3.4),
                height: dice.uniform(1.4, 2.0),
            },
            Motion::Turn => Path::Turn {
                at: [dice.uniform(-0.4, 0.4), dice.uniform(-0.4, 0.4)],
                start,
                turn: sign * dice.uniform(200.0, 290.0),
                height: dice.uniform(1.2, 1.6),
            },
        };
        let places = loop {
            if let Some(places) = draw_places(dice, things, motion) {
                break places;
            }
        };
        Self { room: Room { walls, floor, path, solids: Vec::new() }, places }
    }

    /// The room with these things in its places, in order.
    pub fn furnished(&self, identities: &[Identity]) -> Room {
        let solid = |(place, identity): (&Place, &Identity)| Solid {
            identity: *identity,
            at: place.at,
            size: place.size,
            yaw: place.yaw,
        };
        Room { solids: self.places.iter().zip(identities).map(solid).collect(), ..self.room.clone() }
    }
}

fn draw_places(dice: &mut Dice, things: usize, motion: Motion) -> Option<Vec<Place>> {
    let (least, most) = match motion {
        Motion::Orbit => (0.0, 2.1),
        Motion::Turn => (1.5, 2.9),
    };
    let mut places: Vec<Place> = Vec::new();
    for _ in 0..200 {
        let at = [dice.uniform(-most, most), dice.uniform(-most, most)];
        let out = at[0] * at[0] + at[1] * at[1];
        let apart = |place: &Place| distance(place.at, at) >= APART;
        if (least * least..most * most).contains(&out) && places.iter().all(apart) {
            places.push(Place { at, size: dice.uniform(0.34, 0.46), yaw: dice.uniform(0.0, 90.0) });
            if places.len() == things {
                return Some(places);
            }
        }
    }
    None
}

pub(super) fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    let [dx, dy] = [a[0] - b[0], a[1] - b[1]];
    (dx * dx + dy * dy).sqrt()
}

/// What the frames show of a room, for those who ask about it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `[frames][things]`.
    pub sightings: Vec<Vec<Option<Sighting>>>,
}

/// Share of a thing that must be visible at once, somewhere in the video, and the pixels it then has on a canvas of 84.
const CLEARLY: f64 = 0.6;
const PIXELS: f64 = 40.0;

impl Seen {
    pub fn of(room: &Room, frames: usize, canvas: u32) -> Self {
        Self { sightings: room.sightings(frames, canvas) }
    }

    /// For what does not depend on it.
    pub fn nothing() -> Self {
        Self { sightings: Vec::new() }
    }

    /// Whether every thing is clearly visible in some frame.
    pub fn all_clear(&self, canvas: u32) -> bool {
        let things = self.sightings.first().map_or(0, Vec::len);
        (0..things).all(|thing| (0..self.sightings.len()).any(|frame| self.clear(frame, thing, canvas).is_some()))
    }

    /// Of a thing that a frame clearly shows.
    pub fn clear(&self, frame: usize, thing: usize, canvas: u32) -> Option<Sighting> {
        let enough = PIXELS * f64::from(canvas * canvas) / f64::from(84 * 84);
        self.sightings.get(frame)?[thing].filter(|seen| seen.share >= CLEARLY && seen.pixels as f64 >= enough)
    }

    /// The first frame that shows anything of it.
    pub fn appears(&self, thing: usize) -> Option<usize> {
        self.sightings.iter().position(|frame| frame[thing].is_some())
    }

    /// The first frame that shows a third of it.
    pub fn recognisable(&self, thing: usize) -> Option<usize> {
        self.sightings.iter().position(|frame| frame[thing].is_some_and(|seen| seen.share >= 0.33))
    }
}
