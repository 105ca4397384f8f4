//! What is right. An answer exists only where it is beyond doubt: bearings near a diagonal, distances almost alike and things
//! that come into view together are not asked about.

use super::identity::Form;
use super::layout::{Seen, distance};
use super::question::{self, End, Kind, NUMBERS, Turn};
use super::room::Room;

/// A room, what its video shows, and the canvas it is on.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub room: &'a Room,
    pub seen: &'a Seen,
    pub canvas: u32,
}

/// Sides of who stands by one thing and faces another.
const SIDES: [&str; 3] = ["left", "right", "back"];

/// Sine and cosine of 30 degrees: how far a direction stays from the line that divides left and right, and how far from the
/// diagonals that divide left, right and back.
const MARGIN: (f64, f64) = (0.5, 0.866);

/// The nearest of several is nearer than the next by this factor and by these metres.
const NEAREST: (f64, f64) = (1.25, 0.3);

impl Asked<'_> {
    /// The question of this kind about these things, in the order in which it names them; none where there is no clear answer.
    /// Direction and bearing: by, facing, asked. Distance: to, and three. Order: three. Side and nearer: two. Form: one.
    pub fn turn(self, kind: Kind, end: End, about: &[usize]) -> Option<Turn> {
        let named = |index: usize| about.get(index).map(|thing| self.room.solids[*thing].identity);
        let tints = |from: usize| Some([named(from)?.tint, named(from + 1)?.tint, named(from + 2)?.tint]);
        let words = |from: usize| {
            let things = about.iter().skip(from);
            things.map(|thing| self.room.solids[*thing].identity.tint.word().to_owned()).collect::<Vec<_>>()
        };
        let sides = |count: usize| SIDES[..count].iter().map(|&side| side.to_owned()).collect::<Vec<_>>();
        let (question, options, gold) = match kind {
            Kind::Direction => (question::direction(named(0)?, named(1)?, named(2)?), sides(2), self.direction(about)?),
            Kind::Bearing => (question::bearing(named(0)?, named(1)?, named(2)?), sides(3), self.bearing(about)?),
            Kind::Distance => (question::distance(named(0)?, tints(1)?), words(1), self.nearest(about)?),
            Kind::Order => (question::order(end, tints(0)?), words(0), self.extreme(end, about)?),
            Kind::Side => (question::side([named(0)?.tint, named(1)?.tint]), words(0), self.side(about)?),
            Kind::Nearer => (question::nearer([named(0)?.tint, named(1)?.tint]), words(0), self.nearer(about)?),
            Kind::Form => {
                let form = named(0)?.form;
                let gold = Form::ALL.iter().position(|known| *known == form)?;
                (question::form_of(named(0)?.tint), Form::ALL.map(|form| form.word().to_owned()).into(), gold)
            }
            Kind::Count => return None,
        };
        Some(Turn { kind, question, options, gold, about: about.to_vec() })
    }

    /// How many there are of a form; from one to four.
    pub fn count(self, form: Form) -> Option<Turn> {
        let about: Vec<usize> =
            (0..self.room.solids.len()).filter(|thing| self.room.solids[*thing].identity.form == form).collect();
        let gold = about.len().checked_sub(1).filter(|gold| *gold < NUMBERS.len())?;
        let options = NUMBERS.map(str::to_owned).into();
        Some(Turn { kind: Kind::Count, question: question::count(form), options, gold, about })
    }

    /// Sine (left is positive) and cosine of the angle between what is faced and where the asked thing is.
    fn angle(self, about: &[usize]) -> Option<(f64, f64)> {
        let [by, facing, asked] = *about.first_chunk()?;
        let at = |thing: usize| self.room.solids[thing].at;
        let to = |thing: usize| [at(thing)[0] - at(by)[0], at(thing)[1] - at(by)[1]];
        let ([hx, hy], [vx, vy]) = (to(facing), to(asked));
        let length = distance(at(facing), at(by)) * distance(at(asked), at(by));
        (length > 0.0).then(|| ((hx * vy - hy * vx) / length, (hx * vx + hy * vy) / length))
    }

    fn direction(self, about: &[usize]) -> Option<usize> {
        let (sine, _) = self.angle(about)?;
        (sine.abs() >= MARGIN.0).then_some(usize::from(sine < 0.0))
    }

    fn bearing(self, about: &[usize]) -> Option<usize> {
        let (sine, cosine) = self.angle(about)?;
        if cosine <= -MARGIN.1 {
            return Some(2);
        }
        (cosine.abs() <= MARGIN.0).then_some(usize::from(sine < 0.0))
    }

    fn nearest(self, about: &[usize]) -> Option<usize> {
        let (to, candidates) = about.split_first()?;
        let at = |thing: usize| self.room.solids[thing].at;
        let mut far: Vec<(f64, usize)> =
            candidates.iter().enumerate().map(|(index, thing)| (distance(at(*thing), at(*to)), index)).collect();
        far.sort_by(|a, b| a.0.total_cmp(&b.0));
        let [(first, index), (second, _), ..] = *far else { return None };
        (second >= first * NEAREST.0 && second >= first + NEAREST.1).then_some(index)
    }

    /// Which comes into view first or last, by a frame or more, whether a sliver counts or a third.
    fn extreme(self, end: End, about: &[usize]) -> Option<usize> {
        let by = |appears: &dyn Fn(usize) -> Option<usize>| {
            let mut frames = Vec::new();
            for (index, thing) in about.iter().enumerate() {
                frames.push((appears(*thing)?, index));
            }
            frames.sort_unstable();
            if end == End::Last {
                frames.reverse();
            }
            let [(one, index), (other, _), ..] = *frames else { return None };
            (one != other).then_some(index)
        };
        let sliver = by(&|thing| self.seen.appears(thing))?;
        (by(&|thing| self.seen.recognisable(thing))? == sliver).then_some(sliver)
    }

    fn side(self, about: &[usize]) -> Option<usize> {
        let middle = |thing: usize| {
            let area = self.seen.clear(0, thing, self.canvas)?.area;
            Some((area.x1 + area.x2) / 2.0)
        };
        let [asked, reference] = *about.first_chunk()?;
        let apart = middle(asked)? - middle(reference)?;
        (apart.abs() >= 0.12 * f64::from(self.canvas)).then_some(usize::from(apart > 0.0))
    }

    fn nearer(self, about: &[usize]) -> Option<usize> {
        let last = self.seen.sightings.len().checked_sub(1)?;
        let camera = *self.room.cameras(last + 1).last()?;
        let away = |thing: usize| {
            self.seen.clear(last, thing, self.canvas)?;
            Some(self.room.solids[thing].away(camera.eye))
        };
        let [one, other] = *about.first_chunk()?;
        let further = away(one)? - away(other)?;
        (further.abs() >= 0.6).then_some(usize::from(further > 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::camera::Path;
    use super::super::identity::{Identity, Tint};
    use super::super::solid::Solid;
    use super::*;

    /// Things on the floor as seen from above, before a camera in the south that looks north.
    fn room(at: &[[f64; 2]]) -> Room {
        let solid = |(at, tint): (&[f64; 2], Tint)| Solid {
            identity: Identity { form: Form::Ball, tint },
            at: *at,
            size: 0.4,
            yaw: 0.0,
        };
        Room {
            walls: [[220; 3]; 4],
            floor: [[150; 3]; 2],
            path: Path::Orbit { start: -90.0, turn: 0.0, radius: 3.3, height: 1.7 },
            solids: at.iter().zip(Tint::ALL).map(solid).collect(),
        }
    }

    fn answer(at: &[[f64; 2]], kind: Kind) -> Option<String> {
        let room = room(at);
        let seen = Seen::of(&room, 2, 84);
        let about: Vec<usize> = (0..at.len()).collect();
        let turn = Asked { room: &room, seen: &seen, canvas: 84 }.turn(kind, End::First, &about)?;
        Some(turn.answer().to_owned())
    }

    #[test]
    fn left_and_right_are_of_who_stands_there() {
        // Standing in the middle, facing north: west is left, east is right, south is back.
        let facing_north = |asked| [[0.0, 0.0], [0.0, 1.0], asked];
        let at = |asked, kind| answer(&facing_north(asked), kind);
        assert_eq!(at([-1.0, 0.0], Kind::Direction).as_deref(), Some("left"));
        assert_eq!(at([1.0, -1.0], Kind::Direction).as_deref(), Some("right"));
        assert_eq!(at([0.1, -1.0], Kind::Direction), None, "almost straight back");
        assert_eq!(at([0.1, -1.0], Kind::Bearing).as_deref(), Some("back"));
        assert_eq!(at([1.0, 0.3], Kind::Bearing).as_deref(), Some("right"));
        assert_eq!(at([1.0, -1.0], Kind::Bearing), None, "on the diagonal");
        // Facing south, west is to the right.
        assert_eq!(answer(&[[0.0, 0.0], [0.0, -1.0], [-1.0, 0.0]], Kind::Direction).as_deref(), Some("right"));
    }

    #[test]
    fn distances_are_on_the_floor_and_clear() {
        let at = |second| answer(&[[0.0, 0.0], [1.0, 0.0], second, [0.0, -2.0]], Kind::Distance);
        assert_eq!(at([0.0, 1.5]).as_deref(), Some("green"));
        assert_eq!(at([0.0, 1.2]), None);
    }

    #[test]
    fn one_image_tells_side_and_nearer() {
        assert_eq!(answer(&[[-1.0, 0.0], [1.0, 0.5]], Kind::Side).as_deref(), Some("red"));
        assert_eq!(answer(&[[0.1, 0.0], [-0.1, 1.5]], Kind::Side), None);
        assert_eq!(answer(&[[-0.9, 1.0], [0.7, -0.5]], Kind::Nearer).as_deref(), Some("green"));
    }

    #[test]
    fn what_a_turning_camera_meets_first_appears_first() {
        // It begins towards the east and turns north, then west.
        let path = Path::Turn { at: [0.0, 0.0], start: 0.0, turn: 180.0, height: 1.3 };
        let room = Room { path, ..room(&[[0.0, 2.0], [2.2, 0.0], [-2.0, 0.5]]) };
        let seen = Seen::of(&room, 8, 84);
        let asked = Asked { room: &room, seen: &seen, canvas: 84 };
        let at = |end| asked.turn(Kind::Order, end, &[0, 1, 2]).map(|turn| turn.answer().to_owned());
        assert_eq!((at(End::First).as_deref(), at(End::Last).as_deref()), (Some("green"), Some("blue")));
        assert!(seen.all_clear(84));
    }

    #[test]
    fn numbers_are_counted() {
        let room = room(&[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]);
        let seen = Seen::of(&room, 1, 84);
        let asked = Asked { room: &room, seen: &seen, canvas: 84 };
        assert_eq!(asked.count(Form::Ball).unwrap().answer(), "three");
        assert_eq!(asked.count(Form::Box), None);
    }
}
