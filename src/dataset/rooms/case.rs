//! One set of a test: the same question about rooms that differ in nothing but which thing stands where, so that every answer
//! is right once. A question's text thus tells nothing about its answer.

use super::furnish::{draw, draw_counted};
use super::identity::{Form, Identity};
use super::layout::{Layout, Motion, Seen};
use super::question::{End, Kind, Turn};
use super::room::Room;
use super::truth::Asked;
use super::{Split, spec::Spec};
use crate::dataset::scenes::Dice;

/// Things in every room.
pub(super) const THINGS: usize = 5;

/// How often roles are dealt out anew before another room is drawn.
const DEALS: usize = 60;

/// Rooms, their questions and what is seen of them; the texts are equal, the answers are all the options.
pub(super) type Case = Vec<(Room, Turn, Seen)>;

impl Spec {
    /// Set `index` of a kind; a pure function of both and the dice.
    pub(super) fn case(&self, dice: &mut Dice, kind: Kind, index: u64, split: Split) -> Case {
        // As many of either motion, and of either end; a camera that goes round sees everything at once.
        let motion = match kind {
            Kind::Order => Motion::Turn,
            _ if (index / self.splits.len() as u64).is_multiple_of(2) => Motion::Orbit,
            _ => Motion::Turn,
        };
        let end = End::ALL[(index / self.splits.len() as u64 % 2) as usize];
        loop {
            let layout = Layout::draw(dice, THINGS, motion);
            let case = match kind {
                Kind::Count => self.counted(dice, &layout),
                _ => self.rotated(dice, &layout, kind, end, split),
            };
            if let Some(case) = case {
                return case;
            }
        }
    }

    /// The same room with one to four of a form.
    fn counted(&self, dice: &mut Dice, layout: &Layout) -> Option<Case> {
        let form = dice.pick(&Form::ALL);
        let mut order: Vec<usize> = (0..THINGS).collect();
        dice.shuffle(&mut order);
        let room = |drawn: Vec<Identity>| {
            let room = layout.furnished(&order.iter().map(|&at| drawn[at]).collect::<Vec<_>>());
            let seen = self.seen(&room)?;
            let turn = Asked { room: &room, seen: &seen, canvas: self.canvas }.count(form)?;
            Some((room, turn, seen))
        };
        draw_counted(dice, THINGS, form).into_iter().skip(1).take(THINGS - 1).map(room).collect()
    }

    /// The same room as often as there are answers, things exchanging places in a circle.
    fn rotated(&self, dice: &mut Dice, layout: &Layout, kind: Kind, end: End, split: Split) -> Option<Case> {
        let identities = draw(dice, THINGS, split)?;
        let room = layout.furnished(&identities);
        // Directions and distances on the floor do not depend on what is seen; the room is then looked at last.
        let on_the_floor = matches!(kind, Kind::Direction | Kind::Bearing | Kind::Distance);
        let seen = if on_the_floor { Seen::nothing() } else { self.seen(&room)? };
        for _ in 0..DEALS {
            let mut places: Vec<usize> = (0..THINGS).collect();
            dice.shuffle(&mut places);
            let (moving, mut about) = roles(kind, &places);
            // What a question lists, it lists in any order.
            let listed = usize::from(kind == Kind::Distance);
            if matches!(kind, Kind::Distance | Kind::Order | Kind::Side | Kind::Nearer) {
                dice.shuffle(&mut about[listed..]);
            }
            let asked = Asked { room: &room, seen: &seen, canvas: self.canvas };
            let Some(first) = asked.turn(kind, end, &about) else { continue };
            let mut golds = vec![first.gold];
            let mut case = Vec::new();
            for by in 0..moving.len() {
                let (room, about) = turned(layout, &identities, moving, by, &about);
                let known = if on_the_floor { Some(Seen::nothing()) } else { self.seen(&room) };
                let Some(seen) = known else { break };
                let Some(turn) = (Asked { room: &room, seen: &seen, canvas: self.canvas }).turn(kind, end, &about)
                else {
                    break;
                };
                if by > 0 && golds.contains(&turn.gold) {
                    break;
                }
                golds.push(turn.gold);
                case.push((room, turn, seen));
            }
            if case.len() < first.options.len() {
                continue;
            }
            if !on_the_floor {
                return Some(case);
            }
            let looked_at = |(room, turn, _)| self.seen(&room).map(|seen| (room, turn, seen));
            if let Some(case) = case.into_iter().map(looked_at).collect() {
                return Some(case);
            }
        }
        None
    }

    /// What is seen of a room in which everything can be seen.
    fn seen(&self, room: &Room) -> Option<Seen> {
        let seen = Seen::of(room, self.frames, self.canvas);
        seen.all_clear(self.canvas).then_some(seen)
    }
}

/// The room in which the thing at each of the `moving` places stands at the one `by` further, and where it then is that the
/// question is about.
fn turned(
    layout: &Layout,
    identities: &[Identity],
    moving: &[usize],
    by: usize,
    about: &[usize],
) -> (Room, Vec<usize>) {
    let to = |place: usize| match moving.iter().position(|known| *known == place) {
        Some(at) => moving[(at + by) % moving.len()],
        None => place,
    };
    let mut moved = identities.to_vec();
    (0..identities.len()).for_each(|place| moved[to(place)] = identities[place]);
    (layout.furnished(&moved), about.iter().map(|&place| to(place)).collect())
}

/// Which places exchange their things, and what is asked about, of places in random order.
fn roles(kind: Kind, places: &[usize]) -> (&[usize], Vec<usize>) {
    match kind {
        Kind::Direction => (&places[2..4], places[..3].to_vec()),
        Kind::Bearing => (&places[2..5], places[..3].to_vec()),
        Kind::Distance => (&places[1..4], places[..4].to_vec()),
        Kind::Order => (&places[..3], places[..3].to_vec()),
        Kind::Side | Kind::Nearer | Kind::Form | Kind::Count => (&places[..2], places[..2].to_vec()),
    }
}
