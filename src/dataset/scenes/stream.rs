//! The training stream: endless images with several questions each. Sample `index` of a seed is always the same, so any
//! thread can make any of them, and a resumed training sees what an unbroken one would have seen.

use super::background::{self, Background};
use super::dice::{Dice, Purpose};
use super::identity::Identity;
use super::mix::{ImageWeights, Mix, References};
use super::pairs::{self, Geometry};
use super::question::{self, Coordinate};
use super::relation::{Axis, Relation};
use super::rows::{self, Flavour, Place};
use super::scene::{Entity, Scene};
use crate::error::Result;
use image::RgbImage;

/// Side of every training image in pixels.
pub const CANVAS: u32 = 128;

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Pairs: where one object is in relation to the other.
    Relation,
    /// The colour of a shape, or the shape of a colour.
    Identity,
    /// The column or row of the 8 x 8 grid that holds an object's centre.
    Location,
    /// Rows: the colour of what is next to another entity.
    Neighbour,
}

/// One question and its answer, a single word.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub question: String,
    pub answer: String,
    pub kind: Kind,
    /// Of [`Kind::Relation`] and [`Kind::Neighbour`].
    pub relation: Option<Relation>,
}

/// An image and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What the image shows.
    pub scene: Scene,
    /// 128 x 128 pixels.
    pub image: RgbImage,
    /// All different, in random order.
    pub turns: Vec<Turn>,
}

/// An endless, seeded supply of [`Sample`]s.
#[derive(Clone, Debug)]
pub struct Stream {
    mix: Mix,
    seed: u64,
    identities: Vec<Identity>,
    geometry: Geometry,
}

impl Stream {
    /// Fails where the mix makes no sense.
    pub fn new(mix: &Mix, seed: u64) -> Result<Self> {
        mix.check()?;
        Ok(Self { seed, identities: mix.split.identities(), geometry: mix.geometry(), mix: mix.clone() })
    }

    /// Sample `index`: a pure function of the mix, the seed and the index.
    pub fn sample(&self, index: u64) -> Sample {
        let dice = &mut Dice::new(Purpose::Training, self.seed, index);
        let ImageWeights { single, pairs, rows } = self.mix.images;
        let (scene, candidates, count) = match dice.weighted([single, pairs, rows].into_iter()) {
            Some(1) => self.pair(dice),
            Some(2) => self.row(dice),
            _ => self.single(dice),
        };
        let turns = self.choose(dice, candidates, count);
        Sample { image: scene.render(), scene, turns }
    }

    fn single(&self, dice: &mut Dice) -> (Scene, Vec<Turn>, usize) {
        let size = self.geometry.draw_size(dice);
        let centre = self.geometry.draw_centre(dice, size);
        let entity = Entity { identity: dice.pick(&self.identities), centre, size };
        let background = Background::draw(dice, &background::Kind::VARIED);
        let scene = Scene { canvas: CANVAS, background, entities: vec![entity] };
        let candidates = easy(&scene);
        (scene, candidates, self.mix.questions.single)
    }

    fn pair(&self, dice: &mut Dice) -> (Scene, Vec<Turn>, usize) {
        let axis = if dice.chance(self.mix.vertical) { Axis::Vertical } else { Axis::Horizontal };
        let relation = dice.pick(&axis.relations());
        let identities = pairs::draw_identities(dice, &self.identities, self.mix.sharing);
        let sizes = [self.geometry.draw_size(dice), self.geometry.draw_size(dice)];
        let layout = pairs::draw_layout(dice, &self.geometry, sizes);
        let background = Background::draw(dice, &background::Kind::VARIED);
        let scene = pairs::arrange(&self.geometry, background, identities, sizes, layout, relation);
        let [first, second] = identities;
        let ask = |first, second, relation: Relation| Turn {
            question: question::relation(first, second),
            answer: relation.word().to_owned(),
            kind: Kind::Relation,
            relation: Some(relation),
        };
        let mut candidates = easy(&scene);
        candidates.extend([ask(first, second, relation), ask(second, first, relation.opposite())]);
        (scene, candidates, self.mix.questions.pairs)
    }

    fn row(&self, dice: &mut Dice) -> (Scene, Vec<Turn>, usize) {
        let flavour = if dice.chance(self.mix.squares) { Flavour::Squares } else { Flavour::Shapes };
        let triple = rows::draw_triple(dice, flavour, self.mix.split);
        let place = Place::draw(dice);
        let scene = place.arrange(CANVAS as i32, rows::SIZE, triple);
        let neighbours = rows::neighbours(place.axis);
        let asked = match self.mix.references {
            References::Middle => &neighbours[..2],
            References::Any => &neighbours[..],
        };
        let mut candidates = easy(&scene);
        candidates.extend(asked.iter().map(|&(asked, direction, reference)| Turn {
            question: question::neighbour(flavour, direction, triple[reference]),
            answer: triple[asked].colour.word().to_owned(),
            kind: Kind::Neighbour,
            relation: Some(direction),
        }));
        (scene, candidates, self.mix.questions.rows)
    }

    /// `count` of the candidates by the weights of their kinds, none twice, in the order drawn.
    fn choose(&self, dice: &mut Dice, mut candidates: Vec<Turn>, count: usize) -> Vec<Turn> {
        let kinds = self.mix.kinds;
        let weight = |turn: &Turn| match turn.kind {
            Kind::Relation => kinds.relation,
            Kind::Identity => kinds.identity,
            Kind::Location => kinds.location,
            Kind::Neighbour => kinds.neighbour,
        };
        let mut turns = Vec::with_capacity(count);
        while turns.len() < count {
            let Some(index) = dice.weighted(candidates.iter().map(weight)) else { break };
            turns.push(candidates.swap_remove(index));
        }
        dice.shuffle(&mut turns);
        turns
    }
}

/// Identity and location questions, only those with one answer; no shape is asked for where all have the same.
fn easy(scene: &Scene) -> Vec<Turn> {
    let turn = |question, answer: &str, kind| Turn { question, answer: answer.to_owned(), kind, relation: None };
    let mut turns = Vec::new();
    let same_shape = scene.entities.windows(2).all(|two| two[0].identity.shape == two[1].identity.shape);
    for Entity { identity, centre, .. } in &scene.entities {
        let alone = |alike: &dyn Fn(&Identity) -> bool| {
            scene.entities.iter().filter(|entity| alike(&entity.identity)).count() == 1
        };
        if alone(&|other| other.shape == identity.shape) {
            turns.push(turn(question::colour_of(identity.shape), identity.colour.word(), Kind::Identity));
        }
        if (scene.entities.len() == 1 || !same_shape) && alone(&|other| other.colour == identity.colour) {
            turns.push(turn(question::shape_of(identity.colour), identity.shape.word(), Kind::Identity));
        }
        for (coordinate, place) in [(Coordinate::Column, centre.x), (Coordinate::Row, centre.y)] {
            let number = question::NUMBERS[place as usize * question::NUMBERS.len() / scene.canvas as usize];
            turns.push(turn(question::location(*identity, coordinate), number, Kind::Location));
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::super::question::vocabulary;
    use super::super::{HELD_OUT, Split, Triple, held_out};
    use super::*;

    fn mix() -> Mix {
        Mix { images: ImageWeights { single: 1.0, pairs: 1.0, rows: 1.0 }, ..Mix::default() }
    }

    fn stream() -> Stream {
        Stream::new(&mix(), 7).unwrap()
    }

    #[test]
    fn a_sample_depends_on_seed_and_index_only() {
        let later = stream();
        for index in (0..20).rev() {
            later.sample(index);
        }
        assert_eq!(stream().sample(3), later.sample(3));
        assert_ne!(stream().sample(3), stream().sample(4));
        assert_ne!(stream().sample(3), Stream::new(&mix(), 8).unwrap().sample(3));
    }

    /// A shipped recipe means the same samples for ever. A deliberate change of the stream changes this.
    #[test]
    fn the_stream_is_the_same_to_the_byte() {
        let mut hasher = blake3::Hasher::new();
        for index in 0..300 {
            let Sample { image, turns, .. } = stream().sample(index);
            hasher.update(image.as_raw());
            turns.iter().for_each(|turn| _ = hasher.update(format!("{} {}", turn.question, turn.answer).as_bytes()));
        }
        assert_eq!(
            hasher.finalize().to_hex().as_str(),
            "f44a3cc0b49cb7fb9b76ee79bb649ae6cbe6d2a3de9a93c2126a02082ff31bd8"
        );
    }

    #[test]
    fn nothing_held_out_is_shown_or_asked_about_in_ten_thousand_samples() {
        let stream = stream();
        let names: Vec<String> = HELD_OUT.iter().map(|identity| identity.to_string()).collect();
        let triples: HashSet<_> = Flavour::ALL.iter().flat_map(|flavour| held_out(*flavour)).copied().collect();
        for index in 0..10_000 {
            let sample = stream.sample(index);
            let shown: Vec<_> = sample.scene.entities.iter().map(|entity| entity.identity).collect();
            assert!(!shown.iter().any(|identity| HELD_OUT.contains(identity)), "sample {index}: {shown:?}");
            assert!(!shown.try_into().is_ok_and(|triple: Triple| triples.contains(&triple)), "sample {index}");
            for turn in &sample.turns {
                assert!(!names.iter().any(|name| turn.question.contains(name)), "sample {index}: {}", turn.question);
            }
        }
    }

    #[test]
    fn the_other_side_of_the_wall_shows_only_what_is_held_out() {
        let stream = Stream::new(&Mix { split: Split::HeldOut, ..mix() }, 7).unwrap();
        for index in 0..500 {
            let shown: Vec<_> = stream.sample(index).scene.entities.iter().map(|entity| entity.identity).collect();
            match Triple::try_from(shown) {
                Ok(triple) => assert!(Flavour::ALL.iter().any(|flavour| held_out(*flavour).contains(&triple))),
                Err(shown) => assert!(shown.iter().all(|identity| HELD_OUT.contains(identity)), "{shown:?}"),
            }
        }
    }

    #[test]
    fn shares_and_answers_come_out_as_asked() {
        let (stream, n) = (stream(), 6000);
        let mut images = HashMap::new();
        let mut relations = HashMap::new();
        for index in 0..n {
            let sample = stream.sample(index);
            *images.entry(sample.scene.entities.len()).or_insert(0) += 1;
            for turn in sample.turns.iter().filter(|turn| turn.kind == Kind::Relation) {
                *relations.entry(turn.answer.clone()).or_insert(0) += 1;
            }
        }
        assert!(images.values().all(|count| (1850..2150).contains(count)), "{images:?}");
        let vertical = f64::from(relations["above"] + relations["below"]);
        let share = vertical / f64::from(relations.values().sum::<i32>());
        assert!((share - 0.125).abs() < 0.02, "{share}");
        assert!((f64::from(relations["left"]) / f64::from(relations["right"]) - 1.0).abs() < 0.1, "{relations:?}");
    }

    #[test]
    fn answers_are_true_of_the_scene() {
        let stream = stream();
        let mut seen = HashSet::new();
        for index in 0..2000 {
            let Sample { scene, turns, .. } = stream.sample(index);
            let named = |text: &str| scene.entities.iter().find(|entity| text.ends_with(&entity.identity.to_string()));
            for turn in turns {
                let question = turn.question.trim_end_matches('?');
                seen.insert(turn.kind);
                match turn.kind {
                    Kind::Relation => {
                        let question = question.strip_prefix("Where is the ").unwrap();
                        let (first, rest) = question.split_once(" in relation to the ").unwrap();
                        let (first, second) = (named(first).unwrap(), named(rest.split_once('?').unwrap().0).unwrap());
                        let (dx, dy) = (first.centre.x - second.centre.x, first.centre.y - second.centre.y);
                        let relation = match (dx.abs() > dy.abs(), dx < 0, dy < 0) {
                            (true, true, _) => "left",
                            (true, false, _) => "right",
                            (false, _, true) => "above",
                            (false, _, false) => "below",
                        };
                        assert_eq!(turn.answer, relation);
                    }
                    Kind::Neighbour => {
                        let reference = named(question).unwrap().centre;
                        let (dx, dy) = match turn.relation.unwrap() {
                            Relation::Left => (-32, 0),
                            Relation::Right => (32, 0),
                            Relation::Above => (0, -32),
                            Relation::Below => (0, 32),
                        };
                        let at = |entity: &&Entity| {
                            (entity.centre.x, entity.centre.y) == (reference.x + dx, reference.y + dy)
                        };
                        assert_eq!(turn.answer, scene.entities.iter().find(at).unwrap().identity.colour.word());
                    }
                    Kind::Identity => {
                        let fits = |entity: &&Entity| {
                            let Identity { shape, colour } = entity.identity;
                            let (shape, colour) = (shape.word(), colour.word());
                            question.ends_with(shape) && turn.answer == colour
                                || question.contains(&format!("{colour} ")) && turn.answer == shape
                        };
                        assert_eq!(scene.entities.iter().filter(fits).count(), 1, "{question}");
                    }
                    Kind::Location => {
                        let name = question.trim_end_matches(" in");
                        let centre = named(name).unwrap().centre;
                        let place = if question.contains("column") { centre.x } else { centre.y };
                        assert_eq!(turn.answer, question::NUMBERS[place as usize / 16]);
                    }
                }
            }
        }
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn every_word_is_in_the_vocabulary_and_no_question_comes_twice() {
        let vocabulary: HashSet<String> = vocabulary().into_iter().collect();
        let stream = stream();
        for index in 0..2000 {
            let turns = stream.sample(index).turns;
            assert_eq!(turns.len(), turns.iter().map(|turn| &turn.question).collect::<HashSet<_>>().len());
            for Turn { question, answer, .. } in &turns {
                let known = |token: &&str| vocabulary.contains(*token);
                assert!(question::tokens(question).iter().chain([&answer.as_str()]).all(known), "{question} {answer}");
            }
        }
    }
}
