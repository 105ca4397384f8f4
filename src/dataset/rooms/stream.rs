//! The training stream: endless videos of rooms with several questions each. Sample `index` of a seed is always the same, so
//! any thread can make any of them, and a resumed training sees what an unbroken one would have seen.

use image::RgbImage;

use super::identity::{Form, Identity};
use super::layout::{Layout, Motion, Seen};
use super::mix::Mix;
use super::question::{End, Kind, Turn};
use super::room::Room;
use super::truth::Asked;
use super::{Split, furnish};
use crate::dataset::scenes::{Dice, Purpose};
use crate::error::Result;

/// A video and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub room: Room,
    pub frames: Vec<RgbImage>,
    /// All different, in random order.
    pub turns: Vec<Turn>,
}

/// An endless, seeded supply of [`Sample`]s.
#[derive(Clone, Debug)]
pub struct Stream {
    mix: Mix,
    seed: u64,
}

impl Stream {
    /// Fails where the mix makes no sense.
    pub fn new(mix: &Mix, seed: u64) -> Result<Self> {
        mix.check()?;
        Ok(Self { mix: mix.clone(), seed })
    }

    /// Sample `index`: a pure function of the mix, the seed and the index.
    pub fn sample(&self, index: u64) -> Sample {
        let (room, turns) = self.asked(index);
        Sample { frames: room.render(self.mix.frames, self.mix.canvas), room, turns }
    }

    /// The same without its pixels.
    pub fn asked(&self, index: u64) -> (Room, Vec<Turn>) {
        let dice = &mut Dice::new(Purpose::RoomsTraining, self.seed, index);
        let [least, most] = self.mix.things;
        let things = least + dice.below(most - least + 1);
        let motion = if dice.chance(self.mix.turning) { Motion::Turn } else { Motion::Orbit };
        let (identities, counted) = self.identities(dice, things);
        // What is shown is decided before it is known whether all of it can be seen, so that no count is rarer than another.
        let (room, seen) = loop {
            let room = Layout::draw(dice, things, motion).furnished(&identities);
            let seen = Seen::of(&room, self.mix.frames, self.mix.canvas);
            if seen.all_clear(self.mix.canvas) {
                break (room, seen);
            }
        };
        let asked = Asked { room: &room, seen: &seen, canvas: self.mix.canvas };
        let turns = self.turns(dice, asked, counted);
        (room, turns)
    }

    /// The things, and the form whose number was drawn.
    fn identities(&self, dice: &mut Dice, things: usize) -> (Vec<Identity>, Option<Form>) {
        if self.mix.split == Split::HeldOut {
            return (furnish::draw(dice, things, Split::HeldOut).unwrap_or_default(), None);
        }
        let form = dice.pick(&Form::ALL);
        let count = 1 + dice.below(4);
        let mut identities = furnish::draw_counted(dice, things, form).swap_remove(count);
        dice.shuffle(&mut identities);
        (identities, Some(form))
    }

    fn turns(&self, dice: &mut Dice, asked: Asked, counted: Option<Form>) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        // Not every draw is a question: a kind may have nothing clear to ask here.
        for _ in 0..8 * self.mix.questions {
            let Some(kind) = dice.weighted(Kind::ALL.iter().map(|kind| self.mix.kinds.of(*kind))) else { break };
            let turn = match (Kind::ALL[kind], counted) {
                (Kind::Count, Some(form)) => asked.count(form),
                (Kind::Count, None) => None,
                (kind @ (Kind::Direction | Kind::Bearing), _) => one_of_each(dice, asked, kind),
                (kind, _) => {
                    let mut about: Vec<usize> = (0..asked.room.solids.len()).collect();
                    dice.shuffle(&mut about);
                    about.truncate(named(kind));
                    let end = dice.pick(&End::ALL);
                    asked.turn(kind, end, &about)
                }
            };
            turns.extend(turn.filter(|turn| turns.iter().all(|known| known.question != turn.question)));
            if turns.len() == self.mix.questions {
                break;
            }
        }
        turns
    }
}

/// How many things a question names.
fn named(kind: Kind) -> usize {
    match kind {
        Kind::Direction | Kind::Bearing | Kind::Order => 3,
        Kind::Distance => 4,
        Kind::Side | Kind::Nearer => 2,
        Kind::Form => 1,
        Kind::Count => 0,
    }
}

/// A question whose answer is drawn first, so that none is more frequent; nothing where one answer is not to be had.
fn one_of_each(dice: &mut Dice, asked: Asked, kind: Kind) -> Option<Turn> {
    let things = asked.room.solids.len();
    let triples = (0..things)
        .flat_map(|by| (0..things).flat_map(move |facing| (0..things).map(move |about| [by, facing, about])));
    let different = |[by, facing, about]: &[usize; 3]| by != facing && by != about && facing != about;
    let all: Vec<Turn> = triples.filter(different).filter_map(|about| asked.turn(kind, End::First, &about)).collect();
    let options = all.first()?.options.len();
    let gold = dice.below(options);
    let of = |gold: usize| all.iter().filter(move |turn| turn.gold == gold).collect::<Vec<_>>();
    if (0..options).any(|gold| of(gold).is_empty()) {
        return None;
    }
    Some(dice.pick(&of(gold)).clone())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::identity::HELD_OUT;
    use super::super::question::vocabulary;
    use super::*;
    use crate::dataset::scenes::tokens;

    fn stream() -> Stream {
        Stream::new(&Mix::default(), 7).unwrap()
    }

    #[test]
    fn a_sample_depends_on_seed_and_index_only() {
        let later = stream();
        later.sample(4);
        let sample = later.sample(3);
        assert_eq!(stream().sample(3), sample);
        assert_ne!(stream().sample(4), sample);
        assert_ne!(Stream::new(&Mix::default(), 8).unwrap().sample(3), sample);
        assert_eq!((sample.frames.len(), sample.frames[0].dimensions(), sample.turns.len()), (8, (84, 84), 8));
    }

    #[test]
    fn answers_are_balanced_and_words_are_known() {
        let (stream, vocabulary) = (stream(), vocabulary());
        let mut answers: HashMap<(Kind, usize), f64> = HashMap::new();
        for index in 0..700 {
            let (room, turns) = stream.asked(index);
            assert!(room.solids.iter().all(|solid| !HELD_OUT.contains(&solid.identity)));
            assert_eq!(turns.len(), turns.iter().map(|turn| &turn.question).collect::<HashSet<_>>().len());
            for turn in turns {
                for word in tokens(&turn.question).into_iter().chain([turn.answer()]) {
                    assert!(vocabulary.iter().any(|known| known == word), "{word}");
                }
                *answers.entry((turn.kind, turn.gold)).or_default() += 1.0;
            }
        }
        for kind in Kind::ALL {
            let counts: Vec<f64> = (0..4).filter_map(|gold| answers.get(&(kind, gold)).copied()).collect();
            let (n, k) = (counts.iter().sum::<f64>(), counts.len() as f64);
            // Four standard deviations, and a little for what is not quite independent within a room.
            let slack = 5.0 * (n * (1.0 / k) * (1.0 - 1.0 / k)).sqrt();
            assert!(n > 150.0 && counts.iter().all(|count| (count - n / k).abs() < slack), "{kind}: {counts:?}");
        }
    }
}
